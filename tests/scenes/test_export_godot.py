"""Godot projects: what their text files say, read by a parser of its own."""

import hashlib
import re

import numpy as np
import pytest
import soundfile
from golden_scene import LEFT, RATE_HZ, SOURCES, golden_sound, make_golden_scene

from scenes.export import prepare_export
from scenes.export.godot import godot3, godot4

WRITERS = {3: godot3.write, 4: godot4.write}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return prepare_export(make_golden_scene(tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module", params=[3, 4])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def project(exported, version, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"godot{version}")
    WRITERS[version](exported, folder)
    return folder


def sections(path):
    """Return [(kind, attributes, properties)] of a text file of Godot."""
    text = path.read_text(encoding="utf-8")
    found = []
    for part in re.split(r"^(?=\[[a-z_]+ )", text, flags=re.M)[1:]:
        head, _, body = part.partition("]\n")
        kind, _, rest = head[1:].partition(" ")
        attributes = dict(re.findall(r'(\w+)=("[^"]*"|[^\s]+(?: [^=\s]+ \))?)', rest))
        properties = dict(
            re.findall(r"^([\w/]+) = (.*(?:\n(?![\w/]+ = |\n).+)*)", body, flags=re.M)
        )
        found.append((kind, attributes, properties))
    return found


def nodes(path):
    """Return path of a node → (attributes, properties)."""
    found = {}
    for kind, attributes, properties in sections(path):
        if kind == "node":
            parent = attributes.get("parent", '""').strip('"')
            name = attributes["name"].strip('"')
            found[name if parent in ("", ".") else f"{parent}/{name}"] = (attributes, properties)
    return found


def numbers(text):
    return np.array([float(word) for word in re.search(r"\((.*)\)", text, re.S)[1].split(",")])


def single_source(tmp_path, *, source="", sound=None, count=1):
    """Return a scene with plain sources, prepared for export."""
    sound = np.zeros(480, dtype=np.float32) if sound is None else sound
    soundfile.write(tmp_path / "a.wav", sound, RATE_HZ, "FLOAT")
    lines = ["version: 1", f"sample_rate_hz: {RATE_HZ}", "sources:"]
    for index in range(count):
        lines += [f"  - name: s {index}", "    file: a.wav"]
        lines += [f"    {line}" for line in (source or "position_m: [1, 2, 3]").splitlines()]
    (tmp_path / "scene.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return prepare_export(tmp_path / "scene.yaml")


def test_sources_stand_where_they_should(project, exported):
    found = nodes(project / "ensemble.tscn")
    for source, golden in zip(exported.sources, SOURCES, strict=True):
        x, y, z = golden.positions_m[0.0]
        placed = numbers(found[f"Players/{source.identifier}"][1]["transform"])
        np.testing.assert_allclose(placed[9:], (-y, z, -x), atol=1e-6)
        # Godot's front is −z: minus the third column points to where the player faces.
        facing = source.trajectory.at(0.0).yaw_rad
        front = -placed[:9].reshape(3, 3)[:, 2]
        np.testing.assert_allclose(front, (-np.sin(facing), 0, -np.cos(facing)), atol=1e-6)


def test_levels_follow_the_distance_law(project, exported, version):
    found = nodes(project / "ensemble.tscn")
    for source, golden in zip(exported.sources, SOURCES, strict=True):
        stem = found[f"Players/{source.identifier}/Stem"][1]
        assert float(stem["unit_size"]) == golden.reference_distance_m
        assert float(stem["unit_db" if version == 3 else "volume_db"]) == golden.gain_db
        # At 0.15 m, amplitude · reference distance / distance.
        nearest_db = golden.gain_db + 20 * np.log10(golden.reference_distance_m / 0.15)
        assert float(stem["max_db"]) == pytest.approx(nearest_db, abs=1e-4)
        assert stem["attenuation_model"] == "0"
        assert float(stem["max_distance"]) == 0.0
        assert float(stem["attenuation_filter_db"]) == 0.0


def test_all_that_is_named_is_there(project):
    scenes = list(project.rglob("*.tscn"))
    assert len(scenes) == 3
    for path in scenes:
        parts = sections(path)
        text = path.read_text(encoding="utf-8")
        external = [a["id"] for kind, a, _ in parts if kind == "ext_resource"]
        internal = [a["id"] for kind, a, _ in parts if kind == "sub_resource"]
        for kind, attributes, _ in parts:
            if kind == "ext_resource":
                assert (path.parent / attributes["path"].strip('"')).is_file()
        assert len(set(external)) == len(external)
        assert set(re.findall(r'ExtResource\( ("?\d+"?) \)', text)) == set(external)
        assert set(re.findall(r'SubResource\( ("?\d+"?) \)', text)) == set(internal)
        steps = parts[0][1]["load_steps"]
        assert int(steps) == len(external) + len(internal) + 1
        parents = {a.get("parent", "").strip('"') for kind, a, _ in parts if kind == "node"}
        assert parents <= set(nodes(path)) | {"", "."}


def test_each_version_has_its_own_words(project, version):
    text = (project / "ensemble.tscn").read_text() + (project / "ensemble.gd").read_text()
    text += (project / "free_look.gd").read_text()
    newer = re.compile(
        r"\b(Node3D|Camera3D|AudioListener3D|Packed\w+Array|Transform3D|@export|await)\b"
    )
    older = re.compile(r"\b(Spatial|Listener\"|Pool\w+Array|unit_db|onready var \w+ :|yield)\b")
    assert (older if version == 4 else newer).findall(text) == []
    assert f"config_version={version + 1}\n" in (project / "project.godot").read_text()


def test_names_are_quoted(exported, tmp_path):
    godot4.write(exported, tmp_path)
    found = nodes(tmp_path / "ensemble.tscn")
    assert found["Players/Violin_left_co/Name"][1]["text"] == r'"Violin \"left\" & co"'
    assert found["Players/right_hand/Name"][1]["text"] == r'"../right\\hand"'
    settings = (tmp_path / "project.godot").read_text(encoding="utf-8")
    assert r'config/name="Golden: 4 sources / \"quoted\" ünïcode"' in settings


def test_stems_are_imported_as_they_are(project, exported, version):
    for source, golden in zip(exported.sources, SOURCES, strict=True):
        path = project / "stems" / f"{source.identifier}.wav"
        sound, rate = soundfile.read(path)
        assert soundfile.info(path).subtype == "PCM_16"
        assert rate == RATE_HZ
        np.testing.assert_allclose(sound, golden_sound(golden), atol=2.0**-14)
        settings = path.with_name(f"{path.name}.import").read_text()
        # Godot names what it imported by the MD5 of the path in the project.
        name = hashlib.md5(f"res://stems/{path.name}".encode()).hexdigest()
        folder = ".import" if version == 3 else ".godot/imported"
        assert f'path="res://{folder}/{path.name}-{name}.sample"' in settings
        for word in ("compress/mode=0", "edit/trim=false", "edit/normalize=false"):
            assert f"{word}\n" in settings


def test_triangles_and_points_of_a_player(project, exported, version):
    mesh = exported.sources[0].mesh
    world = mesh.vertices_m.astype(np.float64)
    expected = np.stack([-world[:, 1], world[:, 2], -world[:, 0]], axis=1)
    text = shape(project).read_text()
    if version == 4:
        data = np.array(packed(text, "vertex_data"), dtype=np.uint8).view("<f4").reshape(-1, 3)
        corners = np.array(packed(text, "index_data"), dtype=np.uint8).view("<u2")
        colors = np.array(packed(text, "attribute_data"), dtype=np.uint8).reshape(-1, 4)[:, :3]
    else:
        data = numbers(re.search(r"PoolVector3Array\(.*?\)", text)[0]).reshape(-1, 3)
        corners = numbers(re.search(r"PoolIntArray\(.*?\)", text)[0]).astype(int)
        colors = 255 * numbers(re.search(r"PoolColorArray\(.*?\)", text)[0]).reshape(-1, 4)[:, :3]
    np.testing.assert_allclose(data, expected, atol=1e-6)
    np.testing.assert_allclose(colors, mesh.colors, atol=0.02)
    # Godot's fronts are clockwise.
    np.testing.assert_array_equal(corners.reshape(-1, 3)[:, ::-1], mesh.faces)


def shape(project):
    return project / "shapes" / "Violin_left_co.tscn"


def packed(text, key):
    return [int(word) for word in re.search(rf'"{key}": \w+\( (.*?) \)', text)[1].split(",")]


def test_the_shape_does_not_turn_with_the_start(project):
    """Shapes are in world axes: player's turn and shape's turn cancel out at the start."""
    found = nodes(project / "ensemble.tscn")
    player = numbers(found["Players/Violin_left_co"][1]["transform"])[:9].reshape(3, 3)
    inside = numbers(found["Players/Violin_left_co/Shape"][1]["transform"])
    np.testing.assert_allclose(player @ inside[:9].reshape(3, 3), np.eye(3), atol=1e-6)
    np.testing.assert_array_equal(inside[9:], 0)
    assert LEFT.has_clouds


def test_a_player_may_be_called_as_one_of_our_files(tmp_path):
    """Each file is written once, whatever sources are called."""
    soundfile.write(tmp_path / "a.wav", np.zeros(480), RATE_HZ)
    names = ["room", "Room", "ensemble", "Players", "Stem", "aux", "CON"]
    text = f"version: 1\nsample_rate_hz: {RATE_HZ}\n"
    text += "room: {size_m: [9, 9, 9], rt60_s: 1}\nsources:\n"
    for index, name in enumerate(names):
        text += f"  - {{name: {name}, file: a.wav, position_m: [1, {index / 2}, 1]}}\n"
    (tmp_path / "scene.yaml").write_text(text)
    out = tmp_path / "out"
    out.mkdir()
    godot4.write(prepare_export(tmp_path / "scene.yaml"), out)
    assert len(list((out / "stems").glob("*.wav"))) == len(names)
    found = nodes(out / "ensemble.tscn").values()
    kinds = [attributes.get("type") for attributes, _ in found]
    assert kinds.count('"AudioStreamPlayer3D"') == len(names)


def test_muted_sources_are_silent_but_there(tmp_path, version):
    exported = single_source(tmp_path, source="position_m: [1, 0, 0]", count=2)
    text = (tmp_path / "scene.yaml").read_text() + "    mute: true\n"
    (tmp_path / "scene.yaml").write_text(text)
    exported = prepare_export(tmp_path / "scene.yaml")
    out = tmp_path / "out"
    out.mkdir()
    WRITERS[version](exported, out)
    found = nodes(out / "ensemble.tscn")
    volume = "unit_db" if version == 3 else "volume_db"
    assert float(found["Players/s_0/Stem"][1][volume]) == 0.0
    assert float(found["Players/s_1/Stem"][1][volume]) == -80.0


def test_loud_stems_are_turned_down_in_files_and_up_again_in_the_scene(tmp_path, version):
    loud = np.full(480, 4.0, dtype=np.float32)
    exported = single_source(tmp_path, sound=loud, count=2)
    out = tmp_path / "out"
    out.mkdir()
    WRITERS[version](exported, out)
    sound, _ = soundfile.read(out / "stems" / "s_0.wav")
    stem = nodes(out / "ensemble.tscn")["Players/s_0/Stem"][1]
    volume_db = float(stem["unit_db" if version == 3 else "volume_db"])
    np.testing.assert_allclose(sound * 10 ** (volume_db / 20), 4.0, rtol=1e-3)
    assert sound.max() < 1.0


def test_many_sources_and_one_key(tmp_path, version):
    one_key = "keyframes: [{time_s: 3, position_m: [1, 2, 3]}]"
    exported = single_source(tmp_path, source=one_key, count=64)
    out = tmp_path / "out"
    out.mkdir()
    WRITERS[version](exported, out)
    found = nodes(out / "ensemble.tscn")
    assert len([name for name in found if name.endswith("/Stem")]) == 64
    assert "Movement" not in found
    assert "Room" not in found


def test_a_listener_that_moves_takes_the_camera_along(tmp_path, version):
    single_source(tmp_path)
    text = (tmp_path / "scene.yaml").read_text()
    (tmp_path / "scene.yaml").write_text(
        text + "listener:\n  keyframes:\n"
        "    - {time_s: 0, position_m: [0, 0, 1]}\n"
        "    - {time_s: 4, position_m: [3, 2, 1], yaw_deg: 90}\n"
    )
    out = tmp_path / "out"
    out.mkdir()
    WRITERS[version](prepare_export(tmp_path / "scene.yaml"), out)
    (animation,) = [
        properties
        for kind, attributes, properties in sections(out / "ensemble.tscn")
        if kind == "sub_resource" and attributes["type"] == '"Animation"'
    ]
    assert float(animation["length"]) == 4.0
    assert animation["tracks/0/path"] == 'NodePath("Listener")'
    half = np.sqrt(0.5)
    if version == 3:
        keys = np.array(animation["tracks/0/keys"].strip("[] ").split(","), dtype=float)
        time, _, *rest = keys.reshape(2, 12)[1]
        np.testing.assert_allclose(
            (time, *rest), (4, -2, 1, -3, 0, half, 0, half, 1, 1, 1), atol=1e-6
        )
    else:
        assert animation["tracks/0/type"] == '"position_3d"'
        place = numbers(animation["tracks/0/keys"]).reshape(2, 5)[1]
        np.testing.assert_allclose(place, (4, 1, -2, 1, -3))
        turn = numbers(animation["tracks/1/keys"]).reshape(2, 6)[1]
        np.testing.assert_allclose(turn, (4, 1, 0, half, 0, half), rtol=1e-6)
