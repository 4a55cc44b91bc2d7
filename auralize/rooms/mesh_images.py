"""Ways of sound over the facets of a mesh: mirror images that are checked to be seen.

Source: Borish 1984, "Extension of the image model to arbitrary polyhedra", J. Acoust. Soc. Am. 75:
an image counts if the way back from the listener meets its facets in order, with nothing between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from auralize.rooms.box_room import Arrivals
from auralize.rooms.mesh import ClosedMesh
from capture.errors import DataError

MOST_IMAGES = 300_000
"""More images than this are refused: each facet has its own of every other one's."""

_ENDS = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """Images of one order: where they are after each reflection, and over which facets."""

    places_m: Float64[np.ndarray, "images 1+order 3"]
    facets: Int64[np.ndarray, "images order"]


def mesh_arrivals(
    mesh: ClosedMesh,
    source_m: Float[np.ndarray, "3"],
    listener_m: Float[np.ndarray, "3"],
    order: int,
) -> Arrivals:
    """Return the ways from a source to a listener over up to `order` facets.

    The straight one is there also where a wall stands in it: then nothing is left of it.

    Raises:
        DataError: There are too many images.
    """
    images = _Images(
        places_m=np.asarray(source_m, dtype=np.float64)[None, None],
        facets=np.zeros((1, 0), dtype=np.int64),
    )
    kept = 1 - mesh.absorption
    amplitudes = np.sqrt(kept * (1 - mesh.scattering))
    positions: list[np.ndarray] = []
    departures: list[np.ndarray] = []
    gains: list[np.ndarray] = []
    orders: list[np.ndarray] = []
    for number in range(order + 1):
        seen, leaving = _seen(mesh, images, np.asarray(listener_m, dtype=np.float64))
        if number == 0 and not seen.all():
            straight = np.asarray(listener_m, dtype=np.float64) - images.places_m[:, -1]
            leaving = straight / np.linalg.norm(straight, axis=1, keepdims=True)
            heard = np.zeros((1, amplitudes.shape[1]))
            seen[:] = True
        else:
            heard = amplitudes[images.facets[seen]].prod(axis=1)
        positions.append(images.places_m[seen, -1])
        departures.append(leaving)
        gains.append(heard)
        orders.append(np.full(np.count_nonzero(seen), number))
        if number < order:
            images = _mirrored(mesh, images)
    return Arrivals(
        positions_m=np.concatenate(positions),
        departures=np.concatenate(departures),
        band_gains=np.concatenate(gains),
        orders=np.concatenate(orders),
    )


def _mirrored(mesh: ClosedMesh, images: _Images) -> _Images:
    """Mirror each image in each facet that it is before."""
    last = images.places_m[:, -1]
    behind = last @ mesh.normals.T - mesh.offsets_m
    before = behind < -1e-6
    if images.facets.shape[1] > 0:
        before[np.arange(len(before)), images.facets[:, -1]] = False
    image, facet = np.nonzero(before)
    if len(image) > MOST_IMAGES:
        raise DataError(
            f"the room's mesh has {len(mesh.normals)} facets, which gives more than "
            f"{MOST_IMAGES} images after {images.facets.shape[1] + 1} reflections. Lower "
            "image_order, or make the mesh simpler."
        )
    mirrored = last[image] - 2 * behind[image, facet, None] * mesh.normals[facet]
    return _Images(
        places_m=np.concatenate([images.places_m[image], mirrored[:, None]], axis=1),
        facets=np.concatenate([images.facets[image], facet[:, None]], axis=1),
    )


def _seen(
    mesh: ClosedMesh, images: _Images, listener_m: Float64[np.ndarray, "3"]
) -> tuple[Bool[np.ndarray, "images"], Float64[np.ndarray, "seen 3"]]:
    """Return which images the listener sees, and the directions in which sound leaves for them."""
    order = images.facets.shape[1]
    rows = np.arange(len(images.facets))
    here = np.tile(listener_m, (len(rows), 1))
    passed = np.full(len(rows), -1, dtype=np.int64)
    # Back from the listener: to the last image up to the last facet, from there to the one before.
    for step in range(order, 0, -1):
        ways = images.places_m[rows, step] - here
        facets, parts = mesh.first_hits(here, ways, passed)
        right = (facets == images.facets[rows, step - 1]) & (parts < _ENDS)
        rows, passed = rows[right], facets[right]
        here = here[right] + parts[right, None] * ways[right]
    ways = images.places_m[rows, 0] - here
    _, parts = mesh.first_hits(here, ways, passed)
    free = parts > _ENDS
    seen = np.zeros(len(images.facets), dtype=bool)
    seen[rows[free]] = True
    leaving = -ways[free]
    return seen, leaving / np.maximum(np.linalg.norm(leaving, axis=1, keepdims=True), 1e-9)
