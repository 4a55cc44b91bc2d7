"""The sounds of a scene's sources, mono and on the scene's time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from capture.errors import DataError
from scenes.scene import Scene
from scenes.sound_of_source import opened_sound
from scenes.source import Source


def read_sounds(
    scene: Scene, folder: Path, progress: Callable[[float], None]
) -> list[Float32[np.ndarray, "samples"]]:
    """Return the sound of each source: silence in front, all of one length, without gains.

    Raises:
        FileFormatError: A file is missing or is no sound file.
        DataError: A file has another rate than the scene, not the channel that is asked for, or
            samples that are not finite.
    """
    raw: list[Float32[np.ndarray, "samples"]] = []
    for number, source in enumerate(scene.sources):
        raw.append(_read(scene, source, folder / source.file))
        progress((number + 1) / len(scene.sources))
    starts = [round(source.start_s * scene.sample_rate_hz) for source in scene.sources]
    count = max(1, *(start + len(sound) for start, sound in zip(starts, raw, strict=True)))
    if scene.duration_s is not None:
        count = max(1, round(scene.duration_s * scene.sample_rate_hz))
    return [_laid(sound, start, count) for sound, start in zip(raw, starts, strict=True)]


def _laid(
    sound: Float32[np.ndarray, "any"], start: int, count: int
) -> Float32[np.ndarray, "samples"]:
    if start == 0 and len(sound) == count:
        return sound
    laid = np.zeros(count, dtype=np.float32)
    kept = sound[: max(count - start, 0)]
    laid[start : start + len(kept)] = kept
    return laid


def _read(scene: Scene, source: Source, path: Path) -> Float32[np.ndarray, "samples"]:
    with opened_sound(scene, source, path) as file:
        channels = file.read(dtype="float32", always_2d=True)
    sound = np.ascontiguousarray(channels[:, source.channel - 1])
    finite = np.isfinite(sound)
    if not finite.all():
        at_s = int(np.argmin(finite)) / scene.sample_rate_hz
        raise DataError(
            f"{path}: a sample at {at_s:.3f} s is not a finite number. Export the sound again."
        )
    return sound
