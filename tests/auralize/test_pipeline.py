"""The pipeline from end to end on a short simulated take."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from auralize.pipeline import run
from capture.errors import DataError
from capture.performer import read_performers
from capture.players import find_performers
from capture.point_cloud import write_ply
from capture.take import open_take
from capture.waveform import read_waveform
from scenes import read_scene
from separation.checkpoint import load_model
from separation.evaluate import evaluate_take
from separation.separator import separate
from separation.stem_folder import read_separation


@pytest.fixture(scope="module")
def results(duo_take, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    return out, run(duo_take, out)


def test_both_players_are_found_where_they_are(results, duo_take):
    _, receipt = results
    truth = json.loads((duo_take / "truth" / "truth.json").read_text())
    expected = sorted(
        (np.mean(player["centroids_m"], axis=0) for player in truth["players"]),
        key=lambda centroid: -np.arctan2(centroid[1], centroid[0]),
    )
    found = np.array(list(receipt.players.values()))
    assert found.shape == (2, 3)
    assert np.linalg.norm(found - np.array(expected), axis=1).max() <= 0.10


def test_the_receipt_says_from_where_the_microphones_hear_each_stem(results):
    _, receipt = results
    assert set(receipt.bearings) == set(receipt.players)
    for name, (x, y, _) in receipt.players.items():
        bearing = receipt.bearings[name]
        assert bearing.verdict == "agrees"
        # From the camera's floor point and from the microphones on it, that is about the same.
        assert bearing.expected_deg == pytest.approx(np.degrees(np.arctan2(y, x)), abs=3.0)
        assert bearing.azimuth_deg == pytest.approx(bearing.expected_deg, abs=15.0)
        assert f"{name} {bearing.azimuth_deg:+.0f}°" in receipt.to_text()


def test_stems_and_residual_add_up_to_the_centre_microphone(results, duo_take):
    out, receipt = results
    mixture = read_waveform(duo_take / "audio.wav").channel(0)
    parts = [read_waveform(path) for path in (out / "stems").glob("*.wav")]
    assert len(parts) == 3
    assert {part.sample_rate_hz for part in parts} == {mixture.sample_rate_hz}
    total = sum(part.samples.astype(np.float64) for part in parts)
    error = np.sum((total - mixture.samples) ** 2) / np.sum(mixture.samples**2)
    assert error < 1e-12
    assert receipt.reconstruction_db < -120
    assert receipt.sample_count == mixture.sample_count


def test_the_scene_reads_back_and_holds_the_players(results):
    out, receipt = results
    scene = read_scene(out / "scene.yaml")
    assert [source.name for source in scene.sources] == list(receipt.players)
    for source, place in zip(scene.sources, receipt.players.values(), strict=True):
        at = source.positions_at(np.linspace(0, receipt.duration_s, 50)).mean(axis=0)
        np.testing.assert_allclose(at, place, atol=0.05)


def test_previews_are_whole_and_do_not_clip(results):
    out, receipt = results
    binaural, ambix = (read_waveform(out / f"preview{kind}.wav") for kind in ("", ".ambix"))
    assert (binaural.channel_count, ambix.channel_count) == (2, 4)
    assert binaural.sample_rate_hz == receipt.sample_rate_hz
    assert np.abs(binaural.samples).max() < 1.0
    assert receipt.true_peak_dbtp <= -1.0 + 0.05


def test_the_report_is_one_file_that_asks_no_network(results):
    text = (results[0] / "report.html").read_text()
    for source in ("http://", "https://", "//cdn", "<link", "<script src"):
        assert source not in text
    assert text.count("data:audio/") == 4  # preview, two stems, residual


def test_the_truth_is_not_needed(results, duo_take, tmp_path):
    out, _ = results
    blind = tmp_path / duo_take.name
    shutil.copytree(duo_take, blind, ignore=shutil.ignore_patterns("truth"))
    run(blind, tmp_path / "out")
    for kept in ("performers", "stems"):
        for path in sorted((out / kept).iterdir()):
            again = tmp_path / "out" / kept / path.name
            assert again.read_bytes() == path.read_bytes(), path.name
    assert (tmp_path / "out/scene.yaml").read_bytes() == (out / "scene.yaml").read_bytes()


def test_an_array_that_is_turned_otherwise_is_named(results, duo_take, tmp_path):
    assert json.loads((results[0] / "stems" / "stems.json").read_text())["directions"] == "used"
    turned = tmp_path / duo_take.name
    shutil.copytree(duo_take, turned, ignore=shutil.ignore_patterns("truth"))
    described = json.loads((turned / "take.json").read_text())
    ring = described["microphones"][1:]
    places = [entry["position_m"] for entry in ring]
    for entry, place in zip(ring, [*places[2:], *places[:2]], strict=True):  # by 120°
        entry["position_m"] = place
    (turned / "take.json").write_text(json.dumps(described))
    receipt = run(turned, tmp_path / "out")
    (warning,) = [one for one in receipt.warnings if "places were not used" in one]
    assert "do not hear the players from where they are: turned by -120°" in warning
    assert "auralize capture microphones" in warning
    assert results[1].warnings == []


def test_the_mkv_alone_gives_the_same_players(results, duo_take):
    """Without take.json, the camera's pose comes from the IMU and the floor."""
    with open_take(duo_take / "take.mkv") as take:
        assert take.channel_count == 7
        found = [each.trajectory.mean_position_m for each in find_performers(take)]
    np.testing.assert_allclose(found, list(results[1].players.values()), atol=0.05)


def test_a_folder_of_ply_files_runs(results, duo_take, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    with open_take(duo_take) as take:
        for number, index in enumerate(range(0, len(take.times_s), 15)):
            write_ply(frames / f"{number:05}.ply", take.camera_point_cloud(index))
    receipt = run(frames, tmp_path / "out", audio=duo_take / "audio.wav", rate_hz=1.0)
    np.testing.assert_allclose(
        list(receipt.players.values()), list(results[1].players.values()), atol=0.08
    )


def test_looking_at_the_wrong_player_costs_at_least_3_db(results, duo_take):
    out, _ = results
    performers = read_performers(out / "performers")
    exchanged = [
        dataclasses.replace(each, clouds=other.clouds, cloud_times_s=other.cloud_times_s)
        for each, other in zip(performers, reversed(performers), strict=True)
    ]
    mixture = read_waveform(duo_take / "audio.wav")
    gains = [
        np.mean([score.gain_db for score in evaluate_take(duo_take, performers, stems)])
        for stems in (
            read_separation(out / "stems"),
            separate(mixture, exchanged, load_model()),
        )
    ]
    assert gains[0] - gains[1] >= 3.0


def test_a_recording_without_players_says_so(shared, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "sound.wav", np.zeros((48000, 1)), 48000)
    with pytest.raises(DataError, match="no player found"):
        run(shared / "data/pyk4a_recording.mkv", tmp_path / "out", audio=tmp_path / "sound.wav")
    assert not (tmp_path / "out" / "performers").exists()
