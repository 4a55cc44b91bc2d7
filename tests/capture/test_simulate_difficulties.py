"""Hard scenes have in them what makes them hard, and the truth says so."""

import json
from itertools import combinations

import numpy as np
import pytest
from scipy.spatial import KDTree

from capture.camera.calibration import Calibration
from capture.simulate import simulate_take
from capture.simulate.difficulties import DIFFICULTIES
from capture.simulate.score import compose
from capture.simulate.seating import set_stage
from capture.take import open_take


def stage(hard, names=("violin", "cello"), seed=5, depth_mode="NFOV_UNBINNED", seconds=8.0):
    return set_stage(
        compose(list(names), seconds, seed),
        seconds,
        seed,
        split="train",
        fps=5,
        hard=hard,
        calibration=Calibration.simulated(depth_mode=depth_mode, color_mode=None),
    )


def azimuths(stage):
    return np.array([np.arctan2(*player.position_m[::-1]) for player in stage.players])


def extras(stage, name):
    return [extra for extra in stage.extras if extra.name == name]


def test_neighbours_touch_but_do_not_sit_in_each_other():
    together = stage(["touch"])
    clouds = [player.state_at(0.0).vertices_m for player in together.players]
    gap = KDTree(clouds[0]).query(clouds[1])[0].min()
    apart = stage([])
    clear = [player.state_at(0.0).vertices_m for player in apart.players]
    assert gap < 0.04 < 0.08 < KDTree(clear[0]).query(clear[1])[0].min()
    for first, second in combinations(together.players, 2):
        assert np.linalg.norm(first.position_m - second.position_m) > 0.5


def test_players_move_together_aside_and_away():
    plain = stage([])
    np.testing.assert_allclose(azimuths(stage(["overlap"])), 0.72 * azimuths(plain), atol=1e-9)
    shift = azimuths(stage(["edge"])) - azimuths(plain)
    np.testing.assert_allclose(shift, shift[0], atol=1e-9)
    assert 0.34 < abs(shift[0]) < 0.46
    for player, before in zip(stage(["far"]).players, plain.players, strict=True):
        assert np.linalg.norm(before.position_m) < np.linalg.norm(player.position_m) <= 3.46
        # Who is elsewhere faces the camera as before.
        turned = player.yaw_rad - np.arctan2(*player.position_m[::-1])
        assert turned == pytest.approx(before.yaw_rad - np.arctan2(*before.position_m[::-1]))


def test_a_page_turner_comes_to_a_player_and_goes():
    scene = stage(["page_turner"])
    (visitor,) = extras(scene, "page_turner")
    middles = np.array([visitor.vertices_at(t).mean(axis=0) for t in np.arange(0, 8, 0.25)])
    players = np.array([player.position_m for player in scene.players])
    away = np.linalg.norm(middles[:, None, :2] - players, axis=2).min(axis=1)
    assert away.min() < 0.85
    assert min(away[0], away[-1]) > 1.3
    speed = np.linalg.norm(np.diff(middles[:, :2], axis=0), axis=1) / 0.25
    assert speed.max() < 1.7
    assert np.count_nonzero(speed < 0.1) > 4
    low = np.array([visitor.vertices_at(t)[:, 2].min() for t in (0.0, 2.0, 4.0)])
    np.testing.assert_allclose(low, 0.0, atol=0.06)


def test_a_passer_hides_everybody_in_turn_and_a_piano_is_large():
    scene = stage(["passer", "piano", "stands"])
    (passer,) = extras(scene, "passer")
    sides = np.array([passer.vertices_at(t)[:, 1].mean() for t in np.arange(0, 8, 0.25)])
    assert sides.min() < -1
    assert sides.max() > 1
    (piano,) = extras(scene, "piano")
    assert np.ptp(piano.mesh.vertices_m[:, :2], axis=0).max() > 1.4
    assert np.ptp(piano.mesh.vertices_m[:, 2]) > 0.8
    assert len(extras(scene, "chair")) == len(extras(scene, "stand")) == 2
    low, high = scene.bounds_m
    for extra in (piano, *extras(scene, "chair")):
        middle = extra.mesh.vertices_m.mean(axis=0)
        assert (middle > low).all()
        assert (middle < high).all()


def test_the_floor_that_is_seen_is_the_uneven_one():
    scene = stage(["floor"])
    kinect = scene.kinect
    depth_m, _ = kinect.see(np.zeros((3, 3), np.float32) - 5, np.array([[0, 1, 2]], np.int32))
    seen = np.isfinite(depth_m) & (depth_m > 0.5)
    rays = kinect.calibration.depth_rays()[seen]
    points = kinect.world_from_camera.transform(rays * depth_m[seen, None])
    inside = (points[:, 0] > 0.5) & (points[:, 2] < 0.3)
    low, high = scene.bounds_m
    inside &= np.all((points[:, :2] > low[:2] + 0.05) & (points[:, :2] < high[:2] - 0.05), axis=1)
    x, y, z = points[inside].T
    np.testing.assert_allclose(z, scene.relief.height_m(x, y), atol=0.004)
    assert np.ptp(z) > 0.02
    for player in scene.players:
        height = scene.relief.height_m(*player.position_m)
        assert player.state_at(0.0).vertices_m[:, 2].min() == pytest.approx(height, abs=0.01)


def test_eight_players_are_seen_by_the_wide_view():
    names = ("violin", "viola", "cello", "guitar") * 2
    scene = stage([], names, depth_mode="WFOV_2X2BINNED", seconds=2.0)
    _, vertices = scene.at(0.0)
    depth_m, index = scene.kinect.see(vertices, scene.faces)
    depth_mm = scene.kinect.measure(
        vertices, scene.faces, scene.colors, depth_m, index, np.random.default_rng(0)
    )
    assert depth_mm[depth_mm > 0].min() >= 250
    assert depth_mm.max() <= 2880
    ends = np.cumsum([len(player.faces) for player in scene.players])
    owner = np.searchsorted(ends, index[(depth_mm > 0) & (index >= 0)], side="right")
    assert (np.bincount(owner, minlength=8) > 800).all()


def test_a_take_of_images_alone(tmp_path):
    """With every difficulty at once, it opens, and its truth tells players from extras."""
    path = simulate_take(
        tmp_path / "take", ["violin", "cello"], 1.0, 3, fps=5, hard=DIFFICULTIES, images_only=True
    )
    with open_take(path) as take:
        assert not take.has_sound
        assert len(take.times_s) == 5
        assert take.image_point_cloud(0).colors is None
        assert len(take.image_point_cloud(0)) > 20_000
    truth = json.loads((path / "truth" / "truth.json").read_text())
    assert truth["hard"] == list(DIFFICULTIES)
    assert {extra["name"] for extra in truth["extras"]} == {
        "chair",
        "stand",
        "piano",
        "page_turner",
        "passer",
    }
    with np.load(path / "truth" / "labels.npz") as labels:
        assert set(np.unique(labels["players"])) <= {0, 1, 2}
        assert ((labels["players"] > 0) == (labels["parts"] > 0)).all()
