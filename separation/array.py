"""A multichannel Wiener filter on top of the masks, where the recording has several microphones.

Each performer is modelled by a power in each cell (mask · power of the mixture) and a spatial
covariance in each bin, for players hardly move against the array. The covariances come from the
cells that are surely one performer's. A cell's estimate is then, of the centre microphone,

    ŷⱼ = vⱼ · Rⱼ · (Σₖ vₖ·Rₖ + v₀·I)⁻¹ · x

Above the band that the network hears, masks are only shares over time; there the covariances say
who sounds in which cell (complex angular central Gaussian likelihood, with the share as its prior),
and are estimated again from what they said.

Sources: Duong, Vincent, Gribonval, "Under-determined reverberant audio source separation using a
full-rank spatial covariance model", 2010 (model and filter); Ito, Araki, Nakatani, "Complex angular
central Gaussian mixture model", 2016 (likelihood); the prior from masks is as in Boeddeker et al.,
"Front-end processing for the CHiME-5 dinner party scenario", 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float32

_SLICE_BINS = 128
"""Bins whose matrices are in memory at once."""

Spectra = Complex64[np.ndarray, "channels bins t"]
Masks = Float32[np.ndarray, "performers bins t"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayConfig:
    """How several microphones are used.

    Attributes:
        confidence: Covariances weight a cell with its mask to this power, so that they come from
            cells that are surely one performer's.
        loading: Added to the diagonal of covariances whose centre entry is 1.
        likelihood: Weight of the spatial likelihood above the network's band, 0…1. Below 1, for
            neighbouring cells overlap and repeat each other.
        rounds: How often covariances above the band are estimated again.
        highest_hz: Above this, shares are applied as they are.
    """

    confidence: float = 4.0
    loading: float = 1e-3
    likelihood: float = 0.3
    rounds: int = 2
    highest_hz: float = 16000.0

    def __post_init__(self) -> None:
        if self.loading <= 0 or self.confidence < 0 or self.likelihood < 0 or self.rounds < 0:
            raise ValueError(f"loading must be positive and nothing negative, got {self}.")


class ArrayFilter:
    """Covariances of all performers, estimated in passes over a recording, and the filter.

    Args:
        performer_count: Number of masks.
        channel_count: Number of microphones.
        center: Which of them the masks were made for, and whose estimates come out.
        likelihood: Weight of the spatial likelihood in each bin that is filtered, 0 where masks
            know better.
        config: How.
    """

    def __init__(
        self,
        performer_count: int,
        channel_count: int,
        center: int,
        likelihood: Float32[np.ndarray, " bins"],
        config: ArrayConfig,
    ) -> None:
        self.config = config
        self.center = center
        self.bins = len(likelihood)
        self._likelihood = likelihood[:, None]
        self._shape = (performer_count, self.bins, channel_count, channel_count)
        self._sums = np.zeros(self._shape, dtype=np.complex128)
        self._covariances: np.ndarray | None = None

    @property
    def passes(self) -> int:
        """How often `gather` must see the whole recording before `apply`."""
        return 1 + (self.config.rounds if self._likelihood.any() else 0)

    def gather(self, spectra: Spectra, masks: Masks) -> None:
        """Take in a block of the recording; the passes follow each other, with `update` between.

        The first pass gathers all bins. Later ones gather those with a spatial likelihood, where
        the covariances have made masks sharp, so that no cell needs to be trusted more than others.
        """
        masks = self._refined(spectra, masks)
        is_first = self._covariances is None
        power = self.config.confidence if is_first else 1.0
        for part in self._slices():
            if not is_first and not self._likelihood[part].any():
                continue
            # Directions weigh by amplitude: by power, a few loud cells would decide alone.
            norm = np.sqrt(np.sum(np.abs(spectra[:, part]) ** 2, axis=0))
            weights = masks[:, part] ** power / np.maximum(norm, 1e-12)
            frames = np.moveaxis(spectra[:, part], 0, 1)
            for performer, weight in enumerate(weights):
                weighted = frames * weight[:, None, :]
                self._sums[performer, part] += weighted @ frames.conj().swapaxes(1, 2)

    def update(self) -> None:
        """End a pass: covariances from what was gathered, their centre entry brought to 1."""
        power = self._sums[:, :, self.center, self.center].real[..., None, None]
        identity = np.eye(self._shape[-1])
        heard = self._sums / np.maximum(power, 1e-30) + self.config.loading * identity
        before = self._covariances
        unheard = (1 + self.config.loading) * identity if before is None else before
        self._covariances = np.where(power > 0, heard, unheard).astype(np.complex64)
        self._sums[:] = 0

    def apply(self, spectra: Spectra, masks: Masks) -> Complex64[np.ndarray, "performers bins t"]:
        """Return each performer's spectrum at the centre microphone, of the filtered bins."""
        if self._covariances is None:
            raise ValueError("gather and update must come before apply.")
        masks = self._refined(spectra, masks)
        count, _, channels, _ = self._shape
        out = np.empty(masks.shape, dtype=np.complex64)
        identity = np.eye(channels, dtype=np.complex64)
        for part in self._slices():
            power = np.abs(spectra[self.center, part]) ** 2
            own = masks[:, part] * power
            # What no mask claims is taken for diffuse; a floor keeps silent cells solvable.
            rest = np.maximum(power - own.sum(axis=0), 0) + 1e-6 * power.mean(axis=1)[:, None]
            covariances = self._covariances[:, part]
            stacked = covariances.reshape(count, -1, channels * channels).swapaxes(0, 1)
            whole = (own.transpose(1, 2, 0).astype(np.complex64) @ stacked).reshape(
                *power.shape, channels, channels
            )
            whole += (rest + 1e-20)[..., None, None] * identity
            frames = spectra[:, part].transpose(1, 2, 0)[..., None]
            solved = np.linalg.solve(whole, frames)[..., 0]
            rows = covariances[:, :, self.center].swapaxes(0, 1)
            heard = rows @ solved.swapaxes(1, 2)
            out[:, part] = own * heard.swapaxes(0, 1)
        return out

    def _slices(self) -> list[slice]:
        return [slice(k, min(k + _SLICE_BINS, self.bins)) for k in range(0, self.bins, _SLICE_BINS)]

    def _refined(self, spectra: Spectra, masks: Masks) -> Masks:
        """Return masks times the spatial likelihood, their sum in each cell as it was."""
        if self._covariances is None or not self._likelihood.any():
            return masks
        refined = masks.copy()
        channels = self._shape[-1]
        for part in self._slices():
            weight = self._likelihood[part]
            if not weight.any():
                continue
            frames = np.moveaxis(spectra[:, part], 0, 1)
            prior = masks[:, part]
            score = np.log(np.maximum(prior, 1e-12))
            for performer, covariance in enumerate(self._covariances[:, part]):
                inverse = np.linalg.inv(covariance)
                form = np.sum(frames.conj() * (inverse @ frames), axis=1).real
                determinant = np.linalg.slogdet(covariance)[1][:, None]
                distance = determinant + channels * np.log(np.maximum(form, 1e-20))
                score[performer] -= weight * distance
            share = np.exp(score - score.max(axis=0)) * (prior > 0)
            share *= prior.sum(axis=0) / np.maximum(share.sum(axis=0), 1e-30)
            refined[:, part] = share
        return refined
