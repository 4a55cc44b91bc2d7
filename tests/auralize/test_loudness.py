"""Loudness and true peak against the test signals of EBU Tech 3341 and the tables of BS.1770."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample
from scipy.signal.windows import tukey

from auralize.output.loudness import (
    LoudnessMeter,
    TruePeakMeter,
    integrated_loudness_lufs,
    k_weighting,
    true_peak_dbtp,
)

RATE = 48_000
REFERENCES = Path(__file__).parents[1] / "references" / "auralize"


def tone(parts, rate=RATE, frequency=1000.0):
    """Return a stereo sine in phase, of the given (level in dBFS, seconds)."""
    envelope = np.concatenate([np.full(round(s * rate), 10 ** (db / 20)) for db, s in parts])
    sine = envelope * np.sin(2 * np.pi * frequency * np.arange(len(envelope)) / rate)
    return np.stack([sine, sine])


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        # EBU Tech 3341-2016, table 1, cases 1 to 5; tolerance ±0.1 LU. Shortened in proportion.
        ([(-23, 5)], -23),
        ([(-33, 5)], -33),
        ([(-36, 5), (-23, 30), (-36, 5)], -23),
        ([(-72, 5), (-36, 5), (-23, 30), (-36, 5), (-72, 5)], -23),
        ([(-26, 10), (-20, 10.05), (-26, 10)], -23),
    ],
)
def test_integrated_loudness_of_the_ebu_cases(rate, parts, lufs):
    assert integrated_loudness_lufs(tone(parts, rate), rate) == pytest.approx(lufs, abs=0.1)


def test_k_weighting_is_the_tabulated_one_at_48_khz():
    # BS.1770-5, tables 1 and 2.
    expected = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -2.0, 1.0],
    ]
    denominators = [
        [1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(
        k_weighting(48_000), np.hstack([expected, denominators]), rtol=0, atol=1e-8
    )


def test_a_mono_sine_at_full_scale_reads_minus_3_01():
    # BS.1770-5, annex 1: 0 dBFS at 997 Hz in one front channel reads −3.01 LKFS.
    sine = tone([(0, 2)], frequency=997.0)[:1]
    assert integrated_loudness_lufs(sine, RATE) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("block", [1000, 4799, 30_000])
def test_meters_do_not_mind_how_blocks_are_cut(block):
    samples = np.random.default_rng(1).normal(size=(2, 3 * RATE)) * 0.1
    loudness, peak = LoudnessMeter(2, RATE), TruePeakMeter(2)
    for start in range(0, samples.shape[1], block):
        loudness.add(samples[:, start : start + block])
        peak.add(samples[:, start : start + block])
    assert loudness.integrated_lufs == pytest.approx(
        integrated_loudness_lufs(samples, RATE), abs=1e-9
    )
    assert peak.peak_dbtp == pytest.approx(true_peak_dbtp(samples), abs=1e-6)


@pytest.mark.parametrize("block", [1, 37, 480])
def test_the_end_of_a_block_is_no_end_of_the_sound(block):
    """Cut off, the tone would rise by a tenth between its last sample and silence."""
    sine = 0.9 * np.sin(2 * np.pi * 0.23 * np.arange(3000)) * tukey(3000, 0.5)
    meter = TruePeakMeter(1)
    for start in range(0, len(sine), block):
        meter.add(sine[None, start : start + block])
    assert meter.peak == pytest.approx(0.9, abs=1e-3)
    meter.finish()
    assert meter.peak_dbtp == true_peak_dbtp(sine[None])


@pytest.mark.parametrize(
    ("period", "phase_deg", "level", "expected_db"),
    [
        # EBU Tech 3341-2016, cases 15 to 19: dBTP within +0.2 / −0.4.
        (4, 0, 0.5, -6.0),
        (4, 45, 0.5, -6.0),
        (6, 60, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45, 1.41, 3.0),
    ],
)
def test_true_peak_of_the_ebu_cases(period, phase_deg, level, expected_db):
    phase = 2 * np.pi * np.arange(4800) / period + np.radians(phase_deg)
    # Faded in and out: a sine that starts at once peaks higher between its first samples.
    sine = level * np.sin(phase) * tukey(4800, 0.5)
    assert -0.4 < true_peak_dbtp(sine[None]) - expected_db < 0.2


def test_true_peak_is_the_largest_of_four_times_as_many_samples():
    """Against exact interpolation by Fourier transform, of noise below 0.4 of the rate."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(size=(2, 20_000)))
    spectrum[:, int(0.38 * 20_000) :] = 0
    noise = np.fft.irfft(spectrum) * np.hanning(20_000)
    expected = 20 * math.log10(np.abs(resample(noise, 80_000, axis=1)).max())
    assert expected > 20 * math.log10(np.abs(noise).max()) + 0.3
    assert true_peak_dbtp(noise) == pytest.approx(expected, abs=0.001)


def test_silence_has_no_level():
    silence = np.zeros((2, RATE))
    assert integrated_loudness_lufs(silence, RATE) == -math.inf
    assert true_peak_dbtp(silence) == -math.inf
    assert integrated_loudness_lufs(tone([(0, 0.3)]), RATE) == -math.inf  # less than one gate


@pytest.fixture(scope="module")
def peer_signals():
    return runpy.run_path(str(REFERENCES / "make_loudness.py"))["signals"]()


@pytest.mark.parametrize("name", json.loads((REFERENCES / "loudness.json").read_text()))
def test_agrees_with_pyloudnorm_and_ffmpeg(peer_signals, name):
    samples, rate = peer_signals[name]
    peers = json.loads((REFERENCES / "loudness.json").read_text())[name]
    loudness = integrated_loudness_lufs(samples, rate)
    assert loudness == pytest.approx(peers["pyloudnorm_lufs"], abs=2e-4)
    # FFmpeg cuts its histogram into hundredths.
    assert loudness == pytest.approx(peers["ffmpeg_lufs"], abs=0.01)
    # At 96 kHz FFmpeg oversamples twice, we four times: we may find more.
    above = 0.02 if rate < 96_000 else 0.15
    assert -0.02 < true_peak_dbtp(samples) - peers["ffmpeg_dbtp"] < above


@pytest.mark.parametrize("frequency", [0.05, 0.1, 0.2, 0.25, 0.3, 0.4])
def test_true_peak_misses_no_more_than_its_oversampling_explains(frequency):
    """Of the rate; the phases hold the worst one."""
    most_db = -20 * math.log10(math.cos(math.pi * frequency / 4))
    turns = 2 * np.pi * frequency * np.arange(2000)
    errors_db = [
        true_peak_dbtp((np.sin(turns + phase) * tukey(2000, 0.5))[None])
        for phase in np.linspace(0, np.pi, 41)
    ]
    assert max(errors_db) < 0.001
    assert min(errors_db) > -most_db - 0.001
    if frequency in (0.1, 0.2, 0.4):  # the points of these stand still against the wave
        assert min(errors_db) < -most_db + 0.001


def test_channels_add_up_as_powers():
    """Two channels that sound the same are 3.01 LU louder than one."""
    one = tone([(-20, 2)])[:1]
    louder = integrated_loudness_lufs(np.concatenate([one, one]), RATE)
    assert louder - integrated_loudness_lufs(one, RATE) == pytest.approx(10 * math.log10(2))


def test_the_relative_gate_is_10_lu_below_what_passes_the_absolute_one():
    """A part that is 6 LU softer counts, one that is 20 LU softer does not."""
    loud, seconds = -20.0, 20
    for below_db, counts in ((6.0, True), (20.0, False)):
        both = integrated_loudness_lufs(tone([(loud, seconds), (loud - below_db, seconds)]), RATE)
        mean = 10 * math.log10((1 + 10 ** (-below_db / 10)) / 2)
        alone = integrated_loudness_lufs(tone([(loud, seconds)]), RATE)
        assert both - alone == pytest.approx(mean if counts else 0.0, abs=0.08)
