"""Several cameras of one scene: their poses in one world, their clocks, their clouds as one."""

from capture.rig.extrinsics import Aligned, align
from capture.rig.fused import FusedImages
from capture.rig.lag import Lag, find_lag

__all__ = ["Aligned", "FusedImages", "Lag", "align", "find_lag"]
