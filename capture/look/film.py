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
from jaxtyping import Float64, UInt8

from capture.errors import OutputError
from capture.files.atomic import atomic_path
from capture.look.panel import GROUND, INK, Panel
from capture.look.players import PlayerPoints, painted, player_color
from capture.performer import Performer
from capture.players import DepthImages

STILL_SUFFIXES = (".png", ".jpg", ".jpeg")
FILM_SUFFIXES = (".webp", ".gif")
_GAP = 12
_STRIP = 40
_MARGIN_M = 0.45
_HIGHEST_M = 2.6
_SAMPLED = 5
_TRAIL_S = 4.0
_ARROW_M = 0.45


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
    scene = _Scene(take, performers, config or LookConfig())
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
    scene = _Scene(take, performers, config)
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


class _Scene:
    """Draws the images of one take, all alike."""

    def __init__(
        self, take: DepthImages, performers: Sequence[Performer], config: LookConfig
    ) -> None:
        self._take = take
        self._performers = performers
        self._points = PlayerPoints(performers)
        self._low_m, self._high_m = _bounds(take, performers)
        span = self._high_m - self._low_m
        usable = config.width - 3 * _GAP
        # Side by side: what is seen from the front and from above is equally wide.
        scale = usable / 2 / span[1]
        half = usable // 2
        height = round(max(span[2], span[0]) * scale)
        across = -self._high_m[1]
        self._front = Panel(
            left=_GAP,
            top=_GAP,
            width=half,
            height=height,
            low_m=(across, self._low_m[2]),
            scale=scale,
        )
        self._plan = Panel(
            left=2 * _GAP + half,
            top=_GAP,
            width=half,
            height=height,
            low_m=(across, self._low_m[0]),
            scale=scale,
        )
        self._size = (config.width, height + 2 * _GAP + _STRIP)

    def draw(self, index: int) -> Any:
        """Return the picture of one image."""
        from PIL import Image, ImageDraw

        time_s = float(self._take.times_s[index])
        cloud = self._take.image_point_cloud(index)
        points = cloud.positions_m
        inside = np.all((points > self._low_m) & (points < self._high_m), axis=1)
        cloud = cloud.select(np.flatnonzero(inside))
        owners = self._points.owners(cloud.positions_m, time_s)
        colors = painted(cloud, owners)
        image = Image.new("RGB", self._size, GROUND)
        draw: Any = ImageDraw.Draw(image)
        self._front.grid(draw)
        self._plan.grid(draw)
        pixels = np.array(image)
        self._paint(pixels, cloud.positions_m, colors)
        image = Image.fromarray(pixels)
        draw = ImageDraw.Draw(image)
        for number, performer in enumerate(self._performers):
            self._mark(draw, performer, player_color(number), time_s)
        self._write(draw, time_s)
        return image

    def _paint(
        self, pixels: UInt8[np.ndarray, "rows columns 3"], points: np.ndarray, colors: np.ndarray
    ) -> None:
        front = np.stack([-points[:, 1], points[:, 2]], axis=1)
        self._front.paint(pixels, front, -points[:, 0], colors)
        above = np.stack([-points[:, 1], points[:, 0]], axis=1)
        self._plan.paint(pixels, above, points[:, 2], colors)

    def _mark(
        self, draw: Any, performer: Performer, color: tuple[int, int, int], time_s: float
    ) -> None:
        """Draw where a player was of late, is, and faces."""
        path = performer.trajectory
        if not path.times_s[0] - 0.5 <= time_s <= path.times_s[-1] + 0.5:
            return
        late = np.linspace(time_s - _TRAIL_S, time_s, 60)
        late = late[late >= path.times_s[0]] if len(path.times_s) > 1 else late[-1:]
        trail = path.positions_at(np.append(late, time_s))
        line = self._plan.place(np.stack([-trail[:, 1], trail[:, 0]], axis=1))
        white = (255, 255, 255)
        draw.line([tuple(point) for point in line], fill=white, width=2)
        here = path.at(time_s)
        x, y, _ = here.position_m
        tip = np.array([x, y]) + _ARROW_M * np.array([np.cos(here.yaw_rad), np.sin(here.yaw_rad)])
        start, end = self._plan.place(np.array([[-y, x], [-tip[1], tip[0]]]))
        draw.line([tuple(start), tuple(end)], fill=white, width=3)
        aside = 0.13 * np.array([-(end - start)[1], (end - start)[0]])
        head = [end, end - 0.28 * (end - start) + aside, end - 0.28 * (end - start) - aside]
        draw.polygon([tuple(point) for point in head], fill=white)
        draw.ellipse([*(start - 5), *(start + 5)], fill=color, outline=white)

    def _write(self, draw: Any, time_s: float) -> None:
        """Write what is seen, the time, and who has which color."""
        from PIL import ImageFont

        font: Any = ImageFont.load_default(size=15)
        row = self._size[1] - _STRIP + 4
        for panel, words in (
            (self._front, "from the camera"),
            (self._plan, "from above, the camera below"),
        ):
            draw.text((panel.left + 6, panel.top + 4), words, fill=INK, font=font)
        draw.text((_GAP, row), f"{time_s:7.2f} s", fill=INK, font=font)
        at = _GAP + 90
        for number, performer in enumerate(self._performers):
            label = performer.name
            if performer.instrument:
                label += f" ({performer.instrument.replace('_', ' ')})"
            draw.rectangle([at, row + 3, at + 12, row + 15], fill=player_color(number))
            draw.text((at + 18, row), label, fill=INK, font=font)
            at += 36 + int(draw.textlength(label, font=font))
        right = "grid: 1 m"
        wide = int(draw.textlength(right, font=font))
        draw.text((self._size[0] - _GAP - wide, row), right, fill=INK, font=font)


def _bounds(take: DepthImages, performers: Sequence[Performer]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of what is drawn: the players and a little around, or nearly all."""
    seen = [cloud.positions_m for one in performers for cloud in one.clouds if len(cloud)]
    if seen:
        points = np.concatenate(seen)
        margin = _MARGIN_M
    else:
        count = len(take.times_s)
        rows = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED)).astype(int))
        clouds = [take.image_point_cloud(int(row), color=False).positions_m[::7] for row in rows]
        points = np.concatenate(clouds)
        margin = 0.1
    if len(points) == 0:
        points = np.array([[0.0, -2.0, 0.0], [4.0, 2.0, 2.0]])
    low = np.percentile(points, 0.5, axis=0) - margin
    high = np.percentile(points, 99.5, axis=0) + margin
    low[2], high[2] = -0.1, min(max(float(high[2]), 1.5), _HIGHEST_M)
    # Neither a sliver nor a tower: at least as wide as high.
    lacking = max(0.0, 2.0 - (high[1] - low[1])) / 2
    low[1], high[1] = low[1] - lacking, high[1] + lacking
    return low, high


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
