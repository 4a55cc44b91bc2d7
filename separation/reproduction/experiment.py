"""From the paper's data to its tables.

index files → sounds and clouds of a corpus → label, depth and rgb networks → tables, report
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_path
from separation.corpus.layouts import write_index_clouds, write_recordings
from separation.corpus.layouts.musicians import read_indexed
from separation.corpus.layouts.recordings import sound_files
from separation.reproduction.report import report_text
from separation.tables import StudyConfig, compare_systems, write_study
from separation.training import TrainingConfig, read_training_config, train

SYSTEMS = {"label": "pcs-label", "depth": "pcs-depth", "rgb-depth": "pcs-rgbd"}
"""The paper's names → configurations."""

_FEWEST = 3
"""Three splits share no person and no sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a reproduction is.

    Attributes:
        steps: Training steps of each network; as configured if None.
        small: Narrow networks and short windows, which a CPU trains in minutes.
        mixtures: Mixtures of a row.
        seeds: Networks are trained once for each.
    """

    steps: int | None = None
    small: bool = False
    mixtures: int = 24
    seeds: tuple[int, ...] = (0,)


SMOKE = Size(steps=40, small=True, mixtures=4)
FULL = Size(seeds=(0, 1, 2))


def missing_data(folder: str | Path) -> list[str]:
    """Return what a copy of the paper's data lacks, a line each; nothing if it is complete."""
    data = Path(folder)
    problems: list[str] = []
    instruments = sorted(p.name for p in (data / "audio").glob("*") if p.is_dir())
    if not instruments:
        problems.append(f"{data / 'audio'}: a folder of sounds for each instrument")
    for name in instruments:
        sounds, frames = data / "audio" / name, data / "frames" / name
        heard = len(sound_files(sounds))
        seen = sum(any(p.glob("*.ply")) for p in frames.glob("*") if p.is_dir())
        if heard < _FEWEST:
            problems.append(f"{sounds}: {_FEWEST} sounds at least, it has {heard}")
        if seen < _FEWEST:
            problems.append(f"{frames}: {_FEWEST} people with PLY files at least, it has {seen}")
    if len(instruments) == 1:
        problems.append(f"{data / 'audio'}: a second instrument")
    return problems


def run_experiment(
    folder: str | Path,
    out: str | Path,
    size: Size = FULL,
    *,
    device: str = "auto",
    workers: int = 0,
    progress: Callable[[str], Callable[[float], None]] | None = None,
) -> Path:
    """Train the paper's three networks on its data and write the tables.

    What is finished in `out` is taken up: the corpus, and every run where it stopped.

    Args:
        folder: The data.
        out: Corpus, runs and report go here.
        size: How large.
        device: "cpu", "cuda" or "auto".
        workers: Processes that prepare mixtures.
        progress: Gives a callback for the fraction done of a named stage.

    Returns:
        The report, out/report.md.

    Raises:
        DataError: Data is missing; the message lists what.
    """
    problems = missing_data(folder)
    if problems:
        raise DataError("the data is not complete; wanted: " + "; ".join(problems) + ".")
    bar = progress or (lambda name: lambda fraction: None)
    base, corpus = Path(out), Path(out) / "corpus"
    rows = read_indexed(folder)
    if not (corpus / "shards").is_dir():
        write_index_clouds(corpus / "clouds", rows, each=5, progress=bar("clouds"))
        write_recordings(corpus, [row.part for row in rows], "musicians", progress=bar("sounds"))
    instruments = tuple(sorted({row.instrument for row in rows}))
    checkpoints: dict[str, Path] = {}
    for name, shipped in SYSTEMS.items():
        for seed in size.seeds:
            label = name if len(size.seeds) == 1 else f"{name} (seed {seed})"
            config = _config(shipped, instruments, size, seed)
            checkpoints[label] = train(
                config,
                corpus,
                base / "runs" / f"{shipped}-{seed}",
                device=device,
                workers=workers,
                progress=bar(f"train {label}"),
            )
    frames = 64 if size.small else 256
    study = compare_systems(
        checkpoints,
        corpus,
        {"held-out people and sounds": ("musicians",)},
        StudyConfig(mixtures=size.mixtures, frames=frames, masks=("binary", "soft"), duets=False),
        progress=bar("tables"),
    )
    tables = write_study(base, study)
    with atomic_path(base / "report.md") as temporary:
        text = report_text(study, size.seeds, tables.name, small=size.small)
        temporary.write_text(text, encoding="utf-8")
    return base / "report.md"


def torchrun_lines(out: str | Path, processes: int) -> list[str]:
    """Return the commands that train the same networks on several GPUs."""
    return [
        f"torchrun --nproc-per-node {processes} -m separation.training {shipped} {out}/corpus "
        f"{out}/runs/{shipped}-0"
        for shipped in SYSTEMS.values()
    ]


def _config(shipped: str, instruments: tuple[str, ...], size: Size, seed: int) -> TrainingConfig:
    config = read_training_config(shipped)
    model = replace(config.model, instruments=instruments)
    config = replace(config, model=model, seed=seed)
    if size.small:
        config = replace(
            config,
            model=replace(
                model,
                backbone=replace(model.backbone, levels=5, width=8, initialization="kaiming"),
                point_cloud=replace(model.point_cloud, width=4),
            ),
            mixing=replace(config.mixing, frames=64),
            batch=4,
            warm_up=5,
            validate_every=20,
            validation_mixtures=2,
            save_every=20,
        )
    return config if size.steps is None else replace(config, steps=size.steps)
