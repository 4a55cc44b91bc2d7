"""glTF becomes a scene again: ours the same, edited ones as they were edited, others by hand."""

import base64
import io
import json
import logging
import struct

import numpy as np
import pytest
import soundfile
from golden_scene import RATE_HZ, SOURCES, golden_sound, make_golden_scene

from capture.errors import AuralizeError, DataError, FileFormatError, OutputError
from capture.pose import quaternion_from_euler
from scenes import read_scene
from scenes.export import prepare_export
from scenes.export.gltf import write
from scenes.imports import import_scene

EXTENSION = "KHR_audio_emitter"
NAME = "Golden_4_sources_quoted_unicode.glb"


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return make_golden_scene(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def glb(golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gltf")
    write(prepare_export(golden), folder)
    return folder / NAME


def document_of(path):
    data = path.read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size]), data[20 + size :]


def with_document(document, rest, path):
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<III", 0x46546C67, 2, 20 + len(text) + len(rest))
    path.write_bytes(head + struct.pack("<II", len(text), 0x4E4F534A) + text + rest)
    return path


def edited(glb, tmp_path, edit):
    """Return the scene of the golden GLB after an edit of its document."""
    document, rest = document_of(glb)
    edit(document)
    scene = import_scene(
        with_document(document, rest, tmp_path / "edited.glb"), tmp_path / "back.yaml"
    )
    return {source.name: source for source in scene.sources}, scene


def same_but_files(before, after):
    return before.model_copy(
        update={
            "sources": tuple(
                old.model_copy(update={"file": new.file, "channel": 1, "performer": new.performer})
                for old, new in zip(before.sources, after.sources, strict=True)
            )
        }
    )


def there_and_back(tmp_path, text, sound):
    """Export a scene of one sound file, and import it again; return both scenes."""
    soundfile.write(tmp_path / "a.wav", sound, RATE_HZ, "FLOAT")
    (tmp_path / "scene.yaml").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    write(prepare_export(tmp_path / "scene.yaml"), out)
    (found,) = out.glob("*.glb")
    after = import_scene(found, tmp_path / "back.yaml")
    return read_scene(tmp_path / "scene.yaml"), after


def test_the_same_scene_again(golden, glb, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        after = import_scene(glb, tmp_path / "back.yaml")
    before = read_scene(golden)
    assert after == same_but_files(before, after)
    assert read_scene(tmp_path / "back.yaml") == after
    assert "players" in caplog.text
    for golden_source, source in zip(SOURCES, after.sources, strict=True):
        sound, rate = soundfile.read(tmp_path / source.file)
        assert rate == RATE_HZ
        start = round(source.start_s * RATE_HZ)
        np.testing.assert_allclose(sound, golden_sound(golden_source)[start:], atol=2.0**-14)


SCENE = """\
version: 1
title: All that glTF has no words for
sample_rate_hz: 48000
duration_s: 1
listener:
  near_field: false
  keyframes:
    - {time_s: 0, position_m: [0, 0, 1], yaw_deg: 10, pitch_deg: 20, roll_deg: -30}
    - {time_s: 0.7, position_m: [1, 2, 1], yaw_deg: 170}
sources:
  - name: smooth
    file: a.wav
    interpolation: smooth
    gain_db: -7.3
    reference_distance_m: 1.7
    directivity: 0.3
    extent_m: 0.4
    note: "a \\"remark\\""
    keyframes:
      - {time_s: 0, position_m: [2, 0, 1], yaw_deg: 170}
      - {time_s: 0.31, position_m: [2, 1, 1.4]}
      - {time_s: 1, position_m: [3, 0, 1], yaw_deg: -170}
  - {name: muted, file: a.wav, position_m: [1, 1, 1], mute: true, gain_db: 3}
  - {name: solo, file: a.wav, position_m: [1, -1, 1], solo: true}
  - {name: one key, file: a.wav, keyframes: [{time_s: 0.5, position_m: [4, 5, 6]}], solo: true}
room: {size_m: [20, 20, 20], rt60_s: [1, 1, 1, 0.9, 0.8, 0.7, 0.6], late: false}
medium: {temperature_c: 25}
output: {ambisonic_order: 3, loudness_lufs: -23}
provenance: {take: "a.mkv", seed: 3}
"""


@pytest.mark.parametrize("peak", [0.5, 3.0])
def test_all_of_a_scene_comes_back(tmp_path, peak):
    sound = peak * np.sin(np.arange(RATE_HZ) / 7).astype(np.float32)
    before, after = there_and_back(tmp_path, SCENE, sound)
    assert after == same_but_files(before, after)
    for source in after.sources:
        back, _ = soundfile.read(tmp_path / source.file)
        np.testing.assert_allclose(back, sound, atol=peak * 2.0**-13)


def test_64_silent_sources(tmp_path):
    lines = ["version: 1", f"sample_rate_hz: {RATE_HZ}", "sources:"]
    lines += [f'  - {{name: "{i}/", file: a.wav, position_m: [{i}, 0, 0]}}' for i in range(64)]
    before, after = there_and_back(tmp_path, "\n".join(lines), np.zeros(480))
    assert after == same_but_files(before, after)


def test_a_player_that_was_moved_is_where_it_was_put(glb, tmp_path):
    def edit(document):
        document["nodes"][node_of(document, 'Violin "left" & co')]["translation"] = [-1, 1.5, -2]

    sources, scene = edited(glb, tmp_path, edit)
    violin = sources['Violin "left" & co']
    assert violin.position_m == (2.0, 1.0, 1.5)
    assert violin.yaw_deg == pytest.approx(-70.0, abs=1e-4)
    assert violin.instrument == "violin"
    assert scene.room is not None
    assert sources["behind / moving"].keyframes is not None


def node_of(document, name):
    return [node.get("name") for node in document["nodes"]].index(name)


def test_a_moving_player_whose_parent_was_moved(glb, tmp_path):
    def edit(document):
        child = node_of(document, "behind / moving")
        document["nodes"].append({"children": [child], "translation": [0, 0, -1.5]})
        roots = document["scenes"][0]["nodes"]
        roots[roots.index(child)] = len(document["nodes"]) - 1

    sources, _ = edited(glb, tmp_path, edit)
    keys = sources["behind / moving"].keyframes
    assert [key.time_s for key in keys] == [0.0, 1.0, 1.5]
    np.testing.assert_allclose(keys[1].position_m, (-1.379 + 1.5, -0.934, 1.7), atol=1e-5)
    np.testing.assert_allclose([key.yaw_deg for key in keys], (20, 20, 0), atol=1e-3)


def test_players_outside_the_room_are_refused(glb, tmp_path):
    def edit(document):
        document["nodes"][node_of(document, "../right\\hand")]["translation"] = [0, 1, -50]

    with pytest.raises(DataError, match=r"right.*outside the room"):
        edited(glb, tmp_path, edit)
    assert not (tmp_path / "back-sounds").exists()


def test_levels_names_and_players_may_be_edited(glb, tmp_path):
    def edit(document):
        emitters = document["extensions"][EXTENSION]["emitters"]
        emitters[0]["gain"] *= 2
        emitters[1]["gain"] = 0
        document["nodes"][node_of(document, "../right\\hand")]["name"] = "Second"
        gone = node_of(document, "Flöte 前 <front>")
        document["scenes"][0]["nodes"].remove(gone)
        del document["nodes"][gone]["extensions"]

    sources, _ = edited(glb, tmp_path, edit)
    assert set(sources) == {'Violin "left" & co', "Second", "behind / moving"}
    assert sources['Violin "left" & co'].gain_db == pytest.approx(20 * np.log10(2), abs=1e-5)
    assert sources["Second"].mute
    assert not sources['Violin "left" & co'].mute
    assert sources["behind / moving"].gain_db == 2.0


def test_a_camera_that_was_turned_is_the_listener(glb, tmp_path):
    # Yaw 30°, pitch 40° down, roll 50° to the right, as in the world's axes.
    turn = quaternion_from_euler(*np.radians([30.0, 40.0, 50.0]))
    w, x, y, z = turn

    def edit(document):
        node = document["nodes"][node_of(document, "Listener")]
        node["rotation"] = [-y, z, -x, w]

    _, scene = edited(glb, tmp_path, edit)
    listener = scene.listener
    angles = (listener.yaw_deg, listener.pitch_deg, listener.roll_deg)
    np.testing.assert_allclose(angles, (30, 40, 50), atol=1e-4)
    assert listener.position_m == (0.5, -0.25, 1.2)


def foreign(tmp_path, *, nodes, animations=(), buffers=b"", emitters=None, extra=None, rate=44_100):
    """Write a .gltf as another program might: data URIs, and accessors of FLOAT over one buffer."""
    wav = io.BytesIO()
    sound = np.linspace(-0.5, 0.5, 4410, dtype=np.float32)
    soundfile.write(wav, sound, rate, "PCM_24", format="WAV")
    uri = "data:audio/wav;base64," + base64.b64encode(wav.getvalue()).decode()
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0], "name": "From elsewhere"}],
        "nodes": nodes,
        "animations": list(animations),
        "extensionsUsed": [EXTENSION],
        "extensions": {
            EXTENSION: {
                "audio": [{"uri": uri}],
                "sources": [{"audio": 0, "gain": 0.5}],
                "emitters": emitters
                or [{"type": "positional", "sources": [0], "positional": {"refDistance": 2.0}}],
            }
        },
        **(extra or {}),
    }
    if buffers:
        document["buffers"] = [
            {
                "byteLength": len(buffers),
                "uri": "data:application/octet-stream;base64," + base64.b64encode(buffers).decode(),
            }
        ]
    path = tmp_path / "foreign.gltf"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def sounding(**more):
    return {"name": "Bell", "extensions": {EXTENSION: {"emitter": 0}}, **more}


def test_a_file_of_another_program(tmp_path):
    # The parent is turned by 90° about y (up) and twice as large: glTF (1, 0, 0) → (0, 0, −2).
    half = np.sqrt(0.5)
    nodes = [
        {
            "children": [1],
            "rotation": [0, half, 0, half],
            "scale": [2, 2, 2],
            "translation": [0, 3, 0],
        },
        sounding(translation=[1, 0, 0]),
    ]
    path = foreign(tmp_path, nodes=nodes)
    scene = import_scene(path, tmp_path / "scene.yaml")
    (bell,) = scene.sources
    assert scene.title == "From elsewhere"
    assert scene.sample_rate_hz == 44_100
    assert bell.name == "Bell"
    # glTF (0, 3, −2) is 2 m in front and 3 m up.
    np.testing.assert_allclose(bell.position_m, (2, 0, 3), atol=1e-6)
    assert bell.gain_db == pytest.approx(20 * np.log10(0.5), abs=1e-5)
    assert bell.reference_distance_m == 2.0
    sound, _ = soundfile.read(tmp_path / bell.file)
    np.testing.assert_allclose(sound, np.linspace(-0.5, 0.5, 4410), atol=2.0**-23)
    assert soundfile.info(tmp_path / bell.file).subtype == "PCM_24"


def accessors(*arrays):
    """Return buffer, bufferViews and accessors of float arrays."""
    data, views, found = b"", [], []
    for array in arrays:
        table = np.asarray(array, dtype="<f4")
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": table.nbytes})
        kind = "SCALAR" if table.ndim == 1 else f"VEC{table.shape[1]}"
        found.append(
            {
                "bufferView": len(views) - 1,
                "componentType": 5126,
                "count": len(table),
                "type": kind,
            }
        )
        data += table.tobytes()
    return data, {"bufferViews": views, "accessors": found}


def animation(node, path, interpolation):
    return {
        "samplers": [{"input": 0, "output": 1, "interpolation": interpolation}],
        "channels": [{"sampler": 0, "target": {"node": node, "path": path}}],
    }


def path_of(source, times):
    return source.positions_at(np.asarray(times, dtype=np.float64))


def test_jumps_stay_jumps(tmp_path):
    data, extra = accessors([0.0, 1.0, 2.0], [[0, 0, 0], [0, 0, -1], [0, 0, -2]])
    path = foreign(
        tmp_path,
        nodes=[sounding()],
        animations=[animation(0, "translation", "STEP")],
        buffers=data,
        extra=extra,
    )
    (bell,) = import_scene(path, tmp_path / "scene.yaml").sources
    np.testing.assert_allclose(path_of(bell, [0.5, 0.99])[:, 0], 0, atol=1e-3)
    np.testing.assert_allclose(path_of(bell, [1.0, 1.9])[:, 0], 1, atol=1e-3)
    np.testing.assert_allclose(path_of(bell, [2.0, 5.0])[:, 0], 2, atol=1e-3)


def test_splines_are_followed(tmp_path):
    # One cubic from 0 to 1 with tangents 0: x(t) = 3t² − 2t³ in front.
    rows = np.zeros((6, 3))
    rows[4, 2] = -1.0
    data, extra = accessors([0.0, 1.0], rows)
    path = foreign(
        tmp_path,
        nodes=[sounding()],
        animations=[animation(0, "translation", "CUBICSPLINE")],
        buffers=data,
        extra=extra,
    )
    (bell,) = import_scene(path, tmp_path / "scene.yaml").sources
    times = np.linspace(0, 1, 33)
    np.testing.assert_allclose(path_of(bell, times)[:, 0], 3 * times**2 - 2 * times**3, atol=0.003)


def test_turning_parents_take_their_children_round(tmp_path):
    # A quarter turn in 1 s of a parent, with the bell 2 m in front of its middle.
    half = np.sqrt(0.5)
    data, extra = accessors([0.0, 1.0], [[0, 0, 0, 1], [0, half, 0, half]])
    nodes = [{"children": [1]}, sounding(translation=[0, 0, -2])]
    path = foreign(
        tmp_path,
        nodes=nodes,
        animations=[animation(0, "rotation", "LINEAR")],
        buffers=data,
        extra=extra,
    )
    (bell,) = import_scene(path, tmp_path / "scene.yaml").sources
    times = np.linspace(0, 1, 21)
    angles = times * np.pi / 2
    circle = 2 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(path_of(bell, times), circle, atol=0.005)


def test_what_has_no_place_is_left_out(tmp_path, caplog):
    extra = {"scenes": [{"nodes": [0], "extensions": {EXTENSION: {"emitters": [1]}}}]}
    emitters = [
        {"type": "positional", "sources": [0, 0], "positional": {"distanceModel": "linear"}},
        {"type": "global", "sources": [0]},
    ]
    path = foreign(tmp_path, nodes=[sounding()], emitters=emitters, extra=extra)
    with caplog.at_level(logging.WARNING):
        scene = import_scene(path, tmp_path / "scene.yaml")
    assert [source.name for source in scene.sources] == ["Bell", "Bell 2"]
    assert "global" in caplog.text
    assert "linear" in caplog.text


def test_without_sound_there_is_no_scene(tmp_path):
    path = tmp_path / "mute.gltf"
    path.write_text('{"asset": {"version": "2.0"}, "nodes": [{}]}', encoding="utf-8")
    with pytest.raises(DataError, match="KHR_audio_emitter"):
        import_scene(path, tmp_path / "scene.yaml")


def test_sounds_outside_the_folder_are_not_read(tmp_path):
    soundfile.write(tmp_path / "secret.wav", np.zeros(10), RATE_HZ)
    folder = tmp_path / "inside"
    folder.mkdir()
    path = foreign(folder, nodes=[sounding()])
    document = json.loads(path.read_text())
    document["extensions"][EXTENSION]["audio"] = [{"uri": "../secret.wav"}]
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="outside"):
        import_scene(path, tmp_path / "scene.yaml")


def test_nothing_is_written_over(glb, tmp_path):
    (tmp_path / "back-sounds").mkdir()
    with pytest.raises(OutputError):
        import_scene(glb, tmp_path / "back.yaml")


@pytest.mark.parametrize("length", [0, 3, 11, 12, 19, 20, 500, 20_000, -4, -1])
def test_files_that_were_cut_off_are_refused(glb, tmp_path, length):
    path = tmp_path / "cut.glb"
    path.write_bytes(glb.read_bytes()[:length])
    with pytest.raises(FileFormatError, match=r"cut\.glb"):
        import_scene(path, tmp_path / "back.yaml")
    assert not (tmp_path / "back.yaml").exists()


def test_broken_documents_are_refused_or_read_but_never_crash(tmp_path):
    """80 mutations of values anywhere in the document."""
    sound = np.linspace(-0.5, 0.5, 480)
    there_and_back(tmp_path, SCENE.replace("duration_s: 1\n", ""), sound)
    (glb,) = (tmp_path / "out").glob("*.glb")
    document, rest = document_of(glb)
    rng = np.random.default_rng(3)
    odd = [None, -1, 10**9, 1e308, "x", [], {}, True, [1, 2], {"a": 1}]
    refused: list[str] = []
    for number in range(80):
        changed = json.loads(json.dumps(document))
        mutate(changed, rng, odd[rng.integers(len(odd))])
        path = with_document(changed, rest, tmp_path / "odd.glb")
        try:
            import_scene(path, tmp_path / f"odd-{number}.yaml")
        except AuralizeError as error:
            refused.append(str(error))
    assert len(refused) > 25
    assert not [reason for reason in refused if "\n" in reason or "odd.glb" not in reason]


def mutate(document, rng, value):
    """Put a value in the place of another, a few levels down."""
    parts = ["nodes", "extensions", "animations", "accessors", "bufferViews", "scenes"]
    place, key = document, rng.choice(parts)
    for _ in range(rng.integers(1, 6)):
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        place = inner
        key = rng.choice(list(inner)) if isinstance(inner, dict) else rng.integers(len(inner))
    place[key] = value


def test_files_of_older_versions_are_brought_up_to_the_newest(glb, tmp_path):
    def as_of_version_1(document):
        carried = document["scenes"][0]["extras"]["auralize"]["scene"]
        assert carried["version"] == 2
        carried["version"] = 1
        carried["medium"] = {
            key: value
            for key, value in carried.get("medium", {}).items()
            if key != "propagation_delay"
        }
        carried["output"] = {**carried.get("output", {}), "propagation_delay": True}

    _, scene = edited(glb, tmp_path, as_of_version_1)
    assert scene.medium.propagation_delay
