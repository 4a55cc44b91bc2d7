"""Turn an ambisonic sound field, exactly.

A rotation mixes the channels of each degree with one another only. Its matrix (the real form of
Wigner's D matrix) holds the means over the sphere of products of turned and unturned harmonics;
they are polynomials, so a sum over a grid gives these means to the last bit but a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from auralize.dsp.sphere_grids import quadrature
from auralize.dsp.spherical_harmonics import order_of, spherical_harmonics
from capture.pose import IDENTITY_WXYZ, quaternion_conjugate, rotation_matrix_from_quaternion


def rotation_of_channels(
    rotations: Float[np.ndarray, "*batch 3 3"], order: int
) -> Float64[np.ndarray, "*batch channels channels"]:
    """Return the matrices that turn the channels as rotations turn directions.

    A sound encoded from direction d comes out as if encoded from R d. In SN3D and in N3D the
    matrices are the same, and orthogonal.

    Source: Ivanic and Ruedenberg 1996 solve the same by recurrence; here it is the definition,
    D = mean over d of Y(R d) Y(d)ᵀ with orthonormal Y, by a quadrature that is exact for it.

    Args:
        rotations: Rotation matrices of directions (x front, y left, z up).
        order: Ambisonic order, 0 or more.

    Returns:
        Block-diagonal matrices for channels in ACN order.
    """
    points, weighted = _unturned(order)
    turned = np.einsum("...ij,pj->...pi", np.asarray(rotations, dtype=np.float64), points)
    harmonics = np.swapaxes(spherical_harmonics(turned, order, normalisation="n3d"), -1, -2)
    matrices = np.zeros((*harmonics.shape[:-1], harmonics.shape[-2]))
    for degree in range(order + 1):
        block = slice(degree**2, (degree + 1) ** 2)
        matrices[..., block, block] = harmonics[..., block, :] @ weighted[:, block]
    return matrices


def channels_for_turned_head(
    orientations_wxyz: Float[np.ndarray, "*batch 4"], order: int
) -> Float64[np.ndarray, "*batch channels channels"]:
    """Return the matrices that give what a turned head hears of a sound field.

    The field turns the other way: with the head turned to the left, what was in front is on its
    right.

    Args:
        orientations_wxyz: How the head is turned in the frame of the sound field.
        order: Ambisonic order.
    """
    field_from_head = quaternion_conjugate(np.asarray(orientations_wxyz, dtype=np.float64))
    return rotation_of_channels(rotation_matrix_from_quaternion(field_from_head), order)


class HeadTurner:
    """Turns a sound field block by block; a new orientation is faded in over one block."""

    def __init__(
        self,
        channel_count: int,
        orientation_wxyz: Float[np.ndarray, "4"] | Sequence[float] = IDENTITY_WXYZ,
    ) -> None:
        """Start with a head that is turned in some way; if none is given, it faces the front."""
        self._order = order_of(channel_count)
        self._orientation = np.array(orientation_wxyz, dtype=np.float64)
        self._matrix = self._matrix_of(self._orientation)

    def process(
        self,
        channels: Float32[np.ndarray, "channels samples"],
        orientation_wxyz: Float[np.ndarray, "4"],
    ) -> Float32[np.ndarray, "channels samples"]:
        """Return the next block as the head hears it, which is turned so at the block's end."""
        before = self._matrix
        if np.array_equal(orientation_wxyz, self._orientation):
            return before @ channels
        self._orientation = np.array(orientation_wxyz, dtype=np.float64)
        self._matrix = self._matrix_of(self._orientation)
        count = channels.shape[1]
        rising = np.arange(1, count + 1, dtype=np.float32) / np.float32(count)
        old = before @ channels
        return old + rising * (self._matrix @ channels - old)

    def _matrix_of(
        self, orientation_wxyz: Float64[np.ndarray, "4"]
    ) -> Float32[np.ndarray, "channels channels"]:
        return channels_for_turned_head(orientation_wxyz, self._order).astype(np.float32)


@cache
def _unturned(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of the quadrature, and their harmonics times their weights."""
    points, weights = quadrature(2 * order)
    return points, weights[:, None] * spherical_harmonics(points, order, normalisation="n3d")
