"""The rigid sphere as a head: against known laws of spheres."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from auralize.sources.sphere_head import sphere_head

RADIUS_M, SPEED_M_S, RATE = 0.09, 340.0, 48_000


@pytest.fixture(scope="module")
def far_head():
    return sphere_head(
        sample_rate_hz=RATE,
        radius_m=RADIUS_M,
        distance_m=50.0,
        speed_of_sound_m_s=SPEED_M_S,
        direction_count=500,
    )


def test_low_frequencies_arrive_three_radii_apart(far_head):
    """Kuhn 1977: at low frequencies the time between the ears is 3 (a/c) sin θ."""
    hertz = 100
    left, right = np.fft.rfft(far_head.impulse_responses, RATE)[..., hertz].T
    itd_s = np.angle(left / right) / (2 * np.pi * hertz)
    expected = 3 * RADIUS_M / SPEED_M_S * far_head.directions[:, 1]
    assert_allclose(itd_s, expected, atol=6e-6)


def test_high_frequencies_double_in_front_of_an_ear(far_head):
    """A wall reflects: 6 dB more where the sound comes straight at a sphere of many wavelengths."""
    beside = np.argmax(far_head.directions[:, 1])
    level_db = 20 * np.log10(np.abs(np.fft.rfft(far_head.impulse_responses[beside, 0], RATE)[7000]))
    assert level_db == pytest.approx(20 * np.log10(2), abs=0.6)


def test_the_nearer_ear_hears_more(far_head):
    energy = np.sum(far_head.impulse_responses**2, axis=2)
    aside = np.abs(far_head.directions[:, 1]) > 0.1
    louder_left = energy[:, 0] > energy[:, 1]
    assert np.array_equal(louder_left[aside], far_head.directions[aside, 1] > 0)
