"""Ensembles in place: in view, clear of each other, facing the camera."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from capture.camera.calibration import Calibration
from capture.simulate.kinect import camera_pose
from capture.simulate.layout import arrange, draw_room, in_front_row, row_of
from capture.simulate.player import BODY, BOW, INSTRUMENT, Player

ENSEMBLES = [
    ("violin", "cello"),
    ("guitar", "saxophone", "double_bass"),
    ("violin", "viola", "cello", "saxophone"),
    ("violin", "violin", "viola", "cello", "double_bass"),
]


def seat(instruments, seed=0):
    rng = np.random.default_rng(seed)
    order = row_of(instruments, rng)
    players = [
        Player(name, np.random.default_rng([seed, i]), split="test", seconds=2.0, stand=False)
        for i, name in enumerate(instruments)
    ]
    return players, order, arrange(players, order, rng, 2.0)


@pytest.mark.parametrize("instruments", ENSEMBLES, ids=len)
def test_players_are_clear_of_each_other_and_in_view(instruments):
    players, _, clearance = seat(instruments)
    assert clearance > 0.05
    clouds = [player.state_at(1.0).vertices_m for player in players]
    gaps = [
        KDTree(clouds[a]).query(clouds[b])[0].min() for a in range(len(clouds)) for b in range(a)
    ]
    assert min(gaps) > 0.03
    calibration = Calibration.simulated(color_mode=None)
    lit = calibration.lit_pixels()
    to_camera = camera_pose(1.3, 0.12).inverse()
    for player, vertices in zip(players, clouds, strict=True):
        own = np.isin(player.face_parts, (BODY, INSTRUMENT, BOW))
        points = to_camera.transform(vertices[np.unique(player.faces[own])])
        assert points[:, 2].min() > 0.5
        assert points[:, 2].max() < 3.86
        pixels = np.rint(calibration.project_depth(points)).astype(int)
        inside = (pixels >= 0).all(axis=1) & (pixels < (640, 576)).all(axis=1)
        columns, rows = np.where(inside[:, None], pixels, 0).T
        assert np.mean(inside & lit[rows, columns]) > 0.85


@pytest.mark.parametrize("instruments", ENSEMBLES, ids=len)
def test_players_face_the_camera_within_fifty_degrees(instruments):
    for player in seat(instruments, seed=1)[0]:
        off = player.yaw_rad - np.arctan2(-player.position_m[1], -player.position_m[0])
        assert abs((off + np.pi) % (2 * np.pi) - np.pi) <= np.radians(50) + 1e-9


def test_places_go_from_left_to_right():
    players, order, _ = seat(ENSEMBLES[2], seed=3)
    azimuths = [np.arctan2(*players[index].position_m[::-1]) for index in order]
    assert sorted(azimuths, reverse=True) == azimuths


def test_tall_instruments_are_behind_in_two_rows():
    instruments = ("double_bass", "violin", "saxophone", "viola", "cello", "guitar")
    for seed in range(5):
        order = row_of(instruments, np.random.default_rng(seed))
        assert sorted(order) == list(range(6))
        behind = {instruments[who] for place, who in enumerate(order) if not in_front_row(place, 6)}
        assert {"double_bass", "saxophone"} <= behind


def test_the_room_holds_everybody_and_the_camera():
    players, _, _ = seat(ENSEMBLES[3])
    low, high = draw_room(players, np.random.default_rng(0))
    vertices = np.concatenate([player.state_at(0.0).vertices_m for player in players])
    assert (vertices[:, :2] > low[:2] + 0.2).all()
    assert (vertices < high - 0.2).all()
    assert (low < (0, 0, 0.01)).all()
    assert high[2] > 2.0
