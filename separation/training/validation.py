"""Measure a network on mixtures that stay the same: SI-SDR of its masks against ideal masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from separation.heads import largest_masks
from separation.metrics import defined_mean, si_sdr
from separation.model import SeparationModel
from separation.training.mixing import Mixer, Mixture

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

MaskKind = Literal["soft", "binary"]


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
    """Draw the same mixtures whenever called; in each of them everybody plays.

    Where hardly any mixture is so (20 draws for each that is wanted), the others are taken too.
    """
    mixtures: list[Mixture] = []
    index = 0
    while len(mixtures) < count:
        mixture = mixer.draw(np.random.default_rng([seed, players, index]), players=players)
        index += 1
        levels = np.sqrt(np.mean(mixture.sources**2, axis=1))
        if levels.min() > 0.05 * levels.max() or index > 20 * count:
            mixtures.append(mixture)
    return mixtures


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
    scores: list[list[np.ndarray]] = []
    for mixture in mixtures:
        heard = np.broadcast_to(mixture.mixture, mixture.sources.shape)
        estimates = (heard, *stems_of(model, mixture, encode))
        scores.append([si_sdr(mixture.sources, estimate) for estimate in estimates])
    model.train(was_training)
    mixture_db, model_db, ideal_db, shuffled_db = (
        defined_mean(np.concatenate(stems)) for stems in zip(*scores, strict=True)
    )
    return ValidationRow(
        name=name,
        players=len(mixtures[0].sources),
        mixture_db=mixture_db,
        model_db=model_db,
        ideal_db=ideal_db,
        shuffled_db=shuffled_db,
    )


@torch.inference_mode()
def stems_of(
    model: SeparationModel,
    mixture: Mixture,
    encode: Callable[[Mixture], Float[Tensor, "players K *moments"]],
    kind: MaskKind = "soft",
) -> tuple[
    Float32[np.ndarray, "players samples"],
    Float32[np.ndarray, "players samples"],
    Float32[np.ndarray, "players samples"],
]:
    """Return stems, those of the ideal binary masks, and those of the next player's conditions.

    Args:
        model: In evaluation mode, on any device.
        mixture: What it hears.
        encode: Gives the condition vectors of the mixture's players.
        kind: Masks as they are, or 1 where a performer's mask is the largest (sigmoid heads: above
            one half) and 0 elsewhere.
    """
    sources = torch.from_numpy(mixture.sources).to(model.device)
    mixed = torch.from_numpy(mixture.mixture).to(model.device)
    spectrum = model.front_end.stft(mixed[None])
    ideal = largest_masks(model.front_end.warp(model.front_end.stft(sources).abs()))
    picture = model.front_end.network_input(spectrum.abs())
    padded = _padded(picture, model.frame_multiple)
    masks = model.masks(model.mask_logits(padded, encode(mixture)[None]))[0]
    masks = masks[..., : picture.shape[-1]]
    if kind == "binary":
        sharp = masks > 0.5 if model.config.head == "sigmoid" else largest_masks(masks)
        masks = sharp.to(masks.dtype)
    every = torch.cat([masks, ideal.to(masks.dtype), masks.roll(1, dims=0)])
    sounds = model.front_end.istft(model.front_end.unwarp(every) * spectrum, mixed.shape[-1])
    stems, best, shuffled = (part.cpu().numpy() for part in sounds.chunk(3))
    return stems, best, shuffled


def _padded(
    picture: Float[Tensor, "1 maps rows t"], multiple: int
) -> Float[Tensor, "1 maps rows padded"]:
    """Repeat the last frame until the network can halve the window."""
    missing = -picture.shape[-1] % multiple
    return torch.nn.functional.pad(picture, (0, missing, 0, 0), mode="replicate")
