"""Watching players image by image: whose points are whose, by hand."""

import numpy as np
import pytest

from capture.errors import DataError
from capture.performer import Performer
from capture.players import WatchConfig, watch_performers
from capture.point_cloud import PointCloud
from capture.pose import Trajectory


def block(x, y, seed=0):
    """A person-sized block of points on the floor."""
    low, high = [x - 0.15, y - 0.2, 0.1], [x + 0.15, y + 0.2, 1.4]
    return np.random.default_rng(seed).uniform(low, high, (1500, 3)).astype(np.float32)


def floor():
    x, y = np.meshgrid(np.arange(0.6, 3.8, 0.04), np.arange(-1.5, 1.5, 0.04))
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(np.float32)


class Images:
    """Two blocks on a floor; the second leans further left from image to image."""

    times_s = np.arange(10) * 0.1

    def image_point_cloud(self, index, *, color=True):
        assert not color
        second = block(2.0, -0.6, index) + np.float32([0, 0.01 * index, 0])
        stray = np.float32([[2.0, 1.4, 1.0]])  # nobody's: far from all
        return PointCloud(
            positions_m=np.concatenate([floor(), block(2.0, 0.5, index), second, stray])
        )


def performer(name, y, cloud_times_s):
    return Performer(
        name=name,
        trajectory=Trajectory(
            times_s=np.zeros(1),
            positions_m=np.array([[2.0, y, 0.8]]),
            orientations_wxyz=np.array([[1.0, 0, 0, 0]]),
        ),
        cloud_times_s=np.array(cloud_times_s),
        clouds=tuple(PointCloud(positions_m=block(2.0, y, 99)) for _ in cloud_times_s),
    )


def test_points_go_to_the_nearest_player():
    players = [performer("left", 0.5, [0.0, 0.5]), performer("right", -0.6, [0.0, 0.5])]
    seen = list(watch_performers(Images(), players, WatchConfig(rate_hz=5.0)))
    assert [time_s for time_s, _ in seen] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    for number, (_, (left, right)) in enumerate(seen):
        for cloud, y in ((left, 0.5), (right, -0.6 + 0.02 * number)):
            assert 1200 < len(cloud) <= 1500
            np.testing.assert_allclose(cloud.centroid_m, [2.0, y, 0.75], atol=0.03)
            assert cloud.positions_m[:, 2].min() > 0.05  # no floor


def test_who_was_not_seen_for_long_is_not_there():
    players = [performer("early", 0.5, [0.0]), performer("late", -0.6, [0.8])]
    seen = list(watch_performers(Images(), players, WatchConfig(rate_hz=10.0, gap_s=0.25)))
    there = [[cloud is not None for cloud in clouds] for _, clouds in seen]
    assert [early for early, _ in there] == [True] * 3 + [False] * 7
    assert [late for _, late in there] == [False] * 6 + [True] * 4
    with pytest.raises(DataError, match="no performer to watch"):
        next(watch_performers(Images(), []))
    with pytest.raises(ValueError, match="positive"):
        WatchConfig(rate_hz=0.0)
