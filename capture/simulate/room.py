"""Put anechoic parts into a room and record them with the microphone array.

The room is a box around everybody, in the world frame (x front, y left, z up, floor at z = 0).
pyroomacoustics' image sources give the responses: arrivals at distance / 343 m/s, amplitude 1 at
one metre. A first, short simulation calibrates the walls so that the level decays in the
reverberation time asked for. The walls are taken as grey; that treble decays faster is done after
the direct sound, band by band. Players and microphones are omnidirectional and stand still.

Every image and the noise are parts of the recording: in float, it is exactly their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy import fft, signal

from capture.waveform import Waveform

SPEED_OF_SOUND_M_S = 343.0

MICROPHONE_NOISE_DBFS = -86.0
"""Self-noise of each channel, RMS: −22 dBFS at 94 dB SPL and a signal-to-noise ratio of 64 dB."""

PEAK_DBFS = -6.0
"""Where the largest sample of the sum of all images lies."""

_BALANCE_DB = 3.5
_RT60_S = (0.25, 0.5)
_NEAREST_M = 0.2
# Reverberation time by octave band beside the longest, as in furnished rooms: air and cloth take
# the treble.
_BAND_CENTERS_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
_BAND_RT60 = (1.0, 0.95, 0.9, 0.87, 0.83, 0.75, 0.58, 0.42)
_REFERENCE_BAND = 3
_CALIBRATED_HZ = (500.0, 4000.0)
_FRACTIONAL_DELAY_TAPS = 81


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
    of all peaks at −6 dBFS.

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
            reverberation time is not between 0.1 and 2 s.
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
    if not 0.1 <= rt60 <= 2.0:
        raise ValueError(f"rt60_s must be between 0.1 and 2 s, got {rt60_s}.")
    hardness = rng.uniform(0.75, 1.25, 6)
    balance_db = rng.uniform(-_BALANCE_DB, _BALANCE_DB, len(parts))

    responses, absorption = _simulate(sources, microphones, bounds, hardness, rt60, rate_hz)
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


def _simulate(
    sources: np.ndarray,
    microphones: np.ndarray,
    bounds: np.ndarray,
    hardness: np.ndarray,
    rt60_s: float,
    rate_hz: int,
) -> tuple[Float32[np.ndarray, "players channels taps"], Float64[np.ndarray, "6"]]:
    """Return all responses of the room, and the absorption of its walls."""
    longest_s = rt60_s / _BAND_RT60[_REFERENCE_BAND]
    size = bounds[1] - bounds[0]
    # A path of length c·t along a diagonal meets c·t·√Σ(1/L²) walls: images up to that order are
    # complete until the level has fallen by 40 dB.
    order = int(np.ceil(SPEED_OF_SOUND_M_S * longest_s * 40 / 60 * np.sqrt(np.sum(size**-2.0))))
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    # Eyring's formula is only where the search starts: few boxes are as diffuse as it assumes.
    eyring = 1 - np.exp(-24 * np.log(10) / SPEED_OF_SOUND_M_S * size.prod() / (surface * longest_s))
    low, high = 0.02, 0.95
    mean = float(np.clip(eyring, low, high))
    for _ in range(7):
        trial = _image_sources(
            sources, microphones[:1], bounds, _walls(mean, hardness), order, rate_hz
        )
        measured_s = decay_time(trial, rate_hz, band_hz=_CALIBRATED_HZ)
        if abs(measured_s / longest_s - 1) < 0.01:
            break
        low, high = (mean, high) if measured_s > longest_s else (low, mean)
        # The decay rate is nearly proportional to −log(1 − absorption).
        guess = 1 - (1 - mean) ** (measured_s / longest_s)
        mean = guess if low < guess < high else (low + high) / 2
    walls = _walls(mean, hardness)
    responses = _image_sources(sources, microphones, bounds, walls, order, rate_hz)
    first = np.linalg.norm(sources[:, None] - microphones, axis=2) / SPEED_OF_SOUND_M_S
    return _damp_treble(responses, first, longest_s, rate_hz), walls


def _walls(mean: float, hardness: np.ndarray) -> Float64[np.ndarray, "6"]:
    """Return the absorption of six walls about a mean one."""
    return 1 - (1 - mean) ** hardness


def _image_sources(
    sources: np.ndarray,
    microphones: np.ndarray,
    bounds: np.ndarray,
    walls: np.ndarray,
    order: int,
    rate_hz: int,
) -> Float64[np.ndarray, "players channels taps"]:
    """Return the responses of a box with grey walls; tap 0 is the moment of emission."""
    import pyroomacoustics

    constants = pyroomacoustics.constants
    kept = {name: constants.get(name) for name in ("rir_hpf_enable", "frac_delay_length", "c")}
    constants.set("rir_hpf_enable", False)  # its zero-phase filter would sound before the source
    constants.set("frac_delay_length", _FRACTIONAL_DELAY_TAPS)
    constants.set("c", SPEED_OF_SOUND_M_S)
    try:
        names = ("west", "east", "south", "north", "floor", "ceiling")
        room = pyroomacoustics.ShoeBox(
            bounds[1] - bounds[0],
            fs=rate_hz,
            max_order=order,
            materials={
                name: pyroomacoustics.Material(float(absorption))
                for name, absorption in zip(names, walls, strict=True)
            },
        )
        for source in sources:
            room.add_source(source - bounds[0])
        room.add_microphone_array((microphones - bounds[0]).T)
        room.compute_rir()
    finally:
        for name, value in kept.items():
            constants.set(name, value)
    rows: list[list[np.ndarray]] = room.rir or []
    lead = _FRACTIONAL_DELAY_TAPS // 2
    taps = max(len(response) for row in rows for response in row) - lead
    responses = np.zeros((len(sources), len(microphones), taps))
    for channel, row in enumerate(rows):
        for player, response in enumerate(row):
            responses[player, channel, : len(response) - lead] = response[lead:]
    return responses


def _damp_treble(
    responses: Float64[np.ndarray, "players channels taps"],
    first_s: Float64[np.ndarray, "players channels"],
    longest_s: float,
    rate_hz: int,
) -> Float32[np.ndarray, "players channels taps"]:
    """Make each octave band decay in its own time from the direct sound on.

    The bands overlap as raised cosines over the logarithm of frequency and add up to one.
    """
    taps = responses.shape[-1]
    size = fft.next_fast_len(2 * taps, real=True)
    frequencies = np.maximum(fft.rfftfreq(size, 1 / rate_hz), 1.0)
    place = np.log2(frequencies / _BAND_CENTERS_HZ[0]).clip(0, len(_BAND_CENTERS_HZ) - 1)
    after_s = np.maximum(0.0, np.arange(taps) / rate_hz - first_s[..., None])
    spectra = np.asarray(fft.rfft(responses, size))
    damped = np.zeros_like(responses)
    for band, share in enumerate(_BAND_RT60):
        nearness = np.clip(1 - np.abs(place - band), 0, 1)
        window = np.sin(0.5 * np.pi * nearness) ** 2
        rate = 3 * np.log(10) * (1 / share - 1) / longest_s
        in_band = np.asarray(fft.irfft(spectra * window, size))[..., :taps]
        damped += in_band * np.exp(-rate * after_s)
    return damped.astype(np.float32)


def decay_time(
    responses: Float[np.ndarray, "*places taps"],
    rate_hz: int,
    *,
    band_hz: tuple[float, float] | None = None,
) -> float:
    """Return the reverberation time of impulse responses, from their decay of −5 to −25 dB.

    Args:
        responses: One or more; their energies are added up.
        rate_hz: Their sample rate.
        band_hz: Lowest and highest frequency to look at; all if None.

    Raises:
        ValueError: The responses are silent or end before they have decayed by 25 dB.

    Source: ISO 3382-1, T20 by backward integration (Schroeder 1965) and a line fitted to it.
    """
    heard = np.asarray(responses, dtype=np.float64)
    if band_hz is not None:
        band = signal.butter(3, band_hz, "bandpass", fs=rate_hz, output="sos")
        heard = np.asarray(signal.sosfilt(band, heard, axis=-1))
    power = np.square(heard).reshape(-1, heard.shape[-1]).sum(axis=0)
    energy = np.cumsum(power[::-1])[::-1]
    if energy[0] == 0:
        raise ValueError("the response is silent: no decay to measure.")
    level_db = 10 * np.log10(energy[energy > 0] / energy[0])
    start, stop = np.searchsorted(-level_db, [5.0, 25.0])
    if stop - start < 2 or stop > 0.95 * len(power):  # a cut-off response falls only at its end
        raise ValueError("the response does not decay by 25 dB: give a longer one.")
    slope_db_s = np.polyfit(np.arange(start, stop) / rate_hz, level_db[start:stop], 1)[0]
    return float(-60 / slope_db_s)


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
