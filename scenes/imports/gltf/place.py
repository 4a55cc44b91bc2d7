"""Sources and listener of a scene from where glTF has them.

Each is the scene's own where it would be in the same place in glTF.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from capture.pose import Trajectory, rotation_matrix_from_quaternion, yaw_from_quaternion
from scenes.export.gltf.emitters import reference_m
from scenes.export.paths import listener_trajectory, source_trajectory
from scenes.imports.gltf.sound import Sound
from scenes.keyframes import keyframes_from_trajectory
from scenes.listener import Listener, ListenerKeyframe
from scenes.source import Source, SourceKeyframe

# Single precision, metres; and a turn as far away as that at 1 m.
_SAME_M = 1e-4
_SAME_TURN = 1e-4
_SAME_LEVEL = 1e-6
_SINGLE = 1e-6
_SILENT_DB = -120.0
_THINNED_M = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitter:
    """A sound at a node.

    Attributes:
        name: Of the node.
        path: Of the node, in world axes.
        keys_are_exact: Whether the keys of the path are those of the file.
        gain: Linear, of emitter and source.
        reference_m: Its refDistance.
        sound: What it plays.
        described: What the scene said about it, in a file of ours.
    """

    name: str
    path: Trajectory
    keys_are_exact: bool
    gain: float
    reference_m: float
    sound: Sound
    described: Source | None


def source_of(
    emitter: Emitter,
    listener: Listener,
    *,
    name: str,
    heard: Collection[str],
    turned_down_db: float,
) -> Source:
    """Return the source of an emitter.

    Args:
        emitter: What glTF says.
        listener: The listener of the scene that the file carries.
        name: What it is called.
        heard: Names of the sources that were heard when the file was written.
        turned_down_db: Gain of all sounds' files.
    """
    described = emitter.described
    if described is None:
        gain_db = _decibels(emitter.gain)
        return Source.model_validate(
            {
                "name": name,
                "file": "sound",
                "gain_db": gain_db,
                "reference_distance_m": emitter.reference_m,
                "mute": gain_db <= _SILENT_DB,
                **_place(emitter, with_yaw=False),
            }
        )
    ears = listener_trajectory(listener)
    expected = source_trajectory(described, ears.at(0.0).position_m)
    changes: dict[str, object] = {"name": name}
    if not _same(emitter.path, expected):
        changes |= {"position_m": None, "keyframes": None, "yaw_deg": None}
        changes |= {"interpolation": "linear"}
        turned = described.yaw() is not None or not _same_turns(emitter.path, expected)
        changes |= _place(emitter, with_yaw=turned)
    near_m = reference_m(expected, ears, described.reference_distance_m)
    level = emitter.gain * emitter.reference_m * 10 ** (turned_down_db / 20)
    own = 10 ** (described.gain_db / 20) * described.reference_distance_m
    wanted = own if described.name in heard else 0.0
    if not (
        math.isclose(level, wanted, rel_tol=_SAME_LEVEL, abs_tol=1e-9)
        and math.isclose(emitter.reference_m, near_m, rel_tol=_SAME_LEVEL)
    ):
        gain_db = _decibels(level / described.reference_distance_m)
        silent = gain_db <= _SILENT_DB
        changes |= {"mute": silent, "solo": False}
        changes |= {} if silent else {"gain_db": gain_db}
    return Source.model_validate({**described.model_dump(), **changes})


def listener_of(path: Trajectory, before: Listener, *, keys_are_exact: bool) -> Listener:
    """Return the listener where a camera is; the one before where that is the same."""
    if _same(path, listener_trajectory(before)):
        return before
    if not keys_are_exact:
        path = _thinned(path)
    keys = [
        ListenerKeyframe(
            time_s=_rounded(time),
            position_m=_point(position),
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
        )
        for time, position, (yaw, pitch, roll) in zip(
            path.times_s, path.positions_m, _angles_deg(path), strict=True
        )
    ]
    place: dict[str, object] = {
        "keyframes": None,
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "roll_deg": 0.0,
        "position_m": keys[0].position_m,
    }
    if len(keys) > 1:
        place["keyframes"] = keys
    else:
        yaw, pitch, roll = keys[0].yaw_deg, keys[0].pitch_deg, keys[0].roll_deg
        place |= {"yaw_deg": yaw, "pitch_deg": pitch, "roll_deg": roll}
    return Listener.model_validate({**before.model_dump(), **place})


def _place(emitter: Emitter, *, with_yaw: bool) -> dict[str, object]:
    """Return the fields of a source that say where it is."""
    path = emitter.path
    yaws = np.degrees(yaw_from_quaternion(path.orientations_wxyz))
    if len(path.times_s) == 1 or not np.ptp(path.positions_m, axis=0).any():
        yaw = {"yaw_deg": _rounded(yaws[0])} if with_yaw else {}
        return {"position_m": _point(path.positions_m[0]), **yaw}
    if not emitter.keys_are_exact:
        keys = keyframes_from_trajectory(path, tolerance_m=_THINNED_M)
        return {
            "keyframes": keys
            if with_yaw
            else tuple(key.model_copy(update={"yaw_deg": None}) for key in keys)
        }
    return {
        "keyframes": tuple(
            SourceKeyframe(
                time_s=_rounded(time),
                position_m=_point(position),
                yaw_deg=_rounded(yaw) if with_yaw else None,
            )
            for time, position, yaw in zip(path.times_s, path.positions_m, yaws, strict=True)
        )
    }


def _same(one: Trajectory, other: Trajectory) -> bool:
    """Return whether two paths go the same way at the same times."""
    times = np.union1d(one.times_s, other.times_s)
    away = np.linalg.norm(one.positions_at(times) - other.positions_at(times), axis=1)
    reach = float(np.abs(other.positions_m).max())
    return bool(away.max() < _SAME_M + _SINGLE * reach) and _same_turns(one, other)


def _same_turns(one: Trajectory, other: Trajectory) -> bool:
    times = np.union1d(one.times_s, other.times_s)
    # ½ of the angle between two turns has the cosine of the product of their quaternions.
    products = np.sum(one.orientations_at(times) * other.orientations_at(times), axis=1)
    return bool((1.0 - np.abs(products)).max() < _SAME_TURN**2)


def _thinned(path: Trajectory) -> Trajectory:
    """Return a path without the keys between which straight lines do."""
    times = np.array(
        [key.time_s for key in keyframes_from_trajectory(path, tolerance_m=_THINNED_M)]
    )
    return Trajectory(
        times_s=times,
        positions_m=path.positions_at(times),
        orientations_wxyz=path.orientations_at(times),
    )


def _angles_deg(path: Trajectory) -> list[tuple[float, float, float]]:
    """Return yaw, pitch and roll of each pose: the inverse of `quaternion_from_euler`."""
    turns = rotation_matrix_from_quaternion(path.orientations_wxyz)
    yaws = np.degrees(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    pitches = np.degrees(np.arcsin(np.clip(-turns[:, 2, 0], -1.0, 1.0)))
    rolls = np.degrees(np.arctan2(turns[:, 2, 1], turns[:, 2, 2]))
    return [
        (_rounded(yaw), _rounded(pitch), _rounded(roll))
        for yaw, pitch, roll in zip(yaws, pitches, rolls, strict=True)
    ]


def _decibels(gain: float) -> float:
    if not math.isfinite(gain) or gain <= 0:
        return _SILENT_DB
    return float(np.clip(round(20 * math.log10(gain), 6) + 0.0, _SILENT_DB, 60.0))


def _point(position_m: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (_rounded(value) for value in position_m)
    return x, y, z


def _rounded(value: float) -> float:
    """Return a number with the digits that single precision has for metres and seconds."""
    return round(float(value), 5) + 0.0
