"""BW64 files: WAV with the chunks chna and axml, and 64-bit sizes where they are needed.

As other writers do, a file of less than 4 GiB is a RIFF that every player opens, with room in front
(JUNK) for the 64-bit sizes; a larger one is a BW64. Readers skip chunks that they don't know
(BS.2088-1, clause 5), which is how a file may carry a scene along.

Source: ITU-R BS.2088-1, clauses 4 to 8; samples are PCM of 24 bits, or what a reader finds.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float32

from capture.errors import FileFormatError

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FULL_SCALE = 2**23 - 1
_BLOCK = 65_536
_LARGEST_RIFF_BYTES = 2**32 - 1
_UNKNOWN_SIZE = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackUid:
    """A row of the chunk chna: what a channel of the file is.

    Attributes:
        channel: Counted from 1.
        uid: audioTrackUID, such as ATU_00000001.
        format_id: audioTrackFormat (AT_…) or audioChannelFormat (AC_…).
        pack_id: audioPackFormat (AP_…); empty where the file does not say.
    """

    channel: int
    uid: str
    format_id: str
    pack_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bw64:
    """What a BW64 file holds beside its samples.

    Attributes:
        path: The file.
        sample_rate_hz: Samples a second of each channel.
        channel_count: Channels.
        sample_count: Samples of each channel.
        tracks: The chunk chna.
        chunks: All other chunks, by their names of four bytes; not fmt, data and ds64.
        sample_bytes: Bytes of a sample.
        is_float: Whether samples are floating point.
        data_at: Where in the file the samples begin.
    """

    path: Path
    sample_rate_hz: int
    channel_count: int
    sample_count: int
    tracks: tuple[TrackUid, ...]
    chunks: Mapping[bytes, bytes]
    sample_bytes: int
    is_float: bool
    data_at: int

    def channel(self, number: int) -> Float32[np.ndarray, "samples"]:
        """Return the samples of one channel, full scale ±1.

        Args:
            number: Counted from 1.

        Raises:
            FileFormatError: The file ends early.
        """
        parts: list[np.ndarray] = []
        row = self.channel_count * self.sample_bytes
        with self.path.open("rb") as file:
            file.seek(self.data_at)
            for start in range(0, self.sample_count, _BLOCK):
                count = min(_BLOCK, self.sample_count - start)
                block = np.frombuffer(file.read(count * row), dtype=np.uint8)
                if len(block) < count * row:
                    raise FileFormatError(f"{self.path}: the file ends before its samples do.")
                column = block.reshape(count, self.channel_count, self.sample_bytes)[:, number - 1]
                parts.append(self._decoded(column))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _decoded(self, column: np.ndarray) -> Float32[np.ndarray, "samples"]:
        if self.is_float:
            return np.ascontiguousarray(column).view("<f4")[:, 0].astype(np.float32)
        wide = np.zeros((len(column), 4), dtype=np.uint8)
        wide[:, 4 - self.sample_bytes :] = column
        return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def write_bw64(
    path: str | os.PathLike[str],
    channels: list[Float32[np.ndarray, "samples"]],
    sample_rate_hz: int,
    *,
    tracks: list[TrackUid],
    axml: bytes,
    others: Mapping[bytes, bytes],
) -> None:
    """Write a BW64 file of 24-bit PCM.

    Args:
        path: Where to write.
        channels: Equally long; samples beyond ±1 are clipped, so bring them down before.
        sample_rate_hz: Samples a second.
        tracks: What the channels are.
        axml: ADM's XML.
        others: More chunks by their names.
    """
    sample_count = len(channels[0])
    data_bytes = sample_count * len(channels) * 3
    rows = b"".join(
        struct.pack(
            "<H12s14s11sx",
            track.channel,
            *(text.encode("ascii") for text in (track.uid, track.format_id, track.pack_id)),
        )
        for track in tracks
    )
    named = len({track.channel for track in tracks})
    head = b"".join(
        [
            _chunk(b"fmt ", _format(len(channels), sample_rate_hz)),
            _chunk(b"chna", struct.pack("<HH", named, len(tracks)) + rows),
            _chunk(b"axml", axml),
            *(_chunk(name, content) for name, content in others.items()),
        ]
    )
    total = 4 + 8 + 28 + len(head) + 8 + data_bytes + data_bytes % 2
    is_small = total <= _LARGEST_RIFF_BYTES
    with Path(path).open("wb") as file:
        if is_small:
            file.write(struct.pack("<4sI4s", b"RIFF", total, b"WAVE") + _chunk(b"JUNK", bytes(28)))
        else:
            sizes = struct.pack("<QQQI", total, data_bytes, sample_count, 0)
            file.write(struct.pack("<4sI4s", b"BW64", _UNKNOWN_SIZE, b"WAVE"))
            file.write(_chunk(b"ds64", sizes))
        file.write(head)
        file.write(struct.pack("<4sI", b"data", data_bytes if is_small else _UNKNOWN_SIZE))
        for block in _encoded(channels):
            file.write(block)
        file.write(bytes(data_bytes % 2))


def read_bw64(path: str | os.PathLike[str]) -> Bw64:
    """Read all but the samples of a BW64, RF64 or RIFF file.

    Raises:
        FileFormatError: It is none, or is cut off, or its samples are of an unknown kind.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: not readable as a BW64 file ({error}). Give a WAV file with ADM metadata."
        ) from error


def _read(path: Path, file: BinaryIO) -> Bw64:
    kind, _, form = struct.unpack("<4sI4s", file.read(12))
    if kind not in (b"RIFF", b"RF64", b"BW64") or form != b"WAVE":
        raise ValueError("it does not begin like a WAV")
    end = path.stat().st_size
    chunks: dict[bytes, bytes] = {}
    data_at, data_bytes, wide_bytes = 0, 0, 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            data_bytes = wide_bytes if size == _UNKNOWN_SIZE else size
            data_at = file.tell()
            file.seek(data_bytes + data_bytes % 2, os.SEEK_CUR)
            continue
        if file.tell() + size > end:
            raise ValueError(f"the chunk {name!r} is cut off")
        chunks[name] = file.read(size)
        file.seek(size % 2, os.SEEK_CUR)
        if name == b"ds64":
            wide_bytes = struct.unpack("<QQ", chunks[name][:16])[1]
    if b"fmt " not in chunks or data_at == 0:
        raise ValueError("it has no format or no samples")
    code, channels, rate, _, row, bits = struct.unpack("<HHIIHH", chunks.pop(b"fmt ")[:16])
    is_float = code == _FLOAT or (code == _EXTENSIBLE and bits == 32)
    if code not in (_PCM, _FLOAT, _EXTENSIBLE) or bits not in (16, 24, 32) or channels == 0:
        raise ValueError(f"format {code} with {bits} bits and {channels} channels is not supported")
    if row != channels * bits // 8 or rate == 0:
        raise ValueError("its format contradicts itself")
    chunks.pop(b"ds64", None)
    return Bw64(
        path=path,
        sample_rate_hz=rate,
        channel_count=channels,
        sample_count=min(data_bytes, end - data_at) // row,
        tracks=_tracks(chunks.pop(b"chna", b"")),
        chunks=chunks,
        sample_bytes=bits // 8,
        is_float=is_float,
        data_at=data_at,
    )


def _tracks(chna: bytes) -> tuple[TrackUid, ...]:
    """Return the rows of chna that belong to a channel; some writers leave empty ones there."""
    rows = struct.iter_unpack("<H12s14s11sx", chna[4 : 4 + (len(chna) - 4) // 40 * 40])
    return tuple(
        TrackUid(
            channel=channel,
            uid=_text(uid),
            format_id=_text(format_id),
            pack_id=_text(pack_id),
        )
        for channel, uid, format_id, pack_id in (rows if len(chna) >= 4 else ())
        if channel > 0
    )


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii")


def _format(channel_count: int, sample_rate_hz: int) -> bytes:
    row = 3 * channel_count
    return struct.pack(
        "<HHIIHH", _PCM, channel_count, sample_rate_hz, sample_rate_hz * row, row, 24
    )


def _encoded(channels: list[Float32[np.ndarray, "samples"]]) -> Iterator[bytes]:
    """Give the samples of all channels in turns, as 24-bit integers, in blocks."""
    for start in range(0, len(channels[0]), _BLOCK):
        block = np.stack([channel[start : start + _BLOCK] for channel in channels], axis=1)
        scaled = np.clip(np.rint(block.astype(np.float64) * 2**23), -(2**23), _FULL_SCALE)
        yield scaled.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)
