"""Near sources in ambisonics: against SciPy's Hankel functions, and against the head itself."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import spherical_jn, spherical_yn

from auralize.ambisonics.magls import magls_decoder
from auralize.ambisonics.render import render_ambisonics
from auralize.hrtf.head import read_hrtf
from auralize.sources.near_field_degrees import PLAYED_FROM_M, DegreeFilters, degree_magnitudes
from auralize.stream.binaural import render_binaural
from scenes import Scene

RATE = 44_100
LENGTH = 8192
SPEED_M_S = 343.2


@pytest.fixture
def rendered(tmp_path):
    """Render a source as ambisonics of order 3, or for headphones where no order is given."""

    def render(place, *, order=3, sound=None, **listener):
        impulse = np.eye(1, LENGTH)[0]
        soundfile.write(tmp_path / "a.wav", impulse if sound is None else sound, RATE, "FLOAT")
        place = place if isinstance(place, dict) else {"position_m": place}
        scene = Scene(
            sample_rate_hz=RATE,
            sources=[{"name": "a", "file": "a.wav"} | place],
            listener={"position_m": (0, 0, 0)} | listener,
            duration_s=LENGTH / RATE,
        )
        if order is None:
            blocks = render_binaural(scene, tmp_path)
        else:
            blocks = render_ambisonics(scene, tmp_path, order=order)
        return np.concatenate(list(blocks), axis=1)

    return render


def test_strengths_are_those_of_scipys_hankel_functions():
    near, played = np.geomspace(0.05, 20, 30), 3 * np.geomspace(0.05, 20, 30)
    orders = np.arange(6)[:, None]

    def strengths(x):
        hankel = spherical_jn(orders, x) + 1j * spherical_yn(orders, x)
        return np.abs(hankel / hankel[0])

    assert_allclose(degree_magnitudes(near, played, 5), strengths(near) / strengths(played))


@pytest.mark.parametrize("distance_m", [0.15, 0.3, 0.7])
def test_filters_have_these_magnitudes_and_are_held_at_20_db(distance_m):
    filters = DegreeFilters(3, sample_rate_hz=RATE, speed_m_s=SPEED_M_S, block=LENGTH)
    response = filters.process(np.eye(1, LENGTH, dtype=np.float32)[0], np.full(2, distance_m))
    frequencies = np.arange(40, 18_000, 20.0)
    spectra = np.fft.rfft(response, RATE)[:, frequencies.astype(int)]
    levels_db = 20 * np.log10(np.abs(spectra))
    wave_numbers = 2 * np.pi * frequencies / SPEED_M_S
    wanted = degree_magnitudes(wave_numbers * distance_m, wave_numbers * PLAYED_FROM_M, 3)
    wanted_db = 20 * np.log10(wanted)
    assert_allclose(levels_db[0], 0.0, atol=1e-4)
    assert levels_db.max() < 20.5
    low = wanted_db < 14
    assert_allclose(levels_db[low], wanted_db[low], atol=0.7)
    assert np.all(
        levels_db[3, frequencies < 100] > min(14, 3 * 20 * np.log10(1.4 / distance_m) - 3)
    )


@pytest.mark.parametrize("distance_m", [0.35, 0.7])
def test_decoded_to_a_head_the_ears_differ_as_close_by(rendered, distance_m):
    """ILD at 90° below 700 Hz: within 2 dB of the headphone render, and off without it."""
    bins = np.round(np.array([150, 250, 500, 700]) / RATE * LENGTH).astype(int)
    decoder = np.fft.rfft(magls_decoder(read_hrtf(), 3), LENGTH)

    def difference_db(ears):
        return -np.diff(20 * np.log10(np.abs(ears[:, bins])), axis=0)[0]

    def decoded(**listener):
        channels = rendered((0.0, distance_m, 0.0), **listener)
        return np.einsum("cb,ceb->eb", np.fft.rfft(channels, LENGTH), decoder)

    truth = difference_db(np.fft.rfft(rendered((0.0, distance_m, 0.0), order=None)))
    near, far = difference_db(decoded()), difference_db(decoded(near_field=False))
    assert np.abs(near - truth).max() < 2
    assert np.abs(near - truth).mean() < 0.6 * np.abs(far - truth).mean()


def test_from_a_metre_on_nothing_changes(rendered):
    for place in ((0.6, 0.8, 0.0), (2.0, 0.0, 1.0)):
        assert_array_equal(rendered(place), rendered(place, near_field=False))


def test_nothing_jumps_at_a_metre(rendered):
    at_border, inside = rendered((0.6, 0.8, 0.0)), rendered((0.5999, 0.7999, 0.0))
    assert np.abs(at_border - inside).max() < 2e-3


def test_degree_0_is_that_of_any_source(rendered):
    near, far = (rendered((0.1, 0.2, 0.0), near_field=on)[0] for on in (True, False))
    assert_allclose(near, far, atol=1e-5 * np.abs(far).max())


def test_a_near_source_on_a_path_sounds_as_one_that_stands_still(rendered):
    noise = 0.1 * np.random.default_rng(4).normal(size=LENGTH)
    keys = [{"time_s": t, "position_m": (0.1, 0.25, 0.05)} for t in (0, 50)]
    keys.append({"time_s": 60, "position_m": (3, 0, 0)})
    still = rendered((0.1, 0.25, 0.05), sound=noise)
    moving = rendered({"keyframes": keys}, sound=noise)
    assert np.abs(still - moving).max() < 2e-6 * np.abs(still).max()


def test_blocks_follow_one_another_and_distances_change_evenly():
    """A sound in pieces is the sound in one piece, while the source comes nearer."""
    sound = np.random.default_rng(6).normal(size=4000).astype(np.float32)
    distances = np.geomspace(1.2, 0.2, 41)
    whole = DegreeFilters(2, sample_rate_hz=RATE, speed_m_s=SPEED_M_S, block=4000)
    pieces = DegreeFilters(2, sample_rate_hz=RATE, speed_m_s=SPEED_M_S, block=1000)
    expected = whole.process(sound, distances)
    parts = [
        pieces.process(sound[1000 * i : 1000 * i + 1000], distances[10 * i : 10 * i + 11])
        for i in range(4)
    ]
    assert_allclose(np.concatenate(parts, axis=1), expected, atol=2e-5)
