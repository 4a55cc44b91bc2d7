"""`auralize corpus`: training material, made or brought in."""

from __future__ import annotations

import click

from auralize.cli.corpus.bring import bring
from auralize.cli.corpus.build import build
from auralize.cli.corpus.index import index
from auralize.cli.ordered_group import OrderedGroup

__all__ = ["corpus"]


@click.group(
    cls=OrderedGroup,
    short_help="Make training material, or bring in your own.",
    epilog="Example: auralize corpus index data/",
)
def corpus() -> None:
    """Make training material, or bring published data sets in.

    A corpus holds sounds (shards/), performers (clouds/) and movements (moves/), split into
    training, validation and test so that no score, sound or person is in two of them.
    """


for _verb in (build, index, bring):
    corpus.add_command(_verb)
