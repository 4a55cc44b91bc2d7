"""The corpus: scores, MIDI, players, shards. Synthesizers that are not installed are skipped."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.body_pose import JOINTS
from capture.errors import DataError, FileFormatError
from capture.instruments import INSTRUMENTS, OTHER_INSTRUMENTS
from capture.simulate.score import RANGES, Note
from separation.corpus import (
    CloudBank,
    CorpusConfig,
    PhysicalFamily,
    RecordingFamily,
    SimulatorFamily,
    SoundfontFamily,
    Stem,
    WrittenScores,
    build,
    build_shards,
    compose_piece,
    karoryfer,
    open_corpus,
    philharmonia,
    write_clouds,
    write_shard,
)
from separation.corpus.builder import corpus_pieces, split_of
from separation.corpus.midi import Performance, midi_events, midi_file
from separation.corpus.moves import MoveBank, build_move_bank
from separation.corpus.phrases import SAXOPHONES
from separation.corpus.recordings import RecordedNote
from separation.corpus.sources import read_sources, write_sources
from separation.corpus.written_scores import excerpt

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RATE = 11025
SAXOPHONE = (SAXOPHONES["baritone"][0], SAXOPHONES["soprano"][1])


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


def cents_off(sound, pitch):
    """Distance of a sound's pitch from a MIDI note, by autocorrelation within a fourth of it."""
    period = RATE / (440 * 2 ** ((pitch - 69) / 12))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    correlation = np.fft.irfft(spectrum**2)[: len(sound)]
    low, high = int(period / 1.33), int(period * 1.33) + 2
    at = low + int(np.argmax(correlation[low:high]))
    before, here, after = correlation[at - 1 : at + 2]
    return 1200 * np.log2(period / (at + 0.5 * (before - after) / (before - 2 * here + after)))


def notes(*pitches, length=0.8):
    return tuple(
        Note(start_s=float(i), duration_s=length, pitch=p, velocity=0.7)
        for i, p in enumerate(pitches)
    )


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


def test_midi_file_is_read_by_another_reader():
    mido = pytest.importorskip("mido")
    import io

    performance = Performance(program=40)
    data = midi_file(midi_events(notes(60, 64), performance, 0.25))
    played, now = [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(data)):
        now += message.time
        if message.type == "note_on":
            played.append((round(now, 3), message.note, message.velocity))
    assert played == [(0.25, 60, 89), (1.25, 64, 89)]


def test_midi_times_are_milliseconds():
    data = midi_file(midi_events(notes(60), Performance(program=0), 0.0))
    ticks_a_beat = struct.unpack(">H", data[12:14])[0]
    # Without a tempo message a beat is 500 ms.
    assert 500 / ticks_a_beat == 1.0


def test_shift_writes_lower_and_slower():
    plain = midi_events(notes(60), Performance(program=0), 0.0)
    shifted = midi_events(notes(60), Performance(program=0, shift_semitones=12), 0.0)
    on = [e for e in plain if e[2][0] == 0x90] + [e for e in shifted if e[2][0] == 0x90]
    off = [e for e in plain if e[2][0] == 0x80] + [e for e in shifted if e[2][0] == 0x80]
    assert [e[2][1] for e in on] == [60, 48]
    assert [e[0] for e in off] == [800, 1600]


@pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.exists(),
    reason="needs fluidsynth and FluidR3_GM.sf2",
)
def test_soundfont_plays_in_tune_and_in_time_whatever_the_formants():
    family = SoundfontFamily(name="fluidr3", path=SOUNDFONT)
    # Generators whose draws include formants shifted both ways.
    for seed in range(4):
        (sound,) = family.render(
            "cello", [(notes(48, 55), 2.0)], np.random.default_rng(seed), split="train"
        )
        assert len(sound) == 2 * RATE
        for start, pitch in ((0.3, 48), (1.3, 55)):
            part = sound[int(start * RATE) : int((start + 0.4) * RATE)]
            assert abs(cents_off(part, pitch)) < 60


@pytest.mark.skipif(shutil.which("csound") is None, reason="needs csound with its STK opcodes")
@pytest.mark.parametrize("instrument", ["violin", "saxophone", "guitar", "flute", "clarinet"])
def test_physical_models_play_in_tune(instrument):
    for seed in range(3):
        (sound,) = PhysicalFamily().render(
            instrument, [(notes(62, 69), 2.0)], np.random.default_rng(seed), split="train"
        )
        assert len(sound) == 2 * RATE
        for start, pitch in ((0.25, 62), (1.25, 69)):
            part = sound[int(start * RATE) : int((start + 0.4) * RATE)]
            assert abs(cents_off(part, pitch)) < 60


def test_simulators_players_are_a_family():
    (sound,) = SimulatorFamily().render(
        "viola", [(notes(60), 1.0)], np.random.default_rng(0), split="train"
    )
    assert len(sound) == RATE
    assert abs(cents_off(sound[3000:8000], 60)) < 40


@pytest.fixture
def library(tmp_path):
    """Two recorded notes of a sax, with leading silence, as a sound library holds them."""
    made = []
    for pitch in (60, 66):
        time = np.arange(44100) / 44100
        tone = 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
        path = tmp_path / f"{pitch}.wav"
        soundfile.write(path, np.concatenate([np.zeros(9000), tone]), 44100)
        made.append(RecordedNote(path=path, pitch=pitch, loudness=0.7, style="normal"))
    return RecordingFamily(name="own", notes={"saxophone": tuple(made)}, keeps_pitches=False)


def test_recordings_are_transposed_and_start_with_the_note(library):
    (sound,) = library.render(
        "saxophone", [(notes(62, 67), 2.0)], np.random.default_rng(0), split="train"
    )
    for start, pitch in ((0.1, 62), (1.1, 67)):
        part = sound[int(start * RATE) : int((start + 0.4) * RATE)]
        assert abs(cents_off(part, pitch)) < 60
    assert np.abs(sound[: int(0.02 * RATE)]).max() > 0.01  # the silence was cut
    assert np.abs(sound[int(0.99 * RATE) : int(0.998 * RATE)]).max() < 1e-3


def test_pitches_kept_for_testing_are_not_played_in_training(tmp_path, library):
    kept = RecordingFamily(
        name="own",
        notes={
            "saxophone": tuple(
                RecordedNote(path=n.path, pitch=p, loudness=0.7, style="normal")
                for n, p in zip(library.notes["saxophone"], (59, 66), strict=True)
            )
        },
    )
    # Note 52 is in reach of the recording at 59 − 7 only for testing: 59 % 6 == 5.
    (train,) = kept.render("saxophone", [(notes(57), 1.0)], np.random.default_rng(0), split="train")
    (test,) = kept.render("saxophone", [(notes(57), 1.0)], np.random.default_rng(0), split="test")
    assert not train.any()
    assert test.any()


def test_library_layouts_are_understood(tmp_path):
    tone = 0.2 * np.sin(np.arange(4410) * 0.1)
    names = {
        "philharmonia/cello": ["cello_As2_1_forte_arco-normal.wav"],
        "sax/Samples/alto": ["db3_f_rr1_cnd.wav", "a2_p_rr2_dnm.wav"],
        "bass/Samples/arco": ["gb1_vl4_down.wav"],
        "bass/Samples/pizz": ["a1_vl2_rr1.wav", "perc2_rr4.wav"],
    }
    for folder, files in names.items():
        (tmp_path / folder).mkdir(parents=True)
        for file in files:
            soundfile.write(tmp_path / folder / file, tone, 44100)
    source = tmp_path / "philharmonia/cello/cello_As2_1_forte_arco-normal.wav"
    source.rename(source.with_suffix(".mp3"))
    orchestra = philharmonia(tmp_path / "philharmonia")
    (cello,) = orchestra.notes["cello"]
    assert (cello.pitch, cello.loudness, cello.style) == (46, 0.8, "arco-normal")
    own = karoryfer(tmp_path / "sax", tmp_path / "bass")
    # Weresax calls middle C "c3"; measured: its db3 sounds at 277 Hz.
    assert sorted(n.pitch for n in own.notes["saxophone"]) == [57, 61]
    assert sorted((n.pitch, n.style) for n in own.notes["double_bass"]) == [
        (30, "arco"),
        (33, "pizz"),
    ]
    with pytest.raises(DataError, match="holds no note"):
        philharmonia(tmp_path / "nothing")


def test_build_writes_parts_that_start_together_and_splits_by_piece(tmp_path):
    config = CorpusConfig(batches=2, pieces=8, piece_s=4.0, validation_share=0.2, test_share=0.2)
    shares = []
    build_shards(config, tmp_path, [Sines()], progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    corpus = open_corpus(tmp_path)
    assert {s.instrument for s in corpus.stems} == {"violin", "cello"}
    for stem in corpus.stems:
        assert stem.split == split_of(stem.piece, config)
        assert stem.length == 4 * RATE
    splits = [{s.piece for s in corpus.select(name)} for name in ("train", "validation", "test")]
    assert splits[0]
    assert not splits[0] & (splits[1] | splits[2])
    assert int(sorted(p for s in splits for p in s)[0].split("-")[1]) >= 1_000_000


def test_any_13_pieces_in_a_row_have_all_splits():
    config = CorpusConfig()
    splits = [split_of(f"piece-{1_000_000 + i}", config) for i in range(2000)]
    for start in range(len(splits) - 13):
        assert set(splits[start : start + 13]) == {"train", "validation", "test"}
    assert splits.count("test") == pytest.approx(200, abs=3)


def test_other_instruments_play_where_they_are_asked_for(tmp_path):
    plain = CorpusConfig(batches=1, pieces=30, piece_s=3.0)
    heard = {part.instrument for _, piece in corpus_pieces(plain) for part in piece.parts}
    assert heard == set(INSTRUMENTS)
    asked = CorpusConfig(batches=1, pieces=8, piece_s=3.0, instruments=OTHER_INSTRUMENTS[:2])
    build_shards(asked, tmp_path, [SimulatorFamily(), Sines()])
    assert {s.instrument for s in open_corpus(tmp_path).stems} == set(OTHER_INSTRUMENTS[:2])
    for wrong in (("flute",), ("flute", "flute"), ("violin", "theremin")):
        with pytest.raises(ValueError, match="two or more different"):
            CorpusConfig(instruments=wrong)


def test_build_goes_on_where_it_was_and_gives_the_same(tmp_path):
    config = CorpusConfig(batches=1, pieces=4, piece_s=3.0)
    build_shards(config, tmp_path / "one", [Sines()])
    build_shards(config, tmp_path / "two", [Sines()])
    victim = tmp_path / "two" / "shards" / "cello-sines-000.json"
    victim.unlink()
    build_shards(config, tmp_path / "two", [Sines()])
    for path in (tmp_path / "one" / "shards").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "shards" / path.name).read_bytes()


def test_a_corpus_lists_the_files_that_it_was_made_from(tmp_path, library):
    folder = tmp_path / "corpus"
    write_sources(folder, [library, Sines()])
    other = tmp_path / "other.sf2"
    other.write_bytes(b"abc")
    write_sources(folder, [SoundfontFamily(name="bank", path=other)])
    rows = read_sources(folder)
    assert [file for _, file, _ in rows] == [
        f"{tmp_path.name}/{n}" for n in ("other.sf2", "60.wav", "66.wav")
    ]
    # FIPS 180-2, appendix B.1.
    assert rows[0][2] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    other.unlink()
    with pytest.raises(DataError, match=r"other\.sf2"):
        write_sources(folder, [SoundfontFamily(name="bank", path=other)])
    assert read_sources(folder) == rows


def test_scores_of_the_simulator_are_out_of_bounds():
    with pytest.raises(ValueError, match="must not hear their scores"):
        CorpusConfig(seed=3)


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


def test_written_scores_become_pieces_in_range():
    music21 = pytest.importorskip("music21")
    voices = []
    for pitch in (76, 55, 40):
        voice = music21.stream.Part()
        for step in range(16):
            voice.append(music21.note.Note(pitch + step % 5, quarterLength=1.0))
        voices.append(voice)
    piece = excerpt("corpus/bach/bwv1.mxl", voices, 6.0, np.random.default_rng(0))
    assert piece.name == "bach-bwv1"
    assert len(piece.parts) == 3
    assert len({part.instrument for part in piece.parts}) == 3
    for part in piece.parts:
        low, high = RANGES[part.instrument]
        assert all(low <= n.pitch <= high for n in part.notes)
        assert all(0 <= n.start_s < n.stop_s <= 6.0 for n in part.notes)
    assert excerpt("x/y.mxl", voices[:1], 6.0, np.random.default_rng(0)) is None


def test_scores_of_music21_are_found():
    pytest.importorskip("music21")
    pieces = WrittenScores(pieces=1, piece_s=8.0, composers=("haydn",))(0)
    assert len(pieces) == 1
    assert len(pieces[0].parts) >= 2


def test_players_move_with_the_notes_of_their_piece(tmp_path):
    config = CorpusConfig(batches=1, pieces=1, piece_s=2.0)
    ((split, piece),) = corpus_pieces(config)
    instrument = piece.parts[0].instrument
    build_move_bank(tmp_path, [(split, piece)], [instrument])
    bank = MoveBank.open(tmp_path)
    seen = bank.read(split, instrument, piece.name, start_s=0.0, seconds=2.0, moments=20)
    assert seen.shape == (20, len(JOINTS), 3)
    assert np.abs(seen[:, 0]).max() == 0.0  # from the pelvis
    assert np.abs(np.diff(seen, axis=0)).max() > 1e-3


def test_build_makes_sounds_and_clouds_with_what_pip_installs(tmp_path):
    build(tmp_path, minutes=0.02, clouds=1, moves=False)
    corpus = open_corpus(tmp_path)
    assert {s.instrument for s in corpus.stems} <= set(INSTRUMENTS)
    assert {s.family for s in corpus.stems} == {"simulator"}
    assert {s.split for s in corpus.stems} == {"train", "validation", "test"}
    bank = CloudBank.open(tmp_path / "clouds")
    for instrument in INSTRUMENTS:
        assert len(bank.points("train", instrument, 0)) > 1000
        assert bank.count("test", instrument) == 1
        assert bank.images("test", instrument) == 5
        colors = bank.colors("test", instrument, 0, image=4)
        assert colors.shape == bank.points("test", instrument, 0, image=4).shape


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
