"""Who sits and stands where in a simulated take, with what else, before which camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from capture.camera.calibration import Calibration
from capture.pose import Pose
from capture.simulate.bodies import TEST_BODIES, TRAIN_BODIES
from capture.simulate.difficulties import Trouble, make_trouble
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import SimulatedKinect, camera_pose
from capture.simulate.layout import CLEARANCE_M, arrange, draw_room, in_front_row, row_of
from capture.simulate.player import Player
from capture.simulate.score import Part
from capture.simulate.stage import Stage


def set_stage(
    parts: Sequence[Part],
    seconds: float,
    seed: int,
    *,
    split: str,
    fps: int,
    hard: Sequence[str],
    calibration: Calibration,
    camera: Pose | None = None,
) -> Stage:
    """Put players, furniture and a camera in a room.

    Args:
        parts: One a player.
        seconds: Length of the take.
        seed: Draws everything.
        split: "train" or "test": which people and instruments.
        fps: Images a second.
        hard: Of `capture.simulate.difficulties.DIFFICULTIES`.
        calibration: Of the sensor, with the modes in use.
        camera: Its pose; None: above the origin, height and tilt drawn.
    """
    wide = calibration.depth_mode.startswith("WFOV")
    players, order = _seat_players(parts, seconds, seed, split, wide, all_stands="stands" in hard)
    trouble = Trouble()
    if hard:
        rng = np.random.default_rng([seed, 7])
        trouble = make_trouble(hard, players, order, seconds, split, rng)
    rng = np.random.default_rng([seed, 3])
    bounds = draw_room(players, rng, trouble.places_m)
    drawn = camera_pose(rng.uniform(1.15, 1.45), rng.uniform(0.09, 0.16), rng.uniform(-0.01, 0.01))
    return Stage(
        players=players,
        kinect=SimulatedKinect(
            calibration, camera or drawn, shell=Shell(bounds_m=bounds, relief=trouble.relief)
        ),
        seconds=seconds,
        seed=seed,
        fps=fps,
        extras=trouble.extras,
        relief=trouble.relief,
        bounds_m=bounds,
    )


def _seat_players(
    parts: Sequence[Part], seconds: float, seed: int, split: str, wide: bool, all_stands: bool
) -> tuple[list[Player], list[int]]:
    """Draw a different person for each part and put everybody in place.

    Where music stands leave too little room, the ensemble plays by heart.

    Returns:
        The players in the order of the parts, and their indices from left to right.
    """
    players: list[Player] = []
    order: list[int] = []
    for with_stands in (True, False):
        rng = np.random.default_rng([seed, 1])
        pool = TRAIN_BODIES if split == "train" else TEST_BODIES
        people = np.concatenate([rng.permutation(pool) for _ in range(-(-len(parts) // len(pool)))])
        order = row_of([part.instrument for part in parts], rng)
        players = []
        for index, part in enumerate(parts):
            in_front = in_front_row(order.index(index), len(parts))
            can_sit = part.instrument not in ("double_bass", "saxophone")
            stand = bool(rng.random() < 0.6) and (in_front or len(parts) < 5)
            players.append(
                Player(
                    part.instrument,
                    np.random.default_rng([seed, 2, index]),
                    notes=part.notes,
                    seconds=seconds,
                    split=split,
                    body_id=int(people[index]),
                    seated=True if in_front and can_sit else None,
                    stand=(stand or all_stands) and with_stands,
                )
            )
        clearance = arrange(players, order, rng, seconds, wide=wide)
        if clearance >= CLEARANCE_M or all_stands:
            break
    return players, order
