"""Put anechoic parts into a room and record them with the microphone array.

The room is a box around everybody, in the world frame (x front, y left, z up, floor at z = 0);
`room_response.py` says how it sounds. Players and microphones are omnidirectional and stand still.

Every image and the noise are parts of the recording: in float, it is exactly their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy import fft

from capture.simulate.room_response import simulate_responses
from capture.waveform import Waveform

MICROPHONE_NOISE_DBFS = -86.0
"""Self-noise of each channel, RMS: −22 dBFS at 94 dB SPL and a signal-to-noise ratio of 64 dB."""

PEAK_DBFS = -6.0
"""Where the largest sample of the sum of all images lies."""

_BALANCE_DB = 3.5
_RT60_S = (0.25, 0.5)
_NEAREST_M = 0.2
_SHORTEST_RT60_S = 0.1
_LONGEST_RT60_S = 0.8
_LOWEST_RATE_HZ = 16000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRecording:
    """What the microphones hear, and what it is made of.

    Attributes:
        audio: The recording: the sum of all images, and the noise.
        images: Shape (players, channels, samples), float32: each player as the microphones hear
            that player alone.
        noise: Shape (channels, samples), float32.
        impulse_responses: Shape (players, channels, taps), float32: image = gain · part ∗ response.
        gains: Shape (players,): linear gain of each part, balance and overall level together.
        rt60_s: Reverberation time around 1 kHz.
        bounds_m: Shape (2, 3): the corners of the room with the lowest and highest coordinates.
        absorption: Shape (6,): energy absorption of the walls at low x, high x, low y, high y, the
            floor and the ceiling.
    """

    audio: Waveform
    images: Float32[np.ndarray, "players channels samples"]
    noise: Float32[np.ndarray, "channels samples"]
    impulse_responses: Float32[np.ndarray, "players channels taps"]
    gains: Float64[np.ndarray, "players"]
    rt60_s: float
    bounds_m: Float64[np.ndarray, "2 3"]
    absorption: Float64[np.ndarray, "6"]


def record_in_room(
    parts: Sequence[Waveform],
    source_positions_m: Float[np.ndarray, "players 3"],
    microphone_positions_m: Float[np.ndarray, "channels 3"],
    *,
    seed: int,
    rt60_s: float | None = None,
    bounds_m: Float[np.ndarray, "2 3"] | None = None,
    noise_dbfs: float = MICROPHONE_NOISE_DBFS,
    center_channel: int = 0,
    progress: Callable[[float], None] | None = None,
) -> RoomRecording:
    """Record players in a room.

    The players' levels at the center microphone lie within ±3.5 dB of each other's middle; the sum
    of all peaks at −6 dBFS. All images are kept: 4 bytes for each player, channel and sample.

    Args:
        parts: One anechoic channel a player, all of one rate and length.
        source_positions_m: Where each player's sound comes from, world frame.
        microphone_positions_m: Where the microphones are, world frame.
        seed: Draws the room, its walls, the balance and the noise.
        rt60_s: Reverberation time around 1 kHz; drawn from 0.25 to 0.5 s if None.
        bounds_m: Lowest and highest corner of the room; drawn around everybody if None.
        noise_dbfs: RMS of each microphone's own noise.
        center_channel: Microphone at which the balance is set.
        progress: Called with the fraction done.

    Raises:
        ValueError: The parts differ in rate or length or are not mono; counts differ; a position is
            not finite, outside the room or in a wall; a player stands in a microphone; the
            reverberation time is not between 0.1 and 0.8 s (the cost grows with its cube); the rate
            is below 16 kHz.
    """
    sources = np.asarray(source_positions_m, dtype=np.float64)
    microphones = np.asarray(microphone_positions_m, dtype=np.float64)
    rate_hz = _check(parts, sources, microphones, center_channel)
    rng = np.random.default_rng(seed)
    bounds = _draw_bounds(rng, sources, microphones)
    if bounds_m is not None:
        bounds = np.asarray(bounds_m, dtype=np.float64)
        _check_bounds(bounds, sources, microphones)
    drawn_s = float(rng.uniform(*_RT60_S))
    rt60 = drawn_s if rt60_s is None else float(rt60_s)
    if not _SHORTEST_RT60_S <= rt60 <= _LONGEST_RT60_S:
        raise ValueError(
            f"rt60_s must be between {_SHORTEST_RT60_S} and {_LONGEST_RT60_S} s, got {rt60_s}."
        )
    hardness = rng.uniform(0.75, 1.25, 6)
    balance_db = rng.uniform(-_BALANCE_DB, _BALANCE_DB, len(parts))

    responses, absorption = simulate_responses(
        sources, microphones, bounds, hardness, rt60, rate_hz
    )
    images = _convolve(parts, responses, progress)
    gains = _balance(images[:, center_channel], balance_db)
    images *= gains[:, None, None].astype(np.float32)
    total = _sum(images)
    peak = float(np.abs(total).max())
    overall = 10 ** (PEAK_DBFS / 20) / peak if peak > 0 else 1.0
    images *= np.float32(overall)
    noise = rng.standard_normal(total.shape, dtype=np.float32)
    noise *= np.float32(10 ** (noise_dbfs / 20))
    return RoomRecording(
        audio=Waveform(samples=_sum(images) + noise, sample_rate_hz=rate_hz),
        images=images,
        noise=noise,
        impulse_responses=responses,
        gains=gains * overall,
        rt60_s=rt60,
        bounds_m=bounds,
        absorption=absorption,
    )


def _check(
    parts: Sequence[Waveform], sources: np.ndarray, microphones: np.ndarray, center_channel: int
) -> int:
    """Check what goes together; return the sample rate."""
    if not parts or sources.shape != (len(parts), 3):
        raise ValueError(
            f"source_positions_m must be ({len(parts)}, 3), a position for each of at least one "
            f"part, got {sources.shape}."
        )
    if microphones.ndim != 2 or microphones.shape[1] != 3 or len(microphones) == 0:
        raise ValueError(f"microphone_positions_m must be (channels, 3), got {microphones.shape}.")
    if not 0 <= center_channel < len(microphones):
        raise ValueError(f"center_channel {center_channel} is none of {len(microphones)} channels.")
    kinds = {(p.sample_rate_hz, p.channel_count, p.sample_count) for p in parts}
    if len(kinds) > 1 or parts[0].channel_count != 1 or parts[0].sample_count == 0:
        raise ValueError(
            "parts must be mono, of one rate and length, and not empty; got (rate, channels, "
            f"samples) {sorted(kinds)}."
        )
    if parts[0].sample_rate_hz < _LOWEST_RATE_HZ:
        raise ValueError(
            f"parts must have {_LOWEST_RATE_HZ} Hz or more, got {parts[0].sample_rate_hz} Hz."
        )
    if not (np.isfinite(sources).all() and np.isfinite(microphones).all()):
        raise ValueError("positions must be finite.")
    distances = np.linalg.norm(sources[:, None] - microphones, axis=2)
    if distances.min() < _NEAREST_M:
        raise ValueError(
            f"a player is {distances.min():.2f} m from a microphone: keep {_NEAREST_M} m."
        )
    return parts[0].sample_rate_hz


def _check_bounds(bounds: np.ndarray, sources: np.ndarray, microphones: np.ndarray) -> None:
    everybody = np.concatenate([sources, microphones])
    if bounds.shape != (2, 3) or not np.isfinite(bounds).all():
        raise ValueError(f"bounds_m must be two finite corners, shape (2, 3), got {bounds}.")
    if not ((everybody > bounds[0]).all() and (everybody < bounds[1]).all()):
        raise ValueError(f"everybody must be inside the room {bounds.tolist()}, got {everybody}.")


def _draw_bounds(
    rng: np.random.Generator, sources: np.ndarray, microphones: np.ndarray
) -> Float64[np.ndarray, "2 3"]:
    """Draw a box around everybody: walls at 0.7 to 2 m from the nearest, at least 4 m apart."""
    everybody = np.concatenate([sources, microphones])
    if everybody[:, 2].min() <= 0:
        raise ValueError(f"positions must be above the floor (z > 0), got {everybody[:, 2].min()}.")
    low = everybody.min(axis=0) - rng.uniform(0.7, 2.0, 3)
    high = everybody.max(axis=0) + rng.uniform(0.7, 2.0, 3)
    narrow = np.maximum(0.0, rng.uniform(4.0, 5.5, 3) - (high - low)) / 2
    low, high = low - narrow, high + narrow
    low[2], high[2] = 0.0, max(float(rng.uniform(2.6, 3.8)), everybody[:, 2].max() + 0.5)
    return np.stack([low, high])


def _convolve(
    parts: Sequence[Waveform],
    responses: Float32[np.ndarray, "players channels taps"],
    progress: Callable[[float], None] | None,
) -> Float32[np.ndarray, "players channels samples"]:
    """Return every part as every microphone hears it, cut at the parts' length."""
    players, channels, taps = responses.shape
    count = parts[0].sample_count
    size = fft.next_fast_len(count + taps - 1, real=True)
    images = np.empty((players, channels, count), dtype=np.float32)
    for player, part in enumerate(parts):
        spectrum = np.asarray(fft.rfft(part.samples[0], size))
        for channel in range(channels):
            response = np.asarray(fft.rfft(responses[player, channel], size))
            images[player, channel] = np.asarray(fft.irfft(spectrum * response, size))[:count]
        if progress is not None:
            progress((player + 1) / players)
    return images


def _balance(
    images: Float32[np.ndarray, "players samples"], balance_db: Float64[np.ndarray, "players"]
) -> Float64[np.ndarray, "players"]:
    """Return the gains that bring the players' RMS to the levels drawn; silence keeps gain 1."""
    rms = np.sqrt(np.mean(np.square(images, dtype=np.float64), axis=1))
    sounding = rms > 0
    return np.where(sounding, 10 ** (balance_db / 20) / np.where(sounding, rms, 1.0), 1.0)


def _sum(images: Float32[np.ndarray, "players channels samples"]) -> np.ndarray:
    """Add the players up in their order, in float32, so that anybody can repeat it exactly."""
    return reduce(np.add, images)
