"""Target `usd`: a stage with SpatialAudio, the script that brings it into Unreal, and a USDZ.

    scene.usda           the whole: geometry.usda and the sounds
    geometry.usda        listener (a camera), room, players' bodies on their ways, clouds
    clouds/*.usda        players' point clouds over time
    sounds/*.wav         24-bit mono stems, all of one length
    textures/*.png       colors of the bodies
    scene.usdz           one file for Vision Pro, iPhone and iPad
    unreal_import.py     for Unreal's own Python; it reads unreal.json

The layers are written as text, which needs no library.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np

from capture.axes import unreal_from_world
from capture.pose import Pose, quaternion_from_yaw
from scenes.export.exported import ExportedScene
from scenes.export.readme import readme
from scenes.export.shown_clouds import cloud_budget
from scenes.export.usd.package import write_usdz
from scenes.export.usd.points import points_layer
from scenes.export.usd.prims import (
    ROOT,
    SOURCES,
    Y_UP,
    Z_UP,
    listener_prim,
    room_prim,
    sound_prim,
    source_prim,
)
from scenes.export.usd.readme_text import CHECKED_WITH, MORE, OPENING
from scenes.export.usd.text import Prim, layer, quoted, vector
from scenes.export.usd.textures import texture_png
from scenes.export.usd.unreal import unreal_json
from scenes.export.wav import common_gain_db, wav_bytes, write_wav

# About 50 MB of text.
_MOST_POINTS = 1_500_000
_SCRIPT = "unreal_import.py"


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a scene as USD and USDZ into an empty folder."""
    gain_db = common_gain_db(exported, "pcm24")
    for name in ("sounds", "textures", "clouds"):
        (folder / name).mkdir()
    textures = _textures(exported)
    for name, content in textures.items():
        (folder / name).write_bytes(content)
    for source in exported.sources:
        write_wav(
            folder / _sound_name(source.identifier),
            source.samples,
            exported.sample_rate_hz,
            "pcm24",
            gain_db=gain_db,
        )
    _write_text(folder / "geometry.usda", _geometry_layer(exported, folder, textures))
    _write_text(folder / "scene.usda", _sound_layer(exported, gain_db))
    _write_usdz(exported, folder / "scene.usdz", textures)
    for name in ("textures", "clouds"):
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()
    _write_text(folder / "unreal.json", unreal_json(exported, gain_db))
    script = files("scenes.export.usd").joinpath(f"{_SCRIPT}.txt").read_text(encoding="utf-8")
    _write_text(folder / _SCRIPT, script)
    _write_text(
        folder / "README.md",
        readme(
            exported,
            engine="USD and Unreal",
            opening=OPENING,
            axes="USD: x front, y left, z up; metres",
            engine_from_world=lambda points: points,
            gain_db=gain_db,
            more=MORE.format(
                example=vector(unreal_from_world(np.array([1.0, 2.0, 3.0])), 0),
            ),
            checked_with=CHECKED_WITH,
        ),
    )


def _textures(exported: ExportedScene) -> dict[str, bytes]:
    return {
        _texture_name(source.identifier): texture_png(source.mesh)
        for source in exported.sources
        if source.mesh is not None
    }


def _geometry_layer(exported: ExportedScene, folder: Path, textures: dict[str, bytes]) -> str:
    """Return the layer of all that is seen, and write the layers of the clouds."""
    budget = cloud_budget(
        exported, total_points=_MOST_POINTS, points=1500, interval_s=0.2, least_points=400
    )
    clouds: list[Prim] = []
    for source in exported.sources:
        text = points_layer(source, budget, exported.duration_s)
        if text is not None:
            name = f"clouds/{source.identifier}.usda"
            _write_text(folder / name, text)
            clouds.append(
                Prim(
                    name=source.identifier,
                    metadata=[f"prepend references = @./{name}@"],
                    properties=['uniform token purpose = "render"'],
                )
            )
    root = _root(exported)
    root.children += [
        listener_prim(exported, Z_UP),
        *([] if exported.room is None else [room_prim(exported.room, Z_UP)]),
        _group(
            SOURCES,
            [
                source_prim(
                    source,
                    Z_UP,
                    _known(textures, source.identifier),
                    is_proxy=any(cloud.name == source.identifier for cloud in clouds),
                )
                for source in exported.sources
            ],
        ),
        *([_group("Clouds", clouds)] if clouds else []),
    ]
    return layer(root, exported.duration_s, up_axis=Z_UP.up_axis, sublayers=())


def _sound_layer(exported: ExportedScene, gain_db: float) -> str:
    """Return the layer that adds sounds to the sources."""
    sources = [
        Prim(
            name=source.identifier,
            specifier="over",
            children=[sound_prim(source, f"./{_sound_name(source.identifier)}", gain_db)],
        )
        for source in exported.sources
    ]
    root = Prim(
        name=ROOT,
        specifier="over",
        children=[Prim(name=SOURCES, specifier="over", children=sources)],
    )
    return layer(root, exported.duration_s, up_axis="Z", sublayers=("geometry.usda",))


def _write_usdz(exported: ExportedScene, path: Path, textures: dict[str, bytes]) -> None:
    """Write the package: the floor below the listener is its origin, and he looks along −z."""
    gain_db = common_gain_db(exported, "pcm16")
    packed = {
        _sound_name(source.identifier): wav_bytes(
            source.samples, exported.sample_rate_hz, "pcm16", gain_db=gain_db, number=number
        )
        for number, source in enumerate(exported.sources)
    }
    sources: list[Prim] = []
    for source in exported.sources:
        texture = _known(textures, source.identifier)
        prim = source_prim(source, Y_UP, texture, is_proxy=False)
        prim.children.append(sound_prim(source, f"./{_sound_name(source.identifier)}", gain_db))
        sources.append(prim)
    root = _root(exported)
    head = exported.listener.trajectory.at(0.0)
    floor_m = head.position_m * [1.0, 1.0, 0.0]
    stand = Pose(position_m=floor_m, orientation_wxyz=quaternion_from_yaw(head.yaw_rad)).inverse()
    root.properties += [
        f"double3 xformOp:translate = {vector(Y_UP.points(stand.position_m))}",
        f"quatf xformOp:orient = {vector(Y_UP.quaternions(stand.orientation_wxyz))}",
        'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:orient"]',
    ]
    root.children += [listener_prim(exported, Y_UP), _group(SOURCES, sources)]
    text = layer(root, exported.duration_s, up_axis=Y_UP.up_axis, sublayers=())
    write_usdz(path, {"scene.usda": text.encode("utf-8"), **packed, **textures})


def _root(exported: ExportedScene) -> Prim:
    """Return the root: of a kind that Unreal does not melt into one mesh."""
    return Prim(
        name=ROOT,
        kind="Xform",
        metadata=['kind = "assembly"', f"displayName = {quoted(exported.title)}"],
    )


def _group(name: str, children: list[Prim]) -> Prim:
    return Prim(name=name, kind="Xform", children=children)


def _known(textures: dict[str, bytes], identifier: str) -> str | None:
    name = _texture_name(identifier)
    return f"./{name}" if name in textures else None


def _texture_name(identifier: str) -> str:
    return f"textures/{identifier}.png"


def _sound_name(identifier: str) -> str:
    return f"sounds/{identifier}.wav"


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
