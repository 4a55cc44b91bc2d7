"""Ask how much memory is free, before something large takes it."""

from __future__ import annotations

import os
from pathlib import Path

from capture.errors import DataError

_GIB = 2**30


def free_memory_bytes() -> int | None:
    """Return how much memory can be had without swapping; None where nothing tells."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def check_memory(needed_bytes: float, what: str, instead: str) -> None:
    """Refuse what does not fit into the memory that is free.

    Args:
        needed_bytes: How much will be taken at most.
        what: What will take it, as the start of a sentence.
        instead: What to do, as a sentence.

    Raises:
        DataError: It does not fit.
    """
    free = free_memory_bytes()
    if free is not None and needed_bytes > free:
        raise DataError(
            f"{what} needs about {needed_bytes / _GIB:.1f} GiB of memory, and "
            f"{free / _GIB:.1f} GiB are free. {instead}"
        )
