"""Point-to-plane ICP: move one surface onto another.

Each point is drawn onto the plane of the nearest point that was seen at the same time and faces the
same way, so that the front of a player, seen by one camera, is not drawn onto the back, seen by
another. Floors say nothing about shifts along them and have most points: all that is level counts
as much as all that is upright.

Source: Chen and Medioni 1992, Object modelling by registration of multiple range images; Tukey's
biweight against points that have no partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from capture.pose import Pose, quaternion_from_rotation_matrix
from capture.rig.surface import Surface

_REACHES_M = (0.3, 0.2, 0.12, 0.08, 0.05, 0.05)
_STEPS = 8
_SETTLED = 1e-5
_SAME_WAY = 0.7
_LEVEL = 0.9
_APART_M = 100.0
_COUNTS_M = 0.02
_LEAST_PARTNERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How one surface lies on another.

    Attributes:
        pose: Moves the first onto the second.
        upright: How many upright points found a partner within 2 cm.
        share: Of all upright points, how many did.
        rms_m: Of what these leave along the normals.
    """

    pose: Pose
    upright: int
    share: float
    rms_m: float


class Target:
    """What surfaces are moved onto."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._tree = KDTree(_apart(surface))

    def match(
        self, moving: Surface, start: Pose, reaches_m: tuple[float, ...] = _REACHES_M
    ) -> Match:
        """Return where a surface lies, from a start that is some 30 cm and 10 degrees off."""
        pose = start
        for reach_m in reaches_m:
            for _ in range(_STEPS):
                step = self._step(moving.moved(pose), reach_m)
                if step is None:
                    break
                pose = step.compose(pose)
                if np.abs(step.position_m).max() < _SETTLED and (
                    np.abs(step.orientation_wxyz[1:]).max() < _SETTLED
                ):
                    break
        return self.judge(moving, pose)

    def judge(self, moving: Surface, pose: Pose) -> Match:
        """Return how a surface lies at a pose."""
        moved = moving.moved(pose)
        rows, _, left_m = self._partners(moved, 3 * _COUNTS_M)
        upright = np.abs(moved.normals[:, 2]) < _LEVEL
        near = upright[rows] & (np.abs(left_m) < _COUNTS_M)
        count = int(np.count_nonzero(near))
        rms_m = float(np.sqrt(np.mean(left_m[near] ** 2))) if count else float("inf")
        whole = max(1, int(np.count_nonzero(upright)))
        return Match(pose=pose, upright=count, share=count / whole, rms_m=rms_m)

    def _partners(
        self, moved: Surface, reach_m: float
    ) -> tuple[np.ndarray, np.ndarray, Float64[np.ndarray, "partners"]]:
        """Return rows that have a partner, their partners, and how far off its plane they are."""
        found = self._tree.query(_apart(moved), distance_upper_bound=reach_m)
        away, near = np.asarray(found[0]), np.asarray(found[1])
        rows = np.flatnonzero(np.isfinite(away))
        partners = near[rows]
        same = (
            np.einsum("pi,pi->p", moved.normals[rows], self.surface.normals[partners]) > _SAME_WAY
        )
        rows, partners = rows[same], partners[same]
        off = moved.points_m[rows] - self.surface.points_m[partners]
        return rows, partners, np.einsum("pi,pi->p", off, self.surface.normals[partners])

    def _step(self, moved: Surface, reach_m: float) -> Pose | None:
        """Return the small motion that draws points onto planes; None where too few are near."""
        rows, partners, left_m = self._partners(moved, reach_m)
        if len(rows) < _LEAST_PARTNERS:
            return None
        normals = self.surface.normals[partners]
        width_m = max(0.01, 3 * 1.4826 * float(np.median(np.abs(left_m))))
        weights = np.clip(1 - (left_m / width_m) ** 2, 0, None) ** 2
        level = np.abs(normals[:, 2]) > _LEVEL
        if weights[level].sum() > weights[~level].sum() > 0:
            weights[level] *= weights[~level].sum() / weights[level].sum()
        middle = moved.points_m[rows].mean(axis=0)
        slopes = np.concatenate([np.cross(moved.points_m[rows] - middle, normals), normals], axis=1)
        squares = (slopes * weights[:, None]).T @ slopes
        squares += np.eye(6) * (1e-6 * np.trace(squares))
        motion = np.linalg.solve(squares, -(slopes * weights[:, None]).T @ left_m)
        turn = _turn(motion[:3])
        return Pose(
            position_m=middle + motion[3:] - turn @ middle,
            orientation_wxyz=quaternion_from_rotation_matrix(turn),
        )


def _apart(surface: Surface) -> Float64[np.ndarray, "points 4"]:
    """Return points with their time as a fourth coordinate, so that times are far apart."""
    return np.concatenate([surface.points_m, _APART_M * surface.moments[:, None]], axis=1)


def _turn(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Return the rotation of a rotation vector.

    Source: Rodrigues' formula.
    """
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
