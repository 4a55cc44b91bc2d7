"""Where performers are, as the microphones should hear it: expected spatial covariances.

The direct sound of a performer reaches the microphones as a wave from one place; the room's answer
comes from everywhere. Masks say what sounds like a performer, these say what comes from there.

Source: Duong, Vincent, Gribonval, "Under-determined reverberant audio source separation using a
full-rank spatial covariance model", 2010, the model of a direct wave and a diffuse rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Complex64, Complex128, Float
from scipy.spatial.transform import Rotation

SPEED_OF_SOUND_M_S = 343.2
_BAND_HZ = 500.0, 4000.0
_TURNS = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What masks alone let hear of each performer.

    Attributes:
        covariances: Of the channels, summed over the cells that a mask owns; each cell by its
            amplitude. Shape (performers, bins, channels, channels).
        frequencies_hz: Of the bins.
    """

    covariances: Complex128[np.ndarray, "performers bins channels channels"]
    frequencies_hz: Float[np.ndarray, " bins"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Whether performers are heard from where they are.

    Attributes:
        share: 1 where the array fits best as it is, 0 where it fits no better than turned at
            random; negative where it fits worse.
        turned_deg: By how much it would have to be turned to fit best, −180…180.
    """

    share: float
    turned_deg: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """Places of performers and microphones, in the world.

    Attributes:
        performers_m: Shape (performers, 3).
        microphones_m: Shape (channels, 3).
        direct_share: Of a performer's power at the microphones, what comes straight.
    """

    performers_m: Float[np.ndarray, "performers 3"]
    microphones_m: Float[np.ndarray, "channels 3"]
    direct_share: float = 0.8

    def covariances(
        self, frequencies_hz: Float[np.ndarray, " bins"]
    ) -> Complex64[np.ndarray, "performers bins channels channels"]:
        """Return each performer's expected covariance, 1 on its diagonal."""
        waves = self._waves(frequencies_hz)
        apart_m = np.linalg.norm(self.microphones_m[:, None] - self.microphones_m[None], axis=-1)
        diffuse = np.sinc(2 * frequencies_hz[:, None, None] * apart_m / SPEED_OF_SOUND_M_S)
        direct = waves[..., :, None] * waves[..., None, :].conj()
        expected = self.direct_share * direct + (1 - self.direct_share) * diffuse
        return expected.astype(np.complex64)

    def agreement(self, heard: Heard) -> Agreement:
        """Compare what masks alone let hear with the performers' places.

        The array is turned on paper in steps of 15°: so a wrong rotation shows, or channels in
        another order.
        """
        low, high = _BAND_HZ
        band = (heard.frequencies_hz >= low) & (heard.frequencies_hz <= high)
        covariances = heard.covariances[:, band]
        level = np.trace(covariances, axis1=2, axis2=3).real * covariances.shape[-1]
        level = np.maximum(level, 1e-30)
        angles_rad = np.linspace(0, 2 * np.pi, _TURNS, endpoint=False)
        fits = np.empty(_TURNS)
        for turn, angle_rad in enumerate(angles_rad):
            waves = self._turned(angle_rad)._waves(heard.frequencies_hz[band])
            fit = np.einsum("pfc,pfcd,pfd->pf", waves.conj(), covariances, waves).real
            fits[turn] = (fit / level).mean()
        best = int(fits.argmax())
        share = (fits[0] - fits.mean()) / max(float(fits[best] - fits.mean()), 1e-12)
        turned_deg = float((np.degrees(angles_rad[best]) + 180) % 360 - 180)
        return Agreement(share=float(share), turned_deg=turned_deg)

    def _turned(self, angle_rad: float) -> Directions:
        """Return the array turned about the normal of its plane."""
        middle_m = self.microphones_m.mean(axis=0)
        own_m = self.microphones_m - middle_m
        normal = np.linalg.svd(own_m)[2][-1]
        normal = normal if normal[np.abs(normal).argmax()] > 0 else -normal
        turned_m = Rotation.from_rotvec(angle_rad * normal).apply(own_m) + middle_m
        return replace(self, microphones_m=turned_m)

    def _waves(
        self, frequencies_hz: Float[np.ndarray, " bins"]
    ) -> Complex128[np.ndarray, "performers bins channels"]:
        """Return the phases with which each performer's direct sound arrives."""
        away_m = self.performers_m[:, None] - self.microphones_m[None]
        arrives_s = np.linalg.norm(away_m, axis=-1) / SPEED_OF_SOUND_M_S
        arrives_s = arrives_s - arrives_s.mean(axis=1, keepdims=True)
        return np.exp(-2j * np.pi * frequencies_hz[:, None] * arrives_s[:, None])
