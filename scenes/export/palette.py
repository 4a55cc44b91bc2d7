"""Colors that tell sources apart, the same in all targets.

Source: Okabe and Ito 2008, "Color universal design": seven colors that people with any color
vision tell apart. From the eighth source on they come again, darker, then lighter.
"""

from __future__ import annotations

Color = tuple[int, int, int]

_COLORS: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
_SHADES = (0.0, -0.4, 0.5, -0.65, 0.25, -0.2)


def color(index: int) -> Color:
    """Return the sRGB color of the source with this index."""
    rounds, place = divmod(index, len(_COLORS))
    shade = _SHADES[rounds % len(_SHADES)]
    goal = 255 if shade > 0 else 0
    red, green, blue = (round(c + abs(shade) * (goal - c)) for c in _COLORS[place])
    return red, green, blue
