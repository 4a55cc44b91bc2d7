"""A group of verbs in the order in which they were added."""

from __future__ import annotations

import click


class OrderedGroup(click.Group):
    """Lists its verbs in the order in which a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs' names as they were added."""
        return list(self.commands)
