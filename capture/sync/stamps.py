"""Stamps: when the computer saw what a device's clock said."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Readings of one device's clock, each with the computer's time when it arrived.

    Attributes:
        clock_s: Shape (N,), increasing. Of a camera: an image's device time from the recording's
            start, as the recording's blocks have it. Of sound: the samples up to the end of a
            block (those that were lost counted in, if silence took their place), over the rate.
        host_s: Shape (N,): the computer's monotonic clock when the image or the block arrived;
            any zero, the same for both devices.

    Raises:
        ValueError: The arrays don't fit together, are empty or not finite, or a device's clock
            runs backwards.
    """

    clock_s: Float64[np.ndarray, "N"]
    host_s: Float64[np.ndarray, "N"]

    def __post_init__(self) -> None:
        clock = np.asarray(self.clock_s, dtype=np.float64)
        host = np.asarray(self.host_s, dtype=np.float64)
        if clock.ndim != 1 or clock.shape != host.shape or len(clock) == 0:
            raise ValueError(
                f"stamps pair readings of two clocks, at least one: got {clock.shape} and "
                f"{host.shape}."
            )
        if not (np.isfinite(clock).all() and np.isfinite(host).all()):
            raise ValueError("a stamp is not a finite number.")
        backwards = np.flatnonzero(np.diff(clock) < 0)
        if len(backwards):
            before, after = clock[backwards[0]], clock[backwards[0] + 1]
            raise ValueError(
                f"the device's clock jumps back from {before:.3f} s to {after:.3f} s: count its "
                "time on from there."
            )
        object.__setattr__(self, "clock_s", clock)
        object.__setattr__(self, "host_s", host)


@dataclass(slots=True)
class StampLog:
    """Collects stamps while recording: 16 bytes each, 4 MB in an hour of both clocks."""

    _clock_s: array[float] = field(default_factory=lambda: array("d"))
    _host_s: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self._clock_s)

    def add(self, clock_s: float, host_s: float) -> None:
        """Note that the device's clock said `clock_s` when the computer's said `host_s`."""
        self._clock_s.append(clock_s)
        self._host_s.append(host_s)

    def stamps(self, last: int | None = None) -> Stamps:
        """Return all stamps so far, or the last ones.

        Raises:
            ValueError: There is none, or they make no sense.
        """
        since = 0 if last is None else -last
        return Stamps(
            clock_s=np.array(self._clock_s[since:]), host_s=np.array(self._host_s[since:])
        )
