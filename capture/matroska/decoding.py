"""Decode EBML elements and the heads of Matroska blocks, out of a file or out of bytes."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from capture.matroska.ids import UNKNOWN_SIZE

_LONGEST_HEADER = 12


class EbmlError(ValueError):
    """The bytes at hand are no EBML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """Where an element lies in its file.

    Attributes:
        id: With its length marker.
        start: Offset of the id.
        data: Offset of the payload.
        size: Bytes of the payload, or `UNKNOWN_SIZE`.
    """

    id: int
    start: int
    data: int
    size: int

    @property
    def stop(self) -> int:
        """Offset of what follows; only for an element of known size."""
        return self.data + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHeader:
    """The head of a block.

    Attributes:
        track: Track number.
        relative_time: Ticks after the cluster's timestamp, signed.
        length: Bytes of the head. All frames follow it, one after the other.
    """

    track: int
    relative_time: int
    length: int


def read_element(file: BinaryIO, offset: int) -> Element | None:
    """Read the header of the element at `offset`; None at the end of the file.

    Raises:
        EbmlError: There is no element, or its header is cut off.
    """
    head = _read_at(file, offset, _LONGEST_HEADER)
    return decode_element(head, offset) if head else None


def decode_element(head: bytes, offset: int) -> Element:
    """Decode the header of the element whose first bytes are `head` and lie at `offset`.

    Raises:
        EbmlError: There is no element, or its header is cut off.
    """
    element_id, after_id = _decode_number(head, 0, keep_marker=True, longest=4)
    size, after_size = _decode_number(head, after_id, keep_marker=False, longest=8)
    if size == (1 << 7 * (after_size - after_id)) - 1:
        size = UNKNOWN_SIZE
    return Element(id=element_id, start=offset, data=offset + after_size, size=size)


def read_children(file: BinaryIO, parent: Element) -> Iterator[Element]:
    """Yield the elements in a master element of known size.

    Raises:
        EbmlError: A child is no element or reaches out of its parent.
    """
    offset = parent.data
    while offset < parent.stop:
        child = read_element(file, offset)
        if child is None or child.size == UNKNOWN_SIZE or child.stop > parent.stop:
            raise EbmlError(f"the element at byte {offset} reaches out of its parent")
        yield child
        offset = child.stop


def read_payload(file: BinaryIO, element: Element) -> bytes:
    """Read an element's payload.

    Raises:
        EbmlError: The file ends inside it.
    """
    return read_bytes(file, element.data, element.size)


def read_bytes(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read `size` bytes at `offset`.

    Raises:
        EbmlError: The file ends before.
    """
    payload = _read_at(file, offset, size)
    if len(payload) != size:
        raise EbmlError(f"the file ends inside the element at byte {offset}")
    return payload


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):  # one system call, and no file position to share with a fork
        payload = os.pread(file.fileno(), size, offset)
        if len(payload) in (0, size):
            return payload
    file.seek(offset)
    return file.read(size)


def decode_uint(payload: bytes) -> int:
    """Decode an unsigned integer."""
    return int.from_bytes(payload, "big")


def decode_float(payload: bytes) -> float:
    """Decode a float of 0, 4 or 8 bytes.

    Raises:
        EbmlError: Another length.
    """
    if len(payload) not in (0, 4, 8):
        raise EbmlError(f"a float has 4 or 8 bytes, got {len(payload)}")
    return struct.unpack(">f" if len(payload) == 4 else ">d", payload)[0] if payload else 0.0


def decode_text(payload: bytes) -> str:
    """Decode text; bytes that are no UTF-8 become replacement marks."""
    return payload.split(b"\0", 1)[0].decode("utf-8", errors="replace")


def decode_block_header(block: bytes) -> BlockHeader:
    """Decode the head of a block (of a SimpleBlock or of a BlockGroup).

    Args:
        block: The first bytes of the payload, enough to hold the head.

    Raises:
        EbmlError: The head is cut off.
    """
    track, offset = _decode_number(block, 0, keep_marker=False, longest=8)
    if len(block) < offset + 3:
        raise EbmlError("a block is cut off")
    relative_time, flags = struct.unpack_from(">hB", block, offset)
    length = _skip_lacing(block, offset + 3, flags >> 1 & 3)
    return BlockHeader(track=track, relative_time=relative_time, length=length)


def _skip_lacing(block: bytes, offset: int, lacing: int) -> int:
    """Return where the first frame starts: after the count and the sizes of laced frames."""
    none, xiph, fixed = 0, 1, 2
    if lacing == none:
        return offset
    try:
        laced_sizes = block[offset]  # one less than there are frames: the last size is the rest
        offset += 1
        for _ in range(0 if lacing == fixed else laced_sizes):
            if lacing == xiph:
                while block[offset] == 255:
                    offset += 1
                offset += 1
            else:
                _, offset = _decode_number(block, offset, keep_marker=False, longest=8)
    except IndexError as error:
        raise EbmlError("a block's lacing is cut off") from error
    return offset


def _decode_number(data: bytes, offset: int, *, keep_marker: bool, longest: int) -> tuple[int, int]:
    """Decode an id or a size of variable length; return it and the offset after it."""
    if offset >= len(data) or data[offset] == 0:
        raise EbmlError("no EBML element here")
    length = 9 - data[offset].bit_length()
    if length > longest or offset + length > len(data):
        raise EbmlError("no EBML element here")
    number = int.from_bytes(data[offset : offset + length], "big")
    return (number if keep_marker else number & ((1 << 7 * length) - 1)), offset + length
