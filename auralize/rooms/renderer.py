"""Render what a room adds to a scene, block by block: reflections and reverberation.

Where a source and the listener stand still, its whole response does. Where one of them moves, the
early reflections follow, about 47 times a second, and fade over from one place to the next, so
nothing clicks; the late part stays as it is at the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from auralize.dsp.convolution import PartitionedFilter
from auralize.rooms.memory import check_memory
from auralize.rooms.models import room_model
from auralize.rooms.receivers import Receiver
from auralize.rooms.response import RoomResponses
from auralize.sources.heard_source import HeardSource
from auralize.sources.scene_sources import as_points
from scenes.room import Room
from scenes.scene import Scene

# Long filters in blocks of this length cost least; early reflections follow as often as this.
_LONG_BLOCK = 8192
_FOLLOWING_S = 0.0214
# Measured: the responses, their parts and their spectra take so much at their worst.
_BYTES_A_TAP = 32


class RoomRenderer:
    """Renders the reflections and the reverberation of a scene's sources."""

    def __init__(
        self,
        scene: Scene,
        sources: list[HeardSource],
        receiver: Receiver,
        *,
        block: int,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Work out the responses.

        Args:
            scene: A scene with a room.
            sources: Its sources that sound.
            receiver: Ears or harmonics.
            block: Samples of each block.
            folder: Where the scene's files are; a room of meshes needs it.

        Raises:
            FileFormatError: A mesh cannot be read.
            DataError: The room cannot be rendered as it is.
        """
        assert scene.room is not None, "without a room there is nothing to render"
        # What a body sends into the room from all its points together is what a point sends.
        sources = as_points(sources)
        self._rate = scene.sample_rate_hz
        self._sources = sources
        self._block = block
        self._outputs = receiver.outputs
        self._moving = [i for i, source in enumerate(sources) if source.moves and scene.room.early]
        model = room_model(scene, folder)
        self._responses = RoomResponses(scene, receiver, moving=True, model=model)
        fixed = self._fixed_responses(
            RoomResponses(scene, receiver, moving=False, model=model), scene.room
        )
        self.tail_samples = fixed.shape[2] - 1
        self._fixed_block = _part_of(block, _LONG_BLOCK)
        self._fixed = PartitionedFilter(fixed, self._fixed_block) if fixed.any() else None
        self._hop = _part_of(block, round(_FOLLOWING_S * self._rate))
        if self._moving:
            self.tail_samples = max(self.tail_samples, self._responses.early_taps - 1)
            self._early = PartitionedFilter(self._early_at(0.0), self._hop)

    def block(self, start: int) -> Float32[np.ndarray, "outputs block"]:
        """Return the next block, which starts at a sample of the scene."""
        out = np.zeros((self._outputs, self._block), dtype=np.float32)
        sounds = np.stack([source.read(start, self._block) for source in self._sources])
        if self._fixed is not None:
            for first in range(0, self._block, self._fixed_block):
                part = slice(first, first + self._fixed_block)
                self._fixed.process(np.ascontiguousarray(sounds[:, part]), out[:, part])
        if self._moving:
            moving = sounds[self._moving]
            for first in range(0, self._block, self._hop):
                part = slice(first, first + self._hop)
                self._early.exchange(self._early_at((start + first + self._hop) / self._rate))
                self._early.process(np.ascontiguousarray(moving[:, part]), out[:, part])
        return out

    def _early_at(self, time_s: float) -> Float32[np.ndarray, "sounds outputs taps"]:
        return np.stack(
            [self._responses.early(self._sources[number], time_s) for number in self._moving]
        )

    def _fixed_responses(
        self, standing: RoomResponses, room: Room
    ) -> Float32[np.ndarray, "sounds outputs taps"]:
        """Return what stays: the late part, and early reflections where nobody moves."""
        parts: list[list[np.ndarray]] = []
        for source in self._sources:
            own: list[np.ndarray] = []
            if room.early and not source.moves:
                own.append(standing.early(source, 0.0))
            if room.late:
                own.append((self._responses if source.moves else standing).late(source))
            parts.append(own)
            if len(parts) == 1:
                self._check_memory(max((part.shape[1] for part in own), default=0))
        taps = max((part.shape[1] for own in parts for part in own), default=1)
        responses = np.zeros((len(parts), self._outputs, taps), dtype=np.float32)
        for response, own in zip(responses, parts, strict=True):
            for part in own:
                response[:, : part.shape[1]] += part
        return responses

    def _check_memory(self, taps: int) -> None:
        """Refuse responses of so many taps to all outputs if they do not fit, before they do."""
        count = len(self._sources)
        check_memory(
            _BYTES_A_TAP * count * self._outputs * taps,
            f"a room for {count} sources and {self._outputs} channels with responses of "
            f"{taps / self._rate:.1f} s",
            "Choose a lower ambisonic_order or a shorter reverberation.",
        )


def _part_of(block: int, longest: int) -> int:
    """Return the longest whole part of a block that is no longer than something."""
    parts = -(-block // longest)
    while block % parts:
        parts += 1
    return block // parts


def room_renderer(
    scene: Scene,
    folder: str | os.PathLike[str],
    sources: list[HeardSource],
    make_receiver: Callable[[], Receiver],
    *,
    block: int,
) -> RoomRenderer | None:
    """Return what renders a scene's room; None if it has none, or if it is switched off.

    Raises:
        DataError: The room cannot be rendered as it is.
    """
    if scene.room is None or not (scene.room.early or scene.room.late):
        return None
    return RoomRenderer(scene, sources, make_receiver(), block=block, folder=folder)
