"""Split what must not leak: people, videos, pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from separation.corpus.shards import SPLITS

SHARES = (0.75, 0.15, 0.10)
"""Of training, validation and test, as Lluís et al. (2021) have them."""


def split_names(
    names: Iterable[str], seed: int = 0, shares: tuple[float, float, float] = SHARES
) -> dict[str, str]:
    """Return the split of each name.

    The order is drawn from the names themselves, so the same names are split alike whatever order
    they come in. From three names on, each split gets one at least.

    Args:
        names: People, videos or pieces.
        seed: Another gives another split.
        shares: Of train, validation and test.
    """
    drawn = sorted(set(names), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    counts = [round(share * len(drawn)) for share in shares]
    if len(drawn) >= len(SPLITS):
        counts = [max(1, count) for count in counts]
    counts[0] = len(drawn) - counts[1] - counts[2]
    order = [split for split, count in zip(SPLITS, counts, strict=True) for _ in range(count)]
    return dict(zip(drawn, order, strict=True))
