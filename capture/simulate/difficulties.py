"""What makes a scene hard to segment, put on the stage of a simulated take.

| name | what it does |
|---|---|
| touch | neighbours move together until they touch |
| overlap | players move together, so that some hide parts of others |
| stands | everybody has a music stand; empty chairs and further stands are about |
| page_turner | somebody who plays nothing walks in, stands by a player, turns a page, walks off |
| passer | somebody walks past before everybody |
| piano | a piano stands by or behind the players |
| edge | the camera looks past them, so that one is cut by the edge of the view |
| far | everybody is near the end of the sensor's range, where its noise is largest |
| floor | the floor is uneven by some centimetres and slopes by a degree |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from capture.simulate.bodies import TEST_BODIES, TRAIN_BODIES
from capture.simulate.floors import FLAT, Relief
from capture.simulate.furniture import make_chair, make_stand
from capture.simulate.layout import clearance_m, outline, placed
from capture.simulate.pianos import make_piano
from capture.simulate.player import Player
from capture.simulate.rotations import turn
from capture.simulate.solids import Mesh
from capture.simulate.stage import Extra
from capture.simulate.visitor import WALKING_M_S, Visitor

DIFFICULTIES: tuple[str, ...] = (
    "touch",
    "overlap",
    "stands",
    "page_turner",
    "passer",
    "piano",
    "edge",
    "far",
    "floor",
)
_TOUCHING_M = 0.012
_LEAST_GAP_RAD = np.radians(7.0)
_SHOULDERS_M = 0.55
"""Nobody sits nearer to anybody, touching or not."""
_FARTHEST_M = 3.45
_STANDS_AWAY_M = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What difficulties add to a stage.

    Attributes:
        extras: On the stage.
        places_m: Where they are, x and y: the room holds them.
        relief: Of the floor.
    """

    extras: tuple[Extra, ...] = ()
    places_m: tuple[np.ndarray, ...] = ()
    relief: Relief = FLAT


def make_trouble(
    names: Sequence[str],
    players: Sequence[Player],
    order: Sequence[int],
    seconds: float,
    split: str,
    rng: np.random.Generator,
) -> Trouble:
    """Move players and return what else is on the stage.

    Args:
        names: Of `DIFFICULTIES`.
        players: On their places; they are moved.
        order: Who is where, from left to right.
        seconds: Length of the take.
        split: Which bodies visitors have.
        rng: Draws places and things.
    """
    _move_players(names, players, order, seconds, rng)
    extras: list[Extra] = []
    places: list[np.ndarray] = []
    if "stands" in names:
        _add_furniture(players, order, extras, places, rng)
    if "piano" in names:
        _add_piano(players, order, extras, places, rng)
    pool = rng.permutation(TRAIN_BODIES if split == "train" else TEST_BODIES)
    if "page_turner" in names:
        _add_page_turner(players, int(pool[0]), seconds, extras, places, rng)
    if "passer" in names:
        _add_passer(players, int(pool[1]), seconds, extras, places, rng)
    relief = FLAT
    if "floor" in names:
        relief = Relief(
            wave_m=float(rng.uniform(0.015, 0.025)),
            slope=tuple((np.tan(np.radians(rng.uniform(-1.0, 1.0, 2)))).tolist()),
            phase_rad=tuple(rng.uniform(0, 2 * np.pi, 2).tolist()),
        )
        for player in players:
            player.floor_m = float(relief.height_m(*player.position_m))
    return Trouble(extras=tuple(extras), places_m=tuple(places), relief=relief)


def _move_players(
    names: Sequence[str],
    players: Sequence[Player],
    order: Sequence[int],
    seconds: float,
    rng: np.random.Generator,
) -> None:
    """Bring players to where they are hard to tell apart or to see."""
    if "touch" in names:
        _push_together(players, order, seconds)
    if "overlap" in names:
        _turn_all(players, 0.72, 0.0)
    if "piano" in names:
        _turn_all(players, 0.85, 0.0)
    if "far" in names:
        for player in players:
            distance = float(np.linalg.norm(player.position_m))
            player.position_m *= min(distance + 0.75, max(distance, _FARTHEST_M)) / distance
    if "edge" in names:
        _turn_all(players, 1.0, rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 0.45))


def _azimuth(player: Player) -> float:
    return float(np.arctan2(player.position_m[1], player.position_m[0]))


def _move_to(player: Player, azimuth_rad: float) -> None:
    """Move a player around the camera, facing the camera as before."""
    player.yaw_rad += azimuth_rad - _azimuth(player)
    distance = float(np.linalg.norm(player.position_m))
    player.position_m = distance * np.array([np.cos(azimuth_rad), np.sin(azimuth_rad)])


def _turn_all(players: Sequence[Player], factor: float, shift_rad: float) -> None:
    for player in players:
        _move_to(player, factor * _azimuth(player) + shift_rad)


def _push_together(players: Sequence[Player], order: Sequence[int], seconds: float) -> None:
    """Move each player to the left neighbour until they touch, then all to the middle."""
    times = np.linspace(0.0, seconds, 3)
    shapes: dict[int, np.ndarray] = {}
    for who in order:
        player = players[who]
        place = player.position_m, player.yaw_rad
        player.position_m, player.yaw_rad = np.zeros(2), 0.0
        shapes[who] = outline(player, times)
        player.position_m, player.yaw_rad = place
    for left, right in pairwise(order):
        still = placed(shapes[left], _place(players[left]))
        free, touching = _azimuth(players[right]), _azimuth(players[left]) - _LEAST_GAP_RAD
        for _ in range(7):
            middle = (free + touching) / 2
            _move_to(players[right], middle)
            gap = clearance_m([still, placed(shapes[right], _place(players[right]))])
            apart = float(np.linalg.norm(players[left].position_m - players[right].position_m))
            if gap > _TOUCHING_M and apart > _SHOULDERS_M:
                free = middle
            else:
                touching = middle
        _move_to(players[right], free)
    _turn_all(players, 1.0, -float(np.mean([_azimuth(player) for player in players])))


def _place(player: Player) -> Float64[np.ndarray, "3"]:
    return np.array([*player.position_m, player.yaw_rad])


def _still(name: str, mesh: Mesh, place_m: np.ndarray, yaw_rad: float) -> Extra:
    return Extra(name=name, mesh=mesh.moved(turn(yaw_rad), np.array([*place_m, 0.0])))


def _add_furniture(
    players: Sequence[Player],
    order: Sequence[int],
    extras: list[Extra],
    places: list[np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Put an empty chair behind and beside the players and a stand before two of them."""
    azimuths = [_azimuth(players[who]) for who in order]
    gaps = [(a + b) / 2 for a, b in pairwise(azimuths)] or [0.2]
    beyond = [max(azimuths) + 0.22, min(azimuths) - 0.22]
    for azimuth in rng.permutation([*gaps, *beyond])[:2]:
        distance = np.mean([np.linalg.norm(each.position_m) for each in players]) + 0.6
        place = distance * np.array([np.cos(azimuth), np.sin(azimuth)])
        chair = make_chair(0.45, -0.2, rng)
        extras.append(_still("chair", chair, place, np.pi + azimuth + rng.uniform(-0.6, 0.6)))
        places.append(place)
    for azimuth in rng.permutation(np.append(gaps, 0.5 * beyond[0]))[:2]:
        nearest = min(float(np.linalg.norm(each.position_m)) for each in players)
        distance = nearest - rng.uniform(0.6, 0.9)
        place = max(distance, 1.0) * np.array([np.cos(azimuth), np.sin(azimuth)])
        stand = make_stand(rng.uniform(0.7, 1.0), rng)
        extras.append(_still("stand", stand, place, azimuth + rng.uniform(-0.4, 0.4)))


def _add_piano(
    players: Sequence[Player],
    order: Sequence[int],
    extras: list[Extra],
    places: list[np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Put a piano beside the outermost player or behind the middle."""
    last = players[order[0] if rng.random() < 0.5 else order[-1]]
    side = np.sign(last.position_m[1]) or 1.0
    if rng.random() < 0.5:  # beside: the keyboard at about the row, its end by the player
        place = last.position_m + np.array([0.35, side * rng.uniform(1.25, 1.4)])
        yaw = rng.uniform(-0.3, 0.3) - side * 0.35
    else:
        back = max(float(player.position_m[0]) for player in players)
        place = np.array([back + rng.uniform(0.65, 0.85), rng.uniform(-0.5, 0.5)])
        yaw = rng.uniform(-0.25, 0.25)
    piano = make_piano(rng)
    extras.append(_still("piano", piano, place, yaw))
    places.append(place + np.array([1.2 * np.cos(yaw), 1.2 * np.sin(yaw)]))


def _add_page_turner(
    players: Sequence[Player],
    body_id: int,
    seconds: float,
    extras: list[Extra],
    places: list[np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Let somebody come along behind the row, stand by a player, turn a page and go back."""
    best, stop, look = -1.0, np.zeros(2), np.pi
    for player in players:
        for side in (-1.0, 1.0):
            across = player.yaw_rad + side * np.pi / 2
            away = _STANDS_AWAY_M + rng.uniform(0.0, 0.15)
            place = player.position_m + away * np.array([np.cos(across), np.sin(across)])
            place -= 0.15 * np.array([np.cos(player.yaw_rad), np.sin(player.yaw_rad)])
            room = min(
                float(np.linalg.norm(place - other.position_m))
                for other in players
                if other is not player or len(players) == 1
            )
            if abs(np.arctan2(place[1], place[0])) < np.radians(32) and room > best:
                best, stop, look = room, place, player.yaw_rad - side * 0.3
    back = max(float(player.position_m[0]) for player in players) + 0.7
    side = np.sign(stop[1]) or 1.0
    start = np.array([back, side * (np.abs([p.position_m[1] for p in players]).max() + 1.3)])
    corner = np.array([back, stop[1]])
    ways = np.array([start, corner, stop])
    steps_s = np.linalg.norm(np.diff(ways, axis=0), axis=1) / WALKING_M_S
    begin = 0.06 * seconds
    arrive = begin + float(steps_s.sum())
    leave = max(arrive + 1.2, seconds - 0.04 * seconds - float(steps_s.sum()))
    times = np.cumsum([begin, *steps_s, leave - arrive, *steps_s[::-1]])
    path = np.column_stack([times, np.concatenate([ways, ways[::-1]])])
    visitor = Visitor(
        rng,
        body_id=body_id,
        path=path,
        reach_s=(arrive + 0.3, leave - 0.2),
        look_rad=look,
    )
    extras.append(_walking("page_turner", visitor))
    places.append(start)


def _add_passer(
    players: Sequence[Player],
    body_id: int,
    seconds: float,
    extras: list[Extra],
    places: list[np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Let somebody walk past at 1.3 m from the camera, as far before the players as may be."""
    x = 1.3 + rng.uniform(0.0, 0.15)
    side = rng.choice([-1.0, 1.0])
    reach = 1.9
    middle = seconds * rng.uniform(0.4, 0.6)
    half_s = reach / WALKING_M_S
    path = np.array([[middle - half_s, x, side * reach], [middle + half_s, x, -side * reach]])
    extras.append(_walking("passer", Visitor(rng, body_id=body_id, path=path)))
    places.extend([path[0, 1:], path[1, 1:]])


def _walking(name: str, visitor: Visitor) -> Extra:
    mesh = Mesh(vertices_m=visitor.vertices_at(0.0), faces=visitor.faces, colors=visitor.colors)
    return Extra(name=name, mesh=mesh, moving=visitor.vertices_at)
