import json

import numpy as np
import pytest

from capture.errors import DataError
from capture.microphones import AZURE_KINECT, MicrophoneGeometry, microphone_positions
from capture.microphones.array_fit import HeardSound, fit_array
from capture.microphones.calibration import calibrate_microphones, calibrated_entries
from capture.microphones.channel_delays import channel_delays, channel_pairs
from capture.point_cloud import PointCloud, write_ply
from capture.pose import Pose
from capture.simulate.kinect import camera_pose
from capture.take import open_take
from capture.take.take_file import read_take_file, write_take_file
from capture.waveform import Waveform, write_waveform

RATE_HZ = 48_000
SOUND_M_S = 343.0
CAMERA = camera_pose(1.3, 0.1, 0.02)
TRUE = MicrophoneGeometry(rotation_rad=np.radians(100.0), offset_m=(-0.05, 0.03, 0.01))
AROUND = np.array(  # world frame
    [[0.7, 0.5, 1.2], [0.7, -0.5, 1.5], [1.5, 0.9, 0.8], [1.6, -1.0, 1.4], [0.6, 0.0, 1.9],
     [1.0, 0.1, 0.6]]
)  # fmt: skip


def delays(geometry, position_m, rng=None):
    """What a ring hears, by geometry alone."""
    away = np.linalg.norm(geometry.on_device_m() - position_m, axis=1) / SOUND_M_S
    noise = 0 if rng is None else rng.normal(0, 0.5e-6, len(away))
    first, second = channel_pairs(len(away)).T
    return (away + noise)[first] - (away + noise)[second]


def heard(geometry, places, rng=None):
    return [
        HeardSound(position_m=np.asarray(place, float), delays_s=delays(geometry, place, rng))
        for place in places
    ]


def turned_by(fit, geometry=TRUE):
    off = fit.geometry.rotation_rad - geometry.rotation_rad
    return np.degrees(abs((off + np.pi) % (2 * np.pi) - np.pi))


def burst(rng, away_m, at_s, length):
    """A clap as each microphone hears it: 1/r, delayed exactly, with a floor's echo."""
    frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
    clap = np.zeros(length)
    clap[:100] = rng.normal(size=100) * np.exp(-np.arange(100) / 30)
    spectrum = np.fft.rfft(clap) * np.exp(-((frequencies / 14_000) ** 4))
    sound = 0
    for gain, late_s in ((1.0, 0.0), (0.5, 0.004)):
        delay = at_s + away_m[:, None] / SOUND_M_S + late_s
        sound = sound + gain * spectrum * np.exp(-2j * np.pi * frequencies * delay)
    return np.fft.irfft(sound, length) / away_m[:, None]


def write_take(folder, geometry, places, at_s, *, channels=7):
    """A take of one point cloud whose sound is claps at known places."""
    rng = np.random.default_rng(5)
    length = round((max(at_s) + 0.5) * RATE_HZ)
    microphones = microphone_positions(CAMERA, geometry)
    sound = rng.normal(0, 1e-4, (len(microphones), length))
    for place, time_s in zip(places, at_s, strict=True):
        sound += 0.05 * burst(rng, np.linalg.norm(microphones - place, axis=1), time_s, length)
    write_waveform(
        folder / "audio.wav",
        Waveform(samples=sound[:channels].astype(np.float32), sample_rate_hz=RATE_HZ),
        subtype="PCM_16",
    )
    write_ply(folder / "frame-0.ply", PointCloud(positions_m=np.array([[0, 0, 1.0]], np.float32)))
    text = {
        "format": "auralize-take-1",
        "frames": {"rate_hz": 15},
        "audio": "audio.wav",
        "world_from_camera": {
            "position_m": CAMERA.position_m.tolist(),
            "orientation_wxyz": CAMERA.orientation_wxyz.tolist(),
        },
    }
    (folder / "take.json").write_text(json.dumps(text))


def test_a_ring_is_where_its_fields_say():
    default = AZURE_KINECT.on_device_m()
    assert np.allclose(default[1] - default[0], [0.04, 0, 0])
    assert (default[2] - default[0])[1] > 0  # anticlockwise: to the left
    clockwise = MicrophoneGeometry(axis=(0, 0, -1)).on_device_m()
    assert np.allclose((clockwise - clockwise[0]) * [1, -1, 1], default - default[0])
    upright = MicrophoneGeometry(axis=(1, 0, 0)).on_device_m()
    assert np.allclose(upright[1] - upright[0], [0, 0, 0.04])  # channel 1 on top
    level = Pose(position_m=np.zeros(3), orientation_wxyz=camera_pose(0, 0).orientation_wxyz)
    assert np.allclose(microphone_positions(level), default, atol=1e-9)


def test_delays_are_found_to_a_fiftieth_of_a_sample():
    rng = np.random.default_rng(1)
    away_m = 1.5 + rng.uniform(-0.04, 0.04, 7)
    sound = burst(rng, away_m, 0.002, 512)[:, 200:520] + rng.normal(0, 1e-3, (7, 312))
    pairs = channel_pairs(7)
    found = channel_delays(sound, RATE_HZ, pairs, 0.3e-3)
    true = (away_m[pairs[:, 0]] - away_m[pairs[:, 1]]) / SOUND_M_S
    assert np.abs(found - true).max() * RATE_HZ < 0.02


def test_rotation_and_offset_are_recovered_from_the_sound(tmp_path):
    times = 0.3 + 0.5 * np.arange(len(AROUND))
    write_take(tmp_path, TRUE, AROUND, times)
    with open_take(tmp_path) as take:
        assert take.microphones_m is None
        fit = calibrate_microphones(take, times, AROUND)
        entries = calibrated_entries(fit, take.microphones, take.center_channel)
    assert turned_by(fit) < 0.3
    assert np.allclose(fit.geometry.offset_m, TRUE.offset_m, atol=0.003)
    assert fit.kept == ()
    assert fit.rms_s < 1e-6
    path = tmp_path / "take.json"
    write_take_file(path, read_take_file(path).model_copy(update={"microphones": entries}))
    with open_take(tmp_path) as take:
        assert take.microphones_m is not None
        error = take.microphones_m - microphone_positions(CAMERA, TRUE)
    assert np.linalg.norm(error, axis=1).max() < 0.004
    assert [entry.role for entry in entries] == ["center"] + ["ring"] * 6


def test_errors_of_the_places_show_in_the_stated_uncertainty():
    ratios = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        places = AROUND - [0, 0, 1.3]
        sounds = heard(TRUE, places, rng)
        moved = [
            HeardSound(position_m=s.position_m + rng.normal(0, 0.02, 3), delays_s=s.delays_s)
            for s in sounds
        ]
        fit = fit_array(moved, AZURE_KINECT)
        ratios.append(turned_by(fit) / np.degrees(fit.rotation_std_rad))
    assert 0.3 < np.sqrt(np.mean(np.square(ratios))) < 1.5


def test_one_far_sound_gives_the_rotation_and_says_what_it_cannot():
    sounds = heard(TRUE, [[2.5, 1.0, 0.2]])
    given = MicrophoneGeometry(offset_m=TRUE.offset_m)
    fit = fit_array(sounds, given)
    assert turned_by(fit) < 0.1
    assert fit.kept == ("axis", "front", "left", "up")
    assert fit.geometry.offset_m == TRUE.offset_m
    assert fit.offset_std_m == (None, None, None)
    assert 0.3 < np.degrees(fit.rotation_std_rad) < 1.5


def test_a_ring_that_runs_the_other_way_is_recognized():
    clockwise = MicrophoneGeometry(rotation_rad=0.5, axis=(0, 0, -1))
    fit = fit_array(heard(clockwise, AROUND - [0, 0, 1.3]), AZURE_KINECT)
    assert fit.geometry.axis == (0, 0, -1)
    assert turned_by(fit, clockwise) < 0.1


def test_what_does_not_show_the_rotation_is_refused():
    above = np.add(AZURE_KINECT.offset_m, [0, 0, 1.5])
    with pytest.raises(DataError, match="near the ring's axis"):
        fit_array(heard(AZURE_KINECT, [above]), AZURE_KINECT)
    shuffled = [
        HeardSound(position_m=s.position_m, delays_s=s.delays_s[::-1].copy())
        for s in heard(TRUE, AROUND - [0, 0, 1.3])
    ]
    with pytest.raises(DataError, match="order of channels"):
        fit_array(shuffled, AZURE_KINECT)


def test_a_wrong_place_is_noticed():
    sounds = heard(TRUE, AROUND - [0, 0, 1.3])
    swapped = [
        HeardSound(position_m=here.position_m, delays_s=there.delays_s)
        for here, there in zip(sounds, sounds[1:] + sounds[:1], strict=True)
    ]
    with pytest.raises(DataError, match="Check where and when the sounds were"):
        fit_array(swapped, AZURE_KINECT)


def test_bad_input_is_one_clear_line(tmp_path):
    write_take(tmp_path, TRUE, AROUND[:1], [0.3])
    with open_take(tmp_path) as take:
        with pytest.raises(DataError, match="nothing sudden"):
            calibrate_microphones(take, [0.7], AROUND[:1])
        with pytest.raises(ValueError, match="as many positions"):
            calibrate_microphones(take, [0.3, 0.4], AROUND[:1])
        with pytest.raises(ValueError, match=r"within 0\.2 m of the sensor"):
            calibrate_microphones(take, [0.3], CAMERA.position_m[None])
        with pytest.raises(DataError, match=r"7 channels of sound.*are 5"):
            calibrate_microphones(take, [0.3], AROUND[:1], MicrophoneGeometry(ring_count=4))
