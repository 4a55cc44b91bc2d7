"""Matroska's bricks: EBML elements, encoded and decoded, and the blocks inside clusters.

An element is an id, a size and a payload; a master element's payload is elements again. Ids keep
their length marker (0x1A45DFA3), sizes lose it. A size of all ones means "not known yet", as in a
file that is still being written.

Source: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

UNKNOWN_SIZE = -1
_LONGEST_HEADER = 12
_MILLENNIUM_NS = 978_307_200 * 10**9
"""Matroska dates count nanoseconds from 2001-01-01, Unix times from 1970-01-01."""


class Id(IntEnum):
    """The elements that recordings of an Azure Kinect use."""

    EBML = 0x1A45DFA3
    EBML_VERSION = 0x4286
    EBML_READ_VERSION = 0x42F7
    EBML_MAX_ID_LENGTH = 0x42F2
    EBML_MAX_SIZE_LENGTH = 0x42F3
    DOC_TYPE = 0x4282
    DOC_TYPE_VERSION = 0x4287
    DOC_TYPE_READ_VERSION = 0x4285
    VOID = 0xEC
    CRC_32 = 0xBF
    SEGMENT = 0x18538067
    SEEK_HEAD = 0x114D9B74
    SEEK = 0x4DBB
    SEEK_ID = 0x53AB
    SEEK_POSITION = 0x53AC
    INFO = 0x1549A966
    TIMESTAMP_SCALE = 0x2AD7B1
    DURATION = 0x4489
    DATE_UTC = 0x4461
    MUXING_APP = 0x4D80
    WRITING_APP = 0x5741
    TITLE = 0x7BA9
    TRACKS = 0x1654AE6B
    TRACK_ENTRY = 0xAE
    TRACK_NUMBER = 0xD7
    TRACK_UID = 0x73C5
    TRACK_TYPE = 0x83
    FLAG_LACING = 0x9C
    DEFAULT_DURATION = 0x23E383
    NAME = 0x536E
    CODEC_ID = 0x86
    CODEC_PRIVATE = 0x63A2
    CONTENT_ENCODINGS = 0x6D80
    VIDEO = 0xE0
    PIXEL_WIDTH = 0xB0
    PIXEL_HEIGHT = 0xBA
    AUDIO = 0xE1
    SAMPLING_FREQUENCY = 0xB5
    CHANNELS = 0x9F
    BIT_DEPTH = 0x6264
    CLUSTER = 0x1F43B675
    CLUSTER_TIMESTAMP = 0xE7
    SIMPLE_BLOCK = 0xA3
    BLOCK_GROUP = 0xA0
    BLOCK = 0xA1
    BLOCK_DURATION = 0x9B
    CUES = 0x1C53BB6B
    CUE_POINT = 0xBB
    CUE_TIME = 0xB3
    CUE_TRACK_POSITIONS = 0xB7
    CUE_TRACK = 0xF7
    CUE_CLUSTER_POSITION = 0xF1
    ATTACHMENTS = 0x1941A469
    ATTACHED_FILE = 0x61A7
    FILE_NAME = 0x466E
    FILE_MIME_TYPE = 0x4660
    FILE_DATA = 0x465C
    FILE_UID = 0x46AE
    CHAPTERS = 0x1043A770
    TAGS = 0x1254C367
    TAG = 0x7373
    TARGETS = 0x63C0
    TARGET_TYPE = 0x63CA
    TAG_TRACK_UID = 0x63C5
    TAG_ATTACHMENT_UID = 0x63C6
    SIMPLE_TAG = 0x67C8
    TAG_NAME = 0x45A3
    TAG_STRING = 0x4487


TOP_LEVEL = frozenset(
    {Id.SEEK_HEAD, Id.INFO, Id.TRACKS, Id.CLUSTER, Id.CUES, Id.ATTACHMENTS, Id.CHAPTERS, Id.TAGS}
)
"""Children of the segment: one of them ends a cluster whose size is not known."""


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
    """The head of a block: its frames' track, time and places.

    Attributes:
        track: Track number.
        relative_time: Ticks after the cluster's timestamp, signed.
        frames: (offset from the start of the block, size) of each laced frame.
    """

    track: int
    relative_time: int
    frames: tuple[tuple[int, int], ...]


def encode_size(size: int, length: int | None = None) -> bytes:
    """Encode a size in as few bytes as it needs, or in `length` bytes."""
    if size == UNKNOWN_SIZE:
        return bytes([0x01]) + b"\xff" * 7
    length = length or next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    return (size | 1 << 7 * length).to_bytes(length, "big")


def encode(element_id: int, payload: bytes) -> bytes:
    """Encode an element."""
    header = element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")
    return header + encode_size(len(payload)) + payload


def encode_uint(element_id: int, value: int) -> bytes:
    """Encode an unsigned integer in as few bytes as it needs."""
    return encode(element_id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def encode_float(element_id: int, value: float) -> bytes:
    """Encode a 64-bit float."""
    return encode(element_id, struct.pack(">d", value))


def encode_text(element_id: int, text: str) -> bytes:
    """Encode UTF-8 text."""
    return encode(element_id, text.encode())


def encode_date(element_id: int, unix_time_ns: int) -> bytes:
    """Encode a date."""
    return encode(element_id, struct.pack(">q", unix_time_ns - _MILLENNIUM_NS))


def encode_master(element_id: int, *children: bytes) -> bytes:
    """Encode an element of elements."""
    return encode(element_id, b"".join(children))


def encode_void(total_size: int) -> bytes:
    """Encode padding of `total_size` bytes, header included.

    Raises:
        ValueError: Fewer than 9 bytes: the header has a fixed length of 9 here.
    """
    if total_size < 9:
        raise ValueError(f"padding takes at least 9 bytes, got {total_size}.")
    return bytes([Id.VOID]) + encode_size(total_size - 9, 8) + bytes(total_size - 9)


def encode_block(track: int, relative_time: int, payload: bytes, *, simple: bool) -> bytes:
    """Encode a block with one frame: a SimpleBlock (a key frame), or a BlockGroup.

    Raises:
        ValueError: The relative time does not fit in 16 bits.
    """
    if not -32768 <= relative_time <= 32767:
        raise ValueError(f"a block lies within 32767 ticks of its cluster, got {relative_time}.")
    head = encode_size(track) + struct.pack(">hB", relative_time, 0x80 if simple else 0)
    if simple:
        return encode(Id.SIMPLE_BLOCK, head + payload)
    return encode_master(Id.BLOCK_GROUP, encode(Id.BLOCK, head + payload))


def read_element(file: BinaryIO, offset: int) -> Element | None:
    """Read the header of the element at `offset`; None at the end of the file.

    Raises:
        EbmlError: There is no element, or its header is cut off.
    """
    head = _read_at(file, offset, _LONGEST_HEADER)
    if not head:
        return None
    element_id, after_id = _decode_number(head, 0, keep_marker=True, longest=4)
    size, after_size = _decode_number(head, after_id, keep_marker=False, longest=8)
    if size == (1 << 7 * (after_size - after_id)) - 1:
        size = UNKNOWN_SIZE
    return Element(id=element_id, start=offset, data=offset + after_size, size=size)


def read_children(file: BinaryIO, parent: Element, stop: int | None = None) -> Iterator[Element]:
    """Yield the elements in a master element of known size (or up to `stop`).

    Raises:
        EbmlError: A child is no element or reaches out of its parent.
    """
    offset = parent.data
    end = parent.stop if stop is None else stop
    while offset < end:
        child = read_element(file, offset)
        if child is None or child.size == UNKNOWN_SIZE or child.stop > end:
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


def decode_block_header(block: bytes, size: int) -> BlockHeader:
    """Decode the head of a block (of a SimpleBlock or of a BlockGroup).

    Args:
        block: The first bytes of the payload; 1 KiB covers the sizes of any lacing in use.
        size: Bytes of the whole payload.

    Raises:
        EbmlError: The head is cut off or its lacing does not add up.
    """
    track, offset = _decode_number(block, 0, keep_marker=False, longest=8)
    if len(block) < offset + 3:
        raise EbmlError("a block is cut off")
    relative_time, flags = struct.unpack_from(">hB", block, offset)
    offset += 3
    lacing = flags >> 1 & 3
    sizes, offset = (
        _laced_sizes(block, offset, size, lacing) if lacing else ([size - offset], offset)
    )
    frames: list[tuple[int, int]] = []
    for frame_size in sizes:
        if frame_size < 0 or offset + frame_size > size:
            raise EbmlError("the frames of a block do not fit in it")
        frames.append((offset, frame_size))
        offset += frame_size
    return BlockHeader(track=track, relative_time=relative_time, frames=tuple(frames))


def _laced_sizes(block: bytes, offset: int, size: int, lacing: int) -> tuple[list[int], int]:
    """Return the sizes of all frames of a laced block, and where the first one starts."""
    xiph, fixed = lacing == 1, lacing == 2
    try:
        count = block[offset] + 1
        offset += 1
        if fixed:
            return [(size - offset) // count] * count, offset
        sizes: list[int] = []
        while len(sizes) < count - 1:
            if xiph:
                frame_size = 0
                while block[offset] == 255:
                    frame_size += 255
                    offset += 1
                frame_size += block[offset]
                offset += 1
            else:
                before = offset
                number, offset = _decode_number(block, offset, keep_marker=False, longest=8)
                # After the first size come signed differences, biased by half their range.
                bias = (1 << (7 * (offset - before) - 1)) - 1
                frame_size = sizes[-1] + number - bias if sizes else number
            sizes.append(frame_size)
    except IndexError as error:
        raise EbmlError("a block's lacing is cut off") from error
    sizes.append(size - offset - sum(sizes))
    return sizes, offset


def _decode_number(data: bytes, offset: int, *, keep_marker: bool, longest: int) -> tuple[int, int]:
    """Decode an id or a size of variable length; return it and the offset after it."""
    if offset >= len(data) or data[offset] == 0:
        raise EbmlError("no EBML element here")
    length = 9 - data[offset].bit_length()
    if length > longest or offset + length > len(data):
        raise EbmlError("no EBML element here")
    number = int.from_bytes(data[offset : offset + length], "big")
    return (number if keep_marker else number & ((1 << 7 * length) - 1)), offset + length
