"""Composing: the path that is kept stays near the path that was tracked."""

import numpy as np
import pytest

from auralize.compose import PATH_TOLERANCE_M, STILL_M, compose_scene
from capture.performer import Performer
from capture.pose import Trajectory, quaternion_from_yaw


def performer(positions, name="performer-1", yaw=0.5):
    positions = np.asarray(positions, dtype=float)
    return Performer(
        name=name,
        trajectory=Trajectory(
            times_s=np.arange(len(positions)) / 5.0,
            positions_m=positions,
            orientations_wxyz=np.tile(quaternion_from_yaw(yaw), (len(positions), 1)),
        ),
        cloud_times_s=np.zeros(0),
        clouds=(),
    )


def compose(*performers):
    files = {each.name: f"stems/{each.name}.wav" for each in performers}
    return compose_scene("t", performers, files, sample_rate_hz=48000, duration_s=4.0)


def test_a_straight_walk_needs_two_keyframes():
    walk = performer(np.linspace([2, 1, 1], [2, -1, 1], 21))
    (source,) = compose(walk).sources
    assert [key.time_s for key in source.keyframes] == [0.0, 4.0]


def test_a_moving_source_stays_near_the_tracked_path():
    rng = np.random.default_rng(4)
    walker = performer(np.array([2, 0, 1]) + np.cumsum(rng.normal(0, 0.03, (40, 3)), axis=0))
    (source,) = compose(walker).sources
    away = source.positions_at(walker.trajectory.times_s) - walker.trajectory.positions_m
    assert 2 < len(source.keyframes) < 40
    assert np.linalg.norm(away, axis=1).max() <= PATH_TOLERANCE_M + 0.001


def test_a_seated_player_is_a_source_that_stands_still():
    sway = np.array([2.0, 0.5, 1.0]) + 0.5 * STILL_M * np.sin(np.arange(20))[:, None] * [0, 1, 0]
    (source,) = compose(performer(sway)).sources
    assert source.keyframes is None
    assert source.yaw_deg == pytest.approx(np.degrees(0.5), abs=0.1)


def test_the_reference_distance_is_the_way_to_the_default_listener():
    (source,) = compose(performer([[2.0, -1.0, 1.2 + 2.0]] * 3)).sources
    assert source.reference_distance_m == pytest.approx(3.0)


def test_a_performer_without_a_stem_is_refused():
    with pytest.raises(ValueError, match="performer-1"):
        compose_scene("t", [performer([[1, 0, 1]])], {}, sample_rate_hz=48000, duration_s=1.0)
