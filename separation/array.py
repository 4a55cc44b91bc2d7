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

from separation.array_kernels import add_covariances, hermitian_forms, wiener_filter

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
        heard = np.flatnonzero(likelihood)
        self._spatial = slice(int(heard[0]) if len(heard) else self.bins, self.bins)
        self._likelihood = likelihood[self._spatial, None]
        self._shape = (performer_count, self.bins, channel_count, channel_count)
        self._sums = np.zeros(self._shape, dtype=np.complex128)
        self._covariances: np.ndarray | None = None
        self._inverses: np.ndarray | None = None

    @property
    def passes(self) -> int:
        """How often `gather` must see the whole recording before `apply`."""
        return 1 + (self.config.rounds if len(self._likelihood) else 0)

    def gather(self, spectra: Spectra, masks: Masks) -> None:
        """Take in a block of the recording; the passes follow each other, with `update` between.

        The first pass gathers all bins. Later ones gather those with a spatial likelihood, where
        the covariances have made masks sharp, so that no cell needs to be trusted more than others.
        """
        spectra, masks = np.ascontiguousarray(spectra), self._refined(spectra, masks)
        is_first = self._covariances is None
        first = 0 if is_first else self._spatial.start
        trusted = masks**self.config.confidence if is_first else masks
        add_covariances(spectra, trusted, self._sums, first, self.bins)

    def update(self) -> None:
        """End a pass: covariances from what was gathered, their centre entry brought to 1."""
        power = self._sums[:, :, self.center, self.center].real[..., None, None]
        identity = np.eye(self._shape[-1])
        heard = self._sums / np.maximum(power, 1e-30) + self.config.loading * identity
        before = self._covariances
        unheard = (1 + self.config.loading) * identity if before is None else before
        self._covariances = np.where(power > 0, heard, unheard).astype(np.complex64)
        self._sums[:] = 0
        self._inverses = np.linalg.inv(self._covariances)

    def apply(self, spectra: Spectra, masks: Masks) -> Complex64[np.ndarray, "performers bins t"]:
        """Return each performer's spectrum at the centre microphone, of the filtered bins."""
        if self._covariances is None:
            raise ValueError("gather and update must come before apply.")
        spectra, masks = np.ascontiguousarray(spectra), self._refined(spectra, masks)
        power = np.abs(spectra[self.center, : self.bins]) ** 2
        own = masks * power
        # What no mask claims is taken for diffuse; a floor keeps silent cells solvable.
        rest = np.maximum(power - own.sum(axis=0), 0) + 1e-6 * power.mean(axis=1)[:, None] + 1e-20
        out = np.empty(masks.shape, dtype=np.complex64)
        wiener_filter(spectra, own, rest, self._covariances, self.center, out, 0, self.bins)
        return out

    def _refined(self, spectra: Spectra, masks: Masks) -> Masks:
        """Return masks times the spatial likelihood, their sum in each cell as it was."""
        masks = np.ascontiguousarray(masks[:, : self.bins])
        if self._covariances is None or self._inverses is None or not len(self._likelihood):
            return masks
        part, channels = self._spatial, self._shape[-1]
        forms = np.empty_like(masks)
        spectra = np.ascontiguousarray(spectra)
        hermitian_forms(spectra, self._inverses, forms, part.start, part.stop)
        prior = masks[:, part]
        determinants = np.linalg.slogdet(self._covariances[:, part])[1][..., None]
        distance = determinants + channels * np.log(np.maximum(forms[:, part], 1e-20))
        score = np.log(np.maximum(prior, 1e-12)) - self._likelihood * distance
        share = np.exp(score - score.max(axis=0)) * (prior > 0)
        share *= prior.sum(axis=0) / np.maximum(share.sum(axis=0), 1e-30)
        refined = masks.copy()
        refined[:, part] = share
        return refined
