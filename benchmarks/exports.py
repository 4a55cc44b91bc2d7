"""All targets: `python -m benchmarks.exports [--seconds 60] [--targets web gltf] [--no-clients]`.

For each target, a client opens an export of the golden scene (tests/clients/golden_scene.py): the
largest error of a position, the levels of the left and the right source's tones in the client's
left and right ear (the difference says who is left), and the largest offset of a stem's start. Then
a quartet is exported: seconds of CPU and on the clock, and the size of the folder. Each of its
players has as many clouds a second, and points in them, as `auralize run` makes.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auralize.exporting import export
from capture.performer import Performer, write_performers
from capture.point_cloud import PointCloud
from capture.pose import Trajectory
from capture.simulate.sampler import play_part
from capture.simulate.score import compose
from scenes import Scene, write_scene
from scenes.export import TARGETS

RATE_HZ = 48_000
PLAYERS = ("violin", "viola", "cello", "saxophone")
CLOUDS_HZ = 2.0
POINTS = 11_000
CLIENTS = {"godot": "godot4_client"}
_CLIENT_FOLDER = Path(__file__).parents[1] / "tests" / "clients"


def make_quartet(folder: Path, seconds: float) -> Path:
    """Write a scene of four players with their sounds and clouds; return its path."""
    performers: list[Performer] = []
    sources: list[dict[str, Any]] = []
    (folder / "stems").mkdir(parents=True)
    for number, part in enumerate(compose(PLAYERS, seconds, seed=1)):
        rng = np.random.default_rng(number)
        sound = play_part(part, seconds, RATE_HZ, rng=rng)
        soundfile.write(folder / "stems" / f"{part.instrument}.wav", sound.samples[0], RATE_HZ)
        place = np.array([2.5, 1.2 - 0.8 * number, 1.0])
        performers.append(_performer(part.instrument, place, seconds, rng))
        sources.append(
            {
                "name": part.instrument,
                "file": f"stems/{part.instrument}.wav",
                "instrument": part.instrument,
                "reference_distance_m": 2.5,
                "position_m": tuple(place.round(3).tolist()),
                "performer": f"performers/{part.instrument}",
            }
        )
    write_performers(folder / "performers", performers)
    scene = Scene.model_validate(
        {
            "title": "Quartet",
            "sample_rate_hz": RATE_HZ,
            "duration_s": seconds,
            "sources": sources,
            "room": {"size_m": (8, 7, 3), "floor_center_m": (1, 0, 0), "rt60_s": 0.5},
        }
    )
    write_scene(folder / "scene.yaml", scene)
    return folder / "scene.yaml"


def _performer(name: str, place: np.ndarray, seconds: float, rng: np.random.Generator) -> Performer:
    """Return a player whose points, on a body and two arms, sway and waver as a camera's do."""
    times = np.arange(0, seconds, 1 / CLOUDS_HZ)
    away = rng.normal(size=(POINTS, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    radii = np.where(rng.random((POINTS, 1)) < 0.2, [[0.35, 0.07, 0.07]], [[0.15, 0.25, 0.7]])
    body = away * radii
    colors = (128 + 100 * away).astype(np.uint8)
    sway = 0.03 * np.sin(np.outer(times, [0.9, 1.3, 0.0]))
    clouds = tuple(
        PointCloud(
            positions_m=np.round(
                body + place + offset + rng.normal(0, 0.002, body.shape), 3
            ).astype(np.float32),
            colors=colors,
        )
        for offset in sway
    )
    return Performer(
        name=name,
        trajectory=Trajectory(
            times_s=times,
            positions_m=place + sway,
            orientations_wxyz=np.tile([0.0, 0.0, 0.0, 1.0], (len(times), 1)),
        ),
        cloud_times_s=times,
        clouds=clouds,
    )


def client_row(target: str, golden: Path, folder: Path) -> list[str]:
    """Return what a target's client finds in an export of the golden scene."""
    name = CLIENTS.get(target, f"{target}_client")
    if not (_CLIENT_FOLDER / f"{name}.py").is_file():
        return ["no client", "", "", "", ""]
    client = importlib.import_module(name)
    if client.missing():
        return [f"missing: {client.missing()}", "", "", "", ""]
    export(golden, target, folder)
    with contextlib.redirect_stdout(io.StringIO()):  # some tell all that they do
        figures: dict[str, Any] = dataclasses.asdict(client.check(folder))
    error_m = figures["position_error_m"]
    offset = figures["start_offset_samples"]
    return [
        figures["client"],
        "" if error_m is None else f"{1000 * error_m:.3f} mm",
        _levels(figures["left_db"]),
        _levels(figures["right_db"]),
        "" if offset is None else str(offset),
    ]


def _levels(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{pair[0]:.1f} / {pair[1]:.1f} dB"


def export_row(target: str, scene: Path, folder: Path) -> list[str]:
    """Return CPU time, time on the clock and size of an export."""
    before, started = _cpu_s(), time.perf_counter()
    export(scene, target, folder)
    cpu_s, clock_s = _cpu_s() - before, time.perf_counter() - started
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return [f"{cpu_s:.1f} s", f"{clock_s:.1f} s", f"{size / 1e6:.1f} MB"]


def _cpu_s() -> float:
    """Return seconds of CPU of this process and of those that it has started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--targets", nargs="+", choices=tuple(TARGETS), default=tuple(TARGETS))
    parser.add_argument("--no-clients", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(_CLIENT_FOLDER))
    from golden_scene import make_golden_scene  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        golden = make_golden_scene(root / "golden")
        quartet = make_quartet(root / "quartet", options.seconds)
        print(f"load average {os.getloadavg()[0]:.1f}, quartet of {options.seconds:g} s\n")
        print(
            "| target | client | position error | left source, left / right | right source, left "
            "/ right | start offset, samples | export, CPU | export, clock | size |"
        )
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        for target in options.targets:
            found = [""] * 5
            if not options.no_clients:
                found = client_row(target, golden, root / f"golden-{target}")
            row = [target, *found, *export_row(target, quartet, root / f"quartet-{target}")]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
