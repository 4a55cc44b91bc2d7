"""The pipeline: all stages in turn, then the report and the receipt."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from auralize.hrtf.head import read_hrtf
from auralize.output.render_report import RenderReport
from auralize.output.rendering import render
from auralize.receipt import Receipt
from auralize.report import Report, ReportPlayer, write_report
from auralize.report.localisation import localisation_table
from auralize.stages import scene_of, segment_take, separate_take
from capture.performer import Performer
from capture.take import open_take
from capture.take.sound import FileSound
from scenes import read_scene
from separation.channels import check_rate
from separation.checkpoint import load_model
from separation.scores import Score
from separation.stem import Separation

Stage = Callable[[str], Callable[[float], None]]
PathLike = str | os.PathLike[str]

PREVIEW = "preview.wav"
AMBIX = "preview.ambix.wav"
REPORT = "report.html"
RECEIPT = "receipt.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the stages gave.

    Attributes:
        source: The recording.
        duration_s: Its length.
        clock: How audio and camera times were brought together.
        warnings: What was odd about it.
        performers: The players.
        separation: Their stems.
        preview: Figures of the headphone preview.
        stage_times_s: Stage → seconds.
    """

    source: str
    duration_s: float
    clock: str
    warnings: tuple[str, ...]
    performers: tuple[Performer, ...]
    separation: Separation
    preview: RenderReport
    stage_times_s: Mapping[str, float]


def run(
    source: PathLike,
    out: PathLike,
    *,
    audio: PathLike | None = None,
    rate_hz: float | None = None,
    model: PathLike | None = None,
    sofa: PathLike | None = None,
    stage: Stage | None = None,
) -> Receipt:
    """Make performers, stems, a scene, previews, a report and a receipt from a recording.

    Args:
        source: A take folder, a K4A MKV, or a folder of PLY files.
        out: Folder of the results; each file in it is replaced when its successor is whole.
        audio: The sound of a recording that has none.
        rate_hz: PLY files a second, for a folder that does not say.
        model: Checkpoint, or None for the shipped one.
        sofa: HRTF, or None for the MIT KEMAR.
        stage: Starts a stage's progress bar and returns its fraction setter.

    Raises:
        AuralizeError: Recording, checkpoint, HRTF or folder cannot be used; the message says why.
    """
    starts = stage or (lambda name: lambda fraction: None)
    results = run_stages(
        source, out, audio=audio, rate_hz=rate_hz, model=model, sofa=sofa, stage=starts
    )
    return finish(results, out, sofa=sofa, stage=starts, title=f"Auralize: {Path(source).name}")


def run_stages(
    source: PathLike,
    out: PathLike,
    *,
    audio: PathLike | None = None,
    rate_hz: float | None = None,
    model: PathLike | None = None,
    sofa: PathLike | None = None,
    stage: Stage,
) -> Results:
    """Run all stages up to the previews; see `run`."""
    folder = Path(out)
    times_s: dict[str, float] = {}
    with _timed(times_s, "open"):
        take = open_take(source, audio=audio, rate_hz=rate_hz)
    with take:
        # What cannot be used is refused before any work is done on the recording.
        with _timed(times_s, "open"):
            check_rate(take.sample_rate_hz)
            network = load_model(model)
            read_hrtf(sofa)
        with _timed(times_s, "segment"):
            performers = segment_take(take, folder, progress=stage("find the players"))
        with _timed(times_s, "separate"):
            separation = separate_take(
                take, performers, folder, network=network, progress=stage("separate the stems")
            )
        with _timed(times_s, "scene"):
            scene = scene_of(take, performers, separation, folder)
        details = (str(take.path), take.duration_s, str(take.clock), tuple(take.warnings))
    with _timed(times_s, "render"):
        preview = render(
            scene, folder / PREVIEW, sofa=sofa, progress=stage("render the headphone preview")
        )
        render(scene, folder / AMBIX, progress=stage("render the ambisonic preview"))
    return Results(
        source=details[0],
        duration_s=details[1],
        clock=details[2],
        warnings=details[3],
        performers=performers,
        separation=separation,
        preview=preview,
        stage_times_s=times_s,
    )


def finish(
    results: Results,
    out: PathLike,
    *,
    sofa: PathLike | None,
    stage: Stage,
    title: str,
    scores: Sequence[Score] = (),
    earlier_stages_s: Mapping[str, float] | None = None,
    lead: str = "",
) -> Receipt:
    """Write the report and the receipt of what the stages gave.

    Args:
        results: From `run_stages`.
        out: Where the stages wrote.
        sofa: HRTF of the preview.
        stage: Starts a stage's progress bar.
        title: Headline of the report.
        scores: Stems against the truth, where there is one.
        earlier_stages_s: What came before the stages, with its seconds.
        lead: A sentence below the headline.
    """
    folder = Path(out)
    times_s = {**(earlier_stages_s or {}), **results.stage_times_s}
    progress = stage("write the report")
    manifest = results.separation.manifest
    with _timed(times_s, "report"):
        scene = read_scene(folder / "scene.yaml")
        localisation = localisation_table(scene, sofa)
        progress(0.5)
        receipt = _receipt(results, folder, times_s)
        listener = scene.listener.position_m
        write_report(
            folder / REPORT,
            Report(
                title=title,
                lead=lead
                or f"{len(results.performers)} players, {results.duration_s:.1f} s, one stem each.",
                players=[
                    ReportPlayer(
                        performer=performer,
                        label=_label(performer),
                        stem=stem.sound,
                        extrapolated_above_hz=manifest.extrapolated_above_hz,
                        note=stem.note,
                        figures=_figures(performer.name, scores),
                    )
                    for performer, stem in zip(
                        results.performers, results.separation.stems, strict=True
                    )
                ],
                residual=results.separation.residual_sound,
                preview=FileSound(folder / PREVIEW),
                listener_xy_m=(listener[0], listener[1]),
                localisation=localisation,
                receipt=receipt.lines(),
                stage_times={name: f"{seconds:.1f} s" for name, seconds in times_s.items()},
                warnings=receipt.warnings,
            ),
        )
    # The report cannot hold its own time; the receipt can.
    receipt = replace(
        receipt, stage_times_s=_rounded(times_s), peak_memory_bytes=_peak_memory_bytes()
    )
    receipt.write(folder / RECEIPT)
    progress(1.0)
    return receipt


def _receipt(results: Results, folder: Path, times_s: Mapping[str, float]) -> Receipt:
    manifest = results.separation.manifest
    stems = results.separation.stems
    shared = {tuple(sorted((stem.name, *stem.shared_with))) for stem in stems if stem.shared_with}
    return Receipt(
        source=results.source,
        out=str(folder),
        players={
            performer.name: [
                round(float(value), 3) for value in performer.trajectory.mean_position_m
            ]
            for performer in results.performers
        },
        shared=[list(group) for group in sorted(shared)],
        bearings={stem.name: stem.bearing for stem in stems if stem.bearing is not None},
        duration_s=round(manifest.sample_count / manifest.sample_rate_hz, 6),
        sample_count=manifest.sample_count,
        sample_rate_hz=manifest.sample_rate_hz,
        extrapolated_above_hz=manifest.extrapolated_above_hz,
        reconstruction_db=manifest.reconstruction_db,
        residual_db=manifest.residual_db,
        clock=results.clock,
        loudness_lufs=results.preview.loudness_lufs,
        true_peak_dbtp=results.preview.true_peak_dbtp,
        preview_gain_db=results.preview.gain_db,
        model=manifest.model,
        model_sha256=manifest.model_sha256,
        hrtf=results.preview.hrtf or "",
        poses=manifest.poses,
        stage_times_s=_rounded(times_s),
        peak_memory_bytes=_peak_memory_bytes(),
        versions={
            "auralize": version("auralize"),
            "Python": platform.python_version(),
            "torch": version("torch"),
            "numpy": np.__version__,
        },
        warnings=[*results.warnings, *results.separation.notes],
    )


def _rounded(times_s: Mapping[str, float]) -> dict[str, float]:
    return {name: round(seconds, 2) for name, seconds in times_s.items()}


def _label(performer: Performer) -> str:
    words = performer.name.replace("-", " ")
    return words if performer.instrument is None else f"{words}, {performer.instrument}"


def _figures(name: str, scores: Sequence[Score]) -> dict[str, str]:
    """Return a player's SI-SDR figures for the report, at each rate."""
    rows: dict[str, str] = {}
    for score in scores:
        if score.performer != name:
            continue
        if score.instrument is not None:
            rows["plays, in truth"] = score.instrument.replace("_", " ")
        rate = f"{score.sample_rate_hz / 1000:g} kHz"
        rows[f"SI-SDR at {rate}: mixture"] = f"{score.mixture_db:.1f} dB"
        rows[f"SI-SDR at {rate}: stem"] = f"{score.stem_db:.1f} dB"
        rows[f"SI-SDR at {rate}: ideal mask"] = f"{score.ideal_db:.1f} dB"
    return rows


@contextmanager
def _timed(times_s: dict[str, float], name: str) -> Generator[None]:
    started = time.perf_counter()
    yield
    times_s[name] = times_s.get(name, 0.0) + time.perf_counter() - started


def _peak_memory_bytes() -> int:
    """Return the largest memory that this process has had; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
