"""Measure a network on mixtures that stay the same: SI-SDR of soft masks against ideal masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from separation.heads import largest_masks
from separation.model import SeparationModel
from separation.training.mixing import Mixer, Mixture

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRow:
    """Means over the players of mixtures, in dB of SI-SDR.

    Attributes:
        name: What was measured.
        players: Players a mixture.
        mixture_db: The mixture itself.
        model_db: The network's soft masks.
        ideal_db: The ideal binary mask of the front end.
        shuffled_db: The network with the conditions passed on to the next player.
    """

    name: str
    players: int
    mixture_db: float
    model_db: float
    ideal_db: float
    shuffled_db: float

    @property
    def gain_db(self) -> float:
        """Improvement over the mixture."""
        return self.model_db - self.mixture_db

    @property
    def share(self) -> float:
        """Share of the ideal binary mask's improvement that the network reaches."""
        return self.gain_db / (self.ideal_db - self.mixture_db)


def fixed_mixtures(mixer: Mixer, players: int, count: int, seed: int) -> list[Mixture]:
    """Draw the same mixtures whenever called; in each of them everybody plays."""
    mixtures: list[Mixture] = []
    index = 0
    while len(mixtures) < count:
        mixture = mixer.draw(np.random.default_rng([seed, players, index]), players=players)
        index += 1
        levels = np.sqrt(np.mean(mixture.sources**2, axis=1))
        if levels.min() > 0.05 * levels.max() or index > 20 * count:
            mixtures.append(mixture)
    return mixtures


@torch.inference_mode()
def validate(
    model: SeparationModel,
    mixtures: Sequence[Mixture],
    encode: Callable[[Mixture], Float[Tensor, "players K *moments"]],
    name: str,
) -> ValidationRow:
    """Separate mixtures of equally many players.

    Args:
        model: The network; its mode is put back afterwards.
        mixtures: From `fixed_mixtures`.
        encode: Gives the condition vectors of a mixture's players.
        name: Name of the row.
    """
    was_training = model.training
    model.eval()
    scores = []
    for mixture in mixtures:
        sources = torch.from_numpy(mixture.sources)
        mixed = torch.from_numpy(mixture.mixture)
        spectrum = model.front_end.stft(mixed[None])
        magnitudes = model.front_end.warp(model.front_end.stft(sources).abs())
        ideal = largest_masks(magnitudes).float()
        conditions = encode(mixture)[None]
        logits = model.mask_logits(model.front_end.network_input(spectrum.abs()), conditions)
        masks = model.masks(logits)[0]
        everything = torch.cat([masks, ideal, masks.roll(1, dims=0)])
        stems = model.front_end.istft(
            model.front_end.unwarp(everything) * spectrum, mixed.shape[-1]
        )
        estimates = [mixed.expand_as(sources), *stems.chunk(3)]
        scores.append([float(scale_invariant_sdr_db(sources, e).mean()) for e in estimates])
    model.train(was_training)
    mixture_db, model_db, ideal_db, shuffled_db = np.mean(scores, axis=0)
    return ValidationRow(
        name=name,
        players=len(mixtures[0].sources),
        mixture_db=float(mixture_db),
        model_db=float(model_db),
        ideal_db=float(ideal_db),
        shuffled_db=float(shuffled_db),
    )


def scale_invariant_sdr_db(
    reference: Float[Tensor, "*batch samples"], estimate: Float[Tensor, "*batch samples"]
) -> Float[Tensor, "*batch"]:
    """Return the scale-invariant signal-to-distortion ratio (Le Roux et al. 2019, equation 5).

    Clipped to ±80 dB, which silence gives.
    """
    energy = reference.square().sum(-1, keepdim=True).clamp_min(1e-12)
    target = (reference * estimate).sum(-1, keepdim=True) / energy * reference
    distortion = (target - estimate).square().sum(-1)
    ratio = target.square().sum(-1).clamp_min(1e-12) / distortion.clamp_min(1e-12)
    return (10 * ratio.log10()).clamp(-80.0, 80.0)
