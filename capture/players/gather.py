"""Gather what labelled images show of each person: the path of the centroid, and the facing.

Half of a player, behind somebody who walks by, has its centroid elsewhere. So a centroid counts
only where the player is seen whole, or nearly; the smoother bridges the rest, and its standard
deviation says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64

from capture.axes import spherical_from_world
from capture.players.facing import facing_yaw_rad
from capture.players.segment import Components
from capture.players.smoothing import smoothed, smoothed_yaws
from capture.pose import Trajectory, quaternion_from_yaw

_WHOLE_SHARE = 0.5
_ODD_SHARE = 0.12
_NEAR_IMAGES = 4
_JUMP_M = 0.05
_NOISE_M = 0.012
_CUT_NOISE_M = 0.10
"""A tenth of the usual size missing or too much shifts a centroid by about a centimetre."""
_BIAS_M = 0.012
"""What stays in the mean: the soles that are cut off with the floor, the chair that is left."""
_SHARED_M = 0.025
"""Where bodies touch, the cut between them may lie elsewhere than it was laid."""
_FACING_WIDTH_S = 1.2
_LEAST_FACING = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """What each image shows of one person.

    Attributes:
        sizes: Shape (images,): points; 0 where the person is not seen.
        centroids_m: Shape (images, 3): of the points; NaN where there are none.
        yaws_rad: Shape (images,): facing, by the cloud of this image alone.
        confidences: Shape (images,): of the facing, 0 to 1.
        shared: Shape (images,): share of the points that hang together with somebody else's.
    """

    sizes: Int64[np.ndarray, "images"]
    centroids_m: Float64[np.ndarray, "images 3"]
    yaws_rad: Float64[np.ndarray, "images"]
    confidences: Float64[np.ndarray, "images"]
    shared: Float64[np.ndarray, "images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where a person was and faced over time, and how sure that is.

    Attributes:
        trajectory: From the first to the last image in which most of the person is seen.
        position_std_m: Shape (T,): along each axis.
        whole: Which of all images show the person whole.
    """

    trajectory: Trajectory
    position_std_m: Float64[np.ndarray, "T"]
    whole: Bool[np.ndarray, "images"]


def gather(
    images: Sequence[Components],
    labels: Sequence[Int16[np.ndarray, "voxels"]],
    count: int,
    voxel_m: float,
) -> list[Sightings]:
    """Measure every person in every image.

    Args:
        images: In the order of time.
        labels: The person of each voxel, 0 … count − 1; negative for nobody.
        count: How many people there are.
        voxel_m: Side of a voxel.
    """
    sizes = np.zeros((count, len(images)), np.int64)
    sums = np.zeros((count, len(images), 3))
    facing = np.zeros((count, len(images), 2))
    shared = np.zeros((count, len(images)))
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        people = np.unique(label[label >= 0])
        holders = np.zeros(image.count, np.int64)
        for person in people:
            holders[np.unique(image.labels[label == person])] += 1
        for person in people:
            own = label == person
            sizes[person, index] = image.point_counts[own].sum()
            sums[person, index] = image.point_sums_m[own].sum(axis=0)
            facing[person, index] = facing_yaw_rad(image.centroids_m[own], voxel_m)
            shared[person, index] = np.mean(holders[image.labels[own]] > 1)
    with np.errstate(invalid="ignore"):
        centroids = sums / sizes[:, :, None]
    return [
        Sightings(
            sizes=sizes[person],
            centroids_m=centroids[person],
            yaws_rad=facing[person, :, 0],
            confidences=facing[person, :, 1],
            shared=shared[person],
        )
        for person in range(count)
    ]


def course_of(sightings: Sightings, times_s: Float64[np.ndarray, "images"]) -> Course:
    """Return the smoothed path of somebody who is seen at least once."""
    usual = float(np.median(sightings.sizes[sightings.sizes > 0]))
    there = np.flatnonzero(sightings.sizes > _WHOLE_SHARE * usual)
    whole = _whole(sightings, there, usual)
    measured = np.flatnonzero(whole)
    between = slice(int(measured[0]), int(measured[-1]) + 1)
    missing = np.abs(sightings.sizes[between] / usual - 1)
    positions, stds = smoothed(
        times_s[between],
        np.nan_to_num(sightings.centroids_m[between]),
        measured=whole[between],
        noise_m=np.hypot(_NOISE_M, _CUT_NOISE_M * missing),
    )
    # Before the first and after the last measurement the person is where it was, or nearly.
    span = np.arange(there[0], there[-1] + 1)
    nearest = np.clip(span, between.start, between.stop - 1)
    positions, stds = positions[nearest - between.start], stds[nearest - between.start]
    stds = np.where(span == nearest, stds, np.hypot(stds, _JUMP_M))
    yaws = smoothed_yaws(
        times_s[whole],
        sightings.yaws_rad[whole],
        np.maximum(sightings.confidences[whole], _LEAST_FACING),
        times_s[span],
        width_s=_FACING_WIDTH_S,
    )
    return Course(
        trajectory=Trajectory(
            times_s=times_s[span],
            positions_m=positions,
            orientations_wxyz=np.array([quaternion_from_yaw(yaw) for yaw in yaws]),
        ),
        position_std_m=np.sqrt(
            stds**2 + _BIAS_M**2 + (_SHARED_M * sightings.shared[whole].mean()) ** 2
        ),
        whole=whole,
    )


def _whole(
    sightings: Sightings, there: Int64[np.ndarray, "there"], usual: float
) -> Bool[np.ndarray, "images"]:
    """Return which images show a player whole, of those that show most of the player.

    Where a good part is missing or too much, and the centroid jumps at once, both are taken for a
    mistake.
    """
    centroids = sightings.centroids_m[there]
    odd = np.abs(sightings.sizes[there] / usual - 1) > _ODD_SHARE
    for place in np.flatnonzero(odd):
        near = centroids[max(0, place - _NEAR_IMAGES) : place + _NEAR_IMAGES + 1]
        odd[place] = np.linalg.norm(centroids[place] - np.median(near, axis=0)) > _JUMP_M
    kept = np.zeros(len(sightings.sizes), dtype=bool)
    kept[there if odd.all() else there[~odd]] = True
    return kept


def azimuth_rad(course: Course) -> float:
    """Return the direction in which somebody is seen, on the mean."""
    azimuth, _, _ = spherical_from_world(course.trajectory.mean_position_m)
    return float(azimuth)
