"""Performers that are made by hand."""

import numpy as np
import pytest

from capture.performer import Performer
from capture.point_cloud import PointCloud


def test_a_seated_performer_is_where_the_clouds_are_and_faces_as_said():
    points = np.array([[2.0, 1.0, 0.0], [2.0, 1.0, 1.0], [2.0, 1.6, 0.5]], np.float32)
    clouds = [PointCloud(positions_m=points), PointCloud(positions_m=points + np.float32(0.2))]
    performer = Performer.seated("ann", clouds, facing_yaw_rad=np.radians(120.0))
    np.testing.assert_allclose(performer.trajectory.mean_position_m, [2.1, 1.3, 0.6], atol=1e-6)
    for time_s in (-1.0, 0.0, 3.0):
        assert performer.trajectory.at(time_s).yaw_rad == pytest.approx(np.radians(120.0))
    assert len(performer.clouds) == len(performer.cloud_times_s) == 2


def test_a_seated_performer_needs_points():
    empty = PointCloud(positions_m=np.zeros((0, 3), np.float32))
    for clouds in ([], [empty]):
        with pytest.raises(ValueError, match="ann needs at least one cloud"):
            Performer.seated("ann", clouds, facing_yaw_rad=0.0)
