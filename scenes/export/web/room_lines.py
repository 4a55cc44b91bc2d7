"""The lines by which one recognises a room: edges where walls meet, none across a flat wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int32

_FLAT = np.cos(np.radians(12.0))
_MOST = 6000


def room_lines(
    vertices_m: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
) -> Float64[np.ndarray, "L 2 3"]:
    """Return the edges between triangles that are no continuation of each other.

    Of more than 6000 the longest are returned.
    """
    places, same = np.unique(
        np.round(vertices_m.astype(np.float64), 4), axis=0, return_inverse=True
    )
    corners = same.reshape(-1)[faces]
    crossed = np.cross(
        places[corners[:, 1]] - places[corners[:, 0]], places[corners[:, 2]] - places[corners[:, 0]]
    )
    lengths = np.linalg.norm(crossed, axis=1, keepdims=True)
    normals = crossed / np.where(lengths > 0, lengths, 1)
    edges = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    owners = np.repeat(np.arange(len(faces)), 3)
    unique, index = np.unique(edges, axis=0, return_inverse=True)
    index = index.reshape(-1)
    sums = np.zeros((len(unique), 3))
    np.add.at(sums, index, normals[owners])
    counts = np.bincount(index, minlength=len(unique))
    # Two unit normals at an angle a add up to a length of 2·cos(a / 2).
    flat = (counts == 2) & (np.linalg.norm(sums, axis=1) > 2 * np.sqrt((1 + _FLAT) / 2))
    kept = unique[~flat & (unique[:, 0] != unique[:, 1])]
    lines = places[kept]
    if len(lines) > _MOST:
        long = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
        lines = lines[np.sort(np.argsort(-long, kind="stable")[:_MOST])]
    return lines
