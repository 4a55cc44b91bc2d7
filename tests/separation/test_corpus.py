"""The corpus: shards, banks, and their build."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auralize.cli import cli
from capture.body_pose import JOINTS
from capture.errors import DataError, FileFormatError
from capture.instruments import INSTRUMENTS, OTHER_INSTRUMENTS
from separation.corpus import (
    CloudBank,
    SimulatorFamily,
    Stem,
    build,
    builder,
    open_corpus,
    sample_family,
    write_clouds,
    write_shard,
)
from separation.corpus.builder import build_shards
from separation.corpus.config import CorpusConfig, keep_config
from separation.corpus.midi import midi_file
from separation.corpus.moves import MoveBank, build_move_bank
from separation.corpus.pieces import corpus_pieces, split_of
from separation.corpus.sources import keep_sources, read_sources, source_rows

RATE = 11025
SHORT = CorpusConfig(minutes=0.5)
"""13 pieces of 6 s, the fewest that have all splits."""


class Sines:
    """A family whose sound is known: one sine a note."""

    name = "sines"
    instruments = ("violin", "cello")
    files = ()

    def render(self, instrument, parts, rng, *, split):
        sounds = []
        for notes, seconds in parts:
            time = np.arange(round(seconds * RATE)) / RATE
            sound = np.zeros_like(time)
            for note in notes:
                on = (time >= note.start_s) & (time < note.start_s + note.duration_s)
                sound += on * np.sin(2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * time)
            sounds.append(sound.astype(np.float32))
        return sounds


def test_build_writes_parts_that_start_together_and_splits_by_piece(tmp_path):
    shares = []
    pieces = corpus_pieces(SHORT)
    build_shards(tmp_path, SHORT, pieces, [Sines()], progress=shares.append)
    assert shares == [0.5, 1.0]
    corpus = open_corpus(tmp_path)
    assert {s.instrument for s in corpus.stems} == {"violin", "cello"}
    for stem in corpus.stems:
        assert stem.split == split_of(stem.piece)
        assert stem.length == 6 * RATE
    splits = [{s.piece for s in corpus.select(name)} for name in ("train", "validation", "test")]
    assert all(splits)
    assert not splits[0] & (splits[1] | splits[2])
    # The simulator's takes use smaller seeds: training must not hear their scores.
    assert int(sorted(p for s in splits for p in s)[0].split("-")[1]) >= 1_000_000


def test_any_13_pieces_in_a_row_have_all_splits():
    splits = [split_of(f"piece-{1_000_000 + i}") for i in range(2000)]
    for start in range(len(splits) - 13):
        assert set(splits[start : start + 13]) == {"train", "validation", "test"}
    assert splits.count("test") == pytest.approx(200, abs=3)


def test_corpora_are_as_long_as_asked_for():
    for minutes, scores in product((0.1, 5.0, 20.0, 90.0), (False, True)):
        config = CorpusConfig(minutes=minutes, scores=scores)
        pieces = config.batches * config.pieces_of_a_batch
        # Each of six instruments plays in 0.65 of the pieces.
        assert 0.65 * pieces * config.piece_s / 60 >= minutes - 1e-9
        assert pieces - config.batches * config.written_of_a_batch >= 13
        assert 6.0 <= config.piece_s <= 24.0
        assert config.pieces_of_a_batch <= 60


def test_other_instruments_play_where_they_are_asked_for(tmp_path):
    heard = {part.instrument for _, piece in corpus_pieces(SHORT) for part in piece.parts}
    assert heard == set(INSTRUMENTS)
    asked = CorpusConfig(minutes=0.1, instruments=OTHER_INSTRUMENTS[:2])
    build_shards(tmp_path, asked, corpus_pieces(asked)[:3], [SimulatorFamily(), Sines()])
    assert {s.instrument for s in open_corpus(tmp_path).stems} == set(OTHER_INSTRUMENTS[:2])
    for wrong in (("flute",), ("flute", "flute"), ("violin", "theremin")):
        with pytest.raises(ValueError, match="two or more different"):
            CorpusConfig(instruments=wrong)


def test_build_goes_on_where_it_was_and_gives_the_same(tmp_path):
    pieces = corpus_pieces(SHORT)[:3]
    build_shards(tmp_path / "one", SHORT, pieces, [Sines()])
    build_shards(tmp_path / "two", SHORT, pieces, [Sines()])
    victim = tmp_path / "two" / "shards" / "cello-sines-000.json"
    victim.unlink()
    build_shards(tmp_path / "two", SHORT, pieces, [Sines()])
    for path in (tmp_path / "one" / "shards").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "shards" / path.name).read_bytes()


def test_another_configuration_needs_another_folder(tmp_path):
    keep_config(tmp_path, SHORT)
    keep_config(tmp_path, SHORT)
    assert json.loads((tmp_path / "corpus.json").read_text())["minutes"] == 0.5
    other = CorpusConfig(minutes=1.0, seed=3)
    with pytest.raises(DataError, match=r"minutes 0\.5, seed 0, not with minutes 1\.0, seed 3"):
        keep_config(tmp_path, other)
    (tmp_path / "corpus.json").write_text("{")
    with pytest.raises(DataError, match=r"corpus\.json cannot be read"):
        keep_config(tmp_path, SHORT)
    keep_sources(tmp_path / "old", [])
    with pytest.raises(DataError, match=r"without corpus\.json.* Build in another folder"):
        keep_config(tmp_path / "old", SHORT)


def test_a_corpus_lists_the_files_that_it_was_made_from(tmp_path):
    bank, score = tmp_path / "bank.sf2", tmp_path / "song.mid"
    bank.write_bytes(b"abc")
    score.write_bytes(b"song")
    folder = tmp_path / "corpus"
    both = source_rows({"bank": [bank], "scores": [score], "sines": []})
    keep_sources(folder, both)
    # FIPS 180-2, appendix B.1.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert read_sources(folder)[0] == ("bank", f"{tmp_path.name}/bank.sf2", digest)
    # Sounds may come and stay away; what is there may not change.
    scores = source_rows({"scores": [score]})
    more = source_rows({"more": [bank]})
    keep_sources(folder, scores + more)
    assert read_sources(folder) == sorted(both + more)
    bank.write_bytes(b"abcd")
    with pytest.raises(DataError, match="other sounds of bank"):
        keep_sources(folder, source_rows({"bank": [bank], "scores": [score]}))
    score.write_bytes(b"sonata")
    with pytest.raises(DataError, match="other scores"):
        keep_sources(folder, source_rows({"scores": [score]}))
    bank.unlink()
    with pytest.raises(DataError, match=r"bank\.sf2"):
        source_rows({"bank": [bank]})
    assert read_sources(folder) == sorted(both + more)


def test_windows_are_read_with_silence_around(tmp_path):
    stem = Stem(
        instrument="violin", family="f", split="train", piece="p", shard="", start=0, length=0
    )
    first, second = np.linspace(-1, 1, 100), np.linspace(0, 0.5, 50)
    write_shard(tmp_path, "s", [(stem, first), (stem, second)])
    corpus = open_corpus(tmp_path)
    window = corpus.read(corpus.stems[1], -10, 100)
    np.testing.assert_allclose(window[10:60], second, atol=1 / 32000)
    assert not window[:10].any()
    assert not window[60:].any()


def test_missing_and_broken_corpora_are_named(tmp_path):
    with pytest.raises(DataError, match="auralize corpus"):
        open_corpus(tmp_path)
    (tmp_path / "shards").mkdir()
    path = tmp_path / "shards" / "x.json"
    for broken in ("{", "[]", json.dumps({"sample_rate_hz": 44100, "stems": []})):
        path.write_text(broken)
        with pytest.raises(DataError, match=r"1 of 1 shards .*x\.json"):
            open_corpus(tmp_path)


def test_players_move_with_the_notes_of_their_piece(tmp_path):
    (split, whole), *_ = corpus_pieces(SHORT)
    piece = replace(whole, duration_s=2.0)
    instrument = piece.parts[0].instrument
    build_move_bank(tmp_path, [(split, piece)], [instrument])
    bank = MoveBank.open(tmp_path)
    seen = bank.read(split, instrument, piece.name, start_s=0.0, seconds=2.0, moments=20)
    assert seen.shape == (20, len(JOINTS), 3)
    assert np.abs(seen[:, 0]).max() == 0.0  # from the pelvis
    assert np.abs(np.diff(seen, axis=0)).max() > 1e-3


def test_build_makes_sounds_and_clouds_with_what_pip_installs(tmp_path):
    played = ("violin", "guitar")
    summary = build(tmp_path, minutes=0.02, clouds=1, moves=False, instruments=played)
    assert (summary.pieces, summary.families, summary.skipped) == (13, ("simulator",), ())
    corpus = open_corpus(tmp_path)
    assert {s.instrument for s in corpus.stems} == set(played)
    assert {s.family for s in corpus.stems} == {"simulator"}
    assert {s.split for s in corpus.stems} == {"train", "validation", "test"}
    bank = CloudBank.open(tmp_path / "clouds")
    for instrument in played:
        assert len(bank.points("train", instrument, 0)) > 1000
        assert bank.count("test", instrument) == 1
        assert bank.images("test", instrument) == 5
        colors = bank.colors("test", instrument, 0, image=4)
        assert colors.shape == bank.points("test", instrument, 0, image=4).shape


def test_sounds_and_movements_come_from_one_list_of_pieces(tmp_path, monkeypatch):
    pytest.importorskip("music21")
    scores, samples, out = tmp_path / "scores", tmp_path / "samples", tmp_path / "corpus"
    scores.mkdir()
    for number in range(3):
        midi = midi_file(
            [
                event
                for channel, pitch in ((0, 72), (1, 55))
                for i in range(40)
                for event in (
                    (250 * i, 2, bytes([0x90 | channel, pitch + i % 5, 80])),
                    (250 * i + 200, 1, bytes([0x80 | channel, pitch + i % 5, 0])),
                )
            ]
        )
        (scores / f"{number}.mid").write_bytes(midi)
    (scores / "broken.mid").write_bytes(midi[:40])
    for name, hz in (("violin/G4", 392.0), ("violin/D5", 587.3), ("cello/C3", 130.8)):
        (samples / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(samples / f"{name}.wav", 0.2 * np.sin(np.arange(9000) * hz / 3509), 22050)
    moved = []
    monkeypatch.setattr(builder, "SimulatorFamily", Sines)
    monkeypatch.setattr(builder, "build_cloud_bank", lambda *args, **options: None)
    monkeypatch.setattr(
        builder, "build_move_bank", lambda folder, pieces, *args, **options: moved.extend(pieces)
    )

    def build_it(**options):
        return build(
            out,
            families=[sample_family("mine", samples)],
            **{"scores": [scores], "minutes": 0.1, "instruments": ("violin", "cello"), **options},
        )

    summary = build_it()
    assert summary.families == ("sines", "mine")
    assert summary.skipped[0].startswith(f"{scores / 'broken.mid'}: no readable score")
    moves = {(split, piece.name, part.instrument) for split, piece in moved for part in piece.parts}
    stems = {(stem.split, stem.piece, stem.instrument) for stem in open_corpus(out).stems}
    assert {split for split, _, _ in stems} == {"train", "validation", "test"}
    assert stems <= moves
    assert sum(not piece.startswith("piece-") for _, piece, _ in stems) >= 8
    assert {stem.family for stem in open_corpus(out).stems} == {"sines", "mine"}
    listed = {family for family, _, _ in read_sources(out)}
    assert listed == {"mine", "scores"}
    # The same goes on, anything else is refused.
    first = list(moved)
    moved.clear()
    assert build_it() == summary
    assert moved == first
    for other in ({"minutes": 5.0}, {"seed": 1}, {"clouds": 7}, {"scores": []}):
        with pytest.raises(DataError, match="another folder"):
            build_it(**other)


def test_sounds_have_names_of_their_own(tmp_path):
    with pytest.raises(DataError, match="two sources of sound are named 'sines'"):
        build(tmp_path, families=[Sines(), Sines()])
    wrong = Sines()
    wrong.name = "../sines"
    with pytest.raises(DataError, match="cannot be named"):
        build(tmp_path, families=[wrong])
    assert not list(tmp_path.iterdir())


def test_the_command_names_the_sources(tmp_path, monkeypatch):
    asked = {}

    def build_nothing(folder, **options):
        asked.update(options)
        return builder.BuildSummary(
            pieces=26, families=("simulator", "mine"), skipped=("a.mid: no",)
        )

    monkeypatch.setattr("separation.corpus.build", build_nothing, raising=False)
    notes = tmp_path / "notes" / "violin"
    notes.mkdir(parents=True)
    soundfile.write(notes / "A4.wav", np.ones(100), 44100)

    def run(*arguments):
        return CliRunner().invoke(cli, ["corpus", "build", str(tmp_path / "out"), *arguments])

    done = run(
        "--samples", f"mine={tmp_path / 'notes'}", "--scores", "songs", "--scores", "music21",
        "--performers", "20",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [family.name for family in asked["families"]] == ["mine"]
    assert asked["scores"] == ("songs", "music21")
    assert asked["clouds"] == 20
    assert "26 pieces, played by simulator, mine" in done.stdout
    assert "left out: a.mid: no" in done.stderr
    assert run("--samples", "notes").exit_code == 2
    assert run("--instruments", "violin").exit_code == 2


def test_a_shard_cut_short_is_left_out_and_said(tmp_path, caplog):
    stem = Stem(
        instrument="violin", family="f", split="train", piece="p", shard="", start=0, length=0
    )
    for name in ("a", "b", "c", "d"):
        write_shard(tmp_path, name, [(stem, np.full(500, 0.5, np.float32))])
    index = (tmp_path / "shards" / "d.json").read_bytes()
    (tmp_path / "shards" / "d.json").write_bytes(index[:90])
    whole = (tmp_path / "shards" / "a.npy").read_bytes()
    (tmp_path / "shards" / "a.npy").write_bytes(whole[:700])
    np.save(tmp_path / "shards" / "b.npy", np.zeros(499, np.int16))
    opened = open_corpus(tmp_path)
    assert [s.shard for s in opened.stems] == ["c"]
    assert len(opened.skipped) == 3
    assert "499 of 500 samples" in opened.skipped[1]
    assert "d.json" in opened.skipped[2]
    assert "3 of 4 shards" in caplog.text
    (tmp_path / "shards" / "c.npy").unlink()
    with pytest.raises(DataError, match="4 of 4 shards"):
        open_corpus(tmp_path)


def test_a_bank_cut_short_is_one_clear_error(tmp_path):
    write_clouds(tmp_path, "train", "violin", [np.zeros((500, 3), np.float32)])
    path = tmp_path / "train-violin.npz"
    whole = path.read_bytes()
    # Without its directory; with one that points beyond the end; another kind of file.
    for broken in (whole[:700], whole[900:], b"no bank"):
        path.write_bytes(broken)
        with pytest.raises(FileFormatError, match=r"train-violin\.npz: no whole bank of clouds"):
            CloudBank.open(tmp_path).points("train", "violin", 0)
