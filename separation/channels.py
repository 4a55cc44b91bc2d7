"""The channels of a recording: which of them sound, and what those beside the centre tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from capture.errors import DataError
from capture.performer import Performer
from capture.waveform import Sound, blocks_of
from separation.array import ArrayConfig, ArrayFilter
from separation.directions import Directions
from separation.full_band import FullBandMasks

_RATES_HZ = (8000, 192000)
_MOST_CHANNELS = 64


def check_rate(sample_rate_hz: int) -> None:
    """Refuse what is no recording of music.

    Raises:
        DataError: The rate is out of range.
    """
    low, high = _RATES_HZ
    if not low <= sample_rate_hz <= high:
        raise DataError(
            f"the sound has {sample_rate_hz} Hz, and separation takes {low} to {high} Hz: give the "
            "recording at the rate at which it was made (--audio FILE.wav)."
        )


def sounding_channels(mixture: Sound, center: int) -> list[int]:
    """Return the channels that are not silent, after checks of the mixture."""
    check_rate(mixture.sample_rate_hz)
    if mixture.channel_count > _MOST_CHANNELS:
        raise ValueError(
            f"the mixture has {mixture.channel_count} channels of {mixture.sample_count} samples, "
            f"and at most {_MOST_CHANNELS} channels are taken: samples are (channels, samples), so "
            "transpose what soundfile reads."
        )
    if not 0 <= center < mixture.channel_count:
        raise ValueError(f"center_channel must be 0…{mixture.channel_count - 1}, got {center}.")
    if mixture.sample_count == 0:
        raise DataError("the mixture holds no sample: check the recording's length.")
    sounds = np.zeros(mixture.channel_count, dtype=bool)
    for start, block in blocks_of(mixture):
        # The largest and smallest samples are enough: NaN wins both, and infinity one of them.
        extremes = np.stack([block.min(axis=1), block.max(axis=1)])
        for channel in np.flatnonzero(~np.isfinite(extremes).all(axis=0)):
            at = start + int(np.argmin(np.isfinite(block[channel])))
            raise DataError(
                f"channel {channel} of the mixture is not a finite number at sample {at} "
                f"({at / mixture.sample_rate_hz:.3f} s): export the recording again."
            )
        sounds |= extremes.any(axis=0)
    if not sounds[center]:
        raise DataError(
            f"channel {center} of the mixture is silent, every sample is zero: check that the "
            "microphones were on, or choose another channel."
        )
    return [int(channel) for channel in np.flatnonzero(sounds)]


def array_filter(
    full_band: FullBandMasks,
    config: ArrayConfig | None,
    performers: Sequence[Performer],
    microphones_m: Float[np.ndarray, "channels 3"] | None,
    channels: Sequence[int],
    center: int,
) -> ArrayFilter | None:
    """Return the filter over these channels, which knows where microphones and performers are.

    None where a single channel sounds, or no filter is asked for. Two channels tell no direction.
    """
    if config is None or len(channels) < 2:
        return None
    directions = None
    if microphones_m is not None and len(channels) > 2:
        places_m = np.array([performer.trajectory.mean_position_m for performer in performers])
        directions = Directions(performers_m=places_m, microphones_m=microphones_m[list(channels)])
    return ArrayFilter(
        len(performers),
        len(channels),
        center,
        full_band.frequencies_hz,
        full_band.extrapolated,
        config,
        directions,
    )


def directions_in_words(
    microphones: ArrayFilter | None, channels: Sequence[int], are_places_known: bool
) -> str:
    """Return what a manifest says of `directions`, after the filter has seen the recording."""
    if len(channels) < 3:
        heard = "one microphone" if len(channels) == 1 else "two microphones"
        return f"unknown, because no more than {heard} recorded"
    if not are_places_known:
        return (
            "unknown, because it is not known where the microphones are (see Microphones in "
            "docs/takes.md)"
        )
    if microphones is None or microphones.agreement is None:
        return "unknown"
    if microphones.uses_directions:
        return "used"
    return (
        "not used, because the microphones do not hear the players from where they are: turned by "
        f"{microphones.agreement.turned_deg:.0f}°, the array would fit best"
    )
