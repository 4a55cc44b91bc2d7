"""Players: do they hold what they play, and do they move as the notes ask?"""

import numpy as np
import pytest

from capture.instruments import INSTRUMENTS
from capture.simulate.bows import HAIR_START_M
from capture.simulate.gestures import plan_gestures
from capture.simulate.player import BODY, BOW, CHAIR, INSTRUMENT, Player
from capture.simulate.score import Note, compose

BOWED = ("violin", "viola", "cello", "double_bass")


def player_of(instrument, seed=0, **kwargs):
    part = compose([instrument], 6, seed)[0]
    return Player(instrument, np.random.default_rng(seed), notes=part.notes, seconds=6, **kwargs)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("body_id", [4, 7, 9, 13])
def test_both_hands_are_where_they_play(instrument, body_id):
    """The tallest, the shortest, a heavy and a held-out person."""
    player = player_of(instrument, body_id=body_id)
    missed = [player.state_at(float(time)).missed_m for time in np.linspace(0, 6, 13)]
    assert max(missed) < 0.05
    assert np.median(missed) < 0.015


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_feet_and_endpins_are_on_the_floor(instrument):
    player = player_of(instrument, seed=1)
    for time in (0.0, 2.0, 4.0):
        state = player.state_at(time)
        vertices = {
            part: np.unique(player.faces[player.face_parts == part]) for part in (BODY, INSTRUMENT)
        }
        assert abs(state.vertices_m[vertices[BODY], 2].min()) < 0.02
        lowest = state.vertices_m[vertices[INSTRUMENT], 2].min()
        if player.model.endpin_m:
            assert abs(lowest) < 0.01
        else:
            assert lowest > 0.2


@pytest.mark.parametrize("body_id", range(0, 16, 3))
def test_the_mouthpiece_is_in_the_mouth(body_id):
    player = player_of("saxophone", body_id=body_id)
    for time in (0.5, 2.5, 4.5):
        state = player.state_at(time)
        assert np.linalg.norm(state.instrument.position_m - state.joints_m["mouth"]) < 0.02


@pytest.mark.parametrize("instrument", ["violin", "viola"])
@pytest.mark.parametrize("body_id", [0, 7, 12])
def test_the_chin_is_on_the_chin_rest(instrument, body_id):
    player = player_of(instrument, body_id=body_id)
    state = player.state_at(2.0)
    chin = state.instrument.inverse().transform(state.joints_m["chin"][None])[0]
    sizes = player.model.strings()
    # Over the lower bout, on the side of the low strings, at the height of the rest.
    assert 0.0 < chin[2] < 0.12
    assert 0.0 < chin[0] < 0.09
    assert abs(chin[1] - (sizes.rib / 2 + 0.026)) < 0.015


@pytest.mark.parametrize("instrument", BOWED)
def test_the_hair_crosses_the_string_at_a_right_angle(instrument):
    player = player_of(instrument, seed=3)
    sizes = player.model.strings()
    near = []
    for time in np.linspace(0.5, 5.5, 21):
        state = player.state_at(float(time))
        to_instrument = state.instrument.inverse().compose(state.bow)
        along = to_instrument.rotation[:, 2]
        strings = np.arange(len(sizes.open_pitches))
        contacts = [player.model.string_point(s, 0.13 * sizes.string) for s in strings]
        directions = [
            c - player.model.string_point(s, 0.0) for s, c in zip(strings, contacts, strict=True)
        ]
        angles = [abs(along @ d) / np.linalg.norm(d) for d in directions]
        assert max(angles) < 0.05
        # The line of the hair passes a string within a few millimetres while it sounds.
        hair = to_instrument.transform(np.array([[0.0, -player.bow.gap_m, HAIR_START_M]]))[0]
        gaps = []
        for point, direction in zip(contacts, directions, strict=True):
            normal = np.cross(along, direction / np.linalg.norm(direction))
            gaps.append(abs((point - hair) @ normal) / np.linalg.norm(normal))
        near.append(min(gaps))
    assert np.median(near) < 0.006


def strokes(notes, seconds=6.0, hair_m=0.62):
    gestures = plan_gestures(
        notes, seconds, (55, 62, 69, 76), 0.325, hair_m, np.random.default_rng(0)
    )
    return gestures, np.array([gestures.at(t).bow for t in np.arange(0, seconds, 0.02)])


def test_bow_strokes_alternate_and_stay_on_the_hair():
    notes = [Note(start_s=0.5 * i, duration_s=0.5, pitch=70, velocity=0.6) for i in range(12)]
    gestures, bow = strokes(notes)
    assert bow.min() >= 0.0
    assert bow.max() <= 1.0
    moved = [gestures.at(n.start_s + 0.45).bow - gestures.at(n.start_s + 0.05).bow for n in notes]
    assert min(np.abs(moved)) > 0.1
    signs = np.sign(moved)
    assert np.mean(signs[1:] != signs[:-1]) > 0.9


def test_louder_notes_get_more_bow():
    travel = {}
    for velocity in (0.2, 1.0):
        notes = [Note(start_s=1.0, duration_s=0.5, pitch=70, velocity=velocity)]
        gestures, _ = strokes(notes)
        travel[velocity] = abs(gestures.at(1.48).bow - gestures.at(1.02).bow)
    assert travel[1.0] > 1.5 * travel[0.2]


def test_the_bow_leaves_the_string_in_long_rests_only():
    notes = [Note(start_s=s, duration_s=0.5, pitch=70, velocity=0.6) for s in (0.5, 1.0, 4.0)]
    gestures, _ = strokes(notes)
    assert gestures.at(2.8).lift_m > 0.03
    assert max(gestures.at(t).lift_m for t in (0.7, 1.0, 1.3, 4.2)) < 0.01


def test_higher_pitches_bring_the_hand_nearer_to_the_bridge():
    hands = {}
    for pitch in (77, 88, 95):
        notes = [Note(start_s=0.5, duration_s=4.0, pitch=pitch, velocity=0.6)]
        player = Player("violin", np.random.default_rng(5), notes=notes, seconds=5.0)
        state = player.state_at(3.0)
        bridge = state.instrument.transform(player.model.string_point(3, 0.0)[None])[0]
        hands[pitch] = np.linalg.norm(state.joints_m["left_hand"] - bridge)
    assert hands[77] > hands[88] + 0.05 > hands[95] + 0.05


@pytest.mark.parametrize("instrument", BOWED)
def test_the_bow_hand_moves_while_a_note_sounds_and_hardly_before(instrument):
    notes = [
        Note(
            start_s=3.0,
            duration_s=1.5,
            pitch=64 if instrument != "double_bass" else 40,
            velocity=0.9,
        )
    ]
    player = Player(instrument, np.random.default_rng(2), notes=notes, seconds=6.0)

    def path(start, stop):
        times = np.arange(start, stop, 0.05)
        hands = []
        for time in times:
            state = player.state_at(float(time))
            hands.append(state.instrument.inverse().transform(state.bow.position_m[None])[0])
        return np.linalg.norm(np.diff(hands, axis=0), axis=1).sum()

    assert path(3.05, 4.45) > 0.15
    assert path(0.2, 1.6) < 0.05


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_nothing_jumps(instrument):
    player = player_of(instrument, seed=2)
    body = np.unique(player.faces[player.face_parts == BODY])
    before = player.state_at(1.0).vertices_m[body]
    for step in range(1, 40):
        after = player.state_at(1.0 + step / 60).vertices_m[body]
        # A fast bow arm or a shift of position: 3 m/s.
        assert np.linalg.norm(after - before, axis=1).max() < 3.0 / 60
        before = after


def test_players_stand_where_they_are_put_and_face_where_they_are_turned():
    here = player_of("guitar", position_m=(0.0, 0.0), yaw_rad=0.0, stand=False)
    there = player_of("guitar", position_m=(2.0, -1.0), yaw_rad=2.5, stand=False)
    turned = here.state_at(1.0).vertices_m
    cosine, sine = np.cos(2.5), np.sin(2.5)
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    np.testing.assert_allclose(
        turned @ matrix.T + [2.0, -1.0, 0.0], there.state_at(1.0).vertices_m, atol=1e-5
    )
    assert abs(there.state_at(1.0).facing_yaw_rad - 2.5) < 0.4


def test_parts_name_every_face():
    player = player_of("cello", stand=True)
    assert len(player.face_parts) == len(player.faces)
    assert len(player.colors) == len(player.state_at(0.0).vertices_m) == player.faces.max() + 1
    assert {BODY, INSTRUMENT, BOW, CHAIR} <= set(player.face_parts.tolist())
    assert player.seated


def test_splits_are_kept_apart():
    for seed in range(6):
        assert Player("violin", np.random.default_rng(seed), split="train").body_id < 12
        assert Player("violin", np.random.default_rng(seed), split="test").body_id >= 12
    with pytest.raises(ValueError, match="split"):
        Player("violin", np.random.default_rng(0), split="validation")
