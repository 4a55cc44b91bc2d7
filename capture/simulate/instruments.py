"""Instruments of real size as triangle meshes, with the points that hands, bow and mouth touch.

Instrument frame of strings: z from the lower end (z = 0) along the neck to the scroll or head,
y out of the top plate (y = 0 in the middle of the ribs), x = y × z, which is where the lowest
string lies. That of winds is told in `capture.simulate.winds.wind`.

Sizes: violin 4/4, viola 16 inches, cello 4/4, double bass 3/4, classical guitar; the winds' in
their modules. A variant differs by a few per cent in size, in its outline and in color.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from capture.simulate.solids import Mesh
from capture.simulate.string_mesh import make_string_mesh
from capture.simulate.string_sizes import STRING_SIZES, StringSizes, scaled
from capture.simulate.winds import WINDS, Wind, make_wind


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument.

    Attributes:
        name: Canonical name.
        mesh: In the instrument frame.
        scale: Size beside the standard one.
        sizes: Of a stringed instrument, already scaled; None for winds.
        wind: Grips and bell of a wind instrument; None for strings.
        endpin_m: Length of the endpin (cello, double bass), below z = 0.
    """

    name: str
    mesh: Mesh
    scale: float
    sizes: StringSizes | None
    wind: Wind | None = None
    endpin_m: float = 0.0

    @property
    def sound_m(self) -> np.ndarray:
        """Where most of the sound leaves: the top plate at the bridge, the bell of a wind."""
        if self.wind is not None:
            return self.wind.sound_m
        s = self.strings()
        return np.array([0.0, s.rib / 2 + s.arch, s.body + s.neck - s.string])

    def strings(self) -> StringSizes:
        """Return the sizes of a stringed instrument.

        Raises:
            ValueError: It has no strings.
        """
        if self.sizes is None:
            raise ValueError(f"a {self.name} has no strings.")
        return self.sizes

    def winds(self) -> Wind:
        """Return what a wind instrument has.

        Raises:
            ValueError: It is none.
        """
        if self.wind is None:
            raise ValueError(f"a {self.name} is no wind instrument.")
        return self.wind

    def shape(self, slide_m: float) -> Mesh:
        """Return the mesh with its slide pulled out so far; without a slide, the mesh."""
        if self.wind is None or self.wind.slide is None:
            return self.mesh
        vertices = self.mesh.vertices_m.copy()
        vertices[self.wind.slide_vertices, 1] += np.float32(slide_m)
        return replace(self.mesh, vertices_m=vertices)

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
    if name in WINDS:
        wind = make_wind(name, scale, warp, rng)
        return Instrument(name=name, mesh=wind.mesh, scale=wind.size, sizes=None, wind=wind)
    endpin = 0.0
    if name == "cello":
        endpin = 0.30
    elif name == "double_bass":  # the nut comes to the height of the eyes
        nut = STRING_SIZES[name].body + STRING_SIZES[name].neck
        endpin = float(np.clip(stature_m - 0.10 - scale * nut, 0.06, 0.30))
    sizes = scaled(STRING_SIZES[name], scale)
    return Instrument(
        name=name,
        mesh=make_string_mesh(name, sizes, warp, endpin, rng),
        scale=scale,
        sizes=sizes,
        endpin_m=endpin,
    )
