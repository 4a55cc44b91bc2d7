"""Where the view of the cameras ends: found from all that was seen.

What is cut by the view's edge may be somebody whose head is outside. Directions are points of a
plane one metre before a camera. There the view of a depth camera is convex, so the convex hull of
all directions that ever measured something is the view, or less where nothing is near enough to be
measured. What one of several cameras sees well inside its view is not cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial import ConvexHull, QhullError

from capture.pose import Pose

EYE_M = np.array([0.0, 0.0, 1.3])
"""About where the only camera is; it looks along x."""
_POINTS = 20_000
_NEAREST_M = 0.3
_BEHIND = -10.0  # as far outside as what is 84 degrees from the edge


@runtime_checkable
class SeveralCameras(Protocol):
    """Images that are seen by several cameras, whose poses are known."""

    @property
    def world_from_cameras(self) -> Sequence[Pose]:
        """Where each depth camera is."""
        ...

    def camera_points_m(self, index: int) -> Sequence[Float[np.ndarray, "points 3"]]:
        """Return what each camera sees in one image, in the world frame."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera by where it is and where it looks.

    Attributes:
        eye_m: Where it is in the world.
        yaw_rad: Where it looks, seen from above.
    """

    eye_m: Float64[np.ndarray, "3"]
    yaw_rad: float = 0.0

    def directions(
        self, points_m: Float64[np.ndarray, "points 3"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points of the plane a metre before the camera, and how far ahead each lies."""
        away = points_m - self.eye_m
        cosine, sine = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        ahead = cosine * away[:, 0] + sine * away[:, 1]
        left = cosine * away[:, 1] - sine * away[:, 0]
        across = np.column_stack([left, away[:, 2]])
        return across / np.maximum(ahead, _NEAREST_M)[:, None], ahead


FIRST_CAMERA = Camera(eye_m=EYE_M)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one camera can see.

    Attributes:
        edges: Rows (a, b, c): inside, a·u + b·v + c is negative, minus the distance from the edge.
        camera: Whose view.
    """

    edges: Float64[np.ndarray, "edges 3"]
    camera: Camera = FIRST_CAMERA

    def from_edge(self, points_m: Float[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points"]:
        """Return how far the directions of points are from the edge; 0.1 is some 5 degrees."""
        seen, ahead = self.camera.directions(np.asarray(points_m, np.float64))
        inside = -(seen @ self.edges[:, :2].T + self.edges[:, 2]).max(axis=1)
        return np.where(ahead > 0, inside, _BEHIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What several cameras see together."""

    views: tuple[View, ...]

    def from_edge(self, points_m: Float[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points"]:
        """Return how far points are from the edge of the view that holds them best."""
        return np.max([view.from_edge(points_m) for view in self.views], axis=0)


def find_view(
    clouds_m: Sequence[Float[np.ndarray, "points 3"]], camera: Camera = FIRST_CAMERA
) -> View | None:
    """Return the view from some images of a take, None where they show too little.

    Args:
        clouds_m: All points of some images that one camera sees, in the world frame.
        camera: Which.
    """
    share = max(1, sum(len(cloud) for cloud in clouds_m) // (_POINTS * len(clouds_m)))
    points = np.concatenate([cloud[::share] for cloud in clouds_m]).astype(np.float64)
    seen, ahead = camera.directions(points)
    seen = seen[ahead > _NEAREST_M]
    if len(seen) < 3:
        return None
    try:
        return View(edges=ConvexHull(seen).equations, camera=camera)
    except QhullError:  # all on one line
        return None


def find_views(
    images: SeveralCameras, cameras: Sequence[Camera], indices: Sequence[int]
) -> Views | None:
    """Return the views of several cameras from some images; None where one shows too little."""
    clouds = list(zip(*(images.camera_points_m(index) for index in indices), strict=True))
    views = [find_view(seen, camera) for seen, camera in zip(clouds, cameras, strict=True)]
    whole = tuple(view for view in views if view is not None)
    return Views(views=whole) if len(whole) == len(cameras) else None


def cameras_of(images: object) -> tuple[Camera, ...]:
    """Return the cameras of images: their own, or the one above the origin that looks along x."""
    if not isinstance(images, SeveralCameras):
        return (FIRST_CAMERA,)
    cameras: list[Camera] = []
    for pose in images.world_from_cameras:
        eye, ahead = pose.transform(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
        yaw = float(np.arctan2(ahead[1] - eye[1], ahead[0] - eye[0]))
        cameras.append(Camera(eye_m=np.asarray(eye, np.float64), yaw_rad=yaw))
    return tuple(cameras)
