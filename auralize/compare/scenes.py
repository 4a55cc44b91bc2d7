"""Compare two scenes: which sources came, went, moved or changed, and what else did.

Differences are second minus first. Sources are the same when their names are.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from auralize.sources.heard_source import NEAREST_M
from capture.pose import quaternion_conjugate, rotation_matrix_from_quaternion
from scenes.listener import Listener
from scenes.scene import Scene
from scenes.scene_file import read_scene
from scenes.source import Source

_PLACES = ("position_m", "keyframes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a source is for its listener, in two scenes, at the time when that differs most.

    Attributes:
        name: The source.
        time_s: That time.
        moved_m: Distance between the two places in the world.
        turned_deg: Angle between the two directions from the listener.
        azimuths_deg: In the first and the second scene; left is positive.
        elevations_deg: Likewise; up is positive.
        distances_m: From the listener.
        level_change_db: By gain and the distance law.
    """

    name: str
    time_s: float
    moved_m: float
    turned_deg: float
    azimuths_deg: tuple[float, float]
    elevations_deg: tuple[float, float]
    distances_m: tuple[float, float]
    level_change_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that differs: its place in the file, and what it is in each scene."""

    place: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneComparison:
    """Two scenes and what is between them.

    Attributes:
        first: The first file.
        second: The second file.
        added: Names of sources that only the second scene has.
        removed: Names of sources that only the first scene has.
        moves: Sources that are elsewhere for the listener, or sound at another level.
        changes: All values that differ, but for places of sources.
    """

    first: str
    second: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    moves: tuple[Move, ...]
    changes: tuple[Change, ...]

    @property
    def is_identical(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.moves or self.changes)

    @property
    def largest_change_db(self) -> float:
        """The largest change of a source's level; +inf where sources came or went."""
        if self.added or self.removed:
            return math.inf
        return max((abs(move.level_change_db) for move in self.moves), default=-math.inf)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {"kind": "scenes", **asdict(self), "is_identical": self.is_identical}


def compare_scenes(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    allow_outside: bool = False,
) -> SceneComparison:
    """Compare two scene files. Sound files need not be there; where both are, so is their content.

    Raises:
        FileFormatError: One is no scene.
    """
    a, b = (
        read_scene(path, check_files=False, allow_outside=allow_outside) for path in (first, second)
    )
    ours = {source.name: source for source in a.sources}
    theirs = {source.name: source for source in b.sources}
    both = [name for name in ours if name in theirs]
    changes = list(_changes("", a, b, leave=("sources",)))
    moves: list[Move] = []
    for name in both:
        changes += _changes(f"sources[{name}].", ours[name], theirs[name], leave=_PLACES)
        changes += _other_facing(name, ours[name], theirs[name])
        move = _move(a, ours[name], b, theirs[name])
        if move is not None:
            moves.append(move)
    changes += _other_content(a, Path(first), b, Path(second))
    return SceneComparison(
        first=str(first),
        second=str(second),
        added=tuple(name for name in theirs if name not in ours),
        removed=tuple(name for name in ours if name not in theirs),
        moves=tuple(moves),
        changes=tuple(changes),
    )


def _changes(
    place: str, first: BaseModel, second: BaseModel, leave: tuple[str, ...] = ()
) -> Iterator[Change]:
    """Give the fields that differ, down to single values."""
    for key in type(first).model_fields:
        a, b = getattr(first, key), getattr(second, key)
        if key in leave or a == b:
            continue
        if isinstance(a, BaseModel) and type(a) is type(b):
            yield from _changes(f"{place}{key}.", a, b)
        elif isinstance(a, dict) and isinstance(b, dict):
            for name in sorted({*a, *b}, key=str):
                if a.get(name) != b.get(name):
                    yield Change(
                        place=f"{place}{key}.{name}", first=a.get(name), second=b.get(name)
                    )
        else:
            yield Change(place=f"{place}{key}", first=_plain(a), second=_plain(b))


def _plain(value: Any) -> Any:
    """Return a value of plain mappings, lists and numbers."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_defaults=True)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _other_content(a: Scene, first: Path, b: Scene, second: Path) -> Iterator[Change]:
    """Give the hashes of files with the same part in both scenes that are there and differ."""
    ours, theirs = dict(_named_files(a)), dict(_named_files(b))
    for place in ours:
        files = [first.parent / ours[place], second.parent / theirs.get(place, "")]
        if all(file.is_file() for file in files):
            one, other = map(_sha256, files)
            if one != other:
                yield Change(place=f"{place}: content (SHA-256)", first=one[:12], second=other[:12])


def _named_files(scene: Scene) -> Iterator[tuple[str, str]]:
    """Give the place of each file name in a scene, and the name."""
    for source in scene.sources:
        yield f"sources[{source.name}].file", source.file
    for number, mesh in enumerate((scene.room and scene.room.meshes) or ()):
        yield f"room.meshes[{number}].file", mesh.file
    if scene.listener.sofa is not None:
        yield "listener.sofa", scene.listener.sofa
    if scene.output.headphone_eq is not None:
        yield "output.headphone_eq", scene.output.headphone_eq


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _other_facing(name: str, ours: Source, theirs: Source) -> Iterator[Change]:
    """Give where the players of moving sources face, which is in keyframes with their places."""
    a, b = ([[key.time_s, key.yaw_deg] for key in s.keyframes or ()] for s in (ours, theirs))
    if a != b and any(yaw is not None for _, yaw in (*a, *b)):
        yield Change(place=f"sources[{name}].keyframes (time_s, yaw_deg)", first=a, second=b)


def _move(a: Scene, ours: Source, b: Scene, theirs: Source) -> Move | None:
    """Return how the place of a source differs, or None where it does not."""
    times = np.unique(
        np.concatenate([_times(a.listener), _times(b.listener), _times(ours), _times(theirs)])
    )
    # Curves between keyframes bend: look there, too.
    times = np.unique(np.concatenate([times, (times[1:] + times[:-1]) / 2]))
    places = ours.positions_at(times), theirs.positions_at(times)
    seen = _seen(a.listener, places[0], times), _seen(b.listener, places[1], times)
    moved_m = np.linalg.norm(places[1] - places[0], axis=1)
    distances = [np.linalg.norm(s, axis=1) for s in seen]
    products = np.sum(seen[0] * seen[1], axis=1) / np.maximum(distances[0] * distances[1], 1e-12)
    # The arc tangent of sine and cosine keeps small angles, which the arc cosine loses.
    crosses = np.linalg.norm(np.cross(seen[0], seen[1]), axis=1)
    turned = np.arctan2(crosses / np.maximum(distances[0] * distances[1], 1e-12), products)
    levels = _levels_db(ours, distances[0]), _levels_db(theirs, distances[1])
    change_db = levels[1] - levels[0]
    weight = moved_m + turned + np.abs(distances[1] - distances[0]) + np.abs(change_db)
    at = int(np.argmax(weight))
    if weight[at] < 1e-9:
        return None
    angles = [_angles_deg(s[at]) for s in seen]
    return Move(
        name=ours.name,
        time_s=float(times[at]),
        moved_m=float(moved_m[at]),
        turned_deg=float(np.degrees(turned[at])),
        azimuths_deg=(angles[0][0], angles[1][0]),
        elevations_deg=(angles[0][1], angles[1][1]),
        distances_m=(float(distances[0][at]), float(distances[1][at])),
        level_change_db=float(change_db[at]),
    )


def _times(thing: Source | Listener) -> np.ndarray:
    return np.array([key.time_s for key in thing.keyframes or ()] or [0.0])


def _seen(listener: Listener, positions: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return vectors to positions in the listener's frame."""
    poses = listener.trajectory
    turns = rotation_matrix_from_quaternion(quaternion_conjugate(poses.orientations_at(times)))
    return np.einsum("tij,tj->ti", turns, positions - poses.positions_at(times))


def _levels_db(source: Source, distances: np.ndarray) -> np.ndarray:
    law = np.maximum(distances, NEAREST_M) / source.reference_distance_m
    return source.gain_db - 20 * np.log10(law)


def _angles_deg(vector: np.ndarray) -> tuple[float, float]:
    x, y, z = vector
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))
