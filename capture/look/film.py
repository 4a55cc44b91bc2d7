"""Pictures of a take: from the front, as the camera looks, and from above; with no display.

Players have a color each. From above, a line shows where each has been and an arrow where it faces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from capture.errors import OutputError
from capture.files.atomic import atomic_path
from capture.look.drawing import Drawing
from capture.performer import Performer
from capture.players import DepthImages

STILL_SUFFIXES = (".png", ".jpg", ".jpeg")
FILM_SUFFIXES = (".webp", ".gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookConfig:
    """How a take is drawn.

    Attributes:
        width: Of the picture, pixels.
        rate_hz: Pictures a second of an animation; it runs as fast as the take.
        most: How many pictures an animation has at most; a longer take is shown faster.
    """

    width: int = 1200
    rate_hz: float = 5.0
    most: int = 150

    def __post_init__(self) -> None:
        if not 200 <= self.width <= 4096:
            raise ValueError(f"width must be from 200 to 4096 pixels, got {self.width}.")
        if self.rate_hz <= 0 or self.most < 1:
            raise ValueError("rate_hz and most must be positive.")


def draw_still(
    path: str | os.PathLike[str],
    take: DepthImages,
    performers: Sequence[Performer] = (),
    *,
    time_s: float | None = None,
    config: LookConfig | None = None,
) -> None:
    """Write a picture of a take at one time (PNG or JPEG).

    Args:
        path: Its suffix says the format.
        take: The recording.
        performers: Who is in it.
        time_s: None: in the middle.
        config: How.

    Raises:
        ValueError: The suffix is of no picture.
        DataError: The image is broken.
        OutputError: The file cannot be written.
    """
    _check_suffix(path, STILL_SUFFIXES)
    scene = Drawing(take, performers, (config or LookConfig()).width)
    times = take.times_s
    wanted = times[len(times) // 2] if time_s is None else time_s
    image = scene.draw(int(np.argmin(np.abs(times - wanted))))
    _save(path, lambda file, kind: image.save(file, format=kind))


def draw_film(
    path: str | os.PathLike[str],
    take: DepthImages,
    performers: Sequence[Performer] = (),
    *,
    start_s: float | None = None,
    stop_s: float | None = None,
    config: LookConfig | None = None,
    progress: Callable[[float], None] | None = None,
) -> int:
    """Write an animation of a take (WebP or GIF).

    Args:
        path: Its suffix says the format.
        take: The recording.
        performers: Who is in it.
        start_s: From here; None: from the beginning.
        stop_s: To here; None: to the end.
        config: How.
        progress: Called with the fraction done.

    Returns:
        How many pictures it has.

    Raises:
        ValueError: The suffix is of no animation, or no image lies between the times.
        DataError: An image is broken.
        OutputError: The file cannot be written.
    """
    _check_suffix(path, FILM_SUFFIXES)
    config = config or LookConfig()
    report = progress or (lambda fraction: None)
    chosen = images_at_rate(take.times_s, config, start_s, stop_s)
    scene = Drawing(take, performers, config.width)
    pictures: list[Any] = []
    for done, index in enumerate(chosen, start=1):
        pictures.append(scene.draw(int(index)))
        report(0.9 * done / len(chosen))
    shown_ms = round(1000 / config.rate_hz)

    def save(file: Path, kind: str) -> None:
        how: dict[str, Any] = {"quality": 70, "method": 2} if kind == "WEBP" else {"optimize": True}
        first, *rest = pictures
        first.save(
            file,
            format=kind,
            save_all=True,
            append_images=rest,
            duration=shown_ms,
            loop=0,
            **how,
        )

    _save(path, save)
    report(1.0)
    return len(pictures)


def images_at_rate(
    times_s: Float64[np.ndarray, "images"],
    config: LookConfig,
    start_s: float | None = None,
    stop_s: float | None = None,
) -> np.ndarray:
    """Return the images to draw: at a rate, between two times, and not too many.

    Raises:
        ValueError: There is none between the times.
    """
    start = times_s[0] if start_s is None else start_s
    stop = times_s[-1] if stop_s is None else stop_s
    within = np.flatnonzero((times_s >= start) & (times_s <= stop))
    if len(within) == 0:
        raise ValueError(
            f"no image lies between {start:.2f} s and {stop:.2f} s: the take's are from "
            f"{times_s[0]:.2f} s to {times_s[-1]:.2f} s."
        )
    slots = np.floor((times_s[within] - times_s[within[0]]) * config.rate_hz + 1e-6)
    chosen = within[np.unique(slots, return_index=True)[1]]
    if len(chosen) > config.most:
        chosen = chosen[np.linspace(0, len(chosen) - 1, config.most).round().astype(int)]
    return chosen


def _check_suffix(path: str | os.PathLike[str], suffixes: tuple[str, ...]) -> None:
    if Path(path).suffix.lower() not in suffixes:
        raise ValueError(f"{path}: the name must end in {' or '.join(suffixes)}.")


def _save(path: str | os.PathLike[str], save: Callable[[Path, str], None]) -> None:
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF"}
    kind = kinds[Path(path).suffix.lower()]
    with atomic_path(path) as temporary:
        try:
            save(temporary, kind)
        except (OSError, KeyError) as error:
            raise OutputError(f"{path}: cannot be written as {kind} ({error}).") from error
