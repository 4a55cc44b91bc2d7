"""PCD files, the point clouds of the Point Cloud Library: ascii, binary and binary_compressed.

Points whose position is NaN are dropped: in an organised cloud they say that nothing was measured.

Source: PCL's "The PCD (Point Cloud Data) file format", version 0.7; LibLZF by M. Lehmann (the
compression).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.point_cloud import PointCloud

_LARGEST_POINTS = 1 << 27
_KINDS = {
    ("F", 4): "<f4", ("F", 8): "<f8",
    ("I", 1): "<i1", ("I", 2): "<i2", ("I", 4): "<i4", ("I", 8): "<i8",
    ("U", 1): "<u1", ("U", 2): "<u2", ("U", 4): "<u4", ("U", 8): "<u8",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    names: list[str]
    kinds: list[str]
    counts: list[int]
    points: int
    data: str
    length: int

    @property
    def row(self) -> np.dtype[np.void]:
        """One point as it lies in a binary file."""
        return np.dtype(
            [
                (f"{name}{at}", kind, count)
                for at, (name, kind, count) in enumerate(
                    zip(self.names, self.kinds, self.counts, strict=True)
                )
            ]
        )


def read_pcd(path: str | os.PathLike[str]) -> PointCloud:
    """Read a PCD file's positions, with its colors where it has them.

    Raises:
        FileFormatError: The file is missing, no PCD, cut off or without x, y and z.
        DataError: A position is infinite.
    """
    try:
        content = Path(path).read_bytes()
        header = _read_header(content)
        columns = _read_columns(header, content[header.length :])
        positions = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float32)
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise FileFormatError(f"{path}: not readable as PCD ({error}).") from error
    measured = ~np.isnan(positions).any(axis=1)
    if np.isinf(positions).any():
        raise DataError(f"{path}: a point is infinite. Export the cloud again.")
    colors = _colors(columns)
    return PointCloud(
        positions_m=positions[measured], colors=None if colors is None else colors[measured]
    )


def _read_header(content: bytes) -> _Header:
    fields: dict[str, list[str]] = {}
    offset = 0
    while "DATA" not in fields:
        end = content.index(b"\n", offset)
        words = content[offset:end].decode("ascii").split()
        offset = end + 1
        if words and not words[0].startswith("#"):
            fields[words[0].upper()] = words[1:]
        if offset > 65_536:
            raise ValueError("its header never ends")
    names = [name.lower() for name in fields["FIELDS"]]
    sizes = [int(size) for size in fields["SIZE"]]
    counts = [int(count) for count in fields.get("COUNT", ["1"] * len(names))]
    kinds = [_KINDS[kind.upper(), size] for kind, size in zip(fields["TYPE"], sizes, strict=True)]
    points = int(fields["POINTS"][0]) if "POINTS" in fields else int(fields["WIDTH"][0])
    if "POINTS" not in fields and "HEIGHT" in fields:
        points *= int(fields["HEIGHT"][0])
    if not 0 <= points <= _LARGEST_POINTS or min(counts, default=0) < 1:
        raise ValueError(f"it announces {points} points of {counts} values")
    if not len(names) == len(kinds) == len(counts) or not {"x", "y", "z"} <= set(names):
        raise ValueError(f"its fields {names} do not hold x, y and z")
    return _Header(
        names=names,
        kinds=kinds,
        counts=counts,
        points=points,
        data=fields["DATA"][0].lower(),
        length=offset,
    )


def _read_columns(header: _Header, data: bytes) -> dict[str, np.ndarray]:
    """Return each field's values; of a field of several values, the first."""
    if header.data == "ascii":
        width = sum(header.counts)
        table = np.array(data.decode("ascii").split(), dtype=np.float64)
        if table.size != header.points * width:
            raise ValueError(f"it holds {table.size} numbers, not {header.points * width}")
        table = table.reshape(header.points, width)
        firsts = np.cumsum([0, *header.counts[:-1]])
        return {
            name: table[:, first].astype(kind)
            for name, first, kind in zip(header.names, firsts, header.kinds, strict=True)
        }
    row = header.row
    if header.data == "binary":
        if len(data) < header.points * row.itemsize:
            raise ValueError("it ends before its last point")
        table = np.frombuffer(data, dtype=row, count=header.points)
        columns = (table[field] for field in row.names or ())
        return {
            name: column.reshape(header.points, -1)[:, 0]
            for name, column in zip(header.names, columns, strict=True)
        }
    if header.data != "binary_compressed":
        raise ValueError(f"its data are {header.data!r}")
    compressed, size = struct.unpack_from("<II", data)
    if size != header.points * row.itemsize or len(data) < 8 + compressed:
        raise ValueError("its compressed part is cut off")
    plain = _decompress_lzf(data[8 : 8 + compressed], size)
    # Compressed files hold one field after the other.
    found: dict[str, np.ndarray] = {}
    offset = 0
    for name, kind, count in zip(header.names, header.kinds, header.counts, strict=True):
        values = np.frombuffer(plain, dtype=kind, count=header.points * count, offset=offset)
        offset += values.nbytes
        found[name] = values.reshape(header.points, count)[:, 0]
    return found


def _colors(columns: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return RGB: three fields, or one that packs them into the bits of a float or an integer."""
    if {"r", "g", "b"} <= columns.keys():
        return np.stack([columns[name] for name in "rgb"], axis=1).astype(np.uint8)
    packed = columns.get("rgb", columns.get("rgba"))
    if packed is None or packed.dtype.itemsize != 4:
        return None
    bits = np.ascontiguousarray(packed).view("<u4")
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1).astype(np.uint8)


def _decompress_lzf(data: bytes, size: int) -> bytes:
    """Undo LZF: runs of literals, and references to what came up to 8 KiB before."""
    plain = bytearray()
    at = 0
    while at < len(data):
        control = data[at]
        at += 1
        if control < 32:
            plain += data[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[at]
            at += 1
        start = len(plain) - ((control & 31) << 8) - data[at] - 1
        at += 1
        length += 2
        if start < 0:
            raise ValueError("its compressed part is broken")
        while length > 0:  # the copy may run into what it has just written
            piece = plain[start : start + length]
            plain += piece
            start += len(piece)
            length -= len(piece)
        if len(plain) > size:
            break
    if len(plain) != size:
        raise ValueError("its compressed part is broken")
    return bytes(plain)
