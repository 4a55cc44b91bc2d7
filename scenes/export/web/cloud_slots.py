"""A player's clouds for the page: what changes from cloud to cloud, packed slot by slot.

A slot is some seconds of the scene. Its first cloud is whole, so that a viewer can begin anywhere.
Each slot is packed by DEFLATE (RFC 1951) over little-endian planes, so that like bytes lie
together:

    clouds F (uint32); F times in seconds of the scene (float32); F counts of rows that change and F
    counts of rows that vanish (uint32)
    rows that change, cloud after cloud: steps from row to row, low then high bytes; x, y and z
    likewise (low plane, high plane) in steps of 2 mm from the origin; red; green; blue
    rows that vanish: steps from row to row, low then high bytes

The first step of each cloud counts from row 0. Axes are the page's (x right, y up, −z front).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.axes import gltf_from_world
from scenes.export.web.steady_points import Change, SteadyPoints

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64, UInt8

    from capture.cloud_sequence import CloudSequence

STEP_M = 0.002
"""Positions are whole multiples of this, ±65 m from the origin."""

_MOST_ROWS = 1 << 16
# From fine and smooth to coarse: spacing of the points in metres, and clouds a second.
_LADDER = (
    (0.010, 15.0),
    (0.013, 15.0),
    (0.016, 15.0),
    (0.020, 15.0),
    (0.020, 10.0),
    (0.025, 10.0),
    (0.030, 7.5),
    (0.040, 7.5),
    (0.060, 5.0),
    (0.100, 3.0),
)
_SAMPLE_S = 2.0
_SAMPLES = 3
# Low bits of a color are noise, which cannot be packed.
_COLOR_STEP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fineness:
    """How much of the clouds is kept.

    Attributes:
        spacing_m: How close to each other points are at most.
        rate_hz: Clouds a second, at most.
    """

    spacing_m: float
    rate_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSlots:
    """The packed clouds of a player.

    Attributes:
        origin_m: From where positions count, page axes.
        spacing_m: How close to each other points are at most.
        top_m: How high the first cloud reaches, but for its highest points.
        row_count: Rows of points that are ever used.
        slots: One for each slot of the scene; empty where nothing is to be seen.
    """

    origin_m: tuple[float, float, float]
    spacing_m: float
    top_m: float
    row_count: int
    slots: tuple[bytes, ...]


def choose_fineness(clouds: CloudSequence, bytes_a_second: float) -> Fineness:
    """Return the finest points that stay within a budget, tried on three pieces of the clouds."""
    times = clouds.times_s
    starts = np.linspace(times[0], max(times[0], times[-1] - _SAMPLE_S), _SAMPLES)
    for spacing_m, rate_hz in _LADDER:
        fineness = Fineness(spacing_m=spacing_m, rate_hz=rate_hz)
        size, seconds, rows = 0.0, 0.0, 0
        for start in np.unique(starts):
            chosen = _chosen(times, fineness, start, start + _SAMPLE_S)
            points = SteadyPoints(spacing_m)
            changes = [points.follow(clouds.at(index)) for index in chosen]
            rows = max(rows, points.row_count)
            whole = len(_packed(times[chosen[:1]], changes[:1], np.zeros(3)))
            later = changes[1:]
            # The whole cloud comes once in a slot of eight seconds, what changes all the time.
            size += whole * _SAMPLE_S / 8.0
            size += len(_packed(times[chosen[1:]], later, np.zeros(3))) if later else 0
            seconds += _SAMPLE_S
        # Rows drift apart over a take: leave room for half as many again.
        if size <= bytes_a_second * seconds and 1.5 * rows < _MOST_ROWS:
            return fineness
    spacing_m, rate_hz = _LADDER[-1]
    return Fineness(spacing_m=spacing_m, rate_hz=rate_hz)


def pack_clouds(
    clouds: CloudSequence,
    fineness: Fineness,
    *,
    slot_s: float,
    slot_count: int,
) -> CloudSlots:
    """Pack all clouds of a player.

    Args:
        clouds: At least one cloud, world axes.
        fineness: How much of them is kept.
        slot_s: Length of a slot.
        slot_count: Slots of the scene.
    """
    times = clouds.times_s
    chosen = _chosen(times, fineness, 0.0, slot_s * slot_count)
    points = SteadyPoints(fineness.spacing_m)
    origin: Float64[np.ndarray, "3"] | None = None
    pieces: list[list[tuple[float, Change]]] = [[] for _ in range(slot_count)]
    slot, top_m = -1, 0.0
    for index in chosen:
        change = points.follow(clouds.at(index))
        if origin is None and len(change.rows):
            middle = change.positions_m.mean(axis=0, dtype=np.float64)
            origin = np.round(gltf_from_world(middle), 3)
            top_m = float(np.quantile(change.positions_m[:, 2], 0.995))
        time_s = max(float(times[index]), 0.0)
        due = min(int(time_s / slot_s), slot_count - 1)
        # A slot that begins between two clouds begins with the one that is still seen.
        for begun in range(slot + 1, due):
            pieces[begun].append((begun * slot_s, points.everything()))
        pieces[due].append((time_s, points.everything() if due > slot else change))
        slot = max(slot, due)
    for begun in range(slot + 1, slot_count):
        pieces[begun].append((begun * slot_s, points.everything()))
    if origin is None:
        origin = np.zeros(3)
    x, y, z = (float(value) for value in origin)
    return CloudSlots(
        origin_m=(x, y, z),
        spacing_m=fineness.spacing_m,
        top_m=top_m,
        row_count=points.row_count,
        slots=tuple(
            _packed(np.array([time for time, _ in piece]), [change for _, change in piece], origin)
            for piece in pieces
        ),
    )


def unpack_slot(
    packed: bytes, origin_m: tuple[float, float, float]
) -> Iterator[tuple[float, Change]]:
    """Give the times and changes of a slot, positions in the page's axes: what the page does."""
    data = zlib.decompress(packed, wbits=-15)
    count = int(np.frombuffer(data, "<u4", 1)[0])
    times = np.frombuffer(data, "<f4", count, 4)
    added = np.frombuffer(data, "<u4", count, 4 + 4 * count)
    removed = np.frombuffer(data, "<u4", count, 4 + 8 * count)
    total, vanished = int(added.sum()), int(removed.sum())
    planes = np.frombuffer(data, np.uint8, offset=4 + 12 * count)
    body = planes[: 11 * total].reshape(11, total)
    rest = planes[11 * total :].reshape(2, vanished)
    steps = body[0] + 256 * body[1].astype(np.int64)
    places = (body[2:8:2] + 256 * body[3:9:2].astype(np.int64)).astype(np.uint16).view(np.int16)
    lost = rest[0] + 256 * rest[1].astype(np.int64)
    first, gone = 0, 0
    for time_s, more, less in zip(times, added, removed, strict=True):
        part, dead = slice(first, first + int(more)), slice(gone, gone + int(less))
        yield (
            float(time_s),
            Change(
                rows=np.cumsum(steps[part]),
                positions_m=(places[:, part].T * STEP_M + origin_m).astype(np.float32),
                colors=body[8:, part].T,
                removed=np.cumsum(lost[dead]),
            ),
        )
        first, gone = part.stop, dead.stop


def _chosen(
    times_s: Float64[np.ndarray, "F"], fineness: Fineness, start_s: float, stop_s: float
) -> list[int]:
    """Return the clouds within a time, no denser than asked; never none."""
    chosen: list[int] = []
    next_s = -np.inf
    for index in np.flatnonzero((times_s >= start_s) & (times_s < stop_s)):
        if times_s[index] >= next_s:
            chosen.append(int(index))
            # Due on a regular beat, so that 30 clouds a second become 15 and not 10.
            next_s = max(next_s, times_s[index] - 0.4 / fineness.rate_hz) + 1 / fineness.rate_hz
    return chosen or [0]


def _packed(
    times_s: Float64[np.ndarray, "F"], changes: list[Change], origin_m: Float64[np.ndarray, "3"]
) -> bytes:
    """Return clouds in the form that the module describes."""
    places = [
        np.round((gltf_from_world(change.positions_m.astype(np.float64)) - origin_m) / STEP_M)
        for change in changes
    ]
    steps = np.clip(np.concatenate(places), -32768, 32767).astype("<i2").view("<u2")
    colors = np.concatenate([change.colors for change in changes]).astype(np.int64)
    colors = np.minimum(colors // _COLOR_STEP * _COLOR_STEP + _COLOR_STEP // 2, 255)
    rows = np.concatenate([_steps(change.rows) for change in changes])
    removed = np.concatenate([_steps(change.removed) for change in changes])
    parts = [
        np.array([len(changes)], "<u4"),
        np.asarray(times_s, "<f4"),
        np.array([len(change.rows) for change in changes], "<u4"),
        np.array([len(change.removed) for change in changes], "<u4"),
        _planes(rows),
        *(_planes(axis) for axis in steps.T),
        colors.T.astype(np.uint8),
        _planes(removed),
    ]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(b"".join(part.tobytes() for part in parts)) + squeeze.flush()


def _steps(rows: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    return np.diff(rows, prepend=0)


def _planes(values: np.ndarray) -> UInt8[np.ndarray, "2 N"]:
    """Return the low bytes, then the high bytes, of numbers from 0 to 65535."""
    wide = np.asarray(values, dtype=np.uint16)
    return np.stack([wide & 0xFF, wide >> 8]).astype(np.uint8)
