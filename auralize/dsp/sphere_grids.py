"""Points all over the sphere with weights, to take means of functions of direction."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial import SphericalVoronoi


def quadrature(degree: int) -> tuple[Float64[np.ndarray, "P 3"], Float64[np.ndarray, "P"]]:
    """Return points and weights that give the exact mean of any polynomial up to a degree.

    They are those of Gauss and Legendre over the height, and equal steps of azimuth, so a product
    of two spherical harmonics of order N needs a degree of 2 N.

    Returns:
        Unit vectors, and weights that sum to 1.
    """
    heights, height_weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    azimuths = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    height, azimuth = (grid.ravel() for grid in np.meshgrid(heights, azimuths, indexing="ij"))
    flat = np.sqrt(1 - height**2)
    points = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), height], axis=1)
    return points, np.repeat(height_weights / 2, degree + 1) / (degree + 1)


def golden_spiral(count: int) -> Float64[np.ndarray, "count 3"]:
    """Return about evenly spread unit vectors, from the top down."""
    steps = np.arange(count) + 0.5
    heights = 1 - 2 * steps / count
    azimuths = np.pi * (1 + 5**0.5) * steps
    flat = np.sqrt(1 - heights**2)
    return np.stack([flat * np.cos(azimuths), flat * np.sin(azimuths), heights], axis=1)


def shares_of_sphere(directions: Float[np.ndarray, "D 3"]) -> Float64[np.ndarray, "D"]:
    """Return which part of the sphere is nearest to each direction (its Voronoi cell).

    Returns:
        Parts of the sphere, which sum to 1.

    Raises:
        ValueError: There are fewer than four directions, all in a plane, or two are the same.
    """
    areas = np.asarray(SphericalVoronoi(np.asarray(directions, np.float64)).calculate_areas())
    return areas / areas.sum()
