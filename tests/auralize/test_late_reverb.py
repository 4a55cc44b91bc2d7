"""The late part: decay times, levels, and what ears and harmonics make of diffuse sound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, csd, sosfilt, welch

from auralize.dsp.sphere_grids import golden_spiral, shares_of_sphere
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.late_reverb import DiffuseField, DiffuseHarmonics, band_count, decaying_noise
from scenes.surface import OCTAVE_BANDS_HZ

RATE = 48_000
TIMES_S = np.array([1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.45])


class Independent:
    """Noises as they are."""

    def __init__(self, noises):
        self.noises = noises

    def mixture(self, length):
        return np.eye(self.noises)[..., None] + 0j


def decay_time_s(response, band_hz):
    """T30 by backward integration, through an octave filter that runs backwards (ISO 3382-1)."""
    edges = [band_hz / np.sqrt(2), band_hz * np.sqrt(2)]
    octave = butter(6, edges, "bandpass", fs=RATE, output="sos")
    heard = sosfilt(octave, np.pad(response, (RATE // 10, 0))[::-1])[::-1][RATE // 10 :]
    left = np.cumsum(heard[::-1] ** 2)[::-1]
    level_db = 10 * np.log10(left / left[0] + 1e-20)
    start, stop = np.argmax(level_db < -5), np.argmax(level_db < -35)
    return -60 / np.polyfit(np.arange(start, stop) / RATE, level_db[start:stop], 1)[0]


def exponential(times_s, seconds, energy=1000.0):
    t = np.arange(round(seconds * RATE)) / RATE
    return energy * 1e-6 ** (t / times_s[:, None])


@pytest.mark.parametrize(
    "times",
    [
        TIMES_S,
        0.4 * TIMES_S,
        np.array([0.5, 0.56, 0.65, 0.65, 0.56, 0.5, 0.44, 0.4]),  # a room with panels and carpet
        np.full(8, 2.5),
        np.full(8, 0.2),
        np.array([0.25, 0.5, 0.8, 0.8, 0.8, 0.7, 0.5, 0.4]),
        np.array([2.0, 0.8, 0.5, 0.4, 0.4, 0.4, 0.3, 0.2]),
        np.array([1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5]),
    ],
)
def test_decays_in_the_time_asked_for_in_every_band(times):
    noises = decaying_noise(
        exponential(times, times.max()), Independent(2), RATE, np.random.default_rng(1)
    )
    for noise in noises:
        for band_hz, time_s in zip(OCTAVE_BANDS_HZ, times, strict=False):
            assert decay_time_s(noise, band_hz) == pytest.approx(time_s, rel=0.03)


def test_decays_in_time_at_both_ears(interpolator):
    field = DiffuseField(interpolator)
    for ear in decaying_noise(exponential(TIMES_S, 1.2), field, RATE, np.random.default_rng(2)):
        for band_hz, time_s in zip(OCTAVE_BANDS_HZ, TIMES_S, strict=False):
            assert decay_time_s(ear, band_hz) == pytest.approx(time_s, rel=0.05)


def test_has_the_energy_asked_for_at_all_times():
    energies = np.full((8, 2 * RATE), 30.0)
    noise = decaying_noise(energies, Independent(1), RATE, np.random.default_rng(3))[0]
    frequencies, density = welch(noise, RATE, nperseg=4096)
    # A unit impulse has the energy 1 in all bands; here it is 30 for every second.
    level_db = 10 * np.log10(density / 2 * RATE**2 / 30.0)
    for center in OCTAVE_BANDS_HZ:
        inside = (frequencies > center / 1.3) & (frequencies < center * 1.3)
        assert np.mean(level_db[inside]) == pytest.approx(0, abs=0.4)
    thirds = np.square(noise).reshape(20, -1).mean(axis=1)
    assert np.ptp(10 * np.log10(thirds)) < 0.5


def test_silent_bands_stay_silent():
    energies = np.zeros((8, RATE))
    energies[3] = 10.0
    noise = decaying_noise(energies, Independent(1), RATE, np.random.default_rng(4))[0]
    frequencies, density = welch(noise, RATE, nperseg=8192)
    inside = (frequencies > 707) & (frequencies < 1414)
    outside = (frequencies < 650) | (frequencies > 1540)
    assert density[outside].max() < 1e-3 * density[inside].mean()


def test_low_rates_have_fewer_bands():
    assert band_count(48_000) == 8
    assert band_count(22_050) == 7
    with pytest.raises(ValueError, match="needed are 7 bands, got 8"):
        decaying_noise(np.ones((8, 100)), Independent(1), 22_050, np.random.default_rng(0))


@pytest.fixture(scope="module")
def interpolator():
    return HrtfInterpolator(read_hrtf().resampled(RATE))


@pytest.fixture(scope="module")
def white_at_ears(interpolator):
    """Stationary diffuse sound with a power of one."""
    stationary = np.full((8, 10 * RATE), float(RATE))
    rng = np.random.default_rng(5)
    return decaying_noise(stationary, DiffuseField(interpolator), RATE, rng)


def measured_diffuse_field(bins):
    """The same from the measured directions themselves, weighted by their part of the sphere."""
    head = read_hrtf().resampled(RATE)
    # The floor below -40 degrees was not measured: a ring stands for it.
    spectra = np.fft.rfft(head.impulse_responses, bins)
    weights = shares_of_sphere(head.directions)[:, None]
    left, right = (np.sum(weights * np.abs(spectra[:, ear]) ** 2, axis=0) for ear in (0, 1))
    across = np.sum(weights * spectra[:, 1] * np.conj(spectra[:, 0]), axis=0)
    return left, right, across / np.sqrt(left * right)


def test_ears_hear_the_diffuse_spectrum_of_the_head(white_at_ears):
    frequencies, power = welch(white_at_ears, RATE, nperseg=1024)
    left, right, _ = measured_diffuse_field(1024)
    band = (frequencies > 100) & (frequencies < 16_000)
    for ear, expected in zip(power, (left, right), strict=True):
        difference_db = 10 * np.log10(ear[band] * RATE / 2 / expected[band])
        assert np.abs(difference_db).max() < 1.5
        assert np.sqrt(np.mean(difference_db**2)) < 0.5


def test_ears_hear_the_coherence_of_the_head(white_at_ears):
    frequencies, cross = csd(white_at_ears[0], white_at_ears[1], RATE, nperseg=1024)
    power = welch(white_at_ears, RATE, nperseg=1024)[1]
    coherence = cross / np.sqrt(power[0] * power[1])
    expected = measured_diffuse_field(1024)[2]
    band = (frequencies > 100) & (frequencies < 16_000)
    assert np.abs(coherence - expected)[band].max() < 0.1
    # A sphere of 17 cm hears the lowest sounds alike, and those above 2 kHz differently.
    assert np.real(coherence[(frequencies > 80) & (frequencies < 120)]).min() > 0.85
    assert np.abs(coherence[(frequencies > 2000) & (frequencies < 8000)]).mean() < 0.25


def test_harmonics_are_as_strong_as_plane_waves_from_everywhere():
    waves = spherical_harmonics(golden_spiral(2000), 3)
    expected = waves.T @ waves / len(waves)
    stationary = np.full((8, RATE), float(RATE))
    sound = decaying_noise(stationary, DiffuseHarmonics(3), RATE, np.random.default_rng(6))
    np.testing.assert_allclose(sound @ sound.T / sound.shape[1], expected, atol=0.03)
