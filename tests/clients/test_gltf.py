"""The glTF validator and three.js open the golden scene: places, sides, levels, starts, shapes."""

import gltf_client
import numpy as np
import pytest
from golden_scene import FRONT, LEFT, LISTENER_YAW_DEG, RIGHT, SOURCES
from golden_variant import STANDING, WALK, WALKING, export_variant

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(gltf_client.missing()), reason=gltf_client.missing()),
]


@pytest.fixture(scope="module")
def folder(golden_export):
    return golden_export("gltf")


@pytest.fixture(scope="module")
def opened(folder):
    return gltf_client.open_in_three(folder)


def test_the_validator_finds_no_error(folder):
    report = gltf_client.validate(gltf_client.glb_file(folder))
    assert report["version"].startswith("2.0")
    assert report["issues"]["numErrors"] == 0
    assert report["issues"]["numWarnings"] == 0
    # It does not know the extension, and takes its buffer views for unused; nothing else.
    codes = {message["code"] for message in report["issues"]["messages"]}
    assert codes <= {"UNSUPPORTED_EXTENSION", "UNUSED_OBJECT"}


def test_places_sides_and_starts(opened):
    figures = gltf_client.figures(opened)
    assert figures.position_error_m < 0.001
    assert figures.left_db[0] > figures.left_db[1] + 60
    assert figures.right_db[1] > figures.right_db[0] + 60
    assert figures.start_offset_samples == 0


def test_the_camera_looks_where_the_listener_does(opened):
    yaw = np.radians(LISTENER_YAW_DEG)
    looks = (-np.sin(yaw), 0.0, -np.cos(yaw))
    np.testing.assert_allclose(opened.places[0.0]["looks"], looks, atol=1e-6)


def test_a_listener_who_walks_and_turns(golden, tmp_path):
    out = tmp_path / "out"
    export_variant(golden, "walking", "gltf", out, old=STANDING, new=WALKING)
    places = gltf_client.open_in_three(out).places
    assert set(places) == set(WALK)
    for time_s, (place, yaw_deg) in WALK.items():
        yaw = np.radians(yaw_deg)
        assert gltf_client.distance(places[time_s]["listener"], place) < 1e-5
        looks = (-np.sin(yaw), 0.0, -np.cos(yaw))
        np.testing.assert_allclose(places[time_s]["looks"], looks, atol=1e-5)


@pytest.mark.parametrize("source", [LEFT, RIGHT, FRONT])
def test_level_is_the_scenes(opened, source):
    powers = 10 ** (np.array(gltf_client.levels(opened.sound, source)) / 10)
    law_db = 20 * np.log10(0.25 * source.reference_distance_m / 2.0) + source.gain_db
    assert 10 * np.log10(powers.sum()) == pytest.approx(law_db, abs=0.02)


def test_players_are_seen_as_triangles_and_as_points(opened):
    assert opened.shapes["triangles"] > 1000
    assert opened.shapes["points"] > 1000
    # One player's surface and points, three markers, the room.
    assert opened.shapes["colored"] == opened.shapes["unlit"] == 6
    assert [emitter["name"] for emitter in opened.extension["emitters"]] == [
        source.name for source in SOURCES
    ]
