"""Where players sit and stand before the camera, and the room around them.

Players stand side by side on an arc that the NFOV view (75° × 65°) holds, from five on in two
rows whose gaps alternate; six to eight fit in the WFOV view (120° × 120°). They face the camera or
the middle of the group. Nobody touches anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from capture.simulate.player import CHAIR, Player

FEWEST, MOST, MOST_WIDE = 1, 6, 8
_HALF_WIDTH_RAD = np.radians([0.0, 15.0, 21.0, 25.5, 27.0, 27.5])
"""Azimuth of the outermost places, by the number of players."""
_HALF_WIDTH_WIDE_RAD = {6: np.radians(45.0), 7: np.radians(50.0), 8: np.radians(54.0)}
_ROWS_M, _ROWS_WIDE_M = (2.15, 3.25), (2.05, 2.65)
_DISTANCES_M = ((1.9, 2.5), (2.1, 2.6), (2.3, 2.7), (2.75, 2.95), (2.6, 2.8), (2.6, 2.8))
_TURN_LIMIT_RAD = np.radians(50.0)
CLEARANCE_M = 0.08
_TRIES = 40
_TALL = ("double_bass", "saxophone")


def row_of(instruments: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Return who takes which place from left to right: an order of the players' indices.

    In two rows, the places that alternate are back, front, back …; tall instruments go to the back.
    """
    order = [int(index) for index in rng.permutation(len(instruments))]
    if len(instruments) < 5:
        return order
    tall_first = sorted(order, key=lambda index: instruments[index] not in _TALL)
    back_places = list(range(0, len(order), 2))
    front_places = list(range(1, len(order), 2))
    places = dict(zip(back_places + front_places, tall_first, strict=True))
    return [places[place] for place in sorted(places)]


def in_front_row(place: int, count: int) -> bool:
    """Return whether the place (from the left) is one before the others."""
    return count >= 5 and place % 2 == 1


def arrange(
    players: Sequence[Player],
    order: Sequence[int],
    rng: np.random.Generator,
    seconds: float,
    *,
    wide: bool = False,
) -> float:
    """Put players on their places so that they keep clear of each other.

    Tries several arrangements until nobody comes closer than 8 cm to anybody or to another's
    stand, else keeps the one with the most room.

    Args:
        players: They are moved.
        order: Who is where, from left to right (`row_of`).
        rng: Draws distances and directions.
        seconds: Length of the performance in which they move.
        wide: For the WFOV view, from six players on.

    Returns:
        The smallest distance between two players, in metres (infinite for one).
    """
    times = np.linspace(0.0, seconds, 3)
    for player in players:
        player.position_m, player.yaw_rad = np.zeros(2), 0.0
    shapes = [outline(player, times) for player in players]
    best, best_places = -1.0, _draw_places(len(players), rng, wide)
    for _ in range(_TRIES):
        places = _draw_places(len(players), rng, wide)
        clearance = clearance_m(
            [placed(shapes[who], place) for who, place in zip(order, places, strict=True)]
        )
        if clearance > best:
            best, best_places = clearance, places
        if clearance >= CLEARANCE_M:
            break
    for who, (x, y, yaw) in zip(order, best_places, strict=True):
        players[who].position_m = np.array([x, y])
        players[who].yaw_rad = float(yaw)
    return best


def _draw_places(
    count: int, rng: np.random.Generator, wide: bool
) -> Float64[np.ndarray, "players 3"]:
    """Draw x, y and facing yaw of every place, from left to right."""
    wide = wide and count in _HALF_WIDTH_WIDE_RAD
    half = _HALF_WIDTH_WIDE_RAD[count] if wide else _HALF_WIDTH_RAD[count - 1]
    azimuths = np.linspace(half, -half, count) + rng.uniform(-0.03, 0.03, count)
    middle = sum(_ROWS_WIDE_M) / 2 if wide else rng.uniform(*_DISTANCES_M[count - 1])
    distances = middle + rng.uniform(-0.15, 0.15, count)
    if count >= 5:
        front = np.array([in_front_row(place, count) for place in range(count)])
        near, far = _ROWS_WIDE_M if wide else _ROWS_M
        distances = np.where(front, near, far) + rng.uniform(-0.1, 0.1, count)
    x, y = distances * np.cos(azimuths), distances * np.sin(azimuths)
    toward = np.array([rng.uniform(0.2, 1.0), rng.uniform(-0.2, 0.2)])
    yaw = np.arctan2(toward[1] - y, toward[0] - x) + rng.uniform(-0.15, 0.15, count)
    to_camera = np.arctan2(-y, -x)
    off = (yaw - to_camera + np.pi) % (2 * np.pi) - np.pi
    yaw = to_camera + np.clip(off, -_TURN_LIMIT_RAD, _TURN_LIMIT_RAD)
    return np.stack([x, y, yaw], axis=1)


def outline(player: Player, times_s: np.ndarray) -> Float64[np.ndarray, "points 3"]:
    """Return points all over a player at the origin, over the performance.

    A few of the many vertices of people and instruments do; furniture has few and large faces, so
    points are spread over those.
    """
    furniture = player.faces[player.face_parts >= CHAIR]
    grid = np.array([(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)]) / 4
    points: list[np.ndarray] = []
    vertices = np.zeros((0, 3))
    for time in times_s:
        vertices = player.state_at(float(time)).vertices_m
        points.append(vertices[::11])
    points.append(np.einsum("gc,fcx->gfx", grid, vertices[furniture]).reshape(-1, 3))
    return np.concatenate(points).astype(np.float64)


def placed(
    shape: Float64[np.ndarray, "points 3"], place: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "points 3"]:
    """Return an outline moved to a place (x, y, yaw)."""
    x, y, yaw = place
    cosine, sine = np.cos(yaw), np.sin(yaw)
    turned = shape[:, :2] @ np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([turned + np.array([x, y]), shape[:, 2]])


def clearance_m(shapes: Sequence[np.ndarray]) -> float:
    """Return the smallest distance between two players."""
    smallest = np.inf
    for first, second in combinations(shapes, 2):
        low, high = second.min(axis=0) - 0.3, second.max(axis=0) + 0.3
        near = first[np.all((first > low) & (first < high), axis=1)]
        if len(near):
            smallest = min(smallest, float(KDTree(second).query(near)[0].min()))
    return smallest


def draw_room(
    players: Sequence[Player],
    rng: np.random.Generator,
    also_m: Sequence[np.ndarray] = (),
) -> Float64[np.ndarray, "2 3"]:
    """Draw the corners of a room around players and camera: lowest and highest x, y, z.

    Args:
        players: On their places.
        rng: Draws the room.
        also_m: Other places, x and y, that lie well inside.
    """
    places = np.array([*(player.position_m for player in players), *also_m])
    low = np.array(
        [rng.uniform(-2.0, -1.2), min(places[:, 1].min(), 0.0) - rng.uniform(1.1, 2.0), 0.0]
    )
    high = np.array(
        [
            places[:, 0].max() + rng.uniform(1.3, 2.0),
            max(places[:, 1].max(), 0.0) + rng.uniform(1.1, 2.0),
            rng.uniform(2.6, 3.6),
        ]
    )
    return np.stack([low, high])
