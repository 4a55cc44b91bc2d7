"""What a scene's output settings make of a rendered sound: changed fields, and its gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from auralize.measured_sound import MeasuredSound
from capture.errors import DataError
from scenes.scene import Output

GainReason = Literal["none", "loudness", "true peak", "loudness, held back by true peak"]


def changed_output(output: Output, changes: Mapping[str, Any]) -> Output:
    """Return output settings with some fields changed.

    Raises:
        DataError: A field is unknown, or its value is not allowed.
    """
    try:
        return Output.model_validate({**output.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise DataError(f"the render's output: {reason} (changed were {dict(changes)}).") from error


def choose_gain(
    sounds: Sequence[MeasuredSound], output: Output, ceiling_dbfs: float
) -> tuple[float, GainReason]:
    """Return the gain of the mix and all stems, and why it is that."""
    loudness_lufs = sounds[0].loudness_lufs
    wanted_db = 0.0
    asked = output.loudness_lufs is not None and math.isfinite(loudness_lufs)
    if asked and output.loudness_lufs is not None:
        wanted_db = output.loudness_lufs - loudness_lufs
    peak_dbtp = max(sound.true_peak_dbtp for sound in sounds)
    largest_db = min(output.true_peak_limit_dbtp, ceiling_dbfs) - peak_dbtp
    if output.limit_true_peak and wanted_db > largest_db:
        return largest_db, "loudness, held back by true peak" if asked else "true peak"
    return wanted_db, "loudness" if asked else "none"
