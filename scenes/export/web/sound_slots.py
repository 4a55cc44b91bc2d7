"""A source's sound for the page: MP3, slot by slot, so that the first sounds at once.

Every browser decodes MP3 (Safari learnt Ogg in 2024), and at 112 kbit/s for one channel it holds a
fifth of the room of 16-bit samples. An MP3 begins and ends badly, so each slot is encoded with some
sound of its neighbours, which the page cuts away, with a short fade from slot to slot. How late a
browser's decoder is, the page finds with an MP3 of one impulse (`probe`).

Each source is encoded at full level and turned down on playing: what is quiet is not lost.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.errors import DependencyError

if TYPE_CHECKING:
    from jaxtyping import Float32

LEAD = 2400
"""Samples of the neighbours before and after each slot."""

MP3_RATES_HZ = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)
"""Rates that are encoded as they are; others are resampled to the nearest of these from above."""

PROBE_IMPULSE = 6000
"""Sample of the impulse in the probe."""

_PROBE_SAMPLES = 12_000
_FULL = 0.9
# libsndfile's 0.7 is 112 kbit/s for one channel at 32 to 48 kHz.
_COMPRESSION = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSlots:
    """The packed sound of a source.

    Attributes:
        level: Factor from what is decoded to the source's samples.
        slots: One MP3 for each slot of the scene; empty where it is silent.
        loudness: Level over time for display, 0 to 255, about five a second.
    """

    level: float
    slots: tuple[bytes, ...]
    loudness: bytes


def page_rate_hz(sample_rate_hz: int) -> int:
    """Return the rate at which the page's sound is encoded."""
    return min((rate for rate in MP3_RATES_HZ if rate >= sample_rate_hz), default=MP3_RATES_HZ[0])


def at_page_rate(
    samples: Float32[np.ndarray, "samples"], sample_rate_hz: int
) -> Float32[np.ndarray, "samples"]:
    """Return samples at the page's rate."""
    rate_hz = page_rate_hz(sample_rate_hz)
    if rate_hz == sample_rate_hz:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, sample_rate_hz, rate_hz), dtype=np.float32)


def pack_sound(
    samples: Float32[np.ndarray, "samples"],
    rate_hz: int,
    *,
    slot_samples: int,
    slot_count: int,
) -> SoundSlots:
    """Pack the sound of a source.

    Args:
        samples: Mono, at a rate of `MP3_RATES_HZ`.
        rate_hz: That rate.
        slot_samples: Length of a slot.
        slot_count: Slots of the scene.

    Raises:
        DependencyError: This libsndfile writes no MP3.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    scale = _FULL / peak if peak > 0 else 1.0
    padded = np.zeros(slot_count * slot_samples + 2 * LEAD, dtype=np.float32)
    # Resampling may round a sample beyond the last slot.
    kept = samples[: slot_count * slot_samples]
    padded[LEAD : LEAD + len(kept)] = kept * np.float32(scale)
    slots: list[bytes] = []
    for slot in range(slot_count):
        part = padded[slot * slot_samples : (slot + 1) * slot_samples + 2 * LEAD]
        slots.append(_mp3(part, rate_hz) if np.any(part) else b"")
    level = 1 / (scale * _encoder_gain(rate_hz))
    return SoundSlots(level=level, slots=tuple(slots), loudness=_loudness(samples, rate_hz))


def probe(rate_hz: int) -> bytes:
    """Return an MP3 of one impulse, with which the page finds how late its decoder is."""
    samples = np.zeros(_PROBE_SAMPLES, dtype=np.float32)
    samples[PROBE_IMPULSE] = _FULL
    return _mp3(samples, rate_hz)


@functools.cache
def _encoder_gain(rate_hz: int) -> float:
    """Return the factor of the encoder: LAME turns all down a little (0.4 dB at 112 kbit/s)."""
    import soundfile

    tone = 0.5 * np.sin(2 * np.pi * 1000 / rate_hz * np.arange(rate_hz)).astype(np.float32)
    decoded, _ = soundfile.read(io.BytesIO(_mp3(tone, rate_hz)), dtype="float32")
    middle = slice(rate_hz // 4, 3 * rate_hz // 4)
    return float(np.dot(decoded[middle], tone[middle]) / np.dot(tone[middle], tone[middle]))


def _mp3(samples: Float32[np.ndarray, "samples"], rate_hz: int) -> bytes:
    import soundfile

    if "MP3" not in soundfile.available_formats():
        raise DependencyError(
            f"libsndfile {soundfile.__libsndfile_version__} writes no MP3, which the page needs: "
            "install soundfile from PyPI, whose libsndfile does (1.1 or newer)."
        )
    file = io.BytesIO()
    soundfile.write(
        file,
        samples,
        rate_hz,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=_COMPRESSION,
        bitrate_mode="CONSTANT",
    )
    return file.getvalue()


def _loudness(samples: Float32[np.ndarray, "samples"], rate_hz: int) -> bytes:
    """Return the level of each 0.2 s, relative to the loudest: −48 dB is 0, and 255 is 0 dB."""
    window = max(1, round(0.2 * rate_hz))
    count = -(-len(samples) // window)
    padded = np.zeros(count * window, dtype=np.float64)
    padded[: len(samples)] = samples
    power = np.mean(np.square(padded.reshape(count, window)), axis=1)
    loudest = power.max(initial=0.0)
    if loudest <= 0:
        return bytes(count)
    level_db = 10 * np.log10(np.maximum(power / loudest, 1e-9))
    return np.clip(np.round(255 * (1 + level_db / 48)), 0, 255).astype(np.uint8).tobytes()
