"""Export a scene: render what the target needs, and hand it over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from scenes.export import TARGETS, export_folder, prepare_export
from scenes.export.folder import check_folder

Stage = Callable[[str], Callable[[float], None]]


def export(
    scene_path: str | os.PathLike[str],
    target: str,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    allow_outside: bool = False,
    stage: Stage | None = None,
) -> None:
    """Export a scene to a folder for an engine or a tool.

    Args:
        scene_path: The scene (YAML).
        target: A name of `scenes.export.TARGETS`.
        out: The folder, which is made.
        force: Replace a folder that an earlier export wrote; never one that holds anything else.
        allow_outside: Let the scene name files outside its folder.
        stage: Starts a stage's progress bar and returns its fraction setter.

    Raises:
        ValueError: There is no such target.
        FileFormatError: The scene or a file that it names cannot be read.
        DataError: They do not fit together.
        OutputError: The folder exists, or cannot be written.
    """
    if target not in TARGETS:
        raise ValueError(f"there is no target {target!r}; there are {', '.join(TARGETS)}.")
    goal = TARGETS[target]
    starts = stage or (lambda name: lambda fraction: None)
    check_folder(Path(out), force=force)
    with tempfile.TemporaryDirectory(prefix="auralize-export-") as scratch:
        renders = {
            need: path
            for need in sorted(goal.needs)
            if (
                path := _render(
                    Path(scene_path), need, Path(scratch), starts, allow_outside=allow_outside
                )
            )
        }
        exported = prepare_export(
            scene_path,
            renders=renders,
            meshes=goal.shows_players,
            allow_outside=allow_outside,
            progress=starts("read sounds and players"),
        )
        done = starts(f"write {target}")
        export_folder(exported, goal, out, force=force, progress=done)
        done(1.0)


def _render(
    scene_path: Path, need: str, folder: Path, starts: Stage, *, allow_outside: bool
) -> Path | None:
    """Render something that a target needs of a scene; see `ExportedScene.renders`."""
    from auralize.exported_renders import render_for_export

    return render_for_export(
        scene_path, need, folder, starts(f"render {need}"), allow_outside=allow_outside
    )
