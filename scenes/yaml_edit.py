"""Change values in the text of a YAML file; comments, order and layout of all else stay.

Values are replaced where they stand, and new keys are put at the end of their mapping, written as
the mapping is: in lines of their own, or between braces.
"""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from capture.files.yaml_document import Where
from scenes.scene_yaml import flow_text

_Value = ScalarNode | MappingNode | SequenceNode


class YamlText:
    """The text of a YAML file (whose values `capture.files.read_yaml` has accepted)."""

    def __init__(self, text: str) -> None:
        """Take the whole text."""
        self._text = text
        self._root = _composed(text)

    def __str__(self) -> str:
        return self._text

    def has(self, where: Where) -> bool:
        """Return whether there is a value."""
        return self._longest(where)[1] == len(where)

    def set(self, where: Where, value: str) -> None:
        """Write a value, replacing what is there.

        Args:
            where: Keys and list indices, at least one. Mappings on the way that are missing are
                made.
            value: YAML in one line, such as `flow_text` gives.

        Raises:
            ValueError: A place on the way holds a list or a single value.
        """
        span, depth = self._longest(where)
        missing = where[depth:]
        is_empty = isinstance(span.node, ScalarNode) and span.start == span.stop
        if missing and not (
            (isinstance(span.node, MappingNode) or is_empty)
            and all(isinstance(part, str) for part in missing)
        ):
            place = ".".join(map(str, where[:depth])) or "the file"
            raise ValueError(f"{place} has no {missing[0]!r}, and none can be put there.")
        for part in reversed(missing[1:]):
            value = f"{{{flow_text(part)}: {value}}}"
        if not missing:
            self._replace(span, value)
        elif isinstance(span.node, MappingNode) and span.node.value:
            self._insert(span.node, f"{flow_text(missing[0])}: {value}")
        else:
            self._replace(span, f"{{{flow_text(missing[0])}: {value}}}")

    def _longest(self, where: Where) -> tuple[_Span, int]:
        """Return what is reached along a way, and how many parts of it lead there."""
        span, depth = _Span.of(self._root, self._text), 0
        for part in where:
            inner = _child(span.node, part, self._text)
            if inner is None:
                break
            span, depth = inner, depth + 1
        return span, depth

    def _replace(self, span: _Span, value: str) -> None:
        if span.start == span.stop:  # nothing but `key:`, or a dash
            value = f" {value}"
        elif not isinstance(span.node, ScalarNode) and not span.node.flow_style:
            # Lines of a list may stand as far left as their key; a single value may not.
            value = f"  {value}"
        self._splice(span.start, span.stop, value)

    def _insert(self, mapping: MappingNode, entry: str) -> None:
        end = _last_stop(mapping, self._text)
        if mapping.flow_style:
            self._splice(end, end, f", {entry}")
            return
        line_end = self._text.find("\n", end)
        newline = "\r\n" if "\r\n" in self._text else "\n"
        if line_end < 0:
            line_end = len(self._text)
        elif self._text[line_end - 1] == "\r":
            line_end -= 1
        indent = " " * mapping.value[0][0].start_mark.column
        self._splice(line_end, line_end, f"{newline}{indent}{entry}")

    def _splice(self, start: int, stop: int, value: str) -> None:
        self._text = self._text[:start] + value + self._text[stop:]
        self._root = _composed(self._text)


@dataclass(frozen=True, slots=True)
class _Span:
    """A value and where its text begins and ends; at one place if it is empty."""

    node: _Value
    start: int
    stop: int

    @classmethod
    def of(cls, node: _Value, text: str, *, behind: int | None = None) -> _Span:
        """Return the span of a value; an empty one lies right behind its key or dash."""
        start, stop = node.start_mark.index, _stop(node, text)
        if start == stop and behind is not None:
            return cls(node, behind, behind)
        return cls(node, start, stop)


def _composed(text: str) -> _Value:
    return YAML(typ="safe", pure=True).compose(text)


def _child(node: _Value, part: str | int, text: str) -> _Span | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == part:
                return _Span.of(value, text, behind=_colon(key, text))
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return _Span.of(node.value[part], text)
    return None


def _colon(key: ScalarNode, text: str) -> int:
    """Return the place behind the colon of a key."""
    return text.index(":", key.end_mark.index) + 1


def _last_stop(mapping: MappingNode, text: str) -> int:
    """Return where the last value of a mapping ends."""
    key, value = mapping.value[-1]
    return _Span.of(value, text, behind=_colon(key, text)).stop


def _stop(node: _Value, text: str) -> int:
    """Return where a value ends: before comments and line ends that follow it."""
    if isinstance(node, ScalarNode):
        stop = node.end_mark.index
        return stop if node.style not in ("|", ">") else len(text[:stop].rstrip())
    if node.flow_style or not node.value:
        return node.end_mark.index
    if isinstance(node, MappingNode):
        return _last_stop(node, text)
    return _Span.of(node.value[-1], text).stop
