"""Fit the sound's clock to the camera's, from time stamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from capture.clock import ClockFit
from capture.sync.smooth import Lateness, fit_lateness
from capture.sync.stamps import Stamps

_ALIKE_S = 0.25e-3
"""Clocks that never part by more run alike."""
_DETAIL_S = 2e-5
"""Knots of the wander that matter less are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFit:
    """A clock fit and how good it is.

    Attributes:
        clock: The fit.
        error_s: Standard error of the moved times at its largest, a constant lateness apart.
        jitter_s: Standard deviation of the arrivals of images and of sound.
        outlier_share: Share of arrivals that were not believed: the larger of the two.
        jumps: Camera time, and by how much the sound falls behind there, of each jump of either
            clock: positive where sound was lost or the camera's clock ran ahead.
    """

    clock: ClockFit
    error_s: float
    jitter_s: tuple[float, float]
    outlier_share: float
    jumps: tuple[tuple[float, float], ...]


def fit_clocks(camera: Stamps, sound: Stamps) -> SyncFit:
    """Fit the sound's clock to the camera's through the computer's.

    Both clocks may drift, wander slowly and jump; arrivals may jitter by milliseconds and now and
    then be far off. An hour of 15 images and 50 blocks of sound a second that jitter by 5 ms comes
    out within 1 ms.

    Args:
        camera: Arrivals of images.
        sound: Arrivals of blocks of sound.

    Raises:
        ValueError: The computer's clock jumps back, so that arrivals before and after cannot be
            put in order.
    """
    camera_fit, sound_fit = fit_lateness(camera), fit_lateness(sound)
    camera_host, sound_host = _host_times(camera_fit), _host_times(sound_fit)
    # Where either line bends, in camera time; in between the composition is straight enough.
    bends = np.concatenate(
        [camera_fit.clock_s, _through(sound_host, camera_host, camera_fit.clock_s)]
    )
    first, last = camera.clock_s[0], camera.clock_s[-1]
    knots = np.unique(np.clip(bends, first, last))
    sound_s = _through(_through(knots, camera_fit.clock_s, camera_host), sound_host,
                       sound_fit.clock_s)  # fmt: skip
    sound_jumps = [
        (float(_through(np.array([at + late]), camera_host, camera_fit.clock_s)[0]), height)
        for (at, height), late in zip(sound_fit.jumps, _late_at_jumps(sound_fit), strict=True)
    ]
    camera_jumps = [(at, -height) for at, height in camera_fit.jumps]
    return SyncFit(
        clock=_clock(knots, sound_s),
        error_s=float(np.hypot(camera_fit.error_s, sound_fit.error_s)),
        jitter_s=(camera_fit.jitter_s, sound_fit.jitter_s),
        outlier_share=max(camera_fit.outlier_share, sound_fit.outlier_share),
        jumps=tuple(sorted(camera_jumps + sound_jumps)),
    )


def fit_times(
    camera_times_s: Float[np.ndarray, "N"], sound_times_s: Float[np.ndarray, "N"]
) -> ClockFit:
    """Fit the sound's clock to stamps of the camera's, as blocks of sound in a recording have.

    Args:
        camera_times_s: When each block began, by the camera's clock.
        sound_times_s: Samples before each block, over the rate.

    Raises:
        ValueError: There is no pair, or a time is not finite.
    """
    stamps = Stamps(clock_s=np.asarray(sound_times_s), host_s=np.asarray(camera_times_s))
    fit = fit_lateness(stamps)
    return _clock(_host_times(fit), fit.clock_s)


def _host_times(fit: Lateness) -> Float64[np.ndarray, "K"]:
    host = fit.clock_s + fit.late_s
    backwards = np.flatnonzero(np.diff(host) <= 0)
    if len(backwards):
        before, after = host[backwards[0]], host[backwards[0] + 1]
        raise ValueError(
            f"the time of arrival jumps back from {before:.3f} s to {after:.3f} s: stamp with a "
            "monotonic clock."
        )
    return host


def _late_at_jumps(fit: Lateness) -> list[float]:
    return [float(fit.late_s[np.searchsorted(fit.clock_s, at)]) for at, _ in fit.jumps]


def _through(
    times: np.ndarray, given: np.ndarray, wanted: np.ndarray
) -> Float64[np.ndarray, "times"]:
    """Map times piecewise straight from `given` to `wanted`, straight on beyond both ends."""
    if len(given) == 1:
        return wanted[0] + (times - given[0])
    mapped = np.interp(times, given, wanted)
    below, above = times < given[0], times > given[-1]
    head = (wanted[1] - wanted[0]) / (given[1] - given[0])
    tail = (wanted[-1] - wanted[-2]) / (given[-1] - given[-2])
    mapped[below] = wanted[0] + (times[below] - given[0]) * head
    mapped[above] = wanted[-1] + (times[above] - given[-1]) * tail
    return mapped


def _clock(camera_s: np.ndarray, sound_s: np.ndarray) -> ClockFit:
    """Return the line through knots, and what it leaves as wander."""
    difference = sound_s - camera_s
    middle = float(np.median(difference))
    if np.abs(difference - middle).max() < _ALIKE_S:
        return ClockFit(offset_s=_rounded(middle))
    # Medians over time, so that a jump bends no line.
    apart = np.diff(camera_s)
    drift = round(_weighted_median(np.diff(difference) / apart, apart), 11)
    left = difference - drift * camera_s
    offset = _rounded(_weighted_median((left[1:] + left[:-1]) / 2, apart))
    left -= offset
    if np.abs(left).max() < _ALIKE_S:
        return ClockFit(offset_s=offset, drift=drift)
    kept = _corners(camera_s, left)
    wander = tuple((round(float(camera_s[i]), 3), _rounded(float(left[i]))) for i in kept)
    return ClockFit(offset_s=offset, drift=drift, wander=wander)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])


def _rounded(seconds: float) -> float:
    return round(seconds, 6) + 0.0


def _corners(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Return the knots that a polyline keeps. Source: Douglas and Peucker, 1973."""
    kept, open_spans = {0, len(x) - 1}, [(0, len(x) - 1)]
    while open_spans:
        low, high = open_spans.pop()
        if high - low < 2:
            continue
        between = slice(low + 1, high)
        miss = np.abs(y[between] - np.interp(x[between], x[[low, high]], y[[low, high]]))
        worst = int(np.argmax(miss))
        if miss[worst] > _DETAIL_S:
            middle = low + 1 + worst
            kept.add(middle)
            open_spans += [(low, middle), (middle, high)]
    return sorted(kept)
