"""Read and write scene files: YAML with comments, and errors with line and column."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from capture.errors import FileFormatError
from capture.files.atomic import atomic_path
from capture.files.yaml_document import YamlDocument
from scenes.named_files import check_files_exist
from scenes.scene import Scene
from scenes.scene_document import read_scene_document
from scenes.scene_errors import describe
from scenes.scene_yaml import scene_text
from scenes.schema import SCHEMA_NAME, schema_text


def read_scene(
    path: str | os.PathLike[str], *, check_files: bool = True, allow_outside: bool = False
) -> Scene:
    """Read a scene file.

    Older versions are brought up to the newest (`migrations`), and what it includes is read with it
    (`scene_document`).

    Args:
        path: The YAML file.
        check_files: Also look whether the sound files, the HRTF and the equalisation are there.
        allow_outside: Let the scene name files outside its folder. A scene that somebody else wrote
            could name any file of yours.

    Raises:
        FileFormatError: It is no YAML, or no scene. The message starts with file, line and
            column, repeats what was given, says what is allowed, and guesses what was meant.
        DataError: A file that it names is missing, or outside its folder (line and column as
            above).
    """
    document = read_scene_document(path, allow_outside=allow_outside)
    scene = checked_scene(document)
    if check_files:
        check_files_exist(document)
    return scene


def checked_scene(document: YamlDocument) -> Scene:
    """Return the scene that a document describes.

    Raises:
        FileFormatError: It is no scene; see `read_scene`.
    """
    try:
        return Scene.model_validate(document.value)
    except ValidationError as error:
        raise FileFormatError(describe(error, document)) from error


def write_scene(path: str | os.PathLike[str], scene: Scene, *, with_schema: bool = True) -> None:
    """Write a scene file that reads well; `read_scene` returns an equal scene.

    Args:
        path: The YAML file.
        scene: The scene. Its numbers are written in full: round them where they come from.
        with_schema: Also put the JSON Schema beside the file, for editors that complete keys.

    Raises:
        OutputError: The folder cannot be written to.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_text(scene_text(scene), encoding="utf-8")
    if with_schema:
        with atomic_path(path.with_name(SCHEMA_NAME)) as temporary:
            temporary.write_text(schema_text(), encoding="utf-8")
