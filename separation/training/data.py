"""Batches for training: made in worker processes, the same whoever makes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from capture.errors import DataError
from separation.corpus.shards import open_corpus
from separation.spectrogram import LogSpectrogram
from separation.training.batch import Batch, make_batch
from separation.training.config import TrainingConfig
from separation.training.curriculum import Stage
from separation.training.mixing import Mixer

_LOG = logging.getLogger(__name__)


def batches(
    config: TrainingConfig,
    corpus_folder: Path,
    steps: range,
    share: range,
    *,
    stage: Stage | None = None,
    workers: int = 0,
) -> Iterator[tuple[int, Batch]]:
    """Yield (step, batch) of some steps.

    Args:
        config: The run.
        corpus_folder: From `separation.corpus.builder`.
        steps: Which steps.
        share: Which mixtures of each step's batch.
        stage: What mixtures are like, where a curriculum says so.
        workers: Processes that prepare mixtures beside this one.
    """
    loader = torch.utils.data.DataLoader(
        _Batches(config, corpus_folder, share, stage),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
    )
    yield from zip(steps, loader, strict=True)


def open_mixer(
    config: TrainingConfig,
    corpus_folder: Path,
    split: str,
    *,
    families: Sequence[str] | None = None,
) -> Mixer:
    """Return a mixer of one split, of the families that the run may hear, or of those given.

    Raises:
        DataError: The corpus holds nothing of it.
    """
    corpus = open_corpus(corpus_folder)
    wanted = families or config.mixing.families or None
    without = () if families else config.mixing.held_out
    stems = corpus.select(split, families=wanted, without=without)
    known = [s for s in stems if s.instrument in config.model.instruments]
    if not known:
        raise DataError(f"{corpus_folder} holds nothing to use as {split}: build more of it.")
    mixer = Mixer(corpus, known, config.mixing)
    most = 0 if config.curriculum is None else config.curriculum.most_players
    if most > len(mixer.instruments):
        raise DataError(
            f"the curriculum asks for {most} players and {corpus_folder} has "
            f"{len(mixer.instruments)} instruments for {split}: shorten it, or build more."
        )
    missing = [name for name in config.model.instruments if name not in mixer.instruments]
    if missing:
        _warn_once(
            f"{corpus_folder} has no {', '.join(missing)} for {split}, so they are not learned"
        )
    return mixer


@lru_cache
def _warn_once(message: str) -> None:
    _LOG.warning("%s", message)


class _Batches(torch.utils.data.Dataset[Batch]):
    """Batch number `step`."""

    def __init__(
        self, config: TrainingConfig, corpus_folder: Path, share: range, stage: Stage | None
    ) -> None:
        self.config = config
        self.corpus_folder = corpus_folder
        self.share = share
        self.stage = stage
        self.front_end = LogSpectrogram(config.model.spectrogram)
        self._mixer: Mixer | None = None
        self._opened_at = 0

    def __getitem__(self, step: int) -> Batch:
        every = self.config.reload_every
        stale = every > 0 and step - self._opened_at >= every
        if self._mixer is None or stale:
            self._mixer = open_mixer(self.config, self.corpus_folder, "train")
            self._opened_at = step
        mixtures = [
            self._mixer.draw(
                np.random.default_rng([self.config.seed, step, index]),
                players=self.stage.players if self.stage else None,
                same_instrument=self.stage.same_instrument if self.stage else False,
            )
            for index in self.share
        ]
        return make_batch(
            mixtures,
            self.front_end,
            self.config.model.instruments,
            everyone=self.config.mixing.everyone,
        )
