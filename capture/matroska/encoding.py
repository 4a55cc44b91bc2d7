"""Encode EBML elements and Matroska blocks."""

from __future__ import annotations

import struct

from capture.matroska.ids import UNKNOWN_SIZE, Id


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


def encode_block(
    track: int, relative_time: int, payload: bytes, *, duration: int | None = None
) -> bytes:
    """Encode a block with one frame.

    Args:
        track: Track number.
        relative_time: Ticks after the cluster's timestamp.
        payload: The frame.
        duration: Ticks that the frame lasts: makes it a BlockGroup instead of a SimpleBlock.

    Raises:
        ValueError: The relative time does not fit in 16 bits.
    """
    if not -32768 <= relative_time <= 32767:
        raise ValueError(f"a block lies within 32767 ticks of its cluster, got {relative_time}.")
    head = encode_size(track) + struct.pack(">hB", relative_time, 0x80 if duration is None else 0)
    if duration is None:
        return encode(Id.SIMPLE_BLOCK, head + payload)
    return encode_master(
        Id.BLOCK_GROUP,
        encode(Id.BLOCK, head + payload),
        encode_uint(Id.BLOCK_DURATION, duration),
    )
