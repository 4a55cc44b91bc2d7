"""Impulse responses of a box-shaped room with a given reverberation time.

pyroomacoustics' image sources give the arrivals: distance / 343 m/s after the emission, amplitude
1 at one metre. The walls are grey, and their absorption is calibrated by simulation such that the
level decays in the time asked for. That treble decays faster is done after the direct sound, band
by band.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy import fft, signal

SPEED_OF_SOUND_M_S = 343.0

# Reverberation time by octave band beside the longest, as in furnished rooms: air and cloth take
# the treble.
_BAND_CENTERS_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
_BAND_RT60 = (1.0, 0.95, 0.9, 0.87, 0.83, 0.75, 0.58, 0.42)
_REFERENCE_BAND = 3
_CALIBRATED_HZ = (500.0, 4000.0)
_FRACTIONAL_DELAY_TAPS = 81


def simulate_responses(
    sources: np.ndarray,
    microphones: np.ndarray,
    bounds: np.ndarray,
    hardness: np.ndarray,
    rt60_s: float,
    rate_hz: int,
) -> tuple[Float32[np.ndarray, "players channels taps"], Float64[np.ndarray, "6"]]:
    """Return all responses of a room, and the absorption of its walls.

    Args:
        sources: Shape (players, 3), metres, inside the room.
        microphones: Shape (channels, 3), likewise.
        bounds: Shape (2, 3): the lowest and the highest corner.
        hardness: Shape (6,): absorption of each wall relative to the mean, as an exponent of
            1 − absorption; low x, high x, low y, high y, floor, ceiling.
        rt60_s: Reverberation time around 1 kHz.
        rate_hz: Sample rate.

    Returns:
        Responses of shape (players, channels, taps), of which tap 0 is the moment of emission, and
        the energy absorption of the six walls.
    """
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
