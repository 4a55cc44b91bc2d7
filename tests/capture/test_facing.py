"""Facing, from bodies that are made to face somewhere."""

import numpy as np
import pytest

from capture.players import facing_yaw_rad
from capture.simulate.clouds import random_performer_cloud


def degrees_between(first_rad, second_rad):
    return np.degrees(abs(np.angle(np.exp(1j * (first_rad - second_rad)))))


@pytest.mark.parametrize("seated", [False, True])
@pytest.mark.parametrize("turned_deg", [-60, -35, 0, 35, 60])
def test_it_follows_the_body(scenes, turned_deg, seated):
    yaw = np.pi + np.arctan2(0.6, 2.4) + np.radians(turned_deg)
    view = scenes.see([scenes.person(2.4, 0.6, yaw, seated=seated)])
    found, confidence = facing_yaw_rad(view.points_m)
    # Of a side view the far shoulder is hidden.
    assert degrees_between(found, yaw) < (20 if abs(turned_deg) < 40 else 40)
    assert confidence > 0.3


def test_a_mirrored_player_faces_the_mirrored_way(scenes):
    points = scenes.see([scenes.person(2.4, 0.5, np.pi - 0.6)]).points_m
    yaw, confidence = facing_yaw_rad(points)
    mirrored, same = facing_yaw_rad(points * np.array([1, -1, 1], np.float32))
    assert degrees_between(mirrored, -yaw) < 3  # the voxels of the mirror image lie elsewhere
    assert same == pytest.approx(confidence, abs=0.05)


def test_density_does_not_matter(scenes):
    """The near arm has more points a square metre; thinning one side changes next to nothing."""
    points = scenes.see([scenes.person(2.0, 0.0, np.pi - 0.7)], noise_m=0.0).points_m
    right = points[:, 1] > 0
    thinner = points[~right | (np.arange(len(points)) % 2 == 0)]
    assert degrees_between(facing_yaw_rad(thinner)[0], facing_yaw_rad(points)[0]) < 8


def test_a_bow_over_the_head_is_no_head(scenes):
    person = scenes.person(2.4, 0.0)
    bow = scenes.tube([2.1, 0.3, 1.3], [2.2, 0.5, 2.1], 0.006)
    without = facing_yaw_rad(scenes.see([person]).points_m)[0]
    with_bow = facing_yaw_rad(scenes.see([np.concatenate([person, bow])]).points_m)[0]
    assert degrees_between(with_bow, without) < 12


@pytest.mark.parametrize("count", [0, 1, 5, 300])
def test_little_or_flat_says_nothing(count):
    """Then the player faces the camera, and the confidence says that nothing was seen."""
    points = np.tile(np.array([[2.0, 1.0, 1.0]], np.float32), (count, 1))
    yaw, confidence = facing_yaw_rad(points)
    assert confidence == 0.0
    towards = np.arctan2(-1.0, -2.0) if count else np.pi
    assert degrees_between(yaw, towards) < 1e-3


def test_held_out_players_are_read_better_than_by_guessing():
    """Instruments, chairs, cut-off legs and neighbors' points included."""
    errors, guesses = [], []
    for instrument in ("violin", "cello", "double_bass", "guitar"):
        for seed in range(6):
            view = random_performer_cloud(instrument, np.random.default_rng(seed), split="test")
            x, y, _ = view.cloud.centroid_m
            found, _ = facing_yaw_rad(view.cloud.positions_m)
            errors.append(degrees_between(found, view.facing_yaw_rad))
            guesses.append(degrees_between(np.arctan2(-y, -x), view.facing_yaw_rad))
    assert np.mean(errors) < 24
    assert np.mean(errors) < 0.7 * np.mean(guesses)
