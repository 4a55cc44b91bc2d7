"""The JSON Schema of scene files, from which editors complete and check keys.

`scenes/scene.schema.json` is made by `python -c "from scenes.schema import publish; publish()"`;
a test tells when it is stale.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from scenes.scene import SCENE_VERSION, Scene

SCHEMA_NAME = "scene.schema.json"

_FILE_NAME = {"type": "string", "minLength": 1}
_INCLUDE = {
    "anyOf": [_FILE_NAME, {"type": "array", "items": _FILE_NAME}],
    "description": "Other scene files (or parts of such) whose keys and sources count as if they "
    "stood here; what this file says comes on top. Relative to this file, and inside its folder.",
    "title": "Include",
}


def make_schema() -> str:
    """Return the JSON Schema made from the types."""
    made = Scene.model_json_schema()
    # What a file may have, or do without, beyond the scene that is read from it.
    made["properties"] = {"version": made["properties"].pop("version"), "include": _INCLUDE} | made[
        "properties"
    ]
    made["required"] = [key for key in made["required"] if key != "sample_rate_hz"]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Auralize scene, version {SCENE_VERSION}",
        **{key: value for key, value in made.items() if key != "title"},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """Return the published JSON Schema."""
    return resources.files("scenes").joinpath(SCHEMA_NAME).read_text(encoding="utf-8")


def publish() -> None:
    """Write the JSON Schema beside this module."""
    Path(__file__).with_name(SCHEMA_NAME).write_text(make_schema(), encoding="utf-8")
