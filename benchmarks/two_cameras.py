"""How well the pose of a second camera is found, on simulated ensembles.

    python -m benchmarks.two_cameras

Two Kinects (NFOV, all noise) see the same scene; the second stands aside and looks inward. Wanted:
1 cm and 0.5°. Where a camera is refused (too little shared, or two ways to fit), --pose is needed:
the last columns show the errors with one that is 14 cm and 5° off.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from capture.errors import DataError
from capture.pose import Pose, quaternion_from_yaw
from capture.rig import align
from capture.simulate import simulate_take
from capture.simulate.kinect import camera_pose
from capture.take import open_take

FIRST = camera_pose(1.3, 0.12)
SCENES = (
    (21, ("violin", "cello", "guitar"), (0.5, -1.6, 35.0)),
    (22, ("violin", "viola", "cello", "saxophone"), (0.3, 1.2, -20.0)),
    (23, ("guitar", "cello"), (0.6, 1.7, -45.0)),
    (24, ("violin", "violin", "viola", "cello"), (0.9, -1.8, 50.0)),
    (25, ("saxophone", "double_bass", "guitar"), (1.3, 1.8, -65.0)),
    (26, ("violin", "cello", "viola"), (1.9, -1.5, 80.0)),
)


def standing(x: float, y: float, yaw_deg: float) -> Pose:
    """Return the pose of a camera at a place that looks to a side."""
    place = Pose(
        position_m=np.array([x, y, 0.0]), orientation_wxyz=quaternion_from_yaw(np.radians(yaw_deg))
    )
    return place.compose(camera_pose(1.35, 0.14, 0.01))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=len(SCENES))
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"load {load:.1f}\n")
    columns = f"{'players':>8} {'apart':>6} {'shared':>7} {'by itself':>18} {'CPU':>7}"
    print(f"{columns} {'with --pose':>18}")
    beside = Pose(
        position_m=np.array([0.1, -0.1, 0.02]), orientation_wxyz=quaternion_from_yaw(0.09)
    )
    for seed, instruments, (x, y, yaw_deg) in SCENES[: options.scenes]:
        second = standing(x, y, yaw_deg)
        true = FIRST.inverse().compose(second)
        with tempfile.TemporaryDirectory() as folder:
            for name, camera in (("a", FIRST), ("b", second)):
                simulate_take(
                    Path(folder, name),
                    instruments,
                    1.0,
                    seed,
                    fps=5,
                    images_only=True,
                    camera=camera,
                )
            with open_take(Path(folder, "a")) as a, open_take(Path(folder, "b")) as b:
                started = time.process_time()
                try:
                    found = align([a, b])
                    alone = error(found[0].world_from_camera, found[1].world_from_camera, true)
                except DataError:
                    alone = "refused"
                seconds = time.process_time() - started
                guess = a.world_from_camera.compose(true)
                moved = Pose(
                    position_m=guess.position_m + beside.position_m,
                    orientation_wxyz=beside.compose(guess).orientation_wxyz,
                )
                share = float("nan")
                try:
                    helped = align([a, b], guesses=[None, moved])
                    told = error(helped[0].world_from_camera, helped[1].world_from_camera, true)
                    share = helped[1].share
                except DataError:
                    told = "refused"
        print(
            f"{len(instruments):>8} {abs(yaw_deg):5.0f}° {100 * share:6.0f}% {alone:>18} "
            f"{seconds:5.1f} s {told:>18}"
        )


def error(first: Pose, second: Pose, true: Pose) -> str:
    """Return how far a pose is off."""
    off = true.inverse().compose(first.inverse().compose(second))
    turned = 2 * np.arcsin(min(1.0, float(np.linalg.norm(off.orientation_wxyz[1:]))))
    return f"{1e3 * np.linalg.norm(off.position_m):.1f} mm, {np.degrees(turned):.2f}°"


if __name__ == "__main__":
    main()
