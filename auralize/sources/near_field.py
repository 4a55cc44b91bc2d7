"""What changes at the ears when a source comes nearer than a metre.

Heads are measured from afar. Near by, the ear on the side of the source gets louder and the other
one softer, mostly at low frequencies, and each ear sees the source from a direction of its own.
Both follow from a rigid sphere in the place of the head: the response at an ear to a near source,
divided by the response to a source at the distance of the measurement, corrects the measured
response (the distance variation function), and the measured response is taken from the direction
in which the ear itself sees the source (parallax). For a head that is a rigid sphere, the outcome
is exact.

Between 0.8 and 1 m the correction fades out, so that nothing jumps at 1 m; closer than 0.15 m to
the middle of the head, a source is rendered as at 0.15 m, in its direction.

Directions are in the listener's frame: x front, y left, z up. Ears are at ±y, left first.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Complex64, Complex128, Float, Float32, Float64
from scipy.special import eval_legendre

from auralize.sources.heard_source import NEAREST_M

FARTHEST_M = 1.0
"""From here on, the head sounds as it was measured."""

_FADE_FROM_M = 0.8
# The table of corrections: nodes of distance, of incidence and of frequency.
_DISTANCES = 24
_ANGLES_RAD = np.radians(np.arange(0.0, 180.1, 2.5))
_STEP_HZ = 150.0
_HIGHEST_HZ = 20_000.0
# Where the angle of a source leaves little of its radius, its plane with the ears has no meaning.
_ON_AXIS = 1e-9


class NearField:
    """Corrects the responses of one head for near sources."""

    def __init__(
        self, *, head_radius_m: float, measured_m: float, speed_of_sound_m_s: float
    ) -> None:
        """Prepare for a head.

        Args:
            head_radius_m: Radius of the sphere that stands for the head, 0.12 m or less.
            measured_m: Distance at which the head was measured.
            speed_of_sound_m_s: Speed of sound.

        Raises:
            ValueError: The measurement or the nearest source would be inside the head.
        """
        if not 0 < head_radius_m <= 0.8 * NEAREST_M or measured_m <= head_radius_m:
            raise ValueError(
                f"needed are a head radius of at most {0.8 * NEAREST_M:g} m and a measurement "
                f"outside the head, got {head_radius_m:g} m and {measured_m:g} m."
            )
        self._radius_m = head_radius_m
        self._measured_m = max(measured_m, NEAREST_M)
        self._speed_m_s = speed_of_sound_m_s

    @staticmethod
    def near(distances_m: Float[np.ndarray, "T"]) -> Bool[np.ndarray, "T"]:
        """Return which sources need a correction."""
        return np.asarray(distances_m) < FARTHEST_M - 1e-9

    def ear_directions(
        self, directions: Float[np.ndarray, "T 3"], distances_m: Float[np.ndarray, "T"]
    ) -> Float64[np.ndarray, "T 2 3"]:
        """Return the directions in which the measured responses are to be taken for each ear."""
        incidences = self._incidences(directions)
        distances = apparent_distances_m(distances_m, self._measured_m)[:, None]
        turned = _parallax(incidences, distances, self._radius_m, self._measured_m)
        ears = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
        across = np.array(directions, dtype=np.float64)
        across[:, 1] = 0.0
        flat = np.linalg.norm(across, axis=1, keepdims=True)
        across = np.where(flat > _ON_AXIS, across / np.maximum(flat, _ON_AXIS), (1.0, 0.0, 0.0))
        return np.cos(turned)[..., None] * ears + np.sin(turned)[..., None] * across[:, None]

    def spectra(
        self,
        directions: Float[np.ndarray, "T 3"],
        distances_m: Float[np.ndarray, "T"],
        sample_rate_hz: int,
        length: int,
    ) -> Complex64[np.ndarray, "T 2 bins"]:
        """Return what corrects the responses that `ear_directions` names.

        Args:
            directions: Unit vectors to the sources from the middle of the head.
            distances_m: Their distances.
            sample_rate_hz: Sample rate.
            length: Length of the transform.
        """
        table_m, table_hz, table = _table(self._radius_m, self._measured_m, self._speed_m_s)
        apparent = np.log(apparent_distances_m(distances_m, self._measured_m))
        places = np.interp(apparent, np.log(table_m), np.arange(len(table_m)))
        row, row_part = _split(places[:, None], len(table_m))
        angles = self._incidences(directions) / _ANGLES_RAD[1]
        column, column_part = _split(angles, len(_ANGLES_RAD))
        # Between four nodes of the table, then between frequencies.
        low = table[row, column]
        low += column_part * (table[row, column + 1] - low)
        high = table[row + 1, column]
        high += column_part * (table[row + 1, column + 1] - high)
        low += row_part * (high - low)
        frequencies = np.minimum(np.fft.rfftfreq(length, 1 / sample_rate_hz), _HIGHEST_HZ)
        node, part = _split(frequencies / table_hz[1], len(table_hz))
        slopes = np.diff(low, axis=-1)
        exponents = slopes[..., node]
        exponents *= part[:, 0]
        exponents += low[..., node]
        return np.exp(exponents, out=exponents)

    @staticmethod
    def _incidences(directions: Float[np.ndarray, "T 3"]) -> Float64[np.ndarray, "T 2"]:
        """Return the angles between the sources and the left and the right ear."""
        left = np.arccos(np.clip(np.asarray(directions, dtype=np.float64)[:, 1], -1.0, 1.0))
        return np.stack([left, np.pi - left], axis=1)


def apparent_distances_m(
    distances_m: Float[np.ndarray, "T"], measured_m: float
) -> Float64[np.ndarray, "T"]:
    """Return the distances that are rendered: from 0.8 to 1 m, they go to the measured one."""
    fade = min(_FADE_FROM_M, measured_m)
    return np.interp(distances_m, [NEAREST_M, fade, FARTHEST_M], [NEAREST_M, fade, measured_m])


def sphere_response(
    waves: Float[np.ndarray, "F"], distance: float, cosines: Float[np.ndarray, "A"]
) -> Complex128[np.ndarray, "F A"]:
    """Return the pressure on a rigid sphere, relative to the free field at its middle.

    Time goes as e^(−iωt), so a delay turns the phase forward.

    Source: Duda and Martens 1998, "Range dependence of the response of a spherical head model", J.
    Acoust. Soc. Am. 104, eq. (3), after Rabinowitz et al. 1993:
    −(ρ/µ) e^(−iµρ) Σ (2m + 1) P_m(cos θ) h_m(µρ)/h_m'(µ). The Hankel functions grow beyond all
    bounds with m, so only ratios are formed; r_m = h_m/h_(m−1) follows from
    r_(m+1) = (2m + 1)/x − 1/r_m.

    Args:
        waves: 2π times the radius over the wavelength (µ).
        distance: Distance of the source from the middle in radii (ρ), above 1.
        cosines: Cosines of the angle between the source and the point on the sphere (θ).
    """
    mu = np.maximum(np.asarray(waves, dtype=np.float64), 1e-3)
    x = mu * distance
    # Beyond the wave number, terms fall by the distance from one to the next.
    terms = int(np.ceil(mu.max() + 20 + 18 / np.log(distance)))
    outer = np.exp(1j * (x - mu)) / distance  # h_m(µρ)/h_m(µ)
    slope = 1j - 1 / mu  # h_m'(µ)/h_m(µ)
    ratio_x, ratio_mu = 1 / x - 1j, 1 / mu - 1j
    radial = np.empty((terms, len(mu)), dtype=np.complex128)
    radial[0] = outer / slope
    for m in range(1, terms):
        outer = outer * ratio_x / ratio_mu
        slope = 1 / ratio_mu - (m + 1) / mu
        radial[m] = (2 * m + 1) * outer / slope
        ratio_x = (2 * m + 1) / x - 1 / ratio_x
        ratio_mu = (2 * m + 1) / mu - 1 / ratio_mu
    polynomials = eval_legendre(np.arange(terms)[:, None], np.asarray(cosines))
    return -(distance / mu * np.exp(-1j * x))[:, None] * (radial.T @ polynomials)


def _parallax(
    incidences: Float64[np.ndarray, "*T"],
    distances_m: Float64[np.ndarray, "*T"],
    radius_m: float,
    measured_m: float,
) -> Float64[np.ndarray, "*T"]:
    """Return where the line from an ear through a source meets the measured distance.

    Angles are those at the middle of the head, from the ear. On the far side of the head there is
    no such line; from 90° on, the direction goes back to the source's own at 180°.
    """
    along = distances_m * np.cos(incidences) - radius_m
    across = distances_m * np.sin(incidences)
    reach = np.hypot(along, across)
    along, across = along / reach, across / reach
    rest = np.sqrt((radius_m * along) ** 2 + measured_m**2 - radius_m**2)
    onward = rest - radius_m * along
    seen = np.arctan2(onward * across, radius_m + onward * along)
    lit = np.clip((np.pi - incidences) / (np.pi / 2), 0.0, 1.0)
    return incidences + lit * (seen - incidences)


@lru_cache(maxsize=4)
def _table(
    radius_m: float, measured_m: float, speed_m_s: float
) -> tuple[Float64[np.ndarray, "R"], Float64[np.ndarray, "F"], Complex64[np.ndarray, "R angles F"]]:
    """Return distances, frequencies, and the logarithms of the corrections at them."""
    distances = np.geomspace(NEAREST_M, max(measured_m, NEAREST_M * 1.01), _DISTANCES)
    frequencies = np.arange(0.0, _HIGHEST_HZ + _STEP_HZ, _STEP_HZ)
    waves = 2 * np.pi * frequencies * radius_m / speed_m_s
    table = np.empty((_DISTANCES, len(_ANGLES_RAD), len(frequencies)), dtype=np.complex64)
    for row, distance_m in enumerate(distances):
        near = sphere_response(waves, distance_m / radius_m, np.cos(_ANGLES_RAD))
        seen = _parallax(_ANGLES_RAD, np.full_like(_ANGLES_RAD, distance_m), radius_m, measured_m)
        far = sphere_response(waves, measured_m / radius_m, np.cos(seen))
        ratio = (near / far).T
        # Filters count time as e^(+iωt); at 0 Hz, all is in phase.
        phases = -np.unwrap(np.angle(ratio), axis=-1)
        table[row] = np.log(np.abs(ratio)) + 1j * (phases - phases[:, :1])
    return distances, frequencies, table


def _split(
    places: Float[np.ndarray, "*P"], count: int
) -> tuple[np.ndarray, Float32[np.ndarray, "*P 1"]]:
    """Return the nodes below some places between `count` nodes, and the part towards the next."""
    below = np.clip(np.floor(places).astype(np.int64), 0, count - 2)
    return below, (places - below).astype(np.float32)[..., None]
