"""The JSON Schema of scene files, from which editors complete and check keys.

`scenes/scene.schema.json` is made by `python -c "from scenes.schema import publish; publish()"`;
a test tells when it is stale.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from scenes.scene import Scene

SCHEMA_NAME = "scene.schema.json"


def make_schema() -> str:
    """Return the JSON Schema made from the types."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Auralize scene, version 1",
        **{key: value for key, value in Scene.model_json_schema().items() if key != "title"},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """Return the published JSON Schema."""
    return resources.files("scenes").joinpath(SCHEMA_NAME).read_text(encoding="utf-8")


def publish() -> None:
    """Write the JSON Schema beside this module."""
    Path(__file__).with_name(SCHEMA_NAME).write_text(make_schema(), encoding="utf-8")
