"""The demo: simulate a take, run the pipeline on it, and hold the result against the truth."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from auralize.pipeline import finish, run_stages
from auralize.receipt import Receipt
from capture.errors import DataError, OutputError
from capture.simulate import simulate_take
from separation.checkpoint import load_model
from separation.evaluate import evaluate_take

TAKE = "take"
_LEAD = (
    "A simulated take. The people, their instruments' shapes, the score and the room are none that "
    "the shipped network was trained on; the notes are played on FluidR3 samples, a family of "
    "sounds that its training heard. SI-SDR compares each stem with what the centre microphone "
    "heard of that player alone; the ideal mask is what this route could give at best."
)


def run_demo(
    out: str | os.PathLike[str],
    instruments: Sequence[str],
    *,
    seconds: float = 20.0,
    seed: int = 5,
    model: str | os.PathLike[str] | None = None,
    sofa: str | os.PathLike[str] | None = None,
    stage: Callable[[str], Callable[[float], None]],
) -> Receipt:
    """Simulate a take into `out`/take and run the pipeline on it, into `out`.

    The pipeline sees the take only; the truth beside it is opened when all is separated, for the
    report. An earlier demo in `out` is replaced.

    Args:
        out: Folder of the demo.
        instruments: Who plays.
        seconds: How long.
        seed: Which people, score and room; all of them are held out from training.
        model: Checkpoint, or None for the shipped one.
        sofa: HRTF, or None for the MIT KEMAR.
        stage: Starts a stage's progress bar and returns its fraction setter.

    Raises:
        DataError: The network does not know an instrument.
        OutputError: `out` holds something that is no earlier demo.
    """
    known = load_model(model).config.instruments
    strange = [name for name in instruments if name not in known]
    if strange:
        raise DataError(
            f"the network was never shown {', '.join(strange)}: choose from {', '.join(known)}, or "
            "name the checkpoint of one that was."
        )
    folder = Path(out)
    take = folder / TAKE
    if folder.exists() and any(folder.iterdir()) and not (take / "truth").is_dir():
        raise OutputError(f"{folder} holds something that is no demo: give another --out.")
    for earlier in ("performers", "stems", "take"):
        shutil.rmtree(folder / earlier, ignore_errors=True)
    started = time.perf_counter()
    simulate_take(take, instruments, seconds, seed, progress=stage("simulate"))
    simulate_s = time.perf_counter() - started
    results = run_stages(take, folder, model=model, sofa=sofa, stage=stage)
    progress = stage("compare with the truth")
    scores = evaluate_take(take, results.performers, results.separation)
    progress(1.0)
    return finish(
        results,
        folder,
        sofa=sofa,
        stage=stage,
        title=f"Demo: {len(instruments)} simulated players, {seconds:g} s, seed {seed}",
        scores=scores,
        lead=_LEAD,
        earlier_stages_s={"simulate": simulate_s},
    )
