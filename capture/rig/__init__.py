"""Several cameras of one scene: their poses in one world, and their clouds as one."""

from capture.rig.extrinsics import Aligned, align
from capture.rig.fused import FusedImages

__all__ = ["Aligned", "FusedImages", "align"]
