"""What Azure Kinect recordings put where: track names, codecs, the IMU sample, and defaults.

Source: the Azure Kinect Sensor SDK (record.c, its "MKV recording format" page).
"""

from __future__ import annotations

import struct

TICK_NS = 1000
"""One Matroska tick of a recording: a microsecond."""
LONGEST_CLUSTER_US = 32_000
"""Blocks count signed 16-bit microseconds from their cluster."""

COLOR, DEPTH, INFRARED, IMU, AUDIO = "COLOR", "DEPTH", "IR", "IMU", "AUDIO"
"""Names of the tracks; the first four also begin the names of their tags."""

TRACK_TYPE_VIDEO, TRACK_TYPE_AUDIO, TRACK_TYPE_SUBTITLE = 1, 2, 17
CODEC_VIDEO = "V_MS/VFW/FOURCC"
CODEC_IMU = "S_K4A/IMU"
CODEC_PCM = "A_PCM/INT/LIT"
CODEC_PCM_FLOAT = "A_PCM/FLOAT/IEEE"
FOURCC_DEPTH = b"b16g"
"""16 bits a pixel, big-endian; the infrared image has it too."""
FOURCC_COMPACT = b"AZC1"
"""The same without loss in fewer bytes, see `capture.k4a_mkv.compact`; ours alone."""

CALIBRATION_FILE = "calibration.json"

IMU_SAMPLE = struct.Struct("<Q3fQ3f")
"""Time in ns and acceleration in m/s², time in ns and angular velocity in rad/s."""

_BITMAP_INFO_HEADER = struct.Struct("<IiiHH4sIiiII")


def encode_bitmap_header(width_px: int, height_px: int, bits: int, fourcc: bytes) -> bytes:
    """Return the BITMAPINFOHEADER that a video track carries as its codec's private data."""
    size = 0 if fourcc == b"MJPG" else width_px * height_px * bits // 8
    return _BITMAP_INFO_HEADER.pack(
        _BITMAP_INFO_HEADER.size, width_px, height_px, 1, bits, fourcc, size, 0, 0, 0, 0
    )


def decode_bitmap_header(private: bytes) -> tuple[int, int, bytes]:
    """Return width, height and FOURCC of a video track.

    Raises:
        ValueError: The private data are too short.
    """
    if len(private) < _BITMAP_INFO_HEADER.size:
        raise ValueError(f"a bitmap header has 40 bytes, got {len(private)}")
    fields = _BITMAP_INFO_HEADER.unpack_from(private)
    return fields[1], abs(fields[2]), fields[5]
