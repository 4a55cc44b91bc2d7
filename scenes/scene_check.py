"""Look a scene over: what is in it, and what somebody may not have meant."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.axes import spherical_from_world
from capture.errors import AuralizeError, DataError
from capture.performer import open_performer
from capture.pose import quaternion_conjugate, rotation_matrix_from_quaternion
from scenes.scene import Scene
from scenes.scene_file import read_scene
from scenes.sound_of_source import opened_sound
from scenes.source import Source

_SAME_PLACE_M = 0.05
_NEAR_M = 0.15
_SILENT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What is known of a source.

    Attributes:
        name: Its name.
        file: Its sound file, as the scene names it.
        duration_s: Length of the sound.
        peak_dbfs: Highest sample of its channel; −inf for silence.
        azimuth_deg: Where it is for the listener at the start, left is positive.
        elevation_deg: Likewise, up is positive.
        distance_m: From the listener at the start.
        level_db: What gain and distance make of its level there.
        heard: Whether it is neither muted nor left out because others are solo.
        moves: Whether its position changes.
    """

    name: str
    file: str
    duration_s: float
    peak_dbfs: float
    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    level_db: float
    heard: bool
    moves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneReport:
    """What a scene holds.

    Attributes:
        title: What people call it.
        sample_rate_hz: Its rate.
        duration_s: Its length; to the end of the last sound where it does not say.
        sources: All of them.
        warnings: What somebody may not have meant.
    """

    title: str
    sample_rate_hz: int
    duration_s: float
    sources: tuple[SourceReport, ...]
    warnings: tuple[str, ...]


def check_scene(path: str | os.PathLike[str], *, allow_outside: bool = False) -> SceneReport:
    """Read a scene and all sounds that it names.

    Args:
        path: The scene file.
        allow_outside: Let it name files outside its folder.

    Raises:
        FileFormatError: It is no scene, or a sound cannot be read.
        DataError: A file is missing, has another rate, no such channel or samples that are not
            finite.
    """
    scene = read_scene(path, allow_outside=allow_outside)
    folder = Path(path).parent
    heard = {source.name for source in scene.heard_sources}
    reports = tuple(
        _source(scene, source, folder, source.name in heard) for source in scene.sources
    )
    ends = [report.duration_s + s.start_s for report, s in zip(reports, scene.sources, strict=True)]
    return SceneReport(
        title=scene.title,
        sample_rate_hz=scene.sample_rate_hz,
        duration_s=scene.duration_s or max(ends),
        sources=reports,
        warnings=(
            *_warnings_of_all(scene),
            *itertools.chain.from_iterable(
                _warnings(scene, source, report, folder)
                for source, report in zip(scene.sources, reports, strict=True)
            ),
        ),
    )


def _source(scene: Scene, source: Source, folder: Path, heard: bool) -> SourceReport:
    duration_s, peak = _sound(scene, source, folder / source.file)
    start = np.zeros(1)
    head = scene.listener.trajectory.at(0.0)
    away = source.positions_at(start)[0] - head.position_m
    turned = rotation_matrix_from_quaternion(quaternion_conjugate(head.orientation_wxyz)) @ away
    azimuth, elevation, distance = (float(value) for value in spherical_from_world(turned))
    level_db = source.gain_db + 20 * math.log10(
        source.reference_distance_m / max(distance, _NEAR_M)
    )
    return SourceReport(
        name=source.name,
        file=source.file,
        duration_s=duration_s,
        peak_dbfs=20 * math.log10(peak) if peak > 0 else -math.inf,
        azimuth_deg=math.degrees(azimuth),
        elevation_deg=math.degrees(elevation),
        distance_m=distance,
        level_db=level_db,
        heard=heard,
        moves=source.moves,
    )


def _sound(scene: Scene, source: Source, path: Path) -> tuple[float, float]:
    """Return length and peak of a source's sound."""
    peak = 0.0
    with opened_sound(scene, source, path) as file:
        for block in file.blocks(blocksize=65_536, dtype="float32", always_2d=True):
            highest = float(np.abs(block[:, source.channel - 1]).max(initial=0.0))
            if not math.isfinite(highest):
                raise DataError(f"{path}: a sample is not a finite number. Export it again.")
            peak = max(peak, highest)
        return len(file) / file.samplerate, peak


def _warnings_of_all(scene: Scene) -> list[str]:
    found: list[str] = []
    if not scene.heard_sources:
        found.append("all sources are muted")
    start = np.zeros(1)
    for one, other in itertools.combinations(scene.sources, 2):
        away = one.positions_at(start)[0] - other.positions_at(start)[0]
        if float(np.linalg.norm(away)) < _SAME_PLACE_M:
            found.append(f"{one.name!r} and {other.name!r} are at one place")
    return found


def _warnings(scene: Scene, source: Source, report: SourceReport, folder: Path) -> list[str]:
    name = repr(source.name)
    found: list[str] = []
    if report.peak_dbfs < 20 * math.log10(_SILENT):
        found.append(f"{name} is silent")
    if report.distance_m < _NEAR_M:
        found.append(f"{name} is in the listener's head")
    if scene.duration_s is not None:
        over_s = source.start_s + report.duration_s - scene.duration_s
        if source.start_s >= scene.duration_s:
            found.append(f"{name} starts after the end of the scene")
        elif over_s > 0.5 / scene.sample_rate_hz:
            found.append(
                f"{name} is cut off at the end of the scene, {over_s:.3g} s before its own"
            )
    if source.keyframes is not None and scene.duration_s is not None:
        late = [key.time_s for key in source.keyframes if key.time_s > scene.duration_s]
        if late:
            found.append(f"{name} has keyframes after the end of the scene, at {late[0]:g} s")
    if source.performer is not None:
        try:
            open_performer(folder / source.performer)
        except AuralizeError as error:
            found.append(f"{name} has no clouds to be seen: {error}")
    return found
