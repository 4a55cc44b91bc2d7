"""Unity packages: layout, numbers as Unity writes them, ways, shapes, volumes of at most 1."""

import re
import struct
import tarfile
from itertools import pairwise

import numpy as np
import pytest
from golden_scene import BEHIND, LISTENER_M, make_golden_scene

from capture.axes import unity_from_world, unity_quaternion_from_world
from capture.pose import Trajectory, quaternion_from_euler, rotation_matrix_from_quaternion
from scenes.export import prepare_export
from scenes.export.distance_law import amplitudes, engine_volumes
from scenes.export.unity import write
from scenes.export.unity.documents import Flow, document, number, reference
from scenes.export.unity.movement import clip_yaml
from scenes.export.unity.objects import distance_law
from scenes.export.unity.shapes import mesh_shape


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return prepare_export(make_golden_scene(tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module")
def package(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unity")
    write(exported, folder)
    return folder / "Golden_4_sources_quoted_unicode.unitypackage"


def test_layout(package):
    with tarfile.open(package) as archive:
        files = {each.name: archive.extractfile(each).read() for each in archive}
        assert all(each.mtime == 0 for each in archive)
    by_guid = {}
    for name, content in files.items():
        guid, part = name.split("/")
        assert re.fullmatch("[0-9a-f]{32}", guid)
        by_guid.setdefault(guid, {})[part] = content
    paths = [parts["pathname"].decode() for parts in by_guid.values()]
    assert len(set(paths)) == len(paths)
    for guid, parts in by_guid.items():
        assert f"guid: {guid}\n" in parts["asset.meta"].decode()
        path = parts["pathname"].decode()
        assert ("asset" in parts) == ("folderAsset: yes" not in parts["asset.meta"].decode())
        # Folders come along, and everything is below ours.
        assert path.startswith("Assets/Auralize")
        assert path == "Assets/Auralize" or path.rpartition("/")[0] in paths


def test_the_same_scene_gives_the_same_bytes(exported, package, tmp_path):
    write(exported, tmp_path)
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


def test_yaml_of_values():
    text = document(
        1,
        7,
        "Thing",
        {
            "empty": None,
            "none": [],
            "name": 'ü "x"\n前',
            "plain": "Violin 1",
            "word": "yes",
            "number": 0.1,
            "on": True,
            "one": reference(0),
            "other": reference(5, "0" * 32, 3),
            "list": [Flow(x=1.0), {"a": 1, "b": {"c": -0.0}}],
        },
    )
    assert text.splitlines() == [
        *("--- !u!1 &7", "Thing:", "  empty: ", "  none: []"),
        '  name: "\\xFC \\"x\\" \\u524D"',
        *("  plain: Violin 1", '  word: "yes"', "  number: 0.1", "  on: 1"),
        *("  one: {fileID: 0}", "  other: {fileID: 5, guid: " + "0" * 32 + ", type: 3}"),
        *("  list:", "  - {x: 1}", "  - a: 1", "    b:", "      c: 0"),
    ]
    assert number(1 / 3) == "0.33333334"
    assert number(1e-7) == "0.0000001"


def test_orientations_change_with_points():
    rng = np.random.default_rng(5)
    turn = quaternion_from_euler(*rng.uniform(-2, 2, 3))
    world = rotation_matrix_from_quaternion(turn)
    w, x, y, z = unity_quaternion_from_world(turn)
    # Unity's quaternions rotate numbers by the same formula; its axes are another matter.
    unity = rotation_matrix_from_quaternion(np.array([w, x, y, z]))
    for point in rng.normal(size=(5, 3)):
        np.testing.assert_allclose(
            unity @ unity_from_world(point), unity_from_world(world @ point), atol=1e-12
        )


def keys_of(text, curve):
    part = text.split(f"m_{curve}Curves:")[1].split("m_PreInfinity")[0]
    found = []
    for key in part.split("- serializedVersion: 3")[1:]:
        words = {
            name: [float(v) for v in re.findall(r": (-?[\d.]+)", line)] or [float(line)]
            for name, line in re.findall(r"(time|value|inSlope|outSlope): (.*)", key)
        }
        found.append({name: np.array(values) for name, values in words.items()})
    return found


def test_ways_are_straight_and_turns_steady():
    path = Trajectory(
        times_s=np.array([0.5, 2.0, 3.0]),
        positions_m=np.array([[1.0, 2, 3], [4, 0, 1], [4, 0, 2]]),
        orientations_wxyz=np.array([[1.0, 0, 0, 0], [0.0, 0, 0, 1], [0, 0, 0, -1]]),
    )
    text = clip_yaml("x", path, 2.5)
    places, turns = keys_of(text, "Position"), keys_of(text, "Rotation")
    for times, at in ((places, path.positions_at), (turns, path.orientations_at)):
        assert times[0]["time"] == 0.0
        assert times[-1]["time"] == 2.5
        for first, second in pairwise(times):
            span = second["time"] - first["time"]
            slope = (second["value"] - first["value"]) / span
            np.testing.assert_allclose(first["outSlope"], slope, atol=1e-4)
            np.testing.assert_allclose(second["inSlope"], slope, atol=1e-4)
            middle = np.array([float(first["time"][0] + span[0] / 2)])
            between = (first["value"] + second["value"]) / 2
            if at == path.positions_at:
                np.testing.assert_allclose(between, unity_from_world(at(middle))[0], atol=1e-5)
            else:
                between /= np.linalg.norm(between)
                w, *vector = unity_quaternion_from_world(at(middle))[0]
                assert abs(between @ [*vector, w]) > 1 - 1e-6


def test_shapes_hold_their_triangles(exported):
    mesh = exported.sources[0].mesh
    data = mesh_shape(mesh)
    magic, version, corners, frames, step = struct.unpack("<4siiif", data[:20])
    assert (magic, version, corners, frames) == (b"AUZS", 1, 3, 1)
    time, count, offset = struct.unpack("<fii", data[20:32])
    assert (time, count, offset) == (0.0, 3 * len(mesh.faces), 32)
    rows = np.frombuffer(data[32:], dtype=[("place", "<i2", 3), ("color", "u1", 4)])
    expected = unity_from_world(mesh.vertices_m[mesh.faces[:, ::-1].reshape(-1)])
    assert step < 1e-4
    np.testing.assert_allclose(rows["place"] * step, expected, atol=step)
    np.testing.assert_array_equal(
        rows["color"][:, :3], mesh.colors[mesh.faces[:, ::-1].reshape(-1)]
    )


def test_volumes_for_engines_keep_the_law(exported):
    volumes = engine_volumes(exported.sources, near_m=0.25)
    assert max(volumes.volumes) == pytest.approx(1.0)
    assert volumes.makeup_db == pytest.approx(20 * np.log10(10**0.1 * 2.0 / 0.25))
    for source, volume in zip(exported.sources, volumes.volumes, strict=True):
        for distance in (0.25, 1.0, 7.0):
            engine = volume * 0.25 / distance * volumes.makeup
            assert engine == pytest.approx(amplitudes(source, np.array([distance]))[0])
    far = np.linalg.norm(np.array(BEHIND.positions_m[0.0]) - LISTENER_M)
    assert amplitudes(exported.sources[3], np.array([far]))[0] == pytest.approx(
        10**0.1 * 2.0 / 2.0, rel=1e-3
    )


def test_the_curve_of_the_prefab_is_the_law_between_its_keys():
    keys = np.array(distance_law(0.25, 1000.0))
    places, values, before, after = keys.T
    for distance in np.geomspace(0.26, 999, 500):
        place = distance / 1000
        i = np.searchsorted(places, place) - 1
        span = places[i + 1] - places[i]
        t = (place - places[i]) / span
        hermite = (
            (1 + 2 * t) * (1 - t) ** 2 * values[i]
            + t * (1 - t) ** 2 * span * after[i]
            + t * t * (3 - 2 * t) * values[i + 1]
            + t * t * (t - 1) * span * before[i + 1]
        )
        assert 20 * np.log10(hermite * distance / 0.25) == pytest.approx(0, abs=0.01)
