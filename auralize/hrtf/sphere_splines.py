"""Weights that make a smooth surface on the sphere from values at scattered directions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def smooth_weights(
    knots: Float64[np.ndarray, "P K 3"], directions: Float64[np.ndarray, "P 3"]
) -> Float64[np.ndarray, "P K"]:
    """Return how much each knot counts for the value at a direction among them.

    They are those of the polyharmonic spline r³ with a linear trend in the plane that touches the
    sphere at the direction (azimuthal equidistant): of all surfaces through the knots' values it
    is one of those that bend least, and its second derivative is continuous.

    Source: Duchon 1977, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces".
    """
    count, knot_count = knots.shape[:2]
    toward = np.einsum("pkj,pj->pk", knots, directions)
    angles = np.arccos(np.clip(toward, -1.0, 1.0))
    # Two axes across the direction: rows of the mirror that turns ±z to it.
    sign = np.where(directions[:, 2] < 0.0, -1.0, 1.0)
    half = directions + np.stack([0 * sign, 0 * sign, sign], axis=1)
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    axes = 2 * half[:, :2, None] * half[:, None, :] - np.eye(3)[:2]
    # Angle over its sine turns the part across the direction into an arc's length.
    places = np.einsum("paj,pkj->pka", axes, knots)
    places *= (angles / np.maximum(np.sin(angles), 1e-9))[:, :, None]
    places /= np.maximum(angles.max(axis=1), 1e-9)[:, None, None]
    system = np.zeros((count, knot_count + 3, knot_count + 3))
    gaps = places[:, :, None] - places[:, None]
    system[:, :knot_count, :knot_count] = _cubes(gaps)
    system[:, :knot_count, knot_count] = system[:, knot_count, :knot_count] = 1.0
    system[:, :knot_count, knot_count + 1 :] = places
    system[:, knot_count + 1 :, :knot_count] = np.swapaxes(places, 1, 2)
    wanted = np.zeros((count, knot_count + 3))
    wanted[:, :knot_count] = _cubes(places)
    wanted[:, knot_count] = 1.0
    return np.linalg.solve(system, wanted[:, :, None])[:, :knot_count, 0]


def _cubes(vectors: Float64[np.ndarray, "*batch 2"]) -> Float64[np.ndarray, "*batch"]:
    """Return the third powers of the lengths."""
    squares = vectors[..., 0] ** 2 + vectors[..., 1] ** 2
    return squares * np.sqrt(squares)
