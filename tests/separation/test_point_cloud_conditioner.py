"""From points in the world to condition vectors."""

import numpy as np
import pytest
import torch

from capture.axes import world_from_network
from capture.errors import DataError, DependencyError
from separation.conditioners.point_cloud import (
    CloudConfig,
    PointCloudConditioner,
    PointCloudConfig,
    network_points,
    prepare_cloud,
)
from separation.sparse import choose_layers
from separation.sparse.minkowski import is_installed


def figure(seed=0, count=2000):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (count, 3)) * [0.3, 0.6, 0.2] + [0.1, 0, 0]
    return points.astype(np.float32), rng.integers(0, 256, (count, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def conditioner():
    torch.manual_seed(0)
    return PointCloudConditioner(PointCloudConfig(width=8, out_channels=5)).eval()


@pytest.mark.parametrize("scale", ["unit", "metric"])
@pytest.mark.parametrize("yaw_rad", [0.0, 2.1, -1.2])
def test_place_and_facing_do_not_matter(scale, yaw_rad):
    own, _ = figure()
    config = CloudConfig(scale=scale)
    world = world_from_network(own.astype(np.float64), yaw_rad) + np.array([2.0, -1.0, 0.9])
    expected = network_points(world_from_network(own.astype(np.float64), 0.0), 0.0, config)
    np.testing.assert_allclose(network_points(world, yaw_rad, config), expected, atol=1e-6)


def test_axes_are_side_stature_facing():
    # A performer who faces world +y (yaw 90°), 1 m forward, 2 m up, and 3 m to its right (+x).
    ends = np.array([[0, 0, 0], [3.0, 1.0, 2.0]])
    low, high = network_points(ends, np.pi / 2, CloudConfig(scale="metric"))
    np.testing.assert_allclose(high - low, [3, 2, 1], atol=1e-6)


def test_scales():
    points, _ = figure()
    unit = network_points(points, 0.0, CloudConfig(scale="unit"))
    assert np.abs(unit).max() == pytest.approx(1.0)
    metric = network_points(points, 0.0, CloudConfig(scale="metric", metres_per_unit=0.5))
    np.testing.assert_allclose(
        np.ptp(metric, axis=0), 2 * np.ptp(points, axis=0)[[1, 2, 0]], rtol=1e-5
    )
    bigger = network_points(1.1 * points, 0.0, CloudConfig(scale="unit"))
    np.testing.assert_allclose(bigger, unit, atol=1e-6)


def test_features_are_those_of_the_first_point():
    points = np.array([[0.0, 0.0, 0.0], [0.001, 0.001, 0.001], [1.03, 1.03, 1.03]])
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)
    config = CloudConfig(scale="metric", feature="rgb-depth")
    coordinates, features = prepare_cloud(points, colors, 0.0, config)
    assert coordinates.dtype == np.int32
    assert features.dtype == np.float32
    assert len(coordinates) == 2
    np.testing.assert_array_equal(features[:, :3], [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(np.floor(features[:, 3:] / np.float32(0.02)), coordinates)
    assert coordinates[0].tolist() == [25, -26, -26]  # x is side, to the right, so −y


def test_vectors_do_not_depend_on_the_company(conditioner):
    clouds = [prepare_cloud(*figure(seed), 0.0, CloudConfig()) for seed in range(3)]
    performers = [[clouds[0]], [clouds[1], clouds[2]]]
    together = conditioner(performers)
    assert together.shape == (2, 5)
    assert bool(((together > 0) & (together < 1)).all())
    torch.testing.assert_close(conditioner([[clouds[0]]])[0], together[0])
    alone = [conditioner([[clouds[index]]])[0] for index in (1, 2)]
    torch.testing.assert_close(torch.maximum(*alone), together[1])
    averaging = PointCloudConditioner(
        PointCloudConfig(width=8, out_channels=5, pooling="mean")
    ).eval()
    averaging.load_state_dict(conditioner.state_dict())
    torch.testing.assert_close(sum(alone) / 2, averaging(performers)[1])


def test_gradients_reach_every_weight(conditioner):
    clouds = [prepare_cloud(*figure(seed), 0.0, CloudConfig()) for seed in range(2)]
    network = PointCloudConditioner(PointCloudConfig(width=4, out_channels=3)).train()
    network([[cloud] for cloud in clouds]).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None]
    assert silent == []
    assert float(network.network.features[0].kernel.grad.abs().sum()) > 0


def test_bad_clouds_are_refused(conditioner):
    points, _ = figure()
    with pytest.raises(DataError, match="holds no point"):
        prepare_cloud(points[:0], None, 0.0, CloudConfig())
    with pytest.raises(DataError, match="not finite"):
        prepare_cloud(np.array([[0, np.nan, 0]]), None, 0.0, CloudConfig())
    with pytest.raises(DataError, match="color camera"):
        prepare_cloud(points, None, 0.0, CloudConfig(feature="rgb"))
    with pytest.raises(ValueError, match="at least one cloud"):
        conditioner([[]])
    with pytest.raises(ValueError, match="feature must be one of"):
        CloudConfig(feature="heat")


def test_choice_of_the_engine():
    assert choose_layers("torch").name == "torch"
    with pytest.raises(ValueError, match="backend must be"):
        choose_layers("numpy")
    if is_installed():
        assert choose_layers("auto").name == "minkowski"
    else:
        assert choose_layers("auto").name == "torch"
        with pytest.raises(DependencyError, match="torch back end"):
            choose_layers("minkowski")
