"""Random changes of clouds with joints: the estimator meets more than the simulator makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from separation.body_pose.views import Points, SeenPerformer


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseAugmentation:
    """Amounts; zero switches a change off.

    Attributes:
        turn_rad: Standard deviation of a turn about the vertical: the camera may be elsewhere.
        scale: Smallest and largest factor of everybody's size.
        shift_m: Standard deviation of what the middle is off, along the floor.
        lift_m: Standard deviation of the floor's height.
        noise_m: Standard deviation of each point, at most.
        kept: Smallest share of points that is kept.
        balls: Most balls of points that are lost,
        ball_m: and their largest radius.
        cut: Share of clouds that end at an upright plane, as behind a pillar or at the view's edge.
        legless: Share of clouds whose lower part is hidden.
        neighbor: Share of clouds to which a part of somebody else is joined.
    """

    turn_rad: float = 0.2
    scale: tuple[float, float] = (0.9, 1.1)
    shift_m: float = 0.04
    lift_m: float = 0.015
    noise_m: float = 0.006
    kept: float = 0.25
    balls: int = 2
    ball_m: float = 0.18
    cut: float = 0.1
    legless: float = 0.15
    neighbor: float = 0.15


_LEAST_POINTS = 200


def augmented(
    seen: SeenPerformer,
    config: PoseAugmentation,
    rng: np.random.Generator,
    others: Sequence[Points] = (),
) -> SeenPerformer:
    """Return a changed cloud with its joints, the origin below its middle again.

    Args:
        seen: In the axes of its view.
        config: How much.
        rng: All randomness.
        others: Clouds of which a neighbor may be.
    """
    points, joints = seen.points_m, seen.joints_m
    kept = rng.random(len(points)) < rng.uniform(config.kept, 1.0)
    for _ in range(int(rng.integers(config.balls + 1))):
        center = points[int(rng.integers(len(points)))]
        kept &= np.linalg.norm(points - center, axis=1) > rng.uniform(0.03, config.ball_m)
    if rng.random() < config.cut:
        way = rng.uniform(0.0, 2 * np.pi)
        beyond = points[:, 0] * np.cos(way) + points[:, 1] * np.sin(way)
        kept &= beyond < rng.uniform(0.1, 0.4)
    if rng.random() < config.legless:
        kept &= points[:, 2] > rng.uniform(0.1, 0.7)
    if kept.sum() >= _LEAST_POINTS:
        points = points[kept]
    if others and rng.random() < config.neighbor:
        points = np.concatenate([points, _neighbor(others[int(rng.integers(len(others)))], rng)])
    turn = rng.normal(0.0, config.turn_rad)
    cosine, sine = np.cos(turn), np.sin(turn)
    moved = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) * rng.uniform(
        *config.scale
    )
    points, joints = points @ moved, joints @ moved
    points = points + rng.normal(0.0, rng.uniform(0.0, config.noise_m), points.shape)
    origin = np.median(points, axis=0)
    origin[:2] += rng.normal(0.0, config.shift_m, 2)
    origin[2] = rng.normal(0.0, config.lift_m)
    return SeenPerformer(
        points_m=(points - origin).astype(np.float32), joints_m=(joints - origin).astype(np.float32)
    )


def _neighbor(points: Points, rng: np.random.Generator) -> Points:
    """Return the near side of somebody who sits beside."""
    way = rng.uniform(0.0, 2 * np.pi)
    aside = np.array([np.cos(way), np.sin(way), 0.0])
    placed = points + aside * rng.uniform(0.5, 0.9)
    return placed[placed @ aside < rng.uniform(0.2, 0.5)].astype(np.float32)
