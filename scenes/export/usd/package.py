"""USDZ: a zip without compression, in which each file begins at a multiple of 64 bytes.

Source: OpenUSD, "Usdz File Format Specification", version 1.3: the first file is the layer, all
data are stored, aligned by padding in the extra field of the local headers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

_ALIGNMENT = 64
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# 1 January 1980, so that the same scene gives the same bytes.
_DATE = 0x0021
_VERSION = 20
_UTF8_NAMES = 0x0800
_PADDING_ID = 0x1986


def write_usdz(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a package.

    Args:
        path: The file.
        files: Names and contents; the first is the layer that is opened.

    Raises:
        ValueError: The package would be larger than a zip without 64-bit sizes can be (4 GiB).
    """
    if sum(len(content) + 1024 for content in files.values()) > 0xFFFFFFFF:
        raise ValueError("the files do not fit in a USDZ of at most 4 GiB.")
    directory: list[bytes] = []
    with path.open("wb") as file:
        for name, content in files.items():
            start, encoded = file.tell(), name.encode("utf-8")
            common = struct.pack(
                "<HHHHHIIIH",
                *(_VERSION, _UTF8_NAMES, 0, 0, _DATE, zlib.crc32(content)),
                *(len(content), len(content), len(encoded)),
            )
            padding = -(start + 30 + len(encoded) + 4) % _ALIGNMENT
            extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
            file.write(_LOCAL + common + struct.pack("<H", len(extra)) + encoded + extra + content)
            directory.append(
                _CENTRAL
                + struct.pack("<H", _VERSION)
                + common
                + struct.pack("<HHHHII", 0, 0, 0, 0, 0, start)
                + encoded
            )
        begin = file.tell()
        file.writelines(directory)
        file.write(
            _END
            + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), file.tell() - begin, begin, 0)
        )
