"""Check that listener and sources are inside a box-shaped room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scenes.listener import Listener
from scenes.model import misplaced
from scenes.room import Room
from scenes.source import Source

HEAD_RADIUS_M = 0.0875
"""A listener's middle of the head is at least this far from all walls."""

SOURCE_DEPTH_M = 0.01
"""A source is at least this far from all walls."""

_Place = tuple[str | int, ...]


def check_inside(room: Room, listener: Listener, sources: Sequence[Source]) -> None:
    """Refuse a listener in a wall, and sources outside the room.

    Between keyframes nobody leaves a box either, because paths do not overshoot.

    Raises:
        PydanticCustomError: Somebody is outside; the first one's place is named.
    """
    for place, position in _listener_places(listener):
        if room.depth_inside_m(np.array(position)) < HEAD_RADIUS_M:
            raise misplaced(
                f"the listener at {_shown(position)} is outside the room or with the head in a "
                f"wall; {_extent(room)}",
                *place,
            )
    for index, source in enumerate(sources):
        for place, position in _source_places(source):
            if room.depth_inside_m(np.array(position)) < SOURCE_DEPTH_M:
                raise misplaced(
                    f"the source {source.name!r} at {_shown(position)} is outside the room or in "
                    f"a wall; {_extent(room)}",
                    *("sources", index, *place),
                )


def _listener_places(listener: Listener) -> Iterator[tuple[_Place, tuple[float, ...]]]:
    if listener.keyframes is None:
        yield ("listener", "position_m"), listener.position_m
        return
    for index, key in enumerate(listener.keyframes):
        if key.position_m is None:
            yield ("listener", "position_m"), listener.position_m
        else:
            yield ("listener", "keyframes", index, "position_m"), key.position_m


def _source_places(source: Source) -> Iterator[tuple[_Place, tuple[float, ...]]]:
    if source.position_m is not None:
        yield ("position_m",), source.position_m
    for index, key in enumerate(source.keyframes or ()):
        yield ("keyframes", index, "position_m"), key.position_m


def _extent(room: Room) -> str:
    assert room.size_m is not None
    length, width, height = room.size_m
    middle = np.array(room.floor_center_m)
    turned = f", turned by {room.yaw_deg:g}°" if room.yaw_deg else ""
    half = np.array([length / 2, width / 2, 0.0])
    low, high = middle - half, middle + half + np.array([0.0, 0.0, height])
    return f"the room reaches from {_shown(low)} to {_shown(high)}{turned}"


def _shown(position: Sequence[float] | np.ndarray) -> str:
    return "[" + ", ".join(f"{value:g}" for value in position) + "]"
