"""What moves sounds as analysis says: convolution where it stays, Doppler shift, no zipper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.scene_sources import open_sources
from auralize.sources.straight_way import straight_way
from auralize.stream.binaural import render_binaural
from auralize.stream.ear_filters import EarFilters
from auralize.stream.moving import hop_of
from scenes import Scene

RATE = 48_000
SOUND_M_S = 343.2


@pytest.fixture(scope="module")
def head():
    return read_hrtf().resampled(RATE)


def rendered(folder, head, sound, keys, medium=None, **changes):
    """Render a sound that goes along a path."""
    soundfile.write(folder / "sound.wav", sound, RATE, subtype="FLOAT")
    source = {"name": "a", "file": "sound.wav", "keyframes": keys} | changes
    medium = {"propagation_delay": True} | (medium or {})
    scene = Scene(sample_rate_hz=RATE, sources=[source], medium=medium)
    return np.concatenate(list(render_binaural(scene, folder, head)), axis=1).astype(np.float64)


def tone(folder, head, frequency, keys, seconds):
    """Render a cosine and a sine, and return them as one complex tone for each ear."""
    turns = 2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE
    real, imaginary = (rendered(folder, head, wave(turns), keys) for wave in (np.cos, np.sin))
    return real + 1j * imaginary


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ((3.1, 1.7, 0.4), {}),
        ((31.0, 17.0, 0.4), {"medium": {"air_absorption": True}}),
        ((3.1, 1.7, 0.4), {"directivity": "violin"}),
        ((0.2, 0.15, 0.1), {}),
        ((0.3, -0.25, 0.1), {"directivity": "violin", "medium": {"air_absorption": True}}),
    ],
    ids=["plain", "air", "directivity", "near", "all"],
)
def test_a_path_that_stays_is_one_convolution_with_the_same_filters_and_delays(
    tmp_path, head, place, changes
):
    noise = np.random.default_rng(6).normal(size=RATE)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(RATE) > 0.43] = 0
    noise = 0.1 * np.fft.irfft(spectrum)
    # It fades in and out, because an edge has all frequencies.
    noise[:2000] *= np.hanning(4000)[:2000]
    noise[-2000:] *= np.hanning(4000)[2000:]
    noise = noise.astype(np.float32)
    where = {"position_m": tuple(np.add(place, (0, 0, 1.2))), "yaw_deg": 60.0}
    keys = [where | {"time_s": t} for t in (0, 50)]
    keys.append({"time_s": 60, "position_m": (0, 0, 1.2), "yaw_deg": 60.0})
    out = rendered(tmp_path, head, noise, keys, **changes)

    medium = {"propagation_delay": True} | changes.pop("medium", {})
    fields = {"name": "a", "file": "sound.wav"} | where | changes
    scene = Scene(sample_rate_hz=RATE, sources=[fields], medium=medium)
    interpolator = HrtfInterpolator(head)
    with open_sources(scene, tmp_path) as (source,):
        filters = EarFilters(source, interpolator)
        way = straight_way(source, np.zeros(1), head)
        places = interpolator.places(way.directions)
        planes = np.empty((1, 2, 4096 + 2), dtype=np.float32)
        filters.write(way, places, 4096, planes)
        delays = interpolator.delays_at(places)[0] - interpolator.early_samples
        delays += source.delays_samples(way.distances_m)
    responses = np.fft.irfft(planes[0, :, :2049] + 1j * planes[0, :, 2049:], 4096)
    assert np.abs(responses[:, filters.taps :]).max() < 1e-6 * np.abs(responses).max()
    # An ear that is nearer than the middle of the head hears what comes before the start.
    length, before = 2 * RATE, 1000
    turns = np.arange(length // 2 + 1) / length
    delayed = np.fft.rfft(np.pad(noise, (before, 0)), length)
    delayed = delayed * np.exp(-2j * np.pi * turns * delays[:, None])
    sounds = np.fft.irfft(delayed, length)[:, : before + len(noise)]
    expected = fftconvolve(sounds, responses[:, : filters.taps], axes=-1)
    expected = expected[:, before : before + len(noise)]
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


@pytest.mark.parametrize(
    ("frequency", "distance_m"), [(1000, 1.5), (8000, 1.5), (8000, 3.0), (8000, 10.0), (8000, 17.0)]
)
def test_a_tone_that_passes_at_5_m_s_has_no_spurs(tmp_path, head, frequency, distance_m):
    """What differs from filters and delays that are new at each sample is below −80 dB.

    Truth is the sum over the taps of the head's response for the direction at each sample, times
    the tone as it was delayed for each ear so many samples before.
    """
    seconds, speed_m_s = 1.0, 5.0
    keys = [
        {"time_s": t, "position_m": (distance_m, speed_m_s * (0.5 - t), 1.2)} for t in (0.0, 1.0)
    ]
    heard = tone(tmp_path, head, frequency, keys, seconds)
    interpolator = HrtfInterpolator(head)
    taps = interpolator.aligned_tap_count
    first, stop = RATE // 5, RATE - RATE // 10
    times = np.arange(first - taps + 1, stop) / RATE
    emitted = times
    for _ in range(10):
        across = speed_m_s * (0.5 - np.maximum(emitted, 0))
        emitted = times - np.hypot(distance_m, across) / SOUND_M_S
    across = speed_m_s * (0.5 - np.maximum(emitted, 0))
    distances = np.hypot(distance_m, across)
    directions = np.stack([distance_m / distances, across / distances, 0 * times], axis=1)
    delays = interpolator.delays_at(interpolator.places(directions))
    delays += distances[:, None] * RATE / SOUND_M_S - interpolator.early_samples
    delayed = np.exp(2j * np.pi * frequency * (times[:, None] - delays / RATE)).T
    expected = np.empty((2, stop - first), dtype=np.complex128)
    pasts = np.lib.stride_tricks.sliding_window_view(delayed, taps, axis=1)[..., ::-1]
    for begin in range(0, stop - first, 1024):
        some = slice(begin, begin + 1024)
        responses = interpolator.aligned(directions[taps - 1 :][some])[1]
        expected[:, some] = np.einsum("etk,tek->et", pasts[:, some], responses)
    expected /= distances[taps - 1 :]
    ratio = heard[:, first:stop] / expected
    spectra = np.abs(np.fft.fft(ratio * np.blackman(stop - first)))
    away_hz = np.abs(np.fft.fftfreq(stop - first, 1 / RATE))
    spurs = spectra[:, away_hz > 60].max(axis=1) / spectra.max(axis=1)
    assert 20 * np.log10(spurs.max()) < -80


def test_filters_last_shorter_where_a_source_goes_round_fast():
    assert hop_of(32_768, RATE, 0.1) == 1024
    assert hop_of(32_768, RATE, 0.6) == 256
    assert hop_of(32_768, RATE, 1.2) == 128
    assert hop_of(32_768, RATE, 3.0) == 64
    assert hop_of(32_768, RATE, 4.0) == 32
    assert hop_of(480, RATE, 0.1) == 480
    assert hop_of(1000, RATE, 0.1) == 1000
    assert hop_of(1021, RATE, 0.5) == 1  # a prime number
