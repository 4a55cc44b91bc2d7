"""The depth camera: its modes, its lenses, and the way from depth images to points."""

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import ImageMode, depth_image_mode, split_color_mode
from capture.camera.lens import CameraModel

__all__ = ["Calibration", "CameraModel", "ImageMode", "depth_image_mode", "split_color_mode"]
