"""MagLS decoders: against the head's own data, closed forms, and the covariance they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.special

from auralize.ambisonics.magls import magls_decoder
from auralize.dsp.fourier import rfft
from auralize.dsp.sphere_grids import golden_spiral, quadrature
from auralize.dsp.spherical_harmonics import channel_degrees, spherical_harmonics
from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interaural import erb_levels_db, interaural_time_difference_s
from auralize.hrtf.interpolation import HrtfInterpolator

RATE = 48_000


@pytest.fixture(scope="module")
def kemar():
    return read_hrtf().resampled(RATE)


@pytest.fixture(scope="module")
def decoders(kemar):
    return {order: magls_decoder(kemar, order) for order in (1, 3, 5)}


def decoded(decoder, directions):
    """Return the ears' responses to plane waves."""
    harmonics = spherical_harmonics(directions, round(len(decoder) ** 0.5) - 1)
    return np.einsum("dc,cet->det", harmonics, decoder.astype(np.float64))


def padded(responses):
    return np.pad(responses, ((0, 0), (0, 0), (0, RATE // 20 - responses.shape[2])))


def errors(head, decoder):
    """Return ITD (mean, max; µs), ILD and spectrum (rms, dB) at 36 measured azimuths."""
    azimuths = np.degrees(np.arctan2(head.directions[:, 1], head.directions[:, 0])) % 360
    flat = np.flatnonzero(np.abs(head.directions[:, 2]) < 1e-3)
    ring = flat[np.argsort(azimuths[flat])][::2]
    assert len(ring) == 36
    heard = padded(decoded(decoder, head.directions[ring]))
    measured = padded(head.impulse_responses[ring])
    itd = [
        abs(interaural_time_difference_s(a, RATE) - interaural_time_difference_s(b, RATE))
        for a, b in zip(heard, measured, strict=True)
    ]
    spectrum = erb_levels_db(heard, RATE) - erb_levels_db(measured, RATE)
    level = spectrum.mean()
    ild = spectrum[:, 0] - spectrum[:, 1]
    rms = [np.sqrt(np.mean(values**2)) for values in (ild, spectrum - level)]
    return 1e6 * np.mean(itd), 1e6 * np.max(itd), *rms, level


# Measured with another MagLS on the same head: ITD mean and max in µs, ILD and spectrum in dB.
PEER = {3: (9.7, 32.0, 2.7, 1.9), 5: (7.2, 20.0, 1.8, 1.3)}


@pytest.mark.parametrize("order", [3, 5])
def test_cues_are_as_close_as_the_best_that_was_measured(kemar, decoders, order):
    *ours, level = errors(kemar, decoders[order])
    assert np.all(np.array(ours) <= PEER[order]), ours
    assert abs(level) < 0.3


def test_two_open_ears_in_space_have_the_series_of_a_plane_wave(kemar):
    """Without a head, e^(ik·r) = Σ iⁿ jₙ(kr) Y(d) Y(r), and low frequencies keep its terms."""
    order, radius_m, speed_m_s, start, length = 3, 0.0875, 343.0, 80, 512
    directions = golden_spiral(900)
    ears = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    wave_numbers = 2 * np.pi * np.fft.rfftfreq(length, 1 / RATE) / speed_m_s
    phase = radius_m * (directions @ ears.T)[..., None] * wave_numbers
    start_phase = 2 * np.pi * np.arange(length // 2 + 1) * start / length
    responses = np.fft.irfft(np.exp(1j * (phase - start_phase)), length)
    decoder = magls_decoder(
        replace(kemar, directions=directions, impulse_responses=responses), order
    )
    spectra = np.fft.rfft(decoder, 4096)
    frequencies = np.fft.rfftfreq(4096, 1 / RATE)
    low = slice(20, 100)  # 234 Hz to 1.2 kHz
    size = 2 * np.pi * frequencies[low] * radius_m / speed_m_s
    lead = start + decoder.shape[2] - length - round(0.003 * RATE)
    delay = np.exp(-2j * np.pi * frequencies[low] / RATE * lead)
    degrees = channel_degrees(order)
    # A sum over Y in N3D is one over channels in SN3D with 2n + 1.
    terms = [1j**n * scipy.special.spherical_jn(n, size) * (2 * n + 1) for n in degrees]
    at_ears = spherical_harmonics(ears, order).T
    expected = at_ears[..., None] * np.array(terms)[:, None] * delay
    assert np.abs(spectra[..., low] - expected).max() < 3e-3


def test_nothing_swings_up_where_nothing_was_measured(kemar, decoders):
    """KEMAR ends at −40°; below, the level stays near that of the interpolated head."""
    below = golden_spiral(2000)
    below = below[below[:, 2] < np.sin(np.radians(-45))]
    guessed = np.sum(HrtfInterpolator(kemar).impulse_responses(below) ** 2, axis=(1, 2))
    for decoder in decoders.values():
        level = 10 * np.log10(np.sum(decoded(decoder, below) ** 2, axis=(1, 2)) / guessed)
        assert np.abs(level).max() < 3.0


def test_a_head_that_does_nothing_lets_the_channel_w_through(kemar):
    silent_for = 100
    responses = np.zeros((len(kemar.directions), 2, 200))
    responses[:, :, silent_for] = [0.5, 0.25]
    decoder = magls_decoder(replace(kemar, impulse_responses=responses), 2)
    expected = np.zeros((9, 2, decoder.shape[2]))
    expected[0, :, silent_for] = [0.5, 0.25]
    np.testing.assert_allclose(decoder, expected, atol=1e-4)


def test_a_mirrored_head_has_the_mirrored_decoder(kemar):
    """Left and right exchanged: harmonics that are odd in y change their sign."""
    mirrored = replace(
        kemar,
        directions=kemar.directions * [1, -1, 1],
        impulse_responses=kemar.impulse_responses[:, ::-1],
    )
    direction = golden_spiral(5)[1:2]
    signs = spherical_harmonics(direction * [1, -1, 1], 2) / spherical_harmonics(direction, 2)
    got = magls_decoder(mirrored, 2)
    expected = magls_decoder(kemar, 2)[:, ::-1] * np.sign(signs)[0][:, None, None]
    # The filling of the hole is not symmetric, so they differ a little.
    assert np.linalg.norm(got - expected) < 0.03 * np.linalg.norm(expected)


def test_a_diffuse_field_sounds_as_through_the_head(kemar):
    """With the constraint, power and coherence of a diffuse field are the head's per band."""
    points, weights = quadrature(30)
    through_head = covariance(HrtfInterpolator(kemar).impulse_responses(points), weights)
    plain = covariance(decoded(magls_decoder(kemar, 1), points), weights)
    held = covariance(decoded(magls_decoder(kemar, 1, diffuse_field=True), points), weights)

    def off_db(found):
        return np.abs(10 * np.log10(found[:, 0] / through_head[:, 0]))

    def coherence(found):
        return found[:, 2] / np.sqrt(found[:, 0] * found[:, 1])

    assert off_db(held).mean() < 0.5
    expected = coherence(through_head)
    assert np.abs(coherence(held) - expected).mean() < 0.05
    assert np.abs(coherence(plain) - expected).mean() > 0.2


def covariance(responses, weights):
    """Return powers of the ears and their cross power in bands of 500 Hz up to 12 kHz."""
    spectra = rfft(np.asarray(responses, dtype=np.float64), 4096)
    left, right = np.moveaxis(spectra, 1, 0)
    products = [np.abs(left) ** 2, np.abs(right) ** 2, (left * right.conj()).real]
    bands = np.stack([weights @ product for product in products], axis=-1)[20:]
    width = round(500 * 4096 / RATE)
    return bands[: 23 * width].reshape(23, width, 3).sum(axis=1)


def test_few_directions_are_filled_up(kemar):
    """52 directions do not hold 64 channels, but the interpolated head between them does."""
    chosen = np.unique(np.argmax(golden_spiral(60) @ kemar.directions.T, axis=1))
    sparse = replace(
        kemar,
        directions=kemar.directions[chosen],
        impulse_responses=kemar.impulse_responses[chosen],
    )
    assert len(chosen) < 64
    level = 10 * np.log10(
        np.sum(decoded(magls_decoder(sparse, 7), golden_spiral(300)) ** 2, axis=(1, 2))
        / np.sum(HrtfInterpolator(sparse).impulse_responses(golden_spiral(300)) ** 2, axis=(1, 2))
    )
    assert np.abs(level).max() < 4.0
