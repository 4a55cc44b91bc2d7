"""Clouds of single performers as the segmentation of a take would yield them: training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from capture.camera.calibration import Calibration
from capture.instruments import INSTRUMENTS, canonical_instrument
from capture.point_cloud import PointCloud
from capture.simulate.kinect import SimulatedKinect, camera_pose, light_of
from capture.simulate.player import BODY, BOW, CHAIR, INSTRUMENT, STAND, Player
from capture.simulate.rotations import turn
from capture.simulate.score import RANGES, Note
from capture.simulate.solids import join

if TYPE_CHECKING:
    from jaxtyping import Float32

_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformerView:
    """One performer seen once.

    Attributes:
        cloud: In the world frame (floor at z = 0, the camera above the origin, looking along +x).
        joints_m: Shape (joints, 3): where the joints of `capture.body_pose` are, as the cloud lies.
        facing_yaw_rad: Where the performer faces.
        instrument: Canonical name.
        body_id: Which body.
    """

    cloud: PointCloud
    joints_m: Float32[np.ndarray, "joints 3"]
    facing_yaw_rad: float
    instrument: str
    body_id: int


def random_performer_cloud(
    instrument: str, rng: np.random.Generator, *, split: str = "train"
) -> PerformerView:
    """Draw a performer in playing pose and return what the simulated Kinect sees of it.

    Body, clothes, instrument variant, pose, distance (1.5 to 3.5 m), direction (±70° off the front)
    and camera height are drawn. Now and then another player or a stand hides a part, the image's
    border cuts one off, a chair stays in the cloud or is missing, the bow is lost, a neighbor's
    points leak in, and the floor's plane is a degree off, as it happens to segmented clouds.

    Args:
        instrument: Any spelling of one of `capture.instruments.INSTRUMENTS`.
        rng: All randomness.
        split: "train" or "test": which bodies and instrument variants may be drawn.

    Raises:
        ValueError: The instrument or the split is unknown.
    """
    return random_performer_views(instrument, rng, split=split)[0]


def random_performer_views(
    instrument: str,
    rng: np.random.Generator,
    *,
    split: str = "train",
    images: int = 1,
    turned_deg: tuple[float, float] = (0.0, 70.0),
) -> list[PerformerView]:
    """Draw a performer who plays, as `random_performer_cloud`, seen in several images.

    Args:
        instrument: Any spelling of one of `capture.instruments.INSTRUMENTS`.
        rng: All randomness.
        split: "train" or "test": which bodies and instrument variants may be drawn.
        images: How many.
        turned_deg: How far at least and at most the performer turns from the camera, to any side.

    Raises:
        ValueError: The instrument or the split is unknown, or there is no image.
    """
    if images < 1:
        raise ValueError(f"a performer is seen in one image at least, not {images}.")
    name = canonical_instrument(instrument)
    while True:
        views = _draw_views(name, rng, split, images, turned_deg)
        if views:
            return views


@cache
def _calibration() -> Calibration:
    return Calibration.simulated(color_mode=None)


def _draw_views(
    name: str,
    rng: np.random.Generator,
    split: str,
    images: int,
    turned_deg: tuple[float, float],
) -> list[PerformerView]:
    """Draw views, or none where too little of the performer is in sight in one of them."""
    distance = rng.uniform(1.5, 3.5)
    # The NFOV frustum is 75° wide; near its border performers are cut off.
    azimuth = rng.uniform(-0.55, 0.55) if rng.random() < 0.3 else rng.uniform(-0.35, 0.35)
    position = distance * np.array([np.cos(azimuth), np.sin(azimuth)])
    turned = rng.uniform(-1.0, 1.0)
    least, most = turned_deg
    facing = np.pi + azimuth + np.radians(np.copysign(least, turned) + turned * (most - least))
    player = Player(
        name,
        rng,
        notes=_random_notes(name, rng),
        seconds=_SECONDS,
        split=split,
        stand=rng.random() < 0.4,
        position_m=position,
        yaw_rad=facing,
    )
    players = [player]
    if rng.random() < 0.2:  # somebody nearer the camera, a shoulder's width aside
        side = azimuth + rng.choice([-1, 1]) * rng.uniform(0.55, 0.9) / distance
        near = (distance - rng.uniform(0.3, 0.8)) * np.array([np.cos(side), np.sin(side)])
        if np.linalg.norm(near) > 0.9:
            other = str(rng.choice(INSTRUMENTS))
            players.append(
                Player(
                    other,
                    rng,
                    split=split,
                    position_m=near,
                    yaw_rad=np.pi + side + rng.uniform(-0.8, 0.8),
                    stand=False,
                )
            )
    moments_s = [[rng.uniform(0.3, _SECONDS - 0.3) for _ in players] for _ in range(images)]
    low, high = _heights(distance)
    pose = camera_pose(rng.uniform(low, high), rng.uniform(0.0, 0.22), rng.uniform(-0.02, 0.02))
    kinect = SimulatedKinect(_calibration(), pose)
    views: list[PerformerView] = []
    for moment_s in moments_s:
        seen = _see(kinect, players, moment_s, rng)
        if seen is None:
            return []
        cloud, joints = seen
        views.append(
            PerformerView(
                cloud=cloud,
                joints_m=joints,
                facing_yaw_rad=float((facing + np.pi) % (2 * np.pi) - np.pi),
                instrument=name,
                body_id=player.body_id,
            )
        )
    return views


def _see(
    kinect: SimulatedKinect,
    players: list[Player],
    moment_s: list[float],
    rng: np.random.Generator,
) -> tuple[PointCloud, Float32[np.ndarray, "joints 3"]] | None:
    """Return what a segmented image shows of the first player; None if that is too little.

    The player's joints come with it.
    """
    player, pose = players[0], kinect.world_from_camera
    whole = join([one.mesh_at(when) for one, when in zip(players, moment_s, strict=True)])
    depth, index = kinect.see(whole.vertices_m, whole.faces)
    depth_mm = kinect.measure(whole.vertices_m, whole.faces, whole.colors, depth, index, rng)
    measured = _calibration().measured_pixels(depth_mm)
    points = pose.transform(_calibration().unproject(depth_mm))
    seen = index.ravel()[measured]
    # A flying pixel at the rim of nothing keeps its face; no face means there is no room here.
    keep = _segmented(player, seen, points, rng)
    points, seen = points[keep], seen[keep]
    if (
        len(points) < 4000
        or np.mean(player.face_parts[seen % len(player.faces)] == INSTRUMENT) < 0.01
    ):
        return None
    bright = light_of(whole.vertices_m, whole.faces)
    corner = whole.faces[seen, 0]
    tint = rng.uniform(0.7, 1.1) * rng.uniform(0.92, 1.08, 3)
    colors = whole.colors[corner] * bright[corner, None] * tint + rng.normal(0, 4, (len(seen), 1))
    points, joints = _mislevel(points, player.body_joints_at(moment_s[0]), rng)
    return PointCloud(positions_m=points, colors=np.clip(colors, 0, 255).astype(np.uint8)), joints


def _heights(distance_m: float) -> tuple[float, float]:
    """Return the camera heights from which a performer at this distance fits in the image."""
    return (1.0, 1.5) if distance_m > 2.0 else (0.9, 1.3)


def _segmented(
    player: Player, seen: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return which points a segmentation would give to the performer."""
    own = (seen >= 0) & (seen < len(player.faces))
    part = np.where(own, player.face_parts[np.where(own, seen, 0)], -1)
    kept = {BODY, INSTRUMENT}
    if rng.random() < 0.85:
        kept.add(BOW)
    if rng.random() < 0.8:
        kept.add(CHAIR)
    if rng.random() < 0.12:
        kept.add(STAND)
    keep = np.isin(part, list(kept))
    if rng.random() < 0.15 and keep.any():  # a neighbor's points leak in at the border
        low, high = points[keep].min(axis=0), points[keep].max(axis=0)
        reach = rng.uniform(0.0, 0.06)
        keep |= ~own & np.all((points > low - reach) & (points < high + reach), axis=1)
    keep &= points[:, 2] > rng.uniform(0.02, 0.07)
    if rng.random() < 0.1:  # a cut through the performer: lower legs or one side are missing
        keep &= points[:, 2] > rng.uniform(0.1, 0.5)
    return keep


def _mislevel(
    points: np.ndarray, joints: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Tilt the world, points and joints, by the error that a fitted floor leaves."""
    tilt = turn(0.0, rng.normal(0, 0.008), rng.normal(0, 0.008))
    center = points.mean(axis=0, dtype=np.float64) * np.array([1.0, 1.0, 0.0])
    tilted, moved = ((each - center) @ tilt.T + center for each in (points, joints))
    return tilted.astype(np.float32), moved.astype(np.float32)


def _random_notes(name: str, rng: np.random.Generator) -> list[Note]:
    """Return notes of any pitch and length, so that bow and hands are anywhere."""
    low, high = RANGES[name]
    notes: list[Note] = []
    start = rng.uniform(0.0, 0.3)
    while start < _SECONDS:
        duration = float(rng.choice([0.15, 0.3, 0.6, 1.2]))
        pitch = int(low + (high - low) * rng.beta(1.3, 2.0))
        notes.append(
            Note(
                start_s=start, duration_s=duration, pitch=pitch, velocity=float(rng.uniform(0.3, 1))
            )
        )
        start += duration + (rng.uniform(0.1, 0.6) if rng.random() < 0.15 else 0.0)
    return notes
