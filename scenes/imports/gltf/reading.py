"""Import glTF with KHR_audio_emitter: ours as the same scene, others as far as glTF says.

A file of ours carries in `extras` what the scene said. Each source's place, path, level and name
are compared with what that would be in glTF: where they still agree, the scene's own words count,
and where somebody moved, turned up, renamed, added or took away players in an editor, glTF counts.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from capture.errors import DataError
from capture.files.atomic import atomic_folder
from scenes.export.gltf.emitters import EXTENSION
from scenes.export.gltf.writing import EXTRAS, FORMAT
from scenes.export.identifiers import identifiers
from scenes.imports.gltf.file import GltfFile
from scenes.imports.gltf.motion import Motion
from scenes.imports.gltf.place import Emitter, listener_of, source_of
from scenes.imports.gltf.sound import read_sound
from scenes.imports.media import without_missing_files
from scenes.listener import Listener
from scenes.migrations import migrated
from scenes.scene import Scene
from scenes.scene_file import write_scene
from scenes.source import Source

logger = logging.getLogger(__name__)

# What a document raises whose parts are not of the kinds that they should be.
_BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def read_gltf_scene(path: Path, scene_path: Path) -> Scene:
    """Write a scene file of a glTF file, and its sounds to the folder NAME-sounds beside it.

    Raises:
        FileFormatError: The file is no glTF, or broken, or a sound in it is.
        DataError: Nothing in it sounds at a place, its sounds have different rates, or its values
            are none of a scene.
        OutputError: The folder exists, or cannot be written.
    """
    file = GltfFile(path)
    sounds = scene_path.with_name(f"{scene_path.stem}-sounds")
    with atomic_folder(sounds) as temporary:
        try:
            scene = _scene(file, temporary, sounds.name)
        except ValidationError as error:
            raise DataError(f"{path}: makes no scene: {_reason(error)}.") from error
        except _BROKEN as error:
            raise file.broken(f"parts are not as they should be ({error!r})") from error
    scene = without_missing_files(scene, scene_path.parent, format_name="glTF")
    write_scene(scene_path, scene)
    return scene


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _scene(file: GltfFile, folder: Path, sounds: str) -> Scene:
    """Write the sounds to a folder and return the scene."""
    motion = Motion(file)
    carried = _carried(file)
    said: dict[str, Any] = migrated(carried["scene"]) if carried else {}
    before = Listener.model_validate(said.get("listener", {}))
    emitters = _emitters(file, motion, ours=bool(carried))
    heard = _heard([e.described for e in emitters if e.described is not None])
    turned_down_db = float(carried.get("turned_down_db", 0.0))
    sources: list[Source] = []
    names = _names([emitter.name for emitter in emitters])
    for emitter, name, word in zip(emitters, names, identifiers(names), strict=True):
        source = source_of(emitter, before, name=name, heard=heard, turned_down_db=turned_down_db)
        start_s = emitter.sound.write(folder / f"{word}.wav", source.start_s, turned_down_db)
        changes = {"file": f"{sounds}/{word}.wav", "channel": 1, "start_s": start_s}
        sources.append(source.model_copy(update=changes))
    title = file.thing("scenes", file.document.get("scene", 0)).get("name")
    return Scene.model_validate(
        {
            "title": str(title or "Scene")[:4096],
            **said,
            "sample_rate_hz": _rate_hz(file, emitters),
            "listener": _listener(file, motion, before),
            "sources": sources,
        }
    )


def _rate_hz(file: GltfFile, emitters: list[Emitter]) -> int:
    rates = {emitter.sound.sample_rate_hz for emitter in emitters}
    if len(rates) > 1:
        raise DataError(
            f"{file.path}: its sounds have {' and '.join(map(str, sorted(rates)))} Hz, and a scene "
            "has one rate. Nothing is resampled silently: convert them to one."
        )
    return rates.pop()


def _carried(file: GltfFile) -> dict[str, Any]:
    """Return what a file of ours says of its scene; empty for others."""
    for scene in file.things("scenes"):
        carried = _extras(scene)
        if carried.get("format") == FORMAT and isinstance(carried.get("scene"), dict):
            return carried
    return {}


def _extras(thing: dict[str, Any]) -> dict[str, Any]:
    extras = thing.get("extras")
    found = extras.get(EXTRAS) if isinstance(extras, dict) else None
    return found if isinstance(found, dict) else {}


def _emitters(file: GltfFile, motion: Motion, *, ours: bool) -> list[Emitter]:
    extension = file.extension(EXTENSION)
    if not extension:
        raise DataError(
            f"{file.path}: has no sound (no extension {EXTENSION}). Give a file that "
            "`auralize export --to gltf` or an editor with glTF audio wrote."
        )
    found: list[Emitter] = []
    for index, node in enumerate(file.things("nodes")):
        number = file.extension(EXTENSION, node).get("emitter")
        if number is not None:
            found += _emitters_of(file, motion, index, number, ours=ours)
    everywhere = [s for s in file.things("scenes") if file.extension(EXTENSION, s).get("emitters")]
    if everywhere:
        logger.warning("%s: global sounds have no place, and are left out.", file.path)
    if not found:
        raise DataError(f"{file.path}: nothing in it sounds at a place of its own.")
    return found


def _emitters_of(
    file: GltfFile, motion: Motion, index: int, number: Any, *, ours: bool
) -> list[Emitter]:
    """Return the sounds at one node."""
    extension = file.extension(EXTENSION)
    emitter = file.item(extension.get("emitters") or [], number, "emitters")
    node = file.thing("nodes", index)
    path, exact = motion.trajectory(index)
    place = emitter.get("positional") or {}
    _check_law(file, place, str(node.get("name")))
    described = None
    if ours and "source" in _extras(node):
        try:
            described = Source.model_validate(_extras(node)["source"])
        except ValidationError as error:
            raise file.broken(f"the extras of nodes[{index}] are no source of ours") from error
    found: list[Emitter] = []
    for wanted in emitter.get("sources") or []:
        source = file.item(extension.get("sources") or [], wanted, "sources")
        audio = file.item(extension.get("audio") or [], source.get("audio"), "audio")
        found.append(
            Emitter(
                name=str(node.get("name") or emitter.get("name") or source.get("name") or "source"),
                path=path,
                keys_are_exact=exact,
                gain=float(emitter.get("gain", 1.0)) * float(source.get("gain", 1.0)),
                reference_m=float(place.get("refDistance", 1.0)),
                sound=read_sound(file, audio),
                described=described,
            )
        )
    return found


def _check_law(file: GltfFile, place: dict[str, Any], name: str) -> None:
    model, rolloff = place.get("distanceModel", "inverse"), place.get("rolloffFactor", 1.0)
    if model != "inverse" or rolloff != 1.0:
        logger.warning(
            "%s: %s falls off as %r with a factor of %s; a scene's sources fall by 6 dB per "
            "doubling of the distance.",
            *(file.path, name, model, rolloff),
        )


def _listener(file: GltfFile, motion: Motion, before: Listener) -> Listener:
    """Return the listener: our own node, else the first camera, else the one before."""
    nodes = list(enumerate(file.things("nodes")))
    ours = [index for index, node in nodes if _extras(node).get("listener")]
    cameras = [index for index, node in nodes if "camera" in node]
    for index in ours + cameras:
        path, exact = motion.trajectory(index)
        return listener_of(path, before, keys_are_exact=exact)
    return before


def _heard(sources: list[Source]) -> frozenset[str]:
    """Return the names of the sources that were heard, as far as they are still there."""
    solo = any(source.solo for source in sources)
    return frozenset(s.name for s in sources if not s.mute and (s.solo or not solo))


def _names(wanted: list[str]) -> list[str]:
    """Return a name for each source, which no other has."""
    names: list[str] = []
    for each in wanted:
        short = each.strip()[:190] or "source"
        name, number = short, 2
        while name in names:
            name, number = f"{short} {number}", number + 1
        names.append(name)
    return names
