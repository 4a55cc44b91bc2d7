"""Read a sound file in pieces that overlap, without reading or allocating anything twice."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import DataError, FileFormatError

# Sounds of integers are read as these, of which the full scale is so much.
_Kind = Literal["float32", "int16", "int32"]
_INTEGERS: dict[str, tuple[_Kind, float]] = {
    "PCM_16": ("int16", 2.0**15),
    "PCM_24": ("int32", 2.0**31),
}


class SoundWindow:
    """A window on one channel of a sound file, which lies at some place on the time of a scene.

    Before the file begins and after it has ended there is silence. The window may be put anywhere;
    where it moves on and overlaps what it showed before, the rest is read without seeking.
    """

    def __init__(self, file: soundfile.SoundFile, *, channel: int, start: int) -> None:
        """Take an open file.

        Args:
            file: The file.
            channel: Which of its channels, counted from 1.
            start: The sample of the scene at which the file begins.
        """
        self._file = file
        self._column = channel - 1
        self._start = start
        self._buffer = np.zeros(0, dtype=np.float32)
        # NumPy makes floats of integers several times as fast as libsndfile, and the same ones.
        stored: tuple[_Kind, float] = _INTEGERS.get(file.subtype, ("float32", 1.0))
        self._kind: _Kind = stored[0]
        full_scale = stored[1]
        self._scale = np.float32(1 / full_scale)
        self._straight = self._kind == "float32" and file.channels == 1
        self._raw = np.zeros((0, file.channels), dtype=self._kind)
        self._first = 0  # sample of the scene that the buffer begins with
        self._filled = 0

    def read(self, first: int, count: int) -> Float32[np.ndarray, "count"]:
        """Return samples of the scene; they are valid until the next call.

        Raises:
            FileFormatError: The file cannot be read there.
            DataError: A sample is not a finite number.
        """
        if count > len(self._buffer):
            grown = np.zeros(3 * count, dtype=np.float32)
            grown[: self._filled] = self._buffer[: self._filled]
            self._buffer = grown
            if not self._straight:
                self._raw = np.zeros((3 * count, self._file.channels), dtype=self._kind)
        end = self._first + self._filled
        if not self._first <= first <= end:
            self._first, self._filled = first, 0
        elif first + count > self._first + len(self._buffer):
            kept = end - first
            # Copies within an array overlap, except where they go by less than they move.
            moved, step = 0, first - self._first
            while moved < kept:
                part = min(step, kept - moved)
                self._buffer[moved : moved + part] = self._buffer[
                    moved + step : moved + step + part
                ]
                moved += part
            self._first, self._filled = first, kept
        if first + count > self._first + self._filled:
            # As much as there is room for: a call for little costs about as much.
            self._load(self._first + self._filled, self._buffer[self._filled :])
            self._filled = len(self._buffer)
        begin = first - self._first
        return self._buffer[begin : begin + count]

    def _load(self, first: int, out: Float32[np.ndarray, "count"]) -> None:
        """Write samples of the scene from the file."""
        begin = max(first - self._start, 0)
        end = max(begin, min(first - self._start + len(out), len(self._file)))
        place = begin + self._start - first
        part = out[place : place + end - begin]
        out[:place] = 0
        out[place + len(part) :] = 0
        if len(part) == 0:
            return
        whole = part if self._straight else self._raw[: len(part)]
        rate = self._file.samplerate
        try:
            if self._file.tell() != begin:
                self._file.seek(begin)
            read = self._file.buffer_read_into(whole, self._kind)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise FileFormatError(
                f"{self._file.name}: cannot be read at {begin / rate:.3f} s ({error})."
            ) from error
        if not self._straight:
            part[:] = whole[:, self._column]
            part *= self._scale
        part[read:] = 0
        # A sum is finite if all is, and needs no memory for an answer for each sample.
        if not math.isfinite(float(part.sum())) and not np.isfinite(part).all():
            at_s = (begin + int(np.argmin(np.isfinite(part)))) / rate
            raise DataError(
                f"{self._file.name}: a sample at {at_s:.3f} s is not a finite number. Export the "
                "sound again."
            )
