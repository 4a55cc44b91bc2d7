"""Import: files of other origin become one take folder, and nothing else is touched."""

import shutil

import numpy as np
import pytest
import soundfile

from capture.camera.calibration import Calibration
from capture.errors import DataError, FileFormatError, OutputError
from capture.k4a_mkv import K4AWriter
from capture.point_cloud import PointCloud, write_ply
from capture.record.import_take import ImportSettings, import_take
from capture.take import open_take
from capture.take.take_file import read_take_file

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode=None)


@pytest.fixture
def film(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    with K4AWriter(folder / "film.mkv", CALIBRATION, imu=False) as writer:
        for index in range(8):
            writer.write_depth(round(index * 1e6 / 15), np.full((288, 320), 1500, np.uint16))
    return folder / "film.mkv"


def sound(path, channels=7):
    samples = np.random.default_rng(0).normal(0, 0.1, (4000, channels))
    soundfile.write(path, samples, 8000, subtype="PCM_16")
    return path


def test_a_recording_and_the_sound_beside_it_become_a_take(film, tmp_path):
    sound(film.with_suffix(".wav"))
    sound(film.with_name("other.wav"), 2)
    shares = []
    import_take(film, tmp_path / "quartet", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert sorted(path.name for path in (tmp_path / "quartet").iterdir()) == [
        "audio.wav",
        "take.json",
        "take.mkv",
    ]
    assert (tmp_path / "quartet" / "take.mkv").read_bytes() == film.read_bytes()
    described = read_take_file(tmp_path / "quartet" / "take.json")
    assert [entry.role for entry in described.microphones] == ["center"] + ["ring"] * 6
    with open_take(tmp_path / "quartet") as take:
        assert (take.name, len(take.times_s), take.channel_count) == ("quartet", 8, 7)
        assert take.microphones[1].position_m is not None


def test_another_sound_and_another_main_microphone(film, tmp_path):
    sound(tmp_path / "desk.flac", 4)
    settings = ImportSettings(center=3)
    import_take(film, tmp_path / "take", audio=tmp_path / "desk.flac", settings=settings)
    with open_take(tmp_path / "take") as take:
        assert (take.channel_count, take.center_channel) == (4, 3)
    with pytest.raises(DataError, match="no channel 4"):
        import_take(
            film,
            tmp_path / "b",
            audio=tmp_path / "desk.flac",
            settings=ImportSettings(center=4),
        )
    assert not (tmp_path / "b").exists()


def test_a_folder_of_point_clouds_becomes_a_take(tmp_path):
    clouds = tmp_path / "clouds"
    clouds.mkdir()
    points = np.random.default_rng(0).uniform([1, -1, 0], [3, 1, 2], (400, 3)).astype(np.float32)
    for index in range(3):
        write_ply(clouds / f"{index}.ply", PointCloud(positions_m=1000 * points))
    sound(clouds / "mix.wav", 1)
    settings = ImportSettings(rate_hz=5, axes="world", unit_m=0.001)
    import_take(clouds, tmp_path / "take", settings=settings)
    with open_take(tmp_path / "take") as take:
        np.testing.assert_allclose(take.times_s, [0, 0.2, 0.4])
        np.testing.assert_allclose(take.image_point_cloud(0).positions_m, points, atol=1e-5)
        assert take.channel_count == 1
    with pytest.raises(FileFormatError, match=r"frames\.csv"):
        import_take(clouds, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (clouds / "frames.csv").write_text("file,time_s\n2.ply,0.5\n0.ply,0.75\n")
    import_take(clouds, tmp_path / "timed", settings=ImportSettings(axes="world", unit_m=0.001))
    with open_take(tmp_path / "timed") as take:
        assert take.times_s.tolist() == [0.5, 0.75]


def test_moving_takes_the_files_away_only_when_the_take_is_whole(film, tmp_path):
    wav = sound(film.with_suffix(".wav"))
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    with pytest.raises(FileFormatError, match=r"audio\.wav|broken"):
        import_take(film, tmp_path / "take", audio=broken, settings=ImportSettings(move=True))
    assert film.exists()
    assert broken.exists()
    data = film.read_bytes()
    import_take(film.parent, tmp_path / "take", audio=wav, settings=ImportSettings(move=True))
    assert not film.exists()
    assert not wav.exists()
    assert (tmp_path / "take" / "take.mkv").read_bytes() == data


def test_what_is_odd_is_said(film, tmp_path):
    data = film.read_bytes()
    film.write_bytes(data[: len(data) * 2 // 3])
    (warning,) = import_take(film, tmp_path / "take")
    assert "cut off" in warning
    assert str(tmp_path / "take" / "take.mkv") in warning


def test_what_cannot_be_imported_is_refused(film, tmp_path, monkeypatch):
    import_take(film, tmp_path / "take")
    with pytest.raises(OutputError, match="exists"):
        import_take(film, tmp_path / "take")
    import_take(film, tmp_path / "take", replace=True)
    with pytest.raises(DataError, match="a take folder already"):
        import_take(tmp_path / "take", tmp_path / "again")
    with pytest.raises(FileFormatError, match=r"none\.mkv"):
        import_take(tmp_path / "none.mkv", tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="neither an MKV nor point clouds"):
        import_take(tmp_path / "empty", tmp_path / "a")
    shutil.copy(film, film.with_name("second.mkv"))
    with pytest.raises(FileFormatError, match="2 MKVs"):
        import_take(film.parent, tmp_path / "a")
    sound(film.with_suffix(".wav"))
    sound(film.with_suffix(".flac"))
    with pytest.raises(FileFormatError, match=r"film\.flac, film\.wav.*--audio"):
        import_take(film, tmp_path / "a")
    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OutputError, match="GB left"):
        import_take(film, tmp_path / "a", audio=film.with_suffix(".wav"))
    assert not (tmp_path / "a").exists()
