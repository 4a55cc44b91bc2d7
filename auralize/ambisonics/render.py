"""Render a scene as ambisonics: spherical harmonics around the listener.

Sounds are coloured as on their way to the ears (air, directivity), each once, and then given to the
channels with the harmonics of their direction in the listener's frame (x front, y left, z up).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from auralize.ambisonics.conventions import Convention, from_sn3d
from auralize.dsp.convolution import MovingFilter, StaticFilter
from auralize.dsp.fourier import rfft
from auralize.dsp.spherical_harmonics import channel_degrees, spherical_harmonics
from auralize.rooms.receivers import Harmonics
from auralize.rooms.renderer import room_renderer
from auralize.rooms.walls import hide_behind_walls
from auralize.sources.colour import colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.near_field_degrees import DegreeFilters
from auralize.sources.scene_sources import open_sources, sample_count
from auralize.sources.straight_way import comes_near, mono_filters
from auralize.stream.binaural import BLOCK
from scenes.scene import Scene

_HOP = 256
_COLOUR_HOP = 512


def render_ambisonics(
    scene: Scene,
    folder: str | os.PathLike[str],
    *,
    order: int | None = None,
    convention: Convention | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Float32[np.ndarray, "channels samples"]]:
    """Render a scene as ambisonics, block by block in bounded memory.

    The sphere moves and turns with the listener, so a decoder for headphones without head
    tracking gives what `render_binaural` gives.

    Args:
        scene: The scene.
        folder: Where its sound files are (the folder of the scene file).
        order: Ambisonic order; else the scene's.
        convention: "sn3d" (AmbiX), "n3d" or "fuma"; else the scene's.
        progress: Called with the fraction done.

    Yields:
        Blocks of (order + 1)² channels.

    Raises:
        DataError: The sounds do not fit the scene.
        FileFormatError: A sound cannot be read.
        ValueError: The convention does not have the order.
    """
    order = scene.output.ambisonic_order if order is None else order
    convention = convention or scene.output.ambisonic_convention
    with open_sources(scene, folder) as sources:
        hide_behind_walls(scene, folder, sources)
        direct = sources if scene.room is None or scene.room.direct else []
        standing = [source for source in direct if not source.moves]
        moving = [source for source in direct if source.moves]
        room = room_renderer(
            scene, folder, sources, lambda: Harmonics(order, scene.sample_rate_hz), block=BLOCK
        )
        length = sample_count(scene, sources, 0 if room is None else room.tail_samples)
        encoders = [
            *([_Standing(standing, order)] if standing else []),
            *([_Moving(moving, order)] if moving else []),
            *([room] if room is not None else []),
        ]
        for start in range(0, length, BLOCK):
            total = encoders[0].block(start)
            for encoder in encoders[1:]:
                total = total + encoder.block(start)
            if progress is not None:
                progress(min(1.0, (start + BLOCK) / length))
            yield from_sn3d(total[:, : length - start], convention)


class _Standing:
    """Sources whose direction does not change: a gain from each to each channel."""

    def __init__(self, sources: list[HeardSource], order: int) -> None:
        self._voices = [_voices(source, order) for source in sources]
        gains = [_channel_gains(source, np.zeros(1), order)[0] for source in sources]
        self._gains = np.concatenate(gains, axis=1)
        self._sounds = np.empty((self._gains.shape[1], BLOCK), dtype=np.float32)

    def block(self, start: int) -> Float32[np.ndarray, "channels block"]:
        np.concatenate([voices(start) for voices in self._voices], out=self._sounds)
        return self._gains @ self._sounds


class _Moving:
    """Sources whose direction or distance changes: gains that are linear over each hop."""

    def __init__(self, sources: list[HeardSource], order: int) -> None:
        self._sources = sources
        self._order = order
        self._voices = [_voices(source, order) for source in sources]
        self._rising = np.arange(_HOP, dtype=np.float32) / np.float32(_HOP)

    def block(self, start: int) -> Float32[np.ndarray, "channels block"]:
        times = np.arange(start, start + BLOCK + 1, _HOP) / self._sources[0].sample_rate_hz
        gains = [_channel_gains(source, times, self._order) for source in self._sources]
        at_borders = np.concatenate(gains, axis=-1)
        sounds = np.concatenate([voices(start) for voices in self._voices])
        hops = np.swapaxes(sounds.reshape(len(sounds), -1, _HOP), 0, 1)
        leaving_and_entering = np.concatenate(
            [hops * (1 - self._rising), hops * self._rising], axis=1
        )
        encoded = np.concatenate([at_borders[:-1], at_borders[1:]], axis=2) @ leaving_and_entering
        return np.swapaxes(encoded, 0, 1).reshape(-1, BLOCK)


def _channel_gains(
    source: HeardSource, times_s: np.ndarray, order: int
) -> Float32[np.ndarray, "T channels voices"]:
    """Return the gains from the voices of a source to the channels at some times."""
    directions, distances = source.seen_from_listener(times_s)
    gains = spherical_harmonics(directions, order) * source.gains_at(times_s, distances)[:, None]
    gains = gains.astype(np.float32)[:, :, None]
    if not comes_near(source):
        return gains
    return gains * (channel_degrees(order)[:, None] == np.arange(order + 1))


def _voices(
    source: HeardSource, order: int
) -> Callable[[int], Float32[np.ndarray, "voices block"]]:
    """Return the function that gives a source's blocks: one voice, or near by one per degree."""
    coloured = _coloured(source)
    if not comes_near(source):
        return lambda start: coloured(start)[None]
    rate = source.sample_rate_hz
    degrees = DegreeFilters(
        order, sample_rate_hz=rate, speed_m_s=source.medium.speed_of_sound_m_s, block=BLOCK
    )
    borders = np.arange(0, BLOCK + 1, _HOP)

    def block(start: int) -> Float32[np.ndarray, "degrees block"]:
        distances = source.seen_from_listener((start + borders) / rate)[1]
        return degrees.process(coloured(start), distances)

    return block


def _coloured(source: HeardSource) -> Callable[[int], Float32[np.ndarray, "block"]]:
    """Return the function that gives a source's blocks with what air and directivity do to them.

    Blocks are asked for one after the other.
    """
    taps = max(1, colour_taps(source))
    first = mono_filters(source, np.zeros(1), taps)
    if first is None:
        # Without a copy where there is no delay: all blocks are put together before the next ones.
        reading = source.read if source.takes_time else source.emitted
        return lambda start: reading(start, BLOCK)
    if not source.moves:
        standing = StaticFilter(first[None], BLOCK)
        return lambda start: standing.process(source.read(start, BLOCK)[None])[0]
    moving = MovingFilter(1, taps, block=BLOCK)
    length = moving.length(_COLOUR_HOP)
    borders = np.arange(0, BLOCK + 1, _COLOUR_HOP)
    # A moving filter takes pairs of signals: the second one is silent.
    sound = np.zeros((2, BLOCK), dtype=np.float32)

    def block(start: int) -> Float32[np.ndarray, "block"]:
        filters = mono_filters(source, (start + borders) / source.sample_rate_hz, taps)
        assert filters is not None
        spectra = rfft(filters, length)
        planes = np.concatenate([np.real(spectra), np.imag(spectra)], axis=-1)
        sound[0] = source.read(start, BLOCK)
        filtered = np.zeros_like(sound)
        moving.add(0, sound, np.repeat(planes[:, None], 2, axis=1))
        moving.finish(filtered)
        return filtered[0]

    return block
