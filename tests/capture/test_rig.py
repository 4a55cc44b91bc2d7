"""Two simulated Kinects see one scene; where the second stands is known."""

import numpy as np
import pytest

from capture.errors import DataError
from capture.export import export_clouds
from capture.players import find_performers
from capture.pose import Pose, quaternion_from_euler, quaternion_from_yaw
from capture.rig import FusedImages, Lag, align
from capture.rig.icp import Target
from capture.rig.sight import Sight
from capture.rig.surface import Surface, surface_of
from capture.simulate import simulate_take
from capture.simulate.kinect import camera_pose
from capture.take import open_take

PLAYERS = ("violin", "cello", "guitar")


def standing(x, y, yaw_deg):
    place = Pose(
        position_m=np.array([x, y, 0.0]), orientation_wxyz=quaternion_from_yaw(np.radians(yaw_deg))
    )
    return place.compose(camera_pose(1.3, 0.12, 0.01))


FIRST, SECOND = standing(0, 0, 0), standing(0.6, -1.8, 40)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rig")
    for name, camera in (("a", FIRST), ("b", SECOND)):
        simulate_take(
            folder / name,
            PLAYERS,
            1.0,
            3,
            fps=5,
            images_only=True,
            depth_mode="NFOV_2X2BINNED",
            camera=camera,
        )
    return folder


def off(found, true):
    """How far one pose is from another: millimetres and degrees."""
    error = true.inverse().compose(found)
    turn = 2 * np.arcsin(min(1.0, float(np.linalg.norm(error.orientation_wxyz[1:]))))
    return 1e3 * np.linalg.norm(error.position_m), np.degrees(turn)


def test_where_the_second_camera_stands_is_found_within_1_cm_and_half_a_degree(pair):
    with open_take(pair / "a") as a, open_take(pair / "b") as b:
        steps = []
        first, second = align([a, b], progress=steps.append)
        assert steps[-1] == 1.0
        again = align([a, b], guesses=[None, _a_little_beside(second.world_from_camera)])[1]
        fused = FusedImages([a, b], [first.world_from_camera, second.world_from_camera])
        together = find_performers(fused)
        export_clouds(a, pair / "both", images=fused)
        with open_take(pair / "both") as both_take:
            assert np.allclose(both_take.times_s, fused.times_s, atol=1e-6)
            written = both_take.image_point_cloud(0).positions_m
            assert np.abs(written - fused.image_point_cloud(0).positions_m).max() < 1e-4
    true = FIRST.inverse().compose(SECOND)
    for pose in (second.world_from_camera, again.world_from_camera):
        away_mm, turned_deg = off(first.world_from_camera.inverse().compose(pose), true)
        assert away_mm < 10
        assert turned_deg < 0.5
    assert len(together) == len(PLAYERS)


def _a_little_beside(pose):
    aside = Pose(
        position_m=np.array([0.1, -0.12, 0.02]), orientation_wxyz=quaternion_from_yaw(0.05)
    )
    return aside.compose(pose)


def test_takes_of_different_scenes_are_not_laid_on_one_another(pair, tmp_path):
    simulate_take(
        tmp_path / "c",
        ("cello", "saxophone"),
        1.0,
        8,
        fps=5,
        images_only=True,
        depth_mode="NFOV_2X2BINNED",
    )
    with (
        open_take(pair / "a") as a,
        open_take(tmp_path / "c") as c,
        pytest.raises(DataError, match=r"too little|more than one way"),
    ):
        align([a, c])


def test_bad_input_is_one_clear_line(pair):
    with open_take(pair / "a") as a, open_take(pair / "b") as b:
        with pytest.raises(ValueError, match="two takes"):
            align([a])
        with pytest.raises(DataError, match="not recorded at the same time"):
            align([a, b], lags=[None, Lag(seconds=20.0)])
        with pytest.raises(DataError, match="share no time"):
            FusedImages([a, b], lags=[Lag(), Lag(seconds=20.0)])


def corner(rng, count=4000):
    """Three walls of a corner, as seen from inside."""
    points = np.concatenate([np.insert(rng.uniform(0, 1.5, (count, 2)), k, 0, 1) for k in range(3)])
    return surface_of(points, np.array([1.0, 1.0, 1.0]), 0)


def test_icp_undoes_a_motion_of_a_corner_exactly():
    rng = np.random.default_rng(1)
    surface = corner(rng)
    true = Pose(
        position_m=np.array([0.08, -0.1, 0.05]),
        orientation_wxyz=quaternion_from_euler(0.08, -0.04, 0.06),
    )
    match = Target(surface).match(surface.moved(true.inverse()), Pose(position_m=np.zeros(3)))
    away_mm, turned_deg = off(match.pose, true)
    assert away_mm < 0.1
    assert turned_deg < 0.01
    assert match.share > 0.99


def test_the_two_sides_of_a_thin_wall_and_other_times_are_no_partners():
    wall = corner(np.random.default_rng(2))
    back = Surface(points_m=wall.points_m, normals=-wall.normals, moments=wall.moments)
    later = Surface(points_m=wall.points_m, normals=wall.normals, moments=wall.moments + 1)
    still = Pose(position_m=np.zeros(3))
    assert Target(wall).judge(wall, still).share == 1.0
    assert Target(wall).judge(back, still).share == 0.0
    assert Target(wall).judge(later, still).share == 0.0


def test_what_stands_where_a_camera_looked_through_is_denied():
    wall = corner(np.random.default_rng(3))
    camera_m = np.array([1.0, 1.0, 1.0])
    sight = Sight(wall, camera_m)
    assert sight.denies(wall) == 0.0
    nearer = Surface(
        points_m=camera_m + 0.7 * (wall.points_m - camera_m),
        normals=wall.normals,
        moments=wall.moments,
    )
    assert sight.denies(nearer) > 0.95
    farther = Surface(
        points_m=camera_m + 1.3 * (wall.points_m - camera_m),
        normals=wall.normals,
        moments=wall.moments,
    )
    assert sight.denies(farther) == 0.0
