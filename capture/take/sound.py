"""Where a take's sound comes from: a sound file, or the AUDIO track of a recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import DataError, FileFormatError
from capture.k4a_mkv import AudioFormat, K4ARecording
from capture.waveform import Sound, check_there

SOUND_SUFFIXES = (".wav", ".flac", ".w64", ".rf64", ".aiff", ".aif", ".ogg")
"""Of the files that are read as sound."""

_SIXTEEN_BITS = ("PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW")


class TakeSound(Sound, Protocol):
    """What a take needs of its sound."""

    @property
    def bits(self) -> int:
        """Bits of a sample that lose nothing of it: 16 or 24; more count as 24."""
        ...


class FileSound:
    """The sound of a WAV, FLAC or other file, opened anew for each reading.

    Attributes:
        path: The file.
        channel_count: Channels.
        sample_rate_hz: Samples a second of each.
        sample_count: Samples of each.
        subtype: Its sample format, as libsndfile names it.
        comment: What the file says about itself, or "".

    Raises:
        FileFormatError: The file is missing or no sound file.
        DataError: It holds no sample.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        check_there(path)
        try:
            with soundfile.SoundFile(self.path) as file:
                self.channel_count = int(file.channels)
                self.sample_rate_hz = int(file.samplerate)
                self.sample_count = int(file.frames)
                self.subtype = str(file.subtype)
                self.comment = str(file.comment)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise FileFormatError(
                f"{path}: not readable as sound ({error}). Give a WAV, FLAC or Ogg file."
            ) from error
        if self.sample_count == 0:
            raise DataError(f"{path}: holds no sound: it is empty. Export the sound again.")

    @property
    def bits(self) -> int:
        """Bits of a sample that lose nothing of it: 16 or 24."""
        return 16 if self.subtype in _SIXTEEN_BITS else 24

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Read samples.

        Raises:
            FileFormatError: The file is broken there.
            DataError: A sample is not a finite number.
        """
        try:
            samples, _ = soundfile.read(
                self.path, start=start, stop=stop, dtype="float32", always_2d=True
            )
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise FileFormatError(
                f"{self.path}: cannot be read at {start / self.sample_rate_hz:.3f} s ({error})."
            ) from error
        finite = np.isfinite(samples).all(axis=1)
        if not finite.all():
            at_s = (start + int(np.argmin(finite))) / self.sample_rate_hz
            raise DataError(
                f"{self.path}: a sample at {at_s:.3f} s is not a finite number. Export the sound "
                "again."
            )
        return np.ascontiguousarray(samples.T)


class RecordingSound:
    """The AUDIO track of a recording."""

    def __init__(self, recording: K4ARecording, audio: AudioFormat) -> None:
        self._recording = recording
        self.channel_count = audio.channels
        self.sample_rate_hz = audio.sample_rate_hz
        self.sample_count = audio.sample_count
        self.bits = 16 if audio.bits <= 16 else 24

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Read samples."""
        return self._recording.read_audio(start, stop)


def find_sound_file(folder: Path) -> str | None:
    """Return the name of the only sound file in a folder, None where there is none.

    Raises:
        FileFormatError: There is more than one.
    """
    names = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in SOUND_SUFFIXES)
    if len(names) > 1:
        raise FileFormatError(
            f"{folder}: holds {len(names)} sound files ({', '.join(names[:3])}). Say which one "
            "with --audio FILE.wav."
        )
    return names[0] if names else None
