"""Render a scene for headphones: each source through the head's impulse responses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from auralize.convolution import MovingFilter, StaticFilter
from auralize.heard_source import HeardSource, open_sources
from auralize.hrtf import Hrtf, read_listeners_hrtf
from auralize.interpolation import HrtfInterpolator
from auralize.receivers import Ears, Receiver
from auralize.room_renderer import RoomRenderer
from auralize.source_filters import binaural_filters, binaural_taps
from scenes.scene import Scene

BLOCK = 32_768
_HOP_S = 0.0107


def render_binaural(
    scene: Scene,
    folder: str | os.PathLike[str],
    hrtf: Hrtf | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Float32[np.ndarray, "2 samples"]]:
    """Render a scene for headphones, block by block in bounded memory.

    A source that stands still is filtered with the impulse responses of its direction, with all
    their taps. Where the source or the listener moves, filters follow about every 10 ms and are
    cross-faded in between. At a measured direction the filters are the measured ones.

    Args:
        scene: The scene.
        folder: Where its sound files are (the folder of the scene file).
        hrtf: The head; the scene's if none is given. It is resampled to the scene's rate.
        progress: Called with the fraction done.

    Yields:
        Blocks of (left, right), as loud as the scene says: the peak may exceed full scale.

    Raises:
        DataError: The sounds do not fit the scene.
        FileFormatError: A sound cannot be read.
    """
    head = (hrtf or read_listeners_hrtf(scene.listener, folder)).resampled(scene.sample_rate_hz)
    interpolator = HrtfInterpolator(head)
    with open_sources(scene, folder) as sources:
        direct = sources if scene.room is None or scene.room.direct else []
        standing = [source for source in direct if not source.moves]
        moving = [source for source in direct if source.moves]
        room = room_renderer(scene, folder, sources, lambda: Ears(interpolator))
        length = sample_count(scene, sources, room)
        renderers = [
            *([_Standing(standing, interpolator)] if standing else []),
            *([_Moving(moving, interpolator)] if moving else []),
            *([room] if room is not None else []),
        ]
        for start in range(0, length, BLOCK):
            total = sum(renderer.block(start) for renderer in renderers)
            if progress is not None:
                progress(min(1.0, (start + BLOCK) / length))
            yield np.asarray(total, dtype=np.float32)[:, : length - start]


def sample_count(scene: Scene, sources: list[HeardSource], room: RoomRenderer | None = None) -> int:
    """Return how many samples a render has.

    As many as the scene says, else to the end of the sounds and of the room's answer to them.
    """
    if scene.duration_s is not None:
        return max(1, round(scene.duration_s * scene.sample_rate_hz))
    tail = 0 if room is None else room.tail_samples
    return max(1, *(source.stop + tail for source in sources))


def room_renderer(
    scene: Scene,
    folder: str | os.PathLike[str],
    sources: list[HeardSource],
    make_receiver: Callable[[], Receiver],
) -> RoomRenderer | None:
    """Return what renders a scene's room; None if it has none, or if it is switched off.

    Raises:
        DataError: The room cannot be rendered as it is.
    """
    if scene.room is None or not (scene.room.early or scene.room.late):
        return None
    return RoomRenderer(scene, sources, make_receiver(), block=BLOCK, folder=folder)


class _Standing:
    """Sources whose direction does not change."""

    def __init__(self, sources: list[HeardSource], interpolator: HrtfInterpolator) -> None:
        self._sources = sources
        taps = max(binaural_taps(source, interpolator) for source in sources)
        now = np.zeros(1)
        filters = [binaural_filters(source, now, interpolator, taps)[0] for source in sources]
        self._filter = StaticFilter(np.stack(filters), BLOCK)

    def block(self, start: int) -> Float32[np.ndarray, "2 block"]:
        sounds = np.stack([source.read(start, BLOCK) for source in self._sources])
        return self._filter.process(sounds)


class _Moving:
    """Sources whose direction or distance changes."""

    def __init__(self, sources: list[HeardSource], interpolator: HrtfInterpolator) -> None:
        self._sources = sources
        self._interpolator = interpolator
        rate = sources[0].sample_rate_hz
        self._hop = min(BLOCK, 2 ** round(np.log2(_HOP_S * rate)))
        self._rate = rate
        self._taps = max(binaural_taps(source, interpolator) for source in sources)
        self._filter = MovingFilter(len(sources), 2, self._taps, hop=self._hop, block=BLOCK)

    def block(self, start: int) -> Float32[np.ndarray, "2 block"]:
        times = (start + self._hop * np.arange(self._filter.borders)) / self._rate
        filters = [
            binaural_filters(source, times, self._interpolator, self._taps)
            for source in self._sources
        ]
        sounds = np.stack([source.read(start, BLOCK) for source in self._sources])
        return self._filter.process(sounds, np.stack(filters))
