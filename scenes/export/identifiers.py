"""Names that every engine and file system takes, made from names that people gave."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 48
# Names of devices, which Windows takes for no file with any ending.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789"
}


def identifiers(names: Sequence[str], *, fallback: str = "source") -> tuple[str, ...]:
    """Return an identifier for each name: letters, digits and underscores of ASCII.

    Each begins with a letter, is at most 48 characters long, and differs from all others also
    where case does not count, so that it is good for a file, a node or a variable anywhere.

    Args:
        names: Any text.
        fallback: What begins the identifier of a name that has no letter of ASCII.
    """
    taken: set[str] = set()
    made: list[str] = []
    for name in names:
        wanted = identifier(name, fallback=fallback)
        unique, number = wanted, 2
        while unique.casefold() in taken:
            ending = f"_{number}"
            unique = wanted[: _LONGEST - len(ending)] + ending
            number += 1
        taken.add(unique.casefold())
        made.append(unique)
    return tuple(made)


def identifier(name: str, *, fallback: str) -> str:
    """Return the identifier of one name; see `identifiers`."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^A-Za-z0-9]+", "_", ascii_only).strip("_")
    if not words:
        return fallback
    if not words[0].isalpha():
        words = f"{fallback}_{words}"
    words = words[:_LONGEST].rstrip("_")
    return f"{words}_" if words.casefold() in _DEVICES else words
