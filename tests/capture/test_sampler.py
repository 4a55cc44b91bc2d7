"""The sampler: pitch, level, timing, loops without a seam, and a clean interpolator."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from capture.instruments import INSTRUMENTS, OTHER_INSTRUMENTS, PLAYED_INSTRUMENTS
from capture.simulate.sampler import play_part
from capture.simulate.samples import (
    MARGIN,
    SAMPLES_FOLDER,
    Zone,
    load_voice,
    read_zone,
    voice_variants,
)
from capture.simulate.score import RANGES, Note, Part, compose

RATE = 48000
VOICES = [(name, variant) for name in PLAYED_INSTRUMENTS for variant in voice_variants(name)]
SUSTAINED = [(name, variant) for name, variant in VOICES if name != "guitar"]


def note(start_s, duration_s, pitch, velocity=0.8):
    return Note(start_s=start_s, duration_s=duration_s, pitch=pitch, velocity=velocity)


def play(instrument, *notes, duration_s=3.0, seed=0, variant=None, rate=RATE):
    part = Part(instrument=instrument, notes=notes)
    rng = np.random.default_rng(seed)
    sound = play_part(part, duration_s, rate, rng=rng, variant=variant)
    return sound.samples[0].astype(np.float64)


def pitch_of(samples, expected):
    """Mean pitch by the turning of the first harmonics, each demodulated by the expected one.

    Independent of the generator's autocorrelation; vibrato averages out over whole seconds.
    """
    hertz = 440 * 2 ** ((expected - 69) / 12)
    times = np.arange(len(samples)) / RATE
    size = min(round(RATE / hertz * 8), len(samples) // 2)
    window = np.hanning(size) / size
    cents, weights = [], []
    for harmonic in range(1, 6):
        turning = samples * np.exp(-2j * np.pi * harmonic * hertz * times)
        base = signal.oaconvolve(turning, window, mode="valid")
        turned = np.vdot(base[:-1], base[1:])
        offset_hz = np.angle(turned) * RATE / (2 * np.pi)
        cents.append(1200 * np.log2(1 + offset_hz / (harmonic * hertz)))
        weights.append(harmonic * np.abs(turned))
    return expected + np.average(cents, weights=weights) / 100


def level_db(samples):
    return 10 * np.log10(np.mean(np.square(samples)))


@pytest.mark.parametrize(("instrument", "variant"), VOICES)
def test_notes_sound_at_their_pitch(instrument, variant):
    low, high = RANGES[instrument]
    errors = []
    for pitch in range(low, high + 1, 7):
        length_s = 0.7 if instrument == "guitar" else 1.6
        sound = play(instrument, note(0, length_s, pitch), duration_s=2.0, variant=variant)
        heard = sound[round(0.1 * RATE) : round(length_s * RATE)]
        errors.append(100 * (pitch_of(heard, pitch) - pitch))
    # Each note is detuned by up to 4 cents on purpose, and vibrato does not average out quite.
    assert np.abs(errors).max() < 9
    assert abs(np.mean(errors)) < 4


def test_the_pitch_estimate_itself_is_right():
    times = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * k * 440 * 2 ** (0.07 / 12) * times) / k for k in range(1, 9))
    assert pitch_of(tone, 69) == pytest.approx(69.07, abs=0.002)


@pytest.mark.parametrize(("instrument", "variant"), SUSTAINED)
def test_loops_have_no_seam(instrument, variant):
    for zone in load_voice(instrument, variant).zones:
        length = zone.loop_stop - zone.loop_start
        assert length > 0.35 * 44100
        around = np.arange(-MARGIN // 2, MARGIN // 2) + 0.37
        once = read_zone(zone, zone.loop_stop + around)
        again = read_zone(zone, zone.loop_start + around)
        np.testing.assert_allclose(once, again, atol=1e-7)
        for times in (1, 2, 5):
            later = read_zone(zone, zone.loop_start + 1000.6 + around + times * length)
            np.testing.assert_allclose(
                later, read_zone(zone, zone.loop_start + 1000.6 + around), atol=1e-6
            )
        # The cross-fade before the seam keeps the level of the sustained note.
        sustained = zone.samples[zone.loop_start : zone.loop_stop].astype(np.float64)
        faded = sustained[-round(0.05 * 44100) :]
        windows = np.lib.stride_tricks.sliding_window_view(sustained, len(faded))[::500]
        levels = 10 * np.log10(np.mean(np.square(windows), axis=1))
        assert levels.min() - 2.5 < level_db(faded) < levels.max() + 1


def test_reading_between_samples_is_exact_for_what_a_recording_holds():
    """A sine below 15 kHz, read at fractional positions and another speed: at least 70 dB clean."""
    count = 4000
    for hertz in (100.0, 3000.0, 15000.0):
        sine = np.sin(2 * np.pi * hertz / 44100 * np.arange(count)).astype(np.float32)
        zone = Zone(pitch=69, samples=sine, loop_start=None, loop_stop=None, attack_s=0)
        positions = MARGIN + 0.9173 * np.arange(3500)
        error = read_zone(zone, positions) - np.sin(2 * np.pi * hertz / 44100 * positions)
        assert level_db(error) < level_db(sine) - 70


def test_level_follows_velocity_and_soft_notes_are_darker():
    spectra, levels = {}, {}
    for velocity in (0.25, 0.5, 1.0):
        sound = np.concatenate(
            [play("violin", note(0, 2.0, p, velocity))[RATE // 2 : 2 * RATE] for p in (60, 67, 74)]
        )
        levels[velocity] = level_db(sound)
        spectra[velocity] = np.abs(np.fft.rfft(sound)) ** 2
    assert levels[1.0] == pytest.approx(-20, abs=3)
    assert 9 < levels[1.0] - levels[0.5] < 9 + 4.5
    assert 18 < levels[1.0] - levels[0.25] < 18 + 6.5
    frequencies = np.linspace(0, RATE / 2, len(spectra[1.0]))
    centroids = [np.average(frequencies, weights=spectra[v]) for v in (0.25, 0.5, 1.0)]
    assert centroids[0] < centroids[1] < centroids[2]


@pytest.mark.parametrize("instrument", PLAYED_INSTRUMENTS)
def test_notes_speak_when_they_start_and_stop_when_they_are_let_go(instrument):
    low, high = RANGES[instrument]
    for pitch in range(low, high, 9):
        for duration_s in (0.12, 1.0):
            sound = play(instrument, note(0.5, duration_s, pitch), duration_s=3.0, seed=pitch)
            assert not sound[: round(0.499 * RATE)].any()
            level = np.sqrt(np.convolve(sound**2, np.full(480, 1 / 480), mode="same"))
            heard = np.flatnonzero(level > 0.25 * level.max()) / RATE
            assert 0.48 < heard[0] < 0.5 + 0.13
            late = sound[round((0.5 + duration_s + 0.5) * RATE) :]
            assert np.abs(late).max() < 1e-3 * np.abs(sound).max()


def test_slurs_leave_no_gap_and_detached_notes_do():
    for instrument in ("violin", "cello", "saxophone"):
        slurred = play(instrument, note(0.2, 1.0, 60), note(1.2, 1.0, 64))
        detached = play(instrument, note(0.2, 0.6, 60), note(1.2, 1.0, 64))
        around = slice(round(1.12 * RATE), round(1.28 * RATE))
        smooth = np.full(960, 1 / 960)
        held = np.sqrt(np.convolve(slurred**2, smooth, mode="same"))
        cut = np.sqrt(np.convolve(detached**2, smooth, mode="same"))
        sustained = np.median(held[round(0.6 * RATE) : round(1.1 * RATE)])
        assert held[around].min() > 0.25 * sustained
        assert cut[round(1.1 * RATE)] < 0.05 * sustained


def test_bowed_vibrato_sets_in_late():
    def spread_cents(samples):
        size = RATE // 20
        pitches = [
            pitch_of(samples[i : i + size], 69) for i in range(0, len(samples) - size, size // 2)
        ]
        return 100 * np.std(pitches)

    early, late = [], []
    for seed in range(4):
        sound = play("violin", note(0, 2.8, 69, 1.0), seed=seed)
        early.append(spread_cents(sound[round(0.06 * RATE) : round(0.26 * RATE)]))
        late.append(spread_cents(sound[round(1.2 * RATE) : round(2.6 * RATE)]))
    assert np.mean(late) > 3
    assert np.mean(late) > 1.2 * np.mean(early)


def test_no_two_notes_are_the_same():
    sound = play("viola", *(note(0.1 + 0.7 * i, 0.5, 62) for i in range(3)), duration_s=2.5)
    takes = [sound[round((0.1 + 0.7 * i) * RATE) :][: round(0.5 * RATE)] for i in range(3)]
    assert np.corrcoef(takes[0], takes[1])[0, 1] < 0.99
    assert np.corrcoef(takes[1], takes[2])[0, 1] < 0.99


@pytest.mark.parametrize(("duration_s", "rate"), [(1.0, 48000), (0.73, 44100), (1.00001, 16000)])
def test_the_length_is_exact(duration_s, rate):
    sound = play("cello", note(0.1, 0.5, 48), duration_s=duration_s, rate=rate)
    assert len(sound) == round(duration_s * rate)
    assert np.abs(sound).max() > 0.01


def test_other_rates_hold_the_same_sound():
    full = play("cello", note(0.1, 1.5, 48), duration_s=2.0)
    half = play("cello", note(0.1, 1.5, 48), duration_s=2.0, rate=24000)
    spectrum = np.fft.rfft(full)[: len(half) // 2 + 1]
    spectrum[-400:] = 0
    again = np.fft.irfft(spectrum, len(half)) * 0.5
    assert level_db(again - half) < level_db(half) - 40


def test_a_seed_repeats_and_players_differ():
    part = compose(["violin"], 6, 1)[0]
    one, same, other = (
        play_part(part, 6, rng=np.random.default_rng(seed)).samples for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_an_ensemble_stays_below_full_scale():
    for part in compose(INSTRUMENTS, 10, 5):
        sound = play_part(part, 10, rng=np.random.default_rng(0)).samples
        assert 0.02 < np.abs(sound).max() < 1.0
        assert np.isfinite(sound).all()


def test_an_empty_part_is_silence():
    assert not play("guitar", duration_s=0.5).any()


@pytest.mark.parametrize(
    ("instrument", "notes", "duration_s", "variant", "message"),
    [
        ("kazoo", (), 1.0, None, "kazoo"),
        ("violin", (), 0.0, None, "positive"),
        ("violin", (note(2.0, 1.0, 60),), 1.0, None, "starts at 2.0 s"),
        ("violin", (), 1.0, "steel", "left, right"),
    ],
)
def test_bad_arguments_are_named(instrument, notes, duration_s, variant, message):
    with pytest.raises(ValueError, match=message):
        play(instrument, *notes, duration_s=duration_s, variant=variant)


def test_the_shipped_samples_are_complete_small_and_credited():
    index = json.loads((SAMPLES_FOLDER / "index.json").read_text(encoding="utf-8"))
    files = {entry["file"] for entries in index["instruments"].values() for entry in entries}
    assert files == {path.name for path in SAMPLES_FOLDER.glob("*.ogg")}
    assert sum(Path(SAMPLES_FOLDER / file).stat().st_size for file in files) < 8e6
    for instrument, entries in index["instruments"].items():
        low, high = RANGES[instrument]
        for entry in entries:
            info = soundfile.info(SAMPLES_FOLDER / entry["file"])
            assert info.frames >= entry["zones"][-1]["stop"]
            pitches = np.array([zone["pitch"] for zone in entry["zones"]])
            reach = [np.abs(pitches - pitch).min() for pitch in range(low, high + 1)]
            # A tenor is asked for no more than its own range; see the sampler.
            assert max(reach[: 76 - low + 1]) <= 4.2
    assert set(index["instruments"]) == set(PLAYED_INSTRUMENTS)
    for name in OTHER_INSTRUMENTS:
        (entry,) = index["instruments"][name]
        assert (SAMPLES_FOLDER / entry["file"]).stat().st_size < 150e3
    notice = (SAMPLES_FOLDER / "NOTICE").read_text(encoding="utf-8")
    for words in ("Frank Wen", "FluidR3", "Permission is hereby granted", "WITHOUT WARRANTY"):
        assert words in notice
