"""A Unity package is taken apart, parsed, compiled and run: references, places, law, starts."""

import re

import numpy as np
import pytest
import unity_client
from golden_scene import BEHIND, LEFT, LISTENER_M, LISTENER_YAW_DEG, SOURCES, golden_sound
from golden_variant import STANDING, WALK, WALKING, export_variant

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(unity_client.missing()), reason=unity_client.missing()),
]


@pytest.fixture(scope="module")
def folder(golden_export):
    return golden_export("unity")


@pytest.fixture(scope="module")
def assets(folder, tmp_path_factory):
    return unity_client.unpack(folder, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def names(folder):
    (package,) = folder.glob("*.unitypackage")
    return unity_client.guids(package)


@pytest.fixture(scope="module")
def scene(assets, names):
    return unity_client.Scene(assets, names)


@pytest.fixture(scope="module")
def ran(scene, tmp_path_factory):
    return unity_client.run(scene, tmp_path_factory.mktemp("ran"))


def yaml_files(assets):
    return [path for path in assets.rglob("*.*") if path.suffix in unity_client._YAML]


def test_files_round_trip(assets, tmp_path):
    from unityparser import UnityDocument

    files = yaml_files(assets)
    assert {path.suffix for path in files} == set(unity_client._YAML)
    for path in files:
        UnityDocument.load_yaml(str(path)).dump_yaml(str(tmp_path / "again"))
        assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_every_reference_resolves(assets, names):
    inner = {".prefab": 0, ".unity": 0}
    for path in yaml_files(assets):
        text = path.read_text(encoding="utf-8")
        numbers = {int(number) for number in re.findall(r"^--- !u!\d+ &(\d+)$", text, re.M)}
        assert len(numbers) == text.count("--- !u!")
        for number, guid in unity_client.references(text):
            if guid is None:
                assert number == 0 or number in numbers
                inner[path.suffix] = inner.get(path.suffix, 0) + (number != 0)
                continue
            other = assets.parents[1] / names[guid]
            assert other.is_file()
            expected = {
                ".wav": 8_300_000,
                ".cs": 11_500_000,
                ".anim": 7_400_000,
                ".mat": 2_100_000,
                ".shader": 4_800_000,
                ".bytes": 4_900_000,
            }
            assert number == expected[other.suffix]
    assert inner[".prefab"] > 50


def test_places_and_starts(folder):
    figures = unity_client.check(folder)
    assert figures.position_error_m < 0.001
    assert figures.start_offset_samples == 0


def test_players_face_where_the_scene_says(scene, ran):
    for name, yaw_deg in ((LEFT.name, -70.0), (BEHIND.name, 20.0)):
        rows = [row for row in ran["at"] if row[0] == name]
        right, front = (float(value) for value in rows[0][5:7])
        assert np.degrees(np.arctan2(-right, front)) == pytest.approx(yaw_deg, abs=0.01)
    # From 1 s to 1.5 s it turns steadily from 20° to 0°.
    for row in rows:
        time, right, front = float(row[1]), float(row[5]), float(row[6])
        expected = np.interp(time, [1.0, 1.5], [20.0, 0.0])
        assert np.degrees(np.arctan2(-right, front)) == pytest.approx(expected, abs=0.2)


def test_a_listener_who_walks_and_turns(golden, tmp_path):
    out = tmp_path / "unity"
    export_variant(golden, "walking", "unity", out, old=STANDING, new=WALKING)
    (package,) = out.glob("*.unitypackage")
    assets = unity_client.unpack(out, tmp_path / "project")
    scene = unity_client.Scene(assets, unity_client.guids(package))
    assert len(scene.script.movements) == 2
    rows = np.array(unity_client.run(scene, tmp_path)["head"], dtype=float)
    times = sorted(WALK)
    for seen in rows:
        place = [np.interp(seen[0], times, [WALK[t][0][axis] for t in times]) for axis in range(3)]
        yaw_deg = np.interp(seen[0], times, [WALK[t][1] for t in times])
        np.testing.assert_allclose(unity_client.world(seen[1:4]), place, atol=1e-5)
        assert np.degrees(np.arctan2(-seen[4], seen[5])) == pytest.approx(yaw_deg, abs=0.05)


def test_the_distance_law(scene, ran):
    """Volume times rolloff times makeup is gain times reference distance over distance."""
    makeup = float(scene.script.makeup)
    for source in SOURCES:
        for name, distance, gain in ran["gain"]:
            if name != source.name:
                continue
            heard_m = max(float(distance), 0.25)
            true_db = source.gain_db + 20 * np.log10(source.reference_distance_m / heard_m)
            assert 20 * np.log10(float(gain) * makeup) == pytest.approx(true_db, abs=0.01)
        component = scene.component(scene.game_object(source.name), "AudioSource")
        assert 0 < component.m_Volume <= 1
        # The curve that the prefab has is the one that the script makes.
        keys = component.rolloffCustomCurve["m_Curve"]
        for key in keys[1:]:
            near_over = 0.25 / (float(key["time"]) * float(component.MaxDistance))
            assert float(key["value"]) == pytest.approx(near_over, rel=1e-5)
    assert float(ran["ears"][0][5]) == pytest.approx(makeup, rel=1e-5)


def test_what_moves_follows_the_audio_clock(ran):
    """Which goes in steps of 21 ms; the clock of the movements goes steadily."""
    now, shown = np.array(ran["clock"], dtype=float).T
    assert np.abs(shown - now)[5:].max() < 0.025
    assert np.all(np.diff(shown)[5:] > 0.010)
    assert np.all(np.diff(shown)[5:] < 0.024)


def test_all_start_at_one_time_when_all_are_loaded(ran):
    assert len(ran["scheduled"]) == len(SOURCES)
    for _, after_first_s, ahead_s, is_loaded in ran["scheduled"]:
        assert float(after_first_s) == 0.0
        assert float(ahead_s) == pytest.approx(0.2)
        assert is_loaded == "1"


def test_an_own_camera_is_put_where_the_listener_stands(scene, tmp_path):
    ears = unity_client.run(scene, tmp_path, with_camera=True)["ears"][0]
    np.testing.assert_allclose(unity_client.world(ears[:3]), LISTENER_M, atol=1e-5)
    right, front = float(ears[3]), float(ears[4])
    assert np.degrees(np.arctan2(-right, front)) == pytest.approx(LISTENER_YAW_DEG, abs=1e-3)
    assert float(ears[5]) == pytest.approx(float(scene.script.makeup), rel=1e-5)
    assert ears[7] == "0"  # the scene's own ears are off


def test_shapes(ran):
    """Unity's x is −y of the world, its y is z, its z is x."""
    shapes = {row[0].rpartition("/")[2]: [] for row in ran["shape"]}
    for row in ran["shape"]:
        shapes[row[0].rpartition("/")[2]].append(np.array(row[1:], dtype=float))
    room, body, cloud = (
        shapes[name]
        for name in ("Room.bytes", "Violin_left_co_body.bytes", "Violin_left_co_cloud.bytes")
    )
    # 8 m by 7 m by 3 m, turned by 10°: x ± 4.047, y ± 4.141 about (0.5, 0).
    np.testing.assert_allclose(room[0][4:10], [-4.1414, 4.1414, 0, 3, -4.047 + 0, 5.047], atol=1e-3)
    assert room[0][14] < 0  # seen from inside
    assert body[0][14] > 0  # seen from outside
    assert np.all(np.abs(body[0][4:10]) < 1.0)
    left = LEFT.positions_m[0.0]
    assert (cloud[0][6] + cloud[0][7]) / 2 == pytest.approx(left[2], abs=0.06)
    # The player sways 2 cm to each side: clouds 0, 5 and 9 of ten.
    assert cloud[1][4] - cloud[0][4] == pytest.approx(-0.04, abs=0.01)
    assert cloud[2][4] - cloud[0][4] == pytest.approx(-0.04, abs=0.01)
    for points in cloud:
        vertices, indices, highest, corners = points[1], points[2], points[3], points[13]
        assert (indices, highest) == (vertices * 1.5, vertices - 1)
        assert 0.9 * 2 * vertices < corners <= 2 * vertices
    assert "error" not in ran


def test_sounds_are_whole(scene):
    for source in SOURCES:
        np.testing.assert_allclose(scene.sound(source.name), golden_sound(source), atol=2.0**-23)
