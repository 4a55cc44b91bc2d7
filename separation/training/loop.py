"""The training loop: steps, learning rate, validation, and a state to go on from.

A run lives in a folder: `state.pt` (everything to go on from), `log.csv` and `tensorboard/`, and
`best.safetensors` with its .json (the averaged weights that validated best). Mixtures follow from
(seed, step), so a run that was stopped and resumed does the very steps it would have done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from capture.errors import DataError
from separation.model import SeparationModel
from separation.training.batch import Batch
from separation.training.conditions import Banks, open_conditions
from separation.training.config import (
    TrainingConfig,
    read_training_config,
    write_training_config,
)
from separation.training.curriculum import Curriculum
from separation.training.data import batches, open_mixer
from separation.training.logs import RunLog
from separation.training.losses import mask_loss
from separation.training.mixing import Mixture
from separation.training.parallel import (
    Processes,
    average_over_processes,
    joined_processes,
    synchronize_batch_norm,
)
from separation.training.schedule import learning_rate
from separation.training.state import RunState
from separation.training.validation import ValidationRow, fixed_mixtures, validate

if TYPE_CHECKING:
    from jaxtyping import Float

_GRADIENT_NORM = 5.0


def train(
    config: TrainingConfig | str | os.PathLike[str],
    corpus_folder: str | os.PathLike[str],
    run_folder: str | os.PathLike[str],
    *,
    steps: int | None = None,
    cloud_bank: str | os.PathLike[str] | None = None,
    move_bank: str | os.PathLike[str] | None = None,
    initial_weights: str | os.PathLike[str] | None = None,
    workers: int = 0,
    device: str = "cpu",
    stop_after_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    on_validation: Callable[[int, Sequence[ValidationRow]], None] | None = None,
) -> Path:
    """Train, or go on training, in `run_folder`.

    Args:
        config: The run, or the name or file of one (`read_training_config`). On going on it may
            be changed in everything but the model.
        corpus_folder: From `separation.corpus.builder`.
        run_folder: Made if missing; a state in it is taken up.
        steps: Stop at this step, with the state saved; the schedule still goes by the
            configuration.
        cloud_bank: From `build_cloud_bank`, for networks that look at clouds or pictures; the
            corpus' folder "clouds" if not given.
        move_bank: From `build_move_bank`, for networks that watch movement; the corpus' folder
            "moves" if not given.
        initial_weights: A checkpoint to start from: weights of the same names are taken over.
        workers: Processes that prepare mixtures beside the one that learns.
        device: "cpu", "cuda", or "auto" for a GPU if there is one. Several processes are started
            by torchrun, see `separation.training.parallel`.
        stop_after_s: Stop after this time, with the state saved.
        progress: Called with the fraction done.
        on_validation: Called with the step and its rows.

    Returns:
        The checkpoint that validated best.

    Raises:
        DataError: The corpus is empty, or holds no clouds where they are needed; or a batch does
            not fit in the GPU's memory.
        FileFormatError: Configuration, state or checkpoint are broken or of another network.
        ValueError: The device is not there, or the processes cannot share a batch.
    """
    if not isinstance(config, TrainingConfig):
        config = read_training_config(config)
    corpus = Path(corpus_folder)
    started = time.monotonic()
    last = min(config.steps, steps or config.steps)
    with joined_processes(device) as processes:
        banks = Banks.beside(
            corpus,
            None if cloud_bank is None else Path(cloud_bank),
            None if move_bank is None else Path(move_bank),
        )
        run = _Run(config, corpus, Path(run_folder), banks, processes)
        if not run.resume() and initial_weights is not None:
            run.state.start_from(Path(initial_weights))
        enough = False
        while run.state.step < last and not enough:
            # Anew at each stage of the curriculum, which prepared batches don't know yet.
            stage = run.state.curriculum.number
            upcoming = range(run.state.step, last)
            for step, batch in run.batches(upcoming, workers):
                run.learn(step, batch)
                done = step + 1
                enough = processes.agree(
                    stop_after_s is not None and time.monotonic() - started > stop_after_s
                )
                at_end = done == last or enough
                if done % config.validate_every == 0 or (at_end and run.is_unvalidated):
                    rows = run.validate()
                    if on_validation is not None and processes.leads:
                        on_validation(done, rows)
                if (done % config.save_every == 0 or at_end) and processes.leads:
                    run.state.save(run.folder)
                if progress is not None:
                    progress(done / last)
                if enough or run.state.curriculum.number != stage:
                    break
        run.close()
        return run.folder / "best.safetensors"


class _Run:
    """One process's part of a run."""

    def __init__(
        self,
        config: TrainingConfig,
        corpus_folder: Path,
        folder: Path,
        banks: Banks,
        processes: Processes,
    ) -> None:
        self.config = config
        self.corpus_folder = corpus_folder
        self.folder = folder
        self.processes = processes
        self.share = processes.share_of(config.batch)
        self._log: RunLog | None = None
        if processes.leads:
            write_training_config(folder / "config.json", config)
            self._log = RunLog(folder)
        torch.manual_seed(config.seed)
        model = SeparationModel(config.model)
        average = SeparationModel(config.model)
        average.load_state_dict(model.state_dict())
        average.to(processes.device).eval()
        if processes.count > 1:
            synchronize_batch_norm(model.backbone)
        model.to(processes.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        sight = {id(parameter) for parameter in model.conditioner.parameters()}
        groups = [
            {"params": [p for p in model.parameters() if id(p) not in sight]},
            {"params": [p for p in model.conditioner.parameters() if p.requires_grad]},
        ]
        self.state = RunState(
            model=model,
            average=average,
            optimizer=torch.optim.AdamW(groups, weight_decay=config.weight_decay),
            curriculum=Curriculum(config.curriculum),
            losses=[],
        )
        self.conditions = open_conditions(config.model, banks, each=config.clouds_a_step)
        self._validation: list[list[Mixture]] | None = None

    @property
    def is_unvalidated(self) -> bool:
        """Whether no checkpoint was kept yet."""
        return not (self.folder / "best.safetensors").exists()

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one."""
        return self.state.resume(self.folder, self.processes.device)

    def batches(self, steps: range, workers: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) of this process's share."""
        return batches(
            self.config,
            self.corpus_folder,
            steps,
            self.share,
            stage=self.state.curriculum.stage,
            workers=workers,
        )

    def learn(self, step: int, batch: Batch) -> None:
        """Do one step."""
        try:
            loss = self._gradients(step, batch.to(self.processes.device))
        except torch.cuda.OutOfMemoryError as error:
            raise DataError(
                f"a batch of {len(self.share)} mixtures does not fit in the GPU's memory: choose a "
                "smaller batch or width in the configuration, or more processes."
            ) from error
        model, optimizer = self.state.model, self.state.optimizer
        if self.processes.count > 1:
            average_over_processes(p.grad for p in model.parameters() if p.grad is not None)
            average_over_processes([loss])
        torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
        optimizer.step()
        self._average_weights()
        self.state.losses.append(loss.item())
        self.state.step = step + 1

    def _gradients(self, step: int, batch: Batch) -> Tensor:
        """Set the gradients of this process's mixtures; return their loss."""
        config, model, optimizer = self.config, self.state.model, self.state.optimizer
        model.train()
        rate = config.learning_rate * learning_rate(step, config.steps, config.warm_up)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.param_groups[1]["lr"] = rate * config.conditioner_rate
        conditions = self._conditions(batch, step)
        picture = model.front_end.log_of_warped(batch.mixture)
        picture = picture.to(memory_format=torch.channels_last)
        mixed = config.precision == "bfloat16"
        with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=mixed):
            logits = model.mask_logits(picture, conditions).float()
        loss = mask_loss(
            config.model.head,
            logits,
            batch,
            target=config.target,
            weight=config.weight,
            loss=config.loss,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def _conditions(
        self, batch: Batch, step: int
    ) -> Float[Tensor, "mixtures performers K *moments"]:
        rng = np.random.default_rng([self.config.seed, step, 1_000_000])
        return self.conditions.draw(self.state.model, batch, rng, self.share)

    @torch.no_grad()
    def _average_weights(self) -> None:
        # Early on the average follows fast, or it would carry the random start along.
        step = self.state.step
        decay = min(self.config.average, (1 + step) / (10 + step))
        current = self.state.model.state_dict()
        for name, value in self.state.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def validate(self) -> list[ValidationRow]:
        """Validate the average, log it, keep it if it is the best, and tell the curriculum.

        Every process does, so that all come to the same stage.
        """
        state = self.state
        if self._validation is None:
            mixer = open_mixer(self.config, self.corpus_folder, "validation")
            count = self.config.validation_mixtures
            sizes = [n for n in (2, 3, 4) if n <= len(mixer.instruments)]
            self._validation = [fixed_mixtures(mixer, n, count, 7) for n in sizes]
        encode = self.conditions.encoder(state.average, "validation")
        rows = [validate(state.average, m, encode, "validation") for m in self._validation]
        gain = float(np.mean([row.gain_db for row in rows]))
        stage = state.curriculum.number
        state.curriculum.judge(gain)
        if gain > state.best:
            state.best = gain
            if self.processes.leads:
                state.average.save(self.folder / "best.safetensors", half=True)
        if self._log is not None:
            self._log.write(state.step, self._figures(rows, gain, stage))
        state.losses.clear()
        return rows

    def _figures(self, rows: Sequence[ValidationRow], gain: float, stage: int) -> dict[str, float]:
        """Return a line of the log."""
        losses = self.state.losses
        figures: dict[str, float] = {
            "mixtures": self.state.step * self.config.batch,
            "loss": float(np.mean(losses)) if losses else float("nan"),
            "learning_rate": self.state.optimizer.param_groups[0]["lr"],
            "gain_db": gain,
        }
        if self.config.curriculum is not None:
            figures["stage"] = stage
        for row in rows:
            figures[f"gain_db_{row.players}"] = row.gain_db
            figures[f"share_{row.players}"] = row.share
            figures[f"shuffled_db_{row.players}"] = row.shuffled_db - row.mixture_db
        return figures

    def close(self) -> None:
        """End the log."""
        if self._log is not None:
            self._log.close()
