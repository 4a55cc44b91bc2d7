"""Training clouds: what a segmented performer looks like."""

import numpy as np
import pytest

from capture.axes import network_from_world
from capture.instruments import INSTRUMENTS
from capture.simulate.clouds import random_performer_cloud


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_clouds_are_one_person_with_an_instrument(instrument):
    rng = np.random.default_rng(7)
    for _ in range(3):
        view = random_performer_cloud(instrument, rng)
        points = view.cloud.positions_m
        assert 4000 <= len(points) < 120_000
        assert view.instrument == instrument
        assert view.body_id < 12
        assert points[:, 2].min() > -0.05
        assert 0.9 < points[:, 2].max() < 2.4
        assert (np.ptp(points[:, :2], axis=0) < 2.2).all()
        distance = np.linalg.norm(points.mean(axis=0)[:2])
        assert 1.2 < distance < 3.9
        assert view.cloud.colors.std() > 5


def test_the_facing_is_true():
    """In front of a saxophonist is the saxophone: the brassy points lie before the rest."""
    rng = np.random.default_rng(3)
    ahead = []
    for _ in range(8):
        view = random_performer_cloud("saxophone", rng)
        own = network_from_world(view.cloud.positions_m.astype(float), view.facing_yaw_rad)
        red, _, blue = view.cloud.colors.astype(float).T
        upper = (own[:, 1] > 0.8) & (own[:, 1] < 1.4)
        brass = upper & (red > 1.8 * blue) & (red > 70)
        if brass.sum() > 300:
            ahead.append(np.median(own[brass, 2]) - np.median(own[upper & ~brass, 2]))
    assert len(ahead) >= 3
    assert np.mean(np.array(ahead) > 0) > 0.8


def test_test_views_show_held_out_people():
    view = random_performer_cloud("viola", np.random.default_rng(0), split="test")
    assert view.body_id >= 12


def test_the_same_seed_gives_the_same_cloud():
    first, again, other = (
        random_performer_cloud("cello", np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.cloud.positions_m, again.cloud.positions_m)
    np.testing.assert_array_equal(first.cloud.colors, again.cloud.colors)
    assert len(first.cloud) != len(other.cloud)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="unknown instrument"):
        random_performer_cloud("theremin", np.random.default_rng(0))
    with pytest.raises(ValueError, match="split"):
        random_performer_cloud("cello", np.random.default_rng(0), split="dev")
