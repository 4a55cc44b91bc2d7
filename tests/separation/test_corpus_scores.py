"""The corpus' pieces: composed by rule, and excerpts of written scores."""

import struct
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.errors import DataError, DependencyError, FileFormatError
from capture.instruments import INSTRUMENTS
from capture.simulate.score import RANGES
from separation.corpus import compose_piece
from separation.corpus.config import CorpusConfig
from separation.corpus.phrases import SAXOPHONES
from separation.corpus.pieces import corpus_pieces
from separation.corpus.score_files import ScoreFile, WrittenNote, find_scores, read_voices
from separation.corpus.written_scores import WrittenScores, excerpt

SAXOPHONE = (SAXOPHONES["baritone"][0], SAXOPHONES["soprano"][1])


def line(*pitches, velocity=0.7):
    """Return a voice of quarters."""
    return [
        WrittenNote(start=float(i), length=1.0, pitch=p, velocity=velocity)
        for i, p in enumerate(pitches)
    ]


def midi_bytes(tracks, ticks_a_quarter=480):
    """Return a MIDI file of (tick, message) tracks, after the specification."""
    chunks = [struct.pack(">4sIHHH", b"MThd", 6, min(1, len(tracks) - 1), len(tracks), 480)]
    for events in tracks:
        body, now = b"", 0
        for tick, message in [*events, (events[-1][0], b"\xff\x2f\x00")]:
            delta = tick - now
            body += bytes([0x80 | delta >> 7, delta & 0x7F] if delta > 127 else [delta]) + message
            now = tick
        chunks.append(struct.pack(">4sI", b"MTrk", len(body)) + body)
    return b"".join(chunks)


def quarters(channel, *pitches):
    """Return MIDI events of notes one after another, each a quarter of 480 ticks."""
    return [
        event
        for i, pitch in enumerate(pitches)
        for event in (
            (480 * i, bytes([0x90 | channel, pitch, 80])),
            (480 * i + 400, bytes([0x80 | channel, pitch, 0])),
        )
    ]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_pieces_stay_in_range_and_in_time(seed):
    piece = compose_piece("p", np.random.default_rng(seed), duration_s=12.0)
    assert 2 <= len(piece.parts) <= 6
    assert len({part.instrument for part in piece.parts}) == len(piece.parts)
    for part in piece.parts:
        low, high = SAXOPHONE if part.instrument == "saxophone" else RANGES[part.instrument]
        for note in part.notes:
            assert low <= note.pitch <= high
            assert 0 <= note.start_s < note.start_s + note.duration_s <= 12.0 + 1e-9
            assert 0 < note.velocity <= 1


def test_pieces_follow_from_their_seed():
    one, two, three = (
        compose_piece("p", np.random.default_rng(seed), duration_s=6.0) for seed in (1, 1, 2)
    )
    assert one == two
    assert one.parts != three.parts


def test_unknown_or_repeated_players_are_refused():
    for players in (["violin", "violin"], ["violin", "theremin"]):
        with pytest.raises(ValueError, match="different and known"):
            compose_piece("p", np.random.default_rng(0), instruments=players)


def test_voices_become_parts_in_range():
    voices = [line(*(pitch + step % 5 for step in range(16))) for pitch in (76, 55, 40)]
    parts = excerpt(voices, 6.0, np.random.default_rng(0), INSTRUMENTS)
    assert len(parts) == 3
    assert len({part.instrument for part in parts}) == 3
    for part in parts:
        low, high = RANGES[part.instrument]
        assert all(low <= n.pitch <= high for n in part.notes)
        assert all(0 <= n.start_s < n.stop_s <= 6.0 for n in part.notes)
        starts = [n.start_s for n in part.notes]
        assert starts == sorted(starts)
    assert excerpt(voices[:1], 6.0, np.random.default_rng(0), INSTRUMENTS) == ()


def test_only_guitars_play_chords():
    chords = [note for pitch in (60, 64, 67) for note in line(*[pitch] * 12)]
    parts = excerpt([chords, chords], 4.0, np.random.default_rng(0), ("violin", "guitar"))
    played = {part.instrument: {note.pitch for note in part.notes} for part in parts}
    assert played == {"violin": {67}, "guitar": {60, 64, 67}}
    (violin,) = (part.notes for part in parts if part.instrument == "violin")
    assert all(a.stop_s <= b.start_s for a, b in pairwise(violin))


def write_scores(folder, count):
    """Write MIDI files of three voices each."""
    for number in range(count):
        voices = [[base + (number + i) % 7 for i in range(60)] for base in (72, 60, 40)]
        tracks = [quarters(0, *voice) for voice in voices]
        (folder / f"song {number}.mid").write_bytes(midi_bytes(tracks))


def test_midi_files_are_read_by_track_and_channel(tmp_path):
    pytest.importorskip("music21")
    three = [quarters(0, 60, 62), quarters(1, 48), quarters(9, 36, 36)]
    # A file with one track has its voices in channels; channel 10 is percussion.
    for tracks in (three, [sorted(event for track in three for event in track)]):
        (tmp_path / "a.mid").write_bytes(midi_bytes(tracks))
        first, second = sorted(read_voices(tmp_path / "a.mid"), key=len, reverse=True)
        assert [(n.start, n.length, n.pitch) for n in first] == [
            (0.0, 400 / 480, 60),
            (1.0, 400 / 480, 62),
        ]
        assert [(n.start, n.pitch, n.velocity) for n in second] == [(0.0, 48, 80 / 127)]


def test_musicxml_and_music21s_own_scores_are_read(tmp_path):
    music21 = pytest.importorskip("music21")
    part = music21.stream.Part([music21.note.Note(p, quarterLength=2.0) for p in (76, 77)])
    music21.stream.Score([part]).write("musicxml", tmp_path / "deep.musicxml")
    (file,) = find_scores(tmp_path)
    assert file.name == "deep"
    ((one, two),) = read_voices(file.path)
    assert (one.start, one.length, one.pitch) == (0.0, 2.0, 76)
    assert (two.start, two.pitch) == (2.0, 77)
    shipped = {score.name: score.path for score in find_scores("music21")}
    assert len(shipped) > 400
    assert len(read_voices(shipped["bach/bwv277"])) >= 4


def test_excerpts_of_one_score_share_a_split_in_any_corpus(tmp_path):
    pytest.importorskip("music21")
    write_scores(tmp_path, 30)
    splits = {}
    for seed in (0, 1):
        config = CorpusConfig(minutes=15.0, scores=True, seed=seed)
        scores = WrittenScores(
            find_scores(tmp_path), config.instruments, piece_s=config.piece_s, seed=seed
        )
        pieces = corpus_pieces(config, scores)
        names = [piece.name for _, piece in pieces]
        assert len(set(names)) == len(names)
        written = [(split, piece) for split, piece in pieces if piece.name.startswith("song")]
        assert len(written) == round(len(pieces) / 2)
        for split, piece in written:
            splits.setdefault(piece.name.rpartition("-")[0], set()).add(split)
            assert len(piece.parts) >= 2
    assert all(len(own) == 1 for own in splits.values())
    assert {split for own in splits.values() for split in own} >= {"train", "test"}


def test_scores_take_turns_and_broken_ones_are_left_out(tmp_path):
    pytest.importorskip("music21")
    write_scores(tmp_path, 3)
    whole = (tmp_path / "song 0.mid").read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.xml").write_text("<scene/>")
    (tmp_path / "alone.mid").write_bytes(midi_bytes([quarters(0, *range(60, 72))]))
    scores = WrittenScores(find_scores(tmp_path), INSTRUMENTS, piece_s=6.0)
    dealt = [scores.deal()[0] for _ in range(60)]
    assert min(dealt.count(f"song {n}") for n in range(3)) >= 18
    assert sorted(line.split(":")[0].rpartition("/")[2] for line in scores.skipped) == [
        "alone.mid",
        "cut.mid",
        "other.xml",
    ]
    lonely = WrittenScores(
        [ScoreFile(name="alone", path=tmp_path / "alone.mid")], INSTRUMENTS, piece_s=6.0
    )
    with pytest.raises(DataError, match=r"none of the 1 scores can be used: .*alone\.mid"):
        lonely.deal()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no score"):
        find_scores(tmp_path / "empty")
    with pytest.raises(FileFormatError, match=r"cut\.mid: no readable score"):
        read_voices(tmp_path / "cut.mid")


def test_scores_name_the_extra_that_reads_them(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "music21.corpus", None)
    with pytest.raises(DependencyError, match=r"pip install 'auralize\[corpus\]'"):
        find_scores(tmp_path)
