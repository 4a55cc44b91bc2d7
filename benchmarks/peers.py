"""Speed beside peers: `python -m benchmarks.peers --peers-env FOLDER [--plot FILE]`.

Renders the same noise from the same places through the same head (MIT KEMAR at 48 kHz, all taps)
with this project and with peers. Each peer runs in a virtual environment of its own below FOLDER,
which is made when it is missing and kept for the next run; a peer that cannot be installed says so
in its row. Speeds are seconds of sound per second of CPU time (× real time) on one thread, the
best of some repeats. Peers have the sounds in memory and the head prepared, as our row `standing`
has; our rows of scenes include reading sound files and preparing the head.

`listed` is what a peer reached when this project chose its targets. Where one stays below 85 % of
that, a last line tells whether the machine is slower now, as plain convolution by SciPy has it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from auralize.ambisonics.decoding import BinauralDecoder
from auralize.ambisonics.render import render_ambisonics
from auralize.dsp.convolution import StaticFilter
from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.stream.binaural import render_binaural
from benchmarks.ambisonic_speed import BLOCK, decode_blocks
from benchmarks.peer_worker import best_cpu_s
from benchmarks.sofa_file import write_sofa
from scenes import Scene

RATE = 48_000
COUNTS = (4, 16)
REQUIREMENTS = {
    "scipy": ["scipy>=1.11"],
    "py3dti": ["py3dti==0.3.0"],
    "pyroomacoustics": ["pyroomacoustics==0.10.1"],
    "spaudiopy": ["spaudiopy==0.2.0", "scipy<1.15"],  # it calls sph_harm, which is gone since
}
# What each render reached when the targets were chosen, × real time, for 4 and 16 sources.
LISTED = {
    ("scipy", "standing"): (319, 83),
    ("py3dti", "standing"): (65, 16),
    ("py3dti", "moving"): (58, 14),
    ("pyroomacoustics", "standing"): (38, 9.3),
    ("spaudiopy", "order-3 decoding"): (10.5, 10.5),
}
TARGETS = {
    "standing": (1300, 350),
    "scene, standing": (None, None),
    "scene, moving": (150, 40),
    "order 3 and MagLS": (None, 270),
}
ENOUGH = 0.85
_ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What everybody renders.

    Attributes:
        noise: Shape (sources, samples).
        times_s: Of the keyframes.
        places_m: Around the listener's head, shape (sources, keyframes, 3).
    """

    noise: np.ndarray
    times_s: np.ndarray
    places_m: np.ndarray


def make_task(count: int, seconds: float) -> Task:
    """Return noise from sources on an arc, which sway with a key every half second."""
    rng = np.random.default_rng(1)
    times_s = np.arange(0.0, seconds, 0.5)
    azimuths = np.linspace(-1.2, 1.2, count)
    arc = 2.5 * np.stack([np.cos(azimuths), np.sin(azimuths), 0 * azimuths], axis=1)
    places = arc[:, None] + rng.normal(scale=0.1, size=(count, len(times_s), 3))
    noise = 0.05 * rng.normal(size=(count, int(seconds * RATE)))
    return Task(noise=noise.astype(np.float32), times_s=times_s, places_m=places)


def make_scene(task: Task, *, moving: bool) -> Scene:
    """Return the task as a scene, the listener at the origin."""
    sources: list[dict[str, object]] = []
    for number, places in enumerate(task.places_m):
        keys = [
            {"time_s": float(t), "position_m": place}
            for t, place in zip(task.times_s, places, strict=True)
        ]
        where = {"keyframes": keys} if moving else {"position_m": places[0]}
        sources.append({"name": str(number), "file": f"{number}.wav"} | where)
    seconds = task.noise.shape[1] / RATE
    return Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "duration_s": seconds,
            "listener": {"position_m": (0.0, 0.0, 0.0)},
            "sources": sources,
        }
    )


def time_ours(task: Task, head: Hrtf, folder: Path, repeats: int) -> dict[str, float]:
    """Return CPU seconds of this project's renders, sound files read."""
    for number, sound in enumerate(task.noise):
        soundfile.write(folder / f"{number}.wav", sound, RATE, subtype="FLOAT")
    first = task.places_m[:, 0] / np.linalg.norm(task.places_m[:, 0], axis=1, keepdims=True)
    taps = HrtfInterpolator(head).impulse_responses(first)

    def filter_all() -> None:
        filtering = StaticFilter(taps, BLOCK)
        for start in range(0, task.noise.shape[1] - BLOCK + 1, BLOCK):
            filtering.process(task.noise[:, start : start + BLOCK])

    found = {"standing": best_cpu_s(filter_all, repeats)}
    for kind in ("standing", "moving"):
        scene = make_scene(task, moving=kind == "moving")
        found[f"scene, {kind}"] = best_cpu_s(
            lambda scene=scene: deque(render_binaural(scene, folder, head), maxlen=0), repeats
        )
    decoder = BinauralDecoder(head, 3, block=BLOCK)
    scene = make_scene(task, moving=False)
    found["order 3 and MagLS"] = best_cpu_s(
        lambda: decode_blocks(decoder, render_ambisonics(scene, folder, order=3)), repeats
    )
    return found


def python_of(peer: str, folder: Path) -> Path:
    """Return the interpreter of a peer's environment, which is made if it is missing.

    Raises:
        RuntimeError: The peer cannot be installed; the message is pip's last line.
    """
    home = folder / peer
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    if ready.is_file() and ready.read_text() == str(REQUIREMENTS[peer]):
        return python
    venv.create(home, with_pip=True, clear=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "numpy", *REQUIREMENTS[peer]],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode != 0:
        lines = [line for line in installed.stderr.splitlines() if line.strip()]
        raise RuntimeError(f"cannot be installed: {lines[-1] if lines else 'pip failed'}")
    ready.write_text(str(REQUIREMENTS[peer]))
    return python


def time_peer(peer: str, task_file: Path, folder: Path, repeats: int) -> dict[str, float] | str:
    """Return CPU seconds of a peer's renders, or why there are none."""
    try:
        python = python_of(peer, folder)
    except (RuntimeError, OSError) as error:
        return str(error)
    worker = Path(__file__).with_name("peer_worker.py")
    done = subprocess.run(
        [python, worker, peer, task_file, str(repeats)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | _ONE_THREAD | {"PYTHONPATH": ""},
    )
    if done.returncode != 0:
        return f"stopped with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found.get("reason", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        who: A peer, or "this project".
        what: Which render, or why there is none.
        count: Of sources.
        speed: × real time; 0 where there is none.
    """

    who: str
    what: str
    count: int
    speed: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Speed over what is listed for a peer."""
        if self.speed == 0.0 or self.who not in REQUIREMENTS:
            return None
        return self.speed / LISTED[self.who, self.what][COUNTS.index(self.count)]

    def __str__(self) -> str:
        row = f"{self.who:<18}{self.what:<20}{self.count:>4}"
        if self.speed == 0.0:
            return row
        row += f"{self.speed:>9.0f} ×"
        if self.ratio is not None:
            below = f" (below {ENOUGH:g})" if self.ratio < ENOUGH else ""
            return f"{row}   ratio to the listed {self.ratio:.2f}{below}"
        target = TARGETS[self.what][COUNTS.index(self.count)]
        if target is None:
            return row
        return f"{row}   target {target:g} × {'reached' if self.speed >= target else 'MISSED'}"


def measure(count: int, seconds: float, repeats: int, folder: Path) -> Iterator[Row]:
    """Give the rows for some number of sources."""
    task = make_task(count, seconds)
    head = read_hrtf().resampled(RATE)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for what, cpu_s in time_ours(task, head, work, repeats).items():
            yield Row(who="this project", what=what, count=count, speed=seconds / cpu_s)
        write_sofa(work / "head.sofa", head)
        np.savez(
            work / "task.npz",
            rate_hz=RATE,
            noise=task.noise,
            times_s=task.times_s,
            places_m=task.places_m,
            directions=head.directions,
            responses=head.impulse_responses,
            sofa=str(work / "head.sofa"),
        )
        for peer in REQUIREMENTS:
            found = time_peer(peer, work / "task.npz", folder, repeats)
            if isinstance(found, str):
                yield Row(who=peer, what=found, count=count)
                continue
            for what, cpu_s in found.items():
                yield Row(who=peer, what=what, count=count, speed=seconds / cpu_s)


def explanation(rows: list[Row]) -> str | None:
    """Return why peers are slower than listed, as far as SciPy's plain convolution tells."""
    slow = [row for row in rows if row.ratio is not None and row.ratio < ENOUGH]
    plain = [row.ratio for row in rows if row.who == "scipy" and row.ratio is not None]
    if not slow or not plain:
        return None
    machine = sum(plain) / len(plain)
    others = sorted({row.who for row in slow if row.ratio < ENOUGH * min(1.0, machine)} - {"scipy"})
    line = f"Plain convolution by SciPy runs at {machine:.2f} of its listed speed: the machine is "
    line += "slower or busier by so much." if machine < 1.0 else "not slower."
    return line + (f" That does not explain {', '.join(others)}." if others else "")


def draw(rows: list[Row], path: Path) -> None:
    """Plot the speeds as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, count in zip(figure.subplots(1, len(COUNTS)), COUNTS, strict=True):
        shown = [row for row in rows if row.count == count and row.speed > 0][::-1]
        names = [f"{row.who}, {row.what}" for row in shown]
        colours = ["tab:red" if row.who == "this project" else "tab:gray" for row in shown]
        bars = axes.barh(names, [row.speed for row in shown], color=colours, log=True)
        axes.bar_label(bars, fmt="%.0f ×", padding=3)
        axes.set(xlim=(1, 20_000), title=f"{count} sources", xlabel="× real time, one thread")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-env", type=Path, required=True, help="folder of environments")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--plot", type=Path, default=None, help="write a picture (PNG) to this file"
    )
    arguments = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in _ONE_THREAD):
        # Libraries read these when they are imported, so start again with them.
        command = [sys.executable, "-m", "benchmarks.peers", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | _ONE_THREAD, check=False).returncode)
    arguments.peers_env.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    print(f"{arguments.seconds:g} s at {RATE} Hz, one thread, load {load:.1f}")
    rows: list[Row] = []
    for count in COUNTS:
        for row in measure(count, arguments.seconds, arguments.repeats, arguments.peers_env):
            print(row, flush=True)
            rows.append(row)
    reason = explanation(rows)
    if reason is not None:
        print(reason)
    if arguments.plot is not None:
        draw(rows, arguments.plot)


if __name__ == "__main__":
    main()
