"""The Azure Kinect's depth and color modes: image sizes, binning, crops and names.

Source: the Azure Kinect Sensor SDK (k4atypes.h and its mode tables); Microsoft's hardware
specification for the fields of view.
"""

from __future__ import annotations

from dataclasses import dataclass

FRAME_RATES_HZ = (5, 15, 30)
"""Frame rates that the sensor and its recordings know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMode:
    """How a mode cuts its image out of the sensor.

    Attributes:
        width_px: Columns of the image.
        height_px: Rows of the image.
        binned_width_px: Columns of the whole binned sensor.
        binned_height_px: Rows of the whole binned sensor.
        crop_left_px: First binned column that the image shows.
        crop_top_px: First binned row that the image shows.
    """

    width_px: int
    height_px: int
    binned_width_px: int
    binned_height_px: int
    crop_left_px: int = 0
    crop_top_px: int = 0


def _mode(
    image: tuple[int, int], binned: tuple[int, int], crop: tuple[int, int] = (0, 0)
) -> ImageMode:
    return ImageMode(
        width_px=image[0],
        height_px=image[1],
        binned_width_px=binned[0],
        binned_height_px=binned[1],
        crop_left_px=crop[0],
        crop_top_px=crop[1],
    )


DEPTH_MODES: dict[str, ImageMode] = {
    "NFOV_2X2BINNED": _mode((320, 288), (512, 512), (96, 90)),
    "NFOV_UNBINNED": _mode((640, 576), (1024, 1024), (192, 180)),
    "WFOV_2X2BINNED": _mode((512, 512), (512, 512)),
    "WFOV_UNBINNED": _mode((1024, 1024), (1024, 1024)),
}
"""Depth modes that hold depth, by the name in a recording's K4A_DEPTH_MODE."""

INFRARED_MODES: dict[str, ImageMode] = {"PASSIVE_IR": _mode((1024, 1024), (1024, 1024))}
"""Modes of the depth camera that hold infrared images only."""

COLOR_RESOLUTIONS: dict[str, ImageMode] = {
    "720P": _mode((1280, 720), (1280, 960), (0, 120)),
    "1080P": _mode((1920, 1080), (1920, 1440), (0, 180)),
    "1440P": _mode((2560, 1440), (2560, 1920), (0, 240)),
    "1536P": _mode((2048, 1536), (2048, 1536)),
    "2160P": _mode((3840, 2160), (3840, 2880), (0, 360)),
    "3072P": _mode((4096, 3072), (4096, 3072)),
}
"""Color resolutions, by the second part of a recording's K4A_COLOR_MODE."""

COLOR_FORMATS: dict[str, tuple[bytes, int]] = {
    "MJPG": (b"MJPG", 24),
    "NV12": (b"NV12", 12),
    "YUY2": (b"YUY2", 16),
    "BGRA": (b"BGRA", 32),
}
"""FOURCC and bits per pixel of a color format, by the first part of K4A_COLOR_MODE."""


def depth_image_mode(name: str) -> ImageMode:
    """Return the geometry of a mode of the depth camera.

    Raises:
        ValueError: The mode has no image or is unknown.
    """
    modes = DEPTH_MODES | INFRARED_MODES
    if name not in modes:
        raise ValueError(f"depth mode {name!r} has no image: use {', '.join(modes)}.")
    return modes[name]


def split_color_mode(name: str) -> tuple[str, ImageMode]:
    """Return the format and the geometry of a color mode such as "MJPG_720P".

    Raises:
        ValueError: The format or the resolution is unknown.
    """
    color_format, _, resolution = name.partition("_")
    if color_format not in COLOR_FORMATS or resolution not in COLOR_RESOLUTIONS:
        raise ValueError(
            f"unknown color mode {name!r}: use a format of {', '.join(COLOR_FORMATS)}, an "
            f"underscore, and one of {', '.join(COLOR_RESOLUTIONS)}, such as MJPG_720P."
        )
    return color_format, COLOR_RESOLUTIONS[resolution]
