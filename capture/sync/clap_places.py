"""Find where claps were, in depth images: where two hands met when a clap was heard.

Whatever is near for a moment, and neither shortly before nor shortly after, is hands that meet, and
the arms behind them. Where the hands were when they were open shows as what left that moment: two
places, one on each side. What is near about the plane in the middle between them are the hands
alone. A camera sees their near side; their middle lies half a hand's breadth behind.

Images may be later or earlier than the sound by a few tenths of a second, all by the same: each
clap votes for where it is seen best.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt16
from scipy import ndimage

from capture.errors import DataError
from capture.sync.onsets import find_onsets

if TYPE_CHECKING:
    from capture.take import Take

_SEARCH_S = 0.3
_BEFORE_S, _AFTER_S = (-0.45, -0.14), (0.24, 0.55)
"""When hands are open before and after they meet."""
_LEAST_OPEN = 2
_NEARER_MM = 80.0
_JOINED_SHARE = 16
"""What is closer than this part of the image's width belongs together: both hands."""
_LARGEST_SIDE = 400
_LEAST_MET, _LEAST_LEFT, _LEAST_HANDS = 12, 16, 8
_REACH_M, _OPEN_REACH_M = 0.35, 0.5
_HALF_SLAB_M = 0.05
_LEAST_GAP_M = 0.28
"""Middles of what open hands and arms left; half of that where the view's edge cuts one off."""
_MOST_DEPTHWARD = 0.7
"""Cosine of the way from hand to hand with the line of sight, from which one hides the other."""
_MOST_ASIDE_M = 0.3
_HALF_HAND_M = 0.03
_NEARLY_BEST = 0.8
_VOTE_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedClap:
    """A clap whose place is known.

    Attributes:
        time_s: When it is heard.
        position_m: Where the hands met, in the depth camera's frame.
    """

    time_s: float
    position_m: Float64[np.ndarray, "3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClapPlaces:
    """Where the claps of a take were.

    Attributes:
        located: In the order of time.
        unseen_s: Of sudden sounds that no hands were seen to make.
        lag_s: About by how much images show claps later than they are heard; 0 where none is seen.
    """

    located: tuple[LocatedClap, ...]
    unseen_s: tuple[float, ...]
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meeting:
    """Hands that may have met in one image: how late that is, how large they are, and where."""

    late_s: float
    area: float
    position_m: Float64[np.ndarray, "3"]


def locate_claps(
    take: Take,
    near_s: Sequence[float] | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> ClapPlaces:
    """Find the claps of a take, and where the hands met.

    Args:
        take: With sound and depth images; images within 0.3 s of the sound (`capture.sync`).
        near_s: Take only the loudest sudden sound within 0.25 s of each of these times; None: all.
        progress: Called with the fraction done.

    Raises:
        DataError: The take has no sound or no depth images, nothing sudden is heard, or an image
            is broken.
    """
    report = progress or (lambda fraction: None)
    if take.calibration is None:
        raise DataError(
            f"{take.path}: has point clouds, no depth images, in which claps are located. Say "
            "where each clap was (--source, --at)."
        )
    onsets_s = _heard(take, near_s)
    seen: list[list[_Meeting]] = []
    for done, time_s in enumerate(onsets_s, start=1):
        seen.append(_meetings(take, time_s))
        report(done / len(onsets_s))
    lag_s, step_s = _common_lag(seen), float(np.median(np.diff(take.times_s)))
    within_s = max(0.04, 0.6 * step_s)
    located: list[LocatedClap] = []
    unseen: list[float] = []
    for time_s, meetings in zip(onsets_s, seen, strict=True):
        near = [one for one in meetings if abs(one.late_s - lag_s) <= within_s]
        if not near:
            unseen.append(time_s)
            continue
        largest = max(one.area for one in near)
        places = [one.position_m for one in near if one.area > _NEARLY_BEST * largest]
        located.append(LocatedClap(time_s=time_s, position_m=np.mean(places, axis=0)))
    return ClapPlaces(located=tuple(located), unseen_s=tuple(unseen), lag_s=lag_s)


def _heard(take: Take, near_s: Sequence[float] | None) -> list[float]:
    """Return when sudden sounds are heard."""
    spans = [(0.0, take.duration_s)]
    if near_s is not None:
        spans = [(max(0.0, at - 0.25), min(take.duration_s, at + 0.25)) for at in near_s]
    found: list[float] = []
    for start_s, stop_s in spans:
        onsets = find_onsets(
            lambda a, b: take.audio(a, b).samples[take.center_channel],
            take.sample_rate_hz,
            start_s,
            stop_s,
        )
        if near_s is not None:
            if not onsets:
                raise DataError(
                    f"{take.path}: nothing sudden is heard from {start_s:.2f} s to {stop_s:.2f} s. "
                    "Give the time of a clap in the sound."
                )
            onsets = [max(onsets, key=lambda onset: onset.level_db)]
        found += [onset.time_s for onset in onsets]
    return sorted(found)


def _meetings(take: Take, time_s: float) -> list[_Meeting]:
    """Return hands that may have met, of the images about a time."""
    assert take.calibration is not None
    margin_s = _SEARCH_S - _BEFORE_S[0]
    first, last = np.searchsorted(
        take.times_s, [time_s - margin_s, time_s + _SEARCH_S + _AFTER_S[1]]
    )
    images = [take.depth_mm(index) for index in range(int(first), int(last))]
    if not images:
        return []
    rays = take.calibration.depth_rays()
    step = max(1, round(max(rays.shape[:2]) / _LARGEST_SIDE))
    stack = np.stack([image[::step, ::step] for image in images if image is not None])
    late_s = take.times_s[first:last] - time_s
    rays = rays[::step, ::step]
    found: list[_Meeting] = []
    for image in np.flatnonzero(np.abs(late_s) <= _SEARCH_S):
        met = _met(late_s - late_s[image], stack, rays, int(image))
        if met is not None:
            area, place_m = met
            found.append(_Meeting(late_s=float(late_s[image]), area=area, position_m=place_m))
    return found


def _met(
    times_s: Float64[np.ndarray, "images"],
    depth_mm: UInt16[np.ndarray, "images rows columns"],
    rays: Float32[np.ndarray, "rows columns 3"],
    image: int,
) -> tuple[float, Float64[np.ndarray, "3"]] | None:
    """Return how large the hands are that met in an image, and where; None where none did."""
    opened = [
        np.flatnonzero((times_s > low) & (times_s < high)) for low, high in (_BEFORE_S, _AFTER_S)
    ]
    if min(len(rows) for rows in opened) < _LEAST_OPEN:
        return None
    before, after = (_usual(depth_mm[rows]) for rows in opened)
    now = _usual(depth_mm[image : image + 1])
    with np.errstate(invalid="ignore"):
        met = (now < before - _NEARER_MM) & (now < after - _NEARER_MM)
        left = (before < now - _NEARER_MM) | (after < now - _NEARER_MM)
    met, left = _without_specks(met), _without_specks(left)
    apart = max(3, depth_mm.shape[2] // _JOINED_SHARE)
    regions = np.zeros(met.shape, np.int32)
    ndimage.label(ndimage.maximum_filter(met | left, size=apart), output=regions)
    opened_mm = np.fmin(before, after)
    best: tuple[float, Float64[np.ndarray, "3"]] | None = None
    for number in np.unique(regions[met]):
        here = regions == number
        hands = _hands(_points(rays, now, met & here), _points(rays, opened_mm, left & here))
        if hands is None:
            continue
        area = len(hands) * float(np.median(hands[:, 2])) ** 2
        if best is None or area > best[0]:
            middle = np.median(hands, axis=0)
            best = (area, middle * (1 + _HALF_HAND_M / np.linalg.norm(middle)))
    return best


def _usual(depth_mm: UInt16[np.ndarray, "images rows columns"]) -> Float32[np.ndarray, "r c"]:
    """Return the median of images, NaN where none measured."""
    measured = np.where(depth_mm > 0, depth_mm, np.nan).astype(np.float32)
    if len(measured) == 1:
        return measured[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels that nothing measured
        return np.nanmedian(measured, axis=0)


def _without_specks(mask: Bool[np.ndarray, "r c"]) -> Bool[np.ndarray, "r c"]:
    opened = np.zeros(mask.shape, dtype=np.bool_)
    ndimage.binary_opening(mask, np.ones((2, 2)), output=opened)
    return opened


def _points(
    rays: Float32[np.ndarray, "r c 3"],
    depth_mm: Float32[np.ndarray, "r c"],
    mask: Bool[np.ndarray, "r c"],
) -> Float64[np.ndarray, "points 3"]:
    points = rays[mask].astype(np.float64) * (1e-3 * depth_mm[mask])[:, None]
    return points[np.isfinite(points).all(axis=1)]


def _hands(
    met_m: Float64[np.ndarray, "met 3"], left_m: Float64[np.ndarray, "left 3"]
) -> Float64[np.ndarray, "hands 3"] | None:
    """Return the points of closed hands: those about the plane between the open ones."""
    if len(met_m) < _LEAST_MET:
        return None
    middle = np.median(met_m, axis=0)
    met_m = met_m[np.linalg.norm(met_m - middle, axis=1) < _REACH_M]
    left_m = left_m[np.linalg.norm(left_m - middle, axis=1) < _OPEN_REACH_M]
    if len(left_m) < _LEAST_LEFT:
        return None
    between_m = left_m.mean(axis=0)
    across = np.linalg.svd(left_m - between_m, full_matrices=False)[2][0]
    gap_m = 0.0
    for _ in range(5):
        one = (left_m - between_m) @ across > 0
        if one.all() or not one.any():
            return None
        first, second = left_m[one].mean(axis=0), left_m[~one].mean(axis=0)
        between_m = (first + second) / 2
        gap_m = float(np.linalg.norm(first - second))
        across = (first - second) / max(gap_m, 1e-9)
    hands = met_m[np.abs((met_m - between_m) @ across) < _HALF_SLAB_M]
    if gap_m < _LEAST_GAP_M or len(hands) < _LEAST_HANDS:
        return None
    middle = np.median(hands, axis=0)
    depthward = abs(across @ middle) / np.linalg.norm(middle)
    aside_m = float(np.linalg.norm(middle - between_m))
    return None if depthward > _MOST_DEPTHWARD or aside_m > _MOST_ASIDE_M else hands


def _common_lag(seen: Sequence[Sequence[_Meeting]]) -> float:
    """Return the lag at which most claps are seen best."""
    if not any(seen):
        return 0.0
    lags = np.arange(-_SEARCH_S, _SEARCH_S + _VOTE_S, _VOTE_S)
    votes = np.zeros(len(lags))
    for meetings in seen:
        largest = max((one.area for one in meetings), default=1.0)
        mine = np.zeros(len(lags))
        for one in meetings:
            bell = np.exp(-0.5 * ((lags - one.late_s) / 0.03) ** 2)
            mine = np.maximum(mine, one.area / largest * bell)
        votes += mine
    return float(lags[votes.argmax()])
