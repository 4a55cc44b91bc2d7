"""The picture of one moment of a take: from the front and from above, side by side.

All pictures of a take show the same part of the world, so that they make an animation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from capture.look.panel import GROUND, INK, Panel
from capture.look.players import PlayerPoints, painted, player_color
from capture.performer import Performer
from capture.players import DepthImages

_GAP = 12
_STRIP = 40
_LINE = 22
_SCALE_WIDTH = 80
_MARGIN_M = 0.45
_HIGHEST_M = 2.6
_SAMPLED = 5
_TRAIL_S = 4.0
_ARROW_M = 0.45


class Drawing:
    """Draws the images of one take, all alike."""

    def __init__(self, take: DepthImages, performers: Sequence[Performer], width: int) -> None:
        """Find out what is to be seen, and lay the panels out.

        Args:
            take: The recording.
            performers: Who is in it.
            width: Of a picture, pixels.

        Raises:
            DataError: An image is broken.
        """
        self._take = take
        self._performers = performers
        self._points = PlayerPoints(performers)
        self._low_m, self._high_m = _bounds(take, performers)
        span = self._high_m - self._low_m
        usable = width - 3 * _GAP
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
        self._legend = _legend(performers, width - _GAP - _SCALE_WIDTH)
        rows = 1 + max((row for _, row, _ in self._legend), default=0)
        self._words_top = height + 2 * _GAP + 4
        self._size = (width, height + 2 * _GAP + _STRIP + (rows - 1) * _LINE)

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
        top = self._words_top
        for panel, words in (
            (self._front, "from the camera"),
            (self._plan, "from above, the camera below"),
        ):
            draw.text((panel.left + 6, panel.top + 4), words, fill=INK, font=font)
        draw.text((_GAP, top), f"{time_s:7.2f} s", fill=INK, font=font)
        for number, (left, line, label) in enumerate(self._legend):
            down = top + line * _LINE
            draw.rectangle([left, down + 3, left + 12, down + 15], fill=player_color(number))
            draw.text((left + 18, down), label, fill=INK, font=font)
        right = "grid: 1 m"
        wide = int(draw.textlength(right, font=font))
        draw.text((self._size[0] - _GAP - wide, top), right, fill=INK, font=font)


def _legend(performers: Sequence[Performer], right: int) -> list[tuple[int, int, str]]:
    """Return where each player's name stands: pixels from the left, line, and the words."""
    from PIL import ImageFont

    font: Any = ImageFont.load_default(size=15)
    places: list[tuple[int, int, str]] = []
    first = at = _GAP + 90
    line = 0
    for performer in performers:
        label = performer.name
        if performer.instrument:
            label += f" ({performer.instrument.replace('_', ' ')})"
        wide = 36 + int(font.getlength(label))
        if at > first and at + wide > right:
            at, line = first, line + 1
        places.append((at, line, label))
        at += wide
    return places


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
