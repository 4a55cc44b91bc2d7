"""Where a performer's joints are over time: from a body tracker's file, or from the simulator.

Joints have the names of the Azure Kinect Body Tracking SDK; of its 32 those are kept that playing
moves. A parent comes before its children, the pelvis is the first.

Body trackers write JSON: the SDK's `offline_processor` sample gives, for each depth image, the
bodies that it saw with 32 joint positions in millimetres, in the depth camera's axes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from capture.errors import DataError, FileFormatError

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64

    from capture.performer import Performer
    from capture.pose import Pose

_SIDE_PARENTS = {
    "SHOULDER": "SPINE_CHEST",
    "ELBOW": "SHOULDER",
    "WRIST": "ELBOW",
    "HAND": "WRIST",
    "HANDTIP": "HAND",
    "THUMB": "WRIST",
    "HIP": "PELVIS",
    "KNEE": "HIP",
    "ANKLE": "KNEE",
}
_PARENTS = {
    "PELVIS": "",
    "SPINE_CHEST": "PELVIS",
    "NECK": "SPINE_CHEST",
    "HEAD": "NECK",
    **{
        f"{joint}_{side}": parent if parent in ("SPINE_CHEST", "PELVIS") else f"{parent}_{side}"
        for side in ("LEFT", "RIGHT")
        for joint, parent in _SIDE_PARENTS.items()
    },
}
JOINTS: tuple[str, ...] = tuple(_PARENTS)
"""Names of the joints, in the order of every array."""

JOINT_PARENTS: tuple[int, ...] = tuple(
    JOINTS.index(parent) if parent else -1 for parent in _PARENTS.values()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPoses:
    """One performer's joints over time, in the world frame.

    Attributes:
        times_s: Shape (T,), increasing.
        positions_m: Shape (T, joints, 3), in the order of `JOINTS`.
        confidences: Shape (T, joints): 0 (unseen, guessed) to 1.
    """

    times_s: Float64[np.ndarray, "T"]
    positions_m: Float32[np.ndarray, "T joints 3"]
    confidences: Float32[np.ndarray, "T joints"]

    def __post_init__(self) -> None:
        count = len(self.times_s)
        if self.positions_m.shape != (count, len(JOINTS), 3) or self.confidences.shape != (
            count,
            len(JOINTS),
        ):
            raise ValueError(
                f"{count} times need positions ({count}, {len(JOINTS)}, 3) and confidences "
                f"({count}, {len(JOINTS)}), got {self.positions_m.shape} and "
                f"{self.confidences.shape}."
            )
        if count == 0 or np.any(np.diff(self.times_s) <= 0):
            raise ValueError("poses need one time at least, and increasing ones.")
        if not np.isfinite(self.positions_m).all():
            raise ValueError("positions of joints must be finite.")

    def at(
        self, times_s: Float[np.ndarray, "N"]
    ) -> tuple[Float32[np.ndarray, "N joints 3"], Float32[np.ndarray, "N joints"]]:
        """Return positions and confidences at times: linear in between, the ends hold."""
        after = np.clip(np.searchsorted(self.times_s, times_s), 1, max(len(self.times_s) - 1, 1))
        after = np.minimum(after, len(self.times_s) - 1)
        before = np.maximum(after - 1, 0)
        span = np.maximum(self.times_s[after] - self.times_s[before], 1e-9)
        share = np.clip((times_s - self.times_s[before]) / span, 0.0, 1.0).astype(np.float32)
        weight = share[:, None]
        positions = (1 - weight[..., None]) * self.positions_m[before]
        positions = positions + weight[..., None] * self.positions_m[after]
        confidences = (1 - weight) * self.confidences[before] + weight * self.confidences[after]
        return positions, confidences


def read_body_tracker(
    path: str | os.PathLike[str], world_from_camera: Pose
) -> dict[int, BodyPoses]:
    """Read the JSON file of a body tracker.

    Times count from the file's first image, as a take's do. A body that is not seen for a while
    keeps its number; its joints move on straight lines meanwhile, with no confidence.

    Args:
        path: Written by the SDK's `offline_processor`.
        world_from_camera: Where the depth camera stands.

    Returns:
        The tracker's body numbers and the poses of each.

    Raises:
        FileFormatError: It is no such file.
        DataError: It holds nobody.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        names = [str(name) for name in content["joint_names"]]
        rows = [names.index(joint) for joint in JOINTS]
        seen = _bodies(content["frames"], rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"{path}: not the JSON of a body tracker ({error}). Wanted are the fields joint_names "
            "and frames, as the body tracking SDK's offline_processor writes them."
        ) from error
    if not seen:
        raise DataError(f"{path}: the body tracker saw nobody.")
    return {
        number: BodyPoses(
            times_s=np.array(times),
            positions_m=_to_world(np.stack(places), world_from_camera),
            confidences=np.stack(trusted),
        )
        for number, (times, places, trusted) in sorted(seen.items())
    }


def poses_of_performers(
    bodies: Mapping[int, BodyPoses], performers: Sequence[Performer], *, most_m: float = 0.8
) -> dict[str, BodyPoses]:
    """Return each performer's joints, from the bodies of a tracker.

    A tracker that loses somebody may go on with a new number, so a performer can have several
    bodies, one after the other. A body is the performer's whose centroid it stays nearest to, seen
    from above; where two bodies are one performer's at the same time, the nearer one counts.

    Args:
        bodies: From `read_body_tracker`.
        performers: Of the same take.
        most_m: A body that stays farther from everybody is nobody's: a conductor, a listener.

    Returns:
        Performer's name → poses; performers without a body are left out.
    """
    owned: dict[str, list[tuple[float, BodyPoses]]] = {}
    for poses in bodies.values():
        places = poses.positions_m[:, JOINTS.index("SPINE_CHEST"), :2]
        distances = [
            float(np.median(np.linalg.norm(places - _centroids(one, poses.times_s), axis=1)))
            for one in performers
        ]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and distances[nearest] <= most_m:
            owned.setdefault(performers[nearest].name, []).append((distances[nearest], poses))
    return {name: _joined(parts) for name, parts in owned.items()}


def _centroids(performer: Performer, times_s: np.ndarray) -> np.ndarray:
    path = performer.trajectory
    columns = [np.interp(times_s, path.times_s, axis) for axis in path.positions_m.T[:2]]
    return np.stack(columns, axis=1)


def _joined(parts: Sequence[tuple[float, BodyPoses]]) -> BodyPoses:
    """Return one performer's poses from all its bodies, the nearest first."""
    taken: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    for _, poses in sorted(parts, key=lambda part: part[0]):
        for index, time_s in enumerate(poses.times_s):
            taken.setdefault(float(time_s), (poses.positions_m[index], poses.confidences[index]))
    times_s = sorted(taken)
    return BodyPoses(
        times_s=np.array(times_s),
        positions_m=np.stack([taken[time_s][0] for time_s in times_s]),
        confidences=np.stack([taken[time_s][1] for time_s in times_s]),
    )


_Seen: TypeAlias = tuple[list[float], list[np.ndarray], list[np.ndarray]]


def _bodies(images: Sequence[Mapping[str, Any]], rows: Sequence[int]) -> dict[int, _Seen]:
    """Return times, joints in millimetres (camera axes) and confidences of each body."""
    seen: dict[int, _Seen] = {}
    start_us = images[0]["timestamp_usec"] if images else 0
    for image in images:
        time_s = (image["timestamp_usec"] - start_us) * 1e-6
        for body in cast("Sequence[Mapping[str, Any]]", image["bodies"]):
            joints = np.asarray(body["joint_positions"], dtype=np.float64)[rows]
            if joints.shape != (len(rows), 3) or not np.isfinite(joints).all():
                raise ValueError(f"at {time_s:.3f} s a body has joints that are no positions")
            # The SDK's levels: 0 none, 1 low (out of sight), 2 medium, which is its best.
            levels = np.asarray(body.get("confidence_levels", [2] * (max(rows) + 1)))[rows]
            times, places, trusted = seen.setdefault(int(body["body_id"]), ([], [], []))
            if times and time_s <= times[-1]:
                raise ValueError(f"two images have the time {time_s:.3f} s")
            times.append(time_s)
            places.append(joints)
            trusted.append(np.clip(levels / 2.0, 0.0, 1.0).astype(np.float32))
    return seen


def _to_world(
    joints_mm: Float64[np.ndarray, "T joints 3"], world_from_camera: Pose
) -> Float32[np.ndarray, "T joints 3"]:
    flat = joints_mm.reshape(-1, 3) * 1e-3
    world = world_from_camera.transform(flat)
    return world.reshape(joints_mm.shape).astype(np.float32)
