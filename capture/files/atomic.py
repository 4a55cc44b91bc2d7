"""Write files and folders under a temporary name and rename them when they are whole.

A run that fails, or is interrupted with Ctrl-C, leaves nothing half-written under a final name.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from capture.errors import OutputError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Generator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary name keeps the suffixes of `path`, so writers that look at them still work. An
    existing file is replaced. Parent folders are made.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    final = Path(path)
    with temporary_folder(final) as scratch, _reported(final, scratch / final.name) as temporary:
        yield temporary
        temporary.replace(final)


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Generator[Path]:
    """Give an empty temporary folder beside `path`; rename it to `path` when the block ends well.

    Args:
        path: The folder to make.
        replace: Replace a folder that is already there (as a whole, at the end).

    Raises:
        OutputError: `path` exists and `replace` is false, or it cannot be written.
    """
    final = Path(path)
    if final.exists() and not replace:
        raise OutputError(
            f"{final} exists already: give another name, or ask to replace it (--force)."
        )
    with temporary_folder(final) as scratch, _reported(final, scratch / final.name) as temporary:
        temporary.mkdir()
        yield temporary
        if final.exists():
            final.replace(scratch / "replaced")
        temporary.replace(final)


@contextmanager
def temporary_folder(path: str | os.PathLike[str]) -> Generator[Path]:
    """Give an empty hidden folder beside `path`, on the same disk; it is deleted at the end.

    Raises:
        OutputError: The folder cannot be made.
    """
    final = Path(path)
    # Ctrl-C may come between any two lines: the name is known before there is a folder to delete.
    scratch = final.parent / f".{final.name}.{secrets.token_hex(8)}"
    try:
        try:
            with _reported(final, scratch):
                scratch.parent.mkdir(parents=True, exist_ok=True)
                scratch.mkdir(mode=0o700)
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except BaseException:  # Ctrl-C while it was deleted.
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def _reported(final: Path, temporary: Path) -> Generator[Path]:
    """Turn the operating system's refusal to write into an OutputError that names `final`."""
    try:
        yield temporary
    except OutputError as error:
        # From a writer inside, who knows the temporary name only.
        raise OutputError(str(error).replace(str(temporary), str(final))) from error
    except OSError as error:
        # soundfile's LibsndfileError is no OSError; its writers check the folder first.
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {final}: {reason}. Choose a folder that is writable and has room."
        ) from error
