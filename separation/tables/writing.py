"""A study as files: study.json, study.md with the papers' tables, study.png."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from capture.files.atomic import atomic_path
from separation.metrics import defined_mean
from separation.tables.study import Row, Study

_MARKERS = "os^v"


def write_study(folder: str | os.PathLike[str], study: Study) -> Path:
    """Write study.json, study.md and study.png.

    Args:
        folder: Made if missing.
        study: What was measured.

    Returns:
        The Markdown file.

    Raises:
        OutputError: The folder cannot be written to.
    """
    base = Path(folder)
    with atomic_path(base / "study.json") as temporary:
        temporary.write_text(json.dumps(study.to_dict(), indent=1) + "\n", encoding="utf-8")
    with atomic_path(base / "study.png") as temporary:
        _draw(study, temporary)
    with atomic_path(base / "study.md") as temporary:
        temporary.write_text(study_text(study), encoding="utf-8")
    return base / "study.md"


def study_text(study: Study) -> str:
    """Return the tables as Markdown."""
    first = min((row.images for row in study.rows if row.images), default=0)
    parts = ["# Separation study\n", _preface(study)]
    for material in study.materials:
        parts.append(f"\n## {material}\n")
        parts.append(_by_players(study, material, first))
        parts.append(_against_labels(study, material, first))
        if any(row.images > first for row in study.rows):
            parts.append(_by_images(study, material))
        if study.config.duets:
            parts.append(_duets(study, material))
        parts.append(_by_instrument(study, material, first))
    return "\n".join(parts)


def _preface(study: Study) -> str:
    lines = ["| system | looks at | checkpoint | SHA-256 |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {what['conditioner']} | {what['file']} | `{what['sha256'][:16]}…` |"
        for name, what in study.systems.items()
    ]
    lines += ["", "| material | sound families |", "|---|---|"]
    lines += [f"| {name} | {', '.join(families)} |" for name, families in study.materials.items()]
    config = study.config
    lines.append(
        f"\n{config.mixtures} mixtures a row, seed {config.seed}; dry, equally loud players of the "
        "test split. dB. Gain: SI-SDR over the mixture's, ± standard error; share: of the ideal "
        "binary mask's gain; shuffled: gain with the next player's conditions; residual: energy "
        "that the stems leave, over the mixture's.\n"
    )
    return "\n".join(lines)


def _by_players(study: Study, material: str, first: int) -> str:
    lines = [
        "### Players\n",
        "| N | system | masks | SDR | SIR | SAR | SI-SDR | SD-SDR | PES | gain | share | shuffled "
        "| residual |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for players in study.config.players:
        rows = [
            row
            for row in study.find(material=material, players=players, duet=False)
            if row.images in (0, first)
        ]
        for index, row in enumerate(rows):
            if index == 0:
                lines += _bounds(row, players)
            figures = row.figures
            lines.append(
                f"| {players} | {row.system} | {row.masks} | "
                + " | ".join(
                    _number(figures.mean(name))
                    for name in ("sdr", "sir", "sar", "si_sdr", "sd_sdr", "pes")
                )
                + f" | {figures.gain_db:.2f} ± {figures.gain_error_db:.2f} | {figures.share:.2f} | "
                f"{figures.shuffled_gain_db:.1f} | {_number(defined_mean(figures.residual_db))} |"
            )
    return "\n".join(lines) + "\n"


def _bounds(row: Row, players: int) -> list[str]:
    """Return the lines of the mixture and of the ideal mask of the first system's front end."""
    lines: list[str] = []
    for name, bound in (
        ("the mixture itself", row.figures.mixture),
        ("ideal binary mask", row.figures.ideal),
    ):
        means = [
            defined_mean(bound[key]) for key in ("sdr", "sir", "sar", "si_sdr", "sd_sdr", "pes")
        ]
        lines.append(
            f"| {players} | *{name}* | | " + " | ".join(map(_number, means)) + " | | | | |"
        )
    return lines


def _against_labels(study: Study, material: str, first: int) -> str:
    """Return how far systems are from the mean of those that are told the instruments."""
    told = [name for name, what in study.systems.items() if what["conditioner"] == "label"]
    others = [name for name in study.systems if name not in told]
    if not told or not others:
        return ""
    counts = sorted({row.players for row in study.find(material=material, duet=False)})

    def sdr(name: str) -> list[float]:
        masks = study.config.masks[0]
        rows = study.find(system=name, material=material, duet=False, masks=masks)
        return [row.figures.mean("sdr") for row in rows if row.images in (0, first)]

    labels = np.array([sdr(name) for name in told])
    lines = [
        "### Conditions against labels\n",
        f"SDR less the mean of {', '.join(told)}.\n",
        "| system | " + " | ".join(f"N = {count}" for count in counts) + " |",
        "|---" * (len(counts) + 1) + "|",
        "| *labels, mean (smallest … largest)* | "
        + " | ".join(
            f"{_number(seeds.mean())} ({_number(seeds.min())} … {_number(seeds.max())})"
            for seeds in labels.T
        )
        + " |",
    ]
    for name in others:
        differences = np.array(sdr(name)) - labels.mean(axis=0)
        lines.append(f"| {name} | " + " | ".join(f"{d:+.2f}" for d in differences) + " |")
    return "\n".join(lines) + "\n"


def _by_images(study: Study, material: str) -> str:
    counts = study.config.images
    heads = " | ".join(f"F = {count}" for count in counts)
    lines = [
        "### Images of a performer\n",
        f"SDR (SI-SDR gain) at N = 2.\n\n| system | {heads} |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for system in study.systems:
        cells: list[str] = []
        for count in counts:
            rows = study.find(
                system=system,
                material=material,
                images=count,
                players=2,
                duet=False,
                masks=study.config.masks[0],
            )
            cells += [
                f"{_number(row.figures.mean('sdr'))} ({row.figures.gain_db:.2f})" for row in rows
            ]
        if len(cells) == len(counts):
            lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _duets(study: Study, material: str) -> str:
    rows = study.find(material=material, duet=True)
    if not rows:
        return "### Duets of one instrument\n\nNone: the test split has too few pieces of each.\n"
    lines = [
        "### Duets of one instrument\n",
        "| system | gain | with the two conditions exchanged |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row.system} | {_number(row.figures.gain_db)} ± {row.figures.gain_error_db:.2f} | "
        f"{_number(row.figures.shuffled_gain_db)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _by_instrument(study: Study, material: str, first: int) -> str:
    rows = [
        row
        for row in study.find(material=material, duet=False, masks=study.config.masks[0])
        if row.images in (0, first)
    ]
    names = sorted({name for row in rows for name in row.figures.instruments})
    lines = [
        "### Gain by instrument\n",
        "| N | system | " + " | ".join(names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in rows:
        gains = row.figures.gain_by_instrument()
        cells = [_number(gains[name]) if name in gains else "" for name in names]
        lines.append(f"| {row.players} | {row.system} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _draw(study: Study, path: Path) -> None:
    """Draw the gain of every system by the number of players, one panel a material."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(study.materials)
    figure = Figure(figsize=(3.2 * len(names) + 2.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    first = min((row.images for row in study.rows if row.images), default=0)
    for panel, material in zip(panels, names, strict=True):
        for number, system in enumerate(study.systems):
            rows = [
                row
                for row in study.find(system=system, material=material, duet=False)
                if row.masks == study.config.masks[0] and row.images in (0, first)
            ]
            panel.errorbar(
                # Side by side, or errors hide each other.
                [
                    row.players + 0.5 * ((number + 1) / (len(study.systems) + 1) - 0.5)
                    for row in rows
                ],
                [row.figures.gain_db for row in rows],
                [row.figures.gain_error_db for row in rows],
                color=f"C{number % 10}",
                marker=_MARKERS[number // 10 % len(_MARKERS)],
                linewidth=0.8,
                capsize=2,
                label=system,
            )
        _draw_ideal(panel, study, material, first)
        panel.set_title(material)
        panel.set_xlabel("players")
        panel.set_xticks(sorted({row.players for row in study.find(material=material)}))
        panel.axhline(0.0, color="black", linewidth=0.8)  # the mixture itself
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("SI-SDR gained over the mixture, dB")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=120, format="png")


def _draw_ideal(panel: Any, study: Study, material: str, first: int) -> None:
    """Draw what the ideal binary mask gains: all that masks of this front end can."""
    system = next(iter(study.systems))
    masks = study.config.masks[0]
    rows = study.find(system=system, material=material, duet=False, masks=masks)
    rows = [row for row in rows if row.images in (0, first)]
    gains = [row.figures.ideal_gain_db for row in rows]
    players = [row.players for row in rows]
    panel.plot(players, gains, color="gray", linestyle="--", label="ideal binary mask")


def _number(value: float) -> str:
    # Rounded first, so that nothing is written as −0.00; NaN is not itself.
    return f"{round(value, 2) + 0.0:.2f}" if value == value else "–"
