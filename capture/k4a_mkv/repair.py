"""repair_recording: give a recording that was cut off, or is damaged, its end, in place.

Nothing is taken away: bytes that make no sense become padding, by a header over their first few.
Clusters after them count again. The segment's size, the duration, the index and the seek head are
written as the recorder would have done.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from capture import matroska
from capture.errors import FileFormatError, OutputError
from capture.k4a_mkv import header, layout
from capture.k4a_mkv.clusters import CUE_GAP_US
from capture.matroska import UNKNOWN_SIZE, Element, Id, MatroskaFile, TrackEntry
from capture.matroska.decoding import read_children, read_element, read_payload
from capture.matroska.scan import SegmentScan, scan_segment

_PARTS = (Id.INFO, Id.TRACKS, Id.ATTACHMENTS, Id.TAGS, Id.CUES)
"""What a seek head points at."""
_ID_SIZE = 4
"""Bytes of the ids of segments and clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was done to a file.

    Attributes:
        duration_s: Of the recording.
        padded: Bytes that make no sense and became padding.
        done: What was done, one phrase each; empty where nothing had to be.
    """

    duration_s: float
    padded: int
    done: tuple[str, ...]


def repair_recording(path: str | os.PathLike[str]) -> Repair:
    """Repair a recording in place. Doing it twice changes nothing more.

    Raises:
        FileFormatError: It is no Matroska file, or holds no whole cluster.
        OutputError: It cannot be written.
    """
    path = Path(path)
    MatroskaFile(path).close()
    try:
        with path.open("r+b", buffering=0) as file:
            segment = _segment(file)
            scan = scan_segment(file, segment)
            if not any(cluster.blocks for cluster in scan.clusters):
                raise FileFormatError(
                    f"{path}: holds no whole cluster, so there is nothing to save: the recording "
                    "ended before its first image was on the disk."
                )
            done = _pad(file, scan)
            with MatroskaFile(path) as indexed:
                tracks, scale_ns = indexed.tracks, indexed.timestamp_scale_ns
            last = max(int(track.blocks[-1, 0]) for track in tracks if len(track.blocks))
            frame_ns = max(track.default_duration_ns for track in tracks)
            ticks = last + frame_ns // scale_ns
            if Id.CUES not in scan.parts:
                done += _add_cues(file, segment, scan, tracks, scale_ns)
            done += _state_size(file, segment)
            done += _state_duration(file, scan, ticks, changed=bool(done))
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"{path}: cannot be repaired: {error.strerror or error}.") from error
    return Repair(
        duration_s=ticks * scale_ns * 1e-9,
        padded=sum(stop - start for start, stop in scan.padding),
        done=tuple(done),
    )


def _segment(file: BinaryIO) -> Element:
    head = read_element(file, 0)
    segment = None if head is None else read_element(file, head.stop)
    assert segment is not None  # MatroskaFile has found it
    return segment


def _pad(file: BinaryIO, scan: SegmentScan) -> list[str]:
    """Let clusters end where they are whole, and make padding of what makes no sense."""
    done: list[str] = []
    for cluster in scan.clusters:
        element = cluster.element
        if element.size == UNKNOWN_SIZE or element.stop != cluster.stop:
            _write(file, element.start + _ID_SIZE, _size_of(element, cluster.stop))
            _drop_checksum(file, element)
            done.append(f"the cluster at byte {element.start} ends at its last whole block")
    for start in scan.broken:
        _write(file, start, bytes([Id.VOID]))  # the ids of blocks have one byte, too
        done.append(f"the block at byte {start} cannot be read and is padding now")
    for start, stop in scan.padding:
        _write(file, start, _padding_header(stop - start))
        done.append(f"{stop - start} bytes at byte {start} make no sense and are padding now")
    return done


def _padding_header(size: int) -> bytes:
    """Return the header of a Void element of `size` bytes; nothing for one byte, which has none."""
    if size < 2:
        return b""
    length = min(8, size - 1)
    return bytes([Id.VOID]) + matroska.encode_size(size - 1 - length, length)


def _add_cues(
    file: BinaryIO,
    segment: Element,
    scan: SegmentScan,
    tracks: list[TrackEntry],
    scale_ns: int,
) -> list[str]:
    """Write the index at the end, and a seek head into the room at the beginning."""
    cues: list[tuple[int, int]] = []
    gap = CUE_GAP_US * 1000 // scale_ns
    for cluster in scan.clusters:
        if cluster.blocks and (not cues or cluster.time >= cues[-1][0] + gap):
            cues.append((cluster.time, cluster.element.start - segment.data))
    names = {track.name: track.number for track in tracks}
    number = names.get(layout.COLOR, names.get(layout.DEPTH, tracks[0].number))
    place = file.seek(0, os.SEEK_END)
    _write(file, place, header.encode_cues(number, cues))
    positions = {part: scan.parts[part].start for part in _PARTS if part in scan.parts}
    positions[Id.CUES] = place
    seek_head = header.encode_seek_head(
        {part: start - segment.data for part, start in positions.items()}
    )
    room = _room_for_seek_head(file, segment)
    if len(seek_head) == room:
        _write(file, segment.data, seek_head)
    elif len(seek_head) + 9 <= room:
        _write(file, segment.data, seek_head + matroska.encode_void(room - len(seek_head)))
    return [f"the index of {len(cues)} entries was added"]


def _room_for_seek_head(file: BinaryIO, segment: Element) -> int:
    """Return how many bytes at the segment's beginning are padding, or an old seek head."""
    offset = segment.data
    element = read_element(file, offset)
    while element is not None and element.id in (Id.VOID, Id.SEEK_HEAD):
        offset = element.stop
        element = read_element(file, offset)
    return offset - segment.data


def _state_size(file: BinaryIO, segment: Element) -> list[str]:
    stop = file.seek(0, os.SEEK_END)
    if segment.size == stop - segment.data:
        return []
    _write(file, segment.start + _ID_SIZE, _size_of(segment, stop))
    return ["the size of the recording was filled in"]


def _state_duration(file: BinaryIO, scan: SegmentScan, ticks: int, *, changed: bool) -> list[str]:
    """Fill in the duration where there is none, or where the recording was changed."""
    info = scan.parts.get(Id.INFO)
    for child in read_children(file, info) if info else ():
        if child.id == Id.DURATION and child.size in (4, 8):
            code = ">f" if child.size == 4 else ">d"
            packed = struct.pack(code, float(ticks))
            stated = read_payload(file, child)
            if stated != packed and (changed or not any(stated)):
                _write(file, child.data, packed)
                _drop_checksum(file, info)
                return ["the duration was filled in"]
    return []


def _size_of(element: Element, stop: int) -> bytes:
    """Encode the size of a master element that ends at `stop`, as long as it was encoded before."""
    length = element.data - element.start - _ID_SIZE
    size = stop - element.data
    if size >= (1 << 7 * length) - 1:
        size = (1 << 7 * length) - 1  # it does not fit: the code for "unknown"
    return matroska.encode_size(size, length)


def _drop_checksum(file: BinaryIO, parent: Element | None) -> None:
    """Make padding of the checksum of a master element that was changed."""
    first = None if parent is None else read_element(file, parent.data)
    if first is not None and first.id == Id.CRC_32:
        _write(file, first.start, bytes([Id.VOID]))


def _write(file: BinaryIO, offset: int, data: bytes) -> None:
    file.seek(offset)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
