"""`auralize capture`: devices, recordings, and what is in them; one file a verb."""

from __future__ import annotations

import click

from auralize.cli.capture.align import align
from auralize.cli.capture.check import check
from auralize.cli.capture.devices import devices
from auralize.cli.capture.export import export
from auralize.cli.capture.import_take import import_
from auralize.cli.capture.info import info
from auralize.cli.capture.microphones import microphones
from auralize.cli.capture.record import record
from auralize.cli.capture.repair import repair
from auralize.cli.capture.sync import sync
from auralize.cli.capture.view import view
from auralize.cli.ordered_group import OrderedGroup

__all__ = ["capture"]


@click.group(cls=OrderedGroup, epilog="Example: auralize capture info quartet/")
def capture() -> None:
    """Record takes, bring recordings in, look into them, mend them."""


for _verb in (
    devices,
    record,
    import_,
    info,
    view,
    check,
    sync,
    microphones,
    align,
    export,
    repair,
):
    capture.add_command(_verb)
