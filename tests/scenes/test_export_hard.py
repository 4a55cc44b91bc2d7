"""Scenes that are hard on exporters: every target takes them, and nothing is lost or clipped."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from auralize.exporting import export
from scenes.export import TARGETS

HARD = """\
title: "..."
sources:
  - {name: ..., file: loud.wav, start_s: 0.1, keyframes: [{time_s: 0.2, position_m: [1, 1, 1]}]}
  - {name: con, file: one sample.wav, position_m: [0, 0, 1.2]}
  - {name: CON, file: noise.wav, mute: true, position_m: [0, 0, 300]}
  - {name: "🎻", file: noise.wav, interpolation: smooth, keyframes: [
      {time_s: 0, position_m: [1, 0, 0], yaw_deg: 170},
      {time_s: 0.0001, position_m: [2, 0, 0]},
      {time_s: 900, position_m: [5, 5, 5], yaw_deg: -170}]}
listener:
  keyframes:
    - {time_s: 0.05, yaw_deg: 170, pitch_deg: 20}
    - {time_s: 0.1, position_m: [1, 1, 1], yaw_deg: -170, roll_deg: 5}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Scenes with sounds beyond full scale, of one sample, and of many sources."""
    path = tmp_path_factory.mktemp("hard")
    rng = np.random.default_rng(0)
    soundfile.write(path / "noise.wav", rng.uniform(-0.5, 0.5, 2400), 48_000)
    soundfile.write(path / "loud.wav", rng.uniform(-3, 3, 4800), 48_000, "FLOAT")
    soundfile.write(path / "one sample.wav", np.array([0.5]), 48_000)
    (path / "hard.yaml").write_text(HARD, encoding="utf-8")
    sources = "".join(
        f"  - {{name: 's/{i}', file: noise.wav, position_m: [{3 + i}, {i - 32}, 1]}}\n"
        for i in range(64)
    )
    (path / "many.yaml").write_text(f"sources:\n{sources}", encoding="utf-8")
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_a_hard_scene(folder, tmp_path, target):
    out = tmp_path / "out"
    export(folder / "hard.yaml", target, out)
    listed = json.loads((out / "export-manifest.json").read_text(encoding="utf-8"))["files"]
    assert "README.md" in listed
    for path in out.rglob("*.wav"):
        sound, rate = soundfile.read(path, always_2d=True)
        assert rate == 48_000
        assert np.isfinite(sound).all()
        # Integers hold what is loud, turned down; they do not cut it off.
        if soundfile.info(path).subtype != "FLOAT":
            assert np.abs(sound).max() < 1.0


@pytest.mark.parametrize("target", ["json", "iem", "gltf", "adm", "ambix"])
def test_sixty_four_sources(folder, tmp_path, target):
    export(folder / "many.yaml", target, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert all(f"s/{number} " in text for number in range(64))
