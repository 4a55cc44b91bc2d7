"""ClusterFile: the layout of a recording's file: header, clusters, and an end that is filled in.

The segment's size, its index and its duration are known at the end only. Until then the file reads
as one that is still being written, and every cluster in it is whole but perhaps the last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from capture import matroska
from capture.k4a_mkv import header, layout
from capture.k4a_mkv.header import RecordingFormat
from capture.matroska import Id

CUE_GAP_US = 1_000_000
"""Between two entries of the index."""
_SEEK_HEAD_SIZE = 160
_GIVEN_UP_AT_MOST = 256
"""Clusters that may give way to the end of the file where the disk is full."""


class Sink(Protocol):
    """What is needed of the file."""

    def write(self, data: bytes, /) -> object:
        """Write all of the data."""
        ...

    def tell(self) -> int:
        """Return the offset of the next byte."""
        ...

    def seek(self, offset: int, /) -> object:
        """Go to an offset, to fill in what was not known before."""
        ...

    def truncate(self, size: int, /) -> object:
        """Cut the file off."""
        ...


class ClusterFile:
    """The file of a recording, from its header to its end.

    Args:
        file: Empty, and open until `finish` or `finish_short` returns.
        recording: What it holds.
    """

    def __init__(self, file: Sink, recording: RecordingFormat) -> None:
        self._file = file
        self._recording = recording
        self._last_us = 0
        self._cues: list[tuple[int, int]] = []
        self._recent: deque[tuple[int, int]] = deque(maxlen=_GIVEN_UP_AT_MOST)
        file.write(header.encode_ebml())
        self._segment = file.tell()
        file.write(Id.SEGMENT.to_bytes(4, "big") + matroska.encode_size(matroska.UNKNOWN_SIZE))
        self._segment_data = file.tell()
        # libk4arecord takes offset 0 in the segment for "missing", so padding comes first; the
        # seek head is written over it at the end.
        file.write(matroska.encode_void(_SEEK_HEAD_SIZE))
        self._parts: dict[int, int] = {}
        for element_id, element in (
            (Id.INFO, header.encode_info(0.0)),
            (Id.TRACKS, header.encode_tracks(recording)),
            (Id.ATTACHMENTS, header.encode_attachments(recording)),
            (Id.TAGS, header.encode_tags(recording)),
        ):
            self._parts[element_id] = file.tell() - self._segment_data
            file.write(element)
        self._whole = file.tell()

    def write_cluster(self, first_us: int, last_us: int, blocks: Sequence[bytes]) -> None:
        """Write a cluster in one piece.

        Args:
            first_us: Its time.
            last_us: Of its last block.
            blocks: Encoded, in the order of time.
        """
        position = self._whole - self._segment_data
        timestamp = matroska.encode_uint(Id.CLUSTER_TIMESTAMP, first_us)
        self._file.write(matroska.encode_master(Id.CLUSTER, timestamp, *blocks))
        if not self._cues or first_us >= self._cues[-1][0] + CUE_GAP_US:
            self._cues.append((first_us, position))
        self._recent.append((self._whole, self._last_us))
        self._last_us = last_us
        self._whole = self._file.tell()

    def finish(self) -> None:
        """Write the index, the duration and the segment's size."""
        file, numbers = self._file, self._recording.numbers
        self._parts[Id.CUES] = self._whole - self._segment_data
        track = numbers.get(layout.COLOR, numbers[layout.DEPTH])
        file.write(header.encode_cues(track, self._cues))
        size = file.tell() - self._segment_data
        file.seek(self._segment + 4)
        file.write(matroska.encode_size(size, 8))
        seek_head = header.encode_seek_head(self._parts)
        file.write(seek_head + matroska.encode_void(_SEEK_HEAD_SIZE - len(seek_head)))
        file.seek(self._segment_data + self._parts[Id.INFO])
        file.write(header.encode_info(float(self._last_us + 1_000_000 // self._recording.fps)))

    def finish_short(self) -> None:
        """Finish after a write that failed: what is half-written goes, and makes room for the end.

        Raises:
            OSError: There is no room for the end even without the last clusters; the file stays
                readable up to there, as one that is still being written.
        """
        while True:
            self._file.truncate(self._whole)
            self._file.seek(self._whole)
            try:
                self.finish()
            except OSError:
                if not self._recent:
                    raise
                self._whole, self._last_us = self._recent.pop()
                end = self._whole - self._segment_data
                self._cues = [cue for cue in self._cues if cue[1] < end]
            else:
                return
