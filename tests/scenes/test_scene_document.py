"""Older versions, includes, rates taken from the sounds, and what lies outside the folder."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, FileFormatError
from scenes import Scene, read_scene
from scenes.migrations import migrated
from scenes.scene import SCENE_VERSION

VERSION_1 = """\
version: 1
title: Old
sample_rate_hz: 8000
sources:
  - {name: a, file: a.wav, position_m: [1, 0, 0]}
output:
  propagation_delay: true
  ambisonic_order: 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of a scene, with sounds of two rates, beside other things of the user."""
    (tmp_path / "scene" / "parts" / "stems").mkdir(parents=True)
    for name, rate in (("a", 8000), ("b", 8000), ("parts/stems/c", 8000), ("fast", 16000)):
        soundfile.write(tmp_path / "scene" / f"{name}.wav", np.full(10, 0.1), rate)
    soundfile.write(tmp_path / "private.wav", np.full(10, 0.1), 8000)
    return tmp_path / "scene"


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def refused(error, path, *words, **options):
    with pytest.raises(error) as caught:
        read_scene(path, **options)
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said


class TestVersions:
    def test_version_1_reads_as_the_newest(self, folder):
        scene = read_scene(written(folder / "old.yaml", VERSION_1))
        assert scene.version == SCENE_VERSION
        assert scene.medium.propagation_delay
        assert scene.output.ambisonic_order == 3

    def test_a_medium_that_is_there_is_kept(self, folder):
        text = VERSION_1 + "medium:\n  temperature_c: 5\n"
        medium = read_scene(written(folder / "old.yaml", text)).medium
        assert (medium.temperature_c, medium.propagation_delay) == (5, True)

    def test_errors_point_at_what_was_moved(self, folder):
        path = written(folder / "old.yaml", VERSION_1.replace("delay: true", "delay: 3"))
        refused(FileFormatError, path, f"{path}:7:3: medium.propagation_delay must be true or")

    def test_the_newest_version_has_it_elsewhere(self, folder):
        path = written(folder / "new.yaml", VERSION_1.replace("version: 1", "version: 2"))
        refused(FileFormatError, path, ":7:3: output has no key 'propagation_delay'")

    def test_nothing_else_changes(self, folder):
        plain = {"version": 1, "sources": [{"name": "a"}], "output": "wrong"}
        assert migrated(plain) == plain | {"version": 2}
        assert plain["version"] == 1

    @pytest.mark.parametrize("version", ["3", "0", "-1", "true", "'1'", "1.5", "[1]"])
    def test_others_are_refused(self, folder, version):
        path = written(folder / "x.yaml", VERSION_1.replace("version: 1", f"version: {version}"))
        refused(FileFormatError, path, f"{path}:1:1: ", "versions 1 to 2")

    def test_a_file_without_a_version_is_of_the_newest(self, folder):
        text = "sources:\n  - {name: a, file: a.wav, position_m: [1, 0, 0]}\n"
        assert read_scene(written(folder / "s.yaml", text)).version == SCENE_VERSION


class TestRate:
    ONE = "sources:\n  - {name: a, file: a.wav, position_m: [1, 0, 0]}\n"

    def test_is_that_of_the_sounds(self, folder):
        assert read_scene(written(folder / "s.yaml", self.ONE)).sample_rate_hz == 8000

    def test_sounds_that_differ_are_refused(self, folder):
        text = self.ONE + "  - {name: b, file: fast.wav, position_m: [1, 1, 0]}\n"
        path = written(folder / "s.yaml", text)
        refused(DataError, path, f"{path}:3:15: 'fast.wav' has 16000 Hz and 'a.wav' has 8000 Hz")

    def test_a_missing_sound_is_pointed_at(self, folder):
        path = written(folder / "s.yaml", self.ONE.replace("a.wav", "aa.wav"))
        refused(DataError, path, f"{path}:2:15: the file 'aa.wav' is not there", "'a.wav'")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("title: x\n", "the scene needs the key 'sources'"),
            ("sources: {a: 1}\n", "sources must be a list"),
            ("sources: []\n", "sources must not be empty"),
            ("sources: [{name: a, position_m: [1, 0, 0]}]\n", "needs the key 'file'"),
        ],
    )
    def test_is_not_asked_for_where_there_is_no_sound(self, folder, text, words):
        path = written(folder / "s.yaml", text)
        refused(FileFormatError, path, words)

    def test_what_is_no_sound_is_pointed_at(self, folder):
        (folder / "a.wav").write_text("no sound")
        path = written(folder / "s.yaml", self.ONE)
        refused(FileFormatError, path, f"{path}:2:15: 'a.wav' is not readable as sound")


class TestIncludes:
    def test_put_sources_together_and_let_the_outer_file_win(self, folder):
        written(
            folder / "parts" / "strings.yaml",
            "title: Strings\n"
            "sources: [{name: c, file: stems/c.wav, position_m: [2, 0, 1]}]\n"
            "output: {ambisonic_order: 2, loudness_lufs: -20}\n"
            "listener: {keyframes: [{time_s: 0, yaw_deg: 9}, {time_s: 1}]}\n",
        )
        written(folder / "room.yaml", "room: {size_m: [9, 8, 3], rt60_s: 0.5}\n")
        path = written(
            folder / "all.yaml",
            "include: [parts/strings.yaml, room.yaml]\n"
            "title: All\n"
            "sources: [{name: a, file: a.wav, position_m: [1, 0, 1]}]\n"
            "output: {ambisonic_order: 4}\n"
            "listener: {keyframes: [{time_s: 0, yaw_deg: 5}]}\n",
        )
        expected = Scene(
            title="All",
            sample_rate_hz=8000,
            sources=[
                {"name": "c", "file": "parts/stems/c.wav", "position_m": (2, 0, 1)},
                {"name": "a", "file": "a.wav", "position_m": (1, 0, 1)},
            ],
            output={"ambisonic_order": 4, "loudness_lufs": -20},
            room={"size_m": (9, 8, 3), "rt60_s": 0.5},
            listener={"keyframes": [{"time_s": 0, "yaw_deg": 5}]},
        )
        assert read_scene(path) == expected

    def test_may_be_of_an_older_version(self, folder):
        written(folder / "old.yaml", VERSION_1)
        path = written(folder / "new.yaml", "version: 2\ninclude: old.yaml\n")
        assert read_scene(path).medium.propagation_delay

    def test_errors_name_the_file_in_which_the_mistake_is(self, folder):
        part = written(
            folder / "parts" / "strings.yaml",
            "sources:\n  - {name: c, file: stems/c.wav, position_m: [2, 0]}\n",
        )
        outer = "include: parts/strings.yaml\nsources:\n  - {name: a, file: a.wav, posit: 1}\n"
        path = written(folder / "all.yaml", outer)
        refused(FileFormatError, path, f"{path}:3:28: sources[1] has no key 'posit'")
        path.write_text(outer.replace("posit: 1", "position_m: [1, 0, 0]"))
        refused(FileFormatError, path, f"{part}:2:34: sources[0].position_m needs three numbers")

    @pytest.mark.parametrize(
        ("include", "words"),
        [
            ("me.yaml", "includes itself"),
            ("loop.yaml", "includes itself"),
            ("no.yaml", "the file 'no.yaml' is not there"),
            ("parts", "is not there"),
            ("a.wav", "not UTF-8"),
            ("[a.yaml, 3]", "include must be the name of a file"),
            ("{a: b}", "include must be the name of a file"),
            ("''", "include must be the name of a file"),
            ("list.yaml", "a scene is a mapping"),
            ('"a\\0b.yaml"', "is not there"),
        ],
    )
    def test_that_are_wrong_are_refused(self, folder, include, words):
        written(folder / "loop.yaml", "include: me.yaml\n")
        written(folder / "list.yaml", "- 1\n")
        written(folder / "a.yaml", "title: a\n")
        path = written(folder / "me.yaml", f"include: {include}\n")
        refused((FileFormatError, DataError), path, words)

    def test_too_many_are_refused(self, folder):
        for number in range(12):
            written(folder / f"{number}.yaml", f"include: {number + 1}.yaml\n")
        written(folder / "12.yaml", VERSION_1)
        refused(FileFormatError, folder / "0.yaml", "too many files are included")
        # A bomb: each file includes the next one twice.
        for number in range(8):
            written(folder / f"{number}.yaml", f"include: [{number + 1}.yaml, {number + 1}.yaml]\n")
        written(folder / "8.yaml", "title: a\n")
        refused(FileFormatError, folder / "0.yaml", "too many files are included")


class TestOutside:
    """Nothing outside the folder of the scene is read, unless it is allowed."""

    @pytest.fixture
    def scene_with(self, folder):
        def make(**changes):
            source = {"name": "a", "file": "a.wav"} | changes.pop("source", {})
            listed = ", ".join(f"{key}: {value!r}" for key, value in source.items())
            rest = "".join(f"{key}: {value}\n" for key, value in changes.items())
            return written(
                folder / "s.yaml",
                f"sample_rate_hz: 8000\n{rest}sources:\n  - {{{listed}, position_m: [1, 0, 0]}}\n",
            )

        return make

    @pytest.mark.parametrize(
        "changes",
        [
            {"source": {"file": "../private.wav"}},
            {"source": {"file": "parts/../../private.wav"}},
            {"source": {"performer": "../players/one"}},
            {"listener": "{sofa: ../private.wav}"},
            {"output": "{headphone_eq: ../private.wav}"},
            {"room": "{shape: mesh, meshes: [{file: ../private.wav}]}"},
            {"include": "../private.wav"},
        ],
    )
    def test_is_refused(self, scene_with, changes):
        path = scene_with(**changes)
        refused(DataError, path, "is outside the folder of the scene", "--allow-outside")
        refused(DataError, path, f"{path}:", check_files=False)

    def test_is_refused_by_its_whole_path_and_by_a_link(self, scene_with, folder):
        private = folder.parent / "private.wav"
        refused(DataError, scene_with(source={"file": str(private)}), "is outside")
        (folder / "link.wav").symlink_to(private)
        refused(DataError, scene_with(source={"file": "link.wav"}), "is outside")

    def test_of_an_included_file_is_the_folder_of_the_scene(self, folder):
        written(
            folder / "parts" / "p.yaml",
            "sources: [{name: a, file: ../a.wav, position_m: [1, 0, 0]}]\n",
        )
        path = written(folder / "s.yaml", "include: parts/p.yaml\n")
        assert read_scene(path).sources[0].file == "parts/../a.wav"
        written(folder / "parts" / "p.yaml", "include: ../../other.yaml\n")
        written(folder.parent / "other.yaml", "title: x\n")
        refused(DataError, path, f"{folder / 'parts' / 'p.yaml'}:1:1: ", "is outside")

    def test_is_read_where_it_is_allowed(self, scene_with):
        path = scene_with(source={"file": "../private.wav"})
        assert read_scene(path, allow_outside=True).sources[0].file == "../private.wav"

    def test_a_whole_path_inside_is_inside(self, scene_with, folder):
        assert read_scene(scene_with(source={"file": str(folder / "a.wav")}))

    def test_the_command_line_asks_for_it(self, scene_with, tmp_path):
        from click.testing import CliRunner

        from auralize.cli import cli

        path = scene_with(source={"file": "../private.wav"})
        out = str(tmp_path / "out.wav")
        refusing = CliRunner().invoke(cli, ["render", str(path), "-o", out])
        assert isinstance(refusing.exception, DataError)
        allowing = CliRunner().invoke(cli, ["render", str(path), "-o", out, "--allow-outside"])
        assert allowing.exit_code == 0, allowing.output
