"""Mixtures as the network and its loss take them: warped magnitudes, padded to the most players."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from separation.spectrogram import LogSpectrogram
from separation.training.mixing import Excerpt, Mixture

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Mixtures of up to P players as the loss needs them; absent players are zero.

    Attributes:
        sources: Warped magnitudes of the players (mixtures, P, rows, frames).
        residual: Of what none of them makes (mixtures, rows, frames).
        mixture: Of the mixtures (mixtures, rows, frames).
        labels: Instrument numbers (mixtures, P).
        present: Which players there are (mixtures, P).
        excerpts: What the players of each mixture play; those who rest have none.
    """

    sources: Float[Tensor, "mixtures performers rows t"]
    residual: Float[Tensor, "mixtures rows t"]
    mixture: Float[Tensor, "mixtures rows t"]
    labels: Int[Tensor, "mixtures performers"]
    present: Bool[Tensor, "mixtures performers"]
    excerpts: tuple[tuple[Excerpt, ...], ...] = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(
            sources=self.sources.to(device, non_blocking=True),
            residual=self.residual.to(device, non_blocking=True),
            mixture=self.mixture.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            present=self.present.to(device, non_blocking=True),
            excerpts=self.excerpts,
        )

    def padded(self, performers: int) -> Batch:
        """Return the batch with so many performers a mixture, the added ones absent."""
        missing = performers - self.present.shape[1]
        return replace(
            self,
            sources=F.pad(self.sources, (0, 0, 0, 0, 0, missing)),
            labels=F.pad(self.labels, (0, missing)),
            present=F.pad(self.present, (0, missing)),
        )


def make_batch(
    mixtures: Sequence[Mixture],
    front_end: LogSpectrogram,
    instruments: Sequence[str],
    *,
    everyone: bool = False,
) -> Batch:
    """Return the warped magnitudes of mixtures and their sources, padded to the most players.

    Args:
        mixtures: To put together.
        front_end: Of the network.
        instruments: In the order of their numbers.
        everyone: Add the instruments that don't play, as performers who rest.
    """
    most = max(len(m.sources) for m in mixtures)
    if everyone:
        most = max(most, len(instruments))
    sources, rests, sums, labels, present = [], [], [], [], []
    for mixture in mixtures:
        count = len(mixture.sources)
        rest = mixture.mixture - mixture.sources.sum(axis=0)
        stacked = torch.from_numpy(np.stack([*mixture.sources, rest, mixture.mixture]))
        warped = front_end.warp(front_end.stft(stacked).abs())
        padding = warped.new_zeros(most - count, *warped.shape[1:])
        sources.append(torch.cat([warped[:-2], padding]))
        rests.append(warped[-2])
        sums.append(warped[-1])
        numbers = [instruments.index(name) for name in mixture.instruments]
        resting = [n for n in range(len(instruments)) if n not in numbers] if everyone else []
        labels.append(torch.tensor([*numbers, *resting, *[0] * (most - count - len(resting))]))
        present.append(torch.arange(most) < count + len(resting))
    return Batch(
        sources=torch.stack(sources),
        residual=torch.stack(rests),
        mixture=torch.stack(sums),
        labels=torch.stack(labels),
        present=torch.stack(present),
        excerpts=tuple(mixture.excerpts for mixture in mixtures),
    )
