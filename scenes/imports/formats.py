"""What scenes can be imported from.

A format has a function that makes a scene file of a file; it is imported when it is used:

    def read(path: Path, scene_path: Path) -> Scene

It writes the scene file and, to a folder beside it, what that names. It writes over nothing.
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
        module: Where its function is.
        function: Its name.
    """

    name: str
    summary: str
    endings: tuple[str, ...]
    module: str
    function: str

    @property
    def read(self) -> Callable[[Path, Path], Scene]:
        """The function that makes a scene file of a file; see above."""
        return cast(
            "Callable[[Path, Path], Scene]", getattr(import_module(self.module), self.function)
        )


FORMATS: tuple[Format, ...] = (
    Format(
        name="json",
        summary="scene.json of `auralize export --to json`",
        endings=(".json",),
        module="scenes.imports.neutral",
        function="read_neutral_scene",
    ),
    Format(
        name="gltf",
        summary="glTF with KHR_audio_emitter, of any program",
        endings=(".glb", ".gltf"),
        module="scenes.imports.gltf",
        function="read_gltf_scene",
    ),
    Format(
        name="adm",
        summary="a BW64 file with ADM objects, of any program",
        endings=(".wav", ".bw64"),
        module="scenes.imports.adm",
        function="read_adm_scene",
    ),
)
