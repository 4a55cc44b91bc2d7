"""The smoother beside the same problem solved at once by least squares, and its properties."""

import numpy as np
import pytest
import scipy.linalg

from capture.players.smoothing import smoothed, smoothed_yaws


def least_squares(times_s, positions_m, noise_m, acceleration_m_s2):
    """The most likely path and its standard deviation: everything at once, by the normal equations.

    Measurements, the steps of a body driven by white acceleration, and what is known of the first
    velocity (mean 0, variance 1) are one Gaussian problem.
    """
    count = len(times_s)
    rows, wanted = [], []
    noise = np.broadcast_to(noise_m, count)
    for index in np.flatnonzero(np.isfinite(positions_m[:, 0])):
        row = np.zeros((1, 2 * count))
        row[0, 2 * index] = 1 / noise[index]
        rows.append(row)
        wanted.append(positions_m[index][None] / noise[index])
    for index in range(1, count):
        step = times_s[index] - times_s[index - 1]
        drive = acceleration_m_s2**2 * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        root = np.linalg.inv(np.linalg.cholesky(drive))
        block = np.zeros((2, 2 * count))
        block[:, 2 * index - 2 : 2 * index] = -np.array([[1, step], [0, 1]])
        block[:, 2 * index : 2 * index + 2] = np.eye(2)
        rows.append(root @ block)
        wanted.append(np.zeros((2, 3)))
    start = np.zeros((1, 2 * count))
    start[0, 1] = 1.0
    rows.append(start)
    wanted.append(np.zeros((1, 3)))
    design = np.concatenate(rows)
    solved = scipy.linalg.lstsq(design, np.concatenate(wanted))[0]
    covariance = np.linalg.inv(design.T @ design)
    return solved[::2], np.sqrt(np.diag(covariance)[::2])


@pytest.mark.parametrize(("noise_m", "acceleration"), [(0.02, 0.5), (0.1, 0.05), (0.005, 3.0)])
def test_it_is_the_most_likely_path(noise_m, acceleration):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.05, 0.6, 25))
    positions = np.cumsum(rng.normal(0, 0.05, (25, 3)), axis=0) + rng.normal(0, noise_m, (25, 3))
    path, stds = smoothed(times, positions, noise_m=noise_m, acceleration_m_s2=acceleration)
    expected, expected_stds = least_squares(times, positions, noise_m, acceleration)
    np.testing.assert_allclose(path, expected, atol=1e-9)
    np.testing.assert_allclose(stds, expected_stds, rtol=1e-6)


def test_what_was_not_measured_is_bridged_and_less_sure():
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.uniform(0.1, 0.3, 20))
    positions = np.cumsum(rng.normal(0, 0.05, (20, 3)), axis=0)
    noise = rng.uniform(0.01, 0.05, 20)
    measured = np.ones(20, dtype=bool)
    measured[[5, 6, 7, 8, 12, 18, 19]] = False
    gaps = np.where(measured[:, None], positions, np.nan)
    path, stds = smoothed(times, np.nan_to_num(gaps), measured=measured, noise_m=noise)
    expected, expected_stds = least_squares(times, gaps, noise, 0.5)
    np.testing.assert_allclose(path, expected, atol=1e-9)
    np.testing.assert_allclose(stds, expected_stds, rtol=1e-6)
    assert stds[6:8].min() > stds[[3, 10]].max()
    with pytest.raises(ValueError, match="starts with a measurement"):
        smoothed(times, positions, measured=~measured)


def test_a_straight_walk_stays_one_without_delay():
    times = np.arange(40) / 5.0
    walk = np.array([1.0, -0.5, 1.1]) + times[:, None] * np.array([0.3, 0.2, 0.0])
    path, _ = smoothed(times, walk)
    np.testing.assert_allclose(path[3:], walk[3:], atol=0.002)


def test_noise_falls_and_no_direction_is_preferred():
    rng = np.random.default_rng(4)
    times = np.arange(100) / 5.0
    truth = np.column_stack([2 + 0.05 * np.sin(times), 0.05 * np.cos(times), np.full(100, 1.0)])
    measured = truth + rng.normal(0, 0.02, truth.shape)
    path, _ = smoothed(times, measured)
    assert np.std(path - truth) < 0.7 * np.std(measured - truth)
    np.testing.assert_allclose(smoothed(times, measured[:, ::-1])[0], path[:, ::-1], atol=1e-12)
    shift = np.array([5.0, -3.0, 1.0])
    np.testing.assert_allclose(smoothed(times, measured + shift)[0], path + shift, atol=1e-9)


def test_a_gap_in_time_is_no_bump():
    times = np.concatenate([np.arange(10), np.arange(40, 50)]) / 5.0
    walk = times[:, None] * np.array([0.1, 0.0, 0.0])
    np.testing.assert_allclose(smoothed(times, walk)[0][3:], walk[3:], atol=0.003)


@pytest.mark.parametrize("count", [0, 1])
def test_short_paths_are_left_alone(count):
    positions = np.arange(3.0 * count).reshape(count, 3)
    path, stds = smoothed(np.arange(count, dtype=float), positions)
    np.testing.assert_array_equal(path, positions)
    np.testing.assert_array_equal(stds, [0.02] * count)
    assert path is not positions


def test_directions_are_averaged_round_the_circle():
    """Mean of 170° and −170° is 180°; weights count; far from all, the nearest one holds."""
    times = np.array([0.0, 0.1, 5.0])
    yaws = np.radians([170.0, -170.0, 30.0])
    at = np.array([0.05, 2.5, 5.0, 50.0])
    found = np.degrees(smoothed_yaws(times, yaws, np.ones(3), at, width_s=0.5))
    np.testing.assert_allclose(np.abs(found[0]), 180.0, atol=1e-6)
    np.testing.assert_allclose(found[1:], [-170.0, 30.0, 30.0], atol=1e-6)
    heavy = smoothed_yaws(times, yaws, np.array([1.0, 3.0, 1.0]), at[:1], width_s=0.5)[0]
    expected = np.angle(np.exp(1j * yaws[0]) + 3 * np.exp(1j * yaws[1]))
    assert heavy == pytest.approx(expected, abs=1e-9)


def test_a_turning_player_is_followed():
    """Turning by 9° a second: the window takes nothing off a steady turn."""
    times = np.arange(60) / 5.0
    turning = np.radians(9.0) * times
    found = smoothed_yaws(times, turning, np.ones(60), times[20:40], width_s=0.5)
    np.testing.assert_allclose(found, turning[20:40], atol=1e-6)
