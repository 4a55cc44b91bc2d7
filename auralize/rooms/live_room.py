"""A room around a head that moves live: reflections that follow, and a late part that stays.

Early reflections are worked out beside the sound, in a thread of their own, as soon as anybody has
moved or turned, and fade in over one block. Until they are there, those before go on. The late part
stays as it is at the start. Where somebody is outside the room or in a wall, reflections stay as
they were last inside.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np
from jaxtyping import Float32

from auralize.dsp.convolution import PartitionedFilter
from auralize.rooms.models import room_model
from auralize.rooms.receivers import Receiver
from auralize.rooms.response import RoomResponses, Situation, situation
from auralize.sources.arriving_sound import ArrivingSound
from auralize.sources.heard_source import HeardSource
from scenes.scene import Scene

# Smaller moves and turns are not followed: trackers tremble.
_MOVED_M, _TURNED = 1e-3, 1e-3


@dataclass(frozen=True, slots=True)
class _Asked:
    """What reflections are wanted for, and since when."""

    situations: tuple[Situation, ...]
    since_s: float


class LiveRoom:
    """Renders what a room adds to sources that may be put elsewhere, for a head that may move.

    `close` it in the end: it has a thread.

    Attributes:
        tail_samples: How long the room goes on after a sound.
        following_s: How long it took last from a move until the reflections were there.
    """

    def __init__(
        self,
        scene: Scene,
        sources: list[HeardSource],
        receiver: Receiver,
        *,
        block: int,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Work out the responses for the start.

        Args:
            scene: A scene with a room.
            sources: Its sources, as points.
            receiver: Ears or harmonics.
            block: Samples of each block.
            folder: Where the scene's files are; a room of meshes needs it.

        Raises:
            FileFormatError: A mesh cannot be read.
            DataError: The room cannot be rendered as it is.
        """
        assert scene.room is not None, "without a room there is nothing to render"
        self._sources = sources
        self._rate, self._block = scene.sample_rate_hz, block
        self._responses = RoomResponses(
            scene, receiver, moving=True, model=room_model(scene, folder)
        )
        self._arriving = [ArrivingSound(source, block) for source in sources]
        self._sounds = np.zeros((len(sources), block), dtype=np.float32)
        self._start = 0
        self._filters: list[PartitionedFilter] = []
        self._early: PartitionedFilter | None = None
        self._asked = _Asked(self._situations(), 0.0)
        self._followed = self._asked
        # Of each source, where it was when its reflections were worked out.
        self._reflected_in = list(self._asked.situations)
        self.tail_samples, self.following_s = 0, 0.0
        if scene.room.late:
            pairs = zip(sources, self._asked.situations, strict=True)
            self._add_filter([self._responses.late_in(source, now) for source, now in pairs])
        if scene.room.early:
            self._reflections = [self._reflected(number) for number in range(len(sources))]
            self._early = self._add_filter(self._reflections)
        self._error: Exception | None = None
        self._closed = False
        self._wake = Event()
        self._thread = Thread(target=self._follow, name="reflections", daemon=True)
        if self._early is not None:
            self._thread.start()

    def close(self) -> None:
        """Stop to follow."""
        self._closed = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def follows(self) -> bool:
        """Whether the reflections are those of where all are in the last block."""
        return self._early is None or self._followed is self._asked

    def seek(self, start: int) -> None:
        """Go to another place: the next block begins there, as if all before had been heard."""
        if start == self._start:
            return  # what was heard before goes on to ring
        self._start = start
        for arriving in self._arriving:
            arriving.seek()
        longest = max((part.past for part in self._filters), default=0)
        past = np.stack(
            [source.level * source.read(start - longest, longest) for source in self._sources]
        )
        for part in self._filters:
            part.set_past(past[:, longest - part.past :])

    def add(self, out: Float32[np.ndarray, "outputs block"]) -> None:
        """Add the next block."""
        if self._error is not None:
            raise self._error
        for arriving, sound in zip(self._arriving, self._sounds, strict=True):
            arriving.read(self._start, sound)
        if self._early is not None:
            now = self._situations()
            if _differ(now, self._asked.situations):
                self._asked = _Asked(now, time.perf_counter())
                self._wake.set()
        for part in self._filters:
            part.process(self._sounds, out)
        self._start += self._block

    def _situations(self) -> tuple[Situation, ...]:
        return tuple(situation(source, self._start / self._rate) for source in self._sources)

    def _add_filter(self, responses: list[np.ndarray]) -> PartitionedFilter:
        taps = max(response.shape[1] for response in responses)
        filters = [np.pad(each, ((0, 0), (0, taps - each.shape[1]))) for each in responses]
        self.tail_samples = max(self.tail_samples, taps - 1)
        self._filters.append(PartitionedFilter(np.stack(filters), self._block))
        return self._filters[-1]

    def _reflected(self, number: int) -> Float32[np.ndarray, "outputs taps"]:
        return self._responses.early_in(self._sources[number], self._asked.situations[number])

    def _follow(self) -> None:
        """Work out reflections whenever they are asked for; in a thread of its own."""
        assert self._early is not None
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closed:
                return
            asked = self._asked
            try:
                if self._changed(asked):
                    self._early.exchange(np.stack(self._reflections))
            except Exception as error:  # it is raised again where blocks are asked for
                self._error = error
                return
            self._followed = asked
            self.following_s = time.perf_counter() - asked.since_s

    def _changed(self, asked: _Asked) -> bool:
        """Work out the reflections of all who moved; return whether there are any."""
        changed = False
        model = self._responses.model
        for number, now in enumerate(asked.situations):
            moved = _differ((self._reflected_in[number],), (now,))
            if moved and model.inside(now.source_m) and model.inside(now.listener_m):
                self._reflections[number] = self._responses.early_in(self._sources[number], now)
                self._reflected_in[number] = now
                changed = True
        return changed


def _differ(some: tuple[Situation, ...], others: tuple[Situation, ...]) -> bool:
    """Whether anybody has moved or turned so far that it counts."""
    for a, b in zip(some, others, strict=True):
        moves = a.source_m - b.source_m, a.listener_m - b.listener_m
        turns = a.listener_from_world - b.listener_from_world, a.yaw_rad - b.yaw_rad
        if max(np.abs(move).max() for move in moves) > _MOVED_M:
            return True
        if max(np.abs(turn).max() for turn in turns) > _TURNED:
            return True
    return False
