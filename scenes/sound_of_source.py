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


def open_sound(scene: Scene, source: Source, path: Path) -> soundfile.SoundFile:
    """Open a source's sound, at the scene's rate and with the channel that the source asks for.

    Raises:
        FileFormatError: It cannot be opened as sound.
        DataError: It has another rate, or no such channel.
    """
    import soundfile

    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise _unreadable(source, path, error) from error
    problem = ""
    if file.samplerate != scene.sample_rate_hz:
        problem = (
            f"{path}: the sound of {source.name!r} has {file.samplerate} Hz, but the scene has "
            f"{scene.sample_rate_hz} Hz. Nothing is resampled silently: set sample_rate_hz of the "
            "scene, or convert the file."
        )
    elif source.channel > file.channels:
        problem = (
            f"{path}: the source {source.name!r} asks for channel {source.channel}, but the file "
            f"has {file.channels} (counted from 1)."
        )
    if problem:
        file.close()
        raise DataError(problem)
    return file


@contextmanager
def opened_sound(scene: Scene, source: Source, path: Path) -> Generator[soundfile.SoundFile]:
    """Open a source's sound as `open_sound` does; what cannot be read from it is said alike.

    Raises:
        FileFormatError: It cannot be read as sound.
        DataError: It has another rate, or no such channel.
    """
    import soundfile

    with open_sound(scene, source, path) as file:
        try:
            yield file
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise _unreadable(source, path, error) from error


def _unreadable(source: Source, path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"{path}: not readable as sound ({error}). It belongs to the source {source.name!r}; give "
        "a WAV, FLAC or Ogg file."
    )
