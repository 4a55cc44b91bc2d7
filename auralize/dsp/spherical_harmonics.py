"""Real spherical harmonics: what ambisonic channels are of a direction.

Channels are in ACN order: degree n and index m have the number n² + n + m. Directions are unit
vectors (x front, y left, z up), so the first order is W, Y, Z, X. No Condon-Shortley phase. Of
SN3D, the AmbiX format's, the squares of each degree sum to 1 for any direction; N3D is
orthonormal over the mean of the sphere.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64, Int

Normalisation = Literal["sn3d", "n3d"]


def spherical_harmonics(
    directions: Float[np.ndarray, "*batch 3"], order: int, *, normalisation: Normalisation = "sn3d"
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
    norms = _norms(order, normalisation)
    harmonics = np.empty(((order + 1) ** 2, *x.shape))
    sectoral, cosine, sine = 1.0, np.ones_like(x), np.zeros_like(x)
    for m in range(order + 1):
        if m > 0:
            sectoral *= 2 * m - 1  # (2m − 1)!!
            cosine, sine = x * cosine - y * sine, y * cosine + x * sine
        before, legendre = np.zeros_like(z), np.full_like(z, sectoral)
        for n in range(m, order + 1):
            centre = n * n + n
            weighted = norms[centre + m] * legendre
            harmonics[centre + m] = weighted * cosine
            if m > 0:
                harmonics[centre - m] = weighted * sine
            if n < order:
                before, legendre = (
                    legendre,
                    ((2 * n + 1) * z * legendre - (n + m) * before) / (n - m + 1),
                )
    return np.moveaxis(harmonics, 0, -1)


@cache
def _norms(order: int, normalisation: Normalisation) -> tuple[float, ...]:
    """Return the factor of each channel before the Legendre function."""
    return tuple(
        math.sqrt((1 if m == 0 else 2) * math.factorial(n - abs(m)) / math.factorial(n + abs(m)))
        * (math.sqrt(2 * n + 1) if normalisation == "n3d" else 1.0)
        for n in range(order + 1)
        for m in range(-n, n + 1)
    )


def channel_degrees(order: int) -> Int[np.ndarray, "channels"]:
    """Return the degree n of each channel up to an order."""
    return np.repeat(np.arange(order + 1), 2 * np.arange(order + 1) + 1)


def order_of(channel_count: int) -> int:
    """Return the order that has some number of channels.

    Raises:
        ValueError: The number is not a square, so it is no full set of channels.
    """
    order = math.isqrt(max(channel_count, 0)) - 1
    if channel_count < 1 or (order + 1) ** 2 != channel_count:
        raise ValueError(
            f"{channel_count} channels are no full sphere of ambisonics. Needed is a square: 1, 4, "
            "9, 16, 25, 36, 49 or 64, for the orders 0 to 7."
        )
    return order
