"""Check a take from end to end."""

from __future__ import annotations

from collections.abc import Callable

from capture.check.finding import Finding
from capture.check.images import check_exposure, check_range
from capture.check.sound import check_sound
from capture.check.timing import check_drops, check_sync
from capture.take import Take


def check_take(
    take: Take, *, progress: Callable[[float], None] | None = None
) -> tuple[Finding, ...]:
    """Look for what goes wrong in recordings; memory does not grow with the take's length.

    Args:
        take: Any.
        progress: Called with the fraction done.

    Raises:
        DataError: An image or the sound is broken.
    """
    checks = (check_sync, check_drops, check_sound, check_exposure, check_range)
    found: list[Finding] = []
    for number, check in enumerate(checks, start=1):
        found += check(take)
        if progress is not None:
            progress(number / len(checks))
    return tuple(found)
