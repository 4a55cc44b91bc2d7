"""Claps are located in depth images, and calibrate the microphones."""

import numpy as np
import pytest

from capture.errors import DataError
from capture.microphones import MicrophoneGeometry
from capture.microphones.calibration import calibrate_by_claps
from capture.simulate.clapper import Clapper, Standing, film_clapper
from capture.sync.clap_places import locate_claps
from capture.take import open_take

TRUE = MicrophoneGeometry(rotation_rad=np.radians(100.0), offset_m=(-0.03, 0.01, 0.02))


def test_claps_are_located_within_6_cm_where_the_hands_meet(placed_claps):
    clapper, camera = placed_claps.clapper, placed_claps.camera
    with open_take(placed_claps.folder) as take:
        places = locate_claps(take)
    assert places.unseen_s == ()
    assert places.lag_s == pytest.approx(0.08 + 0.02, abs=0.07)  # hands touch for 50 ms
    for clap, true_s in zip(places.located, clapper.claps_s, strict=True):
        true_m = clapper.hands_m(true_s)
        way_s = np.linalg.norm(true_m - camera.position_m) / 343
        assert clap.time_s == pytest.approx(true_s + way_s, abs=2e-3)
        assert np.linalg.norm(camera.transform(clap.position_m[None])[0] - true_m) < 0.06


def test_microphones_are_calibrated_with_no_typed_place(placed_claps):
    true = placed_claps.geometry
    with open_take(placed_claps.folder) as take:
        fit, places = calibrate_by_claps(take)
    assert len(places.located) == 4
    assert turned_by(fit, true) < 3
    assert np.linalg.norm(np.subtract(fit.geometry.offset_m, true.offset_m)) < 0.06


def turned_by(fit, true):
    off = np.degrees(fit.geometry.rotation_rad - true.rotation_rad)
    return abs((off + 180) % 360 - 180)


def test_times_that_are_given_choose_the_claps(placed_claps):
    times_s = placed_claps.clapper.claps_s
    with open_take(placed_claps.folder) as take:
        fit, places = calibrate_by_claps(take, near_s=times_s[:1], fit_offset=False)
        assert len(places.located) == 1
        with pytest.raises(DataError, match=r"nothing sudden is heard from 3\.95 s"):
            locate_claps(take, [4.2])
        with pytest.raises(DataError, match=r"2 sudden sounds.*3 such claps are needed"):
            calibrate_by_claps(take, near_s=times_s[:2])
        with pytest.raises(DataError, match="5 microphones"):
            calibrate_by_claps(take, MicrophoneGeometry(ring_count=4))
    assert turned_by(fit, placed_claps.geometry) < 5


def test_claps_from_one_direction_and_doors_that_slam_are_refused(tmp_path):
    standing = [Standing(position_m=(x, y)) for x, y in ((1.5, 0.1), (1.8, -0.1), (1.7, 0.0))]
    same = Clapper([1.0, 2.2, 3.4], np.random.default_rng(1), standing=standing)
    film_clapper(tmp_path / "a.mkv", same, seconds=4.2, rate_hz=48_000, geometry=TRUE)
    with open_take(tmp_path / "a.mkv") as take, pytest.raises(DataError, match="--keep-offset"):
        calibrate_by_claps(take)
    still = Clapper([], np.random.default_rng(1))
    film_clapper(
        tmp_path / "b.mkv", still, seconds=2.4, sounds_s=[1.2], rate_hz=48_000, geometry=TRUE
    )
    with open_take(tmp_path / "b.mkv") as take:
        assert locate_claps(take).located == ()
        with pytest.raises(DataError, match="at none of them hands are seen to meet"):
            calibrate_by_claps(take)


def test_a_take_of_point_clouds_is_told_to_name_places(tmp_path):
    from capture.point_cloud import PointCloud, write_ply

    write_ply(tmp_path / "a.ply", PointCloud(positions_m=np.ones((9, 3), np.float32)))
    with open_take(tmp_path, rate_hz=5) as take, pytest.raises(DataError, match="--source"):
        locate_claps(take)
