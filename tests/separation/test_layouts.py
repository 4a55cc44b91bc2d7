"""Published layouts, each on a tiny tree that the test makes."""

import json

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, FileFormatError
from capture.point_cloud import PointCloud, write_ply
from separation.corpus import CloudBank, open_corpus
from separation.corpus.layouts import (
    RecordedPart,
    modelnet_shapes,
    music_parts,
    read_index,
    read_off,
    solos_parts,
    urmp_parts,
    write_index,
    write_index_clouds,
    write_recordings,
)
from separation.corpus.layouts.musicians import IndexRow
from separation.corpus.layouts.recordings import instrument_name
from separation.corpus.layouts.splits import split_names

RATE = 22050


def tone(path, frequency=440.0, seconds=0.5, rate=RATE, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.5 * np.sin(2 * np.pi * frequency * time)
    soundfile.write(path, np.tile(sound[:, None], (1, channels)), rate)


def person(folder, frames=3):
    rng = np.random.default_rng(0)
    for number in range(frames):
        points = rng.uniform([-0.2, -0.8, 1.8], [0.2, 0.8, 2.1], (400, 3)).astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        write_ply(folder / f"{number:05d}.ply", PointCloud(positions_m=points, colors=None))


def test_splits_have_the_published_shares_and_do_not_depend_on_order():
    names = [f"video {n}" for n in range(40)]
    splits = split_names(names)
    counts = [list(splits.values()).count(s) for s in ("train", "validation", "test")]
    assert counts == [30, 6, 4]
    assert split_names(names[::-1]) == splits
    assert split_names(names, seed=1) != splits
    assert sorted(split_names(["a", "b", "c"]).values()) == ["test", "train", "validation"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Violin", "violin"),
        ("DoubleBass", "double_bass"),
        ("doublebass", "double_bass"),
        ("Double-bass", "double_bass"),
        ("sax", "saxophone"),
        ("Erhu", "erhu"),
        ("electric bass", "electric_bass"),
    ],
)
def test_instruments_by_any_spelling(given, name):
    assert instrument_name(given) == name


def test_recordings_become_shards_at_the_corpus_rate(tmp_path):
    tone(tmp_path / "a.wav", 441.0, seconds=1.0, rate=44100, channels=2)
    part = RecordedPart(path=tmp_path / "a.wav", instrument="violin", split="train", piece="a")
    summary = write_recordings(tmp_path / "corpus", [part], "mine")
    assert (summary.written, summary.skipped) == (1, [])
    assert summary.seconds == pytest.approx(1.0, abs=1e-3)
    corpus = open_corpus(tmp_path / "corpus")
    (stem,) = corpus.select("train", families=["mine"])
    sound = corpus.read(stem, 1000, 8192)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert spectrum.argmax() * 11025 / len(sound) == pytest.approx(441.0, abs=1.5)
    assert sound.max() == pytest.approx(0.5, abs=0.01)


def test_bad_files_are_counted_and_named_and_do_not_stop_the_rest(tmp_path):
    tone(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), RATE, subtype="FLOAT")
    parts = [
        RecordedPart(path=tmp_path / f"{n}.wav", instrument="cello", split="train", piece=n)
        for n in ("good", "text", "silent", "nan", "absent")
    ]
    summary = write_recordings(tmp_path / "corpus", parts, "mine")
    assert summary.written == 1
    reasons = {path.stem: reason for path, reason in summary.skipped}
    assert set(reasons) == {"text", "silent", "nan", "absent"}
    assert "silent" in reasons["silent"]
    assert "not finite" in reasons["nan"]
    assert len(open_corpus(tmp_path / "corpus").stems) == 1


def test_music_lists(tmp_path):
    ids = {"acoustic_guitar": ["aa-1", "b_2", "gone"], "erhu": ["e1"]}
    (tmp_path / "list.json").write_text(json.dumps({"videos": ids}))
    for name in ("aa-1.wav", "sub/b_2.mp3", "sub/e1_0.wav", "sub/e1_1.wav", "other.wav"):
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    parts, summary = music_parts(tmp_path / "list.json", tmp_path / "sounds")
    assert summary.missing == ["acoustic_guitar/gone"]
    assert [(p.instrument, p.path.name) for p in parts] == [
        ("guitar", "aa-1.wav"),
        ("guitar", "b_2.mp3"),
        ("erhu", "e1_0.wav"),
        ("erhu", "e1_1.wav"),
    ]
    assert parts[2].split == parts[3].split  # one video, one split


def test_recordings_that_are_named_alike_are_no_piece(tmp_path):
    ids = {"Violin": ["1"], "Cello": ["1"]}
    (tmp_path / "solos_ids.json").write_text(json.dumps(ids))
    for instrument in ("violin", "cello"):
        tone(tmp_path / "audio" / instrument / "1.wav", seconds=0.1)
        person(tmp_path / "frames" / instrument / "person_1", frames=1)
    index = tmp_path / "train.csv"
    places = [f"audio/{name}/1.wav,frames/{name}/person_1,1" for name in ("violin", "cello")]
    index.write_text("\n".join(places))
    pieces = {row.part.piece for row in read_index(index)}
    assert pieces == {"violin-1", "cello-1"}
    for path in (tmp_path / "audio").glob("*/1.wav"):
        parts, _ = solos_parts(tmp_path / "solos_ids.json", path.parent)
        assert {part.piece for part in parts} == pieces


def test_lists_of_duets_are_no_solos(tmp_path):
    (tmp_path / "duets.json").write_text(json.dumps({"videos": {"cello violin": ["x"]}}))
    with pytest.raises(FileFormatError, match="duets"):
        music_parts(tmp_path / "duets.json", tmp_path)


def test_solos_lists(tmp_path):
    (tmp_path / "solos_ids.json").write_text(json.dumps({"DoubleBass": ["d1"], "Violin": ["v1"]}))
    (tmp_path / "d1.wav").touch()
    parts, summary = solos_parts(tmp_path / "solos_ids.json", tmp_path)
    assert [(p.instrument, p.path.name) for p in parts] == [("double_bass", "d1.wav")]
    assert summary.missing == ["Violin/v1"]
    (tmp_path / "broken.json").write_text('{"Violin": "v1"}')
    with pytest.raises(FileFormatError, match="'Violin' must be a list"):
        solos_parts(tmp_path / "broken.json", tmp_path)


def test_urmp_pieces_sound_together_and_are_split_whole(tmp_path):
    for number, name in enumerate(("Jupiter", "Sonata", "Dance", "Allegro"), start=1):
        piece = f"{number:02d}_{name}"
        folder = tmp_path / f"{piece}_vn_sax"
        tone(folder / f"AuSep_1_vn_{piece}.wav")
        tone(folder / f"AuSep_2_sax_{piece}.wav")
        tone(folder / f"AuMix_{piece}_vn_sax.wav")
    parts = urmp_parts(tmp_path)
    assert len(parts) == 8
    by_piece = {}
    for part in parts:
        by_piece.setdefault(part.piece, []).append(part)
    for own in by_piece.values():
        assert [p.instrument for p in own] == ["violin", "saxophone"]
        assert len({p.split for p in own}) == 1
    assert {p.split for p in parts} == {"train", "validation", "test"}
    tone(tmp_path / "05_Odd_kz" / "AuSep_1_kz_05_Odd.wav")
    with pytest.raises(DataError, match="AuSep_1_kz_05_Odd"):
        urmp_parts(tmp_path)


def test_the_index_splits_people_and_sounds_without_leak(tmp_path):
    for instrument in ("violin", "sax"):
        for number in range(8):
            tone(tmp_path / "audio" / instrument / f"{instrument}{number}.wav", seconds=0.1)
        for number in range(1, 6):
            person(tmp_path / "frames" / instrument / f"person_{number}", frames=2)
    write_index(tmp_path)
    before = {name: (tmp_path / name).read_text() for name in ("train.csv", "val.csv", "test.csv")}
    write_index(tmp_path)  # replaces, does not append
    assert before == {name: (tmp_path / name).read_text() for name in before}
    rows = {name: read_index(tmp_path / name) for name in before}
    assert sum(map(len, rows.values())) == 16
    for kind in ("audio", "frames"):
        seen = [{getattr(row, kind) for row in own} for own in rows.values()]
        assert not seen[0] & seen[1]
        assert not (seen[0] | seen[1]) & seen[2]
    assert {row.instrument for own in rows.values() for row in own} == {"violin", "saxophone"}
    assert all(row.frame_count == 2 for own in rows.values() for row in own)
    every = [row for own in rows.values() for row in own]
    write_index_clouds(tmp_path / "corpus" / "clouds", every, each=1)
    bank = CloudBank.open(tmp_path / "corpus" / "clouds")
    people = {row.frames for row in rows["train.csv"] if row.instrument == "violin"}
    assert bank.count("train", "violin") == len(people)
    points = bank.points("train", "violin", 0)
    # Stature, 1.6 m, is the second of the network's axes.
    assert np.ptp(points, axis=0).argmax() == 1
    assert np.ptp(points[:, 1]) == pytest.approx(1.6, abs=0.05)
    summary = write_recordings(tmp_path / "corpus", [row.part for row in every], "musicians")
    assert summary.written == 16


def test_the_published_index_is_read_from_the_folder_above(tmp_path):
    tone(tmp_path / "data" / "audio" / "cello" / "x.wav")
    person(tmp_path / "data" / "frames" / "cello" / "person_1")
    index = tmp_path / "data" / "train.csv"
    index.write_text("./data/audio/cello/x.wav,./data/frames/cello/person_1,3\n")
    (row,) = read_index(index)
    assert row.audio.samefile(tmp_path / "data/audio/cello/x.wav")
    index.write_text("./data/audio/cello/x.wav,./data/frames/cello/person_2,3\n")
    with pytest.raises(FileFormatError, match=r"line 1.*person_2"):
        read_index(index)
    index.write_text("only,two\n")
    with pytest.raises(FileFormatError, match="AUDIO_PATH,FRAMES_PATH,NUMBER_FRAMES"):
        read_index(index)


def test_too_few_people_are_said(tmp_path):
    tone(tmp_path / "audio" / "violin" / "x.wav")
    with pytest.raises(DataError, match="three of each"):
        write_index(tmp_path)


def test_clouds_of_the_data_set_keep_their_axes(tmp_path):
    """They lie about the origin: x side, y stature, z facing."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.3, -0.8, -0.2], [0.3, 1.0, 0.2], (400, 3)).astype(np.float32)
    people = tmp_path / "frames" / "violin" / "person_1"
    people.mkdir(parents=True)
    write_ply(people / "00000.ply", PointCloud(positions_m=points, colors=None))
    tone(tmp_path / "audio" / "violin" / "a.wav", seconds=0.1)
    (tmp_path / "train.csv").write_text("audio/violin/a.wav,frames/violin/person_1,1\n")
    write_index_clouds(tmp_path / "clouds", read_index(tmp_path / "train.csv"))
    banked = CloudBank.open(tmp_path / "clouds").points("train", "violin", 0)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    np.testing.assert_allclose(banked, points - middle, atol=1e-3)


CUBE = (
    "8 6 12\n0 0 0\n2 0 0\n2 2 0\n0 2 0\n0 0 2\n2 0 2\n2 2 2\n0 2 2\n"
    "4 0 3 2 1\n4 4 5 6 7\n4 0 1 5 4\n4 2 3 7 6\n4 1 2 6 5\n4 0 4 7 3\n"
)


@pytest.mark.parametrize("header", ["OFF\n", "OFF"])
def test_off_meshes_with_either_header(tmp_path, header):
    path = tmp_path / "box" / "train" / "box_0001.off"
    path.parent.mkdir(parents=True)
    path.write_text(header + CUBE)
    vertices, faces = read_off(path)
    assert vertices.shape == (8, 3)
    assert faces.shape == (12, 3)
    (shape,) = modelnet_shapes(tmp_path)
    assert (shape.category, shape.split) == ("box", "train")
    points = shape.points(6000, np.random.default_rng(0))
    # On a cube each face has a sixth of the points, and the longest half side is 1.
    assert np.abs(points).max(axis=1) == pytest.approx(1.0, abs=1e-6)
    on_face = [np.mean(np.isclose(points[:, a], s)) for a in range(3) for s in (-1, 1)]
    assert on_face == pytest.approx([1 / 6] * 6, abs=0.02)


@pytest.mark.parametrize(
    "text", ["PLY\n" + CUBE, "OFF\n" + CUBE[:60], "OFF\n1 1 0\n0 0 0\n3 0 1 2"]
)
def test_broken_meshes_are_said(tmp_path, text):
    (tmp_path / "x.off").write_text(text)
    with pytest.raises(FileFormatError, match=r"x\.off"):
        read_off(tmp_path / "x.off")


def test_the_nearest_cloud_stands_for_one_that_cannot_be_read(tmp_path):
    frames = tmp_path / "frames" / "violin" / "ann"
    frames.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        points = rng.normal(size=(50, 3)).astype(np.float32) * np.float32(number + 1)
        write_ply(frames / f"{number:05d}.ply", PointCloud(positions_m=points, colors=None))
    row = IndexRow(
        audio=tmp_path / "a.wav", frames=frames, frame_count=3, instrument="violin", split="train"
    )
    assert write_index_clouds(tmp_path / "whole", [row], each=3) == []
    whole = CloudBank.open(tmp_path / "whole")
    (frames / "00000.ply").write_bytes((frames / "00000.ply").read_bytes()[:90])
    ((path, reason),) = write_index_clouds(tmp_path / "cut", [row], each=3)
    assert path == frames / "00000.ply"
    assert "PLY" in reason
    cut = CloudBank.open(tmp_path / "cut")
    for image, stands in enumerate((1, 1, 2)):
        np.testing.assert_array_equal(
            cut.points("train", "violin", 0, image), whole.points("train", "violin", 0, stands)
        )
    head = "ply\nformat ascii 1.0\nelement vertex 0\n"
    axes = "".join(f"property float {axis}\n" for axis in "xyz")
    for number in (1, 2):
        (frames / f"{number:05d}.ply").write_text(f"{head}{axes}end_header\n")
    with pytest.raises(DataError, match="none of its PLY files can be read"):
        write_index_clouds(tmp_path / "none", [row], each=3)
