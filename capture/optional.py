"""Import a package that only some steps need, or say which extra brings it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from capture.errors import DependencyError


def optional(module: str, *, extra: str, purpose: str) -> Any:
    """Return an imported module that the core dependencies don't bring.

    Args:
        module: Its full name, such as ``music21.corpus``.
        extra: The extra of this distribution that installs it.
        purpose: What needs it, to begin the message with.

    Raises:
        DependencyError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DependencyError(
            f"{purpose} need {package}, which is not installed: pip install 'auralize[{extra}]'"
        ) from error
