"""Check a take's images: how color is exposed, and how much the depth camera measures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capture.check.finding import Finding
from capture.take import Take

_LOOKED_AT = 8
_DARK, _BRIGHT = 25.0, 230.0
_BURNT_SHARE = 0.25
_LEAST_MEASURED = 0.35
_FAR_MM, _FAR_SHARE = 3500, 0.6


def check_exposure(take: Take) -> Iterator[Finding]:
    """Look at some color images."""
    recording = take.recording
    if recording is None or len(recording.color_times_s) == 0:
        return
    count = len(recording.color_times_s)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int))
    grey = np.concatenate(
        [recording.color(int(index))[::8, ::8].mean(axis=2).ravel() for index in chosen]
    )
    brightness, burnt = float(grey.mean()), float((grey > 250).mean())
    if brightness < _DARK:
        text = f"the color images are dark ({brightness:.0f} of 255 on average)"
        advice = "Turn lights on, or lengthen the exposure."
    elif brightness > _BRIGHT or burnt > _BURNT_SHARE:
        text = f"the color images are overexposed ({100 * burnt:.0f} % burnt out)"
        advice = "Shorten the exposure, or turn the camera away from windows and lamps."
    else:
        text = f"color is well exposed ({brightness:.0f} of 255 on average)"
        yield Finding(concern="exposure", ok=True, text=text)
        return
    yield Finding(concern="exposure", ok=False, text=text, advice=advice)


def check_range(take: Take) -> Iterator[Finding]:
    """Look at some depth images."""
    calibration = take.calibration
    if calibration is None:
        return
    lit = calibration.lit_pixels()
    count = len(take.times_s)
    depths: list[np.ndarray] = []
    for index in np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)):
        depth_mm = take.depth_mm(int(index))
        assert depth_mm is not None
        depths.append(depth_mm[lit])
    seen = np.concatenate(depths)
    measured = seen[seen > 0]
    share = len(measured) / len(seen)
    if share < _LEAST_MEASURED:
        yield Finding(
            concern="range",
            ok=False,
            text=f"only {100 * share:.0f} % of the pixels measure a depth",
            advice="Let players sit 1 to 3.5 m from the sensor, keep its window clean and free, "
            "and sunlight and black velvet out.",
        )
        return
    far = float((measured > _FAR_MM).mean())
    if far > _FAR_SHARE and calibration.depth_mode.startswith("NFOV"):
        yield Finding(
            concern="range",
            ok=False,
            text=f"{100 * far:.0f} % of what is measured is over {_FAR_MM / 1000:.1f} m away",
            advice="Bring the sensor nearer: beyond 3.5 m players fall apart in noise.",
        )
        return
    near_m, far_m = np.percentile(measured, [5, 95]) / 1000
    yield Finding(
        concern="range",
        ok=True,
        text=f"{100 * share:.0f} % of the pixels measure, most from {near_m:.1f} to {far_m:.1f} m",
    )
