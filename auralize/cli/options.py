"""Options that several verbs take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

take_argument: Decorator = click.argument("take", type=click.Path(path_type=Path))

audio_option: Decorator = click.option(
    "--audio",
    type=click.Path(path_type=Path),
    help="The sound of a recording that has none, as WAV or FLAC.",
)

out_option: Decorator = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results.  [default: TAKE.auralized]",
)

model_option: Decorator = click.option(
    "--model",
    default=None,
    help="A checkpoint: its .safetensors file, or the name of a shipped one.",
)

sofa_option: Decorator = click.option(
    "--sofa",
    type=click.Path(path_type=Path),
    help="HRTF to listen through.  [default: MIT KEMAR]",
)


def out_folder(take: Path, out: Path | None) -> Path:
    """Return the folder for the results of a take: as given, or beside the take."""
    return out if out is not None else take.resolve().with_name(take.resolve().stem + ".auralized")
