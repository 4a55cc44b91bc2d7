"""The training loop: steps, learning rate, validation, and a state to go on from.

A run lives in a folder: `state.pt` (everything to go on from), `log.csv` and `tensorboard/`, and
`best.safetensors` with its .json (the averaged weights that validated best). Mixtures follow from
(seed, step), so a run that was stopped and resumed does the very steps it would have done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from separation.training.conditions import Banks
from separation.training.config import TrainingConfig, read_training_config
from separation.training.parallel import joined_processes
from separation.training.run import Run
from separation.training.validation import ValidationRow


def train(
    config: TrainingConfig | str | os.PathLike[str],
    corpus_folder: str | os.PathLike[str],
    run_folder: str | os.PathLike[str],
    *,
    steps: int | None = None,
    cloud_bank: str | os.PathLike[str] | None = None,
    move_bank: str | os.PathLike[str] | None = None,
    initial_weights: str | os.PathLike[str] | None = None,
    image_weights: str | os.PathLike[str] | None = None,
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
        image_weights: ImageNet weights of a ResNet to start a network from that looks at pictures.
        workers: Processes that prepare mixtures beside the one that learns.
        device: "cpu", "cuda", or "auto" for a GPU if there is one. Several processes are started
            by torchrun, see `separation.training.parallel`.
        stop_after_s: Stop after this time, with the state saved.
        progress: Called with the fraction done.
        on_validation: Called with the step and its rows.

    Returns:
        The checkpoint that validated best; of a run that stopped before its first validation, what
        it has come to.

    Raises:
        DataError: The corpus is empty, or holds no clouds or movements where they are needed; or
            a batch does not fit in the GPU's memory.
        DeviceError: A GPU is asked for and there is none.
        FileFormatError: Configuration, state or checkpoint are broken or of another network.
        ValueError: There is no such device, or the processes cannot share a batch.
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
        run = Run(config, corpus, Path(run_folder), banks, processes)
        run.begin(initial_weights, image_weights)
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
                # Not wherever it stops: a run that goes on must have judged at the same steps.
                if done % config.validate_every == 0 or done == config.steps:
                    rows = run.validate()
                    if on_validation is not None and processes.leads:
                        on_validation(done, rows)
                at_end = done == last or enough
                if (done % config.save_every == 0 or at_end) and processes.leads:
                    run.state.save(run.folder)
                if progress is not None:
                    progress(done / last)
                if enough or run.state.curriculum.number != stage:
                    break
        run.close()
        return run.folder / "best.safetensors"
