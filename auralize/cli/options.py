"""Options that several verbs take."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from capture.take import Take

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def finite(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuse nan and inf, which click's ranges let through."""
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not isfinite(number):
            raise click.BadParameter(f"{number} is no number of seconds.", context, parameter)
    return value


class Named(click.ParamType[tuple[str, str]]):
    """NAME=VALUE; another word for the value says better what it is."""

    def __init__(self, value: str = "VALUE") -> None:
        self.name = f"NAME={value}"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not name or not equals or not rest:
            self.fail(f"write {self.name}, not {value!r}", param, ctx)
        return name, rest


take_argument: Decorator = click.argument("take", metavar="TAKE", type=click.Path(path_type=Path))

_audio_option: Decorator = click.option(
    "--audio",
    type=click.Path(path_type=Path),
    help="The sound of a recording that has none, as WAV or FLAC.",
)

_rate_option: Decorator = click.option(
    "--rate",
    "rate_hz",
    type=click.FloatRange(0.1, 120.0),
    help="PLY files a second, for a folder that holds no frames.csv.",
)


def recording_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument TAKE and the options that say how to open it."""
    return take_argument(_audio_option(_rate_option(verb)))


@contextmanager
def opened_take(path: Path, audio: Path | None, rate_hz: float | None) -> Generator[Take]:
    """Open a take, and say on stderr what was odd about it when all is done."""
    from capture.take import open_take

    with open_take(path, audio=audio, rate_hz=rate_hz) as take:
        yield take
        for warning in take.warnings:
            click.echo(f"warning: {warning}", err=True)


def instruments_callback(
    context: click.Context, option: click.Parameter, value: str
) -> tuple[str, ...]:
    """Return the canonical instruments of a comma-separated list.

    Raises:
        click.BadParameter: One is unknown.
    """
    from capture.instruments import canonical_instrument

    try:
        return tuple(canonical_instrument(word) for word in value.split(","))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_clouds_option: Decorator = click.option(
    "--clouds",
    type=click.Path(exists=True, path_type=Path),
    help="Bank of performers' clouds, where it lies elsewhere than with the corpus.",
)

_moves_option: Decorator = click.option(
    "--moves",
    type=click.Path(exists=True, path_type=Path),
    help="Bank of players' movements, where it lies elsewhere than with the corpus.",
)


def bank_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where a corpus' banks lie."""
    return _clouds_option(_moves_option(verb))


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


allow_outside_option: Decorator = click.option(
    "--allow-outside",
    is_flag=True,
    help="Let the scene name files outside its folder.",
)


def out_folder(take: Path, out: Path | None) -> Path:
    """Return the folder for the results of a take: as given, or beside the take."""
    return out if out is not None else take.resolve().with_name(take.resolve().stem + ".auralized")


def level_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a sound file is written, for `changed_levels`."""
    for option in (
        click.option(
            "--limit",
            metavar="DBTP",
            help="Highest true peak, or none with float32.  [default: -1, or as the scene says]",
        ),
        click.option(
            "--loudness",
            "loudness_lufs",
            type=click.FloatRange(-70, 0),
            metavar="LUFS",
            help="Bring the whole to this loudness (BS.1770), as far as the limit lets it.",
        ),
        click.option(
            "--format",
            "sample_format",
            type=click.Choice(("pcm16", "pcm24", "float32")),
            help="Samples of the file; pcm16 is dithered.  [default: pcm24, or as the scene says]",
        ),
    ):
        verb = option(verb)
    return verb


def changed_levels(
    sample_format: str | None, loudness_lufs: float | None, limit: str | None
) -> dict[str, object]:
    """Return the fields of a scene's output that `level_options` change.

    Raises:
        click.BadParameter: The limit is neither a level nor none.
    """
    given = {"sample_format": sample_format, "loudness_lufs": loudness_lufs}
    return _limit(limit) | {key: value for key, value in given.items() if value is not None}


def _limit(limit: str | None) -> dict[str, object]:
    """Return the fields of the scene's output that an option --limit changes."""
    if limit is None:
        return {}
    if limit.lower() == "none":
        return {"limit_true_peak": False}
    try:
        level_dbtp = float(limit)
    except ValueError:
        level_dbtp = 1.0
    if not -60 <= level_dbtp <= 0:
        raise click.BadParameter(
            f"{limit!r} is neither a level from -60 to 0 dBTP nor none.", param_hint="--limit"
        )
    return {"limit_true_peak": True, "true_peak_limit_dbtp": level_dbtp}
