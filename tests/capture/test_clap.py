"""A clap that is heard and seen lines sound and images up."""

import numpy as np
import pytest

from capture.clock import ClockFit
from capture.simulate.clapper import Clapper, Standing, claps_at_microphones, film_clapper
from capture.sync.clap import ClapGroup, correct_clock, find_claps
from capture.sync.onsets import find_onsets
from capture.take import open_take

RATE_HZ = 16_000


@pytest.mark.parametrize(
    ("fps", "claps_s", "late_s", "yaw_rad"),
    [
        (15, [1.3, 2.13, 2.81], 0.08, np.pi),
        (30, [1.5], 0.01, np.pi),
        (15, [1.5, 2.4], 0.4, np.pi + 0.6),
    ],
)
def test_the_lag_of_the_images_is_found_within_15_ms(tmp_path, fps, claps_s, late_s, yaw_rad):
    clapper = Clapper(claps_s, np.random.default_rng(1), standing=Standing(yaw_rad=yaw_rad))
    path = tmp_path / "a.mkv"
    film_clapper(path, clapper, seconds=3.6, fps=fps, late_s=late_s)
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
    door, silent = tmp_path / "a.mkv", tmp_path / "b.mkv"
    film_clapper(door, still, seconds=3.0, fps=15, sounds_s=[1.5])
    gloves = Clapper([1.5], np.random.default_rng(1))
    film_clapper(silent, gloves, seconds=3.0, fps=15, sounds_s=[])
    for path in (door, silent):
        with open_take(path) as take:
            assert find_claps(take) == ()


def test_music_is_no_clap(duo_take):
    with open_take(duo_take) as take:
        assert find_claps(take) == ()


def test_onsets_are_found_to_a_millisecond_across_seams():
    rng = np.random.default_rng(2)
    true_s = [5.0, 19.9995, 20.4, 33.0]
    here = np.array([0.0, 0.0, 1.0])
    made = [(time_s, np.array([0.01, 0.0, 1.0])) for time_s in true_s]
    (sound,) = claps_at_microphones(made, here[None], 40.0, RATE_HZ, rng)
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
