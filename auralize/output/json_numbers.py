"""Numbers that JSON has no word for."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> Any:
    """Return a value with None for each number in it that is not finite (silence has −∞ dB)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
