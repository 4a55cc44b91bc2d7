"""Render a scene for headphones: each source through the head's impulse responses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from auralize.hrtf.head import Hrtf
from auralize.stream.renderer import StreamRenderer
from scenes.scene import Scene

BLOCK = 32_768


def render_binaural(
    scene: Scene,
    folder: str | os.PathLike[str],
    hrtf: Hrtf | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Float32[np.ndarray, "2 samples"]]:
    """Render a scene for headphones, block by block in bounded memory.

    A source that stands still is filtered with the impulse responses of its direction, with all
    their taps. Where the source or the listener moves, filters follow about every 20 ms, sooner
    where it goes fast, and are cross-faded in between. At a measured direction the
    filters are the measured ones.

    Args:
        scene: The scene.
        folder: Where its sound files are (the folder of the scene file).
        hrtf: The head; the scene's if none is given. It is resampled to the scene's rate.
        progress: Called with the fraction done.

    Yields:
        Blocks of (left, right), as loud as the scene says: the peak may exceed full scale.

    Raises:
        DataError: The sounds do not fit the scene.
        FileFormatError: A sound cannot be read.
    """
    with StreamRenderer(scene, folder, hrtf, block=BLOCK, editable=False) as stream:
        length = stream.sample_count
        for start in range(0, length, BLOCK):
            block = np.empty((2, BLOCK), dtype=np.float32)
            stream.process(block)
            if progress is not None:
                progress(min(1.0, (start + BLOCK) / length))
            yield block[:, : length - start]
