"""Repair: recordings that were cut off or damaged get their end back, and lose nothing."""

import numpy as np
import pytest

from capture import matroska
from capture.camera.calibration import Calibration
from capture.errors import FileFormatError, OutputError
from capture.k4a_mkv import K4ARecording, K4AWriter, header
from capture.k4a_mkv.repair import repair_recording
from capture.matroska import Id, MatroskaFile
from capture.record.repair import repair_take
from capture.take import open_take
from capture.take.take_file import RecordedEntry, TakeFile, read_take_file, write_take_file

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode=None)
RATE_HZ = 8000


def depth_image(index):
    rows, columns = np.indices((288, 320))
    return (900 + 50 * index + rows + columns).astype(np.uint16)


SOUND = np.random.default_rng(1).integers(-9000, 9000, (2 * RATE_HZ, 2), dtype=np.int16)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two seconds, as the bytes of a finished recording."""
    path = tmp_path_factory.mktemp("whole") / "take.mkv"
    with K4AWriter(path, CALIBRATION, audio_channels=2, audio_rate_hz=RATE_HZ) as writer:
        for index in range(30):
            time_us = round(index * 1e6 / 15)
            writer.write_depth(time_us, depth_image(index))
            writer.write_imu(time_us, np.array([0.0, 0.0, -9.8]), np.zeros(3))
            start, stop = round(index * RATE_HZ / 15), round((index + 1) * RATE_HZ / 15)
            writer.write_audio(start, SOUND[start:stop])
    return path.read_bytes()


@pytest.fixture(scope="module")
def clusters(whole):
    """Where its clusters begin."""
    mark, places = Id.CLUSTER.to_bytes(4, "big"), []
    place = whole.find(mark)
    while place >= 0:
        places.append(place)
        place = whole.find(mark, place + 4)
    return places


def images(path):
    """Return the indices of the depth images in a recording, by their content."""
    with K4ARecording(path) as recording:
        firsts = [int(recording.depth_mm(n)[0, 0]) for n in range(len(recording.depth_times_s))]
        return [(first - 900) // 50 for first in firsts], recording.notes


def strictly(path):
    """Assert that every part of a file is where the parts before it say."""
    with MatroskaFile(path) as file:
        assert file.damage is None
    data = path.read_bytes()
    cues = data.index(Id.CUES.to_bytes(4, "big"), len(data) * 9 // 10)
    seek_head = data.index(Id.SEEK_HEAD.to_bytes(4, "big"))
    assert seek_head < 100
    assert cues > 0


def test_a_whole_recording_stays_as_it_is(whole, tmp_path):
    path = tmp_path / "take.mkv"
    path.write_bytes(whole)
    assert repair_recording(path).done == ()
    assert path.read_bytes() == whole


def test_a_recording_that_only_lacks_its_end_becomes_the_same_bytes(whole, clusters, tmp_path):
    """What a kill leaves: no index, no size, no duration; the seek head is padding yet."""
    cues = whole.rindex(Id.CUES.to_bytes(4, "big"))
    cut = bytearray(whole[:cues])
    segment = cut.index(Id.SEGMENT.to_bytes(4, "big"))
    cut[segment + 4 : segment + 12] = matroska.encode_size(matroska.UNKNOWN_SIZE)
    cut[segment + 12 : segment + 172] = matroska.encode_void(160)
    info = cut.index(Id.INFO.to_bytes(4, "big"), segment + 172)
    empty = header.encode_info(0.0)
    cut[info : info + len(empty)] = empty
    path = tmp_path / "take.mkv"
    path.write_bytes(cut)
    repair = repair_recording(path)
    assert repair.padded == 0
    assert path.read_bytes() == whole


@pytest.mark.parametrize("share", np.linspace(0.12, 0.995, 12))
def test_a_cut_recording_keeps_every_whole_block(whole, tmp_path, share):
    path = tmp_path / "take.mkv"
    path.write_bytes(whole[: int(len(whole) * share)])
    before, _ = images(path)
    with K4ARecording(path) as recording:
        samples = recording.audio.sample_count
    repair = repair_recording(path)
    after, notes = images(path)
    assert after == before == list(range(len(before)))
    assert notes == ()
    strictly(path)
    with K4ARecording(path) as recording:
        assert recording.audio.sample_count == samples
        np.testing.assert_array_equal(
            recording.read_audio(0, samples), SOUND[:samples].T.astype(np.float32) / 32768
        )
    assert len(before) / 15 - 1e-3 <= repair.duration_s <= len(before) / 15 + 0.1
    once = path.read_bytes()
    assert repair_recording(path).done == ()
    assert path.read_bytes() == once


def test_what_comes_after_the_damage_is_saved_too(whole, clusters, tmp_path):
    path = tmp_path / "take.mkv"
    broken = bytearray(whole)
    middle = clusters[len(clusters) // 2]
    broken[middle - 40 : middle + 60] = bytes(100)
    path.write_bytes(broken)
    before, _ = images(path)
    repair = repair_recording(path)
    after, notes = images(path)
    assert notes == ()
    assert before == after[: len(before)]
    assert len(before) < 20
    assert len(after) >= 28
    assert after[-1] == 29
    assert repair.padded > 0
    assert len(path.read_bytes()) == len(whole)


@pytest.mark.parametrize("seed", range(30))
def test_a_flipped_byte_never_costs_more_than_two_images(whole, tmp_path, seed):
    rng = np.random.default_rng(seed)
    broken = bytearray(whole)
    first = whole.index(Id.CLUSTER.to_bytes(4, "big"))
    # Half of the flips hit the heads of clusters and blocks, where they hurt.
    at = int(rng.integers(first, len(whole) - 400))
    if seed % 2:
        place = whole.find(Id.CLUSTER.to_bytes(4, "big"), at)
        at = (place if place > 0 else first) + int(rng.integers(0, 30))
    broken[at] ^= int(rng.integers(1, 256))
    path = tmp_path / "take.mkv"
    path.write_bytes(broken)
    before, _ = images(path)
    repair_recording(path)
    with K4ARecording(path) as recording:
        assert recording.notes == () or "gap" in recording.notes[0]
        assert len(recording.depth_times_s) >= max(28, len(before))
    once = path.read_bytes()
    assert repair_recording(path).done == ()
    assert path.read_bytes() == once


def test_a_recording_without_a_cluster_cannot_be_saved(whole, clusters, tmp_path):
    path = tmp_path / "take.mkv"
    path.write_bytes(whole[: clusters[0] + 30])
    with pytest.raises(FileFormatError, match="nothing to save"):
        repair_recording(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(FileFormatError, match="no Matroska file"):
        repair_recording(path)


def test_a_file_that_may_not_be_written_says_so(whole, tmp_path, monkeypatch):
    path = tmp_path / "take.mkv"
    path.write_bytes(whole[:-3000])
    from pathlib import Path

    real = Path.open

    def refuse(self, mode="r", *arguments, **options):
        if "+" in mode:
            raise PermissionError(13, "Permission denied")
        return real(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        repair_recording(path)


def test_a_take_folder_says_what_it_holds_after_repair(whole, tmp_path):
    (tmp_path / "take.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    entry = RecordedEntry(finished=False, camera="camera 1", sound="microphones")
    write_take_file(
        tmp_path / "take.json", TakeFile(name="duo", recording="take.mkv", recorded=entry)
    )
    with open_take(tmp_path) as take:
        count = len(take.times_s)
        assert "not finished" in " ".join(take.warnings)
    assert repair_take(tmp_path).done != ()
    with open_take(tmp_path) as take:
        assert take.warnings == ()
        assert len(take.times_s) == count
    described = read_take_file(tmp_path / "take.json")
    assert described.recorded.finished
    assert described.recorded.depth_images == count
    assert described.recorded.camera == "camera 1"
    assert described.clock.drift_ppm == 0.0
    assert repair_take(tmp_path / "take.mkv").done == ()
    assert read_take_file(tmp_path / "take.json") == described


def test_a_recording_whose_description_is_gone_gets_a_new_one(whole, tmp_path):
    (tmp_path / "take.mkv").write_bytes(whole[:-3000])
    assert repair_take(tmp_path).done != ()
    with open_take(tmp_path) as take:
        assert take.warnings == ()
        assert take.recorded.depth_images == len(take.times_s) == 29


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"take\.json"):
        repair_take(tmp_path)
    with pytest.raises(FileFormatError, match="does not exist"):
        repair_take(tmp_path / "none")
