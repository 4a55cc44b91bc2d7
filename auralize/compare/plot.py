"""A comparison of two sounds as a picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from auralize.compare.sounds import SoundComparison
from capture.errors import OutputError
from capture.files.atomic import atomic_path

_FORMATS = (".png", ".svg", ".pdf")


def plot_sounds(comparison: SoundComparison, path: str | os.PathLike[str]) -> None:
    """Draw the spectra of two sounds, and below them what changed.

    Raises:
        OutputError: The file cannot be written, or does not end in .png, .svg or .pdf.
    """
    file = Path(path)
    if file.suffix.lower() not in _FORMATS:
        raise OutputError(f"{file}: pictures end in {', '.join(_FORMATS)}.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    changes = comparison.band_changes_db
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    levels, below = figure.subplots(2, 1, sharex=True)
    for sound, style in ((comparison.first, "-"), (comparison.second, "--")):
        power = np.sum(10 ** (sound.band_levels_dbfs / 10), axis=0)
        label = sound.path.name
        levels.semilogx(sound.band_centers_hz, 10 * np.log10(power + 1e-30), style, label=label)
    top = max(float(np.max(line.get_ydata())) for line in levels.lines)
    levels.set_ylim(top - 100, top + 5)
    levels.set_ylabel("thirds of octaves, dBFS")
    levels.legend()
    if changes is not None:
        centers = comparison.first.band_centers_hz[: changes.shape[1]]
        for number, change in enumerate(changes, start=1):
            below.semilogx(centers, change, label=f"channel {number}")
        if len(changes) <= 4:
            below.legend()
    below.set_xlabel("frequency, Hz")
    below.set_ylabel("second − first, dB")
    for axes in (levels, below):
        axes.grid(alpha=0.3, which="both")
    with atomic_path(file) as temporary:
        # No date: the same comparison gives the same bytes.
        dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        figure.savefig(temporary, dpi=120, metadata=dated.get(file.suffix.lower(), {}))
