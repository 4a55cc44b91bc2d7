"""Spherical harmonics against the published norms, SciPy and the addition theorem."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import scipy.special

from auralize.dsp.sphere_grids import golden_spiral, quadrature, shares_of_sphere
from auralize.dsp.spherical_harmonics import channel_degrees, order_of, spherical_harmonics

REFERENCE = Path(__file__).parents[1] / "references" / "auralize" / "sn3d_n3d.csv"


@pytest.fixture(scope="module")
def directions():
    points = np.random.default_rng(2).normal(size=(200, 3))
    points[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("normalisation", ["sn3d", "n3d"])
def test_agree_with_the_published_norms_and_scipys_legendre_functions(directions, normalisation):
    ours = spherical_harmonics(directions, 7, normalisation=normalisation)
    azimuths = np.arctan2(directions[:, 1], directions[:, 0])
    with REFERENCE.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ours.shape[1] == 64
    for row in rows:
        acn, n, m = (int(row[key]) for key in ("acn", "n", "m"))
        # SciPy has the Condon-Shortley phase, AmbiX has not.
        legendre = (-1) ** m * scipy.special.lpmv(abs(m), n, directions[:, 2])
        turn = np.cos(m * azimuths) if m >= 0 else np.sin(-m * azimuths)
        expected = float(row[f"{normalisation}_norm"]) * legendre * turn
        np.testing.assert_allclose(ours[:, acn], expected, atol=1e-12, err_msg=f"n={n} m={m}")


def test_the_first_order_is_w_y_z_x(directions):
    x, y, z = directions.T
    expected = np.stack([np.ones_like(x), y, z, x], axis=1)
    np.testing.assert_allclose(spherical_harmonics(directions, 1), expected, atol=1e-15)


def test_n3d_is_orthonormal_over_the_sphere():
    points, weights = quadrature(14)
    harmonics = spherical_harmonics(points, 7, normalisation="n3d")
    np.testing.assert_allclose((harmonics.T * weights) @ harmonics, np.eye(64), atol=1e-12)


def test_sn3d_keeps_the_energy_of_each_degree(directions):
    """The addition theorem: the squares of each degree sum to one."""
    harmonics = spherical_harmonics(directions, 7)
    for n in range(8):
        energy = np.sum(harmonics[:, n * n : (n + 1) ** 2] ** 2, axis=1)
        np.testing.assert_allclose(energy, 1.0, atol=1e-12)


def test_refuses_a_negative_order():
    with pytest.raises(ValueError, match="0 or more"):
        spherical_harmonics(np.eye(3), -1)


def test_tells_the_order_from_the_channels():
    assert [order_of((order + 1) ** 2) for order in range(8)] == list(range(8))
    assert channel_degrees(2).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("count", [0, 2, 3, 5, 8, 10, 63])
def test_refuses_a_number_of_channels_that_is_no_square(count):
    with pytest.raises(ValueError, match=f"{count} channels .* 1, 4, 9"):
        order_of(count)


@pytest.mark.parametrize("degree", [2, 9])
def test_quadratures_give_the_exact_means_of_monomials(degree):
    """The mean of x^a y^b z^c is 0 for odd powers, else (a−1)!!(b−1)!!(c−1)!! / (a+b+c+1)!!."""
    points, weights = quadrature(degree)
    for powers in np.ndindex(*[degree + 1] * 3):
        if sum(powers) > degree:
            continue
        expected = 0.0
        if all(power % 2 == 0 for power in powers):
            above = np.prod([scipy.special.factorial2(p - 1) for p in powers if p > 0])
            expected = above / scipy.special.factorial2(sum(powers) + 1)
        mean = weights @ np.prod(points ** np.array(powers), axis=1)
        assert mean == pytest.approx(expected, abs=1e-14), powers


def test_shares_of_the_sphere():
    np.testing.assert_allclose(shares_of_sphere(np.concatenate([np.eye(3), -np.eye(3)])), 1 / 6)
    spread = shares_of_sphere(golden_spiral(500))
    assert spread.sum() == pytest.approx(1.0)
    assert spread.max() < 1.2 / 500
