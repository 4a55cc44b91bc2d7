"""Azure Kinect recordings (K4A MKV), read and written without the SDK."""

from capture.k4a_mkv.writer import K4AWriter

__all__ = ["K4AWriter"]
