"""`auralize scene`, `export` and `import` as a user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auralize.cli import cli
from capture.errors import DataError, OutputError
from scenes import read_scene


@pytest.fixture
def scene(tmp_path):
    """A scene of two sounds, begun by the command itself."""
    for name in ("violin", "cello"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(800, 0.25), 8000, "FLOAT")
    path = tmp_path / "scene.yaml"
    run("scene", "new", path, tmp_path / "violin.wav", tmp_path / "cello.wav", "--title", "Duo")
    return path


def run(*arguments):
    done = CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_new_check_and_edit(scene):
    assert read_scene(scene).title == "Duo"
    assert "Duo: 2 sources, 0.10 s at 8000 Hz" in run("scene", "check", scene)
    shown = run("scene", "edit", scene, "--gain", "violin", "-3", "--move", "cello", "1,-2,1")
    assert "-    gain_db: 0.0" in shown
    assert "+    gain_db: -3.0" in shown
    assert read_scene(scene).sources[1].position_m == (1, -2, 1)
    before = scene.read_bytes()
    assert "+    mute: true" in run("scene", "edit", scene, "--mute", "violin", "--dry-run")
    assert scene.read_bytes() == before
    assert "nothing changed" in run("scene", "edit", scene, "--gain", "violin", "-3")


def test_mute_and_solo_and_back(scene):
    run("scene", "edit", scene, "--mute", "violin", "--solo", "cello")
    assert [(s.mute, s.solo) for s in read_scene(scene).sources] == [(True, False), (False, True)]
    run("scene", "edit", scene, "--unmute", "violin", "--unsolo", "cello")
    assert not any(s.mute or s.solo for s in read_scene(scene).sources)


def test_check_as_json_and_strictly(scene):
    report = json.loads(run("scene", "check", scene, "--json"))
    assert [source["name"] for source in report["sources"]] == ["violin", "cello"]
    assert report["warnings"] == []
    run("scene", "edit", scene, "--set", "duration_s=0.05")
    strict = CliRunner().invoke(cli, ["scene", "check", str(scene), "--strict"])
    assert strict.exit_code == 1
    assert "is cut off" in strict.output


def test_check_knows_the_materials(scene):
    room = "room={size_m: [9, 9, 4], surfaces: {floor: carpett, others: brick}}"
    run("scene", "edit", scene, "--set", room)
    with pytest.raises(DataError, match=r"scene.yaml:\d+:\d+: no material is named 'carpett'"):
        run("scene", "check", scene)


def test_new_writes_over_nothing(scene):
    with pytest.raises(OutputError, match="exists already"):
        run("scene", "new", scene, scene.with_name("violin.wav"))


def test_the_short_form_composes(tmp_path):
    short = CliRunner().invoke(cli, ["scene", str(tmp_path / "no.mkv")])
    long = CliRunner().invoke(cli, ["scene", "compose", str(tmp_path / "no.mkv")])
    assert str(short.exception) == str(long.exception)
    assert "no.mkv" in str(short.exception)


def test_export_and_import(scene, tmp_path):
    out = tmp_path / "out"
    assert "README.md" in run("export", scene, "--to", "json", "--out", out)
    with pytest.raises(OutputError, match="exists already"):
        run("export", scene, "--to", "json", "--out", out)
    run("export", scene, "--to", "json", "--out", out, "--force")
    assert "2 sources" in run("import", out / "scene.json", "-o", tmp_path / "back.yaml")
    assert read_scene(tmp_path / "back.yaml").title == "Duo"


def test_an_unknown_target_is_a_wrong_option(scene, tmp_path):
    done = CliRunner().invoke(cli, ["export", str(scene), "--to", "max", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "json" in done.output
