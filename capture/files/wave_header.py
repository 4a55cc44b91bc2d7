"""Headers of WAV files and of their kin for more than 4 GiB: RF64 and Wave64.

Written here, because libsndfile stamps the time of day into float WAVs (the PEAK chunk), so that
the same sound would give other bytes a second later, and says which loudspeakers the channels of
an ambisonic file belong to, which they do not.

Source: Microsoft, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF, LIST
INFO) and WAVEFORMATEXTENSIBLE; EBU Tech 3306 v1.1 (RF64); EBU Tech 3285 v2 (the chunk bext, with
loudness); Sony Wave64 as read by libsndfile and FFmpeg.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

WaveContainer = Literal["wav", "rf64", "w64"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# The rest of a WAVEFORMATEXTENSIBLE's format after its first two bytes.
_EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_RIFF_TAIL = bytes.fromhex("2e91cf11a5d628db04c10000")
_CHUNK_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_SUMMARY = bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a")
_UNKNOWN_LOUDNESS = 0x7FFF
_LARGEST_RIFF_BYTES = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveFormat:
    """What the samples of a file are.

    Attributes:
        channel_count: Channels.
        sample_rate_hz: Samples a second of each.
        sample_count: Samples of each.
        sample_bytes: 2 or 3 for integers, 4 for floating point.
    """

    channel_count: int
    sample_rate_hz: int
    sample_count: int
    sample_bytes: int

    @property
    def data_bytes(self) -> int:
        """Bytes of all samples."""
        return self.sample_count * self.channel_count * self.sample_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a file says about itself.

    Attributes:
        title: What people call it.
        software: What wrote it.
        comment: How it came about.
        loudness_lufs: Integrated loudness; −inf for silence.
        true_peak_dbtp: True peak; −inf for silence.
    """

    title: str
    software: str
    comment: str
    loudness_lufs: float
    true_peak_dbtp: float


def wave_header(container: WaveContainer, wave: WaveFormat, tags: Tags | None = None) -> bytes:
    """Return all that stands before the samples.

    A WAV that would not fit into its 32-bit sizes becomes an RF64. Nothing follows the samples
    but `wave_padding`.
    """
    if container == "w64":
        return _w64_header(wave, tags)
    head = b"".join(
        _chunk(name, content)
        for name, content in (
            (b"fmt ", _fmt(wave, is_plain=wave.channel_count <= 2)),
            *([(b"fact", struct.pack("<I", _fits(wave.sample_count)))] if _is_float(wave) else []),
            *([(b"bext", _bext(tags)), (b"LIST", _info(tags))] if tags is not None else []),
        )
    )
    padding = len(wave_padding(container, wave))
    riff_bytes = 4 + len(head) + 8 + wave.data_bytes + padding
    if container == "wav" and riff_bytes <= _LARGEST_RIFF_BYTES:
        return (
            struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
            + head
            + struct.pack("<4sI", b"data", wave.data_bytes)
        )
    sizes = struct.pack("<QQQI", riff_bytes + 36, wave.data_bytes, wave.sample_count, 0)
    unknown = 0xFFFFFFFF
    return (
        struct.pack("<4sI4s", b"RF64", unknown, b"WAVE")
        + _chunk(b"ds64", sizes)
        + head
        + struct.pack("<4sI", b"data", unknown)
    )


def wave_padding(container: WaveContainer, wave: WaveFormat) -> bytes:
    """Return the bytes after the samples; libsndfile would take padding of a Wave64 for samples."""
    return bytes(0 if container == "w64" else wave.data_bytes % 2)


def _is_float(wave: WaveFormat) -> bool:
    return wave.sample_bytes == 4


def _fmt(wave: WaveFormat, *, is_plain: bool) -> bytes:
    """Return the format: plain, or extensible, which more than two channels of a WAV need."""
    code = _FLOAT if _is_float(wave) else _PCM
    frame_bytes = wave.channel_count * wave.sample_bytes
    bits = 8 * wave.sample_bytes
    content = struct.pack(
        "<HHIIHH",
        code if is_plain else _EXTENSIBLE,
        wave.channel_count,
        wave.sample_rate_hz,
        wave.sample_rate_hz * frame_bytes,
        frame_bytes,
        bits,
    )
    if not is_plain:
        # A mask of 0: the channels belong to no loudspeakers.
        return content + struct.pack("<HHIH", 22, bits, 0, code) + _EXTENSIBLE_TAIL
    return content + (struct.pack("<H", 0) if code == _FLOAT else b"")


def _info(tags: Tags) -> bytes:
    """Return the content of a LIST chunk with the words about the file."""
    words = (
        _chunk(key, value.encode("utf-8") + b"\0")
        for key, value in ((b"INAM", tags.title), (b"ISFT", tags.software), (b"ICMT", tags.comment))
        if value
    )
    return b"INFO" + b"".join(words)


def _bext(tags: Tags) -> bytes:
    """Return the content of a broadcast chunk, version 2, without date and time."""
    description = tags.comment.encode("ascii", "replace")[:256]
    originator = tags.software.encode("ascii", "replace")[:32]
    return struct.pack(
        "<256s32s32s10s8sQH64shhhhh180s",
        *(description, originator, b"", b"", b"", 0, 2, b""),
        _hundredths(tags.loudness_lufs),
        _UNKNOWN_LOUDNESS,
        _hundredths(tags.true_peak_dbtp),
        _UNKNOWN_LOUDNESS,
        _UNKNOWN_LOUDNESS,
        b"",
    )


def _hundredths(level: float) -> int:
    """Return a level as bext holds it, in hundredths, or its word for none."""
    if not math.isfinite(level) or not -99.99 <= level <= 99.99:
        return _UNKNOWN_LOUDNESS
    return round(100 * level)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)


def _w64_header(wave: WaveFormat, tags: Tags | None) -> bytes:
    """Return the header of a Wave64, whose chunks have 128-bit names and 64-bit sizes.

    Its format is always plain: libsndfile takes an extensible one of floating point for integers.
    """
    head = (
        b"wave"
        + _CHUNK_TAIL
        + _w64_chunk(b"fmt " + _CHUNK_TAIL, _fmt(wave, is_plain=True))
        + _w64_chunk(b"fact" + _CHUNK_TAIL, struct.pack("<Q", wave.sample_count))
        + (b"" if tags is None else _w64_chunk(_SUMMARY, _summary(tags)))
    )
    total = 24 + len(head) + 24 + wave.data_bytes
    return (
        struct.pack("<16sQ", b"riff" + _RIFF_TAIL, total)
        + head
        + struct.pack("<16sQ", b"data" + _CHUNK_TAIL, 24 + wave.data_bytes)
    )


def _w64_chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk; its size counts its head, but not the padding to 8 bytes."""
    return struct.pack("<16sQ", name, 24 + len(content)) + content + bytes(-len(content) % 8)


def _summary(tags: Tags) -> bytes:
    """Return the content of a Wave64's list of words, in UTF-16."""
    words = [
        (key, value.encode("utf-16-le") + b"\0\0")
        for key, value in ((b"INAM", tags.title), (b"ISFT", tags.software), (b"ICMT", tags.comment))
        if value
    ]
    return struct.pack("<I", len(words)) + b"".join(
        struct.pack("<4sI", key, len(value)) + value for key, value in words
    )


def _fits(count: int) -> int:
    return min(count, 0xFFFFFFFF)
