"""Target `json`: a neutral form that any program can read, and that reads back as the same scene.

    scene.json            the scene's own keys and values, and what follows from them
    sounds/*.wav          float32, mono, the whole length of the scene, without gains
    players/*.npz         clouds of the players (`capture.performer` has the layout)
    players/*.ply         each player as triangles, relative to its source, world axes
    room/*  hrtf.sofa  headphones.*    what else the scene names

In `scene.json`, "scene" holds the keys of a scene file with paths of this folder, all keys with
their values; "sources" holds for each source what follows: its path as straight lines with
quaternions (wxyz), whether it is heard, a color.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from capture.axes import identity
from capture.performer import copy_performers
from capture.pose import Trajectory
from scenes.export.exported import ExportedScene, ExportedSource, TriangleMesh
from scenes.export.readme import readme
from scenes.export.wav import write_wav

DOCUMENT = "scene.json"
FORMAT = "auralize-scene-json-1"

_OPENING = """\
`scene.json` is plain JSON (UTF-8). `auralize import scene.json -o scene.yaml` makes a scene of it.

- `scene`: the keys of a scene file, each with its value; docs/scene-reference.md explains them.
  Paths are relative to this folder.
- `sources`: for each source, in the same order, what follows from the scene: `sound` (mono,
  float32, as long as the scene), `heard` (not muted), `color` (sRGB), `times_s`, `positions_m`
  (straight lines between them), `orientations_wxyz` (quaternions from the player's own axes: x
  front, y left, z up), `mesh` (PLY, world axes, relative to the source's first position).
- `listener`: `times_s`, `positions_m`, `orientations_wxyz` of the head.
- `room`: `vertices_m` and `faces` of its surface, seen from inside.
"""


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a scene in the neutral form.

    Raises:
        OSError: A file cannot be written.
    """
    sounds = folder / "sounds"
    sounds.mkdir()
    for source in exported.sources:
        write_wav(
            sounds / f"{source.identifier}.wav",
            source.samples,
            exported.sample_rate_hz,
            "float32",
        )
    document = {
        "format": FORMAT,
        "axes": "right-handed: x front, y left, z up",
        "units": "metres, seconds, hertz, decibels; degrees in keys that end in _deg",
        "duration_s": exported.duration_s,
        "sample_count": exported.sample_count,
        "scene": _scene(exported, folder),
        "sources": [_source(source, folder) for source in exported.sources],
        "listener": _path(exported.listener.trajectory),
        "room": None
        if exported.room is None
        else {
            "vertices_m": exported.room.vertices_m.tolist(),
            "faces": exported.room.faces.tolist(),
        },
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / DOCUMENT).write_text(text + "\n", encoding="utf-8")
    (folder / "README.md").write_text(
        readme(
            exported,
            engine="any program",
            opening=_OPENING,
            axes="x front, y left, z up; metres",
            engine_from_world=identity,
        ),
        encoding="utf-8",
    )


def _scene(exported: ExportedScene, folder: Path) -> dict[str, Any]:
    """Return the scene's own keys; files that they name are copied and named as they are here."""
    scene: dict[str, Any] = exported.described.model_dump(mode="json")
    performers: dict[str, Path] = {}
    for source, described in zip(exported.sources, scene["sources"], strict=True):
        # The sound here is laid on the scene's time.
        described |= {"file": f"sounds/{source.identifier}.wav", "channel": 1, "start_s": 0.0}
        if described["performer"] is not None:
            performers[source.identifier] = exported.folder / described["performer"]
            described["performer"] = f"players/{source.identifier}"
    if performers:
        copy_performers(performers, folder / "players")
    if scene["listener"]["sofa"] is not None:
        scene["listener"]["sofa"] = _copied(exported, scene["listener"]["sofa"], folder, "hrtf")
    if scene["output"]["headphone_eq"] is not None:
        scene["output"]["headphone_eq"] = _copied(
            exported, scene["output"]["headphone_eq"], folder, "headphones"
        )
    room = scene["room"] or {}
    for number, part in enumerate(room.get("meshes") or ()):
        part["file"] = _copied(exported, part["file"], folder, f"room/{number + 1}")
    return scene


def _copied(exported: ExportedScene, name: str, folder: Path, stem: str) -> str:
    """Copy a file that the scene names; return how it is called here."""
    source = exported.folder / name
    suffix = source.suffix.lower() if source.suffix[1:].isalnum() else ""
    (folder / stem).parent.mkdir(exist_ok=True)
    shutil.copyfile(source, folder / f"{stem}{suffix}")
    return f"{stem}{suffix}"


def _source(source: ExportedSource, folder: Path) -> dict[str, Any]:
    mesh = None
    if source.mesh is not None:
        mesh = f"players/{source.identifier}.ply"
        (folder / "players").mkdir(exist_ok=True)
        _write_mesh(folder / mesh, source.mesh)
    return {
        "name": source.name,
        "identifier": source.identifier,
        "sound": f"sounds/{source.identifier}.wav",
        "heard": source.heard,
        "color": list(source.color),
        **_path(source.trajectory),
        "mesh": mesh,
    }


def _path(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "times_s": trajectory.times_s.tolist(),
        "positions_m": trajectory.positions_m.tolist(),
        "orientations_wxyz": trajectory.orientations_wxyz.tolist(),
    }


def _write_mesh(path: Path, mesh: TriangleMesh) -> None:
    """Write triangles as a binary PLY file."""
    head = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(mesh.vertices_m)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\n"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    vertices = np.zeros(len(mesh.vertices_m), dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])
    vertices["xyz"], vertices["rgb"] = mesh.vertices_m, mesh.colors
    faces = np.zeros(len(mesh.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    path.write_bytes(head.encode("ascii") + vertices.tobytes() + faces.tobytes())
