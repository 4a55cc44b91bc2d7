"""Walls that stand between a source and the listener.

There is no sound around edges: where the straight way is blocked, it is silent, and the room is
heard with what its walls reflect and scatter. It fades in and out over a hop as somebody passes.
"""

from __future__ import annotations

import os

import numpy as np
from jaxtyping import Bool, Float

from auralize.rooms.mesh import read_room_mesh
from auralize.sources.heard_source import HeardSource
from scenes.scene import Scene

# A way this much short of its end is free: who stands at a wall is not behind it.
_END = 1 - 1e-6


def hide_behind_walls(
    scene: Scene, folder: str | os.PathLike[str], sources: list[HeardSource]
) -> None:
    """Let sources be heard straight only where no wall of the scene's room is in between.

    Only rooms of meshes have such walls.

    Raises:
        FileFormatError: A mesh cannot be read.
        DataError: A mesh leaks, or a material is unknown.
    """
    if scene.room is None or scene.room.shape != "mesh":
        return
    mesh = read_room_mesh(scene.room, folder)

    def clear(
        sources_m: Float[np.ndarray, "T 3"], listeners_m: Float[np.ndarray, "T 3"]
    ) -> Bool[np.ndarray, "T"]:
        return mesh.first_hits(listeners_m, sources_m - listeners_m)[1] > _END

    for source in sources:
        source.sees = clear
