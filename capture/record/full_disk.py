"""FullDisk: a simulated fault: a file that can grow only so far."""

from __future__ import annotations

import errno
import os

from capture.record.disk import RecordingFile


class FullDisk:
    """A recording's file on a disk with little room.

    Args:
        file: The real one.
        most_bytes: How large it may grow.
    """

    def __init__(self, file: RecordingFile, most_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes

    def write(self, data: bytes) -> int:
        """Write what there is room for.

        Raises:
            OSError: That is not all.
        """
        room = max(0, self._most_bytes - self._file.tell())
        self._file.write(data[:room])
        if len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._file.tell()

    def seek(self, offset: int) -> int:
        """Go to an offset."""
        return self._file.seek(offset)

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        self._file.truncate(size)

    def disk_left_bytes(self) -> int:
        """Return the room of the real disk: the fault comes as a surprise."""
        return self._file.disk_left_bytes()
