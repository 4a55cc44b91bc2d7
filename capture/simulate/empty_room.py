"""The empty room behind the players, as a camera sees it: planes met by the ray of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from capture.camera.lens import CameraModel
from capture.pose import Pose
from capture.simulate.floors import FLAT, Relief

_BUMPY_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The empty room as the camera sees it: floor, ceiling, and the walls beside and ahead.

    Attributes:
        bounds_m: Lowest and highest x, y and z; the floor is at the lowest z.
        relief: What the floor adds to that.
        floor_color: RGB.
        wall_color: RGB.
    """

    bounds_m: Float64[np.ndarray, "2 3"]
    relief: Relief = FLAT
    floor_color: tuple[int, int, int] = (140, 110, 80)
    wall_color: tuple[int, int, int] = (190, 190, 182)


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What one camera sees of the shell: depth, normals in the camera frame, linear color."""

    depth_m: Float32[np.ndarray, "rows columns"]
    normals: Float32[np.ndarray, "rows columns 3"]
    image: Float32[np.ndarray, "rows columns 3"]


def see_shell(camera: CameraModel, world_from_own: Pose, shell: Shell | None) -> Background:
    """Intersect every ray with the planes of the shell."""
    if shell is None:
        return Background(
            depth_m=np.full(camera.shape, np.inf, np.float32),
            normals=np.zeros((*camera.shape, 3), np.float32),
            image=np.zeros((*camera.shape, 3), np.float32),
        )
    rays = camera.rays().reshape(-1, 3).astype(np.float64)
    directions = rays @ world_from_own.rotation.T
    origin = world_from_own.position_m
    depth = np.full(len(rays), np.inf)
    surface = np.zeros(len(rays), np.int64)
    low, high = shell.bounds_m
    planes = (
        (2, low[2], np.array([0.0, 0.0, 1.0])),
        (0, high[0], np.array([-1.0, 0.0, 0.0])),
        (1, low[1], np.array([0.0, 1.0, 0.0])),
        (1, high[1], np.array([0.0, -1.0, 0.0])),
        (2, high[2], np.array([0.0, 0.0, -1.0])),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        for number, (axis, place, _) in enumerate(planes):
            distance = (place - origin[axis]) / directions[:, axis]
            if number == 0 and shell.relief != FLAT:
                distance = _meet_relief(origin, directions, distance, place, shell.relief)
            nearer = (distance > 0) & (distance < depth)
            depth[nearer] = distance[nearer]
            surface[nearer] = number
    normals = np.array([normal for _, _, normal in planes])[surface] @ world_from_own.rotation
    points = origin + directions * np.where(np.isfinite(depth), depth, 0.0)[:, None]
    image = np.where(
        (surface == 0)[:, None],
        _floor_colors(points, shell),
        np.array(shell.wall_color, np.float64),
    )
    image *= np.array([1.0, 0.85, 0.75, 0.8, 0.95])[surface][:, None]
    return Background(
        depth_m=depth.reshape(camera.shape).astype(np.float32),
        normals=normals.reshape(*camera.shape, 3).astype(np.float32),
        image=image.reshape(*camera.shape, 3).astype(np.float32),
    )


def _meet_relief(
    origin: np.ndarray, directions: np.ndarray, flat: np.ndarray, low_m: float, relief: Relief
) -> np.ndarray:
    """Return where rays meet the floor's relief: fixed points, begun on the flat floor."""
    distance = np.where((flat > 0) & (flat < 20.0), flat, np.inf)
    near = np.flatnonzero(np.isfinite(distance))
    for _ in range(_BUMPY_STEPS):
        x, y = (origin + directions[near] * distance[near, None])[:, :2].T
        height = low_m + relief.height_m(x, y)
        distance[near] = (height - origin[2]) / directions[near, 2]
    return distance


def _floor_colors(points_m: np.ndarray, shell: Shell) -> Float64[np.ndarray, "pixels 3"]:
    """Return the color of a floor of boards, 12 cm wide, along x."""
    board = np.floor(points_m[:, 1] / 0.12)
    shade_of_board = 1 + 0.07 * np.sin(board * 12.9898)
    joint = np.abs(points_m[:, 1] / 0.12 - board) < 0.03
    return np.array(shell.floor_color) * (shade_of_board * np.where(joint, 0.7, 1.0))[:, None]
