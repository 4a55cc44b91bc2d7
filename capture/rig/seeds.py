"""First guesses of where one camera stands to another, both levelled by their floors.

What is left then is a turn about the vertical and a shift. For each turn, maps of what stands in
some layers of height are laid on one another by all shifts at once (a product of spectra); the best
few are kept.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

from capture.pose import Pose, quaternion_from_yaw

_CELL_M = 0.06
_CELLS = 192
"""Twice as wide as what a camera sees, so that nothing comes around."""
_LAYERS_M = (0.25, 0.7, 1.1, 1.5, 2.0)
_TURNS = 90
_APART_M, _APART_RAD = 0.25, np.radians(9.0)


def first_guesses(
    moving_m: Float[np.ndarray, "points 3"], target_m: Float[np.ndarray, "points 3"], most: int = 8
) -> list[Pose]:
    """Return poses that may move points onto others, the likeliest first.

    Args:
        moving_m: Levelled: z up, the floor at 0.
        target_m: Likewise.
        most: How many.
    """
    target_middle = np.median(target_m[:, :2], axis=0)
    middle = np.median(moving_m[:, :2], axis=0)
    wanted = np.conj(np.fft.rfft2(_maps(target_m, target_middle)))
    found: list[tuple[float, float, np.ndarray]] = []
    for yaw in 2 * np.pi * np.arange(_TURNS) / _TURNS:
        cosine, sine = np.cos(yaw), np.sin(yaw)
        turned = moving_m.astype(np.float64)
        turned[:, :2] = (turned[:, :2] - middle) @ np.array([[cosine, sine], [-sine, cosine]])
        spectra = np.fft.rfft2(_maps(turned, np.zeros(2)))
        agreement = np.fft.irfft2((spectra * wanted).sum(axis=0), (_CELLS, _CELLS))
        for _ in range(2):
            best = int(agreement.argmax())
            cell = np.array(np.unravel_index(best, agreement.shape))
            # Correlating moving with target peaks at minus the shift.
            shift = -np.where(cell > _CELLS // 2, cell - _CELLS, cell) * _CELL_M
            found.append((float(agreement.flat[best]), float(yaw), shift))
            rows = (cell[0] + np.arange(-4, 5)) % _CELLS
            agreement[np.ix_(rows, (cell[1] + np.arange(-4, 5)) % _CELLS)] = -np.inf
    found.sort(key=lambda one: -one[0])
    poses: list[Pose] = []
    for _, yaw, shift in found:
        turn = quaternion_from_yaw(yaw)
        turned_middle = Pose(position_m=np.zeros(3), orientation_wxyz=turn).transform(
            np.array([[*middle, 0.0]])
        )[0]
        place = np.array([*(target_middle + shift), 0.0]) - turned_middle
        pose = Pose(position_m=place, orientation_wxyz=turn)
        if all(are_apart(pose, other, middle) for other in poses):
            poses.append(pose)
        if len(poses) == most:
            break
    return poses


def are_apart(
    first: Pose,
    second: Pose,
    middle_m: Float[np.ndarray, "2"],
    apart_m: float = _APART_M,
    apart_rad: float = _APART_RAD,
) -> bool:
    """Return whether two poses are not almost the same, for what is about a place."""
    turn = first.yaw_rad - second.yaw_rad
    place = np.array([[*middle_m, 0.0]])
    way = first.transform(place)[0] - second.transform(place)[0]
    return bool(
        abs((turn + np.pi) % (2 * np.pi) - np.pi) > apart_rad or np.linalg.norm(way[:2]) > apart_m
    )


def _maps(points_m: np.ndarray, middle_m: np.ndarray) -> np.ndarray:
    """Return what stands in each layer: shape (layers, cells, cells), the middle in the middle."""
    cells = np.floor((points_m[:, :2] - middle_m) / _CELL_M).astype(np.int64) + _CELLS // 2
    layers = np.searchsorted(_LAYERS_M, points_m[:, 2]) - 1
    count = len(_LAYERS_M) - 1
    # Inside the middle half, so that shifts do not wrap.
    inside = ((cells >= 0) & (cells < _CELLS)).all(axis=1) & (layers >= 0) & (layers < count)
    maps = np.zeros((count, _CELLS, _CELLS), np.float32)
    maps[layers[inside], cells[inside, 0], cells[inside, 1]] = 1.0
    return gaussian_filter(maps, (0, 1.0, 1.0), mode="constant")
