"""From the paper's data to its tables.

index files → sounds and clouds of a corpus → label, depth and rgb networks → tables, report
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_path
from separation.checkpoint import choose_device
from separation.corpus import open_corpus
from separation.reproduction.material import FAMILY, Imported, import_data, indexed_data
from separation.reproduction.networks import FULL, PlannedRun, Size, plan_runs
from separation.reproduction.pretraining import (
    Pretraining,
    pretrain,
    pretrained,
    write_initial_weights,
)
from separation.reproduction.report import report_text
from separation.tables import StudyConfig, compare_systems, write_study
from separation.training import train

_PRETRAINED = "pretrained"
_Bars = Callable[[str], Callable[[float], None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A reproduction whose networks can be trained.

    Attributes:
        corpus: What they are trained on.
        imported: What came of the data.
        runs: The networks.
        pretraining: Of those that look at clouds; None if they start from scratch.
    """

    corpus: Path
    imported: Imported
    runs: tuple[PlannedRun, ...]
    pretraining: Pretraining | None


def prepare_experiment(
    folder: str | Path,
    out: str | Path,
    size: Size = FULL,
    *,
    shapes: str | Path | None = None,
    device: str = "auto",
    progress: _Bars | None = None,
) -> Prepared:
    """Make all that training needs: the corpus, configurations, and pretrained weights.

    What is finished in `out` is taken up.

    Args:
        folder: The data.
        out: Everything goes here.
        size: How large.
        shapes: ModelNet40, to pretrain on; the folder ModelNet40 in the data, if there is one.
        device: "cpu", "cuda" or "auto".
        progress: Gives a callback for the fraction done of a named stage.

    Raises:
        DataError: Data is missing (the message lists what), or `out` holds another reproduction.
        FileFormatError: A file is broken.
    """
    bar = progress or (lambda name: lambda fraction: None)
    base, corpus = Path(out), Path(out) / "corpus"
    rows = indexed_data(folder)
    imported = import_data(rows, corpus, each=size.clouds, progress=bar)
    runs = plan_runs(base, sorted({row.instrument for row in rows}), size)
    inside = Path(folder) / "ModelNet40"
    if shapes is None and inside.is_dir():
        shapes = inside
    pretraining = pretrained(base / _PRETRAINED, size.pretraining)
    if pretraining is None and shapes is not None:
        begun = [run for run in runs if (run.folder / "state.pt").exists()]
        if begun:
            raise DataError(
                f"{begun[0].folder} began without pretraining: name another folder with --out."
            )
        pretraining = pretrain(
            Path(shapes),
            base / _PRETRAINED,
            size.pretraining,
            device=choose_device(device),
            progress=bar("pretrain"),
        )
    if pretraining is not None:
        runs = [_with_initial_weights(run, base / _PRETRAINED) for run in runs]
    return Prepared(corpus=corpus, imported=imported, runs=tuple(runs), pretraining=pretraining)


def run_experiment(
    folder: str | Path,
    out: str | Path,
    size: Size = FULL,
    *,
    shapes: str | Path | None = None,
    device: str = "auto",
    workers: int = 0,
    progress: _Bars | None = None,
) -> Path:
    """Train the paper's three networks on its data and write the tables.

    What is finished in `out` is taken up: what `prepare_experiment` makes, and every run where it
    stopped, whoever trained it.

    Args:
        folder: The data.
        out: Corpus, runs and report go here.
        size: How large.
        shapes: See `prepare_experiment`.
        device: "cpu", "cuda" or "auto".
        workers: Processes that prepare mixtures.
        progress: Gives a callback for the fraction done of a named stage.

    Returns:
        The report, out/report.md.

    Raises:
        DataError: Data is missing (the message lists what), or `out` holds another reproduction.
        FileFormatError: A file is broken, or a run is of another network.
    """
    bar = progress or (lambda name: lambda fraction: None)
    base = Path(out)
    prepared = prepare_experiment(folder, out, size, shapes=shapes, device=device, progress=bar)
    checkpoints = {
        run.name: train(
            run.config_path,
            prepared.corpus,
            run.folder,
            initial_weights=run.initial_weights,
            device=device,
            workers=workers,
            progress=bar(f"train {run.name}"),
        )
        for run in prepared.runs
    }
    study = compare_systems(
        checkpoints,
        prepared.corpus,
        {"held-out people and sounds": (FAMILY,)},
        StudyConfig(
            mixtures=size.mixtures,
            frames=prepared.runs[0].config.mixing.frames,
            masks=("binary", "soft"),
            duets=False,
        ),
        progress=bar("tables"),
    )
    tables = write_study(base, study)
    with atomic_path(base / "report.md") as temporary:
        text = report_text(
            study,
            tables.name,
            size=size,
            config=prepared.runs[-1].config,
            imported=prepared.imported,
            left_out=open_corpus(prepared.corpus).skipped,
            pretraining=prepared.pretraining,
        )
        temporary.write_text(text, encoding="utf-8")
    return base / "report.md"


def _with_initial_weights(run: PlannedRun, folder: Path) -> PlannedRun:
    if run.config.model.conditioner != "point_cloud":
        return run
    path = folder / f"{run.folder.name}.safetensors"
    if not path.with_suffix(".json").exists():  # Which is written last.
        write_initial_weights(run.config, folder, path)
    return replace(run, initial_weights=path)
