"""Block-wise filtering is one long convolution, and stays linear where filters move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve

from auralize.convolution import MovingFilter, StaticFilter
from auralize.delay_line import read_between_samples


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def in_blocks(sounds, block):
    for start in range(0, sounds.shape[1], block):
        yield start, sounds[:, start : start + block]


@pytest.mark.parametrize(("sounds", "taps", "block"), [(1, 1, 64), (3, 37, 64), (2, 700, 20_000)])
def test_static_filter_is_a_convolution(rng, sounds, taps, block):
    signals = rng.normal(size=(sounds, 4 * block)).astype(np.float32)
    filters = rng.normal(size=(sounds, 2, taps))
    filtering = StaticFilter(filters, block)
    out = np.concatenate([filtering.process(b) for _, b in in_blocks(signals, block)], axis=1)
    expected = fftconvolve(signals[:, None].astype(np.float64), filters, axes=-1).sum(axis=0)
    error = np.abs(out - expected[:, : 4 * block]).max() / np.abs(expected).max()
    assert error < 1e-6


@pytest.mark.parametrize(("sounds", "taps", "hop", "block"), [(1, 5, 8, 32), (3, 300, 64, 128)])
def test_moving_filter_that_stands_still_is_a_convolution(rng, sounds, taps, hop, block):
    signals = rng.normal(size=(sounds, 6 * block)).astype(np.float32)
    filters = rng.normal(size=(sounds, 2, taps)).astype(np.float32)
    filtering = MovingFilter(sounds, 2, taps, hop=hop, block=block)
    still = np.repeat(filters[:, None], filtering.borders, axis=1)
    out = np.concatenate(
        [filtering.process(b, still) for _, b in in_blocks(signals, block)], axis=1
    )
    expected = fftconvolve(signals[:, None].astype(np.float64), filters, axes=-1).sum(axis=0)
    error = np.abs(out - expected[:, : 6 * block]).max() / np.abs(expected).max()
    assert error < 1e-6


def test_moving_filter_follows_a_linear_gain_exactly():
    hop, block = 16, 64
    ramp = np.arange(4 * block) / (4 * block)
    filtering = MovingFilter(1, 1, 1, hop=hop, block=block)
    out = []
    for start, ones in in_blocks(np.ones((1, 4 * block), dtype=np.float32), block):
        borders = (start + hop * np.arange(filtering.borders)) / (4 * block)
        out.append(filtering.process(ones, borders[None, :, None, None].astype(np.float32)))
    np.testing.assert_allclose(np.concatenate(out, axis=1)[0], ramp, atol=1e-6)


def test_filters_refuse_other_shapes():
    with pytest.raises(ValueError, match="multiple"):
        MovingFilter(1, 1, 1, hop=10, block=64)
    with pytest.raises(ValueError, match=r"\(2, 64\)"):
        StaticFilter(np.ones((2, 2, 4)), 64).process(np.zeros((1, 64), dtype=np.float32))
    moving = MovingFilter(1, 1, 4, hop=16, block=64)
    with pytest.raises(ValueError, match=r"\(1, 5, 1, 4\)"):
        moving.process(np.zeros((1, 64), np.float32), np.zeros((1, 4, 1, 4), np.float32))


@pytest.mark.parametrize("frequency", [0.01, 0.1, 0.3, 0.4])
def test_reads_between_samples(frequency):
    def read(start, count):
        return np.sin(2 * np.pi * frequency * np.arange(start, start + count)).astype(np.float32)

    places = np.random.default_rng(3).uniform(-50, 1000, size=2000)
    error = read_between_samples(read, places) - np.sin(2 * np.pi * frequency * places)
    assert np.abs(error).max() < 1e-4  # −80 dB


def test_reads_whole_samples_as_they_are():
    sound = np.random.default_rng(4).normal(size=100).astype(np.float32)

    def read(start, count):
        padded = np.pad(sound, 64)
        return padded[64 + start : 64 + start + count]

    np.testing.assert_allclose(read_between_samples(read, np.arange(100.0)), sound, atol=1e-6)
