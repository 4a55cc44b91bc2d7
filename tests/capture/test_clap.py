"""A clap that is heard and seen lines sound and images up."""

import numpy as np
import pytest

from capture.calibration import Calibration
from capture.clock import ClockFit
from capture.k4a_mkv import K4AWriter
from capture.simulate.clapper import Clapper
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import SimulatedKinect, camera_pose
from capture.sync.clap import ClapGroup, correct_clock, find_claps
from capture.sync.onsets import find_onsets
from capture.take import open_take

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode=None)
RATE_HZ = 16_000
ROOM = Shell(bounds_m=np.array([[-1.0, -3.0, 0.0], [3.6, 3.0, 3.0]]))
KINECT = SimulatedKinect(CALIBRATION, camera_pose(1.3, 0.1), shell=ROOM)


def clap_sound(times_s, seconds, rng, noise=1e-3):
    sound = rng.normal(0, noise, round(seconds * RATE_HZ))
    for time_s in times_s:
        first = round(time_s * RATE_HZ)
        length = min(RATE_HZ // 5, len(sound) - first)
        decay = np.exp(-np.arange(length) / (0.008 * RATE_HZ))
        sound[first : first + length] += rng.normal(0, 0.2, length) * decay
    return sound


def film_claps(path, clapper, *, seconds, fps, late_s=0.0, sounds_s=None):
    """A take whose images are stamped `late_s` later than they were taken."""
    rng = np.random.default_rng(0)
    way_s = np.linalg.norm(clapper.hands_m() - KINECT.world_from_camera.position_m) / 343.0
    heard_s = [time_s + way_s for time_s in (clapper.claps_s if sounds_s is None else sounds_s)]
    sound = np.rint(clap_sound(heard_s, seconds, rng) * 32767).clip(-32768, 32767)
    with K4AWriter(
        path, CALIBRATION, fps=fps, imu=False, audio_channels=1, audio_rate_hz=RATE_HZ
    ) as writer:
        for time_s in np.arange(0.011, seconds - late_s - 0.1, 1 / fps):
            stamp_us = round((time_s + late_s) * 1e6)
            first, stop = (round(t * RATE_HZ) for t in (time_s - 1 / fps, time_s))
            writer.write_audio(max(0, first), sound[max(0, first) : stop, None].astype(np.int16))
            vertices = clapper.vertices_at(float(time_s))
            depth_m, index = KINECT.see(vertices, clapper.faces)
            depth_mm = KINECT.measure(vertices, clapper.faces, clapper.colors, depth_m, index, rng)
            writer.write_depth(stamp_us, depth_mm)
    return path


@pytest.mark.parametrize(
    ("fps", "claps_s", "late_s", "yaw_rad"),
    [
        (15, [1.3, 2.13, 2.81], 0.08, np.pi),
        (30, [1.5], 0.01, np.pi),
        (15, [1.5, 2.4], 0.4, np.pi + 0.6),
    ],
)
def test_the_lag_of_the_images_is_found_within_15_ms(tmp_path, fps, claps_s, late_s, yaw_rad):
    clapper = Clapper(claps_s, np.random.default_rng(1), yaw_rad=yaw_rad)
    path = film_claps(tmp_path / "a.mkv", clapper, seconds=3.6, fps=fps, late_s=late_s)
    with open_take(path) as take:
        (group,) = find_claps(take)
        corrected = correct_clock(take.clock, (group,))
    assert group.count == len(claps_s)
    assert group.lag_s == pytest.approx(late_s, abs=0.015)
    assert group.error_s < 0.02
    assert corrected.offset_s == pytest.approx(-late_s, abs=0.015)


def test_hands_without_a_sound_and_a_sound_without_hands_are_no_clap(tmp_path):
    """A door slams while somebody stands still, and somebody claps in gloves."""
    still = Clapper([], np.random.default_rng(1))
    door = film_claps(tmp_path / "a.mkv", still, seconds=3.0, fps=15, sounds_s=[1.5])
    gloves = Clapper([1.5], np.random.default_rng(1))
    silent = film_claps(tmp_path / "b.mkv", gloves, seconds=3.0, fps=15, sounds_s=[])
    for path in (door, silent):
        with open_take(path) as take:
            assert find_claps(take) == ()


def test_onsets_are_found_to_a_millisecond_across_seams():
    rng = np.random.default_rng(2)
    true_s = [5.0, 19.9995, 20.4, 33.0]
    sound = clap_sound(true_s, 40.0, rng)
    sound += 0.1 * np.sin(2 * np.pi * 220 * np.arange(len(sound)) / RATE_HZ)

    def read(start_s, stop_s):
        return sound[round(start_s * RATE_HZ) : round(stop_s * RATE_HZ)].astype(np.float32)

    found = find_onsets(read, RATE_HZ, 0.0, 40.0)
    np.testing.assert_allclose([onset.time_s for onset in found], true_s, atol=1e-3)
    assert [onset.time_s for onset in find_onsets(read, RATE_HZ, 0.0, 10.0)] == [found[0].time_s]


def group(time_s, lag_s, error_s=0.01):
    return ClapGroup(time_s=time_s, count=2, lag_s=lag_s, error_s=error_s)


def test_claps_that_agree_shift_and_claps_that_part_change_the_drift():
    clock = ClockFit(offset_s=0.5, drift=100e-6, wander=((0.0, 0.001), (50.0, 0.0)))
    shifted = correct_clock(clock, (group(10.0, 0.05), group(900.0, 0.06)))
    assert shifted.drift == clock.drift
    assert shifted.offset_s == pytest.approx(0.445)
    assert shifted.wander == clock.wander

    true = ClockFit(offset_s=-0.2, drift=370e-6)
    claps = tuple(
        group(time_s, time_s - float(true.sound_from_camera(np.array([time_s]))[0]))
        for time_s in (10.0, 3600.0)
    )
    corrected = correct_clock(ClockFit(), claps)
    camera_s = np.array([0.0, 1800.0, 3600.0])
    np.testing.assert_allclose(
        corrected.sound_from_camera(camera_s), true.sound_from_camera(camera_s), atol=1e-3
    )
    with pytest.raises(ValueError, match="no clap"):
        correct_clock(clock, ())
