"""Render a scene for headphones block by block, while it is edited and the head moves.

One renderer serves files and real time. A file takes long blocks, and what stands still in the
scene is filtered with filters that stay. In real time, blocks are short, every source may move at
any time, and a block allocates nothing that counts.

Edits come from any thread and take effect in the next block. Levels and filters fade over within
it, and delays glide. Where a glide would be heard as a swoop of the pitch (the source whose sound
takes its time is put elsewhere) or there is nothing in between (the scene is wound on), one block
of what was heard before and one of what is heard from now on fade over. Reflections of a room
follow as soon as they are worked out (`auralize.rooms.live_room`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from jaxtyping import Float, Float32

from auralize.hrtf.head import Hrtf, read_listeners_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.walls import hide_behind_walls
from auralize.sources.heard_source import HeardSource
from auralize.sources.live_listener import LiveListener
from auralize.sources.scene_sources import as_points, open_sources, sample_count
from auralize.stream.levels import Levels
from auralize.stream.parts import Parts
from capture.pose import Pose
from scenes.scene import Scene

_SMALLEST_BLOCK = 16
# Nodes of directions are wider apart where all are prepared before the first block.
_LIVE_STEP_RAD = np.radians(5.0)
# A distance that changes faster fades over: it would be heard as a swoop.
_FASTEST_M_S = 30.0


class StreamRenderer:
    """Plays a scene to two ears, one block after the other.

    Use it in a `with` statement: it holds the sound files open. All methods but `process` may be
    called from any thread, while a block is rendered or between blocks.

    Attributes:
        scene: The scene.
        block: Samples of a block.
        sample_count: Length of the scene in samples.
        latency_s: From an edit to the ears: one block, and the head's own delay (until the nearer
            ear hears a source in front).
    """

    def __init__(
        self,
        scene: Scene,
        folder: str | os.PathLike[str],
        hrtf: Hrtf | None = None,
        *,
        block: int = 512,
        editable: bool = True,
    ) -> None:
        """Open the sounds and prepare everything.

        Args:
            scene: The scene.
            folder: Where its sound files are (the folder of the scene file).
            hrtf: The head; the MIT KEMAR head if none is given. It is resampled to the scene's
                rate.
            block: Samples of each block.
            editable: Whether the head may move, sources be edited, and the scene be wound on. If
                not, what stands still in the scene is rendered faster.

        Raises:
            DataError: The sounds do not fit the scene, or its room cannot be rendered as it is.
            FileFormatError: A sound or a mesh cannot be read.
            ValueError: The block is too short.
        """
        if block < _SMALLEST_BLOCK:
            raise ValueError(f"a block needs at least {_SMALLEST_BLOCK} samples, got {block}.")
        self.scene = scene
        self.block = block
        self._rate = scene.sample_rate_hz
        self._editable = editable
        head = (hrtf or read_listeners_hrtf(scene.listener, folder)).resampled(self._rate)
        step = {"largest_step_rad": _LIVE_STEP_RAD} if editable else {}
        interpolator = HrtfInterpolator(head, **step)
        with ExitStack() as files:
            self._sources = files.enter_context(open_sources(scene, folder, silent=editable))
            hide_behind_walls(scene, folder, self._sources)
            self._listener = LiveListener(scene.listener.trajectory)
            sources = list(self._sources)
            points = as_points(sources)
            self._sources += [point for point in points if point not in sources]
            for source in self._sources:
                source.ears = self._listener
            self._levels = Levels(scene)
            self._set_levels()
            self._parts = Parts(
                scene, folder, interpolator,
                sources=sources, points=points, block=block, live=editable,
            )  # fmt: skip
            files.callback(self._parts.close)
            self._files = files.pop_all()
        self.sample_count = sample_count(scene, self._sources, self._parts.tail_samples)
        self.latency_s = (block + _onset(interpolator)) / self._rate
        self._position = 0
        self._loop: tuple[int, int] | None = None
        self._target: int | None = None
        self._edits: deque[tuple[bool, Callable[[], None]]] = deque()
        self._fading = np.zeros((2, block), dtype=np.float32)
        self._rising = np.tile(np.arange(1, block + 1, dtype=np.float32) / block, (2, 1))

    def __enter__(self) -> StreamRenderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sound files, and stop to follow with reflections."""
        self._files.close()

    @property
    def position_s(self) -> float:
        """The time of the scene at which the next block begins."""
        return self._position / self._rate

    @property
    def follows(self) -> bool:
        """Whether reflections of the room are those of where all were in the last block."""
        return self._parts.room is None or self._parts.room.follows

    @property
    def following_s(self) -> float | None:
        """How long it took last from a move until reflections followed; None without a room."""
        return None if self._parts.room is None else self._parts.room.following_s

    @property
    def finished(self) -> bool:
        """Whether the scene has come to its end; then only silence follows."""
        return self._position >= self.sample_count and self._loop is None

    def process(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Write the next block of (left, right), as loud as the scene says.

        Raises:
            ValueError: The array has another shape.
            DataError: A sound holds a number that is not finite.
            FileFormatError: A sound cannot be read.
        """
        if out.shape != (2, self.block):
            raise ValueError(f"needed is {(2, self.block)}, got {out.shape}.")
        edits = [self._edits.popleft() for _ in range(len(self._edits))]
        target, self._target = self._target, None
        if target is None and self._loop is not None and self._position >= self._loop[1]:
            target = self._loop[0]
        jumps = target is not None or any(jump for jump, _ in edits)
        if jumps:
            self._render(self._fading)
        for _, make in edits:
            make()
        if not jumps:
            self._render(out)
        else:
            self._position = self._position if target is None else target
            self._parts.seek(self._position)
            self._render(out)
            out -= self._fading
            out *= self._rising
            out += self._fading
        self._position += self.block

    def seek(self, time_s: float) -> None:
        """Go to another time of the scene."""
        self._check_editable()
        last = max(self.sample_count - 1, 0)
        self._target = min(max(0, round(time_s * self._rate)), last)

    def loop(self, start_s: float = 0.0, stop_s: float | None = None) -> None:
        """Repeat a part of the scene without end, cross-faded over a block where it begins again.

        Args:
            start_s: Where it begins.
            stop_s: Where it ends (it is played to the end of the block); else with the scene.

        Raises:
            ValueError: It ends before it begins.
        """
        self._check_editable()
        stop = self.sample_count if stop_s is None else round(stop_s * self._rate)
        start = round(start_s * self._rate)
        if not 0 <= start < stop:
            raise ValueError(f"a loop from {start_s:g} s to {stop / self._rate:g} s is empty.")
        self._loop = (start, stop)

    def loop_off(self) -> None:
        """Play on to the end."""
        self._loop = None

    def set_head(self, head: Pose) -> None:
        """Move and turn the head: a pose in the frame of the scene's listener."""
        before = self._listener.head
        moved_m = float(np.linalg.norm(head.position_m - before.position_m))

        def make() -> None:
            self._listener.head = head

        self._edit(make, moved_m)

    def set_gain(self, name: str, gain_db: float) -> None:
        """Give a source another level, on top of the distance law."""
        self._check(name)
        self._edit(lambda: self._levels.gains_db.update({name: gain_db}))

    def mute(self, name: str, muted: bool = True) -> None:
        """Silence a source, or let it sound again."""
        self._check(name)
        self._edit(lambda: self._levels.muted.update({name: muted}))

    def solo(self, name: str, solo: bool = True) -> None:
        """Silence all sources that are not solo, or let them sound again."""
        self._check(name)
        self._edit(lambda: self._levels.solo.update({name: solo}))

    def put_source(self, name: str, position_m: Float[np.ndarray, "3"] | None) -> None:
        """Put a source somewhere else in the world; for None, where the scene has it."""
        parts = self._check(name)
        now = np.array([self.position_s])
        place = (
            parts[0].source.path()(now)[0] if position_m is None else np.asarray(position_m, float)
        )
        if place.shape != (3,) or not np.isfinite(place).all():
            raise ValueError(f"a position is three finite numbers, got {position_m}.")
        moved_m = float(np.linalg.norm(place - parts[0].positions_at(now)[0]))

        def make() -> None:
            for part in parts:
                part.put(None if position_m is None else place)

        self._edit(make, moved_m)

    def _edit(self, make: Callable[[], None], moved_m: float = 0.0) -> None:
        """Queue an edit; it jumps if it moves something by more than may glide in a block."""
        self._check_editable()
        takes_time = any(source.takes_time for source in self._sources)
        jumps = takes_time and moved_m > _FASTEST_M_S * self.block / self._rate
        self._edits.append((jumps, lambda: (make(), self._set_levels())[0]))

    def _check_editable(self) -> None:
        if not self._editable:
            raise ValueError("this renderer was made to play the scene as it is.")

    def _check(self, name: str) -> list[HeardSource]:
        parts = [source for source in self._sources if source.source.name == name]
        if not parts:
            names = ", ".join(repr(source.name) for source in self.scene.sources)
            raise ValueError(f"there is no source {name!r}, only {names}.")
        return parts

    def _set_levels(self) -> None:
        for source in self._sources:
            source.level = self._levels.factor(source.source.name)

    def _render(self, out: Float32[np.ndarray, "2 block"]) -> None:
        out[:] = 0
        if not self.finished:
            self._parts.add(out)


def _onset(interpolator: HrtfInterpolator) -> int:
    """Return after how many samples a sound from the front reaches the nearer ear."""
    front = np.abs(interpolator.impulse_responses(np.array([[1.0, 0.0, 0.0]]))[0])
    return int((front > 0.1 * front.max()).any(axis=0).argmax())
