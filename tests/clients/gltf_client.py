"""The Khronos glTF validator in Node, and three.js in Chromium, open an exported GLB."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import (
    BEHIND,
    DURATION_S,
    LEFT,
    LISTENER_M,
    RATE_HZ,
    RIGHT,
    SOURCES,
    GoldenSource,
)
from loopback import served

_HERE = Path(__file__).parent
_THREE = _HERE / "node_modules" / "three"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What three.js found.

    Attributes:
        version: Of three.js.
        places: At times of BEHIND: where emitters and listener are, and where the camera looks.
        shapes: Counts of triangles and points, of colored and of unlit things.
        extension: KHR_audio_emitter of the document.
        sound: Shape (samples, 2): the emitters at the start, mixed by Web Audio.
    """

    version: str
    places: dict[float, dict[str, Any]]
    shapes: dict[str, int]
    extension: dict[str, Any]
    sound: np.ndarray


def missing() -> str:
    """Return why the client cannot be run; empty where it can."""
    for program in ("chromium", "node"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not _THREE.is_dir():
        return "three.js is missing: npm ci in tests/clients"
    return ""


def glb_file(folder: Path) -> Path:
    """Return the one GLB of an export."""
    (found,) = folder.glob("*.glb")
    return found


def validate(path: Path) -> dict[str, Any]:
    """Return the validator's version and issues."""
    done = subprocess.run(
        ["node", str(_HERE / "validate_gltf.mjs"), str(path)],
        cwd=_HERE,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def check(folder: Path) -> ClientFigures:
    """Open an export of the golden scene in three.js."""
    return figures(open_in_three(folder))


def figures(opened: Opened) -> ClientFigures:
    """Return what the golden scene's export is judged by."""
    errors = [
        distance(place, source.positions_m[time_s])
        for time_s, places in opened.places.items()
        for place, source in zip(places["sources"], SOURCES, strict=True)
        if time_s in source.positions_m
    ]
    errors += [distance(places["listener"], LISTENER_M) for places in opened.places.values()]
    return ClientFigures(
        client=f"three.js r{opened.version}",
        position_error_m=max(errors),
        left_db=levels(opened.sound, LEFT),
        right_db=levels(opened.sound, RIGHT),
        start_offset_samples=max(
            abs(burst_offset(opened.sound.sum(axis=1), source)) for source in SOURCES
        ),
    )


def levels(sound: np.ndarray, source: GoldenSource) -> tuple[float, float]:
    """Return the level of a source's tone in both channels, in dB."""
    left, right = (tone_db(channel, RATE_HZ, source.tone_hz, 0.6, 1.9) for channel in sound.T)
    return left, right


def distance(gltf_m, world_m) -> float:
    """Return how far a place in glTF's axes is from one in the world's."""
    x, y, z = world_m
    return float(np.linalg.norm(np.array(gltf_m) - (-y, z, -x)))


def open_in_three(folder: Path) -> Opened:
    """Load the GLB of an export and return what is in it."""
    with page_with(glb_file(folder)) as page:
        return Opened(
            version=page.run("client.version"),
            places={time: page.run(f"client.placesAt({time})") for time in BEHIND.positions_m},
            shapes=page.run("client.shapes()"),
            extension=page.run("client.extension"),
            sound=np.array(page.run(f"client.mix({RATE_HZ}, {round(DURATION_S * RATE_HZ)})")).T,
        )


@contextmanager
def page_with(path: Path, *, width: int = 960, height: int = 600) -> Iterator:
    """Give a page of Chromium in which three.js has loaded a GLB."""
    from chromium import Chromium

    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch)
        shutil.copy(_HERE / "gltf_page.html", site / "index.html")
        shutil.copy(path, site / "scene.glb")
        (site / "three").symlink_to(_THREE)
        flags = ("--use-angle=swiftshader", "--ignore-gpu-blocklist")
        with served(site) as address, Chromium(*flags) as browser:
            page = browser.page(width=width, height=height)
            page.open(f"{address}/index.html")
            page.wait_for("window.client", 60)
            yield page
