"""Stems of a scene: each source as it sounds alone, in a file of its own."""

from __future__ import annotations

from pathlib import Path

from capture.errors import OutputError
from scenes.scene import Scene


def alone(scene: Scene, name: str, sample_count: int) -> Scene:
    """Return the scene with one source left that sounds.

    The others stay in the scene, muted, so that each source keeps its place among them.
    """
    sources = tuple(
        source.model_copy(update={"mute": source.name != name, "solo": False})
        for source in scene.sources
    )
    return scene.model_copy(
        update={"sources": sources, "duration_s": sample_count / scene.sample_rate_hz}
    )


def stem_paths(folder: Path, scene: Scene, out: Path) -> dict[str, Path]:
    """Return source → file, for those that sound; files have their names, as far as they can.

    Args:
        folder: Where the files will be.
        scene: The scene.
        out: The mix, from which they have their ending.

    Raises:
        OutputError: Two files would have one name.
    """
    ending = "".join(out.suffixes[-2:]) if out.stem.lower().endswith(".ambix") else out.suffix
    paths: dict[str, Path] = {}
    for source in scene.heard_sources:
        name = "".join(c if c.isalnum() or c in " _-()." else "_" for c in source.name).strip(" .")
        path = folder / f"{name or 'source'}{ending}"
        if path in paths.values() or path.resolve() == out.resolve():
            raise OutputError(
                f"{path}: the stem of {source.name!r} and another file would have this name. Give "
                "the source another name, or the stems another folder."
            )
        paths[source.name] = path
    return paths
