"""Methods of interpolating HRTFs, ours and those that it is compared with.

Each takes a head and unit vectors, and returns impulse responses (directions, 2, taps).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from auralize.dsp.fourier import irfft, rfft
from auralize.hrtf.direction_mesh import DirectionMesh
from auralize.hrtf.head import Hrtf
from auralize.hrtf.interpolation import HrtfInterpolator


def nearest(head: Hrtf, directions: np.ndarray) -> np.ndarray:
    """Give the response of the direction that is closest."""
    return head.impulse_responses[np.argmax(directions @ head.directions.T, axis=1)]


def triangles(head: Hrtf, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the three measured directions around each direction, and their weights."""
    mesh = DirectionMesh(head.directions, largest_step_rad=np.pi, name=head.name)
    # Undivided triangles: every node is a vertex.
    nodes, weights = mesh.nodes(directions)
    vertices = mesh.between(np.arange(mesh.node_count))[0].max(axis=1)
    return vertices[nodes], weights


def linear_mix(head: Hrtf, directions: np.ndarray) -> np.ndarray:
    """Give the weighted mean of three responses."""
    corners, weights = triangles(head, directions)
    return np.einsum("pk,pket->pet", weights, head.impulse_responses[corners])


def aligned_mix(head: Hrtf, directions: np.ndarray) -> np.ndarray:
    """Give the weighted mean of three aligned responses, at the weighted mean of their delays."""
    corners, weights = triangles(head, directions)
    interpolator = HrtfInterpolator(head)
    delays, aligned = interpolator.aligned(head.directions)
    delay = np.einsum("pk,pke->pe", weights, delays[corners]) - interpolator.early_samples
    length = 2 * head.tap_count
    turns = np.arange(length // 2 + 1) / length
    mixed = np.einsum("pk,pket->pet", weights, aligned[corners])
    spectrum = rfft(mixed, length) * np.exp(-2j * np.pi * turns * delay[..., None])
    return irfft(spectrum, length)[..., : head.tap_count]


def ours(head: Hrtf, directions: np.ndarray) -> np.ndarray:
    """Interpolate as rendering does."""
    return HrtfInterpolator(head).impulse_responses(directions)


def cubic_on_ring(head: Hrtf, directions: np.ndarray) -> np.ndarray:
    """Interpolate log magnitude and unwrapped phase of the horizontal ring by cubic splines.

    The best of the methods that this project's were measured against.
    """
    azimuths, elevations = angles_deg(head)
    ring = np.flatnonzero(np.abs(elevations) < 0.05)
    ring = ring[np.argsort(azimuths[ring])]
    length = 2 * head.tap_count
    spectra = rfft(head.impulse_responses[np.append(ring, ring[0])], length)
    values = np.stack([np.log(np.maximum(np.abs(spectra), 1e-9)), phases(spectra)])
    places = np.append(azimuths[ring], azimuths[ring[0]] + 360)
    # The spline is periodic; what is left of whole turns of the phase is a step at its end.
    values[1, -1] = values[1, 0]
    spline = CubicSpline(places, values, axis=1, bc_type="periodic")
    wanted = np.degrees(np.arctan2(directions[:, 1], directions[:, 0]))
    magnitude, phase = spline((wanted - places[0]) % 360 + places[0])
    return irfft(np.exp(magnitude + 1j * phase), length)[..., : head.tap_count]


def phases(spectra: np.ndarray) -> np.ndarray:
    """Unwrap phases over the frequencies, and then over the directions."""
    return np.unwrap(np.unwrap(np.angle(spectra), axis=-1), axis=0)


METHODS: dict[str, Callable[[Hrtf, np.ndarray], np.ndarray]] = {
    "nearest": nearest,
    "linear mix": linear_mix,
    "aligned mix": aligned_mix,
    "cubic": cubic_on_ring,
    "ours": ours,
}

# Mixing needs directions all around, and the ring is horizontal.
WHERE = {
    "linear mix": ("horizontal", "whole"),
    "aligned mix": ("horizontal", "whole"),
    "cubic": "horizontal",
}


def angles_deg(head: Hrtf) -> tuple[np.ndarray, np.ndarray]:
    """Return azimuths from 0° on and elevations of a head's directions."""
    azimuths = np.degrees(np.arctan2(head.directions[:, 1], head.directions[:, 0])) % 360
    return azimuths, np.degrees(np.arcsin(np.clip(head.directions[:, 2], -1, 1)))
