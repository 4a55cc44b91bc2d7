"""What scenes can be imported from.

A format is one module of this package with `read(path, media, prefix)`, which is imported when it
is used:

    def read(path: Path, media: Path, prefix: str) -> Scene

It writes the sounds and all else that the scene names into the empty folder `media`, and returns
the scene, in which `prefix` stands before the names of those files ("scene-files/violin.wav").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from scenes.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file that scenes can be imported from.

    Attributes:
        name: What it is called; the target of `scenes.export` that writes it.
        summary: What it is, in a few words.
        endings: Lower-case endings of its files.
        module: Where its `read` is.
    """

    name: str
    summary: str
    endings: tuple[str, ...]
    module: str

    @property
    def read(self) -> Callable[[Path, Path, str], Scene]:
        """The function that reads a file; see above."""
        return cast("Callable[[Path, Path, str], Scene]", import_module(self.module).read)


FORMATS: tuple[Format, ...] = (
    Format(
        name="json",
        summary="scene.json of `auralize export --to json`",
        endings=(".json",),
        module="scenes.imports.neutral",
    ),
)
