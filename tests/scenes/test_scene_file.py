"""Scene files: they read back as they were written, and errors point at what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import hypothesis
import jsonschema
import pytest
from hypothesis import strategies as st
from ruamel.yaml import YAML

from capture.errors import DataError, FileFormatError
from scenes import Scene, read_scene, scene_text, write_scene
from scenes.schema import make_schema, schema_text

MINIMAL = """\
version: 2
sample_rate_hz: 48000
sources:
  - name: violin
    file: violin.wav
    position_m: [2, 0.5, 1.2]
"""


@pytest.fixture
def write(tmp_path):
    """Write a scene file beside an (empty) violin.wav, and give its path."""
    (tmp_path / "violin.wav").touch()

    def to_file(text):
        path = tmp_path / "scene.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


finite = st.floats(-9e3, 9e3)
shares = st.floats(0, 1)
per_band = shares | st.lists(shares, min_size=7, max_size=7)
surfaces = st.fixed_dictionaries({"absorption": per_band}, optional={"scattering": per_band})
materials = st.sampled_from(["plaster", "carpet on felt"]) | surfaces
# Large enough for everybody.
rooms = st.fixed_dictionaries(
    {
        "size_m": st.just((5e4, 5e4, 5e4)),
        "floor_center_m": st.just((0, 0, -1e4)),
        "rt60_s": st.floats(0.1, 30) | st.lists(st.floats(0.1, 30), min_size=7, max_size=7),
    },
    optional={
        "yaw_deg": st.floats(-360, 360),
        "image_order": st.integers(0, 40),
        "late": st.booleans(),
        "surfaces": materials
        | st.fixed_dictionaries({"others": materials}, optional={"floor": materials}),
    },
) | st.just(
    {"shape": "mesh", "meshes": [{"file": "hall.ply"}, {"file": "a b.ply", "surface": "wood"}]}
)
positions = st.tuples(finite, finite, finite)
times = st.lists(st.floats(0, 1e5), min_size=1, max_size=4, unique=True).map(sorted)
texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@st.composite
def keyframed(draw):
    return [
        {
            "time_s": time,
            "position_m": draw(positions),
            "yaw_deg": draw(st.none() | st.floats(-360, 360)),
        }
        for time in draw(times)
    ]


@st.composite
def scenes(draw):
    names = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    sources = [
        {
            "name": name,
            "file": draw(texts),
            "channel": draw(st.integers(1, 8)),
            "gain_db": draw(st.floats(-120, 60)),
            "start_s": draw(st.floats(0, 100)),
            "instrument": draw(st.none() | texts),
            "mute": draw(st.booleans()),
            "directivity": draw(st.sampled_from(["omni", "violin", "cardioid"]) | st.floats(0, 1)),
            "interpolation": draw(st.sampled_from(["linear", "smooth"])),
        }
        | draw(
            st.one_of(
                st.builds(lambda p: {"position_m": p}, positions),
                st.builds(lambda k: {"keyframes": k}, keyframed()),
            )
        )
        for name in names
    ]
    return Scene(
        title=draw(texts),
        sample_rate_hz=draw(st.sampled_from([44_100, 48_000])),
        duration_s=draw(st.none() | st.floats(1e-3, 1e4)),
        sources=sources,
        listener={"position_m": draw(positions), "yaw_deg": draw(st.floats(-360, 360))},
        room=draw(st.none() | rooms),
        medium={
            "temperature_c": draw(st.floats(-50, 60)),
            "relative_humidity_percent": draw(st.floats(0, 100)),
            "air_absorption": draw(st.booleans()),
            "propagation_delay": draw(st.booleans()),
        },
        output={
            "loudness_lufs": draw(st.none() | st.floats(-70, 0)),
            "sample_format": "float32",
            "limit_true_peak": draw(st.booleans()),
        },
        provenance=draw(
            st.dictionaries(texts, texts | st.booleans() | st.integers() | finite, max_size=3)
        ),
    )


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(scenes())
def test_a_written_scene_reads_back_equal(tmp_path_factory, scene):
    path = tmp_path_factory.mktemp("scene") / "scene.yaml"
    write_scene(path, scene, with_schema=False)
    # Names are any text, that of a file outside the folder too.
    again = read_scene(path, check_files=False, allow_outside=True)
    assert again == scene
    assert json.loads(again.model_dump_json()) == json.loads(scene.model_dump_json())


def test_a_written_scene_reads_well():
    keyframes = [
        {"time_s": 0.5, "position_m": (2, 0.5, 1.1)},
        {"time_s": 1, "position_m": (2, 0, 1)},
    ]
    scene = Scene(
        title="Duo",
        sample_rate_hz=48_000,
        sources=[
            {
                "name": "player one",
                "file": "stems/1.wav",
                "instrument": "cello",
                "position_m": (1, 2, 3),
            },
            {"name": "yes", "file": "stems/2.wav", "keyframes": keyframes},
        ],
    )
    text = scene_text(scene)
    assert text.startswith("# yaml-language-server: $schema=./scene.schema.json\n")
    assert "# World axes: x front, y left, z up." in text
    body = text[text.index("version:") :]
    assert body == (
        "version: 2\n"
        "title: Duo\n"
        "sample_rate_hz: 48000  # of the render, and of every sound file\n"
        "\n"
        "listener:\n"
        "  position_m: [0.0, 0.0, 1.2]\n"
        "  yaw_deg: 0.0\n"
        "\n"
        "sources:\n"
        "  - name: player one\n"
        "    file: stems/1.wav\n"
        "    gain_db: 0.0\n"
        "    reference_distance_m: 1.0  # here it is as loud as its file; -6 dB per doubling\n"
        "    position_m: [1.0, 2.0, 3.0]\n"
        "    instrument: cello\n"
        "\n"
        '  - name: "yes"\n'
        "    file: stems/2.wav\n"
        "    gain_db: 0.0\n"
        "    reference_distance_m: 1.0  # here it is as loud as its file; -6 dB per doubling\n"
        "    keyframes:\n"
        "      - {time_s: 0.5, position_m: [2.0, 0.5, 1.1]}\n"
        "      - {time_s: 1.0, position_m: [2.0, 0.0, 1.0]}\n"
    )


def test_the_minimal_scene_reads(write):
    scene = read_scene(write(MINIMAL))
    assert scene.sources[0].position_m == (2.0, 0.5, 1.2)
    assert scene.listener.position_m == (0.0, 0.0, 1.2)


class TestSchema:
    def test_published_schema_is_current(self):
        assert schema_text() == make_schema(), (
            'run: python -c "from scenes.schema import publish; publish()"'
        )

    def test_is_put_beside_the_scene_and_accepts_it(self, tmp_path):
        scene = Scene.model_validate(YAML(typ="safe").load(MINIMAL))
        write_scene(tmp_path / "scene.yaml", scene)
        schema = json.loads((tmp_path / "scene.schema.json").read_text())
        document = YAML(typ="safe").load(tmp_path / "scene.yaml")
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema)
        document["sources"][0]["postion_m"] = [1, 2, 3]
        with pytest.raises(jsonschema.ValidationError, match="postion_m"):
            jsonschema.validate(document, schema)

    def test_describes_every_key(self):
        schema = json.loads(schema_text())
        for part in (schema, *schema["$defs"].values()):
            for key, value in part["properties"].items():
                # A key that stands for a whole part may be described there.
                whole = schema["$defs"].get(value.get("$ref", "").removeprefix("#/$defs/"), {})
                assert "description" in value | whole, f"{part['title']}.{key}"


# What is wrong, and how the message goes on after the file's name.
WRONG = {
    "misspelt key": (
        MINIMAL.replace("position_m", "postion_m"),
        ":6:5: sources[0] has no key 'postion_m'; did you mean 'position_m'? Allowed are channel,",
    ),
    "misspelt key at the top": (
        MINIMAL + "listner: {}\n",
        ":7:1: the scene has no key 'listner'; did you mean 'listener'?",
    ),
    "two numbers": (
        MINIMAL.replace(", 1.2]", "]"),
        ":6:5: sources[0].position_m needs three numbers, got [2, 0.5].",
    ),
    "four numbers": (
        MINIMAL.replace(", 1.2]", ", 1.2, 3]"),
        ":6:5: sources[0].position_m needs three numbers, got [2, 0.5, 1.2, 3].",
    ),
    "NaN": (
        MINIMAL.replace("1.2", ".nan"),
        ":6:26: sources[0].position_m[2] must be a finite number, got nan.",
    ),
    "huge": (
        MINIMAL.replace("1.2", "1e999"),
        ":6:26: sources[0].position_m[2] must be a finite number, got inf.",
    ),
    "thousands of digits": (
        MINIMAL.replace("1.2", "9" * 5000),
        ":6:26: sources[0].position_m[2] must be a number, got '999",
    ),
    "number as text": (
        MINIMAL.replace("48000", "'48000'"),
        ":2:1: sample_rate_hz must be a whole number, got '48000'.",
    ),
    "word": (
        MINIMAL + "    interpolation: smoth\n",
        ":7:5: sources[0].interpolation must be 'linear' or 'smooth', got 'smoth'; did you mean "
        "'smooth'.",
    ),
    "directivity": (
        MINIMAL + "    directivity: violn\n",
        ":7:5: directivity must be one of omni, ",
    ),
    "no pattern": (
        MINIMAL + "    directivity: instrument\n    instrument: kazoo\n",
        ":7:5: directivity: instrument needs an instrument whose radiation is known",
    ),
    "yes is text": (
        MINIMAL + "    mute: yes\n",
        ":7:5: sources[0].mute must be true or false, got 'yes'.",
    ),
    "missing key": (
        MINIMAL.replace("    file: violin.wav\n", ""),
        ":4:5: sources[0] needs the key 'file'.",
    ),
    "no sources": ("version: 2\nsample_rate_hz: 48000\nsources: []\n", ":3:1: sources must not be"),
    "another version": (
        MINIMAL.replace("version: 2", "version: 3"),
        ":1:1: scene version 3 is unknown; this program reads versions 1 to 2.",
    ),
    "same name": (
        MINIMAL + MINIMAL[MINIMAL.index("  - ") :],
        ":7:5: each source needs a name of its own, but 'violin' is taken.",
    ),
    "times": (
        MINIMAL.replace(
            "position_m: [2, 0.5, 1.2]",
            "keyframes:\n      - {time_s: 1, position_m: [1, 2, 3]}\n"
            "      - {time_s: 1, position_m: [1, 2, 3]}",
        ),
        ":8:10: the times of keyframes must increase, but 1 s follows 1 s.",
    ),
    "room": (MINIMAL + "room: none\n", ":7:1: room must be a mapping of keys, got 'none'; leave"),
    "no numbers of a room": (
        MINIMAL + "room: {size_m: [8, 6], rt60_s: 1}\n",
        ":7:8: room.size_m needs three numbers, got [8, 6].",
    ),
    "a room of nothing": (
        MINIMAL + "room: {size_m: [8, 6, 3]}\n",
        ":7:1: room: a room needs surfaces, rt60_s or both.",
    ),
    "absorption beyond 1": (
        MINIMAL + "room: {size_m: [8, 6, 3], surfaces: {absorption: 1.2}}\n",
        ":7:38: room.surfaces.absorption must be less than or equal to 1, got 1.2.",
    ),
    "absorption of six bands": (
        MINIMAL + "room:\n  size_m: [8, 6, 3]\n  surfaces:\n    floor: carpet\n"
        "    others: {absorption: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}\n",
        ":11:14: room.surfaces.others.absorption needs one number, or seven (125 Hz to 8 kHz), "
        "got [0.1, 0.2, 0.3, 0.4, 0.5, 0.6].",
    ),
    "no such wall": (
        MINIMAL + "room: {size_m: [8, 6, 3], surfaces: {flor: carpet, others: brick}}\n",
        ":7:38: room.surfaces has no key 'flor'; did you mean 'floor'? Allowed are back, ceiling,",
    ),
    "a wall of nothing": (
        MINIMAL + "room: {size_m: [8, 6, 3], surfaces: {floor: carpet}}\n",
        ":7:27: room.surfaces: no material for ceiling, front, back, left, right; name them,",
    ),
    "a source outside": (
        MINIMAL + "room: {size_m: [3, 4, 3], rt60_s: 0.5}\n",
        ":6:5: the source 'violin' at [2, 0.5, 1.2] is outside the room or in a wall; the room "
        "reaches from [-1.5, -2, 0] to [1.5, 2, 3].",
    ),
    "a listener in a wall": (
        MINIMAL + "room: {size_m: [5, 4, 1.25], rt60_s: 0.5}\n",
        ":1:1: the listener at [0, 0, 1.2] is outside the room or with the head in a wall",
    ),
    "a mesh of no file": (
        MINIMAL + "room: {shape: mesh, rt60_s: 0.5}\n",
        ":7:1: room: a room with shape: mesh needs meshes.",
    ),
    "union": (
        MINIMAL + "provenance: {take: [1]}\n",
        ":7:14: provenance.take must be text or a number, got [1].",
    ),
    "integers without a limit": (
        MINIMAL + "output:\n  limit_true_peak: false\n",
        ":8:3: limit_true_peak may only be off with sample_format float32, because integers would "
        "clip; sample_format is pcm24.",
    ),
    "too loud": (MINIMAL + "output:\n  loudness_lufs: 3\n", ":8:3: output.loudness_lufs must be"),
    "twice": (MINIMAL + "version: 2\n", ":7:1: the key 'version' is given twice."),
    "alias": (MINIMAL + "title: &a x\nroom: *a\n", ":7:8: anchors and aliases"),
    "alias bomb": (
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        ":1:4: anchors and aliases",
    ),
    "code": (
        MINIMAL + "title: !!python/object/apply:os.system [ls]\n",
        ":7:8: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed",
    ),
    "YAML": ("sources: [\n", ":2:1: not valid YAML"),
    "tab": ("a:\n\tb: 1\n", ":2:1: not valid YAML"),
    "control character": ("a: 1\nb: \x01\n", ":2:1: not valid YAML"),
    "not UTF-8": (b"version: 2\ntitle: \xff\n", ":2:8: not UTF-8 text."),
    "empty": ("", ":1:1: the file is empty."),
    "a list": ("- 1\n", ":1:1: a scene is a mapping"),
    "deep": ("[" * 5000, ":1:1: nested too deeply"),
    "a sound file": (b"RIFF\x00\x00\x00\x00WAVE\x80", ":1:"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_says_where_and_what(write, case):
    text, message = WRONG[case]
    path = write(text)
    with pytest.raises(FileFormatError) as caught:
        read_scene(path)
    said = str(caught.value)
    assert said.startswith(f"{path}{message}"), said
    assert "\n" not in said


def test_a_missing_sound_is_pointed_at(write, tmp_path):
    path = write(MINIMAL.replace("violin.wav", "violn.wav"))
    with pytest.raises(DataError) as caught:
        read_scene(path)
    said = str(caught.value)
    assert said.startswith(f"{path}:5:5: the file 'violn.wav' is not there")
    assert "did you mean 'violin.wav'" in said
    assert str(tmp_path / "violn.wav") in said


def test_a_missing_mesh_is_pointed_at(write):
    path = write(MINIMAL + "room:\n  shape: mesh\n  meshes:\n    - {file: hall.ply}\n")
    with pytest.raises(DataError, match=r":10:8: the file 'hall\.ply' is not there"):
        read_scene(path)


def test_a_missing_head_is_pointed_at(write):
    path = write(MINIMAL + "listener:\n  sofa: mine.sofa\n")
    with pytest.raises(DataError, match=r":8:3: the file 'mine.sofa' is not there"):
        read_scene(path)


def test_a_missing_equalisation_is_pointed_at(write):
    path = write(MINIMAL + "output:\n  headphone_eq: HD600.txt\n")
    with pytest.raises(DataError, match=r":8:3: the file 'HD600.txt' is not there"):
        read_scene(path)


def test_a_missing_scene_file(tmp_path):
    with pytest.raises(FileFormatError, match=r"none\.yaml: cannot be read"):
        read_scene(tmp_path / "none.yaml")


@hypothesis.settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=st.data())
def test_a_damaged_scene_is_refused_in_one_line_or_reads(write, data):
    """Replace, cut or insert anywhere: no other exception, and always a place."""
    keep = data.draw(st.integers(0, len(MINIMAL)))
    skip = data.draw(st.integers(0, 12))
    junk = data.draw(
        st.text(max_size=6) | st.sampled_from(["- [", "{", "&a", "*a", "!!x ", "\t", "? "])
    )
    path = write((MINIMAL[:keep] + junk + MINIMAL[keep + skip :]).encode("utf-8", "surrogatepass"))
    try:
        read_scene(path)
    except (FileFormatError, DataError) as error:
        said = str(error)
        assert said.startswith(f"{path}:")
        assert "\n" not in said
        line = int(said[len(str(path)) + 1 :].split(":")[0])
        assert 1 <= line <= 10


def test_scenes_import_neither_torch_nor_plots():
    heavy = ("torch", "matplotlib", "open3d", "scipy")
    code = (
        "import sys, scenes; scenes.read_scene, scenes.Source, scenes.keyframes_from_trajectory\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
