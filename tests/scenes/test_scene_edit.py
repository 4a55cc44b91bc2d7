"""Editing keeps everything but what is edited; checking and beginning scenes."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import soundfile
from hypothesis import strategies as st
from ruamel.yaml import YAML

from capture.errors import DataError, FileFormatError
from scenes import read_scene, scene_text
from scenes.scene_check import check_scene
from scenes.scene_edit import SceneEditor
from scenes.scene_new import scene_of_sounds
from scenes.scene_yaml import flow_text
from scenes.yaml_edit import YamlText

SCENE = """\
# My quartet.   (two spaces, kept)
version: 2
sample_rate_hz:   8000    # all of them

sources:

- name: violin   # the first
  file: a.wav
  position_m:
  - 1
  - 0.50    # left
  - 1.2
  # she stands

- {name: "my \\"cello\\"", file: a.wav, position_m: [2, -1, 1]}  # flow

- name: walker
  file: a.wav
  keyframes:
    - {time_s: 0, position_m: [1, 1, 1], yaw_deg: 4}   # here
    - time_s: 1
      position_m: [2, 1, 1]

listener: {}
room:
# the end
"""


@pytest.fixture
def path(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.5), 8000, "FLOAT")
    file = tmp_path / "scene.yaml"
    file.write_bytes(SCENE.encode())
    return file


def edited(path, edit):
    """Return which lines went and which came, without their order."""
    editor = SceneEditor(path)
    edit(editor)
    editor.save()
    before, after = SCENE.splitlines(), path.read_text().splitlines()
    gone = [line for line in before if line not in after]
    come = [line for line in after if line not in before]
    kept = [line for line in before if line in after]
    assert [line for line in after if line in kept] == kept
    return gone, come


class TestEditor:
    def test_changes_only_what_it_is_told(self, path):
        gone, come = edited(path, lambda e: e.set_gain("violin", -3.0))
        assert gone == []
        assert come == ["  gain_db: -3.0"]
        assert read_scene(path).sources[0].gain_db == -3

    def test_writes_as_the_mapping_is_written(self, path):
        gone, come = edited(path, lambda e: e.set_switch('my "cello"', "mute", True))
        assert gone == ['- {name: "my \\"cello\\"", file: a.wav, position_m: [2, -1, 1]}  # flow']
        assert come == [
            '- {name: "my \\"cello\\"", file: a.wav, position_m: [2, -1, 1], mute: true}  # flow'
        ]

    def test_moves_a_source_that_stands(self, path):
        edited(path, lambda e: e.move("violin", (3, 0, 1)))
        assert read_scene(path).sources[0].position_m == (3, 0, 1)

    def test_moves_a_source_that_walks(self, path):
        _, come = edited(path, lambda e: e.move("walker", (0, 0, 1)))
        assert come == [
            "    - {time_s: 0, position_m: [0.0, 0.0, 1.0], yaw_deg: 4}   # here",
            "      position_m: [1.0, 0.0, 1.0]",
        ]

    def test_moves_the_listener_and_fills_what_is_empty(self, path):
        gone, come = edited(path, lambda e: e.move("listener", (0, 1, 1)))
        assert gone == ["listener: {}"]
        assert come == ["listener: {position_m: [0.0, 1.0, 1.0]}"]
        editor = SceneEditor(path)
        editor.set("room.rt60_s", "0.5")
        editor.set("room.size_m", "[9, 9, 3]")
        editor.set("output.ambisonic_order", "3")
        editor.save()
        scene = read_scene(path)
        assert (scene.room.size_m, scene.output.ambisonic_order) == ((9, 9, 3), 3)
        assert path.read_text().endswith("# the end\n")

    def test_finds_sources_by_name_and_number(self, path):
        editor = SceneEditor(path)
        editor.set('sources["my \\"cello\\""].gain_db', "1")
        editor.set("sources[0].gain_db", "2")
        editor.set("sources.walker.gain_db", "3")
        assert [source.gain_db for source in editor.check().sources] == [2, 1, 3]

    def test_keeps_line_ends_and_the_byte_order_mark(self, path):
        path.write_bytes(b"\xef\xbb\xbf" + SCENE.replace("\n", "\r\n").encode())
        editor = SceneEditor(path)
        editor.set_gain("violin", 2)
        editor.save()
        raw = path.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf# My")
        assert b"  gain_db: 2\r\n" in raw
        assert raw.replace(b"\r\n", b"").count(b"\n") == 0

    @pytest.mark.parametrize(
        ("edit", "error", "words"),
        [
            (lambda e: e.set_gain("violine", 1), DataError, "there is no source 'violine'; did"),
            (lambda e: e.set_gain("violin", 99), FileFormatError, "sources[0].gain_db must be"),
            (lambda e: e.set("room", "3"), FileFormatError, "room must be a mapping"),
            (lambda e: e.set("rooom.size_m", "3"), FileFormatError, "has no key 'rooom'"),
            (lambda e: e.set("title", "[1"), DataError, "title=[1"),
            (lambda e: e.set("title", "&a x"), DataError, "anchors and aliases"),
            (lambda e: e.set("title", ""), DataError, "is empty"),
            (lambda e: e.set("version.x", "1"), DataError, "version has no 'x'"),
            (lambda e: e.set("sources[9].mute", "true"), DataError, "sources has no 9"),
            (lambda e: e.set("..x", "1"), DataError, "is no key"),
            (lambda e: e.set("sources[", "1"), DataError, "is no key"),
            (lambda e: e.set("sources[0].file", "../x.wav"), DataError, "outside the folder"),
        ],
    )
    def test_refuses_and_writes_nothing(self, path, edit, error, words):
        editor = SceneEditor(path)
        with pytest.raises(error) as caught:  # noqa: PT012 - either may refuse
            edit(editor)
            editor.save()
        assert words in str(caught.value)
        assert path.read_bytes() == SCENE.encode()

    def test_text_cannot_break_out(self, path):
        editor = SceneEditor(path)
        editor.set("sources[0].note", "'x\"}]: # \\ \t ü'")
        assert editor.check().sources[0].note == 'x"}]: # \\ \t ü'

    def test_a_source_of_an_included_file_is_edited_there(self, path):
        outer = path.with_name("outer.yaml")
        outer.write_text("include: scene.yaml\ntitle: x\n")
        with pytest.raises(DataError, match="stands in a file that this one includes"):
            SceneEditor(outer).set_gain("violin", 1)

    def test_saves_beside_but_not_elsewhere(self, path, tmp_path):
        editor = SceneEditor(path)
        editor.set_gain("violin", 1)
        editor.save(path.with_name("other.yaml"))
        assert path.read_bytes() == SCENE.encode()
        (tmp_path / "sub").mkdir()
        with pytest.raises(DataError, match="stays in its folder"):
            editor.save(tmp_path / "sub" / "scene.yaml")


values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text("ab #:,[]{}'\"\n-é", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=6,
)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.data(), st.booleans(), st.integers(2, 6))
def test_set_is_what_assignment_is(data, flow, indent):
    """On any document, in any style: as if the value were assigned in the data."""
    import io

    document = data.draw(st.dictionaries(st.text("abc", min_size=1), values, min_size=1))
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.indent = flow, indent
    stream = io.StringIO()
    yaml.dump(document, stream)
    where, holder = (), document
    while isinstance(holder, dict | list) and holder and (not where or data.draw(st.booleans())):
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        where = (*where, data.draw(st.sampled_from(keys)))
        parent, holder = holder, holder[where[-1]]
    if isinstance(holder, dict) and data.draw(st.booleans()):
        where, parent = (*where, "new"), holder
    value = data.draw(values)
    parent[where[-1]] = value
    text = YamlText(stream.getvalue())
    text.set(where, flow_text(value))
    assert YAML(typ="safe", pure=True).load(str(text)) == document


def test_nothing_changes_where_nothing_is_set(path):
    SceneEditor(path).save()
    assert path.read_bytes() == SCENE.encode()


class TestCheck:
    def test_says_what_is_in_it(self, path):
        report = check_scene(path)
        assert (report.sample_rate_hz, report.duration_s) == (8000, 0.1)
        violin = report.sources[0]
        assert violin.azimuth_deg == pytest.approx(np.degrees(np.arctan2(0.5, 1)))
        assert violin.distance_m == pytest.approx(np.hypot(0.5, 1))
        assert violin.level_db == pytest.approx(-20 * np.log10(np.hypot(0.5, 1)))
        assert violin.peak_dbfs == pytest.approx(-6.02, abs=0.01)
        assert report.sources[2].moves
        assert report.warnings == ()

    @pytest.mark.parametrize(
        ("old", "new", "warning"),
        [
            ("  file: a.wav\n  position", "  file: a.wav\n  mute: true\n  position", None),
            ("listener: {}", "duration_s: 0.05", "'violin' is cut off at the end of the scene"),
            ("listener: {}", "duration_s: 0.05", "'walker' has keyframes after the end"),
            ("listener: {}", "listener: {position_m: [1, 0.5, 1.2]}", "in the listener's head"),
            ("[2, -1, 1]", "[1, 0.5, 1.2]", "'violin' and 'my \"cello\"' are at one place"),
            ("# she", "performer: players/one\n  #", "'violin' has no clouds to be seen"),
            ("# she", "start_s: 1\n  #", None),
        ],
    )
    def test_warns(self, path, old, new, warning):
        assert old in SCENE
        path.write_text(SCENE.replace(old, new, 1))
        warnings = check_scene(path).warnings
        if warning is None:
            assert warnings == ()
        else:
            assert any(warning in each for each in warnings), warnings

    def test_warns_of_silence(self, path):
        soundfile.write(path.with_name("a.wav"), np.zeros(8), 8000)
        assert check_scene(path).warnings[0] == "'violin' is silent"

    @pytest.mark.parametrize(
        ("samples", "rate", "words"),
        [(np.zeros(8), 16000, "has 16000 Hz"), (np.array([0, np.inf]), 8000, "not a finite")],
    )
    def test_refuses_sounds_that_do_not_fit(self, path, samples, rate, words):
        soundfile.write(path.with_name("a.wav"), samples, rate, "FLOAT")
        with pytest.raises(DataError, match=words):
            check_scene(path)


class TestNew:
    def test_puts_sounds_in_an_arc_from_left_to_right(self, tmp_path):
        for name in ("b", "a", "c"):
            soundfile.write(tmp_path / f"{name}.wav", np.zeros(8), 44_100)
        scene = scene_of_sounds(tmp_path, [tmp_path / f"{n}.wav" for n in ("b", "a", "c")])
        assert [source.name for source in scene.sources] == ["b", "a", "c"]
        azimuths = [np.degrees(np.arctan2(s.position_m[1], s.position_m[0])) for s in scene.sources]
        np.testing.assert_allclose(azimuths, [30, 0, -30], atol=0.05)
        assert scene.sample_rate_hz == 44_100
        (tmp_path / "scene.yaml").write_text(scene_text(scene))
        assert read_scene(tmp_path / "scene.yaml") == scene

    def test_takes_each_channel_and_tells_names_apart(self, tmp_path):
        (tmp_path / "x").mkdir()
        soundfile.write(tmp_path / "a.wav", np.zeros((8, 2)), 8000)
        soundfile.write(tmp_path / "x" / "a 1.wav", np.zeros(8), 8000)
        scene = scene_of_sounds(tmp_path, [tmp_path / "a.wav", tmp_path / "x" / "a 1.wav"])
        assert [(s.name, s.file, s.channel) for s in scene.sources] == [
            ("a 1", "a.wav", 1),
            ("a 2", "a.wav", 2),
            ("a 1 (2)", "x/a 1.wav", 1),
        ]

    def test_sixty_four_stay_in_front(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.zeros((8, 64)), 8000)
        scene = scene_of_sounds(tmp_path, [tmp_path / "a.wav"])
        assert min(source.position_m[0] for source in scene.sources) == pytest.approx(1.0)

    def test_refuses(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.zeros(8), 8000)
        soundfile.write(tmp_path / "b.wav", np.zeros(8), 16000)
        (tmp_path / "sub").mkdir()
        with pytest.raises(DataError, match="different rates"):
            scene_of_sounds(tmp_path, [tmp_path / "a.wav", tmp_path / "b.wav"])
        with pytest.raises(DataError, match="is outside"):
            scene_of_sounds(tmp_path / "sub", [tmp_path / "a.wav"])
        with pytest.raises(DataError, match="at least one"):
            scene_of_sounds(tmp_path, [])
        with pytest.raises(FileFormatError, match="not readable as sound"):
            scene_of_sounds(tmp_path, [tmp_path / "no.wav"])
