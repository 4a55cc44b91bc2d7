"""Random changes of sound, so that the network hears instruments and not samples.

A source runs through a change of speed, an equalizer of random peaks and tilt, and a random room,
all as one product in the frequency domain. Rooms are shaped noise after a direct sound, with random
decay time and direct-to-reverberant ratio: short ones, as a player 1 to 4 m away sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    from jaxtyping import Float32

Signal: TypeAlias = "Float32[np.ndarray, ' samples']"


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Amounts; zero switches a change off.

    Attributes:
        speed: Largest relative change of speed and pitch, both ways.
        peak_db: Standard deviation of the equalizer's peaks.
        peaks: Largest number of peaks.
        tilt_db: Standard deviation of the slope, dB per octave.
        gain_db: Largest change of a source's level, both ways.
        decay_s: Shortest and longest decay time of the room (60 dB).
        direct_db: Smallest and largest direct-to-reverberant energy ratio.
        dry_share: Share of mixtures without a room.
        noise_db: Smallest and largest ratio of mixture to background noise.
    """

    speed: float = 0.05
    peak_db: float = 4.5
    peaks: int = 6
    tilt_db: float = 2.0
    gain_db: float = 7.0
    decay_s: tuple[float, float] = (0.15, 0.7)
    direct_db: tuple[float, float] = (-4.0, 12.0)
    dry_share: float = 0.12
    noise_db: tuple[float, float] = (22.0, 65.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What all players of a mixture share: decay time in seconds (0 for none)."""

    decay_s: float


def draw_room(config: AugmentConfig, rng: np.random.Generator) -> Room:
    """Choose a room for a mixture."""
    if rng.random() < config.dry_share:
        return Room(decay_s=0.0)
    return Room(decay_s=float(rng.uniform(*config.decay_s)))


def equalizer_db(
    config: AugmentConfig, frequencies_hz: Float32[np.ndarray, " bins"], rng: np.random.Generator
) -> Float32[np.ndarray, " bins"]:
    """Return a random smooth gain curve in dB."""
    octaves = np.linspace(np.log2(30.0), np.log2(6000.0), 80)
    curve = (octaves - np.log2(1000.0)) * rng.normal(0.0, config.tilt_db)
    for _ in range(int(rng.integers(config.peaks + 1))):
        centre = rng.uniform(octaves[0] + 1.5, octaves[-1])
        width = rng.uniform(0.12, 0.9)
        curve += rng.normal(0.0, config.peak_db) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    curve = np.clip(curve, -24.0, 18.0)
    return np.interp(np.log2(np.maximum(frequencies_hz, 20.0)), octaves, curve).astype(np.float32)


def room_response(
    config: AugmentConfig, room: Room, sample_rate_hz: int, rng: np.random.Generator
) -> Signal:
    """Return a random impulse response of unit energy: direct sound, then a decaying tail.

    High frequencies decay faster, by a one-pole low-pass whose share grows with time.
    """
    if room.decay_s <= 0.0:
        return np.ones(1, np.float32)
    count = int(min(room.decay_s, 0.8) * sample_rate_hz)
    times = np.arange(count, dtype=np.float32) / sample_rate_hz
    noise = rng.standard_normal(count, dtype=np.float32)
    dull = np.convolve(noise, np.full(4, 0.5, np.float32))[:count]
    share = np.clip(times / room.decay_s * rng.uniform(0.3, 1.5), 0.0, 1.0)
    tail = (noise * (1 - share) + dull * share) * np.exp(-6.91 * times / room.decay_s)
    # Reflections are sparse at first: keep few of the first 40 ms' samples.
    density = np.clip((times / 0.04) ** 2 + 0.01, 0.0, 1.0)
    tail *= rng.random(count, dtype=np.float32) < density
    start = int(rng.uniform(0.001, 0.006) * sample_rate_hz)
    response = np.zeros(count + start + 1, np.float32)
    energy = float(np.square(tail).sum()) + 1e-12
    ratio = 10 ** (rng.uniform(*config.direct_db) / 10)
    response[start + 1 :] = tail / np.sqrt(energy * ratio)
    fraction = rng.random()
    response[0] += 1.0 - fraction
    response[1] += fraction
    return response / np.sqrt(np.square(response).sum())


def play_in_room(
    dry: Signal,
    count: int,
    curve_db: Float32[np.ndarray, " bins"],
    response: Signal,
) -> Signal:
    """Change the speed of `dry` to last `count` samples, equalize it and put it in a room.

    Args:
        dry: Sound; its length over `count` is the change of speed.
        count: Samples to return; the tail after them is cut off.
        curve_db: Gains at the bins of `working_size(count)`.
        response: Of the room.
    """
    size = working_size(count)
    if len(dry) != count:
        spectrum = np.asarray(scipy.fft.rfft(dry))
        kept = min(len(spectrum), count // 2 + 1)
        dry = np.asarray(scipy.fft.irfft(spectrum[:kept], n=count)) * np.float32(count / len(dry))
    spectrum = np.asarray(scipy.fft.rfft(dry, n=size)) * 10 ** (curve_db / 20)
    spectrum *= np.asarray(scipy.fft.rfft(response, n=size))
    return np.asarray(scipy.fft.irfft(spectrum, n=size))[:count].astype(np.float32)


def working_size(count: int) -> int:
    """Length of the transforms for windows of `count` samples: room for tails."""
    return fast_length(count + 8000)


def fast_length(least: int) -> int:
    """Return the shortest length from `least` on whose transforms are fast."""
    return int(scipy.fft.next_fast_len(least, real=True) or least)


def background_noise(
    count: int, sample_rate_hz: int, rng: np.random.Generator
) -> Float32[np.ndarray, " samples"]:
    """Return noise of unit RMS whose spectrum falls by a random 0 to 6 dB per octave."""
    spectrum = np.asarray(scipy.fft.rfft(rng.standard_normal(count, dtype=np.float32)))
    frequencies = scipy.fft.rfftfreq(count, 1 / sample_rate_hz)
    spectrum *= np.maximum(frequencies, 50.0) ** -rng.uniform(0.0, 1.0)
    noise = np.asarray(scipy.fft.irfft(spectrum, n=count))
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
