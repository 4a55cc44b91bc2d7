"""Write docs/scene-reference.md from the schema of scenes, and docs/commands.md from the commands.

    python docs/make_reference.py

A test tells when they are stale.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from scenes.schema import schema_text

FOLDER = Path(__file__).parent
_MADE = "<!-- Made by docs/make_reference.py: change the program, not this file. -->\n"

_SCENE_LEAD = """\
# Scene files

{made}
A scene is a YAML file: sounds at places around a listener. Three lines are enough:

```yaml
{shortest}```

[examples/scene_files/](../examples/scene_files/) has more, up to a whole ensemble.
`auralize scene check` reads a scene and tells what is in it, `scene new` begins one from sound
files, and `scene edit`
changes one without an editor. Editors complete and check all keys if the first line names the
schema, which lies beside every scene that Auralize writes:

```yaml
# yaml-language-server: $schema=./scene.schema.json
```

**Axes and units.** x points to the front, y to the left, z up, from the floor; metres, seconds,
hertz, decibels; degrees in keys that end in `_deg`. Yaw is anticlockwise seen from above, and 0
looks along x: left is positive.

**Files** are named relative to the scene file. Nothing outside its folder is read, not by links
either, unless you say `--allow-outside` (in Python, `allow_outside=True`): a scene that you got
from somebody could name any file of yours.

**Other files.** `include: parts/strings.yaml` (or a list) stands for what those files say. What the
including file says comes on top, key by key; sources are put together, those of included files
first; other lists are replaced. Names of files are relative to the file in which they stand.
Included files need be no whole scenes, and lie in the folder of the scene.

**Versions.** Files say `version: {version}`. Older ones are read as before:

{migrations}
YAML's anchors, aliases and tags are refused.
"""

_COMMANDS_LEAD = """\
# Commands

{made}
`--debug`, anywhere on the line, shows the traceback of an error. Errors of files, devices and data
are one line and exit code 1; wrong options are exit code 2.
"""


def scene_reference() -> str:
    """Return docs/scene-reference.md."""
    schema = json.loads(schema_text())
    shortest = FOLDER.parent / "examples" / "scene_files" / "1_three_lines.yaml"
    parts = [
        _SCENE_LEAD.format(
            made=_MADE,
            shortest=shortest.read_text(encoding="utf-8"),
            version=schema["properties"]["version"]["const"],
            migrations=_migrations(),
        ),
        "## The scene\n",
        _table(schema, schema),
    ]
    for name in _in_order_of_use(schema):
        part = schema["$defs"][name]
        parts += [f"## {name}\n", f"{_joined(part['description'])}\n", _table(part, schema)]
    return "\n".join(parts)


def _migrations() -> str:
    """Return the table of the migrations' own docstring."""
    from scenes import migrations

    assert migrations.__doc__ is not None
    lines = [line for line in migrations.__doc__.splitlines() if line.startswith("|")]
    return "\n".join(lines) + "\n"


def _in_order_of_use(schema: dict[str, Any]) -> list[str]:
    """Return the parts of a scene, each after the one that uses it first."""
    found: list[str] = []

    def visit(part: dict[str, Any]) -> None:
        for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(part)):
            if name not in found:
                found.append(name)
                visit(schema["$defs"][name])

    visit(schema["properties"])
    return found


def _table(part: dict[str, Any], schema: dict[str, Any]) -> str:
    needed = part.get("required", [])
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for key, value in part["properties"].items():
        whole = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
        text = value.get("description") or whole.get("description", "")
        default = "**needed**" if key in needed else _default(value.get("default"))
        rows.append(f"| `{key}` | {_kind(value)} | {default} | {_joined(text)} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`"


def _kind(value: dict[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    for joint in ("anyOf", "oneOf"):
        if joint in value:
            kinds = [_kind(each) for each in value[joint] if each.get("type") != "null"]
            return ", or ".join(dict.fromkeys(kinds))
    return _kind_of_type(value)


def _kind_of_type(value: dict[str, Any]) -> str:
    kind = value.get("type")
    if kind == "array" and "prefixItems" in value:
        count = {3: "three", 7: "seven"}[len(value["prefixItems"])]
        return f"{count} numbers"
    if kind == "array":
        return f"list of {_kind(value['items'])}"
    if kind == "object":
        return "mapping"
    words = {"number": "number", "integer": "whole number", "string": "text", "boolean": "switch"}
    low = value.get("minimum", value.get("ge", value.get("exclusiveMinimum", value.get("gt"))))
    high = value.get("maximum", value.get("le"))
    limits = ""
    if kind in ("number", "integer") and (low, high) != (None, None):
        above = "above " if "exclusiveMinimum" in value or "gt" in value else ""
        if high is None:
            limits = f", {above or 'from '}{low:.12g}"
        else:
            limits = f", {above}{low:.12g} to {high:.12g}"
    return words[str(kind)] + limits


def _joined(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def commands() -> str:
    """Return docs/commands.md."""
    from auralize.cli import cli

    parts = [_COMMANDS_LEAD.format(made=_MADE)]
    listed = [(name, command) for name, command in cli.commands.items() if not command.hidden]
    parts.append(
        "\n".join(
            f"- [`{name}`](#auralize-{name}): {command.get_short_help_str(200)}"
            for name, command in listed
        )
        + "\n"
    )
    # A width that does not depend on the terminal.
    settings: dict[str, Any] = {"max_content_width": 98, "terminal_width": 98, "color": False}
    root = click.Context(cli, info_name="auralize", **{**cli.context_settings, **settings})
    for name, command in listed:
        parts += _described(command, click.Context(command, info_name=name, parent=root), "##")
    return "\n".join(parts)


def _described(command: click.Command, context: click.Context, heading: str) -> list[str]:
    """Return the help of a command, and of those in it."""
    parts = [
        f"{heading} {context.command_path}\n",
        f"```text\n{command.get_help(context).rstrip()}\n```\n",
    ]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            if not inner.hidden:
                below = click.Context(inner, info_name=name, parent=context)
                parts += _described(inner, below, f"{heading}#")
    return parts


PAGES = {"scene-reference.md": scene_reference, "commands.md": commands}


def main() -> None:
    """Write both."""
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
