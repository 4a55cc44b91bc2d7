"""The training loop: steps, learning rate, validation, log, and a state to go on from.

A run lives in a folder: `state.pt` (everything to go on from), `log.csv`, and `best.safetensors`
with its .json (the averaged weights that validated best). Mixtures follow from (seed, step), so a
run that was stopped and resumed does the very steps it would have done.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from capture.atomic import atomic_path
from capture.errors import DataError, FileFormatError
from separation.configuration import from_mapping
from separation.corpus.clouds import CloudBank
from separation.corpus.shards import open_corpus
from separation.model import ModelConfig, SeparationModel
from separation.spectrogram import LogSpectrogram
from separation.training.conditions import CloudBankConditions
from separation.training.config import (
    TrainingConfig,
    read_training_config,
    write_training_config,
)
from separation.training.losses import mask_loss
from separation.training.mixing import Batch, Mixer, make_batch
from separation.training.schedule import learning_rate
from separation.training.validation import ValidationRow, fixed_mixtures, validate

if TYPE_CHECKING:
    from jaxtyping import Float

_LOG = logging.getLogger(__name__)


def train(
    config: TrainingConfig | str | os.PathLike[str],
    corpus_folder: str | os.PathLike[str],
    run_folder: str | os.PathLike[str],
    *,
    steps: int | None = None,
    cloud_bank: str | os.PathLike[str] | None = None,
    initial_weights: str | os.PathLike[str] | None = None,
    workers: int = 0,
    stop_after_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    on_validation: Callable[[int, Sequence[ValidationRow]], None] | None = None,
) -> Path:
    """Train, or go on training, in `run_folder`.

    Args:
        config: The run, or the name or file of one (`read_training_config`). On going on it may
            be changed in everything but the model.
        corpus_folder: From `separation.corpus.build`.
        run_folder: Made if missing; a state in it is taken up.
        steps: Stop at this step, with the state saved; the schedule still goes by the
            configuration.
        cloud_bank: From `build_cloud_bank`, for point-cloud networks; the corpus' folder "clouds"
            if not given.
        initial_weights: A checkpoint to start from: weights of the same names are taken over.
        workers: Processes that prepare mixtures beside the one that learns.
        stop_after_s: Stop after this time, with the state saved.
        progress: Called with the fraction done.
        on_validation: Called with the step and its rows.

    Returns:
        The checkpoint that validated best.

    Raises:
        DataError: The corpus is empty, or holds no clouds where they are needed.
        FileFormatError: Configuration, state or checkpoint are broken or of another network.
    """
    if not isinstance(config, TrainingConfig):
        config = read_training_config(config)
    corpus = Path(corpus_folder)
    run = _Run(config, corpus, Path(run_folder), Path(cloud_bank or corpus / "clouds"))
    if not run.resume() and initial_weights is not None:
        run.start_from(Path(initial_weights))
    started = time.monotonic()
    last = min(config.steps, steps or config.steps)
    for step, batch in run.batches(last, workers):
        run.learn(step, batch)
        done = step + 1
        enough = stop_after_s is not None and time.monotonic() - started > stop_after_s
        at_end = done == last or enough
        if done % config.validate_every == 0 or (at_end and run.is_unvalidated):
            rows = run.validate()
            if on_validation is not None:
                on_validation(done, rows)
        if done % config.save_every == 0 or at_end:
            run.save()
        if progress is not None:
            progress(done / last)
        if enough:
            break
    return run.folder / "best.safetensors"


class _Batches(torch.utils.data.Dataset[Batch]):
    """Batch number `step`, made in a worker process; the same whoever makes it."""

    def __init__(self, config: TrainingConfig, corpus_folder: Path) -> None:
        self.config = config
        self.corpus_folder = corpus_folder
        self.front_end = LogSpectrogram(config.model.spectrogram)
        self._mixer: Mixer | None = None
        self._opened_at = 0

    def __getitem__(self, step: int) -> Batch:
        torch.set_num_threads(1)
        every = self.config.reload_every
        stale = every > 0 and step - self._opened_at >= every
        if self._mixer is None or stale:
            self._mixer = open_mixer(self.config, self.corpus_folder, "train")
            self._opened_at = step
        mixtures = [
            self._mixer.draw(np.random.default_rng([self.config.seed, step, index]))
            for index in range(self.config.batch)
        ]
        return make_batch(
            mixtures,
            self.front_end,
            self.config.model.instruments,
            everyone=self.config.mixing.everyone,
        )


def open_mixer(
    config: TrainingConfig,
    corpus_folder: Path,
    split: str,
    *,
    families: Sequence[str] | None = None,
) -> Mixer:
    """Return a mixer of one split, of the families that the run may hear, or of those given."""
    corpus = open_corpus(corpus_folder)
    wanted = families or config.mixing.families or None
    without = () if families else config.mixing.held_out
    stems = corpus.select(split, families=wanted, without=without)
    known = [s for s in stems if s.instrument in config.model.instruments]
    if not known:
        raise DataError(f"{corpus_folder} holds nothing to use as {split}: build more of it.")
    return Mixer(corpus, known, config.mixing)


class _Run:
    """The state of a run: network, its average, optimizer, step, random state."""

    def __init__(
        self,
        config: TrainingConfig,
        corpus_folder: Path,
        folder: Path,
        cloud_bank: Path,
    ) -> None:
        self.config = config
        self.corpus_folder = corpus_folder
        self.folder = folder
        write_training_config(folder / "config.json", config)
        torch.manual_seed(config.seed)
        self.model = SeparationModel(config.model)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = SeparationModel(config.model)
        self.average.load_state_dict(self.model.state_dict())
        self.average.eval()
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [*self.model.backbone.parameters(), *self.model.fusion.parameters()]},
                {"params": [*self.model.conditioner.parameters()]},
            ],
            weight_decay=config.weight_decay,
        )
        self.clouds: CloudBankConditions | None = None
        if config.model.conditioner == "point_cloud":
            self.clouds = CloudBankConditions(CloudBank.open(cloud_bank), config.model)
        self.step = 0
        self.best = -np.inf
        self.rows: list[ValidationRow] = []
        self.losses: list[float] = []
        self._validation: list[tuple[str, list[Any]]] | None = None

    @property
    def is_unvalidated(self) -> bool:
        """Whether no checkpoint was kept yet."""
        return not (self.folder / "best.safetensors").exists()

    def batches(self, last: int, workers: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) from where the run stands to `last`."""
        steps = range(self.step, last)
        loader = torch.utils.data.DataLoader(
            _Batches(self.config, self.corpus_folder),
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            prefetch_factor=3 if workers else None,
        )
        yield from zip(steps, loader, strict=True)

    def learn(self, step: int, batch: Batch) -> None:
        """Do one step."""
        config = self.config
        self.model.train()
        rate = config.learning_rate * learning_rate(step, config.steps, config.warm_up)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.param_groups[1]["lr"] = rate * config.conditioner_rate
        conditions = self._conditions(batch, step)
        picture = self.model.front_end.log_of_warped(batch.mixture)
        picture = picture.to(memory_format=torch.channels_last)
        mixed = config.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = self.model.mask_logits(picture, conditions).float()
        loss = mask_loss(
            config.model.head,
            logits,
            batch,
            target=config.target,
            weight=config.weight,
            loss=config.loss,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self._average_weights()
        self.losses.append(loss.item())
        self.step = step + 1

    def _conditions(self, batch: Batch, step: int) -> Float[Tensor, "mixtures performers K"]:
        if self.clouds is None:
            return self.model.encode_labels(batch.labels)
        rng = np.random.default_rng([self.config.seed, step, 1_000_000])
        return self.clouds.draw(self.model, batch.labels, self.config.clouds_a_step, rng)

    @torch.no_grad()
    def _average_weights(self) -> None:
        # Early on the average follows fast, or it would carry the random start along.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        current = self.model.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def validate(self) -> list[ValidationRow]:
        """Validate the average, log it, and keep it if it is the best."""
        if self._validation is None:
            mixer = open_mixer(self.config, self.corpus_folder, "validation")
            count = self.config.validation_mixtures
            sizes = [n for n in (2, 3, 4) if n <= len(mixer.instruments)]
            self._validation = [("validation", fixed_mixtures(mixer, n, count, 7)) for n in sizes]
        encode = self.average.encode_labels
        if self.clouds is not None:
            encode = self.clouds.encoder(self.average, "validation")
        self.rows = [validate(self.average, m, encode, name) for name, m in self._validation]
        gain = float(np.mean([row.gain_db for row in self.rows]))
        if gain > self.best:
            self.best = gain
            self.average.save(self.folder / "best.safetensors", half=True)
        self._log(gain)
        return self.rows

    def _log(self, gain: float) -> None:
        path = self.folder / "log.csv"
        recent = float(np.mean(self.losses)) if self.losses else float("nan")
        self.losses.clear()
        row: dict[str, Any] = {
            "step": self.step,
            "mixtures": self.step * self.config.batch,
            "loss": f"{recent:.5f}",
            "learning_rate": f"{self.optimizer.param_groups[0]['lr']:.2e}",
            "gain_db": f"{gain:.3f}",
        }
        for r in self.rows:
            row[f"gain_db_{r.players}"] = f"{r.gain_db:.3f}"
            row[f"share_{r.players}"] = f"{r.share:.3f}"
            row[f"shuffled_db_{r.players}"] = f"{r.shuffled_db - r.mixture_db:.3f}"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        _LOG.info("step %d: %s", self.step, row)

    def save(self) -> None:
        """Write the state."""
        state = {
            "config": json.dumps(asdict(self.config.model)),
            "step": self.step,
            "best": float(self.best),
            "losses": list(self.losses),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        with atomic_path(self.folder / "state.pt") as temporary:
            torch.save(state, temporary)

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        # Read with the defaults of what was added to configurations since.
        if from_mapping(ModelConfig, json.loads(state["config"])) != self.config.model:
            raise FileFormatError(
                f"{path} is of another network than the configuration: use another folder."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best, self.losses = state["step"], state["best"], state["losses"]
        torch.set_rng_state(state["random"])
        return True

    def start_from(self, path: Path) -> None:
        """Take over the weights of a checkpoint that have the same names and shapes."""
        other = SeparationModel.load(path).state_dict()
        own = self.model.state_dict()
        same = {k: v for k, v in other.items() if k in own and own[k].shape == v.shape}
        if not any(k.startswith("backbone.") for k in same):
            raise FileFormatError(f"{path}: its audio network is of another shape.")
        self.model.load_state_dict(own | same)
        self.average.load_state_dict(own | same)
