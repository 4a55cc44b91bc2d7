"""`auralize import` opens the neutral form."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import LEFT, RATE_HZ, RIGHT, SOURCES

from auralize.output.rendering import render
from scenes.imports import import_scene


def missing() -> str:
    """Return why this cannot be done here: it always can."""
    return ""


def check(folder: Path) -> ClientFigures:
    """Open an export of the golden scene."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "back.yaml"
        scene = import_scene(folder / "scene.json", path)
        error_m = max(
            float(np.linalg.norm(got.positions_at(np.array([time_s]))[0] - position))
            for got, source in zip(scene.sources, SOURCES, strict=True)
            for time_s, position in source.positions_m.items()
        )
        offsets = [
            burst_offset(soundfile.read(path.parent / got.file)[0], source)
            for got, source in zip(scene.sources, SOURCES, strict=True)
        ]
        render(path, path.parent / "heard.wav", output={"sample_format": "float32"})
        ears = soundfile.read(path.parent / "heard.wav")[0].T
    left, right = (
        tuple(tone_db(ear, RATE_HZ, source.tone_hz, 0.6, 0.95) for ear in ears)
        for source in (LEFT, RIGHT)
    )
    return ClientFigures(
        client=f"auralize import {version('auralize')}",
        position_error_m=error_m,
        left_db=(left[0], left[1]),
        right_db=(right[0], right[1]),
        start_offset_samples=max(map(abs, offsets)),
    )
