"""Waveforms, point clouds and performers survive their files; writers leave no halves."""

import itertools
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, FileFormatError, OutputError
from capture.files.atomic import atomic_folder, atomic_path, temporary_folder
from capture.performer import (
    Performer,
    Visitor,
    read_performers,
    read_visitors,
    with_instruments,
    write_performers,
)
from capture.point_cloud import PointCloud, read_ply, write_ply
from capture.pose import Trajectory
from capture.waveform import Waveform, read_waveform, write_waveform


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def noise(rng, channels=3, samples=480, rate=48000):
    return Waveform(
        samples=rng.uniform(-1, 1, (channels, samples)).astype(np.float32), sample_rate_hz=rate
    )


def test_float_wav_is_exact_and_the_same_bytes_each_time(tmp_path, rng):
    sound = noise(rng)
    for name in ("a.wav", "b.wav"):
        write_waveform(tmp_path / name, sound)
    np.testing.assert_array_equal(read_waveform(tmp_path / "a.wav").samples, sound.samples)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"


@pytest.mark.parametrize(("subtype", "step"), [("PCM_16", 2**-15), ("PCM_24", 2**-23)])
def test_integer_wav_is_exact_to_a_step(tmp_path, rng, subtype, step):
    sound = noise(rng)
    write_waveform(tmp_path / "a.wav", sound, subtype=subtype)
    assert np.abs(read_waveform(tmp_path / "a.wav").samples - sound.samples).max() <= step


def test_nan_in_a_sound_file_is_placed(tmp_path, rng):
    sound = noise(rng, channels=1, samples=1000, rate=1000)
    sound.samples[0, 250] = np.nan
    write_waveform(tmp_path / "a.wav", sound)
    with pytest.raises(DataError, match=r"a\.wav.*0\.250 s"):
        read_waveform(tmp_path / "a.wav")


def test_no_sound_file(tmp_path):
    (tmp_path / "a.wav").write_text("not sound")
    with pytest.raises(FileFormatError, match=r"a\.wav"):
        read_waveform(tmp_path / "a.wav")
    with pytest.raises(FileFormatError, match=r"b\.wav"):
        read_waveform(tmp_path / "b.wav")


def test_between_clips_to_what_there_is(rng):
    sound = noise(rng, samples=48000)
    assert sound.between(0.25, 0.75).sample_count == 24000
    assert sound.between(-1.0, 9.0).sample_count == 48000


@pytest.mark.parametrize("colored", [True, False])
def test_ply_round_trip(tmp_path, rng, colored):
    cloud = PointCloud(
        positions_m=rng.normal(size=(50, 3)).astype(np.float32),
        colors=rng.integers(0, 256, (50, 3)).astype(np.uint8) if colored else None,
    )
    write_ply(tmp_path / "cloud.ply", cloud)
    back = read_ply(tmp_path / "cloud.ply")
    np.testing.assert_array_equal(back.positions_m, cloud.positions_m)
    if colored:
        np.testing.assert_array_equal(back.colors, cloud.colors)
    else:
        assert back.colors is None


def test_broken_ply(tmp_path):
    (tmp_path / "cloud.ply").write_bytes(b"ply\nformat nonsense")
    with pytest.raises(FileFormatError, match=r"cloud\.ply"):
        read_ply(tmp_path / "cloud.ply")


def test_thinning_keeps_the_first_point_of_each_cube():
    positions = np.array([[0.01, 0, 0], [0.02, 0, 0], [0.11, 0, 0], [-0.01, 0, 0]], np.float32)
    thinned = PointCloud(positions_m=positions).thinned(0.1)
    np.testing.assert_array_equal(thinned.positions_m, positions[[0, 2, 3]])


def test_performers_round_trip(tmp_path, rng):
    clouds = tuple(
        PointCloud(
            positions_m=rng.normal(size=(n, 3)).astype(np.float32),
            colors=rng.integers(0, 256, (n, 3)).astype(np.uint8),
        )
        for n in (5, 8)
    )
    performer = Performer(
        name="performer-1",
        trajectory=Trajectory(
            times_s=np.array([0.0, 0.5]),
            positions_m=np.array([[1.0, 2, 1], [1.25, 2, 1]]),
            orientations_wxyz=np.array([[1.0, 0, 0, 0], [0.6, 0, 0, 0.8]]),
        ),
        cloud_times_s=np.array([0.0, 0.5]),
        clouds=clouds,
        instrument="cello",
        position_std_m=np.array([0.015, 0.04]),
    )
    visitor = Visitor(name="visitor-1", trajectory=performer.trajectory, reason="walks about")
    write_performers(tmp_path / "performers", [performer], [visitor])
    (back,) = read_performers(tmp_path / "performers")
    np.testing.assert_array_equal(back.position_std_m, performer.position_std_m)
    (seen_visitor,) = read_visitors(tmp_path / "performers")
    assert (seen_visitor.name, seen_visitor.reason) == ("visitor-1", "walks about")
    np.testing.assert_allclose(seen_visitor.trajectory.positions_m, visitor.trajectory.positions_m)
    assert (back.name, back.instrument) == ("performer-1", "cello")
    np.testing.assert_allclose(back.trajectory.positions_m, performer.trajectory.positions_m)
    np.testing.assert_allclose(
        back.trajectory.orientations_wxyz, performer.trajectory.orientations_wxyz
    )
    for seen, cloud in zip(back.clouds, clouds, strict=True):
        np.testing.assert_array_equal(seen.positions_m, cloud.positions_m)
        np.testing.assert_array_equal(seen.colors, cloud.colors)


def test_labels_from_outside():
    still = Trajectory(
        times_s=np.zeros(1), positions_m=np.ones((1, 3)), orientations_wxyz=np.eye(4)[:1]
    )
    nothing = dict(trajectory=still, cloud_times_s=np.zeros(0), clouds=())
    duo = [Performer(name=name, instrument="viola", **nothing) for name in ("left", "right")]
    labelled = with_instruments(duo, {"right": "hurdy-gurdy"})
    assert [each.instrument for each in labelled] == ["viola", "hurdy-gurdy"]
    with pytest.raises(ValueError, match="no performer 'middle': there are left, right"):
        with_instruments(duo, {"middle": "cello"})
    with pytest.raises(ValueError, match="position_std_m needs one number"):
        Performer(name="left", position_std_m=np.zeros(2), **nothing)


def test_broken_performers(tmp_path):
    with pytest.raises(FileFormatError, match="auralize segment"):
        read_performers(tmp_path)


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("before")

    def fail():
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "out"
    with atomic_folder(folder) as temporary:
        (temporary / "old").touch()
    with pytest.raises(OutputError, match="exists"), atomic_folder(folder):
        pass
    with atomic_folder(folder, replace=True) as temporary:
        (temporary / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_unwritable_folder_is_said(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"cannot write .*file"),
        atomic_path(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("b.flac", "PCM_24")]
)
def test_a_full_disk_is_said_of_the_final_path(tmp_path, rng, name, subtype):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with (
            pytest.raises(OutputError, match=r"File too large\. Choose a folder") as said,
            atomic_folder(tmp_path / "take") as folder,
        ):
            write_waveform(folder / name, noise(rng, samples=4800), subtype=subtype)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"cannot write {tmp_path / 'take' / name}:" in str(said.value)


@pytest.mark.parametrize("make", [atomic_folder, temporary_folder])
def test_ctrl_c_at_any_line_leaves_no_hidden_folder(tmp_path, make):
    for line in itertools.count(1):
        folder = tmp_path / str(line)
        was_interrupted = interrupted_at_line(line, partial(fill, make, folder / "stems"))
        assert not list(folder.glob(".*")), line
        if not was_interrupted:
            break
    assert line > 20


def fill(make, path):
    with make(path) as folder:
        (folder / "violin.wav").touch()


def interrupted_at_line(number, function):
    """Interrupt a call as it comes to its n-th line in the writers or in what they call."""
    lines = itertools.count(1)

    def at_line(frame, event, _):
        if event == "line" and next(lines) == number:
            sys.settrace(None)
            raise KeyboardInterrupt
        return at_line

    def at_call(frame, *_):
        name = Path(frame.f_code.co_filename).name
        return at_line if name in {"atomic.py", "contextlib.py", "shutil.py"} else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        function()
    # Python 3.11's rmtree says OSError if it is interrupted just after it closed a folder.
    except (KeyboardInterrupt, OSError):
        return True
    finally:
        sys.settrace(before)
    return False
