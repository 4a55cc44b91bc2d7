"""Losses: what did not arrive, counted by kind, with the first places by time."""

from __future__ import annotations

from dataclasses import dataclass, field

_LISTED = 200
"""Places that are kept of each kind; the counts go on."""


@dataclass(slots=True, kw_only=True)
class ImageCounter:
    """Counts the images of one camera, and those that are missing between them.

    Attributes:
        period_us: From one image to the next.
        images: That arrived.
        missing: That did not, by the gaps between those that did.
        late: That came too late, or twice, and were not recorded.
        gaps_s: Time from the recording's start and length of the first gaps.
    """

    period_us: float
    images: int = 0
    missing: int = 0
    late: int = 0
    gaps_s: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    _last_us: int | None = None

    def is_next(self, time_us: int) -> bool:
        """Return whether an image of this time belongs to the recording; count it."""
        if self._last_us is not None:
            step_us = time_us - self._last_us
            if step_us < self.period_us / 4:
                self.late += 1
                return False
            missing = round(step_us / self.period_us) - 1
            if missing > 0:
                self.missing += missing
                self._list_gap(self._last_us, step_us)
        self._last_us = time_us
        self.images += 1
        return True

    def close(self, end_us: int) -> None:
        """Count what is missing at the end of the recording."""
        if self._last_us is not None and end_us > self._last_us:
            missing = round((end_us - self._last_us) / self.period_us) - 1
            if missing > 0:
                self.missing += missing
                self._list_gap(self._last_us, end_us - self._last_us)

    def _list_gap(self, start_us: int, step_us: int) -> None:
        if len(self.gaps_s) < _LISTED:
            self.gaps_s.append((round(start_us * 1e-6, 3), round(step_us * 1e-6, 3)))


@dataclass(slots=True, kw_only=True)
class SoundCounter:
    """Counts samples, and those that are missing.

    Attributes:
        sample_rate_hz: Of the sound.
        samples: In the file, silence in gaps counted.
        missing: Of them, silence in place of what got lost.
        overflows: How often the device said that it lost samples.
        gaps_s: Time from the recording's start and length of the first gaps.
    """

    sample_rate_hz: int
    samples: int = 0
    missing: int = 0
    overflows: int = 0
    gaps_s: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def add(self, time_us: int, count: int, *, lost: bool) -> None:
        """Count samples that are in the file, or silence in their place."""
        self.samples += count
        if lost:
            self.missing += count
            if len(self.gaps_s) < _LISTED:
                self.gaps_s.append(
                    (round(time_us * 1e-6, 3), round(count / self.sample_rate_hz, 4))
                )
