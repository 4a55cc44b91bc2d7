"""Heads, and the voxels among which they are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.players.heads import HeadConfig, _SummedVolume, find_heads
from capture.players.segment import SegmentConfig, components, thickness_m

VOXEL_M = 0.05


def ellipsoid(center, radii, count, rng):
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return center + directions * radii


def person(x, y, top, rng):
    """Head and trunk of a standing person whose head's top is at (x, y, top)."""
    return np.concatenate(
        [
            ellipsoid((x, y, top - 0.12), (0.09, 0.08, 0.12), 1500, rng),
            ellipsoid((x, y, top - 0.60), (0.12, 0.22, 0.38), 8000, rng),
            ellipsoid((x, y, 0.45), (0.10, 0.16, 0.45), 6000, rng),
        ]
    )


def panel(center, width, height, lean_rad, rng, count=6000):
    """A flat desk that leans back."""
    along, up = rng.uniform(-0.5, 0.5, (2, count)) * np.array([[width], [height]])
    return center + np.column_stack([up * np.sin(lean_rad), along, up * np.cos(lean_rad)])


def rod(x, y, low, high, rng, count=800):
    angle = rng.uniform(0, 2 * np.pi, count)
    height = rng.uniform(low, high, count)
    return np.column_stack([x + 0.01 * np.cos(angle), y + 0.01 * np.sin(angle), height])


def heads_of(*parts):
    points = np.concatenate(parts).astype(np.float32)
    return find_heads(components(points, SegmentConfig()), VOXEL_M, HeadConfig())


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("top", [1.1, 1.3, 1.6, 1.95])
def test_a_head_is_found_where_it_is(rng, top):
    heads = heads_of(person(2.0, 0.3, top, rng))
    assert len(heads) == 1
    np.testing.assert_allclose(heads[0], (2.0, 0.3, top), atol=0.08)


def test_people_shoulder_to_shoulder_have_a_head_each(rng):
    heads = heads_of(person(2.0, -0.2, 1.5, rng), person(2.0, 0.25, 1.7, rng))
    assert len(heads) == 2
    np.testing.assert_allclose(np.sort(heads[:, 1]), (-0.2, 0.25), atol=0.08)


def test_a_music_stand_has_no_head(rng):
    stand = [panel((1.5, 0, 1.1), 0.48, 0.3, 0.5, rng), rod(1.5, 0, 0.05, 1.0, rng)]
    assert len(heads_of(*stand)) == 0
    # Even where another stand behind it looks like a trunk.
    behind = panel((1.62, 0.05, 0.72), 0.5, 0.35, 0.5, rng)
    assert len(heads_of(*stand, behind)) == 0


def test_a_ball_on_a_rod_has_no_head_and_neither_has_a_table_or_a_wall(rng):
    assert len(heads_of(ellipsoid((2, 0, 1.4), 0.12, 3000, rng), rod(2, 0, 0.1, 1.3, rng))) == 0
    table = rng.uniform((1.5, -0.6, 0.99), (2.2, 0.6, 1.0), (30000, 3))
    front = panel((1.5, 0, 0.5), 1.2, 1.0, 0.0, rng, 30000)
    assert len(heads_of(table, front)) == 0
    assert len(heads_of(panel((3, 0, 1.0), 3.0, 2.0, 0.0, rng, 90000))) == 0


def test_a_scroll_above_the_head_changes_nothing(rng):
    scroll = rod(1.95, 0.5, 0.8, 1.85, rng)
    heads = heads_of(person(2.0, 0.3, 1.6, rng), scroll)
    assert len(heads) == 1
    np.testing.assert_allclose(heads[0, :2], (2.0, 0.3), atol=0.1)


def test_nothing_has_no_head():
    assert heads_of(np.zeros((0, 3))).shape == (0, 3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    half=st.integers(0, 3),
    low=st.integers(-4, 1),
    height=st.integers(0, 3),
)
def test_boxes_count_what_is_in_them(seed, half, low, height):
    rng = np.random.default_rng(seed)
    cells = np.unique(rng.integers(-5, 6, (40, 3)), axis=0)
    sums = _SummedVolume(cells, np.array([4, 5, 8]))
    low_corner, high_corner = cells.min(axis=0), cells.max(axis=0)
    places = rng.integers(low_corner, high_corner + 1, (20, 3))
    off = cells - places[:, None]
    across = (np.abs(off[:, :, :2]) <= half).all(axis=2)
    inside = across & (off[:, :, 2] >= low) & (off[:, :, 2] <= low + height)
    found = sums.boxes(places, half, low, low + height)
    np.testing.assert_array_equal(found, np.count_nonzero(inside, axis=1))
    # Places of some layers with two voxels beside them, and no others.
    levels = (int(low_corner[2]) + 2, int(high_corner[2]) + 2)
    grid = np.stack(np.meshgrid(*map(np.arange, low_corner, high_corner + 1), indexing="ij"), -1)
    flat = grid.reshape(-1, 3)
    beside = (np.abs(cells - flat[:, None])[:, :, :2] <= half).all(axis=2)
    beside &= cells[:, 2] == flat[:, None, 2]
    wanted = flat[(np.count_nonzero(beside, axis=1) >= 2) & (flat[:, 2] >= levels[0])]
    np.testing.assert_array_equal(sums.places(half, 2, levels), wanted)


def test_voxels_know_their_points(rng):
    points = np.append(person(2.0, 0.3, 1.6, rng), [[3.0, 1.0, 1.0]], axis=0).astype(np.float32)
    image = components(points, SegmentConfig())
    known = image.point_cells >= 0
    assert not known[-1], "a lone point is noise"
    count = len(image.cells)
    numbers = np.bincount(image.point_cells[known], minlength=count)
    np.testing.assert_array_equal(image.point_counts, numbers)
    expected = np.zeros((count, 3))
    np.add.at(expected, image.point_cells[known], points[known].astype(np.float64))
    np.testing.assert_allclose(image.point_sums_m, expected, rtol=1e-9)
    off = np.abs(image.centroids_m - (image.cells + 0.5) * VOXEL_M)
    assert off.max() <= VOXEL_M / 2 + 1e-6


def test_thickness_is_the_deviation_across_the_best_plane(rng):
    sphere = ellipsoid((1.0, 2.0, 3.0), 0.1, 200_000, rng)
    np.testing.assert_allclose(thickness_m(sphere), 0.1 / np.sqrt(3), rtol=0.01)
    a, b, c = rng.normal(size=(3, 50_000))
    normal = np.array([1.0, 2.0, 2.0]) / 3
    plane = np.outer(a, (2, -2, 1)) / 3 + np.outer(b, (2, 1, -2)) / 3 + 0.01 * np.outer(c, normal)
    np.testing.assert_allclose(thickness_m(plane), 0.01, rtol=0.02)
    assert thickness_m(np.zeros((0, 3))) == 0.0
