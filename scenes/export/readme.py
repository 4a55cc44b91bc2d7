"""The README of an export: what is in it, how to open it, where things are, how loud they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from jaxtyping import Float

from capture.axes import identity
from scenes.export.exported import ExportedScene

_Conversion = Callable[[Float[np.ndarray, "*batch 3"]], Float[np.ndarray, "*batch 3"]]

DISTANCE_LAW = (
    "A source is as loud as its sound file at its reference distance, times its gain, and 6 dB "
    "softer for each doubling of the distance."
)


def readme(
    exported: ExportedScene,
    *,
    engine: str,
    opening: str,
    axes: str,
    engine_from_world: _Conversion,
    gain_db: float = 0.0,
    loudness: str = DISTANCE_LAW,
    more: str = "",
    checked_with: str = "",
) -> str:
    """Return the text of README.md.

    Args:
        exported: The scene.
        engine: What opens it: "Godot 4".
        opening: How, in Markdown: numbered steps.
        axes: The engine's axes in words: "x right, y up, −z front; metres".
        engine_from_world: Positions as the engine has them.
        gain_db: What all stems were turned down by (negative), so that none clips.
        loudness: How loud sources are, where it is not as in the scene.
        more: What else is to be said, in Markdown.
        checked_with: Which program of which version opened such an export when it was made.
    """
    parts = [
        f"# {_line(exported.title)}: for {engine}",
        f"Written by Auralize {version('auralize')}: {_counted(exported)}, "
        f"{exported.duration_s:.2f} s at {exported.sample_rate_hz} Hz.",
        "## Open it",
        opening.strip(),
        "## Where things are",
        _frames(engine, axes, engine_from_world),
        _table(exported, engine_from_world),
        "## How loud",
        loudness.strip(),
    ]
    if gain_db != 0.0:
        parts.append(
            f"**All sound files were turned down by {-gain_db:.2f} dB**, so that none clips; turn "
            "the whole up by so much to have the scene's level."
        )
    if more:
        parts.append(more.strip())
    if checked_with:
        parts += ["## Checked with", checked_with.strip()]
    return "\n\n".join(parts) + "\n"


def _counted(exported: ExportedScene) -> str:
    moving = sum(source.moves for source in exported.sources)
    silent = sum(not source.heard for source in exported.sources)
    words = [f"{len(exported.sources)} source{'s' if len(exported.sources) > 1 else ''}"]
    if moving:
        words.append(f"{moving} moving")
    if silent:
        words.append(f"{silent} muted")
    return ", ".join(words)


def _frames(engine: str, axes: str, engine_from_world: _Conversion) -> str:
    if engine_from_world is identity:
        return f"Positions at the start; {axes}."
    return (
        f"Positions at the start, in the axes of {engine} ({axes}) and in those of the scene file "
        "(x front, y left, z up; metres)."
    )


def _table(exported: ExportedScene, engine_from_world: _Conversion) -> str:
    same = engine_from_world is identity
    places = ["position"] if same else ["in the engine", "in the scene"]

    def placed(position_m: Float[np.ndarray, "3"]) -> list[str]:
        shown = [_shown(position_m)]
        return shown if same else [_shown(engine_from_world(position_m)), *shown]

    rows: list[Sequence[str]] = [
        ("name", *places, "gain", "reference distance", ""),
        ("---",) * (4 + len(places)),
    ]
    for source in exported.sources:
        remarks = [*(["moves"] if source.moves else []), *([] if source.heard else ["muted"])]
        rows.append(
            (
                f"{_line(source.name)} (`{source.identifier}`)",
                *placed(source.first_position_m),
                f"{source.gain_db:+g} dB",
                f"{source.reference_distance_m:g} m",
                ", ".join(remarks),
            )
        )
    ears = exported.listener.trajectory.at(0.0).position_m
    turning = "moves" if exported.listener.moves else ""
    rows.append(("listener", *placed(ears), "", "", turning))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _shown(position: Float[np.ndarray, "3"]) -> str:
    return ", ".join(f"{value + 0.0:.3f}" for value in np.round(position, 3))


def _line(text: str) -> str:
    """Return text that fits in a cell of a table and formats nothing."""
    flat = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_{}[]<>#|" else c for c in flat)
