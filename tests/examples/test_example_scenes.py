"""The example scenes: each reads, fits the schema, is complete for its sounds, and renders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile
from ruamel.yaml import YAML

from auralize.output.rendering import render
from scenes.scene_check import check_scene
from scenes.scene_edit import SceneEditor
from scenes.schema import schema_text

FOLDER = Path(__file__).parents[2] / "examples" / "scene_files"
SCENES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The examples where they may be edited."""
    return shutil.copytree(FOLDER, tmp_path_factory.mktemp("examples") / "scene_files")


def test_there_are_five_from_three_lines_on():
    assert len(SCENES) == 5
    assert len(SCENES[0].read_text().splitlines()) == 3
    assert len(SCENES[1].read_text().splitlines()) == 10
    text = (FOLDER / "README.md").read_text()
    for path in SCENES:
        lines = len(path.read_text().splitlines())
        assert f"[{path.name}]({path.name}) | {lines} |" in text


@pytest.mark.parametrize("path", [*SCENES, FOLDER / "parts" / "strings.yaml"], ids=lambda p: p.stem)
def test_fits_the_schema(path):
    jsonschema.validate(YAML(typ="safe").load(path), json.loads(schema_text()))


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_has_no_warning(path):
    assert check_scene(path).warnings == ()


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_renders(path, copied, tmp_path):
    short = copied / f"short {path.name}"
    editor = SceneEditor(copied / path.name)
    editor.set("duration_s", "1")
    editor.save(short)
    report = render(short, tmp_path / "heard.wav")
    sound, _ = soundfile.read(tmp_path / "heard.wav")
    assert sound.shape == (48_000, 2)
    assert np.isfinite(report.loudness_lufs)
    first = check_scene(short).sources[0]
    left, right = np.sqrt(np.mean(sound**2, axis=0))
    if len(report.sources) == 1:
        assert (left > right) == (first.azimuth_deg > 0)
