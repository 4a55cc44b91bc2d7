"""Compose a scene: each stem at its performer's centroid, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from capture.performer import Performer
from capture.pose import Trajectory, yaw_from_quaternion
from scenes import Scene, Source, SourceKeyframe

STILL_M = 0.05
"""A performer whose centroid stays within this of its mean is a source that stands still."""

PATH_TOLERANCE_M = 0.02
"""Keyframes are dropped as long as the path between the others stays this near to it."""


def compose_scene(
    title: str,
    performers: Sequence[Performer],
    stem_files: Mapping[str, str],
    *,
    sample_rate_hz: int,
    duration_s: float,
    notes: Mapping[str, str] | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Scene:
    """Put stems where performers are.

    A stem is what the microphone heard of its performer, so its level already holds the way from
    there to the microphone, where the default listener stands. Each source's reference distance
    is therefore that way: at the default place every player is as loud as in the recording, and a
    listener who walks closer hears 6 dB more for each halving.

    Args:
        title: What people call the scene.
        performers: Whom to place.
        stem_files: Performer's name → sound file, relative to the scene file.
        sample_rate_hz: Rate of the stems.
        duration_s: Length of the take.
        notes: Performer's name → a remark for people.
        provenance: Where all this came from.

    Raises:
        ValueError: There is no performer, or one has no stem.
    """
    missing = [performer.name for performer in performers if performer.name not in stem_files]
    if missing or not performers:
        raise ValueError(f"a scene needs performers with stems; without: {missing or 'all'}.")
    ears_m = np.array([0.0, 0.0, 1.2])
    return Scene(
        title=title,
        sample_rate_hz=sample_rate_hz,
        duration_s=round(duration_s, 6),
        sources=tuple(
            _source(
                performer, stem_files[performer.name], ears_m, (notes or {}).get(performer.name)
            )
            for performer in performers
        ),
        provenance=dict(provenance or {}),
    )


def _source(
    performer: Performer, file: str, ears_m: Float64[np.ndarray, "3"], note: str | None
) -> Source:
    path = performer.trajectory
    mean = path.mean_position_m
    # The distance of a performer from the microphone is that of the centroid, never below 0.3 m.
    reference_m = round(max(float(np.linalg.norm(mean - ears_m)), 0.3), 3)
    if np.linalg.norm(path.positions_m - mean, axis=1).max() <= STILL_M:
        return Source(
            name=performer.name,
            file=file,
            instrument=performer.instrument,
            reference_distance_m=reference_m,
            position_m=_rounded(mean),
            yaw_deg=_mean_yaw_deg(path),
            note=note,
        )
    yaws_deg = np.degrees(yaw_from_quaternion(path.orientations_wxyz))
    return Source(
        name=performer.name,
        file=file,
        instrument=performer.instrument,
        reference_distance_m=reference_m,
        keyframes=tuple(
            SourceKeyframe(
                time_s=round(float(path.times_s[index]), 3),
                position_m=_rounded(path.positions_m[index]),
                yaw_deg=round(float(yaws_deg[index]), 1),
            )
            for index in simplified(path, PATH_TOLERANCE_M)
        ),
        note=note,
    )


def simplified(path: Trajectory, tolerance_m: float) -> list[int]:
    """Return the keyframes to keep so that linear interpolation stays within `tolerance_m`.

    Source: Ramer 1972, Douglas and Peucker 1973, with the distance taken at equal times, which is
    what a listener hears.
    """
    keep = {0, len(path.times_s) - 1}
    stack = [(0, len(path.times_s) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        times = path.times_s[first : last + 1]
        fraction = ((times - times[0]) / (times[-1] - times[0]))[:, None]
        line = (1 - fraction) * path.positions_m[first] + fraction * path.positions_m[last]
        away = np.linalg.norm(path.positions_m[first : last + 1] - line, axis=1)
        worst = int(away.argmax())
        if away[worst] > tolerance_m:
            keep.add(first + worst)
            stack += [(first, first + worst), (first + worst, last)]
    return sorted(keep)


def _mean_yaw_deg(path: Trajectory) -> float:
    yaws = yaw_from_quaternion(path.orientations_wxyz)
    return round(float(np.degrees(np.arctan2(np.sin(yaws).mean(), np.cos(yaws).mean()))), 1)


def _rounded(position_m: Float64[np.ndarray, "3"]) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 3) for value in position_m)
    return x, y, z
