"""Azure Kinect recordings (K4A MKV), read and written without the sensor's SDK."""

from capture.k4a_mkv.reader import ImuSamples, K4ARecording
from capture.k4a_mkv.sound import AudioFormat
from capture.k4a_mkv.stream import K4AStream
from capture.k4a_mkv.writer import K4AWriter

__all__ = ["AudioFormat", "ImuSamples", "K4ARecording", "K4AStream", "K4AWriter"]
