"""Where a performer's joints are, estimated from its point clouds."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.body_pose.checkpoint import load_network
    from separation.body_pose.estimate import estimate_poses, estimate_take_poses
    from separation.body_pose.smoothing import SmoothingConfig

__all__ = ["SmoothingConfig", "estimate_poses", "estimate_take_poses", "load_network"]

_HOMES = {
    "SmoothingConfig": "separation.body_pose.smoothing",
    "estimate_poses": "separation.body_pose.estimate",
    "estimate_take_poses": "separation.body_pose.estimate",
    "load_network": "separation.body_pose.checkpoint",
}

__getattr__ = lazy(__name__, _HOMES)
