"""Decode the color images of recordings to RGB."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8


def decode_color(
    payload: bytes, color_format: str, shape: tuple[int, int]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Decode one image.

    Args:
        payload: As the recording holds it.
        color_format: "MJPG", "NV12", "YUY2" or "BGRA".
        shape: Rows and columns.

    Raises:
        ValueError: The payload is no image of that format and shape.
    """
    if color_format == "MJPG":
        return _decode_jpeg(payload, shape)
    rows, columns = shape
    data = np.frombuffer(payload, dtype=np.uint8)
    if color_format == "BGRA":
        return np.ascontiguousarray(data.reshape(rows, columns, 4)[..., 2::-1])
    if color_format == "NV12":
        luma = data[: rows * columns].reshape(rows, columns)
        chroma = data[rows * columns :].reshape(rows // 2, columns // 2, 2)
        return _rgb_from_yuv(luma, chroma.repeat(2, axis=0).repeat(2, axis=1))
    if color_format == "YUY2":
        pairs = data.reshape(rows, columns // 2, 4)
        luma = pairs[..., ::2].reshape(rows, columns)
        return _rgb_from_yuv(luma, pairs[..., 1::2].repeat(2, axis=1))
    raise ValueError(f"color format {color_format!r} is not known")


def _decode_jpeg(payload: bytes, shape: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(payload), formats=["JPEG"]) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"it is no whole JPEG ({error})") from error
    if pixels.shape[:2] != shape:
        raise ValueError(f"it has {pixels.shape[:2]} pixels, not {shape}")
    return pixels


def _rgb_from_yuv(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Convert studio-range Y'CbCr to RGB. Source: ITU-R BT.601."""
    y = (luma.astype(np.float32) - 16) * (255 / 219)
    blue, red = np.moveaxis((chroma.astype(np.float32) - 128) * (255 / 224), -1, 0)
    rgb = np.stack(
        [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1
    )
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
