"""Block-wise filtering is one long convolution, and stays linear where filters move."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.signal import fftconvolve

from auralize.dsp.convolution import MovingFilter, PartitionedFilter, StaticFilter


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
    signals = rng.normal(size=(sounds, 2, 6 * block)).astype(np.float32)
    filters = rng.normal(size=(sounds, 2, taps))
    filtering = MovingFilter(sounds, taps, block=block)
    still = [
        np.repeat(planes(filters, filtering.length(part))[:, None], block // part + 1, axis=1)
        for part in (hop, 2 * hop)
    ]
    out = np.ones((2, 6 * block), dtype=np.float32)
    for start in range(0, 6 * block, block):
        for number in range(sounds):
            # Hops last longer in every other block, but for the first sound.
            longer = (start // block) % 2 * min(number, 1)
            filtering.add(number, signals[number, :, start : start + block], still[longer][number])
        filtering.finish(out[:, start : start + block])
    expected = fftconvolve(signals.astype(np.float64), filters, axes=-1).sum(axis=0)
    error = np.abs(out - 1 - expected[:, : 6 * block]).max() / np.abs(expected).max()
    assert error < 1e-6


def test_moving_filter_follows_a_linear_gain_exactly_and_goes_on_from_a_past(rng):
    hop, block, taps = 16, 64, 20
    signal = rng.normal(size=(2, 5 * block)).astype(np.float32)
    filters = rng.normal(size=(2, taps))
    filtering = MovingFilter(1, taps, block=block)
    filtering.set_past(0, signal[:, :block])
    out = np.zeros((2, 4 * block), dtype=np.float32)
    for start in range(0, 4 * block, block):
        borders = (start + hop * np.arange(block // hop + 1)) / (4 * block)
        spectra = borders[:, None, None] * planes(filters, filtering.length(hop))
        filtering.add(0, signal[:, block + start : 2 * block + start], spectra.astype(np.float32))
        filtering.finish(out[:, start : start + block])
    ramp = np.arange(4 * block) / (4 * block)
    expected = fftconvolve(signal.astype(np.float64), filters, axes=-1)[:, block : 5 * block]
    np.testing.assert_allclose(out, ramp * expected, atol=1e-5)


def planes(filters, length):
    """Return spectra as a moving filter takes them."""
    spectra = np.fft.rfft(filters, length)
    return np.concatenate([spectra.real, spectra.imag], axis=-1).astype(np.float32)


def test_filters_refuse_other_shapes():
    with pytest.raises(ValueError, match="multiple"):
        MovingFilter(1, 1, block=64).length(10)
    with pytest.raises(ValueError, match=r"\(2, 64\)"):
        StaticFilter(np.ones((2, 2, 4)), 64).process(np.zeros((1, 64), dtype=np.float32))
    moving = MovingFilter(1, 4, block=64)
    with pytest.raises(ValueError, match=r"\(2, 64\)"):
        moving.add(0, np.zeros((2, 60), np.float32), np.zeros((5, 2, 22), np.float32))
    partitioned = PartitionedFilter(np.ones((1, 2, 4)), 64)
    with pytest.raises(ValueError, match="blocks of 64"):
        partitioned.process(np.zeros((1, 60), np.float32), np.zeros((2, 60), np.float32))


class TestPartitionedFilter:
    @pytest.mark.parametrize(
        ("sounds", "outputs", "taps", "block"), [(1, 1, 1, 16), (3, 2, 700, 64), (2, 3, 64, 64)]
    )
    def test_is_a_convolution(self, rng, sounds, outputs, taps, block):
        signals = rng.normal(size=(sounds, 20 * block)).astype(np.float32)
        filters = rng.normal(size=(sounds, outputs, taps))
        filtering = PartitionedFilter(filters, block)
        out = partitioned(filtering, signals, outputs, block)
        expected = fftconvolve(signals[:, None].astype(np.float64), filters, axes=-1).sum(axis=0)
        error = np.abs(out - expected[:, : 20 * block]).max() / np.abs(expected).max()
        assert error < 1e-6

    def test_exchanged_filters_fade_in_over_one_block(self, rng):
        block = 32
        signals = rng.normal(size=(2, 8 * block)).astype(np.float32)
        old, new = rng.normal(size=(2, 2, 2, 100))
        filtering = PartitionedFilter(old, block)
        first = partitioned(filtering, signals[:, : 4 * block], 2, block)
        filtering.exchange(rng.normal(size=old.shape))
        filtering.exchange(new)  # the last one counts
        second = partitioned(filtering, signals[:, 4 * block :], 2, block)
        before, after = (
            fftconvolve(signals[:, None].astype(np.float64), taps, axes=-1).sum(axis=0)
            for taps in (old, new)
        )
        rising = np.clip((np.arange(8 * block) - 4 * block + 1) / block, 0, 1)
        expected = (1 - rising) * before[:, : 8 * block] + rising * after[:, : 8 * block]
        out = np.concatenate([first, second], axis=1)
        np.testing.assert_allclose(out, expected, atol=1e-5)

    def test_adds_to_what_is_there_and_forgets_on_reset(self, rng):
        filtering = PartitionedFilter(rng.normal(size=(1, 2, 50)), 16)
        loud = rng.normal(size=(1, 16)).astype(np.float32)
        filtering.process(loud, np.zeros((2, 16), dtype=np.float32))
        filtering.reset()
        out = np.ones((2, 16), dtype=np.float32)
        filtering.process(np.zeros_like(loud), out)
        np.testing.assert_array_equal(out, 1.0)

    def test_makes_room_for_longer_filters(self, rng):
        filters = rng.normal(size=(1, 1, 90))
        filtering = PartitionedFilter(filters[..., :10], 16, room=90)
        filtering.exchange(filters)
        filtering.process(np.zeros((1, 16), np.float32), np.zeros((1, 16), np.float32))
        signal = rng.normal(size=(1, 160)).astype(np.float32)
        out = partitioned(filtering, signal, 1, 16)
        np.testing.assert_allclose(out[0], np.convolve(signal[0], filters[0, 0])[:160], atol=1e-5)
        with pytest.raises(ValueError, match="up to 96"):
            filtering.exchange(rng.normal(size=(1, 1, 97)))

    def test_a_block_allocates_nothing_that_counts(self, rng):
        filters = rng.normal(size=(3, 2, 5000))
        filtering = PartitionedFilter(filters, 1024)
        sounds = np.zeros((3, 1024), np.float32)
        out = np.zeros((2, 1024), np.float32)
        filtering.process(sounds, out)
        assert most_allocated(lambda: filtering.process(sounds, out)) < out.nbytes
        filtering.exchange(filters)
        assert most_allocated(lambda: filtering.process(sounds, out)) < out.nbytes


def partitioned(filtering, signals, outputs, block):
    out = np.zeros((outputs, signals.shape[1]), dtype=np.float32)
    for start, part in in_blocks(signals, block):
        filtering.process(part, out[:, start : start + block])
    return out


def most_allocated(work):
    """Return by how many bytes memory rises at most while some work is done."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
