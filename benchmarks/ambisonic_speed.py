"""Speed of ambisonics: `python -m benchmarks.ambisonic_speed [--seconds 60] [--sources 16]`.

Standing and moving sources are encoded and decoded to headphones by MagLS with all taps, at 48 kHz
on one thread. Speeds are seconds of sound per second of CPU time (× real time), the best of several
repeats, so that other work on the machine disturbs them little. For scenes, reading the sound files
counts; the first row has the same sounds in memory.

In the same run: SciPy's overlap-add convolution of each channel with each ear's filter, which is
the decoder alone, and spaudiopy's `sh2bin`, which is that too, where spaudiopy is installed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import oaconvolve

from auralize.ambisonics.decoding import BinauralDecoder
from auralize.ambisonics.magls import magls_decoder
from auralize.ambisonics.render import render_ambisonics
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.hrtf.head import read_hrtf
from benchmarks.render_speed import best_cpu_s, make_scene
from scenes import Scene

RATE = 48_000
BLOCK = 32_768


def decode_blocks(decoder: BinauralDecoder, blocks: Iterable[np.ndarray]) -> None:
    """Decode blocks of channels and drop what comes out."""
    for block in blocks:
        channels = block
        if channels.shape[1] < BLOCK:
            channels = np.pad(channels, ((0, 0), (0, BLOCK - channels.shape[1])))
        decoder.process(channels)


def rows(
    order: int, scenes: dict[str, Scene], folder: Path
) -> list[tuple[str, Callable[[], object]]]:
    """Return the names and the work of the rows of an order."""
    head = read_hrtf().resampled(RATE)
    decoder = BinauralDecoder(head, order, block=BLOCK)
    filters = magls_decoder(head, order)
    rng = np.random.default_rng(0)
    seconds = scenes["standing"].duration_s or 0.0
    count = round(seconds * RATE)
    channels = 0.05 * rng.normal(size=(len(filters), count)).astype(np.float32)
    sounds = 0.05 * rng.normal(size=(len(scenes["standing"].sources), count)).astype(np.float32)
    directions = golden_spiral(len(sounds))

    def in_memory() -> None:
        gains = spherical_harmonics(directions, order).T.astype(np.float32)
        for at in range(0, count - BLOCK + 1, BLOCK):
            decoder.process(gains @ sounds[:, at : at + BLOCK])

    def both(kind: str) -> Callable[[], object]:
        return lambda: decode_blocks(decoder, render_ambisonics(scenes[kind], folder, order=order))

    def encode(kind: str) -> Callable[[], object]:
        return lambda: deque(render_ambisonics(scenes[kind], folder, order=order), maxlen=0)

    def floor() -> None:
        out = np.zeros((2, count + filters.shape[2] - 1), dtype=np.float32)
        for channel, responses in zip(channels, filters, strict=True):
            out += oaconvolve(channel[None], responses, axes=-1)

    found: list[tuple[str, Callable[[], object]]] = [
        ("encode and decode, standing, in memory", in_memory),
        *((f"encode and decode, scene of {kind}", both(kind)) for kind in scenes),
        *((f"encode, scene of {kind}", encode(kind)) for kind in scenes),
        (
            "decode",
            lambda: decode_blocks(
                decoder, (channels[:, at : at + BLOCK] for at in range(0, count, BLOCK))
            ),
        ),
        ("decode by scipy.signal.oaconvolve", floor),
    ]
    try:
        from spaudiopy import decoder as peer
    except ImportError:
        return found
    # It takes filters (ears, channels, taps) and returns (ears, samples).
    by_ear = np.swapaxes(filters, 0, 1)
    return [*found, ("decode by spaudiopy.sh2bin", lambda: peer.sh2bin(channels, by_ear))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sources", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 3, 5, 7])
    arguments = parser.parse_args()
    print(
        f"{arguments.sources} sources, {arguments.seconds:g} s at {RATE} Hz, {os.cpu_count()} "
        f"cores, load {os.getloadavg()[0]:.1f}"
    )
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(arguments.sources):
            sound = 0.05 * rng.normal(size=int(arguments.seconds * RATE)).astype(np.float32)
            soundfile.write(folder / f"{number}.wav", sound, RATE, subtype="FLOAT")
        scenes = {
            kind: make_scene(arguments.sources, arguments.seconds, moving=kind == "moving")
            for kind in ("standing", "moving")
        }
        for order in arguments.orders:
            start = time.process_time()
            magls_decoder(read_hrtf().resampled(RATE), order)
            print(
                f"\norder {order}: the decoder's design takes {time.process_time() - start:.1f} s"
            )
            for title, work in rows(order, scenes, folder):
                speed = arguments.seconds / best_cpu_s(work, arguments.repeats)
                print(f"  {title:<44}{speed:>8.0f} ×", flush=True)


if __name__ == "__main__":
    main()
