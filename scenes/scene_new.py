"""A first scene of some sound files: their sources in an arc in front of the listener."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from capture.errors import DataError, FileFormatError
from scenes.listener import Listener
from scenes.scene import Scene
from scenes.source import Source

_WIDEST_DEG = 120.0
_STEP_DEG = 30.0


def scene_of_sounds(
    folder: str | os.PathLike[str],
    sounds: Sequence[str | os.PathLike[str]],
    *,
    title: str = "Scene",
    distance_m: float = 2.0,
    allow_outside: bool = False,
) -> Scene:
    """Return a scene with a source for each channel of each file, from left to right.

    Neighbours are 30° apart, and all within 120°, facing the listener, where each is as loud as its
    file.

    Args:
        folder: Where the scene file will be.
        sounds: Sound files of one rate, in the folder.
        title: What people call the scene.
        distance_m: From the listener.
        allow_outside: Let files be outside the folder.

    Raises:
        DataError: Rates differ, or a file is outside the folder.
        FileFormatError: A file is missing or is no sound file.
    """
    import soundfile

    parts: list[tuple[str, str, int]] = []
    rates: dict[int, Path] = {}
    for sound in map(Path, sounds):
        try:
            info = soundfile.info(sound)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise FileFormatError(
                f"{sound}: not readable as sound ({error}). Give a WAV, FLAC or Ogg file."
            ) from error
        rates.setdefault(int(info.samplerate), sound)
        name = _relative(sound, Path(folder), allow_outside=allow_outside)
        for channel in range(1, info.channels + 1):
            ending = f" {channel}" if info.channels > 1 else ""
            parts.append((f"{sound.stem}{ending}", name, channel))
    if len(rates) != 1:
        listed = ", ".join(f"{path} {rate} Hz" for rate, path in rates.items())
        raise DataError(
            f"the sound files have different rates ({listed}). Nothing is resampled silently: "
            "convert them to one rate."
            if rates
            else "a scene needs at least one sound file."
        )
    taken: set[str] = set()
    listener = Listener()
    step_deg = min(_STEP_DEG, _WIDEST_DEG / max(len(parts) - 1, 1))
    sources: list[Source] = []
    for index, (name, file, channel) in enumerate(parts):
        azimuth = math.radians(step_deg * ((len(parts) - 1) / 2 - index))
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name} ({number})", number + 1
        taken.add(unique)
        sources.append(
            Source(
                name=unique,
                file=file,
                channel=channel,
                reference_distance_m=distance_m,
                position_m=(
                    round(distance_m * math.cos(azimuth), 3),
                    round(distance_m * math.sin(azimuth), 3) + 0.0,
                    listener.position_m[2],
                ),
            )
        )
    return Scene(title=title, sample_rate_hz=next(iter(rates)), sources=tuple(sources))


def _relative(sound: Path, folder: Path, *, allow_outside: bool) -> str:
    if not allow_outside and not sound.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{sound} is outside {folder.resolve()}, where the scene will be. Put the scene beside "
            "its sounds, copy them there, or say --allow-outside."
        )
    return Path(os.path.relpath(sound.resolve(), folder.resolve())).as_posix()
