"""Scenes of people, furniture, floor and walls whose places are known, as one camera sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

CAMERA_M = np.array([0.0, 0.0, 1.3])
PIXEL_RAD = np.radians(0.3)
POINTS_IN_M2 = 20_000
ROOM = -1


@dataclass
class View:
    """What the camera sees, and whose each point is: 0, 1, … for things in order, −1 for the room.

    `whole` holds the points of each thing, seen or not.
    """

    points_m: np.ndarray
    owners: np.ndarray
    whole: list[np.ndarray]


class Scenes:
    """Makes surfaces of things, and views of them."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(2024)

    def tube(self, start, end, radius_m, flat=1.0):
        """The side of a cylinder; `flat` squeezes it along x."""
        start, end = np.array(start, float), np.array(end, float)
        axis = end - start
        length = np.linalg.norm(axis)
        count = int(2 * np.pi * radius_m * length * POINTS_IN_M2)
        angle = self.rng.uniform(0, 2 * np.pi, count)
        axis /= length
        first = np.cross(axis, [0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [1.0, 0.0, 0.0])
        first /= np.linalg.norm(first)
        round_ = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * np.cross(axis, first)
        round_[:, 0] *= flat
        along = self.rng.uniform(0, length, count)
        return start + along[:, None] * axis + radius_m * round_

    def ball(self, centre, radius_m):
        count = int(4 * np.pi * radius_m**2 * POINTS_IN_M2)
        way = self.rng.normal(size=(count, 3))
        return np.array(centre) + radius_m * way / np.linalg.norm(way, axis=1, keepdims=True)

    def box(self, low, high):
        low, high = np.array(low, float), np.array(high, float)
        size = high - low
        faces = []
        for axis in range(3):
            others = [other for other in range(3) if other != axis]
            count = int(size[others[0]] * size[others[1]] * POINTS_IN_M2) + 1
            for side in (low[axis], high[axis]):
                face = self.rng.uniform(low, high, (count, 3))
                face[:, axis] = side
                faces.append(face)
        return np.concatenate(faces)

    def placed(self, points, x, y, yaw_rad=np.pi):
        """Turn something made at the origin and facing +x, and put it down; π faces the camera."""
        cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
        turned = points[:, :2] @ np.array([[cosine, sine], [-sine, cosine]])
        return np.column_stack([turned + np.array([x, y]), points[:, 2]])

    def person(self, x, y, yaw_rad=np.pi, seated=False):
        """Somebody who holds something in both hands."""
        drop = 0.42 if seated else 0.0
        hip = 0.86 - drop
        parts = [
            self.tube([0, 0, hip], [0, 0, 1.46 - drop], 0.21, flat=0.55),
            self.tube([0, -0.18, 1.43 - drop], [0, 0.18, 1.43 - drop], 0.07),
            self.tube([0, 0, 1.4 - drop], [0, 0, 1.6 - drop], 0.06),
            self.ball([0.02, 0, 1.63 - drop], 0.12),
        ]
        for side in (-1, 1):
            shoulder, hand = [0.02, 0.2 * side, 1.4 - drop], [0.32, 0.1 * side, 1.15 - drop]
            parts.append(self.tube(shoulder, hand, 0.05))
            if seated:
                parts.append(self.tube([0, 0.12 * side, 0.46], [0.42, 0.14 * side, 0.48], 0.08))
                parts.append(self.tube([0.42, 0.14 * side, 0.06], [0.42, 0.14 * side, 0.46], 0.06))
            else:
                parts.append(self.tube([0, 0.11 * side, 0.06], [0, 0.11 * side, 0.9], 0.085))
        parts.append(self.box([0.28, -0.1, 1.12 - drop], [0.34, 0.1, 1.22 - drop]))
        return self.placed(np.concatenate(parts), x, y, yaw_rad)

    def music_stand(self, x, y):
        stand = [
            self.tube([0, 0, 0.06], [0, 0, 1.05], 0.015),
            self.box([-0.01, -0.25, 1.0], [0.01, 0.25, 1.32]),
            self.box([-0.25, -0.25, 0.02], [0.25, 0.25, 0.05]),
        ]
        return self.placed(np.concatenate(stand), x, y)

    def chair(self, x, y):
        chair = [
            self.box([-0.22, -0.22, 0.43], [0.22, 0.22, 0.47]),
            self.box([-0.24, -0.22, 0.47], [-0.2, 0.22, 0.88]),
        ]
        chair += [
            self.tube([a, b, 0.0], [a, b, 0.43], 0.02) for a in (-0.2, 0.2) for b in (-0.2, 0.2)
        ]
        return self.placed(np.concatenate(chair), x, y)

    def floor(self, tilt_rad=0.0):
        """4.6 m of floor, rising to the front by `tilt_rad`."""
        xy = self.rng.uniform([0.5, -3.0], [5.1, 3.0], (60_000, 2))
        return np.column_stack([xy, xy[:, 0] * np.tan(tilt_rad)])

    def wall(self, x=4.0, low_y=-3.0, high_y=3.0, height_m=2.4):
        count = int((high_y - low_y) * height_m * 6000)
        return np.column_stack(
            [
                np.full(count, x),
                self.rng.uniform(low_y, high_y, count),
                self.rng.uniform(0, height_m, count),
            ]
        )

    def see(self, things, room=(), noise_m=0.003):
        """What the camera sees of things and room: the nearest point of each pixel."""
        things = list(things)
        points = np.concatenate([*things, *room])
        owners = np.repeat(
            [*range(len(things)), *[ROOM] * len(room)], [len(each) for each in (*things, *room)]
        )
        away = points - CAMERA_M
        distance = np.linalg.norm(away, axis=1)
        azimuth = np.arctan2(away[:, 1], away[:, 0])
        elevation = np.arcsin(away[:, 2] / distance)
        pixel = np.floor(np.column_stack([azimuth, elevation]) / PIXEL_RAD).astype(int)
        pixel -= pixel.min(axis=0)
        key = pixel[:, 0] * (pixel[:, 1].max() + 1) + pixel[:, 1]
        order = np.lexsort([distance, key])
        nearest = order[np.unique(key[order], return_index=True)[1]]
        noise = 1 + self.rng.normal(0, noise_m, len(nearest)) / distance[nearest]
        return View(
            points_m=(CAMERA_M + away[nearest] * noise[:, None]).astype(np.float32),
            owners=owners[nearest],
            whole=things,
        )


@pytest.fixture
def scenes():
    return Scenes()
