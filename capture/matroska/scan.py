"""scan_segment: what of a damaged Matroska file is whole, also after the damage.

A cluster counts up to the last whole block in it. Where the bytes make no sense, the search goes on
at the next cluster: its id of four bytes, followed by its timestamp (or a checksum and that).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import BinaryIO

from capture.matroska.decoding import (
    EbmlError,
    Element,
    decode_block_header,
    decode_uint,
    read_bytes,
    read_children,
    read_element,
    read_payload,
)
from capture.matroska.ids import TOP_LEVEL, UNKNOWN_SIZE, Id

_CLUSTER = Id.CLUSTER.to_bytes(4, "big")
_CHUNK = 1 << 20
_LONGEST_HEAD = 4096
_CRC_SIZE = 4
_IN_CLUSTER = frozenset(
    {Id.CLUSTER_TIMESTAMP, Id.SIMPLE_BLOCK, Id.BLOCK_GROUP, Id.VOID, Id.CRC_32, 0xA7, 0xAB}
)
"""Children of a cluster; the last two are Position and PrevSize."""
_AT_TOP = TOP_LEVEL | {Id.VOID, Id.CRC_32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster, as far as it is whole.

    Attributes:
        element: Where it lies, as it says.
        time: Its timestamp.
        stop: Offset after its last whole block.
        blocks: How many whole blocks it has.
    """

    element: Element
    time: int
    stop: int
    blocks: int


@dataclass(slots=True, kw_only=True)
class SegmentScan:
    """What was found in a segment.

    Attributes:
        clusters: In the order of the file.
        parts: Other children of the segment, by id; the last one where there are several.
        padding: Bytes (start, stop) that make no sense, or are left over from a cluster.
        broken: Offsets of blocks of known size that nobody can read.
        stop: Where the file ends.
    """

    clusters: list[Cluster] = field(default_factory=list[Cluster])
    parts: dict[int, Element] = field(default_factory=dict[int, Element])
    padding: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    broken: list[int] = field(default_factory=list[int])
    stop: int = 0


def scan_segment(file: BinaryIO, segment: Element) -> SegmentScan:
    """Look through a segment to the end of the file.

    Args:
        file: Open for reading, unbuffered or not.
        segment: Where it lies; the size that it states does not matter.

    Raises:
        OSError: The file cannot be read.
    """
    scan = SegmentScan(stop=os.fstat(file.fileno()).st_size)
    offset = segment.data
    while offset < scan.stop:
        element = _child(file, offset, _AT_TOP, scan.stop)
        if element is None:
            following = _next_cluster(file, offset, scan.stop)
            scan.padding.append((offset, following))
            offset = following
        elif element.id == Id.CLUSTER:
            offset = _scan_cluster(file, element, scan)
        else:
            scan.parts[element.id] = element
            offset = element.stop
    return scan


def _scan_cluster(file: BinaryIO, element: Element, scan: SegmentScan) -> int:
    """Add a cluster to the scan; return where to go on."""
    open_ended = element.size == UNKNOWN_SIZE
    stop = scan.stop if open_ended else min(element.stop, scan.stop)
    offset, time, blocks = element.data, 0, 0
    while offset < stop:
        child = _child(file, offset, _IN_CLUSTER, stop)
        if child is None:
            break
        if child.id == Id.CLUSTER_TIMESTAMP:
            time = decode_uint(read_payload(file, child))
        if child.id in (Id.SIMPLE_BLOCK, Id.BLOCK_GROUP):
            if _is_block(file, child):
                blocks += 1
            else:
                scan.broken.append(child.start)
        offset = child.stop
    scan.clusters.append(Cluster(element=element, time=time, stop=offset, blocks=blocks))
    if offset >= stop or _child(file, offset, _AT_TOP, scan.stop) is not None:
        return offset
    following = _next_cluster(file, offset, scan.stop)
    scan.padding.append((offset, following))
    return following


def _child(file: BinaryIO, offset: int, known: frozenset[int], stop: int) -> Element | None:
    """Return the element at an offset, None where there is none of a known kind that is whole."""
    try:
        element = read_element(file, offset)
    except EbmlError:
        return None
    if element is None or element.id not in known:
        return None
    if element.id == Id.CLUSTER:  # it may be cut off
        return element if _is_cluster(file, element) else None
    if element.size == UNKNOWN_SIZE or element.stop > stop:
        return None
    return element


def _is_block(file: BinaryIO, element: Element) -> bool:
    """Return whether the head of a block, or of the one in a group, can be read."""
    try:
        if element.id == Id.BLOCK_GROUP:
            inner = [part for part in read_children(file, element) if part.id == Id.BLOCK]
            return bool(inner) and all(_is_block(file, part) for part in inner)
        size = min(element.size, _LONGEST_HEAD)
        decode_block_header(read_bytes(file, element.data, size))
    except EbmlError:
        return False
    return True


def _is_cluster(file: BinaryIO, element: Element) -> bool:
    """Return whether a timestamp comes first, or after a checksum, as libmatroska writes one."""
    try:
        first = read_element(file, element.data)
        if first is not None and first.id == Id.CRC_32 and first.size == _CRC_SIZE:
            first = read_element(file, first.stop)
    except EbmlError:
        return False
    return first is not None and first.id == Id.CLUSTER_TIMESTAMP and 1 <= first.size <= 8


def _next_cluster(file: BinaryIO, after: int, stop: int) -> int:
    """Return the offset of the next cluster after an offset, or the file's end."""
    offset = after + 1
    while offset < stop:
        file.seek(offset)
        chunk = file.read(_CHUNK)
        place = chunk.find(_CLUSTER)
        while place >= 0:
            element = _child(file, offset + place, frozenset({Id.CLUSTER}), stop)
            if element is not None:
                return offset + place
            place = chunk.find(_CLUSTER, place + 1)
        if len(chunk) < _CHUNK:
            break
        offset += len(chunk) - len(_CLUSTER) + 1
    return stop
