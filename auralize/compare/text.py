"""Comparisons as tables of plain text, for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from auralize.compare.measures import SoundMeasures
from auralize.compare.scenes import Move, SceneComparison
from auralize.compare.sounds import Difference, SoundComparison

_LONGEST = 44


def sounds_text(comparison: SoundComparison) -> str:
    """Return what differs between two sounds."""
    a, b = comparison.first, comparison.second
    lines = [*(f"note: {note}." for note in comparison.notes)]
    lines += _difference_lines(comparison.difference)
    lines += ["", *_table([("", "first", "second", "change"), *_level_rows(a, b)])]
    changes = comparison.band_changes_db
    if changes is not None:
        names = _channel_names(len(changes), a.is_ambisonic)
        rows = [("band", *names)]
        for center, row in zip(a.band_centers_hz, changes.T, strict=False):
            rows.append((f"{center:.0f} Hz", *(_change(value, 2) for value in row)))
        lines += ["", "change of level in thirds of octaves, dB (second − first):", *_table(rows)]
    turns = comparison.intensity_turns_deg
    if turns is not None and a.intensity is not None and b.intensity is not None:
        lines += ["", "mean direction of sound (intensity), azimuth and elevation:"]
        rows = [("octave", "first", "second", "angle between")]
        for i, turn in enumerate(turns):
            rows.append(
                (
                    f"{a.octave_centers_hz[i]:.0f} Hz",
                    _direction(a.intensity[i]),
                    _direction(b.intensity[i]),
                    "–" if math.isnan(turn) else f"{turn:.2f}°",
                )
            )
        lines += _table(rows)
    return "\n".join(lines)


def scenes_text(comparison: SceneComparison) -> str:
    """Return what differs between two scenes."""
    if comparison.is_identical:
        return "The scenes are the same."
    lines = [f"added: {name}" for name in comparison.added]
    lines += [f"removed: {name}" for name in comparison.removed]
    if comparison.moves:
        lines += [""] * bool(lines)
        lines += ["sources from the listener (at the time of the largest change):"]
        lines += _table([_MOVE_TITLES, *map(_move_row, comparison.moves)])
    if comparison.changes:
        lines += [""] * bool(lines)
        rows = [(c.place, _short(c.first), _short(c.second)) for c in comparison.changes]
        lines += _table([("changed", "first", "second"), *rows])
    return "\n".join(lines)


_MOVE_TITLES = ("source", "time", "moved", "azimuth", "elevation", "distance", "turned", "level")


def _move_row(move: Move) -> tuple[str, ...]:
    azimuths, elevations, distances = move.azimuths_deg, move.elevations_deg, move.distances_m
    return (
        move.name,
        f"{move.time_s:.2f} s",
        f"{move.moved_m:.3f} m",
        f"{azimuths[0]:.1f}° → {azimuths[1]:.1f}°",
        f"{elevations[0]:.1f}° → {elevations[1]:.1f}°",
        f"{distances[0]:.2f} → {distances[1]:.2f} m",
        f"{move.turned_deg:.1f}°",
        f"{_change(move.level_change_db, 2)} dB",
    )


def _difference_lines(difference: Difference | None) -> list[str]:
    if difference is None:
        return []
    if difference.is_identical:
        return ["Every sample is the same."]
    if difference.offset_s is None:
        return [
            f"The sounds have no time in common (correlation {difference.likeness or 0:.2f}): they "
            "are different sounds."
        ]
    late_s = difference.offset_s
    when = "at the same time" if late_s == 0 else f"{1e3 * abs(late_s):.4f} ms"
    when += "" if late_s == 0 else " later" if late_s > 0 else " earlier"
    rest_db = difference.residual_without_gain_db
    return [
        f"The second sounds {when}, {_signed(difference.gain_db)} dB in level (correlation "
        f"{difference.likeness:.6f}).",
        f"Residual at the same time: {_plain(difference.residual_db, 1)} dB of the first; at the "
        f"same level, too: {_plain(rest_db, 1)} dB.",
    ]


def _level_rows(a: SoundMeasures, b: SoundMeasures) -> list[tuple[str, ...]]:
    rows = [
        ("samples", *_pair(f"{s.sample_count} {s.subtype}" for s in (a, b))),
        ("rate", *_pair(f"{s.sample_rate_hz} Hz" for s in (a, b))),
        ("channels", *_pair(f"{s.channel_count}" for s in (a, b))),
        _level("loudness", a.loudness_lufs, b.loudness_lufs, "LUFS", "LU"),
        _level("true peak", a.true_peak_dbtp, b.true_peak_dbtp, "dBTP", "dB"),
    ]
    if len(a.levels_dbfs) == len(b.levels_dbfs):
        names = _channel_names(len(a.levels_dbfs), a.is_ambisonic)
        for name, first, second in zip(names, a.levels_dbfs, b.levels_dbfs, strict=True):
            rows.append(_level(f"level, {name}", first, second, "dBFS", "dB"))
    if a.itd_s is not None and b.itd_s is not None:
        rows.append(_level("ITD (left +)", 1e6 * a.itd_s, 1e6 * b.itd_s, "µs", "µs"))
    if a.ild_db is not None and b.ild_db is not None:
        rows.append(_level("ILD (left +)", a.ild_db, b.ild_db, "dB", "dB"))
    return rows


def _channel_names(count: int, is_ambisonic: bool) -> Sequence[str]:
    if is_ambisonic:
        return [f"ACN {number}" for number in range(count)]
    return ("left", "right") if count == 2 else [f"channel {i + 1}" for i in range(count)]


def _pair(values: Iterable[str]) -> tuple[str, str, str]:
    first, second = values
    return first, second, "" if first == second else "differs"


def _level(name: str, first: float, second: float, unit: str, change: str) -> tuple[str, ...]:
    difference = 0.0 if first == second else second - first
    return (
        name,
        f"{_plain(first, 2)} {unit}",
        f"{_plain(second, 2)} {unit}",
        f"{_change(difference, 3)} {change}",
    )


def _plain(value: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}" if math.isfinite(value) else ("−∞" if value < 0 else "∞")


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _change(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return _plain(value, digits)
    return f"{value:+.{digits}f}" if round(value, digits) else "0"


def _direction(vector: np.ndarray) -> str:
    if np.isnan(vector).any():
        return "–"
    x, y, z = vector
    azimuth, elevation = math.atan2(y, x), math.atan2(z, math.hypot(x, y))
    return f"{math.degrees(azimuth):.1f}°, {math.degrees(elevation):.1f}°"


def _short(value: object) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows whose columns stand below one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
