"""What sounds in a scene: sources that stand, sources that move, and the room around them."""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.live_room import LiveRoom
from auralize.rooms.receivers import Ears
from auralize.rooms.renderer import RoomRenderer, room_renderer
from auralize.sources.heard_source import HeardSource
from auralize.stream.moving import MovingSources
from auralize.stream.standing import StandingSources
from scenes.scene import Scene


class BlockRenderer(Protocol):
    """What sounds: some sources, or the room around them. It begins at the scene's start."""

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add the next block to what the ears get."""
        ...


class LiveRenderer(BlockRenderer, Protocol):
    """What sounds, and may be edited."""

    def seek(self, start: int) -> None:
        """Go to another place: the next block begins at a sample of the scene."""
        ...


class Parts:
    """The parts of a scene, added up.

    Attributes:
        tail_samples: How long the room goes on after the sources.
        room: The room, where it follows edits.
    """

    def __init__(
        self,
        scene: Scene,
        folder: str | os.PathLike[str],
        interpolator: HrtfInterpolator,
        *,
        sources: list[HeardSource],
        points: list[HeardSource],
        block: int,
        live: bool,
    ) -> None:
        """Prepare all.

        Args:
            scene: The scene.
            folder: Where its files are.
            interpolator: The head.
            sources: What is heard straight: bodies come as several points.
            points: What the room hears: each source as one point.
            block: Samples of each block.
            live: Whether sources and the listener may be moved, and the scene be wound on.

        Raises:
            FileFormatError: A mesh of the room cannot be read.
            DataError: The room cannot be rendered as it is.
        """
        self.room: LiveRoom | None = None
        self.tail_samples = 0
        self._all: list[BlockRenderer] = []
        self._live: list[LiveRenderer] = []
        room = scene.room
        if room is not None and (room.early or room.late):
            if live:
                ears = Ears(interpolator)
                interpolator.prepare_all(ears.length)
                self.room = LiveRoom(scene, points, ears, block=block, folder=folder)
                self.tail_samples = self.room.tail_samples
                self._live.append(self.room)
            else:
                around = room_renderer(
                    scene, folder, points, lambda: Ears(interpolator), block=block
                )
                assert around is not None, "a room with no part was left out above"
                self.tail_samples = around.tail_samples
                self._all.append(_Room(around, block))
        direct = sources if room is None or room.direct else []
        moving = [source for source in direct if source.moves or live]
        standing = [source for source in direct if source not in moving]
        if standing:
            self._all.append(StandingSources(standing, interpolator, block=block))
        if moving:
            renderer = MovingSources(moving, interpolator, block=block, live=live)
            if live:
                renderer.prepare_all()
                self._live.append(renderer)
            else:
                self._all.append(renderer)
        self._all += self._live

    def close(self) -> None:
        """End what goes on beside the blocks."""
        if self.room is not None:
            self.room.close()

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add the next block."""
        for renderer in self._all:
            renderer.add(out)

    def seek(self, start: int) -> None:
        """Go to another place: the next block begins at a sample of the scene."""
        for renderer in self._live:
            renderer.seek(start)


class _Room:
    """A room that goes on from block to block."""

    def __init__(self, room: RoomRenderer, block: int) -> None:
        self._room = room
        self._block = block
        self._start = 0

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        out += self._room.block(self._start)
        self._start += self._block
