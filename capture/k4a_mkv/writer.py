"""K4AWriter: write a recording that the Azure Kinect's own tools open, whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from capture.camera.calibration import Calibration
from capture.files.atomic import atomic_path
from capture.k4a_mkv.stream import K4AStream


class K4AWriter(K4AStream):
    """Write a K4A MKV; a context manager. The file gets its name when the block ends well.

    Args:
        path: Where to write. An existing file is replaced.
        calibration: Of the sensor; its modes are the recording's.
        options: As `K4AStream` takes them.

    Raises:
        ValueError: An argument is out of range.
        OutputError: The file cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], calibration: Calibration, **options: Any
    ) -> None:
        super().__init__(calibration, **options)
        self._path = path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self.begin(stack.enter_context(temporary.open("wb")))
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._closing.__exit__(kind, error, traceback)
            return
        with self._closing:
            self.finish()
