"""The smoother beside the same problem solved at once by least squares, and its properties."""

import numpy as np
import pytest
import scipy.linalg

from capture.smoothing import smoothed


def least_squares(times_s, positions_m, noise_m, acceleration_m_s2):
    """The most likely path: all positions and velocities at once, from the normal equations.

    Measurements, the steps of a body driven by white acceleration, and what is known of the first
    velocity (mean 0, variance 1) are one Gaussian problem.
    """
    count = len(times_s)
    rows, wanted = [], []
    for index in range(count):
        row = np.zeros((1, 2 * count))
        row[0, 2 * index] = 1 / noise_m
        rows.append(row)
        wanted.append(positions_m[index][None] / noise_m)
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
    solved = scipy.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted))[0]
    return solved[::2]


@pytest.mark.parametrize(("noise_m", "acceleration"), [(0.02, 0.5), (0.1, 0.05), (0.005, 3.0)])
def test_it_is_the_most_likely_path(noise_m, acceleration):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.05, 0.6, 25))
    positions = np.cumsum(rng.normal(0, 0.05, (25, 3)), axis=0) + rng.normal(0, noise_m, (25, 3))
    path = smoothed(times, positions, noise_m=noise_m, acceleration_m_s2=acceleration)
    np.testing.assert_allclose(
        path, least_squares(times, positions, noise_m, acceleration), atol=1e-9
    )


def test_a_straight_walk_stays_one_without_delay():
    times = np.arange(40) / 5.0
    walk = np.array([1.0, -0.5, 1.1]) + times[:, None] * np.array([0.3, 0.2, 0.0])
    path = smoothed(times, walk)
    np.testing.assert_allclose(path[3:], walk[3:], atol=0.002)


def test_noise_falls_and_no_direction_is_preferred():
    rng = np.random.default_rng(4)
    times = np.arange(100) / 5.0
    truth = np.column_stack([2 + 0.05 * np.sin(times), 0.05 * np.cos(times), np.full(100, 1.0)])
    measured = truth + rng.normal(0, 0.02, truth.shape)
    path = smoothed(times, measured)
    assert np.std(path - truth) < 0.7 * np.std(measured - truth)
    np.testing.assert_allclose(smoothed(times, measured[:, ::-1]), path[:, ::-1], atol=1e-12)
    shift = np.array([5.0, -3.0, 1.0])
    np.testing.assert_allclose(smoothed(times, measured + shift), path + shift, atol=1e-9)


def test_a_gap_in_time_is_no_bump():
    times = np.concatenate([np.arange(10), np.arange(40, 50)]) / 5.0
    walk = times[:, None] * np.array([0.1, 0.0, 0.0])
    np.testing.assert_allclose(smoothed(times, walk)[3:], walk[3:], atol=0.003)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_paths_are_left_alone(count):
    positions = np.arange(3.0 * count).reshape(count, 3)
    path = smoothed(np.arange(count, dtype=float), positions)
    np.testing.assert_array_equal(path, positions)
    assert path is not positions
