"""Render a scene as ambisonics: spherical harmonics around the listener.

AmbiX: channels in ACN order, SN3D. Directions are in the listener's frame (x front, y left, z up):
the first order is W, Y, Z, X. No Condon-Shortley phase.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64

from auralize.binaural import BLOCK, sample_count
from auralize.heard_source import HeardSource, open_sources
from scenes.scene import Scene

_HOP = 256


def spherical_harmonics(
    directions: Float[np.ndarray, "*batch 3"],
    order: int,
    *,
    normalisation: Literal["sn3d", "n3d"] = "sn3d",
) -> Float64[np.ndarray, "*batch channels"]:
    """Return real spherical harmonics up to an order.

    They are polynomials of the unit vector: for degree n and index m,
    N·P(n,|m|)(z)·Re or Im (x + iy)^|m|, with the associated Legendre function divided by
    cos^|m| of the elevation, so nothing is singular at the poles.

    Source: Nachbar et al. 2011, "AmbiX: a suggested ambisonics format"; recurrences of the
    Legendre functions from Abramowitz and Stegun 8.5.3.

    Args:
        directions: Unit vectors.
        order: Highest degree, 0 or more.
        normalisation: "sn3d" (AmbiX), or "n3d" (orthonormal over the mean of the sphere).

    Returns:
        (order + 1)² channels in ACN order.

    Raises:
        ValueError: The order is negative.
    """
    if order < 0:
        raise ValueError(f"the order must be 0 or more, got {order}.")
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    harmonics = np.empty((*x.shape, (order + 1) ** 2))
    sectoral, cosine, sine = 1.0, np.ones_like(x), np.zeros_like(x)
    for m in range(order + 1):
        if m > 0:
            sectoral *= 2 * m - 1  # (2m − 1)!!
            cosine, sine = x * cosine - y * sine, y * cosine + x * sine
        before, legendre = np.zeros_like(z), np.full_like(z, sectoral)
        for n in range(m, order + 1):
            norm = math.sqrt(
                (1 if m == 0 else 2) * math.factorial(n - m) / math.factorial(n + m)
            ) * (math.sqrt(2 * n + 1) if normalisation == "n3d" else 1.0)
            harmonics[..., n * n + n + m] = norm * legendre * cosine
            if m > 0:
                harmonics[..., n * n + n - m] = norm * legendre * sine
            before, legendre = (
                legendre,
                ((2 * n + 1) * z * legendre - (n + m) * before) / (n - m + 1),
            )
    return harmonics


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
