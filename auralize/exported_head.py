"""The scene's own head for exporters: its responses in directions all round, at the scene's rate.

An .npz with `directions` (D, 3), unit vectors in the head's frame (x front, y left, z up), and
`impulse_responses` (D, 2, taps), left ear first, at the level of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from auralize.hrtf.head import read_listeners_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from capture.axes import world_from_spherical
from scenes.scene import Scene

_ELEVATION_STEP_DEG = 7.5
_AZIMUTH_STEP_DEG = 5.0
_AT_ONCE = 128


def export_head(
    scene: Scene, scene_folder: Path, folder: Path, progress: Callable[[float], None]
) -> Path | None:
    """Write the head that a scene names.

    Args:
        scene: The scene.
        scene_folder: Where its files are.
        folder: Where the file will be.
        progress: Called with the fraction done.

    Returns:
        The file; None for a scene that names no head.

    Raises:
        FileFormatError: The head cannot be read, or is not the one that the scene means.
        DataError: Its directions do not go all round.
    """
    if scene.listener.sofa is None:
        return None
    head = read_listeners_hrtf(scene.listener, scene_folder).resampled(scene.sample_rate_hz)
    interpolator = HrtfInterpolator(head)
    directions = rings()
    responses: list[np.ndarray] = []
    for first in range(0, len(directions), _AT_ONCE):
        responses.append(interpolator.impulse_responses(directions[first : first + _AT_ONCE]))
        progress((first + len(responses[-1])) / len(directions))
    path = folder / "head.npz"
    np.savez(path, directions=directions, impulse_responses=np.concatenate(responses))
    return path


def rings() -> Float64[np.ndarray, "D 3"]:
    """Return unit vectors in rings about the vertical, all with one in front and the same aside.

    They are 5° apart on the horizon, where players are, and 7.5° from ring to ring.
    """
    directions: list[np.ndarray] = []
    for elevation in np.radians(np.arange(-90.0, 90.1, _ELEVATION_STEP_DEG)):
        count = max(1, 2 * round(180 / _AZIMUTH_STEP_DEG * np.cos(elevation)))
        azimuths = 2 * np.pi * np.arange(count) / count
        directions.append(world_from_spherical(azimuths, elevation, np.ones(1)))
    return np.concatenate(directions)
