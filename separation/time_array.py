"""Arrays whose last axis is time, in memory or on disk, filled and read part by part.

What is held of a take while it is separated grows with its length. In memory these are numpy's
arrays; on disk they let a take of any length be separated in the memory of a short one.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32
from numpy.typing import DTypeLike

from capture.errors import OutputError


class TimeArray(Protocol):
    """An array of which ranges of the last axis are read and written: [..., start:stop]."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape; time is the last axis."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Return a range of the last axis."""
        ...

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a range of the last axis."""
        ...


Allocate = Callable[[tuple[int, ...], DTypeLike], TimeArray]
"""Makes an array of a shape and a type, filled with zeros; `numpy.zeros` is one."""


class DiskArray:
    """An array in a file of its own, zero where nothing was written.

    Only ranges of the last axis are read and written. Reading gives a copy.

    Args:
        folder: Where the file is made. It is not deleted: give a temporary folder.
        shape: Of the array.
        dtype: Of its values.

    Raises:
        OutputError: The disk is full, or the folder cannot be written.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape = shape
        self._dtype = np.dtype(dtype)
        self._inner = shape[:-1]
        self._step_bytes = math.prod(self._inner) * self._dtype.itemsize
        try:
            file, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(file, "wb") as new:
                new.truncate(shape[-1] * self._step_bytes)
        except OSError as error:
            raise _no_room(folder, error) from error
        self._path = Path(name)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return a range of the last axis; time is first in the file."""
        start, stop = self._range(key)
        count = (stop - start) * math.prod(self._inner)
        values = np.fromfile(self._path, self._dtype, count, offset=start * self._step_bytes)
        in_time = values.reshape(stop - start, *self._inner)
        return np.ascontiguousarray(np.moveaxis(in_time, 0, -1))

    def __setitem__(self, key: Any, value: np.ndarray) -> None:
        """Write a range of the last axis."""
        start, stop = self._range(key)
        whole = np.broadcast_to(np.asarray(value, self._dtype), (*self._inner, stop - start))
        try:
            with self._path.open("r+b") as file:
                file.seek(start * self._step_bytes)
                file.write(np.ascontiguousarray(np.moveaxis(whole, -1, 0)).data)
        except OSError as error:
            raise _no_room(self._path.parent, error) from error

    def _range(self, key: Any) -> tuple[int, int]:
        """Return the range of the last axis that a key means; other axes are taken whole."""
        *others, last = key if isinstance(key, tuple) else (key,)
        is_whole = all(other is Ellipsis or other == slice(None) for other in others)
        names_last_axis = Ellipsis in others or len(others) == len(self._inner)
        if not (is_whole and names_last_axis and isinstance(last, slice) and last.step is None):
            raise IndexError(f"of an array on disk only ranges of time can be had, not {key!r}.")
        start, stop, _ = last.indices(self.shape[-1])
        return start, max(start, stop)


class StoredSound:
    """A mono sound in an array over time.

    Args:
        samples: Float32 of shape (samples,).
        sample_rate_hz: Samples a second.
    """

    channel_count = 1

    def __init__(self, samples: TimeArray, sample_rate_hz: int) -> None:
        self._samples = samples
        self.sample_rate_hz = sample_rate_hz
        self.sample_count = samples.shape[-1]

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "1 samples"]:
        """Read samples."""
        return self._samples[start:stop][None]


def _no_room(folder: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"cannot keep the separation's data in {folder}: {reason}. Choose a folder that is "
        "writable and has room."
    )
