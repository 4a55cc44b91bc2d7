"""Write takes for elsewhere: a K4A MKV, a compact archive, or a folder of PLY files.

What is written is a take folder again: the same images, sound, clock and microphones.
"""

from capture.export.clouds import export_clouds
from capture.export.recordings import export_recording

__all__ = ["export_clouds", "export_recording"]
