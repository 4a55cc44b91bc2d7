"""What the check of a client finds, for tests to judge and benchmarks/exports.py to tabulate.

Each `<target>_client.py` has `check(folder) -> ClientFigures`, which opens an export of the golden
scene in a client, and `missing() -> str`, why it cannot (empty where it can).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from golden_scene import BURST_SAMPLE, BURST_SAMPLES, GoldenSource, golden_sound


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFigures:
    """Figures of one export in one client.

    Attributes:
        client: Name and version.
        position_error_m: Largest distance between where the client has a source (or the listener)
            and where it belongs, over all sources and times.
        left_db: Level of the left source's tone in the client's left and right output, where the
            client makes sound; else None.
        right_db: Likewise, of the right source.
        start_offset_samples: Largest distance of a stem's start from where it belongs.
    """

    client: str
    position_error_m: float | None = None
    left_db: tuple[float, float] | None = None
    right_db: tuple[float, float] | None = None
    start_offset_samples: int | None = None


def tone_db(sound: np.ndarray, rate_hz: int, tone_hz: float, start_s: float, stop_s: float):
    """Return the amplitude of a tone in dB, in one channel between two times."""
    samples = np.arange(round(start_s * rate_hz), round(stop_s * rate_hz))
    window = np.hanning(len(samples))
    turning = np.exp(-2j * np.pi * tone_hz / rate_hz * samples) * window
    amplitude = 2 * abs(turning @ sound[samples]) / window.sum()
    return float(20 * np.log10(max(amplitude, 1e-9)))


def burst_offset(sound: np.ndarray, source: GoldenSource) -> int:
    """Return by how many samples a source's burst comes later than it should, in one channel."""
    burst = golden_sound(source)[BURST_SAMPLE : BURST_SAMPLE + BURST_SAMPLES].astype(np.float64)
    reach = 4000
    part = sound[BURST_SAMPLE - reach : BURST_SAMPLE + BURST_SAMPLES + reach].astype(np.float64)
    return int(np.argmax(np.abs(np.correlate(part, burst, "valid")))) - reach
