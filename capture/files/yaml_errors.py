"""Say in one line what is wrong with a file that a person wrote: where, and what is allowed.

Files are YAML (`capture.files.yaml_document`) and checked by pydantic models; the wording knows
what the file is called and what its numbers stand for.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from capture.files.yaml_document import Where, YamlDocument

_WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text (put it in quotes)",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping of keys and values",
    "dict_type": "a mapping of keys and values",
    "finite_number": "a finite number",
    "string_too_short": "text that is not empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How messages speak of one kind of file.

    Attributes:
        root: The model of the whole file.
        kind: What the file is, as in "scene".
        numbers: What the lists of numbers under some keys hold, as in "three numbers".
        mappings: Advice where something else than a mapping is given.
        versions: Which versions of the file are read.
    """

    root: type[BaseModel]
    kind: str
    numbers: Mapping[str | int, str] = field(default_factory=dict[str | int, str])
    mappings: Mapping[Where, str] = field(default_factory=dict[Where, str])
    versions: str = "version 1"


def describe(error: ValidationError, document: YamlDocument, wording: Wording) -> str:
    """Return `file:line:column: what is wrong` for the first thing that is wrong.

    Misspelt keys come first, because they explain missing ones; then the order of the file.
    """
    every = error.errors(include_url=False)
    problems = [p for p in every if not _is_echo(p)] or list(every)
    problems.sort(key=lambda p: (p["type"] != "extra_forbidden", _line_of(_place(p), document)))
    first = problems[0]
    others = len({_existing(_place(p), document) for p in problems}) - 1
    more = f" (And {others} more.)" if others else ""
    return f"{document.place_of(_place(first))}: {_sentence(first, document, wording)}.{more}"


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean '…'?`, or nothing where no word is close."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _sentence(problem: Any, document: YamlDocument, wording: Wording) -> str:
    where = _location(problem)
    kind: str = problem["type"]
    given = _shown(problem["input"])
    name = _name(where, wording)
    if kind == "misplaced":
        return problem["ctx"]["reason"]
    if kind in ("extra_forbidden", "missing", "value_error"):
        return _sentence_of_mapping(problem, wording)
    if kind == "literal_error":
        return _sentence_of_word(problem, wording)
    if kind == "too_long" and where[-1] in wording.numbers:
        return f"{name} needs {wording.numbers[where[-1]]}, got {given}"
    if kind == "too_short":
        least = problem["ctx"]["min_length"]
        return f"{name} needs at least {least}" if least > 1 else f"{name} must not be empty"
    if kind == "model_type" and where in wording.mappings:
        return f"{name} must be a mapping of keys, got {given}; {wording.mappings[where]}"
    if kind in _WANTED and _existing(where, document) != where:  # every arm of a union failed
        outer = _name(_existing(where, document), wording)
        return f"{outer} must be text or a number, got {given}"
    wanted = _WANTED.get(kind) or str(problem["msg"]).removeprefix("Input should be ")
    return f"{name} must be {wanted}, got {given}"


def _sentence_of_mapping(problem: Any, wording: Wording) -> str:
    """Say which key is unknown or missing, or what does not go together."""
    *around, key = _location(problem) or ("",)
    if problem["type"] == "value_error":
        return f"{_name(_location(problem), wording)}: {problem['ctx']['error']}"
    if problem["type"] == "missing" and isinstance(key, int):
        needed = wording.numbers.get(around[-1], "more numbers")
        return f"{_name(around, wording)} needs {needed}, got {_shown(problem['input'])}"
    if problem["type"] == "missing":
        return f"{_name(around, wording)} needs the key {key!r}"
    allowed = sorted(_model_at(problem["loc"][:-1], wording.root).model_fields)
    return (
        f"{_name(around, wording)} has no key {key!r}{suggestion(str(key), allowed) or '.'} "
        f"Allowed are {', '.join(allowed)}"
    )


def _sentence_of_word(problem: Any, wording: Wording) -> str:
    """Say which words are allowed."""
    where, given = _location(problem), problem["input"]
    if where == ("version",):
        return (
            f"{wording.kind} version {_shown(given)} is unknown; this program reads "
            f"{wording.versions}"
        )
    words = str(problem["ctx"]["expected"])
    hint = suggestion(str(given), words.replace("'", "").split(" or "))
    return f"{_name(where, wording)} must be {words}, got {_shown(given)}{hint.removesuffix('?')}"


def _place(problem: Any) -> Where:
    """Return the way to the value that is to blame."""
    return (*_location(problem), *problem.get("ctx", {}).get("place", ()))


def _location(problem: Any) -> Where:
    """Return the way without the tags (~Walls) of unions."""
    return tuple(part for part in problem["loc"] if not str(part).startswith("~"))


def _is_echo(problem: Any) -> bool:
    """Whether a list counts as empty only because what is in it is wrong."""
    return problem["type"] == "too_short" and bool(problem["input"])


def _existing(where: Where, document: YamlDocument) -> Where:
    """Return the longest way that leads to something in the file."""
    while where and where not in document.places:
        where = where[:-1]
    return where


def _line_of(where: Where, document: YamlDocument) -> tuple[int, int]:
    return document.places.get(_existing(where, document), (1, 1))


def _name(where: Iterable[str | int], wording: Wording) -> str:
    """Return sources[0].position_m for ("sources", 0, "position_m")."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return name.removeprefix(".") or f"the {wording.kind}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_at(where: Iterable[str | int], root: type[BaseModel]) -> type[BaseModel]:
    """Return the model that a mapping of the file stands for."""
    models: list[type[BaseModel]] = [root]
    for part in where:
        if str(part).startswith("~"):
            models = [model for model in models if model.__name__ == str(part)[1:]]
        elif isinstance(part, str):
            models = _models_in(models[0].model_fields[part].annotation)
    return models[0]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
