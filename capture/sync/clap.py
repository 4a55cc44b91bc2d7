"""Find claps that are both heard and seen, and by how much the images lag behind the sound.

Time stamps show how two clocks drift, but not what both always arrive late by. A clap at the
start shows it; another at the end shows a drift, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.clock import ClockFit
from capture.sync.hand_motion import Contact, find_contacts
from capture.sync.onsets import Onset, find_onsets

if TYPE_CHECKING:
    from collections.abc import Callable

    from capture.take import Take

_SOUND_M_S = 343.0
_GROUP_S = 8.0
_MOST_GROUPS = 8
_AGREE_S = 0.03
_SINGLE_ERROR_S = 0.012
"""How well one clap is seen: its hands are blurred over 12.8 ms of exposure, too."""
_CHANCE = 0.25
_DRIFT_SPAN_S = 60.0
_LARGEST_SIDE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ClapGroup:
    """Claps of one person, one after the other.

    Attributes:
        time_s: The first one, in the sound.
        count: How many were heard and seen.
        lag_s: Median of by how much the images show them later than the sound, its way through
            the air taken off. Negative: the images are early.
        error_s: Standard error of the lag.
    """

    time_s: float
    count: int
    lag_s: float
    error_s: float


def find_claps(
    take: Take,
    *,
    search_s: float = 1.0,
    within_s: float | None = 60.0,
    progress: Callable[[float], None] | None = None,
) -> tuple[ClapGroup, ...]:
    """Find claps near the beginning and the end of a take.

    Args:
        take: With sound and depth images.
        search_s: How far apart sound and images may be by the take's clock fit.
        within_s: How long after the beginning and before the end to listen; None: all through.
        progress: Called with the fraction done.

    Returns:
        The groups of claps in the order of time; none where no clap is both heard and seen.

    Raises:
        DataError: The take has no sound, or an image is broken.
    """
    report = progress or (lambda fraction: None)
    if take.calibration is None or len(take.times_s) < 5:
        return ()
    spans = [(0.0, take.duration_s)]
    if within_s is not None and take.duration_s > 2 * within_s:
        spans = [(0.0, within_s), (take.duration_s - within_s, take.duration_s)]
    found: list[ClapGroup] = []
    for number, (start_s, stop_s) in enumerate(spans):
        onsets = find_onsets(
            lambda a, b: take.audio(a, b).samples[take.center_channel],
            take.sample_rate_hz,
            start_s,
            stop_s,
        )
        groups = _grouped(onsets)
        for at, group in enumerate(groups):
            contacts = _contacts_near(take, group, search_s)
            matched = _match(group, contacts, search_s)
            if matched is not None:
                found.append(matched)
            report((number + (at + 1) / len(groups)) / len(spans))
    return tuple(found)


def correct_clock(clock: ClockFit, claps: tuple[ClapGroup, ...]) -> ClockFit:
    """Return a clock fit that puts the claps that are seen where they are heard.

    One group of claps shifts the images; groups over a minute apart that disagree by more than
    their errors change the drift, too.

    Args:
        clock: The fit with which the claps were found.
        claps: At least one group.

    Raises:
        ValueError: There is no clap.
    """
    if not claps:
        raise ValueError("no clap was found: there is nothing to correct the clock by.")
    times = np.array([group.time_s for group in claps])
    lags = np.array([group.lag_s for group in claps])
    errors = np.array([group.error_s for group in claps])
    weights = 1 / errors**2
    mean = float(np.average(lags, weights=weights))
    slope, start = 0.0, mean
    if np.ptp(times) > _DRIFT_SPAN_S and np.any(np.abs(lags - mean) > 3 * errors):
        slope, start = (float(value) for value in np.polyfit(times, lags, 1, w=1 / errors))
    # sound' = sound − (start + slope · sound)
    keep = 1 - slope
    return ClockFit(
        offset_s=round(keep * clock.offset_s - start, 6),
        drift=round(keep * (1 + clock.drift) - 1, 11),
        wander=tuple((at, keep * seconds) for at, seconds in clock.wander),
    )


def _grouped(onsets: list[Onset]) -> list[list[Onset]]:
    """Return onsets in groups of a few seconds, the loudest groups, in the order of time."""
    groups: list[list[Onset]] = []
    for onset in onsets:
        if groups and onset.time_s - groups[-1][0].time_s < _GROUP_S:
            groups[-1].append(onset)
        else:
            groups.append([onset])
    groups.sort(key=lambda group: -max(onset.level_db for onset in group))
    return sorted(groups[:_MOST_GROUPS], key=lambda group: group[0].time_s)


def _contacts_near(take: Take, group: list[Onset], search_s: float) -> list[Contact]:
    margin_s = search_s + 0.6
    first, last = np.searchsorted(
        take.times_s, [group[0].time_s - margin_s, group[-1].time_s + margin_s]
    )
    assert take.calibration is not None
    rays = take.calibration.depth_rays()
    step = max(1, round(max(rays.shape[:2]) / _LARGEST_SIDE))
    images = [take.depth_mm(index) for index in range(int(first), int(last))]
    if len(images) < 5:
        return []
    stack = np.stack([image[::step, ::step] for image in images if image is not None])
    return find_contacts(take.times_s[first:last], stack, rays[::step, ::step])


def _match(onsets: list[Onset], contacts: list[Contact], search_s: float) -> ClapGroup | None:
    """Return the lag on which most pairs of what is heard and seen agree."""
    best: ClapGroup | None = None
    for region in sorted({contact.region for contact in contacts}):
        seen = [contact for contact in contacts if contact.region == region]
        lags = np.array(
            [
                (contact.time_s - (onset.time_s - contact.distance_m / _SOUND_M_S), onset.time_s)
                for contact in seen
                for onset in onsets
            ]
        )
        lags = lags[np.abs(lags[:, 0]) <= search_s]
        if len(lags) == 0:
            continue
        agreeing = np.abs(lags[:, :1] - lags[:, 0]) < _AGREE_S
        votes = agreeing.sum(axis=1)
        chosen = agreeing[np.lexsort([np.abs(lags[:, 0]), -votes])[0]]
        count = int(np.count_nonzero(chosen))
        by_chance = (len(lags) - count) * _AGREE_S / search_s
        if by_chance > _CHANCE * count or (best is not None and count <= best.count):
            continue
        spread_s = float(np.std(lags[chosen, 0])) if count > 2 else 0.0
        best = ClapGroup(
            time_s=float(lags[chosen, 1].min()),
            count=count,
            lag_s=float(np.median(lags[chosen, 0])),
            error_s=float(max(_SINGLE_ERROR_S, spread_s) / np.sqrt(count)),
        )
    return best
