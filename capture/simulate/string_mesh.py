"""Meshes of the violin family and the guitar: plates on an outline, neck, fingerboard, fittings."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from capture.simulate.solids import EBONY, METAL, Color, Mesh, box, join, loft, rod
from capture.simulate.string_sizes import StringSizes

# Half widths, beside that of the lower bout, at shares of the body's length from its lower end.
_VIOLIN_OUTLINE = (
    (0.0, 0.05), (0.02, 0.30), (0.06, 0.62), (0.12, 0.88), (0.22, 1.0), (0.32, 0.93),
    (0.385, 0.82), (0.41, 0.68), (0.45, 0.57), (0.53, 0.54), (0.60, 0.59), (0.63, 0.68),
    (0.66, 0.72), (0.72, 0.79), (0.80, 0.81), (0.90, 0.64), (0.96, 0.37), (0.985, 0.22),
    (1.0, 0.12),
)  # fmt: skip
_BASS_OUTLINE = (
    (0.0, 0.05), (0.02, 0.32), (0.06, 0.64), (0.12, 0.88), (0.21, 1.0), (0.31, 0.92),
    (0.375, 0.80), (0.40, 0.66), (0.45, 0.57), (0.52, 0.55), (0.58, 0.60), (0.62, 0.70),
    (0.68, 0.75), (0.74, 0.73), (0.82, 0.57), (0.90, 0.36), (0.96, 0.21), (0.985, 0.15),
    (1.0, 0.10),
)  # fmt: skip
_GUITAR_OUTLINE = (
    (0.0, 0.05), (0.015, 0.33), (0.05, 0.60), (0.12, 0.88), (0.24, 1.0), (0.36, 0.92),
    (0.48, 0.72), (0.58, 0.65), (0.68, 0.69), (0.80, 0.77), (0.90, 0.68), (0.96, 0.46),
    (0.99, 0.25), (1.0, 0.16),
)  # fmt: skip
_OUTLINES = {"double_bass": _BASS_OUTLINE, "guitar": _GUITAR_OUTLINE}


def _body(
    sizes: StringSizes, outline: tuple[tuple[float, float], ...], warp: float, color: Color
) -> Mesh:
    """Return the sound box: rings of plate points, stacked from the lower to the upper end."""
    places, widths = np.array(outline).T
    profile = PchipInterpolator(places, widths)
    rows = (1 - np.cos(np.linspace(0, np.pi, 46))) / 2
    half = profile(rows) * sizes.lower * (1 + warp * np.cos(2 * np.pi * rows))
    across = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 11))
    edge = np.clip(np.minimum(rows, 1 - rows) / 0.18, 0, 1)
    rings: list[np.ndarray] = []
    for row, width, rise in zip(rows, half, np.sin(edge * np.pi / 2), strict=True):
        bulge = sizes.arch * rise * (1 - across**2) ** 1.5
        top = np.stack([-width * across, sizes.rib / 2 + bulge], axis=1)
        back = np.stack([width * across, -sizes.rib / 2 - bulge], axis=1)
        ring = np.concatenate([back, top])
        rings.append(np.column_stack([ring, np.full(len(ring), row * sizes.body)]))
    return loft(np.array(rings), color)


def make_string_mesh(
    name: str, s: StringSizes, warp: float, endpin_m: float, rng: np.random.Generator
) -> Mesh:
    """Return a stringed instrument in the frame of `capture.simulate.instruments`.

    Args:
        name: Which one: it chooses the outline and the fittings.
        s: Its sizes.
        warp: Share by which the outer bouts are wider than the standard outline, the waist slimmer.
        endpin_m: Length of the endpin, 0 for none.
        rng: Draws the color.
    """
    guitar = name == "guitar"
    shade = rng.uniform(0.6, 1.15)
    base = np.array((195, 150, 90) if guitar and rng.random() < 0.6 else (135, 72, 35))
    varnish: Color = tuple(int(v) for v in np.clip(base * shade, 0, 255))  # pyright: ignore[reportAssignmentType]
    parts = [_body(s, _OUTLINES.get(name, _VIOLIN_OUTLINE), warp, varnish)]
    bridge_z = s.body + s.neck - s.string
    bridge_y = s.rib / 2 + s.arch + s.bridge
    nut_z = s.body + s.neck
    nut_half = s.spread * 0.55 + 0.004
    end_share = 0.28 if guitar else 0.19
    board_start = bridge_z + s.string * end_share
    start_y = bridge_y + (s.nut - bridge_y) * end_share - 0.004
    board_half = nut_half + (s.spread * 0.95 - nut_half) * (1 - end_share)
    board = 0.007 if guitar else 0.35 * s.spread
    parts.append(
        _bar(
            (0, start_y - board, board_start),
            (0, s.nut - board, nut_z),
            board_half,
            nut_half,
            board,
            EBONY,
        )
    )
    neck_depth = 0.021 if guitar else 0.013 + 0.45 * s.spread
    parts.append(
        _bar(
            (0, s.nut - 2 * board - neck_depth + 0.25 * (start_y - s.nut), s.body - 0.01),
            (0, s.nut - 2 * board - neck_depth * 0.7, nut_z),
            nut_half * 1.15,
            nut_half,
            neck_depth,
            varnish,
        )
    )
    if guitar:
        parts += _guitar_fittings(s, bridge_z, nut_z, nut_half)
    else:
        parts += _violin_fittings(s, bridge_z, bridge_y, nut_z, nut_half, varnish)
    if endpin_m:
        parts.append(
            rod((0, 0, 0.01), (0, 0, -endpin_m), 0.005 if name == "cello" else 0.007, METAL)
        )
    return join(parts)


def _bar(
    start: tuple[float, float, float],
    stop: tuple[float, float, float],
    start_half: float,
    stop_half: float,
    half_depth: float,
    color: Color,
) -> Mesh:
    """Return a straight bar of rectangular section from z to z, with its own width at each end."""
    rings: list[np.ndarray] = []
    for (x, y, z), half in ((start, start_half), (stop, stop_half)):
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        rings.append(np.array([(x + half * a, y + half_depth * b, z) for a, b in corners]))
    return loft(np.array(rings), color)


def _violin_fittings(
    s: StringSizes, bridge_z: float, bridge_y: float, nut_z: float, nut_half: float, varnish: Color
) -> list[Mesh]:
    top = s.rib / 2 + s.arch
    pegbox = s.scroll * 0.65
    parts = [
        box(
            (2.3 * s.spread, s.bridge, 0.10 * s.bridge + 0.002),
            (0, bridge_y - s.bridge / 2, bridge_z),
            (205, 165, 110),
        ),
        _bar(
            (0, s.rib / 2 + 0.35 * s.bridge, 0.005),
            (0, top + 0.55 * s.bridge, bridge_z * 0.72),
            0.5 * s.spread,
            1.2 * s.spread,
            0.15 * s.spread,
            EBONY,
        ),
        _bar(
            (0, s.nut - s.spread, nut_z),
            (0, s.nut - 2.2 * s.spread, nut_z + pegbox),
            nut_half,
            0.7 * nut_half,
            0.7 * s.spread,
            varnish,
        ),
    ]
    curl = np.linspace(0, 2 * np.pi, 10)
    radius = 0.5 * s.scroll * (1 - pegbox / s.scroll)
    center = np.array([0, s.nut - 1.6 * s.spread, nut_z + pegbox + 0.3 * radius])
    disc = center[1:] + radius * np.stack([np.sin(curl[:-1]), np.cos(curl[:-1])], axis=1)
    rings = [np.column_stack([np.full(9, x), disc]) for x in (0.75 * nut_half, -0.75 * nut_half)]
    parts.append(loft(np.array(rings), varnish))
    for peg in range(4):
        z = nut_z + pegbox * (0.2 + 0.2 * peg)
        sign = 1 if peg % 2 else -1
        start = (0.0, s.nut - 1.4 * s.spread, z)
        stop = (sign * (nut_half + 0.9 * s.spread + 0.006), s.nut - 1.4 * s.spread, z)
        parts.append(rod(start, stop, 0.15 * s.spread + 0.001, EBONY))
    if s.lower < 0.15:  # a chin rest over the lower bout, left of the tailpiece
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        oval = np.stack([0.045 + 0.038 * np.sin(angles), 0.045 + 0.030 * np.cos(angles)], axis=1)
        rings = [
            np.column_stack([oval[:, 0], np.full(12, y), oval[:, 1]])
            for y in (s.rib / 2 + 0.006, s.rib / 2 + 0.024)
        ]
        parts.append(loft(np.array(rings), EBONY))
    return parts


def _guitar_fittings(s: StringSizes, bridge_z: float, nut_z: float, nut_half: float) -> list[Mesh]:
    top = s.rib / 2 + s.arch
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    hole_z = bridge_z + 0.27 * s.string
    circle = np.stack([0.045 * np.cos(angles), 0.045 * np.sin(angles)], axis=1)
    rings = np.array(
        [
            np.column_stack([circle[:, 1], np.full(16, y), hole_z + circle[:, 0]])
            for y in (top, top + 0.0015)
        ]
    )
    parts = [
        box((0.18, 0.009, 0.028), (0, top + 0.004, bridge_z - 0.004), (60, 40, 30)),
        loft(rings, (35, 28, 25)),
        _bar(
            (0, s.nut - 0.012, nut_z),
            (0, s.nut - 0.045, nut_z + s.scroll),
            nut_half + 0.006,
            nut_half + 0.010,
            0.009,
            (95, 60, 35),
        ),
    ]
    for peg in range(3):
        z = nut_z + s.scroll * (0.35 + 0.22 * peg)
        y = s.nut - 0.012 - 0.033 * (0.35 + 0.22 * peg)
        parts.append(box((2 * nut_half + 0.075, 0.012, 0.012), (0, y - 0.012, z), (200, 195, 180)))
    return parts
