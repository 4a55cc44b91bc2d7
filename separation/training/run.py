"""One process's part of a run: its batches, steps, validations and log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from capture.errors import DataError
from separation.checkpoint import with_channels_last
from separation.conditioners.pose import PoseConditioner
from separation.model import SeparationModel
from separation.training.batch import Batch
from separation.training.conditions import Banks, open_conditions
from separation.training.config import TrainingConfig, write_training_config
from separation.training.curriculum import Curriculum
from separation.training.data import batches, open_mixer
from separation.training.logs import RunLog
from separation.training.losses import mask_loss
from separation.training.mixing import Mixture
from separation.training.parallel import (
    Processes,
    average_over_processes,
    synchronize_batch_norm,
)
from separation.training.schedule import learning_rate
from separation.training.state import RunState
from separation.training.validation import ValidationRow, fixed_mixtures, validate

if TYPE_CHECKING:
    from jaxtyping import Float

_GRADIENT_NORM = 5.0


class Run:
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
        torch.manual_seed(config.seed)
        model = SeparationModel(config.model)
        average = SeparationModel(config.model)
        average.load_state_dict(model.state_dict())
        average.to(processes.device).eval()
        if processes.count > 1:
            synchronize_batch_norm(model.backbone)
            # Each process encodes the movements of its own players, but all the same clouds and
            # pictures, whose norms agree without a word.
            if isinstance(model.conditioner, PoseConditioner):
                synchronize_batch_norm(model.conditioner)
        with_channels_last(model.to(processes.device))
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
        self.conditions = open_conditions(
            config.model,
            banks,
            each=config.clouds_a_step,
            augmentation=config.cloud_augmentation,
        )
        self._validation: list[list[Mixture]] | None = None

    def begin(
        self,
        initial_weights: str | os.PathLike[str] | None,
        image_weights: str | os.PathLike[str] | None,
    ) -> None:
        """Take up the state in the folder; where there is none, take over others' weights."""
        if not self.state.resume(self.folder, self.processes.device):
            if initial_weights is not None:
                self.state.start_from(Path(initial_weights))
            if image_weights is not None:
                self.state.look_with(Path(image_weights))
        # Only now: the folder may be of another network, and keeps what it has.
        if self.processes.leads:
            write_training_config(self.folder / "config.json", self.config)
            self._log = RunLog(self.folder, self.state.step)

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
        # Norms where conditions have entered the audio network see the absent, too.
        batch = batch.padded(self.processes.largest(batch.present.shape[1]))
        try:
            loss = self._gradients(step, batch.to(self.processes.device))
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            where = "GPU" if self.processes.device.type == "cuda" else "computer"
            raise DataError(
                f"a batch of {len(self.share)} mixtures does not fit in the {where}'s memory: "
                "choose a smaller batch or width in the configuration, or more processes."
            ) from error
        model, optimizer = self.state.model, self.state.optimizer
        if self.processes.count > 1:
            average_over_processes(p.grad for p in model.parameters() if p.grad is not None)
            average_over_processes([loss])
        if not torch.isfinite(loss):
            raise DataError(
                f"the loss of step {step} is not a finite number: choose a smaller learning_rate. "
                "Checkpoint and state of earlier steps are kept."
            )
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
            bins_per_row=model.front_end.bins_per_row,
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

        Every process does, and goes by the first one's figures, so that all come to the same stage.
        """
        state = self.state
        if self._validation is None:
            mixer = open_mixer(self.config, self.corpus_folder, "validation")
            count = self.config.validation_mixtures
            sizes = [n for n in (2, 3, 4) if n <= len(mixer.instruments)]
            self._validation = [fixed_mixtures(mixer, n, count, 7) for n in sizes]
        encode = self.conditions.encoder(state.average, "validation")
        rows = [validate(state.average, m, encode, "validation") for m in self._validation]
        gain = self.processes.leaders(float(np.mean([row.gain_db for row in rows])))
        stage = state.curriculum.number
        state.curriculum.judge(gain)
        if gain > state.best:
            state.best = gain
            self._keep_average()
        if self._log is not None:
            self._log.write(state.step, self._figures(rows, gain, stage))
        state.losses.clear()
        return rows

    def _keep_average(self) -> None:
        if self.processes.leads:
            self.state.average.save(self.folder / "best.safetensors", half=True)

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
        """End the log; a run that has not validated yet leaves its weights as they are."""
        if self.state.best == float("-inf"):
            self._keep_average()
        if self._log is not None:
            self._log.close()


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    # On the CPU, torch says so in words only.
    known = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
    return known or "can't allocate memory" in str(error)
