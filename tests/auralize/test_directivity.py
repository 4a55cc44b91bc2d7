"""Patterns of radiation: analysis, and the published facts they are modelled after."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from auralize.sources.directivity import OCTAVES_HZ, directivity_of
from capture.instruments import INSTRUMENTS
from scenes import Source
from scenes.directivity_names import PATTERN_INSTRUMENTS

FRONT, LEFT, BACK = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0]])


def pattern(directivity, **changes):
    return directivity_of(
        Source(name="a", file="a.wav", position_m=(0, 0, 0), directivity=directivity, **changes)
    )


@pytest.fixture(scope="module")
def sphere():
    """Directions that are evenly spread (a Fibonacci sphere)."""
    count = 20_000
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (3 - 5**0.5) * np.arange(count)
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


@pytest.mark.parametrize(
    ("name", "left", "back"),
    [
        ("subcardioid", 0.7, 0.4),
        ("cardioid", 0.5, 0.0),
        ("supercardioid", 0.366, -0.268),
        ("hypercardioid", 0.25, -0.5),
        ("figure_eight", 0.0, -1.0),
        (0.2, 0.8, 0.6),
    ],
)
def test_the_cardioid_family(name, left, back):
    family = pattern(name)
    factors = family.factors(np.stack([FRONT, LEFT, BACK]))
    assert_allclose(factors, [1.0, left, back], atol=1e-12)
    assert not family.has_bands


def test_omni_is_no_pattern():
    assert pattern("omni") is None
    assert pattern(0) is None


def test_every_player_of_the_take_has_a_pattern():
    assert set(INSTRUMENTS) <= set(PATTERN_INSTRUMENTS)
    for name in PATTERN_INSTRUMENTS:
        assert pattern(name).has_bands


@pytest.mark.parametrize("name", PATTERN_INSTRUMENTS)
def test_an_instrument_sounds_straight_ahead_as_its_file(name):
    assert_allclose(pattern(name).octave_levels_db(FRONT), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", PATTERN_INSTRUMENTS)
def test_the_main_direction_exceeds_its_opposite_by_what_the_table_says(name):
    directivity = pattern(name)
    levels = directivity.octave_levels_db(np.stack([directivity.axis, -directivity.axis]))
    assert_allclose(levels[0] - levels[1], directivity.front_to_back_db, atol=1e-12)
    # Directivity grows with frequency.
    assert np.all(np.diff(directivity.front_to_back_db) >= 0)


@pytest.mark.parametrize("name", PATTERN_INSTRUMENTS)
def test_the_diffuse_level_is_the_mean_energy_over_the_sphere(sphere, name):
    directivity = pattern(name)
    mean = np.mean(10 ** (directivity.octave_levels_db(sphere) / 10), axis=0)
    assert_allclose(directivity.diffuse_levels_db(), 10 * np.log10(mean), atol=0.01)


@pytest.mark.parametrize("shape", [0.3, 0.5, 1.0])
def test_the_diffuse_level_of_the_cardioid_family(sphere, shape):
    family = pattern(shape)
    mean = np.mean(family.factors(sphere) ** 2)
    assert_allclose(family.diffuse_levels_db(), 10 * np.log10(mean), atol=0.01)


def statistical_directivity_factor(directivity):
    """Return √Q of the main direction per octave: pressure there over that of an omni source."""
    peak_db = directivity.octave_levels_db(directivity.axis)
    return 10 ** ((peak_db - directivity.diffuse_levels_db()) / 20)


def test_statistical_directivity_is_as_stated():
    """1.5 to 2.5 for strings and woodwinds at high frequencies, and no less for brass."""
    high = OCTAVES_HZ.index(4000)
    for name in ("violin", "viola", "cello", "double_bass", "oboe", "clarinet", "bassoon"):
        assert 1.5 < statistical_directivity_factor(pattern(name))[high] < 2.5
    for name in ("trumpet", "trombone"):
        assert statistical_directivity_factor(pattern(name))[-1] > 2.4


@pytest.mark.parametrize(
    ("name", "limit_hz"), [("violin", 250), ("viola", 250), ("guitar", 250), ("saxophone", 250)]
)
def test_low_notes_go_everywhere(name, limit_hz):
    low = np.array(OCTAVES_HZ) <= limit_hz
    assert np.all(pattern(name).front_to_back_db[low] <= 1)


def test_violins_shine_up_and_to_the_right_and_cellos_ahead():
    violin, cello = pattern("violin").axis, pattern("cello").axis
    assert violin[2] > 0.5
    assert violin[1] < -0.3
    assert cello[0] > 0.9


def test_the_word_instrument_means_the_sources_own():
    own = pattern("instrument", instrument="Double Bass")
    named = pattern("double_bass")
    assert_allclose(own.axis, named.axis)
    assert_allclose(own.front_to_back_db, named.front_to_back_db)
