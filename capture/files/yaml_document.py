"""Read YAML into plain values and remember where each of them stood.

Files that people write need only mappings, lists, text, numbers, true/false and null (YAML 1.2).
Anchors, aliases and tags are refused: they let a small file grow without bounds or name code.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from capture.errors import FileFormatError

_LARGEST_BYTES = 32 * 2**20
_CORE = "tag:yaml.org,2002:"

Where = tuple[str | int, ...]
"""The way from the root to a value: keys and list indices."""


@dataclass(slots=True, kw_only=True)
class YamlDocument:
    """Plain values with their places.

    Attributes:
        path: The file.
        value: What it holds: dicts, lists, text, numbers, booleans, None.
        places: Line and column, from 1, of each value; of its key where it has one.
        files: The files of values that come from others than `path`.
    """

    path: Path
    value: Any = None
    places: dict[Where, tuple[int, int]] = field(default_factory=dict[Where, tuple[int, int]])
    files: dict[Where, Path] = field(default_factory=dict[Where, Path])

    def place_of(self, where: Where) -> str:
        """Return `file:line:column` of a value, or of the nearest one around it."""
        while where not in self.places and where:
            where = where[:-1]
        line, column = self.places.get(where, (1, 1))
        return f"{self.files.get(where, self.path)}:{line}:{column}"


def read_yaml(path: str | os.PathLike[str], *, text: str | None = None) -> YamlDocument:
    """Read a YAML file.

    Args:
        path: The file.
        text: What it is going to hold, to be read instead of it.

    Raises:
        FileFormatError: It is missing, no UTF-8, no YAML, or uses what such files do without; the
            message starts with file, line and column.
    """
    document = YamlDocument(path=Path(path))
    text = read_text(document.path) if text is None else text
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        if root is None:
            raise FileFormatError(f"{path}:1:1: the file is empty.")
        document.value = _Builder(document).build(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = " ".join(str(error.problem or error.context).split())
        raise FileFormatError(f"{path}:{line}:{column}: not valid YAML: {reason}.") from error
    except YAMLError as error:  # a control character, for instance
        reason = " ".join(str(error).split())
        line = 1 + text.count("\n", 0, getattr(error, "position", 0) or 0)
        raise FileFormatError(f"{path}:{line}:1: not valid YAML: {reason}.") from error
    except RecursionError as error:
        raise FileFormatError(f"{path}:1:1: nested too deeply.") from error
    return document


def read_text(path: Path) -> str:
    """Return the text of a YAML file; line ends stay as they are.

    Raises:
        FileFormatError: It is missing, too large, or no UTF-8.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise FileFormatError(f"{path}: larger than 32 MiB, which nobody writes by hand.")
        raw = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise FileFormatError(
            f"{path}:{line}:{column}: not UTF-8 text. Save the file as UTF-8."
        ) from error


class _Builder:
    """Turns nodes to values."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._seen: set[int] = set()

    def build(self, node: Node, where: Where) -> Any:
        self._document.places.setdefault(where, _line_column(node))
        if id(node) in self._seen or node.anchor:
            self._refuse(node, "anchors and aliases (& and *) are not allowed; write it out")
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, where)
        if isinstance(node, SequenceNode):
            self._check_tag(node, "seq")
            return [self.build(child, (*where, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, Any]:
        self._check_tag(node, "map")
        mapping: dict[str, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse(key_node, "a key must be a word")
            key = str(key_node.value)
            if key in mapping:
                self._refuse(key_node, f"the key {key!r} is given twice")
            self._document.places[(*where, key)] = _line_column(key_node)
            mapping[key] = self.build(child, (*where, key))
        return mapping

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        # A date is text here: no field is one.
        kind = str(node.tag).removeprefix(_CORE)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    digits = text.replace("_", "")
                    return int(digits) if digits.lstrip("+-").isdigit() else int(digits, 0)
                case "float":
                    return float(
                        text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan")
                    )
                case "str" | "timestamp":
                    return text
                case _:
                    self._refuse(node, f"the tag {node.tag!r} is not allowed")
        except ValueError:
            return text

    def _check_tag(self, node: Node, kind: str) -> None:
        if str(node.tag) != _CORE + kind:
            self._refuse(node, f"the tag {node.tag!r} is not allowed")

    def _refuse(self, node: Node, reason: str) -> NoReturn:
        line, column = _line_column(node)
        raise FileFormatError(f"{self._document.path}:{line}:{column}: {reason}.")


def _line_column(node: Node) -> tuple[int, int]:
    mark = node.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
