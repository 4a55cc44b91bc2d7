"""Find where the microphones of a take are, from sounds that were made at known places.

The places are given, or found: claps are seen by the depth camera (`capture.sync.clap_places`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from capture.axes import world_from_camera_axes
from capture.errors import DataError
from capture.microphones.array_fit import ArrayFit, HeardSound, fit_array
from capture.microphones.channel_delays import channel_delays, channel_pairs
from capture.microphones.geometry import AZURE_KINECT, MicrophoneGeometry, device_places
from capture.sync.clap_places import ClapPlaces, locate_claps
from capture.sync.onsets import find_onsets
from capture.take.take_file import MicrophoneEntry

if TYPE_CHECKING:
    from capture.take import Take

_SEARCH_S = 0.25
_BEFORE_S, _AFTER_S = 1e-3, 3e-3
"""A reflection off the floor comes some 3 ms after a sound two metres away."""
_SOUND_M_S = 343.0
_LONGER = 1.3
_NEAREST_M = 0.2
_FEWEST_CLAPS = 3
_LEAST_SPREAD_RAD = np.radians(15.0)
SEEN_STD_M = 0.03
"""How well claps are located, along each axis."""


def calibrate_microphones(
    take: Take,
    at_s: Sequence[float],
    positions_m: Float[np.ndarray, "sounds 3"],
    geometry: MicrophoneGeometry = AZURE_KINECT,
    *,
    fit_offset: bool = True,
    source_std_m: float = 0.02,
) -> ArrayFit:
    """Find rotation and offset of a take's microphones.

    Args:
        take: With the sound of claps or of other sudden sounds.
        at_s: About when each was: the loudest onset within 0.25 s is taken.
        positions_m: Where each was, in the world frame.
        geometry: Number, radius and axis, and what is kept where the sounds do not show it.
        fit_offset: Whether the offset is to be found, or only the rotation.
        source_std_m: How well the positions are known, along each axis.

    Raises:
        ValueError: Numbers of times and positions differ, or a position is the sensor's own.
        DataError: The take has no sound or another number of channels, nothing sudden is heard at
            one of the times, a channel is silent, or the sounds do not show the rotation.
    """
    positions = np.asarray(positions_m, dtype=np.float64).reshape(-1, 3)
    if len(positions) != len(at_s) or len(at_s) == 0:
        raise ValueError(f"{len(at_s)} times need as many positions, got {len(positions)}.")
    _check_channels(take, geometry)
    on_device = world_from_camera_axes(take.world_from_camera.inverse().transform(positions))
    near = np.linalg.norm(on_device - geometry.offset_m, axis=1) < _NEAREST_M
    if near.any():
        raise ValueError(
            f"the source {positions[near][0]} is within {_NEAREST_M} m of the sensor: give its "
            "position in the world frame (floor at z = 0) or in the depth camera's."
        )
    pairs = channel_pairs(geometry.channel_count)
    sounds = [
        HeardSound(position_m=place, delays_s=_delays(take, float(at), pairs, geometry))
        for at, place in zip(at_s, on_device, strict=True)
    ]
    return fit_array(sounds, geometry, fit_offset=fit_offset, source_std_m=source_std_m)


def calibrate_by_claps(
    take: Take,
    geometry: MicrophoneGeometry = AZURE_KINECT,
    *,
    near_s: Sequence[float] | None = None,
    fit_offset: bool = True,
    source_std_m: float = SEEN_STD_M,
    progress: Callable[[float], None] | None = None,
) -> tuple[ArrayFit, ClapPlaces]:
    """Find rotation and offset of a take's microphones from claps that its depth camera sees.

    Args:
        take: With sound and depth images.
        geometry: Number, radius and axis, and what is kept where the claps do not show it.
        near_s: About when the claps are in the sound; None: whatever is sudden and seen.
        fit_offset: Whether the offset is to be found, or only the rotation, for which one clap is
            enough.
        source_std_m: How well claps are located, along each axis.
        progress: Called with the fraction done.

    Returns:
        The calibration, and the claps by which it was found.

    Raises:
        DataError: Claps are too few, not seen, or too alike in direction, and all that
            `calibrate_microphones` raises.
    """
    _check_channels(take, geometry)
    places = locate_claps(take, near_s, progress=progress)
    claps = places.located
    needed = _FEWEST_CLAPS if fit_offset else 1
    if len(claps) < needed:
        heard = len(claps) + len(places.unseen_s)
        raise DataError(
            f"{take.path}: {heard or 'no'} sudden sounds are heard, and at {len(claps) or 'none'} "
            f"of them hands are seen to meet; {needed} such claps are needed. Stand still 0.8 to 2 "
            "m before the depth camera, facing it, hands and elbows in its view, open the hands 40 "
            "cm, and clap with a second's pause; or say where claps were (--source, --at)."
        )
    positions = np.array([clap.position_m for clap in claps])
    on_device = world_from_camera_axes(positions) - geometry.offset_m
    spread_rad = float(np.ptp(np.arctan2(on_device[:, 1], on_device[:, 0])))
    if fit_offset and spread_rad < _LEAST_SPREAD_RAD:
        raise DataError(
            f"{take.path}: all {len(claps)} claps come from within {np.degrees(spread_rad):.0f}°; "
            f"{np.degrees(_LEAST_SPREAD_RAD):.0f}° are needed to tell how the ring lies. Clap at "
            "the left and the right edge of the view, too, or find the rotation alone "
            "(--keep-offset)."
        )
    fit = calibrate_microphones(
        take,
        [clap.time_s for clap in claps],
        take.world_from_camera.transform(positions),
        geometry,
        fit_offset=fit_offset,
        source_std_m=source_std_m,
    )
    return fit, places


def calibrated_entries(
    fit: ArrayFit, before: Sequence[MicrophoneEntry], center_channel: int
) -> tuple[MicrophoneEntry, ...]:
    """Return the microphones of a take.json with calibrated places; roles stay.

    Args:
        fit: The calibration.
        before: What take.json said.
        center_channel: The channel from which stems are separated.
    """
    known = {entry.channel: entry for entry in before}
    return tuple(
        known.get(
            channel,
            MicrophoneEntry(
                channel=channel, role="center" if channel == center_channel else "ring"
            ),
        ).model_copy(update={"position_m": place})
        for channel, place in enumerate(device_places(fit.geometry))
    )


def _check_channels(take: Take, geometry: MicrophoneGeometry) -> None:
    if take.channel_count != geometry.channel_count:
        raise DataError(
            f"{take.path}: has {take.channel_count} channels of sound, but the ring and its middle "
            f"are {geometry.channel_count} microphones. Calibrate the recording of the array "
            "itself, or give the number of microphones on the ring."
        )


def _delays(take: Take, at_s: float, pairs: np.ndarray, geometry: MicrophoneGeometry) -> np.ndarray:
    start_s, stop_s = max(0.0, at_s - _SEARCH_S), min(take.duration_s, at_s + _SEARCH_S)
    rate_hz = take.sample_rate_hz
    onsets = find_onsets(
        lambda a, b: take.audio(a, b).samples[take.center_channel], rate_hz, start_s, stop_s
    )
    if not onsets:
        raise DataError(
            f"{take.path}: nothing sudden is heard within {_SEARCH_S} s of {at_s:g} s. Give the "
            "time of a clap in the sound."
        )
    onset_s = max(onsets, key=lambda onset: onset.level_db).time_s
    piece = take.audio(onset_s - _BEFORE_S, onset_s + _AFTER_S).samples.astype(np.float64)
    longest_s = _LONGER * 2 * geometry.radius_m / _SOUND_M_S
    try:
        return channel_delays(piece, rate_hz, pairs, longest_s)
    except ValueError as error:
        raise DataError(f"{take.path}: at {onset_s:.2f} s {error}") from error
