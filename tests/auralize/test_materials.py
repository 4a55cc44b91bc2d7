"""The library of materials, and absorption and reverberation time from one another."""

from __future__ import annotations

import numpy as np
import pytest

from auralize.rooms.acoustics import box_acoustics, eyring_rt60_s
from auralize.rooms.materials import material, read_materials
from capture.errors import DataError
from scenes import Room
from scenes.surface import Surface

SPEED = 343.2
SIZE = (8.0, 6.0, 3.0)
VOLUME, SURFACE = 144.0, 2 * (48 + 24 + 18)


def test_every_material_says_what_it_is_and_where_its_figures_come_from():
    library = read_materials()
    assert len(library) > 30
    for name, entry in library.items():
        assert entry.name == name
        assert entry.description
        assert entry.sources
        for bands in (entry.absorption, entry.scattering):
            assert bands.shape == (7,)
            assert np.all((bands >= 0) & (bands <= 1))
        if entry.held_at_8_khz:
            assert entry.absorption[6] == entry.absorption[5]


def test_agrees_with_the_tables_of_pyroomacoustics():
    """Another copy of the same annex."""
    parameters = pytest.importorskip("pyroomacoustics.parameters")
    groups = parameters.materials_data["absorption"].values()
    theirs = {name: entry for group in groups for name, entry in group.items()}
    for ours, name in {
        "plaster": "hard_surface",
        "carpet": "carpet_tufted_9m",
        "curtain": "curtains_cotton_0.5",
        "audience": "audience_orchestra_choir",
        "window": "glass_window",
        "wooden_floor": "audience_floor",
    }.items():
        coefficients = theirs[name]["coeffs"]
        np.testing.assert_allclose(material(ours).absorption[: len(coefficients)], coefficients)


def test_a_material_by_its_numbers():
    found = material(Surface(absorption=0.25, scattering=(0, 0, 0, 0.1, 0.2, 0.3, 0.4)))
    np.testing.assert_array_equal(found.absorption, [0.25] * 7)
    assert found.scattering[6] == 0.4


def test_a_name_that_is_not_there_is_guessed():
    with pytest.raises(DataError, match=r"'carpt'\. Did you mean 'carpet'\?"):
        material("carpt")


def test_a_wall_of_unknown_material_is_named():
    room = Room(size_m=SIZE, surfaces={"left": "carpt", "others": "plaster"})
    with pytest.raises(DataError, match=r"^room\.surfaces\.left: no material is named 'carpt'"):
        box_acoustics(room, SPEED)


def test_eyring_of_a_room_of_one_material():
    room = Room(size_m=SIZE, surfaces={"absorption": 0.2})
    expected = 24 * np.log(10) * VOLUME / (SPEED * -SURFACE * np.log(0.8))
    np.testing.assert_allclose(box_acoustics(room, SPEED).rt60_s, expected)


def test_air_shortens_the_reverberation():
    air = np.array([0, 0, 0, 0, 0, 0, 0.025])
    room = Room(size_m=SIZE, surfaces="plaster")
    dry, damped = (box_acoustics(room, SPEED, a).rt60_s for a in (None, air))
    np.testing.assert_array_equal(dry[:6], damped[:6])
    np.testing.assert_allclose(1 / damped[6] - 1 / dry[6], SPEED * 0.025 / (6 * np.log(10)))


@pytest.mark.parametrize("surfaces", [None, "plaster", {"floor": "carpet", "others": "brick"}])
def test_walls_are_fitted_to_the_reverberation_time(surfaces):
    times = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    air = np.linspace(0, 0.02, 7)
    box = box_acoustics(Room(size_m=SIZE, surfaces=surfaces, rt60_s=times), SPEED, air)
    areas = np.array([18, 18, 24, 24, 48, 48.0])
    fitted = eyring_rt60_s(VOLUME, areas, box.absorption, SPEED, air)
    np.testing.assert_allclose(fitted, times, rtol=1e-6)
    if surfaces is None:
        assert np.ptp(box.absorption, axis=0).max() < 1e-12


def test_walls_are_where_they_are_named():
    names = ("back", "front", "right", "left", "floor", "ceiling")
    surfaces = {name: {"absorption": 0.1 * (i + 1)} for i, name in enumerate(names)}
    box = box_acoustics(Room(size_m=SIZE, surfaces=surfaces), SPEED)
    np.testing.assert_allclose(box.absorption[:, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_a_reverberation_time_that_an_opening_forbids():
    room = Room(size_m=SIZE, surfaces={"front": "open", "others": "plaster"}, rt60_s=5.0)
    with pytest.raises(DataError, match=r"cannot ring for rt60_s of 5 s .* absorb everything"):
        box_acoustics(room, SPEED)
