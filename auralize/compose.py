"""Compose a scene: each stem at its performer's centroid, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from capture.performer import Performer
from capture.pose import Trajectory, yaw_from_quaternion
from scenes import Room, Scene, Source, keyframes_from_trajectory
from scenes.keyframes import to_millimetres

STILL_M = 0.05
"""A performer whose centroid stays within this of its mean is a source that stands still."""

PATH_TOLERANCE_M = 0.02
"""Keyframes are dropped as long as the path between the others stays this near to it."""

YAW_TOLERANCE_RAD = np.radians(15.0)
"""Likewise for where the performer faces; estimates from a cloud waver by some degrees."""


def compose_scene(
    title: str,
    performers: Sequence[Performer],
    stem_files: Mapping[str, str],
    *,
    sample_rate_hz: int,
    duration_s: float,
    notes: Mapping[str, str] | None = None,
    provenance: Mapping[str, str] | None = None,
    room: Room | None = None,
    performers_folder: str | None = None,
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
        room: The room around them; in the open if None.
        performers_folder: Where the performers are kept, relative to the scene file, for viewers
            and exports that show them.

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
                performer,
                stem_files[performer.name],
                ears_m,
                note=(notes or {}).get(performer.name),
                seen=None if performers_folder is None else f"{performers_folder}/{performer.name}",
            )
            for performer in performers
        ),
        room=room,
        provenance=dict(provenance or {}),
    )


def _source(
    performer: Performer,
    file: str,
    ears_m: Float64[np.ndarray, "3"],
    *,
    note: str | None,
    seen: str | None,
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
            position_m=to_millimetres(mean),
            yaw_deg=_mean_yaw_deg(path),
            performer=seen,
            note=note,
        )
    return Source(
        name=performer.name,
        file=file,
        instrument=performer.instrument,
        reference_distance_m=reference_m,
        keyframes=keyframes_from_trajectory(
            path, tolerance_m=PATH_TOLERANCE_M, tolerance_rad=YAW_TOLERANCE_RAD
        ),
        performer=seen,
        note=note,
    )


def _mean_yaw_deg(path: Trajectory) -> float:
    yaws = yaw_from_quaternion(path.orientations_wxyz)
    return round(float(np.degrees(np.arctan2(np.sin(yaws).mean(), np.cos(yaws).mean()))), 1)
