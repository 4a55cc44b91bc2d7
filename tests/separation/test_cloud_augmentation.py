"""How clouds are changed at random for training."""

import numpy as np
import pytest

from separation.training.cloud_augmentation import (
    CloudAugmentation,
    augment_colors,
    augment_points,
    varied_cloud,
)

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
