"""Where scenes can be exported to.

A target is one module or folder of this package with `write(exported, folder)`, which is imported
when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An engine, a format or a kind of page.

    Attributes:
        name: What it is called on the command line.
        summary: What it is, in a few words.
        module: Where its `write` is.
        needs: Which renders it needs; see `ExportedScene.renders`. "room_response" is only there
            for scenes that have a room, and "head" for those that name an HRTF.
        shows_players: Whether it needs the players as triangles.
        tells_progress: Whether its `write` also takes `progress`, because it may take long.
    """

    name: str
    summary: str
    module: str
    needs: frozenset[str] = frozenset()
    shows_players: bool = True
    tells_progress: bool = False

    @property
    def write(self) -> Callable[..., None]:
        """The function that writes a scene into an empty folder.

        Raises:
            ImportError: A package that the target needs is missing.
        """
        return cast("Callable[..., None]", import_module(self.module).write)


_ALL = (
    Target(
        name="web",
        summary="a page to look, listen and walk: opens in a browser, without a server",
        module="scenes.export.web",
        needs=frozenset({"head", "room_response"}),
        shows_players=False,
        tells_progress=True,
    ),
    Target(
        name="json",
        summary="a neutral form: scene.json and WAV files",
        module="scenes.export.neutral",
    ),
    Target(
        name="godot",
        summary="a project for Godot 4: open it and press F5",
        module="scenes.export.godot.godot4",
    ),
    Target(
        name="godot3",
        summary="the same for Godot 3",
        module="scenes.export.godot.godot3",
    ),
    Target(
        name="gltf",
        summary="one GLB with sounding players (KHR_audio_emitter)",
        module="scenes.export.gltf",
    ),
    Target(
        name="adm",
        summary="one BW64 file of ADM objects that move",
        module="scenes.export.adm",
        shows_players=False,
    ),
    Target(
        name="usd",
        summary="USD with SpatialAudio for Unreal and others, USDZ for Vision Pro",
        module="scenes.export.usd",
    ),
    Target(
        name="iem",
        summary="mono stems and directions for the plug-ins of IEM and SPARTA",
        module="scenes.export.iem",
        shows_players=False,
    ),
    Target(
        name="unity",
        summary="a .unitypackage with a scene that plays at once",
        module="scenes.export.unity",
    ),
    Target(
        name="ambix",
        summary="AmbiX sound fields for 360° video and engines",
        module="scenes.export.ambix",
        needs=frozenset({"ambix", "ambix1"}),
        shows_players=False,
    ),
)

TARGETS: Mapping[str, Target] = MappingProxyType({target.name: target for target in _ALL})
