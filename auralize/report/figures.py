"""Pictures of the report, as PNG data URIs.

Every figure is drawn with matplotlib's object interface: no window, no global state. Colors are
those of Okabe and Ito, which people with any color vision tell apart; player k has the same color
in every picture.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from capture.performer import Performer
from capture.waveform import Sound

PLAYER_COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#525252",
)  # fmt: skip
# More would not be seen in a picture so wide.
_MOST_COLUMNS = 1000
_INK = "#1d2733"
_STYLE: Any = {
    "font.size": 9.0,
    "axes.edgecolor": "#8a94a0",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def player_color(index: int) -> str:
    """Return the color of player `index` in all pictures."""
    return PLAYER_COLORS[index % len(PLAYER_COLORS)]


def plan_view(
    performers: Sequence[Performer], labels: Sequence[str], listener_xy_m: tuple[float, float]
) -> str:
    """Draw the stage from above: players, where they move and face, and the listener.

    World x (front) is drawn up and y (left) to the left, as the listener sees the stage.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.0, 5.2), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        for index, (performer, label) in enumerate(zip(performers, labels, strict=True)):
            color = player_color(index)
            if performer.clouds:
                points = performer.clouds[len(performer.clouds) // 2].positions_m[::7]
                axes.scatter(-points[:, 1], points[:, 0], s=1.0, c=color, alpha=0.15, lw=0)
            path = performer.trajectory.positions_m
            axes.plot(-path[:, 1], path[:, 0], color=color, lw=1.2)
            x, y, _ = performer.trajectory.mean_position_m
            yaw = performer.trajectory.at(float(performer.trajectory.times_s[0])).yaw_rad
            axes.scatter([-y], [x], s=60, c=color, edgecolors="white", zorder=4)
            axes.annotate(
                "",
                xy=(-y - 0.45 * np.sin(yaw), x + 0.45 * np.cos(yaw)),
                xytext=(-y, x),
                arrowprops={"arrowstyle": "->", "color": color, "lw": 1.8},
            )
            # Neighbours' names at two heights do not run into each other.
            above = 12 if index % 2 == 0 else 24
            axes.annotate(
                label, xy=(-y, x), xytext=(0, above), textcoords="offset points", ha="center"
            )
        lx, ly = listener_xy_m
        axes.scatter([-ly], [lx], marker=(3, 0, 0), s=120, c=_INK, zorder=5)
        axes.annotate("listener, camera", xy=(-ly, lx), xytext=(10, -3), textcoords="offset points")
        half = np.radians(37.5)
        for side in (-1, 1):
            axes.plot([0, side * 4.2 * np.sin(half)], [0, 4.2 * np.cos(half)], ":", c="#8a94a0")
        axes.set_xlabel("right  (−y, m)")
        axes.set_ylabel("front  (x, m)")
        axes.set_aspect("equal")
        axes.set_ylim(-0.4, None)
        axes.grid(color="#e3e7eb", lw=0.6)
        return _data_uri(figure)


def front_view(performers: Sequence[Performer], labels: Sequence[str]) -> str:
    """Draw the players' clouds as the camera sees them: in their colors, and told apart."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11.0, 4.4), dpi=120, layout="constrained")
        natural, told_apart = figure.subplots(1, 2, sharex=True, sharey=True)
        for index, performer in enumerate(performers):
            if not performer.clouds:
                continue
            cloud = performer.clouds[len(performer.clouds) // 2]
            cloud = cloud.select(np.argsort(-cloud.positions_m[:, 0]))
            x, y, z = cloud.positions_m.T
            # A pinhole at ear height: what is nearer is larger and lower, as from the chair.
            across, up = -y / np.maximum(x, 0.1), (z - 1.2) / np.maximum(x, 0.1)
            tint = player_color(index)
            shown = tint if cloud.colors is None else cloud.colors / 255.0
            _scatter(natural, across, up, shown)
            _scatter(told_apart, across, up, tint)
            told_apart.annotate(
                labels[index],
                xy=(float(np.median(across)), float(up.max())),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
            )
        natural.set_title("as the camera sees them", fontsize=9)
        told_apart.set_title("as performers", fontsize=9)
        for axes in (natural, told_apart):
            axes.set_aspect("equal")
            axes.set_facecolor("#f4f6f8")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.margins(0.08)
        return _data_uri(figure)


def spectrogram(sound: Sound, title: str, top_hz: float | None = None) -> str:
    """Draw the spectrogram of the first channel, log frequency, 80 dB below its peak.

    Args:
        sound: The sound, of which a little is read at a time.
        title: Above the picture.
        top_hz: A line is drawn here: above it the stem is extrapolated.
    """
    times_s, frequencies_hz, level_db = spectrogram_db(sound)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 2.1), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        if len(times_s) > 1:
            peak = float(level_db.max())
            axes.pcolormesh(
                times_s, frequencies_hz[1:], level_db[1:], vmin=peak - 80, vmax=peak, cmap="magma",
                shading="nearest", rasterized=True,
            )  # fmt: skip
        half_rate_hz = sound.sample_rate_hz / 2
        axes.set_yscale("log")
        axes.set_ylim(60, half_rate_hz)
        if top_hz is not None and top_hz < half_rate_hz:
            axes.axhline(top_hz, color="white", lw=0.8, ls="--")
        axes.set_yticks([100, 1000, 10000], ["100", "1k", "10k"])
        axes.set_ylabel("Hz")
        axes.set_xlabel("s")
        axes.set_title(title, fontsize=9)
        return _data_uri(figure)


def spectrogram_db(
    sound: Sound,
) -> tuple[
    Float64[np.ndarray, "columns"],
    Float64[np.ndarray, "rows"],
    Float64[np.ndarray, "rows columns"],
]:
    """Return times, frequencies and levels of at most `_MOST_COLUMNS` columns.

    A column of a long sound is the mean power of several windows of about 40 ms.
    """
    import scipy.signal

    rate = sound.sample_rate_hz
    size = min(2 ** int(np.ceil(np.log2(0.04 * rate))), max(sound.sample_count, 2))
    overlap = size // 8
    hop = size - overlap
    windows = max(0, (sound.sample_count - overlap) // hop)
    in_column = max(1, math.ceil(windows / _MOST_COLUMNS))
    times_s: list[float] = []
    columns: list[np.ndarray] = []
    for first in range(0, windows, in_column):
        last = min(first + in_column, windows) - 1
        start, stop = first * hop, last * hop + size
        _, _, power = scipy.signal.spectrogram(
            sound.read(start, stop)[0], rate, nperseg=size, noverlap=overlap, scaling="spectrum"
        )
        times_s.append((start + stop) / 2 / rate)
        columns.append(power.mean(axis=1))
    frequencies_hz = np.fft.rfftfreq(size, 1 / rate)
    powers = np.array(columns, dtype=np.float64).reshape(-1, len(frequencies_hz)).T
    return np.array(times_s), frequencies_hz, 10 * np.log10(np.maximum(powers, 1e-14))


def _scatter(axes: Axes, across: np.ndarray, up: np.ndarray, color: object) -> None:
    axes.scatter(across, up, s=0.9, c=color, lw=0)  # pyright: ignore[reportArgumentType]


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
