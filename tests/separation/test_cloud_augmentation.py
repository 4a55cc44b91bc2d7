"""How clouds are changed at random for training."""

import numpy as np
import pytest
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from separation.conditioners.point_cloud import CloudConfig, PointCloudConfig
from separation.corpus import CloudBank
from separation.corpus.clouds import write_clouds
from separation.model import ModelConfig
from separation.training import read_training_config
from separation.training.cloud_augmentation import (
    CloudAugmentation,
    augment_colors,
    augment_points,
    varied_cloud,
)
from separation.training.conditions import SeenConditions

STILL = CloudAugmentation(
    turn_rad=0, tilt_rad=0, shift=0, scale=(1, 1), shear=0, color_value=0, color_saturation=0,
    color_noise=0,
)  # fmt: skip


def cloud(seed=0, count=2000):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (count, 3)) * [0.3, 0.6, 0.2] + [0.1, 0, 0]
    return points.astype(np.float32)


def test_augmentation_keeps_shape_when_off():
    points = cloud()
    assert np.array_equal(augment_points(points, STILL, np.random.default_rng(0)), points)
    shades = np.random.default_rng(0).random((50, 3), dtype=np.float32)
    np.testing.assert_allclose(
        augment_colors(shades, STILL, np.random.default_rng(0)), shades, atol=1e-6
    )


def test_colors_change_in_value_and_saturation():
    """As matplotlib's conversions to HSV and back have it, on greys, black and white too."""
    shades = np.random.default_rng(1).random((60, 3), dtype=np.float32)
    shades[:4] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0]]
    config = CloudAugmentation(color_value=0.5, color_saturation=0.5, color_noise=0)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        value, saturation = rng.uniform(-0.5, 0.5, 2)
        hsv = rgb_to_hsv(shades) + np.array([0, saturation, value])
        expected = hsv_to_rgb(np.clip(hsv, 0, 1))
        changed = augment_colors(shades, config, np.random.default_rng(seed))
        np.testing.assert_allclose(changed, expected, atol=1e-6)


def test_augmentation_stays_in_its_ranges():
    points = cloud()
    rng = np.random.default_rng(0)
    only_turns = CloudAugmentation(tilt_rad=0, shift=0, scale=(1, 1), shear=0)
    for _ in range(5):
        turned = augment_points(points, only_turns, rng)
        np.testing.assert_allclose(turned[:, 1], points[:, 1], atol=1e-6)  # stature stays
        np.testing.assert_allclose(
            np.linalg.norm(turned, axis=1), np.linalg.norm(points, axis=1), atol=1e-5
        )
    only_scale = CloudAugmentation(turn_rad=0, tilt_rad=0, shift=0, shear=0)
    factors = [
        float(np.median(augment_points(points, only_scale, rng) / points)) for _ in range(200)
    ]
    assert 0.5 <= min(factors) < 0.6
    assert 1.4 < max(factors) <= 1.5
    only_shift = CloudAugmentation(turn_rad=0, tilt_rad=0, scale=(1, 1), shear=0)
    shifts = np.array([augment_points(points, only_shift, rng)[0] - points[0] for _ in range(500)])
    np.testing.assert_allclose(shifts.std(axis=0), 0.4, rtol=0.15)


def test_augmentation_follows_its_seed():
    points = cloud()
    clouds = [
        augment_points(points, CloudAugmentation(), np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(clouds[0], clouds[1])
    assert not np.allclose(clouds[0], clouds[2], atol=1e-3)


def test_variations_keep_a_viola_larger_than_a_violin():
    """A viola is 15 % longer than a violin."""
    rng = np.random.default_rng(0)
    points = cloud()
    size = np.linalg.norm(points - points.mean(axis=0), axis=1).mean()
    for _ in range(50):
        varied, shades = varied_cloud(points, np.full_like(points, 0.5), rng)
        assert shades is not None
        assert len(varied) == len(shades)
        assert 0.5 * len(points) < len(varied) <= len(points)
        spread = np.linalg.norm(varied - varied.mean(axis=0), axis=1).mean()
        assert spread / size == pytest.approx(1.0, abs=0.06)


def test_the_papers_amounts_lose_no_point():
    points = cloud()
    for seed in range(5):
        varied, _ = varied_cloud(points, None, np.random.default_rng(seed), CloudAugmentation())
        assert len(varied) == len(points)


@pytest.mark.parametrize("name", ["pcs-depth", "pcs-rgbd"])
def test_the_papers_systems_are_trained_with_its_amounts(name):
    assert read_training_config(name).cloud_augmentation == CloudAugmentation()


def test_clouds_of_one_size_are_varied_in_size_and_place(tmp_path):
    """The paper scales each cloud to [-1, 1] first: afterwards, that would undo the variation."""
    write_clouds(tmp_path, "train", "violin", [cloud()])
    model = ModelConfig(
        conditioner="point_cloud",
        point_cloud=PointCloudConfig(cloud=CloudConfig(scale="unit"), out_channels=16),
    )
    moves = CloudAugmentation(turn_rad=0, tilt_rad=0, shear=0)
    seen = SeenConditions(bank=CloudBank.open(tmp_path), config=model, augmentation=moves)
    rng = np.random.default_rng(0)
    clouds = [seen.voxels("train", "violin", 0, rng)[1] for _ in range(100)]
    sizes = [np.ptp(features, axis=0).max() / 2 for features in clouds]
    middles = np.array([(f.min(axis=0) + f.max(axis=0)) / 2 for f in clouds])
    assert 0.5 <= min(sizes) < 0.6
    assert 1.4 < max(sizes) <= 1.5
    assert middles.std(axis=0) == pytest.approx(0.4 * np.mean(sizes), rel=0.25)
