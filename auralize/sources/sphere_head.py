"""A head of which all is known: a rigid sphere, whose responses come from analysis.

It is what renderers are measured against, and a head without a file.
"""

from __future__ import annotations

import numpy as np

from auralize.dsp.sphere_grids import golden_spiral
from auralize.hrtf.head import Hrtf
from auralize.sources.near_field import sphere_response

_TAPS = 512
_ONSET = 60
# From here to half the sample rate it fades out, so that nothing rings before an onset.
_FADE = 1 / 3


def sphere_head(
    *,
    sample_rate_hz: int,
    radius_m: float = 0.0875,
    distance_m: float = 1.4,
    speed_of_sound_m_s: float = 343.2,
    direction_count: int = 2500,
) -> Hrtf:
    """Return the responses of a rigid sphere, with ears at both ends of a diameter.

    Source: Duda and Martens 1998 (see `auralize.sources.near_field.sphere_response`).

    Args:
        sample_rate_hz: Sample rate; responses fade out from a third of its half on.
        radius_m: Radius of the sphere.
        distance_m: Distance of the sources.
        speed_of_sound_m_s: Speed of sound.
        direction_count: Directions, evenly spread.
    """
    directions = golden_spiral(direction_count)
    frequencies = np.fft.rfftfreq(_TAPS, 1 / sample_rate_hz)
    cosines = np.concatenate([directions[:, 1], -directions[:, 1]])
    waves = 2 * np.pi * frequencies * radius_m / speed_of_sound_m_s
    pressures = np.conj(sphere_response(waves, distance_m / radius_m, cosines))
    fade_from = _FADE * sample_rate_hz / 2
    places = np.clip((frequencies - fade_from) / (sample_rate_hz / 2 - fade_from), 0, 1)
    shape = np.cos(places * np.pi / 2) ** 2
    shape = shape * np.exp(-2j * np.pi * frequencies * _ONSET / sample_rate_hz)
    responses = np.fft.irfft(pressures * shape[:, None], _TAPS, axis=0)
    ears = responses.reshape(_TAPS, 2, direction_count)
    return Hrtf(
        directions=directions,
        impulse_responses=np.ascontiguousarray(ears.T),
        sample_rate_hz=sample_rate_hz,
        distance_m=distance_m,
        name=f"rigid sphere of {radius_m:g} m",
        sha256="",
    )
