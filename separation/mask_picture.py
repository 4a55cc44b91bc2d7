"""A picture of a separation: the mixture, and each performer's mask and stem beside the true ones.

The mask is what was done to the mixture's magnitudes, |stem| / |mixture|, whatever network or
filter did it; the true mask says who is loudest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from capture.files import atomic_path
from separation.heads import largest_masks
from separation.spectrogram import LogSpectrogram, SpectrogramConfig, linear_rows_to_log

if TYPE_CHECKING:
    from jaxtyping import Float32
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from torch import Tensor

PICTURE_RATE_HZ = SpectrogramConfig().sample_rate_hz
_DEPTH_DB = 70.0
_TICKS_HZ = (100, 250, 500, 1000, 2000, 4000)


def write_mask_picture(
    path: str | os.PathLike[str],
    mixture: Float32[np.ndarray, " samples"],
    references: Float32[np.ndarray, "performers samples"],
    stems: Float32[np.ndarray, "performers samples"],
    names: Sequence[str],
    *,
    start_s: float = 0.0,
) -> None:
    """Draw a PNG, with frequency as the papers' networks see it.

    Args:
        path: Of the picture.
        mixture: At 11,025 Hz.
        references: How each performer truly sounds in it.
        stems: What was separated.
        names: Of the performers.
        start_s: When the sounds begin, for the axis of time.

    Raises:
        OutputError: The picture cannot be written.
    """
    from matplotlib.figure import Figure

    front_end = LogSpectrogram(SpectrogramConfig())
    sounds = np.concatenate([mixture[None], stems, references]).astype(np.float32)
    pictures = front_end.warp(front_end.stft(torch.from_numpy(sounds)).abs())
    mixed, estimated, true = pictures.split([1, len(stems), len(references)])
    masks = (estimated / mixed.clamp_min(1e-8)).clamp(0, 1)
    ideal = largest_masks(true).float()
    loudest = float(mixed.max())
    across = (start_s, start_s + len(mixture) / PICTURE_RATE_HZ)

    figure = Figure(figsize=(12, 2 + 1.7 * len(names)), layout="constrained")
    grid = figure.add_gridspec(len(names) + 1, 4)
    top = figure.add_subplot(grid[0, :])
    sound = _show(top, _decibels(mixed[0], loudest), across, "magma", (-_DEPTH_DB, 0))
    top.set_title("mixture", fontsize=9)
    titles = ("mask", "true mask", "stem", "true stem")
    shares = sound
    for row, name in enumerate(names):
        shown = (masks[row], ideal[row], estimated[row], true[row])
        for column, (title, values) in enumerate(zip(titles, shown, strict=True)):
            panel = figure.add_subplot(grid[row + 1, column])
            if column < 2:
                shares = _show(panel, values, across, "viridis", (0, 1))
            else:
                _show(panel, _decibels(values, loudest), across, "magma", (-_DEPTH_DB, 0))
            panel.set_title(f"{name}: {title}", fontsize=9)
            if row + 1 < len(names):
                panel.set_xticklabels([])
            else:
                panel.set_xlabel("s")
            if column:
                panel.set_yticklabels([])
    figure.colorbar(sound, ax=top, label="dB")
    figure.colorbar(shares, ax=figure.axes[-2], label="share")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _show(
    panel: Axes,
    values: Tensor,
    across: tuple[float, float],
    colors: str,
    limits: tuple[float, float],
) -> AxesImage:
    image = panel.imshow(
        values.numpy(),
        aspect="auto",
        origin="lower",
        extent=(*across, -1.0, 1.0),
        vmin=limits[0],
        vmax=limits[1],
        cmap=colors,
        interpolation="nearest",
    )
    places = linear_rows_to_log(4 * torch.tensor(_TICKS_HZ) / PICTURE_RATE_HZ - 1)
    panel.set_yticks(places.tolist(), [f"{hz:g} Hz" for hz in _TICKS_HZ], fontsize=7)
    return image


def _decibels(magnitudes: Tensor, loudest: float) -> Tensor:
    return 20 * (magnitudes / max(loudest, 1e-12)).clamp_min(1e-6).log10()
