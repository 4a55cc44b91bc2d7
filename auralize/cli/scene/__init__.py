"""`auralize scene`: compose scenes, begin, check and edit them."""

from __future__ import annotations

from typing import Any

import click

from auralize.cli.ordered_group import OrderedGroup
from auralize.cli.scene.check import check
from auralize.cli.scene.compose import compose
from auralize.cli.scene.edit import edit
from auralize.cli.scene.new import new

__all__ = ["scene"]


class _WithShortForm(OrderedGroup):
    """Takes `scene TAKE` for `scene compose TAKE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["compose", *args]
        return super().parse_args(ctx, args)


_HELP = """Make scene files, check and edit them.

\b
auralize scene TAKE is short for auralize scene compose TAKE.
"""


@click.group(
    cls=_WithShortForm,
    help=_HELP,
    epilog="Example: auralize scene check scene.yaml",
)
def scene(**_: Any) -> None:
    """Hold the verbs; the help is above."""


for _verb in (compose, new, check, edit):
    scene.add_command(_verb)
