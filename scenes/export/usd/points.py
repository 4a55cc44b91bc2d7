"""Players' point clouds over time, each player in a layer of its own."""

from __future__ import annotations

import numpy as np

from scenes.export.exported import ExportedSource
from scenes.export.shown_clouds import CloudBudget, shown_clouds
from scenes.export.usd.prims import linear
from scenes.export.usd.text import Prim, layer, samples, vectors

_WIDTH_M = 0.02


def points_layer(source: ExportedSource, budget: CloudBudget, duration_s: float) -> str | None:
    """Return a layer with a player's clouds, in world axes; None if there are none.

    Between two samples of equally many points, USD moves each point from its place to that of the
    point of the same number, which is another point of the player here. So neighbours never have
    equally many: then clouds are held (OpenUSD, "Value resolution", interpolation).
    """
    if source.clouds is None:
        return None
    red, green, blue = source.color
    times: list[float] = []
    positions: list[str] = []
    colors: list[str] = []
    extents: list[str] = []
    count = 0
    for time_s, cloud in shown_clouds(source.clouds, budget, duration_s):
        kept = len(cloud) - 1 if len(cloud) == count and len(cloud) > 1 else len(cloud)
        places = cloud.positions_m[:kept].astype(np.float64)
        given = cloud.colors
        shades = np.full((kept, 3), (red, green, blue)) if given is None else given[:kept]
        count = kept
        times.append(time_s)
        positions.append(vectors(places, 3))
        colors.append(vectors(linear(shades.astype(np.uint8)), 2))
        extents.append(vectors(np.stack([places.min(axis=0), places.max(axis=0)]), 3))
    if not times:
        return None
    root = Prim(
        name="Cloud",
        kind="Points",
        properties=[
            f"float3[] extent.timeSamples = {samples(times, extents)}",
            f"point3f[] points.timeSamples = {samples(times, positions)}",
            "color3f[] primvars:displayColor (",
            '    interpolation = "vertex"',
            ")",
            f"color3f[] primvars:displayColor.timeSamples = {samples(times, colors)}",
            f"float[] widths = [{_WIDTH_M}] (",
            '    interpolation = "constant"',
            ")",
        ],
    )
    return layer(root, None, up_axis="Z", sublayers=())
