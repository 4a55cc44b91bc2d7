"""Ways as Unity's animation clips, of the legacy kind, which scripts can set to any time.

Keys hold the slopes of straight lines on both sides, so that Unity's curves are straight between
them. Quaternions go in straight lines, too, and Unity brings them to unit length: keys at most 5°
apart keep turns within 0.02° of steady ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from capture.axes import unity_from_world, unity_quaternion_from_world
from capture.pose import Trajectory
from scenes.export.unity.documents import HEADER, Flow, document, vector

CLIP = 7_400_000
"""Number of the clip in its asset."""

_CLASS = 74
_MOST_TURN_RAD = np.radians(5.0)
_CLAMP_FOREVER = 8


def clip_yaml(name: str, path: Trajectory, duration_s: float) -> str:
    """Return the asset of a clip that moves the object that plays it."""
    times_s = _key_times(path, duration_s)
    positions = unity_from_world(path.positions_at(times_s))
    turns = _continuous(unity_quaternion_from_world(path.orientations_at(times_s)))
    fields: dict[str, Any] = {
        **{"m_ObjectHideFlags": 0, "m_CorrespondingSourceObject": Flow(fileID=0)},
        **{"m_PrefabInstance": Flow(fileID=0), "m_PrefabAsset": Flow(fileID=0)},
        "m_Name": name,
        **{"serializedVersion": 6, "m_Legacy": 1, "m_Compressed": 0},
        "m_UseHighQualityCurve": 1,
        "m_RotationCurves": [_curve(times_s, turns[:, [1, 2, 3, 0]])],
        **{"m_CompressedRotationCurves": [], "m_EulerCurves": []},
        "m_PositionCurves": [_curve(times_s, positions)],
        **{"m_ScaleCurves": [], "m_FloatCurves": [], "m_PPtrCurves": []},
        **{"m_SampleRate": 60, "m_WrapMode": _CLAMP_FOREVER},
        "m_AnimationClipSettings": {
            **{"serializedVersion": 2, "m_StartTime": 0, "m_StopTime": duration_s},
            **{"m_LoopTime": 0, "m_KeepOriginalPositionY": 1},
        },
        "m_Events": [],
    }
    return HEADER + document(_CLASS, CLIP, "AnimationClip", fields)


def _key_times(path: Trajectory, duration_s: float) -> Float64[np.ndarray, "T"]:
    """Return the times of the keys, of both ends, and those between that turns need."""
    ends = np.array([0.0, duration_s])
    inner = path.times_s[(path.times_s > 0) & (path.times_s < duration_s)]
    keys = np.unique(np.concatenate([ends, inner]))
    times: list[Float64[np.ndarray, "N"]] = []
    for start, stop in pairwise(keys):
        turn = path.orientations_at(np.array([start, stop]))
        angle = 2 * np.arccos(min(1.0, float(abs(turn[0] @ turn[1]))))
        count = max(1, int(np.ceil(angle / _MOST_TURN_RAD)))
        times.append(np.linspace(start, stop, count + 1)[:-1])
    return np.concatenate([*times, keys[-1:]])


def _continuous(quaternions: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 4"]:
    """Return the same turns with signs that do not jump."""
    flips = np.sign(np.sum(quaternions[1:] * quaternions[:-1], axis=1))
    signs = np.cumprod(np.concatenate([[1.0], np.where(flips == 0, 1.0, flips)]))
    return quaternions * signs[:, None]


def _curve(times_s: Float64[np.ndarray, "T"], values: Float[np.ndarray, "T D"]) -> dict[str, Any]:
    slopes = np.diff(values, axis=0) / np.diff(times_s)[:, None]
    none = np.zeros((1, values.shape[1]))
    third = vector(np.full(values.shape[1], 1 / 3))
    keys = [
        {
            **{"serializedVersion": 3, "time": float(time), "value": vector(value)},
            **{"inSlope": vector(before), "outSlope": vector(after)},
            **{"tangentMode": 0, "weightedMode": 0, "inWeight": third, "outWeight": third},
        }
        for time, value, before, after in zip(
            times_s, values, np.vstack([none, slopes]), np.vstack([slopes, none]), strict=True
        )
    ]
    return {
        "curve": {
            "serializedVersion": 2,
            "m_Curve": keys,
            **{"m_PreInfinity": 2, "m_PostInfinity": 2, "m_RotationOrder": 4},
        },
        "path": None,
    }
