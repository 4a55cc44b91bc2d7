"""Image sources of a box against pyroomacoustics, which builds them by another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auralize.rooms.acoustics import BoxAcoustics
from auralize.rooms.image_sources import box_images

SIZE = np.array([7.1, 5.3, 3.2])
CORNER = np.array([-SIZE[0] / 2, -SIZE[1] / 2, 0.0])
SOURCE = np.array([2.2, 3.9, 1.4])  # from the corner
EAR = np.array([5.0, 1.3, 1.7])
RATE, SPEED = 48_000, 343.0


@pytest.fixture(scope="module")
def box():
    rng = np.random.default_rng(3)
    return BoxAcoustics(
        size_m=SIZE,
        absorption=rng.uniform(0.02, 0.7, (6, 7)),
        scattering=np.zeros((6, 7)),
        rt60_s=np.ones(7),
    )


def peer(box, order):
    """Images of pyroomacoustics: places from the corner, and gains per octave band."""
    pra = pytest.importorskip("pyroomacoustics")
    centers = [125, 250, 500, 1000, 2000, 4000, 8000]
    walls = ("west", "east", "south", "north", "floor", "ceiling")
    room = pra.ShoeBox(
        SIZE,
        fs=16_000,  # gives it these seven bands
        max_order=order,
        materials={
            wall: pra.Material({"coeffs": list(coefficients), "center_freqs": centers})
            for wall, coefficients in zip(walls, box.absorption, strict=True)
        },
    )
    room.add_source(SOURCE)
    room.add_microphone(EAR)
    room.image_source_model()
    source = room.sources[0]
    return source.images.T, source.damping.T


@pytest.mark.parametrize("order", [0, 1, 4, 17])
def test_arrivals_and_band_levels_are_those_of_pyroomacoustics(box, order):
    images = box_images(box, SOURCE + CORNER, order)
    their_positions, their_gains = peer(box, order)
    assert len(their_positions) == len(images.positions_m)
    apart_m, row = cKDTree(their_positions + CORNER).query(images.positions_m)
    assert len(np.unique(row)) == len(row)
    assert apart_m.max() < 1e-3
    distances = np.linalg.norm(images.positions_m - CORNER - EAR, axis=1)
    their_distances = np.linalg.norm(their_positions[row] - EAR, axis=1)
    late = (distances - their_distances) * RATE / SPEED
    assert np.abs(late).max() < 0.01  # samples; theirs are float32
    levels = 20 * np.log10(images.band_gains / distances[:, None])
    their_levels = 20 * np.log10(their_gains[row] / their_distances[:, None])
    heard = levels > -120
    assert np.abs(levels - their_levels)[heard].max() < 0.1


def test_the_source_comes_first_and_orders_increase(box):
    images = box_images(box, SOURCE + CORNER, 5)
    np.testing.assert_allclose(images.positions_m[0], SOURCE + CORNER)
    np.testing.assert_array_equal(images.band_gains[0], np.ones(7))
    assert np.all(np.diff(images.orders) >= 0)
    assert images.orders[-1] == 5


def test_first_images_mirror_in_the_walls(box):
    images = box_images(box, SOURCE + CORNER, 1)
    x, y, z = SOURCE + CORNER
    length, width, height = SIZE
    expected = [
        [-length - x, y, z],
        [length - x, y, z],
        [x, -width - y, z],
        [x, width - y, z],
        [x, y, -z],
        [x, y, 2 * height - z],
    ]
    found = images.positions_m[1:]
    for place, wall in zip(expected, range(6), strict=True):
        row = int(np.argmin(np.linalg.norm(found - place, axis=1)))
        np.testing.assert_allclose(found[row], place, atol=1e-12)
        np.testing.assert_allclose(images.band_gains[1 + row], np.sqrt(1 - box.absorption[wall]))
        expected_mirror = np.ones(3)
        expected_mirror[wall // 2] = -1
        np.testing.assert_array_equal(images.mirrors[1 + row], expected_mirror)


def test_a_wall_that_absorbs_everything_ends_a_path():
    absorption = np.full((6, 7), 0.1)
    absorption[5] = 1.0
    box = BoxAcoustics(
        size_m=SIZE, absorption=absorption, scattering=np.full((6, 7), 0.2), rt60_s=np.ones(7)
    )
    gains = box_images(box, SOURCE + CORNER, 3).band_gains
    assert np.isfinite(gains).all()
    assert np.count_nonzero(gains[:, 0] == 0) > 0
    np.testing.assert_allclose(np.unique(gains[1:7, 0].round(12)), [0.0, round(0.72**0.5, 12)])


def test_bad_arguments(box):
    with pytest.raises(ValueError, match="0 or more, got -1"):
        box_images(box, SOURCE + CORNER, -1)
    with pytest.raises(ValueError, match="outside the box"):
        box_images(box, np.array([0, 0, -0.1]), 1)
