"""Binaural decoders for ambisonics from any head: filters from each channel to each ear.

Few channels cannot follow both magnitude and phase of a head's responses to high frequencies.
Phase differences between the ears tell directions at low frequencies, levels at high ones; so the
filters fit the complex responses up to a cutoff, and above it only their magnitudes (magnitude
least squares, MagLS), with the phase that the fit itself takes from bin to bin.

Source: Schörkhuber, Zaunschirm and Höldrich 2018, "Binaural rendering of ambisonic signals via
magnitude least squares", DAGA; Zaunschirm, Schörkhuber and Höldrich 2018, "Binaural rendering of
ambisonic signals by head-related impulse response time alignment and a diffuseness constraint",
J. Acoust. Soc. Am. 143 (the covariance).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Complex128, Float32, Float64

from auralize.dsp.fourier import fast_length, irfft, rfft
from auralize.dsp.sphere_grids import golden_spiral, shares_of_sphere
from auralize.dsp.spherical_harmonics import channel_degrees, spherical_harmonics
from auralize.hrtf.head import Hrtf
from auralize.hrtf.interpolation import HrtfInterpolator

# Where no direction was measured within 7°, interpolated ones stand in, so that nothing swings up
# where it is not held. They count a tenth of measured ones: a tenth steadies the fit as well, and
# the error at the measured directions is least (ITD at order 3: 9.1 µs, with a whole one 10.3).
_HOLE_RAD = np.radians(7.0)
_FILLING_COUNT = 700
_FILLING_WEIGHT = 0.1
_REGULARISATION = 1e-4
# Each bin starts from the phase of the one before, and finds its own in some rounds.
_ROUNDS = 10
# Time in front of the first onset and after the last tap for what the filters ring there; they fade
# in and out in it.
_LEAD_S, _TAIL_S = 0.0015, 0.003


def magls_decoder(
    hrtf: Hrtf, order: int, *, diffuse_field: bool = False
) -> Float32[np.ndarray, "channels 2 taps"]:
    """Return filters from AmbiX channels to (left, right).

    The level is the head's own: a source that is encoded and decoded is as loud as one that is
    filtered with its response.

    Args:
        hrtf: The head; the filters have its rate.
        order: Ambisonic order, 0 or more.
        diffuse_field: Also give sound from all around the level and the coherence between the
            ears that the head gives it. This is closer for reverberation, at low orders, and
            farther for single directions.

    Returns:
        All taps of the head and some more at the end; in front of the first onset are at least
        1.5 ms, so all may come a little later than through the head's own responses.
    """
    rate = hrtf.sample_rate_hz
    directions, responses, weights = _held_all_round(hrtf)
    energy = np.sum(responses**2, axis=(0, 1))
    onset = int(np.argmax(energy > 1e-4 * energy.max()))
    lead = max(0, math.ceil(_LEAD_S * rate) - onset)
    tail = math.ceil(_TAIL_S * rate)
    taps = lead + hrtf.tap_count + tail
    length = fast_length(2 * taps)
    # Phase turns slowest from bin to bin around the middle of the energy.
    middle = np.sum(energy * np.arange(len(energy))) / np.sum(energy)
    bins = np.arange(length // 2 + 1)
    advance = np.exp(2j * np.pi * bins / length * middle)
    targets = np.moveaxis(rfft(responses, length) * advance, -1, 0)
    harmonics = spherical_harmonics(directions, order, normalisation="n3d")
    cutoff = math.ceil((1200.0 + 200.0 * order) * length / rate)
    spectra = _fit(harmonics, weights, targets, cutoff)
    if diffuse_field:
        spectra = _as_diffuse_as(targets, weights, spectra)
    delay = np.exp(-2j * np.pi * bins / length * (middle + lead))
    filters = irfft(np.moveaxis(spectra, 0, -1) * delay, length)[..., :taps]
    filters *= np.sqrt(2 * channel_degrees(order) + 1)[:, None, None]
    filters *= _fades(taps, (onset + lead) // 2, tail)
    return filters.astype(np.float32)


def _held_all_round(
    hrtf: Hrtf,
) -> tuple[Float64[np.ndarray, "D 3"], Float64[np.ndarray, "D 2 taps"], Float64[np.ndarray, "D"]]:
    """Return directions without holes, their responses, and how much each counts."""
    filling = golden_spiral(_FILLING_COUNT)
    nearest = np.max(filling @ hrtf.directions.T, axis=1)
    filling = filling[nearest < np.cos(_HOLE_RAD)]
    directions, responses = hrtf.directions, hrtf.impulse_responses
    if len(filling):
        guessed = HrtfInterpolator(hrtf).impulse_responses(filling)
        directions = np.concatenate([directions, filling])
        responses = np.concatenate([responses, guessed])
    weights = shares_of_sphere(directions)
    weights[len(hrtf.directions) :] *= _FILLING_WEIGHT
    return directions, responses, weights / weights.sum()


def _fit(
    harmonics: Float64[np.ndarray, "D channels"],
    weights: Float64[np.ndarray, "D"],
    targets: Complex128[np.ndarray, "bins D 2"],
    cutoff: int,
) -> Complex128[np.ndarray, "bins channels 2"]:
    """Return filters that fit the targets: complex below a bin, in magnitude from there on."""
    weighted = harmonics.T * weights
    gram = weighted @ harmonics + _REGULARISATION * np.eye(len(weighted))
    solution = np.linalg.solve(gram, weighted)
    spectra = solution @ targets
    magnitudes = np.abs(targets)
    for number in range(max(1, cutoff), len(spectra)):
        here = spectra[number - 1]
        for _ in range(_ROUNDS):
            fitted = harmonics @ here
            fitted *= magnitudes[number] / np.maximum(np.abs(fitted), 1e-30)
            here = solution @ fitted
        spectra[number] = here
    # A real signal has a real spectrum at the highest frequency of an even length.
    spectra[-1] = spectra[-1].real
    return spectra


def _as_diffuse_as(
    targets: Complex128[np.ndarray, "bins D 2"],
    weights: Float64[np.ndarray, "D"],
    spectra: Complex128[np.ndarray, "bins channels 2"],
) -> Complex128[np.ndarray, "bins channels 2"]:
    """Mix the ears so that their covariance in a diffuse field is the head's.

    With covariances R = XᴴX of the head and S = ZᴴZ of the filters, all M = Z⁻¹QX with a unitary
    Q give MᴴSM = R; the one nearest to no change has Q = UVᴴ, from the singular value
    decomposition of ZXᴴ = UΣVᴴ.
    """
    wanted = np.swapaxes(targets.conj(), 1, 2) @ (weights[:, None] * targets)
    given = np.swapaxes(spectra.conj(), 1, 2) @ spectra
    # Where the head is silent there is nothing to keep, and the factors exist all the same.
    floor = 1e-12 * np.abs(wanted).max() * np.eye(2)
    x, z = (np.swapaxes(np.linalg.cholesky(r + floor), 1, 2).conj() for r in (wanted, given))
    left, _, right = np.linalg.svd(z @ np.swapaxes(x, 1, 2).conj())
    return spectra @ (np.linalg.inv(z) @ left @ right @ x)


def _fades(taps: int, rise: int, fall: int) -> Float64[np.ndarray, "taps"]:
    """Return a window that rises and falls in half periods of a cosine, and is 1 in between."""
    window = np.ones(taps)
    window[:rise] = np.sin(np.pi / 2 * (np.arange(rise) + 0.5) / rise) ** 2
    window[taps - fall :] = np.cos(np.pi / 2 * (np.arange(fall) + 0.5) / fall) ** 2
    return window
