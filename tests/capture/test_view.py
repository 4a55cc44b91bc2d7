"""Where the view ends, from points of cameras whose views are known."""

import numpy as np

from capture.players.view import EYE_M, cameras_of, find_view, find_views
from capture.pose import Pose, quaternion_from_yaw
from capture.simulate.kinect import camera_pose


def test_the_distance_from_the_edge_of_a_square_view():
    """Directions fill |u| < 0.7, |v| < 0.5, at any distance."""
    rng = np.random.default_rng(3)
    directions = rng.uniform([-0.7, -0.5], [0.7, 0.5], (40_000, 2))
    corners = [[a, b] for a in (-0.7, 0.7) for b in (-0.5, 0.5)]
    away = np.column_stack([np.ones(40_004), np.concatenate([directions, corners])])
    points = EYE_M + away * rng.uniform(0.5, 4.0, (len(away), 1))
    view = find_view([points, points])
    asked = np.array([[0.0, 0.0], [0.6, 0.0], [0.0, -0.45], [0.69, 0.2], [0.8, 0.0]])
    found = view.from_edge(EYE_M + 2.0 * np.column_stack([np.ones(5), asked]))
    np.testing.assert_allclose(found, [0.5, 0.1, 0.05, 0.01, -0.1], atol=0.005)


def test_too_little_to_know():
    assert find_view([np.zeros((0, 3))]) is None
    line = np.array([[1.0, 0.0, 1.3], [2.0, 0.0, 1.3], [3.0, 0.0, 1.3], [4.0, 0.0, 1.3]])
    assert find_view([line]) is None


class TwoCameras:
    """One above the origin that looks along x, one 3 m to the right that looks to the left."""

    def __init__(self):
        aside = Pose(
            position_m=np.array([2.0, -3.0, 0.0]),
            orientation_wxyz=quaternion_from_yaw(np.radians(90.0)),
        )
        self.world_from_cameras = (camera_pose(1.3, 0.1), aside.compose(camera_pose(1.3, 0.1)))

    def camera_points_m(self, index):
        """Each measures 45 degrees to either side."""
        rng = np.random.default_rng(index)
        across = rng.uniform([-1.0, -0.5], [1.0, 0.5], (20_000, 2))
        reach = rng.uniform(0.5, 4.0, (len(across), 1))
        ahead = np.column_stack([np.ones(len(across)), across]) * reach
        left = np.column_stack([-ahead[:, 1], ahead[:, 0], ahead[:, 2]])
        eyes = [pose.position_m for pose in self.world_from_cameras]
        return [eyes[0] + ahead, eyes[1] + left]


def test_cameras_are_known_by_their_poses():
    first, second = cameras_of(TwoCameras())
    np.testing.assert_allclose(first.eye_m, (0.0, 0.0, 1.3), atol=1e-9)
    np.testing.assert_allclose(second.eye_m, (2.0, -3.0, 1.3), atol=1e-9)
    np.testing.assert_allclose([first.yaw_rad, second.yaw_rad], [0.0, np.pi / 2], atol=1e-9)
    (only,) = cameras_of(object())
    np.testing.assert_allclose(only.eye_m, EYE_M)


def test_what_one_camera_cuts_and_another_sees_is_not_cut():
    images = TwoCameras()
    cameras = cameras_of(images)
    views = find_views(images, cameras, [0, 1])
    cut_by_first = np.array([[2.0, -1.96, 1.3]])
    behind_second = np.array([[0.5, -3.5, 1.3]])
    alone = find_view([images.camera_points_m(0)[0]], cameras[0])
    np.testing.assert_allclose(alone.from_edge(cut_by_first), 0.02, atol=0.02)
    np.testing.assert_allclose(views.from_edge(cut_by_first), 0.5, atol=0.02)
    assert views.from_edge(behind_second)[0] < 0
