"""Target `unity`: a .unitypackage and a README.

Everything lies below Assets/Auralize: the scripts, which all scenes share, and a folder for each
scene with a prefab, a Unity scene of the same objects that plays at once, sounds, movements and
shapes.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from capture.axes import unity_from_world
from capture.pose import quaternion_conjugate
from scenes.export.distance_law import EngineVolumes, engine_volumes
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.readme import readme
from scenes.export.shown_clouds import CloudBudget, cloud_budget
from scenes.export.unity.documents import HEADER, Flow, document, reference
from scenes.export.unity.movement import CLIP, clip_yaml
from scenes.export.unity.objects import GameObject, ObjectFile
from scenes.export.unity.package import (
    AUDIO_IMPORTER,
    PREFAB_IMPORTER,
    SCENE_IMPORTER,
    SCRIPT_IMPORTER,
    SHADER_IMPORTER,
    TEXT_IMPORTER,
    Asset,
    guid,
    native_importer,
    write_package,
)
from scenes.export.unity.readme_text import CHECKED_WITH, MORE, OPENING
from scenes.export.unity.shapes import cloud_shape, mesh_shape, room_shape
from scenes.export.wav import common_gain_db, wav_bytes

NEAR_M = 0.25
"""Closer, a source gets no louder: half a step from a player who plays is closer than people go."""

FAR_M = 1000.0

_ROOT = "Assets/Auralize"
_SCRIPTS = ("AuralizeScene.cs", "AuralizeShape.cs", "AuralizeMakeup.cs")
_SHADER, _MATERIAL = "AuralizeShape.shader", "AuralizeShape.mat"
_MATERIAL_NUMBER, _SHADER_NUMBER, _TEXT_NUMBER = 2_100_000, 4_800_000, 4_900_000
# About 70 MB.
_MOST_POINTS = 7_000_000


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a scene as a Unity package into an empty folder."""
    place = f"{_ROOT}/{exported.identifier}"
    gain_db = common_gain_db(exported, "pcm24")
    volumes = engine_volumes(exported.sources, near_m=NEAR_M)
    shapes = _shapes(exported, place)
    moving = [source for source in exported.sources if source.moves]
    assets = [
        *_shared(),
        *(
            Asset(
                path=_sound_path(place, source),
                content=wav_bytes(
                    source.samples, exported.sample_rate_hz, "pcm24", gain_db=gain_db
                ),
                importer=AUDIO_IMPORTER,
            )
            for source in exported.sources
        ),
        *(
            Asset(path=path, content=content, importer=TEXT_IMPORTER)
            for path, content in shapes.items()
        ),
        *(
            _clip(
                place,
                source.identifier,
                clip_yaml(source.identifier, source.trajectory, exported.duration_s),
            )
            for source in moving
        ),
    ]
    if exported.listener.moves:
        text = clip_yaml("Listener", exported.listener.trajectory, exported.duration_s)
        assets.append(_clip(place, "Listener", text))
    objects = _objects(exported, place, volumes, gain_db, set(shapes)).encode()
    assets += [
        Asset(
            path=f"{place}/{exported.identifier}.prefab",
            content=objects,
            importer=PREFAB_IMPORTER,
        ),
        Asset(
            path=f"{place}/{exported.identifier}.unity", content=objects, importer=SCENE_IMPORTER
        ),
    ]
    text = readme(
        exported,
        engine="Unity",
        opening=OPENING.format(name=exported.identifier),
        axes="x right, y up, z front, left-handed; metres",
        engine_from_world=unity_from_world,
        more=MORE.format(
            name=exported.identifier,
            near_m=NEAR_M,
            softer_db=volumes.makeup_db - gain_db,
        ),
        checked_with=CHECKED_WITH,
    )
    assets.append(Asset(path=f"{place}/README.md", content=text.encode(), importer=TEXT_IMPORTER))
    write_package(folder / f"{exported.identifier}.unitypackage", assets)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _shared() -> list[Asset]:
    """Return scripts, shader and material, which are the same for all scenes."""
    assets = files("scenes.export.unity").joinpath("assets")
    shader = f"{_ROOT}/Scripts/{_SHADER}"
    material = {
        **{"serializedVersion": 6, "m_ObjectHideFlags": 0, "m_Name": "AuralizeShape"},
        "m_Shader": reference(_SHADER_NUMBER, guid(shader), 3),
        **{"m_EnableInstancingVariants": 1, "m_CustomRenderQueue": -1},
        "m_SavedProperties": {
            **{"serializedVersion": 3, "m_TexEnvs": []},
            "m_Floats": [{"_PointSize": 0.02}],
            "m_Colors": [],
        },
    }
    return [
        *(
            Asset(
                path=_script_path(name),
                content=assets.joinpath(name).read_bytes(),
                importer=SCRIPT_IMPORTER,
            )
            for name in _SCRIPTS
        ),
        Asset(path=shader, content=assets.joinpath(_SHADER).read_bytes(), importer=SHADER_IMPORTER),
        Asset(
            path=f"{_ROOT}/Scripts/{_MATERIAL}",
            content=(HEADER + document(21, _MATERIAL_NUMBER, "Material", material)).encode(),
            importer=native_importer(_MATERIAL_NUMBER),
        ),
    ]


def _shapes(exported: ExportedScene, place: str) -> dict[str, bytes]:
    """Return the files of what is seen, by their paths."""
    budget = cloud_budget(
        exported, total_points=_MOST_POINTS, points=3000, interval_s=0.1, least_points=800
    )
    found: dict[str, bytes] = {}
    if exported.room is not None:
        found[f"{place}/Shapes/Room.bytes"] = room_shape(exported.room)
    for source in exported.sources:
        found |= _players_shapes(source, place, budget, exported.duration_s)
    return found


def _players_shapes(
    source: ExportedSource, place: str, budget: CloudBudget, duration_s: float
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if source.mesh is not None:
        found[_shape_path(place, source, "body")] = mesh_shape(source.mesh)
    cloud = cloud_shape(source, budget, duration_s)
    if cloud is not None:
        found[_shape_path(place, source, "cloud")] = cloud
    return found


def _objects(
    exported: ExportedScene,
    place: str,
    volumes: EngineVolumes,
    stem_gain_db: float,
    shapes: set[str],
) -> str:
    """Return the objects of the prefab, and of the Unity scene, which are the same."""
    file = ObjectFile()
    root = file.add(exported.title)
    listener, movements = _listener(exported, file, root, place)
    sounds: list[int] = []
    clouds: list[int] = []
    bodies: list[int] = []

    def shape(owner: GameObject, path: str) -> int:
        data = reference(_TEXT_NUMBER, guid(path), 3)
        material = reference(_MATERIAL_NUMBER, guid(f"{_ROOT}/Scripts/{_MATERIAL}"))
        return file.add_shape(owner, guid(_script_path("AuralizeShape.cs")), data, material)

    if f"{place}/Shapes/Room.bytes" in shapes:
        shape(file.add("Room", root), f"{place}/Shapes/Room.bytes")
    for source, volume in zip(exported.sources, volumes.volumes, strict=True):
        start = source.trajectory.at(0.0)
        player = file.add(
            source.name,
            root,
            position_m=start.position_m,
            orientation_wxyz=start.orientation_wxyz,
        )
        sounds.append(
            file.add_sound(
                player,
                guid(_sound_path(place, source)),
                volume=volume,
                near_m=NEAR_M,
                far_m=FAR_M,
            )
        )
        if source.moves:
            movements.append(file.add_movement(player, _clip_reference(place, source.identifier)))
        path = _shape_path(place, source, "body")
        has_cloud = _shape_path(place, source, "cloud") in shapes
        if path in shapes:
            # A body is in the scene's axes, as turned at the start.
            back = quaternion_conjugate(start.orientation_wxyz)
            body = file.add("Body", player, orientation_wxyz=back, is_active=not has_cloud)
            shape(body, path)
            bodies.append(body.number)
        if has_cloud:
            cloud = file.add(f"{source.name}: points", root)
            clouds.append(shape(cloud, _shape_path(place, source, "cloud")))
    file.add_script(
        root,
        guid(_script_path("AuralizeScene.cs")),
        {
            "sources": [reference(number) for number in sounds],
            "movements": [reference(number) for number in movements],
            "clouds": [reference(number) for number in clouds],
            "bodies": [reference(number) for number in bodies],
            "listener": reference(listener.number),
            **{"nearDistance": NEAR_M, "farDistance": FAR_M},
            "makeup": volumes.makeup / 10 ** (stem_gain_db / 20),
            "duration": exported.duration_s,
            **{"playOnStart": 1, "moveExistingListener": 1, "showBodies": 0},
        },
    )
    return file.yaml()


def _listener(
    exported: ExportedScene, file: ObjectFile, root: GameObject, place: str
) -> tuple[GameObject, list[int]]:
    """Add the listener; return it, and the number of its movement where it moves."""
    pose = exported.listener.trajectory.at(0.0)
    made = file.add(
        "Listener",
        root,
        position_m=pose.position_m,
        orientation_wxyz=pose.orientation_wxyz,
        tag="MainCamera",
    )
    file.add_camera(made)
    if not exported.listener.moves:
        return made, []
    return made, [file.add_movement(made, _clip_reference(place, "Listener"))]


def _clip(place: str, name: str, text: str) -> Asset:
    return Asset(
        path=_clip_path(place, name), content=text.encode(), importer=native_importer(CLIP)
    )


def _clip_reference(place: str, name: str) -> Flow:
    return reference(CLIP, guid(_clip_path(place, name)))


def _clip_path(place: str, name: str) -> str:
    return f"{place}/Movements/{name}.anim"


def _sound_path(place: str, source: ExportedSource) -> str:
    return f"{place}/Sounds/{source.identifier}.wav"


def _shape_path(place: str, source: ExportedSource, kind: str) -> str:
    return f"{place}/Shapes/{source.identifier}_{kind}.bytes"


def _script_path(name: str) -> str:
    return f"{_ROOT}/Scripts/{name}"
