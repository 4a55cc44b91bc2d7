"""The corpus' sound families. Synthesizers that are not installed are skipped."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, DependencyError
from capture.simulate.score import Note
from separation.corpus import (
    PhysicalFamily,
    RecordingFamily,
    SimulatorFamily,
    SoundfontFamily,
    sample_family,
    sound_families,
)
from separation.corpus.midi import Performance, midi_events, midi_file
from separation.corpus.recordings import RecordedNote

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RATE = 11025


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
    # A library none of whose pitches is kept is silent in tests.
    own = RecordingFamily(name="own", notes={"saxophone": kept.notes["saxophone"][1:]})
    (none,) = own.render("saxophone", [(notes(66), 1.0)], np.random.default_rng(0), split="test")
    assert none.shape == (RATE,)
    assert not none.any()


def test_library_layouts_are_understood(tmp_path):
    tone = 0.2 * np.sin(np.arange(4410) * 0.1)
    names = {
        "orchestra/double bass": ["double-bass_As2_1_forte_arco-normal.wav"],
        "clones/karoryfer.weresax/Samples/alto": ["db3_f_rr1_cnd.wav", "a2_p_rr2_dnm.wav"],
        "clones/karoryfer.meatbass/Samples/arco": ["gb1_vl4_down.wav"],
        "clones/karoryfer.meatbass/Samples/pizz": ["a1_vl2_rr1.wav", "perc2_rr4.wav"],
    }
    for folder, files in names.items():
        (tmp_path / folder).mkdir(parents=True)
        for file in files:
            soundfile.write(tmp_path / folder / file, tone, 44100)
    source = tmp_path / "orchestra/double bass/double-bass_As2_1_forte_arco-normal.wav"
    source.rename(source.with_suffix(".mp3"))
    orchestra = sample_family("philharmonia", tmp_path / "orchestra")
    (bass,) = orchestra.notes["double_bass"]
    assert (bass.pitch, bass.loudness, bass.style) == (46, 0.8, "arco-normal")
    assert orchestra.keeps_pitches
    own = sample_family("karoryfer", tmp_path / "clones")
    # Weresax calls middle C "c3"; measured: its db3 sounds at 277 Hz.
    assert sorted(n.pitch for n in own.notes["saxophone"]) == [57, 61]
    assert sorted((n.pitch, n.style) for n in own.notes["double_bass"]) == [
        (30, "arco"),
        (33, "pizz"),
    ]


def test_anybodys_notes_are_named_by_instrument_and_pitch(tmp_path, caplog):
    tone = 0.2 * np.sin(np.arange(4410) * 0.1)
    for name in (
        "Double Bass/E1.wav",
        "violin/bow_A4_pp.wav",
        "violin/pizz/Bb3_forte_2.flac",
        "violin/Fs5.wav",
        "violin/noise.wav",
        "theremin/A4.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, tone, 44100)
    family = sample_family("mine", tmp_path)
    assert set(family.instruments) == {"double_bass", "violin"}
    violin = {(n.pitch, n.loudness, n.style) for n in family.notes["violin"]}
    # Scientific pitch notation: A4 is note 69, 440 Hz.
    assert violin == {(69, 0.25, "."), (58, 0.8, "pizz"), (78, 0.65, ".")}
    assert [n.pitch for n in family.notes["double_bass"]] == [28]
    assert "theremin" in caplog.text
    for name, empty in (("mine", "nothing"), ("philharmonia", "."), ("karoryfer", ".")):
        with pytest.raises(DataError, match="holds no recorded notes"):
            sample_family(name, tmp_path / empty)


def test_a_note_without_sound_is_named(tmp_path):
    for name, sound in (("silent", np.zeros(800)), ("empty", np.zeros(0)), ("nan", [np.nan] * 800)):
        path = tmp_path / name / "violin" / "A4.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, sound, 44100, subtype="FLOAT")
        with pytest.raises(DataError, match=r"violin/A4\.wav: empty, silent, or not finite"):
            sample_family("mine", tmp_path / name).render(
                "violin", [(notes(69), 1.0)], np.random.default_rng(0), split="train"
            )


def test_what_is_not_installed_is_said_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match="apt-get install csound"):
        sound_families(physical=True)
    with pytest.raises(DependencyError, match="apt-get install fluidsynth"):
        sound_families(soundfonts=[tmp_path / "bank.sf2"])
    (tmp_path / "fluidsynth").touch(mode=0o755)
    with pytest.raises(DataError, match=r"bank\.sf2 does not exist"):
        sound_families(soundfonts=[tmp_path / "bank.sf2"])
