"""Compact images: 16-bit depth and infrared, without loss, in a fifth to a third of the bytes.

A video track with the FOURCC `AZC1` holds them, where the sensor's own holds `b16g`. An image is
one zlib stream (RFC 1950) of two planes, first the low bytes of all pixels, row by row, then the
high bytes, of z, where for each pixel x with its neighbours a (left), b (above) and c (above left;
0 outside the image):

    prediction = min(a, b) if c ≥ max(a, b), max(a, b) if c ≤ min(a, b), a + b − c otherwise
    e = x − prediction, taken modulo 2¹⁶ from −2¹⁵ to 2¹⁵ − 1
    z = 2 e for e ≥ 0, −2 e − 1 otherwise

Source: the prediction is that of LOCO-I (Weinberger, Seroussi, Sapiro, IEEE Trans. Image
Processing 9, 2000).
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt16
from numba import njit

_LEVEL = 6
_Int: TypeAlias = "np.signedinteger | int"


def encode_compact(image: UInt16[np.ndarray, "rows columns"], *, level: int = _LEVEL) -> bytes:
    """Encode an image.

    Args:
        image: Any size.
        level: zlib's: 1 takes a sixth of the time of 6 and 15 % more bytes.
    """
    return zlib.compress(_planes(np.ascontiguousarray(image)).tobytes(), level)


def decode_compact(payload: bytes, shape: tuple[int, int]) -> UInt16[np.ndarray, "rows columns"]:
    """Decode an image.

    Args:
        payload: What `encode_compact` returned.
        shape: Rows and columns.

    Raises:
        ValueError: The payload is no image of that shape.
    """
    size = shape[0] * shape[1] * 2
    unpacker = zlib.decompressobj()
    try:
        planes = unpacker.decompress(payload, size + 1)
    except zlib.error as error:
        raise ValueError(f"it is no compact image ({error})") from error
    if len(planes) != size or not unpacker.eof:
        raise ValueError(f"it is no compact image of {shape[0]}×{shape[1]} pixels")
    return _image(np.frombuffer(planes, dtype=np.uint8).reshape(2, *shape))


@njit(cache=True, nogil=True)
def _predict(a: _Int, b: _Int, c: _Int) -> _Int:
    if c >= max(a, b):
        return min(a, b)
    if c <= min(a, b):
        return max(a, b)
    return a + b - c


@njit(cache=True, nogil=True)
def _planes(image: np.ndarray) -> np.ndarray:
    rows, columns = image.shape
    planes = np.empty((2, rows, columns), dtype=np.uint8)
    for row in range(rows):
        a = c = 0
        for column in range(columns):
            b = np.int64(image[row - 1, column]) if row > 0 else 0
            x = np.int64(image[row, column])
            e = (x - _predict(a, b, c) + 0x8000) & 0xFFFF
            e -= 0x8000
            z = 2 * e if e >= 0 else -2 * e - 1
            planes[0, row, column] = z & 255
            planes[1, row, column] = z >> 8
            a, c = x, b
    return planes


@njit(cache=True, nogil=True)
def _image(planes: np.ndarray) -> np.ndarray:
    rows, columns = planes.shape[1:]
    image = np.empty((rows, columns), dtype=np.uint16)
    for row in range(rows):
        a = c = 0
        for column in range(columns):
            b = np.int64(image[row - 1, column]) if row > 0 else 0
            z = np.int64(planes[0, row, column]) | np.int64(planes[1, row, column]) << 8
            e = z >> 1 if z & 1 == 0 else -(z >> 1) - 1
            x = (_predict(a, b, c) + e) & 0xFFFF
            image[row, column] = x
            a, c = x, b
    return image
