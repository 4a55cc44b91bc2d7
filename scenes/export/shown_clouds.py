"""Point clouds thinned out, in time and in space, to what an engine or a format takes well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from capture.cloud_sequence import CloudSequence
from capture.point_cloud import PointCloud
from scenes.export.exported import ExportedScene

FINEST_M = 0.008
"""Points nearer to each other than this say the same of a player."""

_STEP = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudBudget:
    """How much of the clouds is shown.

    Attributes:
        points: At most so many points in a cloud.
        interval_s: At least so long from one cloud to the next.
    """

    points: int
    interval_s: float


def cloud_budget(
    exported: ExportedScene, *, total_points: int, points: int, interval_s: float, least_points: int
) -> CloudBudget:
    """Return what is shown of each player, so that a whole scene stays below a size.

    Args:
        exported: The scene.
        total_points: At most so many points in all clouds of all players.
        points: At most so many in one cloud.
        interval_s: No more often than this.
        least_points: Rather than going below this, clouds are shown less often.
    """
    spans = [
        float(np.ptp(source.clouds.times_s)) + interval_s
        for source in exported.sources
        if source.clouds is not None and len(source.clouds) > 0
    ]
    affordable = total_points / max(sum(spans) / interval_s, 1.0)
    if affordable >= points:
        return CloudBudget(points=points, interval_s=interval_s)
    if affordable >= least_points:
        return CloudBudget(points=int(affordable), interval_s=interval_s)
    return CloudBudget(points=least_points, interval_s=interval_s * least_points / affordable)


def shown_clouds(
    clouds: CloudSequence, budget: CloudBudget, duration_s: float
) -> Iterator[tuple[float, PointCloud]]:
    """Give times and clouds of a player; what is empty or after the end is left out."""
    last_s, voxel_m = -np.inf, FINEST_M
    for index, time_s in enumerate(clouds.times_s.tolist()):
        if time_s > duration_s or time_s - last_s < budget.interval_s * 0.999:
            continue
        cloud = clouds.at(index)
        if len(cloud) > 0:
            # What was fine enough before is a good guess, and a little less may do, too.
            last_s, (shown, voxel_m) = time_s, thinned(cloud, budget.points, voxel_m / _STEP)
            yield time_s, shown


def thinned(cloud: PointCloud, most: int, voxel_m: float = FINEST_M) -> tuple[PointCloud, float]:
    """Return a cloud of at most so many points, evenly spread over its surface.

    Args:
        cloud: The points.
        most: How many are left at most.
        voxel_m: Side of the cubes to begin with, of which each keeps a point; they grow.

    Returns:
        The cloud, and the side at which it is small enough.
    """
    kept = cloud
    while len(kept) > most:
        kept = cloud.thinned(voxel_m)
        # The points of a surface go with the inverse square of the voxel's side.
        voxel_m *= max(_STEP, float(np.sqrt(len(kept) / most)))
    return kept, max(voxel_m, FINEST_M)
