"""All sources of a scene that are heard, with their sound files open."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from auralize.sources.extent import BodyPart, body_parts
from auralize.sources.heard_source import HeardSource
from capture.errors import DataError
from scenes.scene import Scene
from scenes.sound_of_source import open_sound


def sample_count(scene: Scene, sources: list[HeardSource], tail: int = 0) -> int:
    """Return how many samples a render has.

    As many as the scene says, else to the end of the sounds and of the tail that follows them.
    """
    if scene.duration_s is not None:
        return max(1, round(scene.duration_s * scene.sample_rate_hz))
    return max(1, *(source.stop + tail for source in sources))


def as_points(sources: list[HeardSource]) -> list[HeardSource]:
    """Return one point for each source, also where it comes as several points of a body."""
    first = {source.source.name: source for source in reversed(sources)}
    return [source.as_point for source in reversed(first.values())]


@contextmanager
def open_sources(
    scene: Scene, folder: str | os.PathLike[str], *, silent: bool = False
) -> Generator[list[HeardSource], None, None]:
    """Open the sound files of the sources that sound, and close them afterwards.

    A body comes as several points, one after the other (see `auralize.sources.extent`).

    Args:
        scene: The scene.
        folder: Where its sound files are (the folder of the scene file).
        silent: Whether sources that are muted, or left out because others are solo, are opened.

    Raises:
        FileFormatError: A file is missing or is no sound file.
        DataError: A file has another rate than the scene, or not the channel that is asked for;
            or all sources are muted.
    """
    wanted = scene.sources if silent else scene.heard_sources
    if not wanted:
        raise DataError(f"all {len(scene.sources)} sources of {scene.title!r} are muted.")
    with ExitStack() as stack:
        opened: list[HeardSource] = []
        for source in wanted:
            path = Path(folder) / source.file
            parts: tuple[BodyPart | None, ...] = (None,)
            if source.extent_m > 0:
                parts = body_parts(source.extent_m, scene.sample_rate_hz)
            for part in parts:
                # Each part reads on at its own pace.
                file = stack.enter_context(open_sound(scene, source, path))
                opened.append(HeardSource(scene, source, file, part))
        yield opened
