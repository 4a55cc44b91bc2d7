"""Speed of rendering: `python -m benchmarks.render_speed [--seconds 60]`.

Speeds are seconds of sound per second of CPU time (× real time) on one thread, 48 kHz, KEMAR with
all taps; the best of several repeats, so that other work on the machine disturbs them little. The
peer, in the same run, is SciPy's overlap-add convolution of each source with each ear.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import oaconvolve

from auralize.ambisonics.render import render_ambisonics
from auralize.dsp.convolution import StaticFilter
from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.output.rendering import render
from auralize.stream.binaural import BLOCK, render_binaural
from auralize.stream.renderer import StreamRenderer
from scenes import Scene, write_scene

RATE = 48_000


def best_cpu_s(work: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of some repeats."""
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def make_scene(count: int, seconds: float, *, moving: bool) -> Scene:
    """Return a scene of sources on an arc, standing, or swaying with a key every half second.

    Where they sway, sound takes its time: there is Doppler shift.
    """
    sources: list[dict[str, object]] = []
    rng = np.random.default_rng(1)
    for number, azimuth in enumerate(np.linspace(-1.2, 1.2, count)):
        place = np.array([2.5 * np.cos(azimuth), 2.5 * np.sin(azimuth), 1.2])
        keys = [
            {"time_s": float(t), "position_m": place + rng.normal(scale=0.1, size=3)}
            for t in np.arange(0, seconds, 0.5)
        ]
        where = {"keyframes": keys} if moving else {"position_m": place}
        sources.append({"name": str(number), "file": f"{number}.wav"} | where)
    return Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "duration_s": seconds,
            "sources": sources,
            "medium": {"propagation_delay": moving},
        }
    )


def filter_rows(sounds: np.ndarray, head: Hrtf) -> Iterator[tuple[str, Callable[[], object]]]:
    """Give the names and the work of the rows about filtering alone."""
    taps = head.impulse_responses[: len(sounds)].astype(np.float32)
    whole = sounds.shape[1] // BLOCK * BLOCK

    def ours() -> None:
        filtering = StaticFilter(taps, BLOCK)
        for start in range(0, whole, BLOCK):
            filtering.process(sounds[:, start : start + BLOCK])

    def peer() -> None:
        out = np.zeros((2, whole + taps.shape[2] - 1), dtype=np.float32)
        for sound, responses in zip(sounds, taps, strict=True):
            out += oaconvolve(sound[None, :whole], responses, axes=-1)

    yield "static filters, all taps, summed spectra", ours
    yield "the same by scipy.signal.oaconvolve", peer


def stream(scene: Scene, folder: Path, head: Hrtf) -> None:
    """Play a scene live, as `auralize listen` does, as fast as it goes."""
    block = np.empty((2, 512), dtype=np.float32)
    with StreamRenderer(scene, folder, head, block=512) as renderer:
        while not renderer.finished:
            renderer.process(block)


def scene_rows(
    scene: Scene, kind: str, folder: Path, head: Hrtf
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Give the names and the work of the rows about a whole scene, sound files included."""
    path = folder / f"{kind}.yaml"
    write_scene(path, scene)
    yield f"render_binaural, {kind}", lambda: deque(render_binaural(scene, folder, head), maxlen=0)
    yield f"StreamRenderer, blocks of 512, {kind}", lambda: stream(scene, folder, head)
    yield (
        f"render_ambisonics, order 3, {kind}",
        lambda: deque(render_ambisonics(scene, folder, order=3), maxlen=0),
    )
    yield f"render: file to file, measured, {kind}", lambda: render(path, folder / "out.wav")


def measure(count: int, seconds: float, repeats: int) -> None:
    """Print the table's rows for some number of sources."""
    rng = np.random.default_rng(0)
    sounds = 0.05 * rng.normal(size=(count, int(seconds * RATE))).astype(np.float32)
    head = read_hrtf().resampled(RATE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, sound in enumerate(sounds):
            soundfile.write(folder / f"{number}.wav", sound, RATE, subtype="FLOAT")
        for title, work in itertools.chain(
            filter_rows(sounds, head),
            scene_rows(make_scene(count, seconds, moving=False), "standing", folder, head),
            scene_rows(make_scene(count, seconds, moving=True), "moving", folder, head),
        ):
            speed = seconds / best_cpu_s(work, repeats)
            print(f"{title:<44}{count:>4}{speed:>9.0f} ×")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{arguments.seconds:g} s at {RATE} Hz, {os.cpu_count()} cores, load {load:.1f}")
    print(f"{'':<44}{'N':>4}{'speed':>11}")
    for count in (4, 16):
        measure(count, arguments.seconds, arguments.repeats)


if __name__ == "__main__":
    main()
