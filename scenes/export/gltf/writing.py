"""Write a scene as one GLB: players that sound and move, the listener as camera, the room.

What glTF has no words for goes into `extras` of the node or the scene, under "auralize", from where
`scenes.imports.gltf` takes it back.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from capture.axes import gltf_from_world, gltf_quaternion_from_world
from capture.pose import Pose, Trajectory, quaternion_conjugate
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.gltf.emitters import EXTENSION, FARTHEST_M, add_emitters
from scenes.export.gltf.glb import GlbFile
from scenes.export.gltf.meshes import UNLIT, add_material, add_points, add_triangles, marker
from scenes.export.players import whole_cloud
from scenes.export.readme import readme
from scenes.export.shaded_room import shaded_room
from scenes.export.shown_clouds import thinned
from scenes.export.wav import common_gain_db

EXTRAS = "auralize"
FORMAT = "auralize-gltf-1"

_MOST_POINTS = 6000
_MARKER_M = 0.12
_FIELD_OF_VIEW_RAD = 1.2
_NEAREST_SEEN_M = 0.05


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a GLB and a README into an empty folder.

    Raises:
        OutputError: The GLB would be larger than 4 GiB.
    """
    gain_db = common_gain_db(exported, "pcm16")
    name = f"{exported.identifier}.glb"
    file = GlbFile()
    file.document["asset"] = {"version": "2.0", "generator": f"Auralize {version('auralize')}"}
    file.document["extensionsUsed"] = [EXTENSION, UNLIT]
    material = add_material(file)
    players = [
        _add_player(file, source, index, material) for index, source in enumerate(exported.sources)
    ]
    nodes = [*players, _add_listener(file, exported)]
    if exported.room is not None:
        mesh = add_triangles(file, "Room", shaded_room(exported.room), material)
        nodes.append(file.add("nodes", {"name": "Room", "mesh": mesh}))
    _add_movement(file, exported, nodes)
    add_emitters(file, exported, turned_down_db=gain_db)
    file.document["scene"] = 0
    file.add(
        "scenes", {"name": exported.title, "nodes": nodes, "extras": _extras(exported, gain_db)}
    )
    file.write(folder / name)
    (folder / "README.md").write_text(_readme(exported, name, gain_db), encoding="utf-8")


def _extras(exported: ExportedScene, gain_db: float) -> dict[str, Any]:
    """Return what the scene says beside its sources, which are with their nodes."""
    scene: dict[str, Any] = exported.described.model_dump(mode="json", exclude_defaults=True)
    del scene["sources"]
    scene["version"] = exported.described.version  # a default, but what later versions go by
    return {EXTRAS: {"format": FORMAT, "turned_down_db": gain_db, "scene": scene}}


def _add_player(file: GlbFile, source: ExportedSource, index: int, material: int) -> int:
    start = source.trajectory.at(0.0)
    described = source.described.model_dump(mode="json", exclude_defaults=True)
    # Shapes are in world axes, so they are turned back by how the player is turned at the start.
    upright = _placed(
        Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_conjugate(start.orientation_wxyz))
    )
    meshes = [
        file.add("nodes", {"name": f"{source.name}: {what}", "mesh": mesh, **upright})
        for what, mesh in _add_shapes(file, source, material)
    ]
    return file.add(
        "nodes",
        {
            "name": source.name,
            **_placed(start),
            "children": meshes,
            "extensions": {EXTENSION: {"emitter": index}},
            "extras": {EXTRAS: {"identifier": source.identifier, "source": described}},
        },
    )


def _add_shapes(file: GlbFile, source: ExportedSource, material: int) -> list[tuple[str, int]]:
    cloud = None
    if source.clouds is not None:
        cloud = whole_cloud(source.clouds, source.trajectory.positions_at)
    if source.mesh is None or cloud is None:
        ball = add_triangles(file, source.name, marker(source.color, _MARKER_M), material)
        return [("marker", ball)]
    points, _ = thinned(cloud, _MOST_POINTS)
    return [
        ("surface", add_triangles(file, f"{source.name}: surface", source.mesh, material)),
        ("points", add_points(file, f"{source.name}: points", points, material)),
    ]


def _add_listener(file: GlbFile, exported: ExportedScene) -> int:
    perspective = {"yfov": _FIELD_OF_VIEW_RAD, "znear": _NEAREST_SEEN_M}
    camera = file.add(
        "cameras", {"name": "Listener", "type": "perspective", "perspective": perspective}
    )
    start = _placed(exported.listener.trajectory.at(0.0))
    extras = {EXTRAS: {"listener": True}}
    return file.add("nodes", {"name": "Listener", "camera": camera, **start, "extras": extras})


def _placed(pose: Pose) -> dict[str, Any]:
    """Return where a node is."""
    turn = _xyzw(gltf_quaternion_from_world(pose.orientation_wxyz))
    placed: dict[str, Any] = {"translation": (gltf_from_world(pose.position_m) + 0.0).tolist()}
    if not np.array_equal(np.abs(turn), (0.0, 0.0, 0.0, 1.0)):
        placed["rotation"] = (turn + 0.0).tolist()
    return placed


def _xyzw(quaternions_wxyz: np.ndarray) -> np.ndarray:
    return np.roll(quaternions_wxyz, -1, axis=-1)


def _add_movement(file: GlbFile, exported: ExportedScene, nodes: list[int]) -> None:
    """Add the animation of all that moves; none where nothing does."""
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    paths = [source.trajectory for source in exported.sources] + [exported.listener.trajectory]
    for node, path in zip(nodes, paths, strict=False):
        if len(path.times_s) == 1:
            continue
        times, positions, turns = _keys(path)
        clock = file.add_keys(times, bounds=True)
        for what, values in (("translation", positions), ("rotation", turns)):
            sampler = {"input": clock, "output": file.add_keys(values), "interpolation": "LINEAR"}
            target = {"node": node, "path": what}
            channels.append({"sampler": len(samplers), "target": target})
            samplers.append(sampler)
    if channels:
        file.add("animations", {"name": "Movement", "samplers": samplers, "channels": channels})


def _keys(path: Trajectory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, positions and turns in single precision, each time once."""
    times, kept = np.unique(path.times_s.astype("<f4"), return_index=True)
    positions = gltf_from_world(path.positions_m[kept]).astype("<f4")
    turns = _xyzw(gltf_quaternion_from_world(path.orientations_wxyz[kept])).astype("<f4")
    return times, positions, turns


_OPENING = """\
`{name}` is one file with everything in it:
each player as a surface and as points, its sound, the listener as a camera, the room, and an
animation of what moves.

- **Look at it** in a viewer of glTF, such as the three.js editor, Babylon.js sandbox or Blender.
  Few play the sound yet.
- **three.js**: `GLTFLoader` gives the scene; emitters are in `gltf.userData.gltfExtensions` and in
  `node.userData.gltfExtensions`. Make a `PositionalAudio` of each, and start all with one time.
- **Unity**: install UnityGLTF 2.16.1 or later, switch its plugin **Audio** on (*Project Settings →
  UnityGLTF*), and drop the file into the project. It holds volumes to at most 1 and makes the
  distance law linear: `auralize export --to unity` is exact.
- **Godot** does not read the sound yet: `auralize export --to godot` is a project that plays.
- **Back to a scene**, also after you moved things in an editor that keeps extensions:
  `auralize import {name} -o scene.yaml`"""

_MORE = """\
Emitters are of type `positional` with `distanceModel: inverse`, `rolloffFactor` 1 and
`refDistance` = reference distance (or less, where the scene comes closer), so that the level is
the scene's from there on. `maxDistance` is {farthest:g} m, only because importers want one.

Start all sources with one common time: the file cannot say so, and `autoPlay` alone does not
promise it. Sounds are 16-bit WAV in the file's buffer, mono, all of one length.
"""


def _readme(exported: ExportedScene, name: str, gain_db: float) -> str:
    more = _MORE.format(farthest=FARTHEST_M)
    if gain_db != 0.0:
        more = (
            f"All sounds were turned down by {-gain_db:.2f} dB, so that none clips; the gains of "
            f"the emitters make up for it.\n\n{more}"
        )
    return readme(
        exported,
        engine="glTF",
        opening=_OPENING.format(name=name),
        axes="x right, y up, −z front; metres",
        engine_from_world=gltf_from_world,
        more=more,
        checked_with="The Khronos glTF validator, and three.js r187 in Chromium.",
    )
