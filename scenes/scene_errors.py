"""Say in one line what is wrong with a scene file: where, what was given, what is allowed."""

from __future__ import annotations

from pydantic import ValidationError

from capture.files import yaml_errors
from capture.files.yaml_document import YamlDocument
from scenes.scene import SCENE_VERSION, Scene

_WORDING = yaml_errors.Wording(
    root=Scene,
    kind="scene",
    numbers={
        **dict.fromkeys(("position_m", "size_m", "floor_center_m"), "three numbers"),
        **dict.fromkeys(
            ("absorption", "scattering", "rt60_s"), "one number, or seven (125 Hz to 8 kHz)"
        ),
    },
    mappings={("room",): "leave room out for the open air"},
    versions=f"versions 1 to {SCENE_VERSION}",
)


def describe(error: ValidationError, document: YamlDocument) -> str:
    """Return `file:line:column: what is wrong` for the first thing that is wrong in a scene."""
    return yaml_errors.describe(error, document, _WORDING)
