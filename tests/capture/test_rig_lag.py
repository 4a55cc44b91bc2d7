"""By how much the times of one camera are later than those of another, where that is known."""

import types

import numpy as np
import pytest

from capture.clock import ClockFit
from capture.pose import Pose, quaternion_from_yaw
from capture.rig.lag import Lag, find_lag, without_ways
from capture.rig.motion_lag import motion_lag, moved_points
from capture.rig.sound_lag import sound_lag
from capture.simulate.clapper import Clapper, film_clapper
from capture.simulate.kinect import camera_pose
from capture.take import open_take
from capture.waveform import Waveform

FIRST = camera_pose(1.3, 0.1)
SECOND = Pose(
    position_m=np.array([0.6, -1.6, 0.0]), orientation_wxyz=quaternion_from_yaw(np.radians(40))
).compose(camera_pose(1.3, 0.12, 0.01))
LATER_S = 0.2093
"""The second recording starts so much after the first: its times are less."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Three claps, filmed by two cameras whose images are not taken at the same moments."""
    folder = tmp_path_factory.mktemp("lag")
    clapper = Clapper([0.8, 1.7, 2.9], np.random.default_rng(5), body_id=9)
    film_clapper(folder / "a.mkv", clapper, seconds=3.5, camera=FIRST, rate_hz=48_000)
    film_clapper(
        folder / "b.mkv",
        clapper,
        seconds=3.2,
        camera=SECOND,
        start_s=LATER_S,
        first_image_s=0.039,
        rate_hz=16_000,
        seed=1,
    )
    return folder


def test_what_both_hear_gives_the_lag_within_2_ms(pair):
    with open_take(pair / "a.mkv") as a, open_take(pair / "b.mkv") as b:
        lag = find_lag(a, b)
        sources_m = FIRST.transform(moved_points(a))
    assert lag.source == "sound"
    assert lag.seconds == pytest.approx(-LATER_S, abs=0.006)
    exact = without_ways(lag, sources_m, FIRST, SECOND)
    assert exact.seconds == pytest.approx(-LATER_S, abs=0.002)
    assert abs(exact.seconds + LATER_S) < 3 * exact.error_s < 0.006
    assert np.linalg.norm(np.median(sources_m, axis=0) - [2.1, 0, 1.2]) < 0.4


def test_without_sound_what_moves_gives_it_within_half_an_image(pair):
    with open_take(pair / "a.mkv") as a, open_take(pair / "b.mkv") as b:
        seconds, error_s = motion_lag(a, b)
    assert seconds == pytest.approx(-LATER_S, abs=0.5 / 15)
    assert error_s == pytest.approx(0.25 / 15, rel=0.1)


def test_where_nothing_is_heard_and_nothing_moves_it_is_assumed(tmp_path):
    still = Clapper([], np.random.default_rng(1))
    for name, seed in (("a.mkv", 0), ("b.mkv", 1)):
        film_clapper(tmp_path / name, still, seconds=1.0, sound=False, seed=seed)
    with open_take(tmp_path / "a.mkv") as a, open_take(tmp_path / "b.mkv") as b:
        lag = find_lag(a, b)
    assert (lag.source, lag.seconds, lag.error_s) == ("assumed", 0.0, None)


def heard(samples, rate_hz):
    """A take of sound alone."""

    def audio(start_s, stop_s):
        at = np.arange(round(start_s * rate_hz), round(stop_s * rate_hz))
        inside = (at >= 0) & (at < len(samples))
        piece = np.where(inside, samples[np.clip(at, 0, len(samples) - 1)], 0)
        return Waveform(samples=piece[None].astype(np.float32), sample_rate_hz=rate_hz)

    return types.SimpleNamespace(
        audio=audio, sample_rate_hz=rate_hz, duration_s=len(samples) / rate_hz, center_channel=0
    )


def test_clocks_that_drift_apart_are_followed():
    rate_hz, drift, seconds = 16_000, 80e-6, 5.4321
    rng = np.random.default_rng(3)
    starts = np.cumsum(rng.uniform(0.1, 0.6, 450))
    sound = np.zeros(round((starts[-1] + 1) * rate_hz))
    for start in starts:
        length = rate_hz // 4
        note = rng.normal(0, 0.2, length) * np.exp(-np.arange(length) / (0.05 * rate_hz))
        sound[round(start * rate_hz) :][:length] += note
    other = np.interp(
        (np.arange(len(sound)) / rate_hz - seconds) / (1 + drift),
        np.arange(len(sound)) / rate_hz,
        sound,
        left=0,
    )
    noisy = [s + rng.normal(0, 0.01, len(s)) for s in (sound, other)]
    found_s, found_drift, error_s = sound_lag(*(heard(s, rate_hz) for s in noisy))
    times = np.array([0.0, 60.0, 120.0])
    off = found_s + found_drift * times - (seconds + drift * times)
    assert np.abs(off).max() < 1e-3
    assert error_s < 1e-3


def test_other_sounds_and_music_that_repeats_give_none():
    rng = np.random.default_rng(4)
    one, two = (heard(rng.normal(0, 0.1, 80_000), 16_000) for _ in range(2))
    assert sound_lag(one, two) is None
    beat = np.tile(np.exp(-np.arange(4000) / 300) * rng.normal(0, 0.3, 4000), 40)
    assert sound_lag(heard(beat[: len(beat) // 2], 16_000), heard(beat, 16_000)) is None


def test_wired_sensors_are_of_one_clock():
    def take(mode, start_offset_s, clock):
        times_s = np.arange(10) / 30
        recording = types.SimpleNamespace(
            tags={"K4A_WIRED_SYNC_MODE": mode},
            depth_times_s=times_s,
            start_offset_s=start_offset_s,
        )
        return types.SimpleNamespace(
            recording=recording,
            clock=clock,
            times_s=clock.sound_from_camera(times_s),
            has_sound=False,
            calibration=None,
        )

    first = take("MASTER", 2.0, ClockFit(offset_s=0.1))
    other = take("SUBORDINATE", 5.0, ClockFit(offset_s=0.4, drift=100e-6))
    lag = find_lag(first, other)
    assert lag.source == "wire"
    # At 0.1 s of the first its device is at 2 s: the other's recording is at -3 s then.
    at = np.array([0.1, 100.1])
    assert np.allclose(at + lag.at(at), 0.4 + (1 + 100e-6) * np.array([-3.0, 97.0]), atol=1e-9)
    assert np.allclose(lag.of_first(at + lag.at(at)), at)
    assert find_lag(first, take("STANDALONE", 5.0, ClockFit())).source == "assumed"


def test_a_lag_says_where_it_is_from():
    assert str(Lag(seconds=0.5)) == "0.5000 s, as given"
    found = Lag(seconds=-0.2, drift=12e-6, error_s=0.0012, source="sound")
    assert str(found) == "-0.2000 s ±1.2 ms, +12 ppm, by the sound of both"
