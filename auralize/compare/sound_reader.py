"""Read any part of a sound file, however long it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import DataError, FileFormatError


class SoundReader:
    """An open sound file, to be used in a `with` statement.

    Attributes:
        path: The file.
        sample_rate_hz: Samples a second of each channel.
        channel_count: Channels.
        sample_count: Samples of each.
        subtype: Its sample format, as libsndfile names it.
        comment: What it says about itself.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file.

        Raises:
            FileFormatError: It is missing, or no sound file.
        """
        self.path = Path(path)
        try:
            self._file = soundfile.SoundFile(self.path)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            raise FileFormatError(
                f"{self.path}: not readable as sound ({error}). Give a WAV, FLAC or Ogg file."
            ) from error
        self.sample_rate_hz = int(self._file.samplerate)
        self.channel_count = int(self._file.channels)
        self.sample_count = int(self._file.frames)
        self.subtype = str(self._file.subtype)
        self.comment = str(self._file.comment)

    def __enter__(self) -> SoundReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, start: int, count: int) -> Float32[np.ndarray, "channels count"]:
        """Return a part; before its start and after its end, a sound is silent.

        Raises:
            FileFormatError: The file is broken there.
            DataError: A sample is not a finite number.
        """
        part = np.zeros((self.channel_count, count), dtype=np.float32)
        first, last = max(start, 0), min(start + count, self.sample_count)
        if first >= last:
            return part
        try:
            if self._file.tell() != first:
                self._file.seek(first)
            samples = self._file.read(last - first, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise FileFormatError(
                f"{self.path}: cannot be read at {first / self.sample_rate_hz:.3f} s ({error})."
            ) from error
        finite = np.isfinite(samples).all(axis=1)
        if not finite.all():
            at_s = (first + int(np.argmin(finite))) / self.sample_rate_hz
            raise DataError(
                f"{self.path}: a sample at {at_s:.3f} s is not a finite number. Export the sound "
                "again."
            )
        part[:, first - start : first - start + len(samples)] = samples.T
        return part

    def blocks(self, count: int) -> Iterator[Float32[np.ndarray, "channels samples"]]:
        """Give the whole sound in blocks; the last may be shorter."""
        for start in range(0, self.sample_count, count):
            yield self.read(start, min(count, self.sample_count - start))
