"""Interaural measures against delays and gains that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, correlate, resample, sosfiltfilt

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interaural import (
    erb_centers_hz,
    erb_levels_db,
    interaural_level_difference_db,
    interaural_time_difference_s,
)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("delay_us", [-700.0, -13.7, 0.0, 1.0, 250.0, 700.0])
def test_finds_the_delay_between_two_ears(rate, delay_us):
    length = 8192
    noise = np.random.default_rng(1).normal(size=length)
    noise[: length // 4] = noise[-length // 4 :] = 0
    spectrum = np.fft.rfft(noise)
    turns = np.fft.rfftfreq(length, 1 / rate) * delay_us * 1e-6
    # A positive difference: the right ear hears it later.
    right = np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns))
    found_us = 1e6 * interaural_time_difference_s(np.stack([noise, right]), rate)
    assert found_us == pytest.approx(delay_us, abs=0.05)


@pytest.mark.parametrize("azimuth_deg", [0, 25, 90, 135, 250])
def test_agrees_with_correlation_in_the_time_domain(azimuth_deg):
    # SciPy: Butterworth filter forth and back, 32 times the rate, direct cross-correlation.
    head = read_hrtf()
    azimuth = np.radians(azimuth_deg)
    wanted = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    response = head.impulse_responses[np.argmax(head.directions @ wanted)]
    padded = np.pad(response, ((0, 0), (512, 512)))
    low = sosfiltfilt(butter(5, 1500.0, fs=44_100, output="sos"), padded, axis=1)
    left, right = resample(low, 32 * padded.shape[1], axis=1)
    correlation = correlate(right, left)
    reach = int(1.2e-3 * 32 * 44_100)
    middle = len(left) - 1
    lag = np.argmax(correlation[middle - reach : middle + reach + 1]) - reach
    found_s = interaural_time_difference_s(response, 44_100)
    assert found_s == pytest.approx(lag / (32 * 44_100), abs=1.5e-6)


def test_refuses_a_silent_ear():
    with pytest.raises(ValueError, match="two channels"):
        interaural_time_difference_s(np.stack([np.ones(100), np.zeros(100)]), 48_000)


def test_level_difference_is_left_over_right():
    noise = np.random.default_rng(2).normal(size=1000)
    assert interaural_level_difference_db(np.stack([2 * noise, noise]), 48_000) == pytest.approx(
        20 * np.log10(2)
    )


def test_bands_are_one_erb_apart():
    centers = erb_centers_hz()
    assert (centers[0], centers[-1]) > (50, 10_000)
    widths = 24.7 * (1 + 0.00437 * centers)  # Glasberg and Moore 1990, eq. (3)
    np.testing.assert_allclose(np.diff(centers) / np.sqrt(widths[:-1] * widths[1:]), 1.0, rtol=0.02)


def test_band_levels_are_those_of_the_frequency_response():
    impulse = np.zeros((2, 4096))
    impulse[:, 100] = 1.0, 0.1
    levels = erb_levels_db(impulse, 48_000)
    np.testing.assert_allclose(levels[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(levels[1], -20.0, atol=1e-9)
