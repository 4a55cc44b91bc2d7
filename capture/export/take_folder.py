"""Make a take folder: under a temporary name, and never over what is none."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from capture.errors import OutputError
from capture.files.atomic import atomic_folder
from capture.take.take_file import TAKE_FILE


@contextmanager
def new_take_folder(path: str | os.PathLike[str], *, replace: bool) -> Generator[Path]:
    """Give an empty temporary folder; rename it to `path` when the block ends well.

    Raises:
        OutputError: `path` exists and `replace` is false, it is no take, or cannot be written.
    """
    final = Path(path)
    if replace and final.exists() and not (final / TAKE_FILE).is_file():
        raise OutputError(f"{final} is no take folder, so that it is not replaced: give another.")
    with atomic_folder(final, replace=replace) as folder:
        yield folder
