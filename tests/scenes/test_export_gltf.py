"""glTF: the document and its buffer, read by hand; levels, keys, and names that people give."""

import io
import json
import struct
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
from golden_scene import BEHIND, LISTENER_M, RATE_HZ, SOURCES, golden_sound, make_golden_scene

from capture.errors import OutputError
from scenes.export import prepare_export
from scenes.export.gltf import glb, write
from scenes.export.gltf.meshes import linear_colors, marker

SCHEMA = Path(__file__).with_name("khr_audio_emitter.schema.json")
EXTENSION = "KHR_audio_emitter"


def parts(path):
    """Return the document and the buffer of a GLB."""
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<IIIII", data)
    assert (magic, version, length, kind) == (0x46546C67, 2, len(data), 0x4E4F534A)
    document = json.loads(data[20 : 20 + size])
    binary_size, kind = struct.unpack_from("<II", data, 20 + size)
    assert kind == 0x004E4942
    assert size % 4 == binary_size % 4 == 0
    return document, data[28 + size : 28 + size + binary_size]


def values(document, buffer, index):
    accessor = document["accessors"][index]
    dtype = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
    view = document["bufferViews"][accessor["bufferView"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    data = buffer[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return np.frombuffer(data, dtype).reshape(accessor["count"], width)


def in_gltf(world_m):
    x, y, z = world_m
    return np.array([-y, z, -x])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return prepare_export(make_golden_scene(tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module")
def written(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gltf")
    write(exported, folder)
    return parts(folder / "Golden_4_sources_quoted_unicode.glb")


def test_the_extension_follows_its_draft(written):
    document, _ = written
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert document["extensions"][EXTENSION]["emitters"][3]["sources"] == [3]


def test_names_are_as_people_gave_them(written):
    document, _ = written
    names = [node["name"] for node in document["nodes"] if EXTENSION in node.get("extensions", {})]
    assert names == [source.name for source in SOURCES]


def test_sounds_are_whole_wav_files(written):
    document, buffer = written
    for audio, golden in zip(document["extensions"][EXTENSION]["audio"], SOURCES, strict=True):
        view = document["bufferViews"][audio["bufferView"]]
        data = buffer[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        sound, rate = soundfile.read(io.BytesIO(data))
        assert rate == RATE_HZ
        assert soundfile.info(io.BytesIO(data)).subtype == "PCM_16"
        np.testing.assert_allclose(sound, golden_sound(golden), atol=2.0**-14)


def test_levels_follow_the_distance_law(written):
    document, _ = written
    for golden, emitter in zip(SOURCES, document["extensions"][EXTENSION]["emitters"], strict=True):
        law = emitter["positional"]
        for place in golden.positions_m.values():
            distance = np.linalg.norm(np.array(place) - LISTENER_M)
            inverse = law["refDistance"] / (
                law["refDistance"]
                + law["rolloffFactor"] * (max(distance, law["refDistance"]) - law["refDistance"])
            )
            scenes = 10 ** (golden.gain_db / 20) * golden.reference_distance_m / distance
            assert emitter["gain"] * inverse == pytest.approx(scenes, rel=1e-6)
    # The last comes within 1.57 m, and would be flat from its 2 m on.
    assert document["extensions"][EXTENSION]["emitters"][3]["positional"]["refDistance"] < 1.58
    assert document["extensions"][EXTENSION]["emitters"][0]["positional"]["refDistance"] == 1.0


def test_the_moving_source_has_its_keys(written):
    document, buffer = written
    (animation,) = document["animations"]
    channels = {channel["target"]["path"]: channel for channel in animation["channels"]}
    assert set(channels) == {"translation", "rotation"}
    sampler = animation["samplers"][channels["translation"]["sampler"]]
    times = values(document, buffer, sampler["input"])[:, 0]
    np.testing.assert_array_equal(times, (0.0, 1.0, 1.5))
    for time, place in zip(times, values(document, buffer, sampler["output"]), strict=True):
        np.testing.assert_allclose(place, in_gltf(BEHIND.positions_m[time]), atol=1e-6)
    node = document["nodes"][channels["rotation"]["target"]["node"]]
    assert node["name"] == BEHIND.name
    turns = values(
        document, buffer, animation["samplers"][channels["rotation"]["sampler"]]["output"]
    )
    # 20° about the axis that points up, first.
    np.testing.assert_allclose(
        turns[0], (0, np.sin(np.radians(10)), 0, np.cos(np.radians(10))), atol=1e-6
    )


def test_the_player_is_where_the_camera_saw_it(written, exported):
    document, buffer = written
    player = next(node for node in document["nodes"] if node["name"] == SOURCES[0].name)
    surface = document["nodes"][player["children"][0]]
    primitive = document["meshes"][surface["mesh"]]["primitives"][0]
    corners = values(document, buffer, primitive["attributes"]["POSITION"])
    mesh = exported.sources[0].mesh
    np.testing.assert_allclose(corners, [in_gltf(v) for v in mesh.vertices_m], atol=1e-6)
    faces = values(document, buffer, primitive["indices"])[:, 0].reshape(-1, 3)
    np.testing.assert_array_equal(faces, mesh.faces)
    # The player's turn (−70°) and the surface's own cancel out.
    assert np.allclose(player["rotation"][:3], -np.array(surface["rotation"][:3]))
    assert player["rotation"][3] == pytest.approx(surface["rotation"][3])
    points = document["nodes"][player["children"][1]]
    assert document["meshes"][points["mesh"]]["primitives"][0]["mode"] == 0


def test_colors_of_vertices_are_linear():
    # IEC 61966-2-1: half of full scale in sRGB is 0.2140 of the light; below 0.04045, a line.
    linear = linear_colors(np.array([[0, 128, 255], [10, 0, 0]], dtype=np.uint8)) / 65535
    np.testing.assert_allclose(linear[0], (0, 0.21586, 1, 1), atol=1e-4)
    assert linear[1, 0] == pytest.approx(10 / 255 / 12.92, abs=1e-5)


def test_markers_are_closed_balls_that_look_outwards():
    ball = marker((1, 2, 3), 0.5)
    corners = ball.vertices_m[ball.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(np.sum(normals * corners.mean(axis=1), axis=1) > 0)
    np.testing.assert_allclose(np.linalg.norm(ball.vertices_m, axis=1), 0.5, rtol=1e-6)
    edges = np.sort(
        np.concatenate([ball.faces[:, [0, 1]], ball.faces[:, [1, 2]], ball.faces[:, [2, 0]]])
    )
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}


def test_what_does_not_fit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(glb, "_LARGEST_BYTES", 1000)
    file = glb.GlbFile()
    file.add_bytes(bytes(2000))
    with pytest.raises(OutputError, match="4 GiB"):
        file.write(tmp_path / "a.glb")
    assert not (tmp_path / "a.glb").exists()
