"""Sounds between their samples are what analysis says, for delays that stay and that change."""

from __future__ import annotations

import numpy as np
import pytest

from auralize.dsp.delay_line import DelayLine, slopes_of

HOP, BLOCK = 64, 256


def tone(frequency):
    """Give samples of a cosine of some frequency in units of the rate."""

    def read(start, count):
        turns = frequency * np.arange(start, start + count)
        return np.cos(2 * np.pi * turns).astype(np.float32)

    return read


def delayed(read, delays, start=0, hop=HOP):
    """Return a whole signal through delays that are a function of time, in blocks."""
    line = DelayLine(read)
    out = np.zeros((1, 8 * BLOCK), dtype=np.float32)
    for begin in range(0, 8 * BLOCK, BLOCK):
        times = start + begin + hop * np.arange(-1, BLOCK // hop + 2)
        values = np.broadcast_to(delays(times.astype(float)), times.shape)[:, None]
        line.process(start + begin, values[1:-1], slopes_of(values), out[:, begin : begin + BLOCK])
    return out[0]


@pytest.mark.parametrize("frequency", [0.001, 0.1, 0.3, 0.4, 0.44])
@pytest.mark.parametrize("delay", [0.0, 0.4, -30.77, 1234.125])
def test_reads_between_samples(frequency, delay):
    out = delayed(tone(frequency), lambda times: delay, start=5000)
    times = 5000 + np.arange(len(out))
    error = out - np.cos(2 * np.pi * frequency * (times - delay))
    assert np.abs(error).max() < 2e-6  # −114 dB


def test_follows_a_curve_between_the_borders():
    """A vibrato of 20 Hz at 48 kHz: straight lines between the borders would be 4e-3 off."""

    def delays(times):
        return 40 + 5 * np.sin(2 * np.pi * times / 2400)

    out = delayed(tone(0.17), delays, hop=32)
    times = np.arange(len(out))
    error = out - np.cos(2 * np.pi * 0.17 * (times - delays(times)))
    assert np.abs(error).max() < 2e-4


@pytest.mark.parametrize("frequency", [1 / 48, 8 / 48])
def test_constant_speed_shifts_the_pitch_by_less_than_a_tenth_of_a_cent(frequency):
    speed = 5 / 343
    out = delayed(tone(frequency), lambda times: 100 + speed * times)
    times = np.arange(len(out))
    # The phase that is left after turning back by the shifted frequency stands still.
    turned = out * np.exp(-2j * np.pi * frequency * (1 - speed) * times)
    first, second = turned.reshape(2, -1) @ np.blackman(len(out) // 2)
    drift = np.angle(second / first) / (2 * np.pi * len(out) / 2)
    cents = 1200 * np.log2(1 + drift / (frequency * (1 - speed)))
    assert abs(cents) < 0.1
    expected = np.cos(2 * np.pi * frequency * (times * (1 - speed) - 100))
    assert np.abs(out - expected).max() < 2e-6


def test_outputs_have_delays_of_their_own():
    sound = np.random.default_rng(4).normal(size=1000).astype(np.float32)
    line = DelayLine(lambda start, count: sound[start : start + count])
    out = np.zeros((2, BLOCK), dtype=np.float32)
    delays = np.tile([3.0, 17.0], (BLOCK // HOP + 1, 1))
    line.process(400, delays, np.zeros_like(delays), out)
    for channel, delay in zip(out, (3, 17), strict=True):
        smooth = np.convolve(sound, low_pass(), "same")
        read = np.convolve(channel, low_pass(), "same")[40:-40]
        assert np.abs(read - smooth[440 - delay : 400 + BLOCK - 40 - delay]).max() < 5e-5


def low_pass():
    places = np.arange(-40, 41)
    return 0.8 * np.sinc(0.8 * places) * np.hanning(83)[1:-1]


def test_refuses_other_shapes():
    line = DelayLine(tone(0.1))
    for shape in ((4, 1), (1, 1), (5, 2)):
        with pytest.raises(ValueError, match="fit into 64 samples"):
            line.process(0, np.zeros(shape), np.zeros(shape), np.zeros((1, 64), np.float32))
