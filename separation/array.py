"""A multichannel Wiener filter on top of the masks, where the recording has several microphones.

Each performer is modelled by a power in each cell (mask · power of the mixture) and a spatial
covariance in each bin, for players hardly move against the array. The covariances come from the
cells that are surely one performer's. A cell's estimate is then, of the centre microphone,

    ŷⱼ = vⱼ · Rⱼ · (Σₖ vₖ·Rₖ + v₀·I)⁻¹ · x

Space also says who sounds in which cell (complex angular central Gaussian likelihood, with the mask
as its prior), and covariances are estimated again from what it said. Where it is known what to
expect from each performer's place, that holds for all bins, and tells players of one instrument
apart, whose masks are the same. Otherwise only above the band that the network hears, where masks
are no more than shares over time.

Sources: Duong, Vincent, Gribonval, "Under-determined reverberant audio source separation using a
full-rank spatial covariance model", 2010 (model and filter); Ito, Araki, Nakatani, "Complex angular
central Gaussian mixture model", 2016 (likelihood); the prior from masks is as in Boeddeker et al.,
"Front-end processing for the CHiME-5 dinner party scenario", 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float32, Float64
from scipy.ndimage import uniform_filter1d

from separation.array_kernels import add_covariances, hermitian_forms, wiener_filter
from separation.directions import Agreement, Directions, Heard

Spectra = Complex64[np.ndarray, "channels bins t"]
Masks = Float32[np.ndarray, "performers bins t"]
Covariances = Complex64[np.ndarray, "performers bins channels channels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayConfig:
    """How several microphones are used.

    Attributes:
        confidence: Covariances weight a cell with its mask to this power, so that they come from
            cells that are surely one performer's.
        loading: Added to the diagonal of covariances whose centre entry is 1.
        likelihood: Weight of the spatial likelihood, 0…1. Below 1, for neighbouring cells overlap
            and repeat each other.
        expectation: How much the covariances that are expected from performers' places count in
            the likelihood beside those that were estimated, 0…1.
        frames: The likelihood is averaged over so many frames to each side,
        bins: and so many bins: a cell alone says little.
        agreement: Places count only where performers are heard from there at least so well, see
            `separation.directions.Agreement`. (In simulated rooms 0.93 and more; 0.8 to 1 where the
            array is turned by 10° in truth, 0.5 to 0.85 by 30°, below 0 by 90°.)
        rounds: How often covariances are estimated again from what the likelihood said.
        highest_hz: Above this, shares are applied as they are: there is little to hear, and a
            quarter of the time is saved beside 16 kHz.
    """

    confidence: float = 4.0
    loading: float = 1e-3
    likelihood: float = 0.7
    expectation: float = 0.5
    frames: int = 2
    bins: int = 1
    agreement: float = 0.8
    rounds: int = 2
    highest_hz: float = 12000.0

    def __post_init__(self) -> None:
        whole = min(self.frames, self.bins, self.rounds)
        if self.loading <= 0 or min(self.confidence, self.likelihood, whole) < 0:
            raise ValueError(f"loading must be positive and nothing negative, got {self}.")
        if not 0 <= self.expectation <= 1:
            raise ValueError(f"expectation must be 0…1, got {self.expectation}.")


class ArrayFilter:
    """Covariances of all performers, estimated in passes over a recording, and the filter.

    Args:
        performer_count: Number of masks.
        channel_count: Number of microphones.
        center: Which of them the masks were made for, and whose estimates come out.
        frequencies_hz: Of all bins; those above `highest_hz` are left alone.
        likelihood: Share of the spatial likelihood's weight in each of them where places are not
            known: 0 where masks know better.
        config: How.
        directions: Where performers and microphones are, if that is known.

    Attributes:
        heard: What the masks alone let hear of each performer; None until the first pass.
        agreement: Whether performers are heard from where they are; None until the first pass, and
            where their places are not known.
    """

    def __init__(
        self,
        performer_count: int,
        channel_count: int,
        center: int,
        frequencies_hz: Float64[np.ndarray, " bins"],
        likelihood: Float32[np.ndarray, " bins"],
        config: ArrayConfig,
        directions: Directions | None = None,
    ) -> None:
        self.config = config
        self.center = center
        self.bins = int(np.searchsorted(frequencies_hz, config.highest_hz))
        self._frequencies_hz = frequencies_hz[: self.bins]
        self._directions = directions
        self._trust(likelihood[: self.bins])
        self._shape = (performer_count, self.bins, channel_count, channel_count)
        self._sums = np.zeros(self._shape, dtype=np.complex128)
        self._covariances: np.ndarray | None = None
        self._expected: np.ndarray | None = None
        self.heard: Heard | None = None
        self.agreement: Agreement | None = None
        self._judges: _Judges | None = None

    @property
    def uses_directions(self) -> bool:
        """Whether places are known and performers are heard from there, after the first pass."""
        return self.agreement is not None and self.agreement.share >= self.config.agreement

    def _trust(self, likelihood: Float32[np.ndarray, " bins"]) -> None:
        heard = np.flatnonzero(likelihood)
        self._spatial = slice(int(heard[0]) if len(heard) else self.bins, self.bins)
        self._likelihood = self.config.likelihood * likelihood[self._spatial, None]

    @property
    def passes(self) -> int:
        """How often `gather` must see the whole recording before `apply`."""
        refines = self._directions is not None or len(self._likelihood) > 0
        return 1 + (self.config.rounds if refines else 0)

    def gather(self, spectra: Spectra, masks: Masks) -> None:
        """Take in a block of the recording; the passes follow each other, with `update` between.

        The first pass gathers all bins, later ones those with a spatial likelihood, which makes
        masks sharp: no cell needs to be trusted more than others then.
        """
        spectra = np.ascontiguousarray(spectra)
        masks = self._refined(spectra, masks)
        is_first = self._covariances is None
        first = 0 if is_first else self._spatial.start
        trusted = masks**self.config.confidence if is_first else masks
        add_covariances(spectra, trusted, self._sums, first, self.bins)

    def update(self) -> None:
        """End a pass: covariances from what was gathered, their centre entry brought to 1."""
        if self.heard is None:
            self.heard = Heard(covariances=self._sums.copy(), frequencies_hz=self._frequencies_hz)
        power = self._sums[:, :, self.center, self.center].real[..., None, None]
        identity = np.eye(self._shape[-1])
        heard = self._sums / np.maximum(power, 1e-30) + self.config.loading * identity
        before = self._covariances
        unheard = (1 + self.config.loading) * identity if before is None else before
        self._covariances = np.where(power > 0, heard, unheard).astype(np.complex64)
        self._sums[:] = 0
        reference = self._covariances
        if before is None and self._directions is not None:
            self.agreement = self._directions.agreement(self.heard)
            if self.uses_directions:
                loading = self.config.loading * identity
                expected = self._directions.covariances(self._frequencies_hz) + loading
                # Masks alone do not tell players of one instrument apart: places come first.
                reference = self._expected = expected.astype(np.complex64)
                self._trust(np.ones(self.bins, dtype=np.float32))
        elif self._expected is not None:
            reference = reference + self.config.expectation * (self._expected - reference)
        self._judges = _Judges.of(reference)

    def apply(self, spectra: Spectra, masks: Masks) -> Complex64[np.ndarray, "performers bins t"]:
        """Return each performer's spectrum at the centre microphone, of the filtered bins."""
        if self._covariances is None:
            raise ValueError("gather and update must come before apply.")
        spectra = np.ascontiguousarray(spectra)
        masks = self._refined(spectra, masks)
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
        if self._judges is None or not len(self._likelihood):
            return masks
        part = self._spatial
        distance = self._smoothed(self._judges.distances(spectra, part), spectra[:, part])
        prior = masks[:, part]
        score = np.log(np.maximum(prior, 1e-12)) - self._likelihood * distance
        share = np.exp(score - score.max(axis=0)) * (prior > 0)
        share *= prior.sum(axis=0) / np.maximum(share.sum(axis=0), 1e-30)
        refined = masks.copy()
        refined[:, part] = share
        return refined

    def _smoothed(self, distance: Masks, spectra: Spectra) -> Masks:
        """Average over neighbouring cells; loud ones count more."""
        bins, frames = self.config.bins, self.config.frames
        weight = np.sqrt(np.linalg.norm(spectra, axis=0)) + 1e-12

        def summed(cells: Float32[np.ndarray, "bins t"]) -> Float32[np.ndarray, "bins t"]:
            over_bins = uniform_filter1d(cells, 2 * bins + 1, axis=0, mode="constant")
            return uniform_filter1d(over_bins, 2 * frames + 1, axis=1, mode="constant")

        return np.stack([summed(own * weight) for own in distance]) / summed(weight)


@dataclass(frozen=True, slots=True)
class _Judges:
    """What says how far a cell lies from each performer's covariance."""

    inverses: Covariances
    determinants: Float32[np.ndarray, "performers bins"]

    @classmethod
    def of(cls, covariances: Covariances) -> _Judges:
        return cls(
            inverses=np.linalg.inv(covariances),
            determinants=np.linalg.slogdet(covariances)[1].astype(np.float32),
        )

    def distances(self, spectra: Spectra, part: slice) -> Masks:
        """Return log |R| + channels · log(xᴴ·R⁻¹·x) of some bins."""
        forms = np.empty((len(self.inverses), part.stop, spectra.shape[-1]), dtype=np.float32)
        hermitian_forms(spectra, self.inverses, forms, part.start, part.stop)
        logs = np.log(np.maximum(forms[:, part], 1e-20))
        return self.determinants[:, part, None] + np.float32(len(spectra)) * logs
