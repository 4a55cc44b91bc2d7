"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Concern = Literal["sync", "drops", "clipping", "channels", "exposure", "range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        concern: What it is about.
        ok: Whether it is as it should be.
        text: What was found, a sentence.
        advice: What to do about it; empty where it is ok.
    """

    concern: Concern
    ok: bool
    text: str
    advice: str = ""
