"""Whole simulated takes: valid, deterministic, and in agreement with their truth."""

import json

import numpy as np
import pytest
from scipy.signal import fftconvolve

from capture.errors import OutputError
from capture.k4a_mkv import K4ARecording
from capture.simulate import simulate_take
from capture.take import open_take
from capture.waveform import read_waveform


@pytest.fixture(scope="module")
def truth(duo_take):
    return json.loads((duo_take / "truth" / "truth.json").read_text())


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_take_opens_with_sound_and_images(duo_take, truth):
    with open_take(duo_take) as take:
        assert take.sample_rate_hz == 48_000
        assert take.channel_count == 7
        assert take.duration_s == 5.0
        np.testing.assert_allclose(take.times_s, np.arange(75) / 15, atol=2e-6)
        np.testing.assert_allclose(take.times_s, truth["times_s"], atol=2e-6)
        assert not take.warnings


def test_the_recording_holds_the_same_sound_as_the_file(duo_take):
    recorded = read_waveform(duo_take / "audio.wav").samples
    take_file = json.loads((duo_take / "take.json").read_text())
    with open_take(duo_take / take_file["recording"]) as take:
        np.testing.assert_allclose(take.audio().samples, recorded, atol=1.01 / 32768)


def test_images_and_noise_add_up_to_the_recording(duo_take, truth):
    recorded = read_waveform(duo_take / "audio.wav").samples[0]
    images = [
        read_waveform(duo_take / "truth" / player["image"]).samples[0]
        for player in truth["players"]
    ]
    rest = recorded - sum(images)
    # Microphone noise of −86 dBFS and the rounding to 16 bit.
    assert -88 < 20 * np.log10(np.std(rest)) < -83
    assert all(np.std(image) > 1e-3 for image in images)


def test_an_image_is_the_stem_through_the_response(duo_take, truth):
    with np.load(duo_take / "truth" / "impulse_responses.npz") as arrays:
        responses = arrays["responses"]
        assert responses.shape[:2] == (2, 7)
        assert int(arrays["sample_rate_hz"]) == 48_000
    for number, player in enumerate(truth["players"]):
        stem = read_waveform(duo_take / "truth" / player["stem"]).samples[0]
        image = read_waveform(duo_take / "truth" / player["image"]).samples[0]
        expected = player["gain"] * fftconvolve(stem, responses[number, 0])[: len(image)]
        np.testing.assert_allclose(image, expected, atol=1e-4 * np.abs(image).max())


def test_sound_arrives_from_the_instruments(duo_take, truth):
    with np.load(duo_take / "truth" / "impulse_responses.npz") as arrays:
        responses, microphones = arrays["responses"], arrays["microphones_m"]
    for number, player in enumerate(truth["players"]):
        distances = np.linalg.norm(np.array(player["source_position_m"]) - microphones, axis=1)
        peaks = np.argmax(np.abs(responses[number]), axis=1) / 48_000
        np.testing.assert_allclose(peaks, distances / 343, atol=1.5 / 48_000)
        # Within reach of the player's hands.
        hands = np.array([player["joints_m"][f"{side}_hand"] for side in ("left", "right")])
        assert np.linalg.norm(hands.mean(axis=(0, 1)) - player["source_position_m"]) < 0.8


def test_centroids_are_those_of_the_labelled_points(duo_take, truth):
    with np.load(duo_take / "truth" / "labels.npz") as arrays:
        labels = dict(arrays)
    names = labels["part_names"].tolist()
    personal = [names.index(name) + 1 for name in ("body", "instrument", "bow")]
    pose = truth["world_from_camera"]
    with K4ARecording(duo_take / "take.mkv") as recording:
        from capture.pose import Pose

        world = Pose(
            position_m=np.array(pose["position_m"]),
            orientation_wxyz=np.array(pose["orientation_wxyz"]),
        )
        for row, index in enumerate(labels["images"].tolist()):
            depth_mm = recording.depth_mm(index)
            rays = recording.calibration.depth_rays()
            for number, player in enumerate(truth["players"]):
                own = (labels["players"][row] == number + 1) & np.isin(
                    labels["parts"][row], personal
                )
                points = world.transform(rays[own] * (depth_mm[own, None] / np.float32(1e3)))
                np.testing.assert_allclose(
                    points.mean(axis=0), player["centroids_m"][index], atol=2e-4
                )
                assert own.sum() == player["visible_points"][index]


def test_the_inertial_sensor_agrees_with_the_tilt(duo_take, truth):
    with open_take(duo_take) as take:
        found = take.world_from_camera
    pose = truth["world_from_camera"]
    assert abs(found.position_m[2] - pose["position_m"][2]) < 0.02
    true_w = np.array(pose["orientation_wxyz"])
    assert 2 * np.arccos(min(1.0, abs(found.orientation_wxyz @ true_w))) < np.radians(1.0)


def test_the_same_arguments_give_the_same_take(tmp_path):
    arguments = dict(instruments=["guitar"], seconds=1.0, seed=4, fps=5)
    first = files_of(simulate_take(tmp_path / "one" / "take", **arguments))
    again = files_of(simulate_take(tmp_path / "two" / "take", **arguments))
    assert first.keys() == again.keys()
    assert {"take.mkv", "audio.wav", "take.json", "truth/truth.json"} <= first.keys()
    assert [name for name in first if first[name] != again[name]] == []
    other = files_of(simulate_take(tmp_path / "three" / "take", **(arguments | {"seed": 5})))
    assert other["take.mkv"] != first["take.mkv"]
    assert other["audio.wav"] != first["audio.wav"]


def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path):
    out = tmp_path / "take"
    for arguments, words in (
        (dict(instruments=["kazoo"], seconds=2.0), "unknown instrument"),
        (dict(instruments=[], seconds=2.0), "1 to 6 players"),
        (dict(instruments=["violin"] * 9, seconds=2.0), "1 to 8 players"),
        (dict(instruments=["violin"] * 7, seconds=2.0, depth_mode="NFOV_UNBINNED"), "1 to 6"),
        (dict(instruments=["violin"], seconds=2.0, depth_mode="NFOV"), "depth_mode must be"),
        (dict(instruments=["violin"], seconds=2.0, hard=["fog"]), "touch, .*, got 'fog'"),
        (dict(instruments=["violin"], seconds=0.2), "at least 1 s"),
        (dict(instruments=["violin"], seconds=2.0, fps=25), "fps"),
        (dict(instruments=["violin"], seconds=2.0, split="dev"), "split"),
    ):
        with pytest.raises(ValueError, match=words):
            simulate_take(out, seed=1, **arguments)
    out.mkdir()
    (out / "keep").touch()
    with pytest.raises(OutputError, match="exists already"):
        simulate_take(out, ["violin"], 1.0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["take"]
    assert (out / "keep").exists()


def test_an_interrupted_take_leaves_nothing(tmp_path):
    def interrupt(share):
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_take(tmp_path / "take", ["guitar"], 1.0, 4, fps=5, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
