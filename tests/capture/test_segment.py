"""Floor, walls and components of scenes whose planes are known."""

import numpy as np
import pytest

from capture.players.background import Background, find_background
from capture.players.segment import SegmentConfig, components

CONFIG = SegmentConfig()
NOWHERE = np.zeros((0, 3), np.float32)


def background_of(view, seed=0):
    return find_background([view.points_m], CONFIG, np.random.default_rng(seed))


def share_of(mask, wanted):
    return mask[wanted].mean()


def test_people_are_kept_and_the_room_is_not(scenes):
    people = [scenes.person(2.3, 0.7), scenes.person(2.6, -0.6)]
    view = scenes.see(people, [scenes.floor(), scenes.wall(3.9)])
    background = background_of(view)
    assert len(background.walls) == 1
    np.testing.assert_allclose(background.walls[0], [1, 0, 3.9], atol=0.02)
    np.testing.assert_allclose(background.floor, 0, atol=0.01)
    kept = background.foreground(view.points_m, CONFIG)
    assert share_of(kept, view.owners == -1) < 0.005
    assert share_of(kept, (view.owners >= 0) & (view.points_m[:, 2] > 0.1)) == 1.0


@pytest.mark.parametrize("tilt_deg", [-1.0, 1.0, 2.0])
def test_a_tilted_floor_is_the_floor(scenes, tilt_deg):
    tilt = np.radians(tilt_deg)
    person = scenes.person(2.5, 0.0) + np.array([0, 0, 2.5 * np.tan(tilt)])
    view = scenes.see([person], [scenes.floor(tilt)])
    background = background_of(view)
    assert background.floor[0] == pytest.approx(np.tan(tilt), abs=0.002)
    assert background.floor[1] == pytest.approx(0, abs=0.002)
    kept = background.foreground(view.points_m, CONFIG)
    assert share_of(kept, view.owners == -1) < 0.005


def test_two_walls_and_their_corner(scenes):
    side = scenes.wall(-2.0, 0.8, 4.0)[:, [1, 0, 2]]
    view = scenes.see([scenes.person(2.3, 0.2)], [scenes.floor(), scenes.wall(3.8), side])
    walls = background_of(view).walls
    assert len(walls) == 2
    order = np.argsort(-walls[:, 0])
    np.testing.assert_allclose(walls[order], [[1, 0, 3.8], [0, -1, 2.0]], atol=0.03)


@pytest.mark.parametrize("places", [(-0.6, 0.6), (-1.0, -0.5, 0.0, 0.5, 1.0)])
def test_a_row_of_players_is_no_wall(scenes, places):
    """They stand in one plane, apart or shoulder to shoulder, in a hall whose walls are far."""
    view = scenes.see([scenes.person(2.6, y) for y in places], [scenes.floor()])
    background = background_of(view)
    assert background.walls.shape == (0, 3)
    kept = background.foreground(view.points_m, CONFIG)
    assert share_of(kept, (view.owners >= 0) & (view.points_m[:, 2] > 0.1)) == 1.0


def test_a_noisy_wall_is_a_wall(scenes):
    """17 mm is the most that the sensor is said to err."""
    view = scenes.see([scenes.person(2.3, 0)], [scenes.floor(), scenes.wall(3.8)], noise_m=0.017)
    np.testing.assert_allclose(background_of(view).walls, [[1, 0, 3.8]], atol=0.02)


def test_a_wall_close_behind_a_player_takes_nothing_of_them(scenes):
    view = scenes.see([scenes.person(2.6, 0.0)], [scenes.floor(), scenes.wall(2.9)])
    kept = background_of(view).foreground(view.points_m, CONFIG)
    assert share_of(kept, (view.owners == 0) & (view.points_m[:, 2] > 0.1)) > 0.99
    assert share_of(kept, view.owners == -1) < 0.005


def test_walls_do_not_hang_on_the_draw(scenes):
    view = scenes.see([scenes.person(2.3, 0.0)], [scenes.floor(), scenes.wall(3.7)])
    walls = [background_of(view, seed).walls for seed in range(5)]
    for other in walls[1:]:
        np.testing.assert_allclose(other, walls[0], atol=0.01)
    np.testing.assert_array_equal(background_of(view, 3).walls, walls[3])


def test_nothing_seen_is_an_empty_room():
    background = find_background([NOWHERE, NOWHERE], CONFIG, np.random.default_rng(0))
    np.testing.assert_array_equal(background.floor, 0)
    assert len(background.walls) == 0
    assert background.foreground(NOWHERE, CONFIG).shape == (0,)


def test_limits_of_the_foreground():
    """Height is counted from the floor, reach along the floor."""
    background = Background(floor=np.array([0.1, 0.0, 0.0]), walls=np.array([[0.0, 1.0, 1.5]]))
    points = np.array(
        [
            [2.0, 0.0, 0.2 + 0.05],  # floor
            [2.0, 0.0, 0.2 + 0.07],
            [2.0, 0.0, 0.2 + 2.51],  # above the ceiling
            [0.3, 0.0, 1.0],  # too near
            [4.1, 1.0, 1.0],  # too far
            [2.0, 1.43, 1.0],  # wall
            [2.0, 1.40, 1.0],
            [np.nan, 0.0, 1.0],
            [2.0, 0.0, np.nan],
        ]
    )
    expected = [False, True, False, False, False, False, True, False, False]
    assert background.foreground(points, CONFIG).tolist() == expected


def test_components_are_what_hangs_together():
    """Two cubes 4 voxels apart, a third that touches the second by a corner, and a lone point."""
    cube = np.stack(np.meshgrid(*[np.arange(0.0, 0.2, 0.02)] * 3), -1).reshape(-1, 3) + 0.005
    shifts = np.array([[0, 0, 0], [0.4, 0, 0], [0.6, 0.2, 0.2]])
    points = np.concatenate([*(cube + shift for shift in shifts), [[2.0, 2.0, 2.0]]])
    found = components(points.astype(np.float32), CONFIG)
    assert found.count == 2
    assert found.point_cells[-1] == -1
    labels = found.labels[found.point_cells[:-1]]
    first, rest = labels[: len(cube)], labels[len(cube) :]
    assert len(set(first)) == 1
    assert set(rest) == {1 - first[0]}
    np.testing.assert_array_equal(
        found.cells[found.point_cells[:-1]], np.floor(points[:-1] / CONFIG.voxel_m)
    )


def test_components_agree_with_single_linkage():
    """By another route: voxels that are neighbours, corners included, are at most √3 apart."""
    scipy_graph = pytest.importorskip("scipy.sparse.csgraph")
    from scipy.spatial import KDTree

    rng = np.random.default_rng(8)
    centers = rng.uniform(0, 2, (40, 3))
    points = (centers[rng.integers(0, 40, 4000)] + rng.normal(0, 0.06, (4000, 3))).astype("f4")
    found = components(points, CONFIG)
    near = KDTree(found.cells).sparse_distance_matrix(KDTree(found.cells), 1.8)
    count, labels = scipy_graph.connected_components(near)
    assert found.count == count > 1
    pairs = set(zip(labels.tolist(), found.labels.tolist(), strict=True))
    assert len(pairs) == count


def test_no_points_are_no_components():
    found = components(NOWHERE, CONFIG)
    assert found.count == 0
    assert found.cells.shape == (0, 3)
    assert found.point_cells.shape == (0,)


@pytest.mark.parametrize("wrong", [{"voxel_m": 0.0}, {"points_in_voxel": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="voxel_m must be positive"):
        SegmentConfig(**wrong)


def test_the_nearest_camera_limits_the_reach():
    """Far from the first camera, near the second: kept where both are known."""
    background = Background(floor=np.zeros(3), walls=np.zeros((0, 3)))
    points = np.array([[5.0, 0.0, 1.0], [5.0, -3.8, 1.0], [2.0, 0.0, 1.0]], np.float32)
    eyes = np.array([[0.0, 0.0, 1.3], [5.0, -4.0, 1.3]])
    assert background.foreground(points, CONFIG, eyes[:1]).tolist() == [False, False, True]
    assert background.foreground(points, CONFIG, eyes).tolist() == [True, False, True]
