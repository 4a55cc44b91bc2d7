"""How the energy of sound falls in a room of any shape: rays that lose a share at every wall.

All rays count at all times, not only those that pass the listener: late sound is spread evenly
over a room, and so a few hundred rays give a smooth curve.

Source: Kuttruff, Room Acoustics, 6th ed., section 9.7 (ray tracing); Lambert's law for what is
scattered.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from numba import njit

from auralize.dsp.sphere_grids import golden_spiral
from auralize.rooms.mesh import ClosedMesh, nearest_facet

BIN_S = 0.002
"""Time between two values of a curve."""

_SILENT = 1e-7
_TESTS = 400_000
_FEWEST_RAYS, _MOST_RAYS = 256, 2048
_SMALLEST = 1e-12


def energy_curve(
    mesh: ClosedMesh,
    origin_m: Float[np.ndarray, "3"],
    *,
    absorption: Float[np.ndarray, "F bands"],
    speed_m_s: float,
    longest_s: float,
    rng: np.random.Generator,
    mirrors: int | None = None,
) -> Float64[np.ndarray, "bands T"]:
    """Return the share of a source's energy that is left over time, per octave band.

    Args:
        mesh: The room.
        origin_m: The source.
        absorption: Of each facet and band (in place of the mesh's own).
        speed_m_s: Speed of sound.
        longest_s: Length of the curve; beyond −70 dB it is zero.
        rng: Draws where scattered rays go.
        mirrors: If given, only the energy that met at most so many walls, and each as a mirror:
            what is scattered is lost.
    """
    count = int(np.clip(_TESTS // len(mesh.triangles_m), _FEWEST_RAYS, _MOST_RAYS))
    kept = np.log(np.maximum(1 - absorption, _SMALLEST))
    if mirrors is not None:
        kept = kept + np.log(np.maximum(1 - mesh.scattering, _SMALLEST))
    curve = np.zeros((int(np.ceil(longest_s / BIN_S)), absorption.shape[1]))
    _trace(
        mesh.triangles_m,
        mesh.facets,
        mesh.normals,
        kept,
        mesh.scattering.mean(axis=1),
        np.asarray(origin_m, dtype=np.float64),
        golden_spiral(count) * speed_m_s * BIN_S,
        -1 if mirrors is None else mirrors,
        np.log(_SILENT),
        rng,
        curve,
    )
    return curve.T / count


def decay_time_s(curve: Float[np.ndarray, "T"]) -> float:
    """Return the reverberation time of a curve of energy over time: its fall from −5 to −35 dB.

    Source: ISO 3382-1, by backward integration (Schroeder 1965) and a line fitted to it.
    """
    left = np.cumsum(curve[::-1])[::-1]
    level_db = 10 * np.log10(np.maximum(left / left[0], 1e-12))
    start, stop = int(np.argmax(level_db < -5)), int(np.argmax(level_db < -35))
    if stop - start < 2:
        return BIN_S
    slope = np.polyfit(np.arange(start, stop) * BIN_S, level_db[start:stop], 1)[0]
    return float(-60 / slope)


@njit(cache=True, nogil=True)
def _trace(
    triangles: np.ndarray,
    facets: np.ndarray,
    normals: np.ndarray,
    kept: np.ndarray,
    scattering: np.ndarray,
    origin: np.ndarray,
    steps: np.ndarray,
    mirrors: int,
    silent: float,
    rng: np.random.Generator,
    curve: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Add up the energy of rays; a step is the way within the time between two values."""
    for r in range(len(steps)):
        x, y, z = origin[0], origin[1], origin[2]
        dx, dy, dz = steps[r, 0], steps[r, 1], steps[r, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        level = np.zeros(kept.shape[1])
        now, value, facet, hits = 0.0, 0, -1, 0
        while value < len(curve) and np.max(level) > silent:
            hit, part = nearest_facet(x, y, z, dx, dy, dz, facet, triangles, facets)
            if hit < 0:  # lost through a crack between triangles: its energy stays as it is
                part = float(len(curve))
            energy = np.exp(level)
            while value < len(curve) and value + 0.5 < now + part:
                curve[value] += energy
                value += 1
            if hit < 0:
                break
            now += part
            x, y, z = x + part * dx, y + part * dy, z + part * dz
            level += kept[hit]
            facet = hit
            hits += 1
            nx, ny, nz = -normals[hit, 0], -normals[hit, 1], -normals[hit, 2]
            if mirrors < 0 and rng.random() < scattering[hit]:
                # Lambert: a point on the unit sphere around the end of the normal.
                height = 2 * rng.random() - 1
                angle = 2 * np.pi * rng.random()
                ring = np.sqrt(1 - height * height)
                dx, dy, dz = nx + ring * np.cos(angle), ny + ring * np.sin(angle), nz + height
                stretch = length / np.sqrt(dx * dx + dy * dy + dz * dz)
                dx, dy, dz = dx * stretch, dy * stretch, dz * stretch
            else:
                along = 2 * (dx * nx + dy * ny + dz * nz)
                dx, dy, dz = dx - along * nx, dy - along * ny, dz - along * nz
            if mirrors >= 0 and hits > mirrors:
                break
