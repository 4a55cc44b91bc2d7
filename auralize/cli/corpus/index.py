"""`auralize corpus index`: index files of the 3D musicians."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: auralize corpus index data/")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the split.")
def index(data: Path, seed: int) -> None:
    """Write train.csv, val.csv and test.csv for DATA, which holds audio/ and frames/.

    The layout is that of the 3D musicians of Lluís et al. (2021). Files that are there are
    replaced; no person and no sound is in two of them; the same seed gives the same split.
    """
    from separation.corpus.layouts import write_index

    for path in write_index(data, seed=seed):
        click.echo(str(path))
