"""Write an export into a folder of its own, and never mix it with what is there.

The export is written beside the folder and renamed when it is whole. It holds a manifest with the
SHA-256 of each file; with it, a later export knows what it may replace.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from capture.errors import OutputError
from capture.files.atomic import atomic_folder
from scenes.export.exported import ExportedScene
from scenes.export.targets import Target

MANIFEST = "export-manifest.json"
_FORMAT = "auralize-export-1"


def export_folder(
    exported: ExportedScene,
    target: Target,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Export a scene to a folder.

    Args:
        exported: The scene.
        target: Where it goes.
        out: The folder, which is made.
        force: Replace a folder that an earlier export wrote, if nothing in it was added or
            changed since.
        progress: Told the fraction that is done, by targets that take long.

    Raises:
        OutputError: The folder exists (without `force`), holds something that no export wrote, or
            cannot be written.
    """
    folder = Path(out)
    check_folder(folder, force=force)
    with atomic_folder(folder, replace=force) as temporary:
        more = {"progress": progress} if target.tells_progress else {}
        target.write(exported, temporary, **more)
        (temporary / MANIFEST).write_text(_manifest(temporary, exported, target), encoding="utf-8")
        # Whatever came into the old folder meanwhile is not lost either.
        check_folder(folder, force=force)


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse to replace what no export wrote.

    Raises:
        OutputError: See `export_folder`.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise OutputError(f"{folder} is no folder: give another --out.")
    if not any(folder.iterdir()):
        if force:
            return
        raise OutputError(f"{folder} exists already: give another --out, or --force to use it.")
    if not force:
        raise OutputError(
            f"{folder} exists already: give another --out, or --force to replace an earlier export."
        )
    foreign = _foreign(folder)
    if foreign:
        raise OutputError(
            f"{folder} holds what no export wrote ({', '.join(foreign[:3])}"
            f"{', …' if len(foreign) > 3 else ''}), so it is not replaced. Move that away, or give "
            "another --out."
        )


def _foreign(folder: Path) -> list[str]:
    """Return the files that are not as an export left them."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise ValueError(manifest["format"])
        known: dict[str, str] = {str(k): str(v["sha256"]) for k, v in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [f"no {MANIFEST}"]
    return [
        name
        for name, path in _files(folder)
        if name != MANIFEST and _differs(path, known.get(name))
    ]


def _differs(path: Path, sha256: str | None) -> bool:
    return path.is_symlink() or sha256 is None or _sha256(path) != sha256


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return all that is in a folder but folders: names with slashes, and paths."""
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return [(path.relative_to(folder).as_posix(), path) for path in found]


def _manifest(folder: Path, exported: ExportedScene, target: Target) -> str:
    files: dict[str, Any] = {
        name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for name, path in _files(folder)
    }
    manifest = {
        "format": _FORMAT,
        "software": f"Auralize {version('auralize')}",
        "target": target.name,
        "scene": exported.title,
        "files": files,
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
