"""The composer: what makes its output playable, varied, and music."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.instruments import PLAYED_INSTRUMENTS
from capture.simulate.harmony import Key, choose_key, draw_progression
from capture.simulate.score import POLYPHONIC, RANGES, Part, compose
from capture.simulate.texture import guitar_voicing

QUARTET = ("violin", "viola", "cello", "saxophone")
ENSEMBLES = st.lists(st.sampled_from(PLAYED_INSTRUMENTS), min_size=1, max_size=8)


def sounding(part: Part, time_s: float) -> list[int]:
    return [note.pitch for note in part.notes if note.start_s <= time_s < note.stop_s]


@settings(max_examples=80, deadline=None)
@given(
    instruments=ENSEMBLES,
    seconds=st.floats(0.5, 120.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_part_can_be_played(instruments, seconds, seed):
    parts = compose(instruments, seconds, seed)
    assert [part.instrument for part in parts] == instruments
    for part in parts:
        low, high = RANGES[part.instrument]
        assert part.notes
        for note in part.notes:
            assert 0 <= note.start_s < note.stop_s <= seconds
            assert low <= note.pitch <= high
            assert 0 < note.velocity <= 1
        starts = [note.start_s for note in part.notes]
        assert starts == sorted(starts)
        if part.instrument not in POLYPHONIC:
            for before, after in pairwise(part.notes):
                assert before.stop_s <= after.start_s + 1e-9
        # Counted on a grid, apart from the composer's own count. It is fine, or notes that come
        # regularly would beat with it.
        grid = np.linspace(0, seconds, 4000, endpoint=False)
        started = np.array(starts)[:, None] <= grid
        held = np.mean(np.any(started & (grid < [[note.stop_s] for note in part.notes]), axis=0))
        assert held >= 0.5 - 1 / 100
        assert part.played_share(seconds) == pytest.approx(held, abs=0.06)


def test_the_same_seed_gives_the_same_piece_and_another_seed_another():
    assert compose(QUARTET, 20, 7) == compose(QUARTET, 20, 7)
    rhythms, melodies, keys = set(), set(), set()
    for seed in range(20):
        part = compose(QUARTET, 20, seed)[0]
        starts = [note.start_s - part.notes[0].start_s for note in part.notes[:12]]
        rhythms.add(tuple(np.round(np.array(starts) / starts[-1], 1)))
        # Steps, so that a transposed piece would count as the same.
        melodies.add(tuple(b.pitch - a.pitch for a, b in pairwise(part.notes[:12])))
        keys.add(frozenset(note.pitch % 12 for note in part.notes))
    assert len(rhythms) >= 18
    assert len(melodies) >= 19
    assert len(keys) >= 10


def test_not_everybody_plays_all_the_time_and_somebody_always_does():
    alone_or_less, rests = 0, 0
    for seed in range(20):
        parts = compose(QUARTET, 30, seed)
        grid = np.arange(1.0, 28.0, 0.05)
        playing = np.array([[bool(sounding(part, time)) for time in grid] for part in parts])
        alone_or_less += np.mean(playing.sum(axis=0) < 1)
        for part in parts:
            rests += any(b.start_s - a.stop_s > 1.0 for a, b in pairwise(part.notes))
    assert alone_or_less / 20 < 0.05
    assert rests >= 20


def test_tempo_articulation_and_dynamics_vary():
    lengths, velocities, slurs, detached = [], [], 0, 0
    for seed in range(20):
        for part in compose(QUARTET, 20, seed):
            lengths += [note.duration_s for note in part.notes]
            velocities += [note.velocity for note in part.notes]
            gaps = [b.start_s - a.stop_s for a, b in pairwise(part.notes)]
            slurs += sum(gap < 0.02 for gap in gaps)
            detached += sum(0.05 < gap < 0.5 for gap in gaps)
    assert np.percentile(lengths, 10) < 0.25
    assert np.mean(np.array(lengths) > 1.0) > 0.05
    assert max(lengths) > 2.5
    assert np.ptp(np.percentile(velocities, [5, 95])) > 0.35
    assert slurs > 100
    assert detached > 100


def test_the_players_sound_together():
    """Consonances (unison to sixths, octaves) far outnumber seconds, sevenths and tritones.

    Parts of different pieces, laid over each other, are what chance gives.
    """

    def consonance(parts):
        hits, total = 0, 0
        for time in np.arange(1.0, 18.0, 0.25):
            for one, two in combinations(parts, 2):
                for a in sounding(one, time):
                    for b in sounding(two, time):
                        total += 1
                        hits += abs(a - b) % 12 in (0, 3, 4, 5, 7, 8, 9)
        return hits / total

    pieces = [compose(QUARTET, 20, seed) for seed in range(16)]
    together = np.mean([consonance(piece) for piece in pieces])
    mixed = [[pieces[(i + 3 * j) % 16][j] for j in range(4)] for i in range(16)]
    by_chance = np.mean([consonance(piece) for piece in mixed])
    assert together > 0.8
    assert together > by_chance + 0.15


def test_the_double_bass_plays_below_the_others():
    for seed in range(20):
        parts = compose(("violin", "viola", "double_bass"), 20, seed)
        means = [np.mean([note.pitch for note in part.notes]) for part in parts]
        assert means[2] < min(means[:2]) - 7


@pytest.mark.parametrize("mode", ["major", "minor", "dorian", "mixolydian"])
def test_chords_are_stacked_thirds_of_the_scale(mode):
    key = Key(tonic=2, mode=mode)
    for degree in range(7):
        chord = key.chord(degree, seventh=True)
        assert set(chord.pitch_classes) <= set(chord.scale)
        assert len(set(chord.pitch_classes)) == 4
        for low, high in pairwise(chord.pitch_classes):
            assert (high - low) % 12 in (3, 4)
    if mode == "minor":
        assert (2 - 1) % 12 in key.chord(4).pitch_classes  # the raised leading note
    assert key.chord(0).pitch_classes[:1] == (2,)


def test_a_final_phrase_ends_with_a_dominant_and_the_tonic():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        key = choose_key(rng)
        chords = draw_progression(rng, key, 4, opening=0, final=True)
        assert chords[0].root == key.tonic
        assert chords[-1].root == key.tonic
        assert chords[-2].root == (key.tonic + 7) % 12


def test_guitar_chords_fit_a_hand():
    strings = (40, 45, 50, 55, 59, 64)
    for tonic in range(12):
        for degree in range(7):
            chord = Key(tonic=tonic, mode="major").chord(degree)
            for fret in (0, 2, 4, 5):
                pitches = guitar_voicing(chord, fret)
                assert len(pitches) >= 3
                assert {pitch % 12 for pitch in pitches} <= set(chord.pitch_classes)
                assert pitches[0] % 12 == chord.root
                # A string each and within five frets: some choice of strings must do.
                assert any(
                    all(fret <= p - s <= fret + 4 for p, s in zip(pitches, chosen, strict=True))
                    for chosen in combinations(strings, len(pitches))
                )


@pytest.mark.parametrize(
    ("instruments", "seconds", "message"),
    [
        ((), 20, "at least one"),
        (("kazoo",), 20, "kazoo"),
        (("violin",), 0, "positive"),
        (("violin",), float("nan"), "positive"),
    ],
)
def test_bad_arguments_are_named(instruments, seconds, message):
    with pytest.raises(ValueError, match=message):
        compose(instruments, seconds, 0)


def test_names_may_be_spelled_freely():
    assert [part.instrument for part in compose(["Sax", "double bass"], 5, 0)] == [
        "saxophone",
        "double_bass",
    ]
