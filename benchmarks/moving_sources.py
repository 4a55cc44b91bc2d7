"""Moving sources: `python -m benchmarks.moving_sources [--seconds 300]`.

Prints the pitch error of the Doppler shift, the spurs of tones that pass the listener at 5 m/s, and
the memory that a long scene of 8 moving sources takes, at its middle and at its end: it must not
grow. `--seconds 3600` is the whole hour. Truth for the spurs are filters and delays that are new at
each sample: the response of the head for the direction at that time.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.stream.binaural import render_binaural
from benchmarks.render_speed import RATE, make_scene
from scenes import Scene

SOUND_M_S = 343.2


def tone(
    head: Hrtf, frequency: float, keys: Sequence[Mapping[str, object]], seconds: float
) -> np.ndarray:
    """Render a cosine and a sine along a path, as one complex tone for each ear."""
    turns = 2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE
    parts: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as folder:
        for wave in (np.cos, np.sin):
            soundfile.write(Path(folder) / "tone.wav", wave(turns), RATE, subtype="FLOAT")
            source = {"name": "tone", "file": "tone.wav", "keyframes": keys}
            scene = Scene.model_validate(
                {
                    "sample_rate_hz": RATE,
                    "sources": [source],
                    "medium": {"propagation_delay": True},
                }
            )
            blocks = list(render_binaural(scene, folder, head))
            parts.append(np.concatenate(blocks, axis=1).astype(np.float64))
    return parts[0] + 1j * parts[1]


def pitch_error_cents(head: Hrtf, frequency: float, speed_m_s: float) -> float:
    """Return how wrong the pitch of a source is that comes nearer."""
    keys = [{"time_s": t, "position_m": (60 - speed_m_s * t, 0, 1.2)} for t in (0.0, 2.0)]
    heard = tone(head, frequency, keys, 2.0)[0, RATE // 2 :]
    expected_hz = frequency / (1 - speed_m_s / SOUND_M_S)
    turned = heard * np.exp(-2j * np.pi * expected_hz * np.arange(len(heard)) / RATE)
    first, second = turned.reshape(2, -1) @ np.blackman(len(turned) // 2)
    drift_hz = np.angle(second / first) / (2 * np.pi * len(turned) / 2 / RATE)
    return 1200 * math.log2(1 + drift_hz / expected_hz)


def spurs_dbc(head: Hrtf, frequency: float, distance_m: float, beyond_hz: float) -> float:
    """Return the largest spur of a tone that passes at 5 m/s at some distance, over both ears."""
    speed_m_s = 5.0
    keys = [
        {"time_s": t, "position_m": (distance_m, speed_m_s * (0.5 - t), 1.2)} for t in (0.0, 1.0)
    ]
    heard = tone(head, frequency, keys, 1.0)
    interpolator = HrtfInterpolator(head)
    taps = interpolator.aligned_tap_count
    first, stop = RATE // 5, RATE - RATE // 10
    times = np.arange(first - taps + 1, stop) / RATE
    emitted = times
    for _ in range(10):
        across = speed_m_s * (0.5 - np.maximum(emitted, 0))
        emitted = times - np.hypot(distance_m, across) / SOUND_M_S
    across = speed_m_s * (0.5 - np.maximum(emitted, 0))
    distances = np.hypot(distance_m, across)
    directions = np.stack([distance_m / distances, across / distances, 0 * times], axis=1)
    delays = interpolator.delays_at(interpolator.places(directions))
    delays += distances[:, None] * RATE / SOUND_M_S - interpolator.early_samples
    delayed = np.exp(2j * np.pi * frequency * (times[:, None] - delays / RATE)).T
    expected = np.empty((2, stop - first), dtype=np.complex128)
    pasts = np.lib.stride_tricks.sliding_window_view(delayed, taps, axis=1)[..., ::-1]
    for begin in range(0, stop - first, 1024):
        some = slice(begin, begin + 1024)
        responses = interpolator.aligned(directions[taps - 1 :][some])[1]
        expected[:, some] = np.einsum("etk,tek->et", pasts[:, some], responses)
    ratio = heard[:, first:stop] / expected * distances[taps - 1 :]
    spectra = np.abs(np.fft.fft(ratio * np.blackman(stop - first)))
    away_hz = np.abs(np.fft.fftfreq(stop - first, 1 / RATE))
    spurs = spectra[:, away_hz > beyond_hz].max(axis=1) / spectra.max(axis=1)
    return 20 * math.log10(spurs.max())


def memory_mib() -> float:
    """Return how much memory this process has now."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def long_scene(head: Hrtf, seconds: float) -> None:
    """Render 8 moving sources of some length, and print the memory on the way."""
    with tempfile.TemporaryDirectory() as folder:
        # All sources read one file of a minute, over and over, by starting at other times.
        noise = 0.05 * np.random.default_rng(0).normal(size=60 * RATE)
        for number in range(8):
            with soundfile.SoundFile(
                Path(folder) / f"{number}.wav", "w", RATE, 1, subtype="PCM_16"
            ) as file:
                for _ in range(math.ceil(seconds / 60)):
                    file.write(noise)
        scene = make_scene(8, seconds, moving=True)
        marks = np.linspace(0, 1, 7)[1:]
        fractions: list[float] = []

        def progress(fraction: float) -> None:
            if len(fractions) < len(marks) and fraction >= marks[len(fractions)]:
                fractions.append(fraction)
                print(
                    f"memory after {fraction * seconds:6.0f} s of the scene: {memory_mib():.0f} MiB"
                )

        for _ in render_binaural(scene, folder, head, progress=progress):
            pass


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the long scene")
    arguments = parser.parse_args()
    head = read_hrtf().resampled(RATE)
    for frequency in (1000, 8000):
        for speed_m_s in (5.0, -20.0):
            cents = pitch_error_cents(head, frequency, speed_m_s)
            print(f"Doppler shift, {frequency} Hz, {speed_m_s:+g} m/s: {cents:+.4f} cent wrong")
    for frequency in (1000, 8000):
        for distance_m in (1.5, 3.0, 10.0):
            near, far = (spurs_dbc(head, frequency, distance_m, hz) for hz in (60, 300))
            print(
                f"spurs, {frequency} Hz passing at 5 m/s in {distance_m:g} m: "
                f"{near:.0f} dBc beyond 60 Hz, {far:.0f} dBc beyond 300 Hz"
            )
    long_scene(head, arguments.seconds)


if __name__ == "__main__":
    main()
