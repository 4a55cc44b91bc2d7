"""Wind instruments: are they of real size, and do players hold them as people do?"""

from collections import Counter

import numpy as np
import pytest
from scipy.spatial import KDTree

from capture.instruments import OTHER_INSTRUMENTS
from capture.simulate.bodies import BONES, load_body
from capture.simulate.player import INSTRUMENT, Player
from capture.simulate.score import Note, compose
from capture.simulate.winds import WINDS, make_wind
from capture.simulate.winds.bores import bore, lengths_m, rounded

# Length over all along an axis of the instrument frame, and the bell's diameter, in millimetres:
# makers' tables, from the shortest to the longest of the variants that are drawn.
SIZES_MM = {
    "flute": (0, (665, 715), None),
    "clarinet": (2, (660, 710), (75, 82)),
    "trumpet": (1, (495, 545), (115, 130)),
    "oboe": (2, (640, 655), (55, 61)),
    "bassoon": (2, (1330, 1350), (45, 53)),
    "horn": (2, (480, 560), None),
    "trombone": (1, (1080, 1200), (195, 225)),
    "tuba": (2, (900, 1060), (360, 450)),
}
PARTS = {
    "flute": {"head joint", "lip plate", "body", "foot joint", "keys"},
    "clarinet": {"mouthpiece", "barrel", "upper joint", "lower joint", "bell", "keys"},
    "trumpet": {"mouthpiece", "leadpipe", "bell", "valves", "slides"},
    "oboe": {"reed", "upper joint", "lower joint", "bell", "keys"},
    "bassoon": {"reed", "bocal", "wing joint", "boot", "long joint", "bell", "keys"},
    "horn": {"mouthpiece", "leadpipe", "coil", "bell", "valves"},
    "trombone": {"mouthpiece", "stockings", "slide", "bell"},
    "tuba": {"mouthpiece", "leadpipe", "bell", "branches", "valves"},
}
HANDS = ("hand", "thumb", "knuckles", "fingers")


def player_of(instrument, seed=0, **kwargs):
    part = compose([instrument], 6, seed)[0]
    return Player(instrument, np.random.default_rng(seed), notes=part.notes, seconds=6, **kwargs)


def skin_of(player, state, *bones):
    """Return the body's vertices that hang on the bones."""
    body = load_body(player.body_id)
    chosen = [index for index, name in enumerate(BONES) if name in bones]
    share = (body.bone_weights * np.isin(body.bone_indices, chosen)).sum(axis=1)
    return state.vertices_m[: len(share)][share > 0.5].astype(np.float64)


def surface_of(player, state):
    """Return points all over the instrument: long tubes have few vertices."""
    faces = player.faces[player.face_parts == INSTRUMENT]
    grid = np.array([(a, b, 9 - a - b) for a in range(10) for b in range(10 - a)]) / 9
    return np.einsum("gc,fcx->gfx", grid, state.vertices_m[faces]).reshape(-1, 3)


def enclosed(points, vertices, faces):
    """Return which points a closed mesh encloses, by its solid angle seen from them.

    Source: van Oosterom and Strackee (1983), IEEE Trans. Biomed. Eng. 30.
    """
    angle = np.zeros(len(points))
    triangles = vertices[faces]
    for start in range(0, len(points), 100):
        a, b, c = np.moveaxis(triangles - points[start : start + 100, None, None], 2, 0)
        la, lb, lc = (np.sqrt(np.einsum("ijk,ijk->ij", v, v)) for v in (a, b, c))
        above = np.einsum("ijk,ijk->ij", a, np.cross(b, c))
        below = (
            la * lb * lc
            + np.einsum("ijk,ijk->ij", a, b) * lc
            + np.einsum("ijk,ijk->ij", b, c) * la
            + np.einsum("ijk,ijk->ij", c, a) * lb
        )
        angle[start : start + 100] = 2 * np.arctan2(above, below).sum(axis=1)
    return np.abs(angle) > 2 * np.pi


@pytest.mark.parametrize("name", OTHER_INSTRUMENTS)
def test_winds_have_real_sizes_and_named_parts(name):
    axis, (shortest, longest), bell_mm = SIZES_MM[name]
    lengths = []
    for seed in range(12):
        wind = make_wind(name, 1.0, 0.0, np.random.default_rng(seed))
        assert PARTS[name] <= set(wind.parts)
        span_mm = 1e3 * np.ptp(wind.mesh.vertices_m, axis=0)
        lengths.append(span_mm[axis])
        assert shortest - 1 <= span_mm[axis] <= longest + 1
        if bell_mm is not None:
            bell = wind.parts["bell"].vertices_m
            # Straight woodwinds end below the mouth, all others above or before it.
            ends = -1 if name in ("clarinet", "oboe") else 1
            at_rim = ends * bell[:, axis] > (ends * bell[:, axis]).max() - 0.02
            rim = 1e3 * np.ptp(bell[at_rim, 0])
            assert bell_mm[0] <= rim <= bell_mm[1]
    assert np.ptp(lengths) > 0 or name in ("oboe", "bassoon", "horn", "trombone", "tuba")
    one, other = (make_wind(name, s, 0.0, np.random.default_rng(0)) for s in (1.0, 1.04))
    np.testing.assert_allclose(other.mesh.vertices_m, 1.04 * one.mesh.vertices_m, rtol=1e-5)
    np.testing.assert_allclose(other.left.point_m, 1.04 * one.left.point_m)


@pytest.mark.parametrize("name", WINDS)
def test_every_part_is_closed_and_wound_outwards(name):
    wind = make_wind(name, 1.0, 0.02, np.random.default_rng(1))
    for part in wind.parts.values():
        edges = Counter(
            edge for a, b, c in part.faces.tolist() for edge in ((a, b), (b, c), (c, a))
        )
        assert all(edges[b, a] == count for (a, b), count in edges.items())
        a, b, c = np.moveaxis(part.vertices_m[part.faces].astype(np.float64), 1, 0)
        assert np.einsum("fx,fx->", a, np.cross(b, c)) > 0


def test_a_bore_has_its_profile_and_an_open_bell():
    path = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    tube = bore(path, ((0.0, 0.06), (0.1, 0.02), (0.5, 0.01)), (9, 9, 9), sides=32, open_m=0.05)
    vertices = tube.vertices_m.astype(np.float64)
    radius = np.hypot(vertices[:, 0], vertices[:, 2])
    for y, expected in ((0.0, 0.01), (0.5, 0.01), (0.9, 0.02), (1.0, 0.06)):
        ring = radius[np.abs(vertices[:, 1] - y) < 1e-5]
        assert ring.max() == pytest.approx(expected, abs=1e-6)
    # The last face closes the bell inside, behind the rim.
    assert vertices[-1, 1] < 1.0 - 1e-3


def test_rounded_corners_have_their_radius_and_length():
    path = rounded([[0, 0, 0], [1, 0, 0], [1, 1, 0]], 0.2)
    arc = path[(path[:, 0] > 0.8 - 1e-9) & (path[:, 1] < 0.2 + 1e-9)]
    np.testing.assert_allclose(np.linalg.norm(arc - [0.8, 0.2, 0], axis=1), 0.2, atol=1e-9)
    assert lengths_m(path)[-1] == pytest.approx(1.6 + 0.2 * np.pi / 2, rel=2e-3)


@pytest.mark.parametrize("name", OTHER_INSTRUMENTS)
@pytest.mark.parametrize("body_id", [4, 7, 13])
def test_the_mouthpiece_is_at_the_lips_and_the_hands_at_their_places(name, body_id):
    """The tallest, the shortest, and a held-out person, sitting and standing."""
    for seated in (True, False):
        player = player_of(name, body_id=body_id, seated=seated)
        wind = player.model.winds()
        for time in (0.3, 2.5, 4.7):
            state = player.state_at(time)
            mouth = state.joints_m["mouth"]
            mesh = surface_of(player, state)
            assert np.linalg.norm(state.instrument.position_m - mouth) <= 0.02
            assert np.linalg.norm(mesh - mouth, axis=1).min() <= 0.02
            assert state.missed_m <= 0.005
            for side, grip in (("left", wind.left), ("right", wind.right)):
                # The right hand goes with a slide; which place of it, another test asks.
                out = state.slide_m if side == "right" else 0.0
                held = grip.point_m + np.array([0.0, out, 0.0])
                place = state.instrument.transform(held[None])[0]
                skin = skin_of(player, state, *(f"{bone}_{side}" for bone in HANDS))
                assert np.linalg.norm(skin - place, axis=1).min() <= 0.03
                # And where the hand holds, there is the instrument.
                assert np.linalg.norm(mesh - place, axis=1).min() <= 0.03


@pytest.mark.parametrize("name", OTHER_INSTRUMENTS)
@pytest.mark.parametrize(("body_id", "seated"), [(2, True), (9, False)])
def test_instruments_do_not_pass_through_their_players(name, body_id, seated):
    player = player_of(name, seed=1, body_id=body_id, seated=seated)
    state = player.state_at(2.0)
    body = load_body(body_id)
    skin = state.vertices_m[: len(body.vertices_m)].astype(np.float64)
    mesh = state.vertices_m[np.unique(player.faces[player.face_parts == INSTRUMENT])]
    hands = np.concatenate(
        [
            skin_of(player, state, *(f"{bone}_{side}" for bone in HANDS))
            for side in ("left", "right")
        ]
    )
    near_hand = KDTree(hands).query(mesh)[0] < 0.03
    near_mouth = np.linalg.norm(mesh - state.joints_m["mouth"], axis=1) < 0.05
    apart = mesh[~near_hand & ~near_mouth][::2].astype(np.float64)
    assert len(apart) > 50
    low, high = skin.min(axis=0), skin.max(axis=0)
    boxed = apart[((apart > low) & (apart < high)).all(axis=1)]
    inside = boxed[enclosed(boxed, skin, body.faces)]
    # Clothes give: nothing lies deeper than 3 cm.
    depth = KDTree(skin).query(inside)[0] if len(inside) else np.zeros(1)
    assert depth.max() < 0.03
    assert len(inside) < 0.02 * len(apart)


@pytest.mark.parametrize("name", OTHER_INSTRUMENTS)
def test_fingers_move_with_the_notes(name):
    notes = [
        Note(start_s=1.0 + 0.4 * i, duration_s=0.4, pitch=62 + i, velocity=0.7)
        for i in (0, 1, 2, 3)
    ]
    player = Player(name, np.random.default_rng(0), notes=notes, seconds=6.0, body_id=2)

    def path(start):
        shapes = []
        for time in np.arange(start, start + 1.6, 0.1):
            state = player.state_at(float(time))
            fingers = skin_of(player, state, "fingers_left", "fingers_right")
            shapes.append(state.instrument.inverse().transform(fingers))
        return np.linalg.norm(np.diff(shapes, axis=0), axis=2).sum(axis=0).mean()

    assert path(1.0) > 0.05
    assert path(4.2) < 0.01


def test_the_slide_goes_where_the_pitch_is():
    """One partial, lower and lower: each semitone is a twelfth of an octave longer."""
    for pitch, semitones in ((58, 0), (57, 1), (56, 2), (55, 3)):
        notes = [Note(start_s=0.5, duration_s=3.0, pitch=pitch, velocity=0.7)]
        player = Player("trombone", np.random.default_rng(1), notes=notes, seconds=4.0, body_id=4)
        before, state = player.state_at(0.0), player.state_at(2.5)
        # 2.7 m of tube in first position, and half of what is added lies in each leg.
        expected = 1.35 * player.model.scale * (2 ** (semitones / 12) - 1)
        assert state.slide_m == pytest.approx(expected, abs=0.002)
        slide = player.model.winds().slide_vertices
        offset = len(load_body(4).vertices_m)
        local = [
            s.instrument.inverse().transform(
                s.vertices_m[offset + slide.start : offset + slide.stop].astype(np.float64)
            )
            for s in (before, state)
        ]
        moved = local[1] - local[0]
        np.testing.assert_allclose(moved[:, 1], state.slide_m - before.slide_m, atol=1e-3)
        skin = skin_of(player, state, "hand_right", "knuckles_right", "fingers_right")
        hand = state.instrument.inverse().transform(skin)
        assert hand[:, 1].min() < 0.205 * player.model.scale + state.slide_m < hand[:, 1].max()


def test_test_players_have_bells_that_training_players_have_not():
    def bell_mm(split, seed):
        rng = np.random.default_rng(seed)
        player = Player("clarinet", rng, split=split)
        bell = player.model.winds().parts["bell"].vertices_m / player.model.scale
        return 1e3 * np.ptp(bell[:, 0])

    train = [bell_mm("train", seed) for seed in range(5)]
    test = [bell_mm("test", seed) for seed in range(5)]
    assert min(train) >= 77.9
    assert max(test) < 77.9
