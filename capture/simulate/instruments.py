"""Instruments of real size as triangle meshes, with the points that hands, bow and mouth touch.

Instrument frame of strings: z from the lower end (z = 0) along the neck to the scroll or head,
y out of the top plate (y = 0 in the middle of the ribs), x = y × z, which is where the lowest
string lies. Instrument frame of the saxophone: origin at the tip of the mouthpiece, y away from
the player, z up along the tube, x to the player's right. Bow frame: origin at the frog on the
stick, z to the tip, hair at −y.

Sizes: violin 4/4, viola 16 inches, cello 4/4, double bass 3/4, classical guitar, alto and tenor
saxophone. A variant differs by a few per cent in size, in its outline and in color.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from capture.simulate.solids import Color, Mesh, box, join, loft, rod, tube

_EBONY: Color = (28, 25, 24)
_METAL: Color = (150, 150, 155)
_HAIR: Color = (225, 220, 205)


@dataclass(frozen=True, slots=True, kw_only=True)
class StringSizes:
    """Sizes of a stringed instrument, in metres.

    Attributes:
        body: Length of the body.
        lower: Half width of the lower bout; the outline gives the rest.
        rib: Height of the ribs.
        arch: How far the plates bulge.
        neck: From the body's edge to the nut.
        string: Vibrating length, nut to bridge.
        bridge: Height of the strings at the bridge over the top plate.
        nut: y of the strings at the nut.
        scroll: Length beyond the nut.
        spread: Half the distance of the outer strings at the bridge.
        radius: Radius of the bridge's curve (0: flat).
        open_pitches: MIDI numbers, low to high.
    """

    body: float
    lower: float
    rib: float
    arch: float
    neck: float
    string: float
    bridge: float
    nut: float
    scroll: float
    spread: float
    radius: float
    open_pitches: tuple[int, ...]


STRING_SIZES: dict[str, StringSizes] = {
    "violin": StringSizes(
        body=0.355, lower=0.104, rib=0.031, arch=0.015, neck=0.130,
        string=0.325, bridge=0.033, nut=0.021, scroll=0.105, spread=0.0165, radius=0.042,
        open_pitches=(55, 62, 69, 76),
    ),
    "viola": StringSizes(
        body=0.410, lower=0.121, rib=0.037, arch=0.018, neck=0.150,
        string=0.375, bridge=0.038, nut=0.024, scroll=0.120, spread=0.0185, radius=0.048,
        open_pitches=(48, 55, 62, 69),
    ),
    "cello": StringSizes(
        body=0.755, lower=0.220, rib=0.117, arch=0.025, neck=0.280,
        string=0.690, bridge=0.085, nut=0.079, scroll=0.190, spread=0.0235, radius=0.062,
        open_pitches=(36, 43, 50, 57),
    ),
    "double_bass": StringSizes(
        body=1.110, lower=0.335, rib=0.195, arch=0.040, neck=0.440,
        string=1.060, bridge=0.160, nut=0.112, scroll=0.270, spread=0.045, radius=0.085,
        open_pitches=(28, 33, 38, 43),
    ),
    "guitar": StringSizes(
        body=0.490, lower=0.184, rib=0.096, arch=0.003, neck=0.325,
        string=0.650, bridge=0.010, nut=0.056, scroll=0.185, spread=0.029, radius=0.0,
        open_pitches=(40, 45, 50, 55, 59, 64),
    ),
}  # fmt: skip

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument.

    Attributes:
        name: Canonical name.
        mesh: In the instrument frame.
        scale: Size beside the standard one.
        sizes: Of a stringed instrument, already scaled; None for the saxophone.
        endpin_m: Length of the endpin (cello, double bass), below z = 0.
        left_key_m, right_key_m: Where the hands hold a saxophone; zeros for strings.
    """

    name: str
    mesh: Mesh
    scale: float
    sizes: StringSizes | None
    endpin_m: float = 0.0
    left_key_m: np.ndarray
    right_key_m: np.ndarray

    @property
    def sound_m(self) -> np.ndarray:
        """Where most of the sound leaves: the top plate at the bridge, the bell of a saxophone."""
        if self.sizes is None:
            return np.array([0.0, 0.345, -0.28]) * self.scale
        s = self.sizes
        return np.array([0.0, s.rib / 2 + s.arch, s.body + s.neck - s.string])

    def strings(self) -> StringSizes:
        """Return the sizes of a stringed instrument.

        Raises:
            ValueError: It has no strings.
        """
        if self.sizes is None:
            raise ValueError(f"a {self.name} has no strings.")
        return self.sizes

    def string_point(self, string: float, from_bridge_m: float) -> np.ndarray:
        """Return a point of a string (0 is the lowest; fractions lie between two strings)."""
        s = self.strings()
        share = from_bridge_m / s.string
        across = s.spread * (1 - 2 * string / (len(s.open_pitches) - 1))
        bridge_y = s.rib / 2 + s.arch + s.bridge
        if s.radius:
            bridge_y += np.sqrt(s.radius**2 - across**2) - s.radius
        bridge_z = s.body + s.neck - s.string
        return np.array(
            [
                across * (1 - 0.55 * share),
                bridge_y + (s.nut - bridge_y) * share,
                bridge_z + from_bridge_m,
            ]
        )

    def string_slope_rad(self, string: float) -> float:
        """Return the angle of the bridge's curve under a string, in the x-y plane."""
        s = self.strings()
        if not s.radius:
            return 0.0
        across = s.spread * (1 - 2 * string / (len(s.open_pitches) - 1))
        return -float(np.arcsin(across / s.radius))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bow:
    """A bow.

    Attributes:
        mesh: In the bow frame.
        hair_m: Length of the hair that can be played.
        gap_m: From the stick to the hair.
    """

    mesh: Mesh
    hair_m: float
    gap_m: float


_BOWS = {
    "violin": (0.73, 0.62),
    "viola": (0.73, 0.62),
    "cello": (0.71, 0.58),
    "double_bass": (0.69, 0.53),
}
HAIR_START_M = 0.045


def make_bow(instrument: str) -> Bow:
    """Return the bow of a violin, viola, cello or double bass."""
    stick, hair = _BOWS[instrument]
    gap = 0.021 if stick > 0.715 else 0.027
    along = np.linspace(-0.03, stick - 0.03, 9)
    camber = -0.5 * gap * np.sin(np.pi * np.linspace(0, 1, 9))
    path = np.stack([np.zeros(9), camber, along], axis=1)
    end = HAIR_START_M + hair
    parts = [
        tube(path, np.linspace(0.0052, 0.0035, 9), (105, 55, 30), sides=6),
        box((0.013, gap + 0.006, 0.05), (0, -gap / 2, 0.02), _EBONY),
        box((0.008, gap + 0.004, 0.014), (0, -gap / 2, end + 0.012), _EBONY),
        box((0.010, 0.002, hair + 0.02), (0, -gap, HAIR_START_M + hair / 2), _HAIR),
    ]
    return Bow(mesh=join(parts), hair_m=hair, gap_m=gap)


def make_instrument(
    name: str, rng: np.random.Generator, *, split: str = "train", stature_m: float = 1.75
) -> Instrument:
    """Return an instrument; its variant comes from `rng`, a double bass's endpin from the stature.

    The test split draws sizes and outlines that the training split does not: training scales lie
    within ±2 %, test scales 2 to 4 % off, and test outlines are warped the other way.
    """
    scale = 1 + rng.uniform(-0.02, 0.02)
    warp = rng.uniform(0.0, 0.035)
    if split == "test":
        scale = 1 + rng.choice([-1, 1]) * rng.uniform(0.02, 0.04)
        warp = -rng.uniform(0.01, 0.035)
    if name == "saxophone":
        return _make_saxophone(scale, tenor=rng.random() < 0.4, rng=rng)
    endpin = 0.0
    if name == "cello":
        endpin = 0.30
    elif name == "double_bass":  # the nut comes to the height of the eyes
        sizes = STRING_SIZES[name]
        endpin = float(np.clip(stature_m - 0.10 - scale * (sizes.body + sizes.neck), 0.06, 0.30))
    return _make_strings(name, scale, warp, endpin, rng)


def _scaled(sizes: StringSizes, scale: float) -> StringSizes:
    values = {
        field: getattr(sizes, field) * scale
        for field in StringSizes.__slots__
        if field != "open_pitches"
    }
    return StringSizes(**values, open_pitches=sizes.open_pitches)


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


def _make_strings(
    name: str, scale: float, warp: float, endpin: float, rng: np.random.Generator
) -> Instrument:
    s = _scaled(STRING_SIZES[name], scale)
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
            _EBONY,
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
    if endpin:
        parts.append(
            rod((0, 0, 0.01), (0, 0, -endpin), 0.005 if name == "cello" else 0.007, _METAL)
        )
    return Instrument(
        name=name,
        mesh=join(parts),
        scale=scale,
        sizes=s,
        endpin_m=endpin,
        left_key_m=np.zeros(3),
        right_key_m=np.zeros(3),
    )


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
            _EBONY,
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
        parts.append(rod(start, stop, 0.15 * s.spread + 0.001, _EBONY))
    if s.lower < 0.15:  # a chin rest over the lower bout, left of the tailpiece
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        oval = np.stack([0.045 + 0.038 * np.sin(angles), 0.045 + 0.030 * np.cos(angles)], axis=1)
        rings = [
            np.column_stack([oval[:, 0], np.full(12, y), oval[:, 1]])
            for y in (s.rib / 2 + 0.006, s.rib / 2 + 0.024)
        ]
        parts.append(loft(np.array(rings), _EBONY))
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


def _make_saxophone(scale: float, *, tenor: bool, rng: np.random.Generator) -> Instrument:
    size = scale * (1.18 if tenor else 1.0)
    lacquer: Color = (205, 165, 70) if rng.random() < 0.75 else (180, 180, 185)
    mouthpiece = np.array([[0, 0, 0], [0, 0.045, 0.006], [0, 0.085, 0.012]])
    neck = np.array(
        [[0, 0.075, 0.010], [0, 0.115, 0.020], [0, 0.150, 0.018], [0, 0.175, 0.000],
         [0, 0.186, -0.030], [0, 0.188, -0.060]]
    )  # fmt: skip
    straight = np.linspace([0, 0.188, -0.06], [0, 0.188, -0.53], 14)
    half = np.linspace(0, np.pi, 11)
    elbow = np.stack(
        [np.zeros(11), 0.188 + 0.058 * (1 - np.cos(half)), -0.53 - 0.058 * np.sin(half)], axis=1
    )
    rise = np.linspace(0, 1, 12)
    bell = np.stack([np.zeros(12), 0.304 + 0.045 * rise**2, -0.53 + 0.27 * rise], axis=1)
    path = np.concatenate([straight, elbow[1:], bell[1:]])
    conical = np.linspace(0.0125, 0.040, len(path) - 5)
    flare = 0.040 + 0.022 * np.linspace(0.2, 1, 5) ** 2
    parts = [
        tube(mouthpiece, np.array([0.006, 0.011, 0.012]), _EBONY),
        tube(neck, np.linspace(0.0085, 0.013, 6), lacquer),
        tube(path, np.concatenate([conical, flare]), lacquer, sides=16),
    ]
    for index, z in enumerate(np.linspace(-0.10, -0.50, 13)):
        lean = 0.022 * np.sin(1.7 * index)
        radius = 0.010 + 0.0006 * index
        parts.append(
            rod((lean, 0.195, z), (lean * 1.4, 0.226 + 0.0012 * index, z), radius, lacquer)
        )
    for x in (0.034, -0.034):
        parts.append(rod((x, 0.196, -0.09), (x * 1.15, 0.200, -0.50), 0.005, lacquer))
    parts.append(box((0.004, 0.05, 0.09), (0.066, 0.30, -0.42), lacquer))
    parts.append(box((0.004, 0.05, 0.09), (-0.066, 0.30, -0.36), lacquer))
    mesh = join(parts)
    mesh = Mesh(vertices_m=mesh.vertices_m * np.float32(size), faces=mesh.faces, colors=mesh.colors)
    return Instrument(
        name="saxophone",
        mesh=mesh,
        scale=size,
        sizes=None,
        left_key_m=np.array([0, 0.188, -0.17]) * size,
        right_key_m=np.array([0, 0.188, -0.37]) * size,
    )
