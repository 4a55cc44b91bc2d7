"""Heads at other rates, kept from one run to the next where making them takes long.

KEMAR's 710 directions are resampled in 0.03 s, and are never kept; 11 950 directions take 1 s. What
is kept lies in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`, below auralize/heads),
one .npz file of about 100 MB for each head and rate, named by a hash of all that it depends on. A
file that is damaged (it has a checksum) is made again. `AURALIZE_CACHE=off` switches it off, and
another value is the folder to use.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

_LOGGER = logging.getLogger(__name__)

# Resampling changes with this number; raise it whenever its result does.
_VERSION = 1
# Fewer samples than this (about 0.3 s of work) are made anew each time.
_WORTHWHILE = 3_000_000


def resampled_once(
    responses: Float64[np.ndarray, "D 2 taps"],
    rates_hz: tuple[int, int],
    resample: Callable[[], Float64[np.ndarray, "D 2 other"]],
) -> Float64[np.ndarray, "D 2 other"]:
    """Return what `resample` returns for some responses, from the cache where it is kept.

    Args:
        responses: What is resampled.
        rates_hz: From which rate to which.
        resample: Does the work.
    """
    folder = cache_folder()
    if folder is None or responses.size < _WORTHWHILE:
        return resample()
    digest = hashlib.sha256(np.ascontiguousarray(responses).data)
    digest.update(repr((_VERSION, responses.shape, rates_hz)).encode())
    path = folder / f"{digest.hexdigest()}.npz"
    kept = _kept(path)
    if kept is not None and kept.ndim == 3 and kept.shape[:2] == responses.shape[:2]:
        return kept
    made = resample()
    _keep(path, made)
    return made


def cache_folder() -> Path | None:
    """Return where heads are kept; None where that is switched off."""
    chosen = os.environ.get("AURALIZE_CACHE", "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    if chosen:
        return Path(chosen) / "heads"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        return None
    return home / "auralize" / "heads"


def _kept(path: Path) -> np.ndarray | None:
    """Return what is kept in a file; None where there is nothing, or nothing whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays["responses"], dtype=np.float64)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        _LOGGER.info("%s cannot be read and is made again: %s", path, error)
        return None


def _keep(path: Path, values: np.ndarray) -> None:
    """Write whole or not at all; a folder that cannot be written is no error."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, responses=values)
        Path(temporary).replace(path)
    except OSError as error:
        _LOGGER.info("%s cannot be kept: %s", path, error)
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
