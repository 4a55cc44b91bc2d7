"""RecordingFile: a file that grows while it is recorded, and is on the disk soon after.

Every write goes to the operating system at once, so a process that is killed loses nothing that it
wrote. A second thread asks for the disk itself every two seconds, so a power cut loses about that.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Self

SYNC_EVERY_S = 2.0


class RecordingFile:
    """A file for `K4AStream`; a context manager.

    Args:
        path: A new file.

    Raises:
        OSError: It is there already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._path = path
        self._handle = os.open(path, flags, 0o644)
        self._error: OSError | None = None
        self._closing = threading.Event()
        self._syncing = threading.Thread(target=self._sync, name="sync", daemon=True)
        self._syncing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._syncing.join()
        try:
            os.fsync(self._handle)
        finally:
            os.close(self._handle)

    def write(self, data: bytes) -> int:
        """Write all of the data.

        Raises:
            OSError: The disk is full, gone or broken.
        """
        if self._error is not None:
            raise self._error
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        return len(data)

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def seek(self, offset: int) -> int:
        """Go to an offset."""
        return os.lseek(self._handle, offset, os.SEEK_SET)

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        self._error = None
        os.ftruncate(self._handle, size)

    def sync_folder(self) -> None:
        """Let the disk itself keep all that the folder holds now, names included."""
        for path in (*self._path.parent.iterdir(), self._path.parent):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def disk_left_bytes(self) -> int:
        """Return how much room the disk has."""
        return shutil.disk_usage(self._path.parent).free

    def _sync(self) -> None:
        sync = getattr(os, "fdatasync", os.fsync)
        while not self._closing.wait(SYNC_EVERY_S):
            try:
                sync(self._handle)
            except OSError as error:
                self._error = error
