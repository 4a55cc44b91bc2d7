"""What moves sounds as analysis says: convolution where it stays, Doppler shift, no zipper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.stream.binaural import render_binaural
from auralize.stream.moving import hop_of
from scenes import Scene

RATE = 48_000
SOUND_M_S = 343.2


@pytest.fixture(scope="module")
def head():
    return read_hrtf().resampled(RATE)


def rendered(folder, head, sound, keys, **changes):
    """Render a sound that goes along a path."""
    soundfile.write(folder / "sound.wav", sound, RATE, subtype="FLOAT")
    source = {"name": "a", "file": "sound.wav", "keyframes": keys} | changes
    scene = Scene(sample_rate_hz=RATE, sources=[source], output={"propagation_delay": True})
    return np.concatenate(list(render_binaural(scene, folder, head)), axis=1).astype(np.float64)


def tone(folder, head, frequency, keys, seconds):
    """Render a cosine and a sine, and return them as one complex tone for each ear."""
    turns = 2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE
    real, imaginary = (rendered(folder, head, wave(turns), keys) for wave in (np.cos, np.sin))
    return real + 1j * imaginary


def test_a_path_that_stays_is_one_convolution_with_the_same_filters_and_delays(tmp_path, head):
    noise = np.random.default_rng(6).normal(size=RATE)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(RATE) > 0.43] = 0
    noise = 0.1 * np.fft.irfft(spectrum)
    # It fades in and out, because an edge has all frequencies.
    noise[:2000] *= np.hanning(4000)[:2000]
    noise[-2000:] *= np.hanning(4000)[2000:]
    noise = noise.astype(np.float32)
    place = np.array([3.1, 1.7, 0.4])
    keys = [{"time_s": t, "position_m": tuple(np.add(place, (0, 0, 1.2)))} for t in (0, 50)]
    keys.append({"time_s": 60, "position_m": (0, 0, 1.2)})
    out = rendered(tmp_path, head, noise, keys)

    distance = np.linalg.norm(place)
    interpolator = HrtfInterpolator(head)
    delays, responses = interpolator.aligned(place[None] / distance)
    delays = delays[0] - interpolator.early_samples + distance * RATE / SOUND_M_S
    length = 2 * RATE
    turns = np.arange(length // 2 + 1) / length
    delayed = np.fft.rfft(noise, length) * np.exp(-2j * np.pi * turns * delays[:, None])
    sounds = np.fft.irfft(delayed, length)[:, : len(noise)]
    expected = fftconvolve(sounds, responses[0].astype(np.float64), axes=-1)[:, : len(noise)]
    expected /= distance
    assert np.abs(out - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("frequency", [1000, 8000])
@pytest.mark.parametrize("speed_m_s", [5.0, -20.0])
def test_the_doppler_shift_is_right_to_a_tenth_of_a_cent(tmp_path, head, frequency, speed_m_s):
    keys = [{"time_s": t, "position_m": (60 - speed_m_s * t, 0, 1.2)} for t in (0.0, 2.0)]
    heard = tone(tmp_path, head, frequency, keys, 2.0)[0, RATE // 2 :]
    expected_hz = frequency / (1 - speed_m_s / SOUND_M_S)
    turned = heard * np.exp(-2j * np.pi * expected_hz * np.arange(len(heard)) / RATE)
    first, second = turned.reshape(2, -1) @ np.blackman(len(turned) // 2)
    drift_hz = np.angle(second / first) / (2 * np.pi * len(turned) / 2 / RATE)
    assert abs(1200 * math.log2(1 + drift_hz / expected_hz)) < 0.1


@pytest.mark.parametrize(("frequency", "distance_m"), [(1000, 3.0), (8000, 10.0)])
def test_a_tone_that_passes_at_5_m_s_has_no_spurs(tmp_path, head, frequency, distance_m):
    """What differs from the head's response to the shifted tone is below −80 dB of it.

    Truth is the head's response for the direction at each time, not only at those of the filters.
    """
    seconds, speed_m_s = 1.0, 5.0
    keys = [
        {"time_s": t, "position_m": (distance_m, speed_m_s * (0.5 - t), 1.2)} for t in (0.0, 1.0)
    ]
    heard = tone(tmp_path, head, frequency, keys, seconds)
    times = np.arange(RATE) / RATE
    emitted = times
    for _ in range(10):
        across = speed_m_s * (0.5 - np.maximum(emitted, 0))
        emitted = times - np.hypot(distance_m, across) / SOUND_M_S
    across = speed_m_s * (0.5 - np.maximum(emitted, 0))
    distances = np.hypot(distance_m, across)
    directions = np.stack([distance_m / distances, across / distances, 0 * times], axis=1)
    few = slice(None, None, 16)
    interpolator = HrtfInterpolator(head)
    delays, responses = interpolator.aligned(directions[few])
    delays = np.stack([np.interp(times, times[few], ear) for ear in delays.T])
    delays += distances * RATE / SOUND_M_S - interpolator.early_samples
    shifted = frequency / RATE * (1 - np.gradient(delays, axis=1))
    taps = np.arange(interpolator.aligned_tap_count)
    for ear in (0, 1):
        waves = np.exp(-2j * np.pi * shifted[ear, few, None] * taps)
        response = np.einsum("tk,tk->t", responses[:, ear], waves)
        steady = np.interp(times, times[few], response.real) + 1j * np.interp(
            times, times[few], response.imag
        )
        expected = (
            steady / distances * np.exp(2j * np.pi * frequency * (times - delays[ear] / RATE))
        )
        part = slice(RATE // 5, RATE - RATE // 10)
        ratio = heard[ear, part] / expected[part]
        spectrum = np.abs(np.fft.fft(ratio * np.blackman(len(ratio))))
        away_hz = np.abs(np.fft.fftfreq(len(ratio), 1 / RATE))
        spurs = spectrum[away_hz > 60].max() / spectrum.max()
        assert 20 * np.log10(spurs) < -80


def test_filters_last_shorter_where_a_source_goes_round_fast():
    assert hop_of(32_768, RATE, 0.1) == 512
    assert hop_of(32_768, RATE, 0.6) == 256
    assert hop_of(32_768, RATE, 3.0) == 64
    assert hop_of(480, RATE, 0.1) == 480
    assert hop_of(1000, RATE, 0.1) == 500
    assert hop_of(1021, RATE, 0.1) == 1  # a prime number
