"""Render a scene as ambisonics: spherical harmonics around the listener.

AmbiX: channels in ACN order, SN3D (see `spherical_harmonics`). Directions are in the listener's
frame: x front, y left, z up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from auralize.binaural import BLOCK, sample_count
from auralize.heard_source import HeardSource, open_sources
from auralize.spherical_harmonics import spherical_harmonics
from scenes.scene import Scene

_HOP = 256


def render_ambisonics(
    scene: Scene,
    folder: str | os.PathLike[str],
    *,
    order: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Float32[np.ndarray, "channels samples"]]:
    """Render a scene as AmbiX, block by block in bounded memory.

    The sphere moves and turns with the listener, so a decoder for headphones without head
    tracking gives what `render_binaural` gives.

    Args:
        scene: The scene.
        folder: Where its sound files are (the folder of the scene file).
        order: Ambisonic order; else the scene's.
        progress: Called with the fraction done.

    Yields:
        Blocks of (order + 1)² channels, ACN and SN3D.

    Raises:
        DataError: The sounds do not fit the scene.
        FileFormatError: A sound cannot be read.
    """
    order = scene.output.ambisonic_order if order is None else order
    with open_sources(scene, folder) as sources:
        length = sample_count(scene, sources)
        for start in range(0, length, BLOCK):
            total = np.zeros(((order + 1) ** 2, BLOCK), dtype=np.float32)
            for source in sources:
                _encode(source, start, order, total)
            if progress is not None:
                progress(min(1.0, (start + BLOCK) / length))
            yield total[:, : length - start]


def _encode(
    source: HeardSource, start: int, order: int, total: Float32[np.ndarray, "channels block"]
) -> None:
    """Add a block of a source; its gains are linear over each hop."""
    hop = _HOP if source.moves else BLOCK
    times = np.arange(start, start + BLOCK + 1, hop) / source.sample_rate_hz
    directions, distances = source.seen_from_listener(times)
    gains = spherical_harmonics(directions, order) * source.gains(distances)[:, None]
    gains = gains.astype(np.float32)
    sound = source.read(start, BLOCK).reshape(-1, hop)
    if not source.moves:
        total += gains[0][:, None] * sound
        return
    rising = np.arange(hop, dtype=np.float32) / np.float32(hop)
    entering, leaving = sound * rising, sound * (1 - rising)
    for channel, gain in enumerate(gains.T):
        total[channel] += (leaving * gain[:-1, None] + entering * gain[1:, None]).ravel()
