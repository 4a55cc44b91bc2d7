"""What the script for Unreal reads: sounds, volumes and ways, in Unreal's axes and centimetres."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from capture.axes import unreal_from_world
from capture.pose import Trajectory, yaw_from_quaternion
from scenes.export.distance_law import engine_volumes
from scenes.export.exported import ExportedScene

NEAR_M = 0.5
"""In Unreal a sound reaches as far as its falloff distance, 50 times this, and then stops."""

_FALLOFF_OVER_NEAR = 50.0


def unreal_json(exported: ExportedScene, stem_gain_db: float) -> str:
    """Return the JSON.

    Unreal's inverse law is 0.02 · falloff / distance, at most 1 (its Attenuation.cpp): with a
    falloff of 50 · near it is near / distance.
    """
    volumes = engine_volumes(exported.sources, near_m=NEAR_M)
    document: dict[str, Any] = {
        "format": "auralize-unreal-1",
        "title": exported.title,
        "identifier": exported.identifier,
        "stage": "geometry.usda",
        "duration_s": exported.duration_s,
        "near_cm": 100 * NEAR_M,
        "falloff_cm": 100 * NEAR_M * _FALLOFF_OVER_NEAR,
        "softer_than_the_scene_db": round(volumes.makeup_db - stem_gain_db, 3),
        "listener": _way(exported.listener.trajectory),
        "sources": [
            {
                "name": source.name,
                "identifier": source.identifier,
                "sound": f"sounds/{source.identifier}.wav",
                "volume": round(volume, 6),
                **_way(source.trajectory),
            }
            for source, volume in zip(exported.sources, volumes.volumes, strict=True)
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _way(path: Trajectory) -> dict[str, Any]:
    """Return times, places in centimetres, and yaw clockwise in degrees, without jumps at 180°."""
    yaws = np.unwrap(yaw_from_quaternion(path.orientations_wxyz))
    return {
        "times_s": np.round(path.times_s, 6).tolist(),
        "positions_cm": (np.round(unreal_from_world(path.positions_m), 4) + 0.0).tolist(),
        "yaws_deg": (np.round(-np.degrees(yaws), 4) + 0.0).tolist(),
    }
