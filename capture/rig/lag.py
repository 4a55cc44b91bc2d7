"""By how much the times of one take are later than those of another, of the same scene.

Cameras that were started one after the other count from different moments, and the takes' clocks
may drift apart. Known is the lag by a wire between the sensors; else by what both heard, or by what
moved in both views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Float64

from capture.pose import Pose
from capture.rig.motion_lag import motion_lag
from capture.rig.sound_lag import sound_lag

if TYPE_CHECKING:
    from capture.take import Take

LagSource = Literal["given", "wire", "sound", "motion", "assumed"]
_SOUND_M_S = 343.0
_WIRE_ERROR_S = 1e-3
_MICROPHONES_APART_S = 0.006
"""Two metres between sensors, by the way of sound: what it may be off before their poses are known.
"""
_WIRED = {"MASTER", "SUBORDINATE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How much later the times of a take are than those of another.

    Attributes:
        seconds: At time 0 of the other.
        drift: How much it grows in a second.
        error_s: Standard error; None where nothing says it.
        source: "given" by a person, by a "wire" between the sensors, by the "sound" that both
            heard, by "motion" in both views; "assumed": it cannot be known.
    """

    seconds: float = 0.0
    drift: float = 0.0
    error_s: float | None = None
    source: LagSource = "given"

    def at(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return the lag at times of the other take."""
        return self.seconds + self.drift * np.asarray(times_s, np.float64)

    def of_first(self, times_s: Float[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return the other take's times at times of this one."""
        return (np.asarray(times_s, np.float64) - self.seconds) / (1 + self.drift)

    def __str__(self) -> str:
        known = {
            "given": "as given",
            "wire": "by the wire between the sensors",
            "sound": "by the sound of both",
            "motion": "by what moves in both",
            "assumed": "assumed: neither sound nor motion shows it",
        }[self.source]
        error = "" if self.error_s is None else f" ±{1e3 * self.error_s:.1f} ms"
        drift = f", {1e6 * self.drift:+.0f} ppm" if self.drift else ""
        return f"{self.seconds:.4f} s{error}{drift}, {known}"


def find_lag(first: Take, other: Take, progress: Callable[[float], None] | None = None) -> Lag:
    """Find how much later the times of a take are than those of the first.

    Where both have sound it is the sound's lag, off by the difference of its ways to them, until
    `without_ways` takes that off. Images of both takes are believed to be as late after their sound
    (`capture.sync`).

    Args:
        first: A take.
        other: Another one of the same scene, by another camera.
        progress: Called with the fraction done.

    Returns:
        The lag; its source is "assumed", and it is 0, where nothing shows it.

    Raises:
        DataError: Sound or an image is broken.
    """
    wired = _by_wire(first, other)
    if wired is not None:
        return wired
    if first.has_sound and other.has_sound:
        heard = sound_lag(first, other)
        if heard is not None:
            seconds, drift, error_s = heard
            error_s = float(np.hypot(error_s, _MICROPHONES_APART_S))
            return Lag(seconds=seconds, drift=drift, error_s=error_s, source="sound")
    seen = motion_lag(first, other, progress)
    if seen is not None:
        return Lag(seconds=seen[0], error_s=seen[1], source="motion")
    return Lag(source="assumed")


def without_ways(
    lag: Lag,
    sources_m: Float[np.ndarray, "sources 3"],
    first: Pose,
    other: Pose,
) -> Lag:
    """Return a lag of sound less the difference of its ways to the two sensors.

    Args:
        lag: By `find_lag`; comes back as it is where its source is not sound.
        sources_m: Where sounds come from, about, in the world of both poses; at least one.
        first: Pose of the first take's camera.
        other: Pose of the other's.
    """
    if lag.source != "sound" or lag.error_s is None:
        return lag
    ways_m = [np.linalg.norm(sources_m - pose.position_m, axis=1) for pose in (first, other)]
    later_s = (ways_m[1] - ways_m[0]) / _SOUND_M_S
    own_s = np.sqrt(max(0.0, lag.error_s**2 - _MICROPHONES_APART_S**2))
    error_s = float(np.hypot(own_s, np.std(later_s)))
    return replace(lag, seconds=lag.seconds - float(np.mean(later_s)), error_s=error_s)


def _by_wire(first: Take, other: Take) -> Lag | None:
    """Return the lag where the sensors were wired: their clocks are one then.

    Source: Azure Kinect SDK, "external synchronization": time stamps of wired sensors compare.
    """
    if first.recording is None or other.recording is None:
        return None
    modes = [
        recording.tags.get("K4A_WIRED_SYNC_MODE")
        for recording in (first.recording, other.recording)
    ]
    if not set(modes) <= _WIRED or modes == ["MASTER", "MASTER"]:
        return None
    device_s = first.recording.depth_times_s[[0, -1]] + first.recording.start_offset_s
    there_s = other.clock.sound_from_camera(device_s - other.recording.start_offset_s)
    here_s = first.times_s[[0, -1]]
    lags = there_s - here_s
    span_s = float(here_s[1] - here_s[0])
    drift = float(lags[1] - lags[0]) / span_s if span_s > 0 else 0.0
    return Lag(
        seconds=float(lags[0] - drift * here_s[0]),
        drift=drift,
        error_s=_WIRE_ERROR_S,
        source="wire",
    )
