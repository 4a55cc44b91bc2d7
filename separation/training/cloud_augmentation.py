"""Random changes of a performer's cloud, so that the network sees an instrument and not one body.

Points are in network axes (x side, y stature, z facing) and network units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from separation.corpus.clouds import Points


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAugmentation:
    """Amounts of the changes, by default the paper's; zero switches one off.

    Attributes:
        lost: Largest share of points that a camera loses anywhere.
        hole_share: Share of clouds that also lack a ball of points.
        turn_rad: Largest turn about the stature axis.
        tilt_rad: Largest turn about a random axis.
        shift: Standard deviation of the translation on each axis, network units.
        scale: Smallest and largest factor.
        shear: Standard deviation of each off-diagonal entry.
        color_value: Largest change of a cloud's color value (of HSV).
        color_saturation: Largest change of a cloud's color saturation (of HSV).
        color_noise: Standard deviation of each point's color noise.
    """

    lost: float = 0.0
    hole_share: float = 0.0
    turn_rad: float = np.pi
    tilt_rad: float = np.pi / 6
    shift: float = 0.4
    scale: tuple[float, float] = (0.5, 1.5)
    shear: float = 0.1
    color_value: float = 0.2
    color_saturation: float = 0.15
    color_noise: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest ≤ largest, got {self.scale}.")
        if not 0 <= self.lost < 1:
            raise ValueError(f"lost must be a share from 0 to less than 1, got {self.lost}.")


LIGHT = CloudAugmentation(
    lost=0.4,
    hole_share=0.4,
    turn_rad=np.pi / 6,
    tilt_rad=np.pi / 30,
    shift=0.03,
    scale=(0.97, 1.03),
    shear=0.005,
)
"""Those of another take of the same player: they keep a viola from becoming a violin."""


def varied_cloud(
    points: Points,
    colors: Float32[np.ndarray, "points 3"] | None,
    rng: np.random.Generator,
    config: CloudAugmentation = LIGHT,
) -> tuple[Points, Float32[np.ndarray, "points 3"] | None]:
    """Change a cloud and its colors (0…1); fewer points may be left."""
    kept = kept_points(points, rng, config)
    points = augment_points(points[kept], config, rng)
    return points, None if colors is None else augment_colors(colors[kept], config, rng)


def kept_points(points: Points, rng: np.random.Generator, config: CloudAugmentation) -> np.ndarray:
    """Return which points a camera sees: it loses some anywhere, and sometimes a ball of them."""
    kept = rng.random(len(points)) < rng.uniform(1 - config.lost, 1.0)
    if rng.random() < config.hole_share and len(points):
        centre = points[int(rng.integers(len(points)))]
        kept &= np.linalg.norm(points - centre, axis=1) > rng.uniform(0.03, 0.15)
    return cast("np.ndarray", kept) if kept.any() else np.ones(len(points), dtype=bool)


def augment_points(
    points: Float32[np.ndarray, "points 3"],
    config: CloudAugmentation,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "points 3"]:
    """Turn, tilt, shift, scale and shear a cloud in network axes, in the paper's order.

    Source: Lluís et al. 2021, section on training; order and amounts as published.
    """
    turn = _rotation(np.array([0.0, 1.0, 0.0]), rng.uniform(-1, 1) * config.turn_rad)
    axis = rng.normal(size=3)
    tilt = _rotation(axis / np.linalg.norm(axis), rng.uniform(-1, 1) * config.tilt_rad)
    shift = rng.normal(size=3) * config.shift
    factor = rng.uniform(*config.scale)
    shear = np.eye(3) + (1 - np.eye(3)) * rng.normal(size=(3, 3)) * config.shear
    linear = shear * factor
    moved = points @ (tilt @ turn).T + shift
    return (moved @ linear.T).astype(np.float32)


def augment_colors(
    colors: Float32[np.ndarray, "points 3"],
    config: CloudAugmentation,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "points 3"]:
    """Shift a cloud's value and saturation (HSV), then add noise to each point; colors in 0…1.

    With v the value, s the saturation, a channel is v (1 - s f), where f, how far it is from the
    largest channel to the smallest, is all that the hue says. Grey has none: it takes red's.
    """
    value_shift = rng.uniform(-1, 1) * config.color_value
    saturation_shift = rng.uniform(-1, 1) * config.color_saturation
    value = colors.max(axis=1, keepdims=True)
    chroma = value - colors.min(axis=1, keepdims=True)
    red = np.broadcast_to(np.array([0, 1, 1], np.float32), colors.shape)
    hue = np.divide(value - colors, chroma, out=red.copy(), where=chroma > 0)
    saturation = np.divide(chroma, value, out=np.zeros_like(chroma), where=value > 0)
    saturation = np.clip(saturation + saturation_shift, 0.0, 1.0)
    changed = np.clip(value + value_shift, 0.0, 1.0) * (1 - saturation * hue)
    noisy = changed + rng.normal(size=colors.shape) * config.color_noise
    return np.clip(noisy, 0.0, 1.0).astype(np.float32)


def _rotation(axis: Float[np.ndarray, "3"], angle_rad: float) -> Float[np.ndarray, "3 3"]:
    """Return the rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * (cross @ cross)
