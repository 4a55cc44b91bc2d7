"""`auralize corpus import`: published data sets as they lie on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.terminal import stage_bars

if TYPE_CHECKING:
    from separation.corpus.layouts import RecordedPart

LAYOUTS = ("musicians", "music", "solos", "urmp")


_HELP = """Bring the recordings of DATA into the corpus OUT, resampled to mono at 11,025 Hz.

\b
musicians  audio/, frames/ and index files of the 3D musicians; their clouds come along
music      sounds of the MUSIC data set, named after videos, with --list
solos      sounds of the Solos data set, named after videos, with --list
urmp       folders of pieces, in which each player was recorded alone

A file that cannot be read, or is silent, is left out and counted.
"""


@click.command(
    "import",
    help=_HELP,
    epilog="Examples: auralize corpus import musicians data/ corpus/; "
    "auralize corpus import music sounds/ corpus/ --list MUSIC_solo_videos.json",
)
@click.argument("layout", type=click.Choice(LAYOUTS))
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--list",
    "list_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The JSON list of videos, for music and solos.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the split.")
def bring(layout: str, data: Path, out: Path, list_path: Path | None, seed: int) -> None:
    """Read the files with the layout's reader, resampled, into shards."""
    from separation.corpus.layouts import write_recordings

    if (list_path is None) == (layout in ("music", "solos")):
        raise click.UsageError(
            f"{layout} needs --list with the JSON list of its videos."
            if list_path is None
            else f"{layout} has no list of videos: leave --list out."
        )
    with stage_bars() as bar:
        parts, missing, unread = _parts(layout, data, out, list_path, seed)
        summary = write_recordings(out, parts, layout, progress=bar("sounds"))
    for path, reason in [*unread, *summary.skipped]:
        click.echo(f"left out: {path}: {reason}", err=True)
    if missing:
        click.echo(f"{len(missing)} of the list are not there, such as {missing[0]}", err=True)
    click.echo(f"{out}: {summary.written} recordings, {summary.seconds / 60:.1f} minutes")


def _parts(
    layout: str, data: Path, out: Path, list_path: Path | None, seed: int
) -> tuple[Sequence[RecordedPart], Sequence[str], Sequence[tuple[Path, str]]]:
    """Return the recordings, what a list names in vain, and clouds that cannot be read.

    The musicians' clouds are written.
    """
    from separation.corpus.layouts import music_parts, solos_parts, urmp_parts
    from separation.corpus.layouts.musicians import read_indexed, write_index_clouds

    if layout == "musicians":
        rows = read_indexed(data, seed=seed)
        unread = write_index_clouds(out / "clouds", rows)
        return [row.part for row in rows], (), unread
    if layout == "urmp":
        return urmp_parts(data, seed=seed), (), ()
    assert list_path is not None
    parts, summary = (music_parts if layout == "music" else solos_parts)(list_path, data, seed=seed)
    return parts, summary.missing, ()
