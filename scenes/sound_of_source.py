"""Open the sound file of a source, checked against what the scene says of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capture.errors import DataError, FileFormatError
from scenes.scene import Scene
from scenes.source import Source

if TYPE_CHECKING:
    import soundfile


@contextmanager
def opened_sound(scene: Scene, source: Source, path: Path) -> Generator[soundfile.SoundFile]:
    """Open a source's sound, at the scene's rate and with the channel that the source asks for.

    Raises:
        FileFormatError: It cannot be read as sound.
        DataError: It has another rate, or no such channel.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != scene.sample_rate_hz:
                raise DataError(
                    f"{path}: the sound of {source.name!r} has {file.samplerate} Hz, but the scene "
                    f"has {scene.sample_rate_hz} Hz. Nothing is resampled silently: set "
                    "sample_rate_hz of the scene, or convert the file."
                )
            if source.channel > file.channels:
                raise DataError(
                    f"{path}: the source {source.name!r} asks for channel {source.channel}, but "
                    f"the file has {file.channels} (counted from 1)."
                )
            yield file
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise FileFormatError(
            f"{path}: not readable as sound ({error}). It belongs to the source "
            f"{source.name!r}; give a WAV, FLAC or Ogg file."
        ) from error
