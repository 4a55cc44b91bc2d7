"""How long a room rings: absorption of its walls and reverberation time, from one another.

Everything is per octave band (`scenes.surface.OCTAVE_BANDS_HZ`). Air absorbs too: its energy
attenuation m, in 1/m, is 0 where the air is left out of account.

Source: Eyring 1930, T = 24 ln(10) V / (c (−S ln(1 − α) + 4 m V)), with α the mean absorption over
the surface S; Kuttruff, Room Acoustics, 6th ed., eq. (5.24).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from auralize.rooms.materials import material
from capture.errors import DataError
from scenes.room import Room
from scenes.surface import OCTAVE_BANDS_HZ, WALLS, Walls, per_band

LONGEST_RT60_S = 30.0
"""Rooms that would ring longer are taken to ring this long."""

_SMALLEST_ABSORPTION = 1e-3
_WALL_ORDER = (3, 2, 5, 4, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAcoustics:
    """A box-shaped room as sound meets it, in the room's own axes.

    Walls are ordered x low, x high, y low, y high, z low, z high: back, front, right, left, floor,
    ceiling.

    Attributes:
        size_m: Length, width and height.
        absorption: Share of the energy that each wall does not reflect, per band.
        scattering: Share of what it reflects that does not go where a mirror would send it.
        rt60_s: Reverberation time per band.
    """

    size_m: Float64[np.ndarray, "3"]
    absorption: Float64[np.ndarray, "6 bands"]
    scattering: Float64[np.ndarray, "6 bands"]
    rt60_s: Float64[np.ndarray, "bands"]

    @property
    def volume_m3(self) -> float:
        """Volume of the room."""
        return float(self.size_m.prod())


def box_acoustics(
    room: Room, speed_of_sound_m_s: float, air_per_m: Float[np.ndarray, "bands"] | None = None
) -> BoxAcoustics:
    """Return the walls of a box, and how long it rings.

    With surfaces alone, the reverberation time is Eyring's. With a reverberation time alone, all
    walls absorb alike, as much as Eyring asks for. With both, the absorption of every wall is
    scaled, as an exponent of 1 − absorption, until Eyring gives that time. Where the air alone
    already takes more than that time allows, walls absorb 0.001.

    Args:
        room: A room with size_m.
        speed_of_sound_m_s: In the room's air.
        air_per_m: Energy attenuation of the air per band; none if None.

    Raises:
        DataError: No material has that name, or walls that absorb everything make the
            reverberation time impossible.
        ValueError: The room is no box.
    """
    if room.size_m is None:
        raise ValueError("only a box has six walls; this room is a mesh.")
    size = np.array(room.size_m)
    air = np.zeros(len(OCTAVE_BANDS_HZ)) if air_per_m is None else np.asarray(air_per_m)
    areas = np.repeat(size.prod() / size, 2)
    absorption, scattering = _walls(room)
    if room.rt60_s is None:
        times = eyring_rt60_s(size.prod(), areas, absorption, speed_of_sound_m_s, air)
    else:
        times = np.array(per_band(room.rt60_s))
        absorption = absorption_for_rt60(
            times, size.prod(), areas, absorption, speed_of_sound_m_s, air
        )
    return BoxAcoustics(size_m=size, absorption=absorption, scattering=scattering, rt60_s=times)


def eyring_rt60_s(
    volume_m3: float,
    areas_m2: Float[np.ndarray, "walls"],
    absorption: Float[np.ndarray, "walls bands"],
    speed_of_sound_m_s: float,
    air_per_m: Float[np.ndarray, "bands"],
) -> Float64[np.ndarray, "bands"]:
    """Return the reverberation time per band, at most 30 s."""
    mean = areas_m2 @ absorption / areas_m2.sum()
    losses = -areas_m2.sum() * np.log1p(-np.minimum(mean, 1 - 1e-12))
    losses = losses + 4 * air_per_m * volume_m3
    shortest_losses = 24 * np.log(10) * volume_m3 / (speed_of_sound_m_s * LONGEST_RT60_S)
    return 24 * np.log(10) * volume_m3 / (speed_of_sound_m_s * np.maximum(losses, shortest_losses))


def absorption_for_rt60(
    rt60_s: Float[np.ndarray, "bands"],
    volume_m3: float,
    areas_m2: Float[np.ndarray, "walls"],
    shape: Float[np.ndarray, "walls bands"],
    speed_of_sound_m_s: float,
    air_per_m: Float[np.ndarray, "bands"],
) -> Float64[np.ndarray, "walls bands"]:
    """Return 1 − (1 − shape)^k, with k per band such that Eyring gives a reverberation time.

    Raises:
        DataError: There is no such k, because some walls absorb everything.
    """
    share = areas_m2 / areas_m2.sum()
    losses = 24 * np.log(10) * volume_m3 / (speed_of_sound_m_s * rt60_s)
    wanted = -np.expm1(-(losses - 4 * air_per_m * volume_m3) / areas_m2.sum())
    wanted = np.maximum(wanted, _SMALLEST_ABSORPTION)
    logs = np.log1p(-np.clip(shape, _SMALLEST_ABSORPTION, 1 - 1e-12))
    least = share @ (shape >= 1)
    if np.any(wanted <= least):
        band = int(np.argmax(least - wanted))
        raise DataError(
            f"the room cannot ring for rt60_s of {rt60_s[band]:g} s at {OCTAVE_BANDS_HZ[band]:g} "
            "Hz: some of its surfaces absorb everything. Take rt60_s out, or lower the absorption."
        )
    low, high = np.full(len(rt60_s), -40.0), np.full(len(rt60_s), 40.0)
    for _ in range(60):  # bisection over the logarithm of k
        middle = (low + high) / 2
        too_much = share @ -np.expm1(np.exp(middle) * logs) > wanted
        low, high = np.where(too_much, low, middle), np.where(too_much, middle, high)
    return -np.expm1(np.exp((low + high) / 2) * logs)


def _walls(
    room: Room,
) -> tuple[Float64[np.ndarray, "6 bands"], Float64[np.ndarray, "6 bands"]]:
    """Return absorption and scattering of the walls; where no surface is known, plaster's."""
    surfaces = "plaster" if room.surfaces is None else room.surfaces
    choices = surfaces.materials if isinstance(surfaces, Walls) else (surfaces,) * 6
    names = [f".{name}" if isinstance(surfaces, Walls) else "" for name in WALLS]
    materials = [
        material(choice, f"room.surfaces{name}")
        for choice, name in zip(choices, names, strict=True)
    ]
    absorption = np.stack([materials[wall].absorption for wall in _WALL_ORDER])
    scattering = np.stack([materials[wall].scattering for wall in _WALL_ORDER])
    if room.surfaces is None:
        absorption = np.full_like(absorption, 0.1)  # alike on all walls, whatever it will be
    return absorption, scattering
