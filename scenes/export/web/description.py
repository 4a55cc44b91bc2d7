"""What the page knows of a scene before any sound or cloud is there: its JSON.

All positions and turns are in the page's axes (x right, y up, −z front; quaternions xyzw, which
turn −z to where a player or the head faces). Lists are flat. `scenes/page/src/description.ts` has
the same as types.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from capture.axes import gltf_from_world
from capture.pose import Trajectory
from scenes.export.distance_law import NEAREST_M
from scenes.export.exported import ExportedRoom, ExportedScene
from scenes.export.web.cloud_slots import STEP_M, CloudSlots
from scenes.export.web.room_lines import room_lines
from scenes.export.web.sound_slots import LEAD, PROBE_IMPULSE, SoundSlots, probe

FORMAT = "auralize-page-1"


def describe(
    exported: ExportedScene,
    *,
    rate_hz: int,
    slot_samples: int,
    sounds: Sequence[SoundSlots],
    clouds: Sequence[CloudSlots | None],
    inline: bool,
    room_response: bool,
    head: bool,
) -> dict[str, Any]:
    """Return the JSON of a page.

    Args:
        exported: The scene.
        rate_hz: Rate of the page's sound.
        slot_samples: Length of a slot, at that rate.
        sounds: The packed sound of each source.
        clouds: The packed clouds of each source that has some.
        inline: Whether the media are in the page itself.
        room_response: Whether there is a response of the room.
        head: Whether there is a head of the scene's own.
    """
    return {
        "format": FORMAT,
        "title": exported.title,
        "rateHz": rate_hz,
        "sceneRateHz": exported.sample_rate_hz,
        "durationSamples": round(exported.duration_s * rate_hz),
        "slotSamples": slot_samples,
        "leadSamples": LEAD,
        "nearestM": NEAREST_M,
        "inline": inline,
        "roomResponse": room_response,
        "head": head,
        "probe": {"impulse": PROBE_IMPULSE, "mp3": _text(probe(rate_hz))},
        "listener": _path(exported.listener.trajectory),
        "room": None if exported.room is None else _room(exported.room),
        "sources": [
            {
                "name": source.name,
                "id": source.identifier,
                "instrument": source.instrument,
                "color": "#{:02x}{:02x}{:02x}".format(*source.color),
                "gainDb": source.gain_db,
                "level": sound.level,
                "referenceDistanceM": source.reference_distance_m,
                "heard": source.heard,
                "path": _path(source.trajectory),
                "loudness": _text(sound.loudness),
                "clouds": None if seen is None else _clouds(seen),
            }
            for source, sound, seen in zip(exported.sources, sounds, clouds, strict=True)
        ],
    }


def _path(trajectory: Trajectory) -> dict[str, list[float]]:
    turns = trajectory.orientations_wxyz
    # The axes are turned into each other, so a quaternion's axis goes the way of all vectors.
    vectors = gltf_from_world(turns[:, 1:])
    return {
        "timesS": _flat(trajectory.times_s, 6),
        "positions": _flat(gltf_from_world(trajectory.positions_m), 4),
        "turns": _flat(np.concatenate([vectors, turns[:, :1]], axis=1), 6),
    }


def _clouds(clouds: CloudSlots) -> dict[str, Any]:
    return {
        "stepM": STEP_M,
        "origin": list(clouds.origin_m),
        "spacingM": clouds.spacing_m,
        "topM": round(clouds.top_m, 3),
        "rows": clouds.row_count,
    }


def _room(room: ExportedRoom) -> dict[str, Any]:
    vertices = gltf_from_world(room.vertices_m.astype(np.float64))
    return {
        "lines": _flat(gltf_from_world(room_lines(room.vertices_m, room.faces)), 3),
        "lowest": _flat(vertices.min(axis=0), 3),
        "highest": _flat(vertices.max(axis=0), 3),
    }


def _flat(values: Float[np.ndarray, "..."], digits: int) -> list[float]:
    rounded = np.round(np.asarray(values, dtype=np.float64).reshape(-1), digits) + 0.0
    return rounded.tolist()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
