"""Tubes along a path with a bore profile: what all wind instruments are made of.

A path is a polyline whose corners are rounded. A profile gives the outer radius by the distance
from the path's far end, where the bell is. Bells are open: the wall turns inward at the rim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from capture.simulate.rotations import cross, turn_about, unit
from capture.simulate.solids import Color, Mesh, join, loft, rod

Path = Float64[np.ndarray, "points 3"]
Profile = Sequence[tuple[float, float]]
"""Distance from the far end and outer radius, in metres; the distances increase."""

_WALL_M = 0.0012
_BEND_STEP_RAD = np.radians(20.0)


def rounded(
    corners_m: Sequence[Sequence[float] | np.ndarray] | np.ndarray, radius_m: float
) -> Path:
    """Return the polyline through corners, each rounded by an arc.

    Args:
        corners_m: Shape (corners, 3).
        radius_m: Of the arcs; smaller where two corners are too near for it.
    """
    corners = np.asarray(corners_m, np.float64)
    points = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        into, out = unit(corner - before), unit(after - corner)
        turn_rad = float(np.arccos(np.clip(into @ out, -1.0, 1.0)))
        # The arc touches both sides at r·tan(turn/2) from the corner.
        reach = radius_m * np.tan(turn_rad / 2)
        sides = (np.linalg.norm(corner - before), np.linalg.norm(after - corner))
        reach = min(reach, 0.5 * float(min(sides)))
        if turn_rad < 1e-6:
            continue
        radius = reach / np.tan(turn_rad / 2)
        start = corner - into * reach
        axis = cross(into, out)
        center = start + radius * unit(cross(axis, into))
        count = max(2, int(np.ceil(turn_rad / _BEND_STEP_RAD)) + 1)
        for angle in np.linspace(0.0, turn_rad, count):
            points.append(center + turn_about(axis, float(angle)) @ (start - center))
    points.append(corners[-1])
    return np.array(points)


def lengths_m(path: Path) -> Float64[np.ndarray, "points"]:
    """Return how far along the path each of its points lies."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])


def bore(
    path: Path, profile: Profile, color: Color, *, sides: int = 10, open_m: float = 0.0
) -> Mesh:
    """Return a round tube along a path.

    Args:
        path: Middle of the bore, from the player to the bell.
        profile: Outer radius; a single pair is a cylinder.
        color: RGB.
        sides: Corners of a cross-section.
        open_m: How deep one sees into the bell; 0: a flat end.
    """
    along = lengths_m(path)
    total = along[-1]
    back, radius = np.array(profile, np.float64).T
    wanted = np.append(back, open_m)
    inner = total - wanted[(wanted > 0) & (wanted < total)]
    places = np.unique(np.concatenate([along, inner]).round(7))
    middles = np.stack([np.interp(places, along, path[:, axis]) for axis in range(3)], axis=1)
    radii = np.interp(total - places, back, radius)
    keep = np.concatenate([[True], np.diff(places) > 1e-5])
    places, middles, radii = places[keep], middles[keep], radii[keep]
    rings = _rings(middles, radii, sides)
    if open_m > 0:
        inside = places > total - open_m - 1e-5
        within = middles[inside][::-1]
        walls = np.maximum(radii[inside] - _WALL_M, 0.5 * radii[inside])[::-1]
        # Same corners of each ring, nearer to its middle: the order turns the wall inside out.
        outer = rings[inside][::-1] - within[:, None]
        shrunk = within[:, None] + outer * (walls / radii[inside][::-1])[:, None, None]
        rings = np.concatenate([rings, shrunk])
    return loft(rings, color)


def _rings(
    middles: Path, radii: Float64[np.ndarray, "points"], sides: int
) -> Float64[np.ndarray, "points sides 3"]:
    """Return cross-sections whose corners are carried along without twist.

    `capture.simulate.solids.tube` keeps them upright instead, which paths that turn in all
    directions do not allow.
    """
    steps = np.diff(middles, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    tangents = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings: list[np.ndarray] = []
    for middle, tangent, radius in zip(middles, tangents, radii, strict=True):
        side = unit(side - tangent * (side @ tangent))
        up = cross(tangent, side)
        spread = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * up
        rings.append(middle + radius * spread)
    return np.array(rings)


def keywork(
    places_m: Sequence[Sequence[float]] | np.ndarray,
    outward: Sequence[float],
    radius_m: float,
    height_m: float,
    color: Color,
) -> Mesh:
    """Return key cups: flat discs that stand on the tube at places of its middle line.

    Args:
        places_m: Shape (keys, 3), on the tube's surface.
        outward: Direction away from the tube.
        radius_m: Of the cups.
        height_m: Of the cups over their place.
        color: RGB.
    """
    up = unit(np.asarray(outward, np.float64)) * height_m
    cups = [rod(place - 0.5 * up, place + up, radius_m, color) for place in np.asarray(places_m)]
    return join(cups)
