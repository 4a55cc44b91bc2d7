"""What one hears is where the source is: against the measured head, analysis and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interaural import (
    erb_levels_db,
    interaural_level_difference_db,
    interaural_time_difference_s,
)
from auralize.stream.binaural import BLOCK, render_binaural
from capture.errors import DataError, FileFormatError
from scenes import Scene

RATE = 48_000


@pytest.fixture(scope="module")
def kemar():
    return read_hrtf()


@pytest.fixture(scope="module")
def kemar_48k(kemar):
    return kemar.resampled(RATE)


@pytest.fixture
def noise(tmp_path):
    """A second of noise, as samples and as tmp_path/noise.wav."""
    samples = 0.1 * np.random.default_rng(5).normal(size=RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
    return samples


def source(**changes):
    return {"name": "a", "file": "noise.wav", "position_m": (1.0, 0.0, 1.2)} | changes


def scene(*sources, **changes):
    return Scene(**({"sample_rate_hz": RATE, "sources": sources or (source(),)} | changes))


def rendered(what, folder, head=None):
    return np.concatenate(list(render_binaural(what, folder, head)), axis=1)


def at(azimuth_deg, distance_m=1.0):
    azimuth = np.radians(azimuth_deg)
    return (distance_m * math.cos(azimuth), distance_m * math.sin(azimuth), 1.2)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_every_measured_azimuth_sounds_as_it_was_measured(tmp_path, kemar, rate):
    """ITD within 1 µs, ILD and spectrum within 0.05 dB of the SOFA data, bands to 16 kHz."""
    impulse = np.zeros(rate // 20, dtype=np.float32)
    impulse[0] = 1.0
    soundfile.write(tmp_path / "impulse.wav", impulse, rate, subtype="FLOAT")
    ring = np.flatnonzero(np.abs(kemar.directions[:, 2]) < 1e-6)
    assert len(ring) == 72
    sources = [
        source(
            name=str(i),
            file="impulse.wav",
            start_s=number / 20,
            position_m=kemar.distance_m * kemar.directions[i] + [0, 0, 1.2],
            reference_distance_m=kemar.distance_m,
        )
        for number, i in enumerate(ring)
    ]
    out = rendered(scene(*sources, sample_rate_hz=rate), tmp_path, kemar)
    for number, i in enumerate(ring):
        heard = out[:, number * rate // 20 : (number + 1) * rate // 20]
        measured = kemar.impulse_responses[i]
        itd_error_s = interaural_time_difference_s(heard, rate) - interaural_time_difference_s(
            measured, kemar.sample_rate_hz
        )
        assert abs(itd_error_s) < 1e-6
        # The same length in seconds, so that the bands average the same frequencies.
        padded = np.pad(measured, ((0, 0), (0, 44_100 // 20 - 512)))
        error = erb_levels_db(heard, rate) - erb_levels_db(padded, kemar.sample_rate_hz)
        assert np.abs(error).max() < 0.05
        assert np.abs(error[0] - error[1]).max() < 0.05


def test_left_is_left(tmp_path, noise):
    out = rendered(scene(source(position_m=at(90))), tmp_path)
    assert interaural_level_difference_db(out, RATE) > 8
    assert interaural_time_difference_s(out, RATE) > 600e-6
    out = rendered(scene(source(position_m=at(-90))), tmp_path)
    assert interaural_level_difference_db(out, RATE) < -8
    assert interaural_time_difference_s(out, RATE) < -600e-6


def test_a_listener_who_turns_left_has_the_front_on_the_right(tmp_path, noise):
    turned = scene(source(position_m=at(0)), listener={"yaw_deg": 90})
    right = scene(source(position_m=at(-90)))
    np.testing.assert_allclose(rendered(turned, tmp_path), rendered(right, tmp_path), atol=1e-6)


def test_only_the_relative_position_counts(tmp_path, noise):
    moved = scene(source(position_m=(3, -2, 2)), listener={"position_m": (2, -3, 2)})
    near = scene(source(position_m=(1, 1, 1.2)))
    np.testing.assert_allclose(rendered(moved, tmp_path), rendered(near, tmp_path), atol=1e-6)


def test_is_the_convolution_with_all_taps(tmp_path, noise, kemar_48k):
    out = rendered(scene(source(position_m=at(0))), tmp_path)
    front = kemar_48k.impulse_responses[np.argmax(kemar_48k.directions[:, 0])]
    expected = fftconvolve(noise[None].astype(np.float64), front, axes=-1)[:, :RATE]
    assert np.abs(out - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("distance_m", "gain"),
    [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0), (0.15, 1 / 0.15), (0.05, 1 / 0.15)],
)
def test_falls_with_the_distance_down_to_a_floor(tmp_path, noise, distance_m, gain):
    afar = {"near_field": False}
    out = rendered(scene(source(position_m=at(0, distance_m)), listener=afar), tmp_path)
    reference = rendered(scene(source(position_m=at(0)), listener=afar), tmp_path)
    np.testing.assert_allclose(out, gain * reference, atol=1e-5)


def test_gain_and_reference_distance(tmp_path, noise):
    out = rendered(scene(source(gain_db=-20.0, reference_distance_m=3.0)), tmp_path)
    reference = rendered(scene(), tmp_path)
    np.testing.assert_allclose(out, 0.3 * reference, atol=1e-6)


def test_a_source_inside_the_head_is_in_front(tmp_path, noise):
    inside = rendered(scene(source(position_m=(0, 0, 1.2))), tmp_path)
    front = rendered(scene(source(position_m=at(0, 0.15))), tmp_path)
    np.testing.assert_allclose(inside, front, atol=1e-5)


def test_sources_add_up_and_the_silent_ones_do_not(tmp_path, noise):
    left, right = source(name="l", position_m=at(60)), source(name="r", position_m=at(-60))
    both = rendered(scene(left, right), tmp_path)
    alone = [rendered(scene(one), tmp_path) for one in (left, right)]
    np.testing.assert_allclose(both, alone[0] + alone[1], atol=1e-6)
    muted = rendered(scene(left | {"mute": True}, right), tmp_path)
    solo = rendered(scene(left, right | {"solo": True}), tmp_path)
    np.testing.assert_array_equal(muted, alone[1])
    np.testing.assert_array_equal(solo, alone[1])


def test_start_duration_and_channel(tmp_path):
    rng = np.random.default_rng(8)
    stereo = rng.normal(size=(3000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "two.wav", stereo, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "second.wav", stereo[:, 1], RATE, subtype="FLOAT")
    late = rendered(scene(source(file="two.wav", channel=2, start_s=0.1)), tmp_path)
    early = rendered(scene(source(file="second.wav"), duration_s=0.2), tmp_path)
    assert late.shape == (2, 4800 + 3000)  # it ends with the last sound
    assert early.shape == (2, 9600)
    assert np.abs(late[:, :4800]).max() < 5e-6
    np.testing.assert_allclose(late[:, 4800:], early[:, :3000], atol=5e-6)


class TestMoving:
    def test_standing_still_on_a_path_is_standing_still(self, tmp_path, noise):
        keys = [{"time_s": t, "position_m": at(37)} for t in (0.0, 1.0)]
        # A keyframe beyond the render makes the source move, but not within it.
        keys.append({"time_s": 100.0, "position_m": at(37)})
        keys.append({"time_s": 101.0, "position_m": at(90)})
        moving = scene(source(position_m=None, keyframes=keys))
        assert moving.sources[0].moves
        still = rendered(scene(source(position_m=at(37))), tmp_path)
        out = rendered(moving, tmp_path)
        # The noise goes up to half the sample rate, where the delay line ends.
        assert np.abs(out - still).max() < 1e-5 * np.abs(still).max()

    def test_turning_the_head_is_moving_the_source(self, tmp_path, noise):
        angles = np.linspace(0, 80, 21)
        times = np.linspace(0, 1, 21)
        turns = [{"time_s": t, "yaw_deg": a} for t, a in zip(times, angles, strict=True)]
        turning = scene(source(position_m=at(0)), listener={"keyframes": turns})
        # The same circle, the other way round; fine enough for straight lines between keys.
        fine = np.linspace(0, 1, 801)
        keys = [{"time_s": t, "position_m": at(-80 * t)} for t in fine]
        moving = scene(source(position_m=None, keyframes=keys))
        heard, expected = rendered(turning, tmp_path), rendered(moving, tmp_path)
        assert np.abs(heard - expected).max() < 1e-4 * np.abs(expected).max()

    def test_arrives_where_it_goes(self, tmp_path, noise):
        keys = [
            {"time_s": 0.0, "position_m": (0, 1, 1.2)},
            {"time_s": 1.0, "position_m": (0, -1, 1.2)},
        ]
        out = rendered(scene(source(position_m=None, keyframes=keys)), tmp_path)
        assert interaural_level_difference_db(out[:, : RATE // 5], RATE) > 8
        assert interaural_level_difference_db(out[:, -RATE // 5 :], RATE) < -8

    def test_leaves_no_clicks(self, tmp_path):
        """A 1 kHz sine that passes by keeps to the band around 1 kHz."""
        seconds = 2
        sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(seconds * RATE) / RATE)
        soundfile.write(tmp_path / "sine.wav", sine.astype(np.float32), RATE, subtype="FLOAT")
        keys = [
            {"time_s": 0, "position_m": (1.5, 3, 1.2)},
            {"time_s": seconds, "position_m": (1.5, -3, 1.2)},
        ]
        out = rendered(scene(source(file="sine.wav", position_m=None, keyframes=keys)), tmp_path)
        part = out[:, RATE // 4 : -RATE // 4]
        spectrum = np.abs(np.fft.rfft(part * np.blackman(part.shape[1]))) ** 2
        frequencies = np.fft.rfftfreq(part.shape[1], 1 / RATE)
        far = np.abs(frequencies - 1000) > 300
        assert 10 * np.log10(spectrum[:, far].max() / spectrum.max()) < -80

    def test_blocks_join_up(self, tmp_path):
        """Nothing happens at the border of two blocks: the path is long enough for three."""
        ones = np.ones(3 * BLOCK, dtype=np.float32)
        soundfile.write(tmp_path / "ones.wav", ones, RATE, subtype="FLOAT")
        keys = [{"time_s": 0, "position_m": at(20)}, {"time_s": 3, "position_m": at(70)}]
        out = rendered(scene(source(file="ones.wav", position_m=None, keyframes=keys)), tmp_path)
        jumps = np.abs(np.diff(out, axis=1))[:, 2000:]
        border = np.abs(np.diff(out, axis=1))[:, BLOCK - 5 : BLOCK + 700]
        assert border.max() <= jumps.max()
        assert border.max() < 10 * np.median(jumps) + 1e-6


class TestPropagation:
    def test_sound_takes_its_time(self, tmp_path):
        impulse = np.zeros(RATE // 4, dtype=np.float32)
        impulse[100] = 1.0
        soundfile.write(tmp_path / "impulse.wav", impulse, RATE, subtype="FLOAT")
        metres = 343.2 * 960 / RATE  # 960 samples
        far = source(file="impulse.wav", position_m=at(0, metres), reference_distance_m=metres)
        late = rendered(scene(far, medium={"propagation_delay": True}), tmp_path)
        now = rendered(scene(far), tmp_path)
        np.testing.assert_allclose(late[:, 960:], now[:, :-960], atol=1e-6)

    @pytest.mark.parametrize("speed_m_s", [20.0, -20.0])
    def test_doppler_shifts_the_pitch(self, tmp_path, speed_m_s):
        sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
        soundfile.write(tmp_path / "sine.wav", sine.astype(np.float32), RATE, subtype="FLOAT")
        start = 60.0
        keys = [
            {"time_s": 0, "position_m": (start, 0, 1.2)},
            {"time_s": 2, "position_m": (start - 2 * speed_m_s, 0, 1.2)},
        ]
        moving = source(file="sine.wav", position_m=None, keyframes=keys, reference_distance_m=50)
        out = rendered(scene(moving, medium={"propagation_delay": True}), tmp_path)
        part = out[0, RATE // 2 : 2 * RATE]
        part = part * np.blackman(len(part))
        padded = np.abs(np.fft.rfft(part, 16 * len(part)))
        heard_hz = np.argmax(padded) * RATE / (16 * len(part))
        # The source moves and the listener does not.
        assert heard_hz == pytest.approx(1000 / (1 - speed_m_s / 343.2), rel=2e-5)


class TestBadInput:
    def test_another_sample_rate_names_both(self, tmp_path):
        soundfile.write(tmp_path / "slow.wav", np.zeros(100), 44_100)
        with pytest.raises(DataError, match=r"slow\.wav.* 44100 Hz, .* 48000 Hz"):
            rendered(scene(source(file="slow.wav")), tmp_path)

    def test_nan_in_a_stem_says_where(self, tmp_path):
        samples = np.zeros(RATE, dtype=np.float32)
        samples[24_000] = np.nan
        soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
        with pytest.raises(DataError, match=r"nan\.wav: a sample at 0\.500 s is not a finite"):
            rendered(scene(source(file="nan.wav")), tmp_path)

    def test_no_sound_file(self, tmp_path):
        (tmp_path / "noise.wav").write_bytes(b"nothing to hear")
        with pytest.raises(FileFormatError, match=r"noise\.wav: not readable as sound"):
            rendered(scene(), tmp_path)

    def test_a_channel_that_is_not_there(self, tmp_path, noise):
        with pytest.raises(DataError, match="channel 2, but the file has 1"):
            rendered(scene(source(channel=2)), tmp_path)

    def test_all_muted(self, tmp_path, noise):
        with pytest.raises(DataError, match="all 1 sources"):
            rendered(scene(source(mute=True)), tmp_path)


@settings(max_examples=10, deadline=None)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90))
def test_mirrored_sources_exchange_the_ears(tmp_path_factory, azimuth, elevation):
    """KEMAR was measured on one side and mirrored, so its ears are alike."""
    folder = tmp_path_factory.mktemp("mirror")
    impulse = np.zeros(1024, dtype=np.float32)
    impulse[0] = 1.0
    soundfile.write(folder / "noise.wav", impulse, RATE, subtype="FLOAT")
    a, e = np.radians([azimuth, elevation])
    x, y, z = np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), 1.2 + np.sin(e)
    here = rendered(scene(source(position_m=(x, y, z))), folder)
    there = rendered(scene(source(position_m=(x, -y, z))), folder)
    energy = np.sum(here**2, axis=1)
    mirrored = np.sum(there[::-1] ** 2, axis=1)
    np.testing.assert_allclose(10 * np.log10(energy / mirrored), 0.0, atol=0.5)
