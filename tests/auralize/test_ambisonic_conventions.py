"""Conventions of ambisonics against the published equations of the Furse-Malham set."""

from __future__ import annotations

import numpy as np
import pytest

from auralize.ambisonics.conventions import from_sn3d, to_sn3d
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import spherical_harmonics


def furse_malham(azimuth, elevation):
    """Return W X Y Z R S T U V K L M N O P Q as Malham writes them, with angles."""
    a, e = azimuth, elevation
    s, c = np.sin(e), np.cos(e)
    return np.stack(
        [
            np.full_like(a, 1 / np.sqrt(2)),
            np.cos(a) * c,
            np.sin(a) * c,
            s,
            1.5 * s**2 - 0.5,
            np.cos(a) * np.sin(2 * e),
            np.sin(a) * np.sin(2 * e),
            np.cos(2 * a) * c**2,
            np.sin(2 * a) * c**2,
            s * (5 * s**2 - 3) / 2,
            np.sqrt(135 / 256) * np.cos(a) * c * (5 * s**2 - 1),
            np.sqrt(135 / 256) * np.sin(a) * c * (5 * s**2 - 1),
            np.sqrt(27 / 4) * np.cos(2 * a) * s * c**2,
            np.sqrt(27 / 4) * np.sin(2 * a) * s * c**2,
            np.cos(3 * a) * c**3,
            np.sin(3 * a) * c**3,
        ]
    )


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_furse_malham_is_as_published(order):
    directions = golden_spiral(100)
    x, y, z = directions.T
    expected = furse_malham(np.arctan2(y, x), np.arcsin(z))[: (order + 1) ** 2]
    ambix = spherical_harmonics(directions, order).T
    np.testing.assert_allclose(from_sn3d(ambix, "fuma"), expected, atol=1e-12)
    np.testing.assert_allclose(to_sn3d(expected, "fuma"), ambix, atol=1e-12)


def test_furse_malham_has_a_largest_value_of_one():
    """That is what maxN means; W alone is 3 dB lower."""
    largest = np.abs(from_sn3d(spherical_harmonics(golden_spiral(20_000), 3).T, "fuma")).max(axis=1)
    np.testing.assert_allclose(largest[1:], 1.0, atol=2e-3)
    assert largest[0] == pytest.approx(2**-0.5)


@pytest.mark.parametrize("convention", ["sn3d", "n3d"])
def test_n3d_and_sn3d_are_the_harmonics_of_that_name(convention):
    directions = golden_spiral(50)
    ambix = spherical_harmonics(directions, 7).T
    expected = spherical_harmonics(directions, 7, normalisation=convention).T
    np.testing.assert_allclose(from_sn3d(ambix, convention), expected, atol=1e-12)


@pytest.mark.parametrize("convention", ["sn3d", "n3d", "fuma"])
def test_there_and_back_in_single_precision(convention):
    sound = np.random.default_rng(0).normal(size=(16, 100)).astype(np.float32)
    there = from_sn3d(sound, convention)
    assert there.dtype == np.float32
    np.testing.assert_allclose(to_sn3d(there, convention), sound, rtol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="FuMa ends at order 3, got order 4"):
        from_sn3d(np.zeros((25, 1)), "fuma")
    with pytest.raises(ValueError, match="no full sphere"):
        to_sn3d(np.zeros((7, 1)), "fuma")
    with pytest.raises(ValueError, match="sn3d, n3d or fuma, got 'maxn'"):
        from_sn3d(np.zeros((4, 1)), "maxn")
