"""What is asked of a render: changes of the scene's settings, and the gain that follows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from auralize.output.measured_sound import MeasuredSound
from capture.errors import DataError
from scenes.room import PARTS
from scenes.scene import Output, Scene

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
        field = ".".join(map(str, ("output", *first["loc"])))
        given = f", got {first['input']!r}" if first["loc"] else ""
        raise DataError(f"{field} as asked for this render: {first['msg']}{given}.") from error


def parts_of(scene: Scene) -> tuple[str, ...]:
    """Return what is heard of a scene's room; of a scene in the open, all there could be."""
    return tuple(part for part in PARTS if scene.room is None or getattr(scene.room, part))


def with_parts(scene: Scene, parts: Collection[str]) -> Scene:
    """Return the scene with some parts of its room heard, and the others not.

    Raises:
        DataError: A part is unknown, there is none, or the scene is in the open, where nothing but
            the direct sound is.
    """
    wrong = [part for part in parts if part not in PARTS]
    if wrong or not parts:
        raise DataError(f"the parts of a room are {', '.join(PARTS)}, got {', '.join(wrong)!r}.")
    if scene.room is None:
        if "direct" in parts:
            return scene
        raise DataError(
            f"the scene {scene.title!r} has no room, so there is no {' or '.join(parts)} sound. "
            "Give it a room, or ask for direct."
        )
    heard = {part: part in parts for part in PARTS}
    return scene.model_copy(update={"room": scene.room.model_copy(update=heard)})


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
