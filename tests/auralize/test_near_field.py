"""Near sources against the rigid sphere: recorded numbers, SciPy, and a head that is a sphere."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.near_field import NearField, sphere_response
from auralize.sources.scene_sources import open_sources
from auralize.sources.sphere_head import sphere_head
from auralize.stream.binaural import render_binaural
from auralize.stream.standing import whole_response
from scenes import Scene

TABLE = Path(__file__).parents[1] / "references" / "auralize" / "duda_martens_sphere.csv"
RADIUS_M, SPEED_M_S, MEASURED_M, RATE = 0.0875, 343.0, 1.4, 48_000
# The air in which sound has the speed of the table.
MEDIUM = {"temperature_c": 293.15 * (SPEED_M_S / 343.2) ** 2 - 273.15}


def waves(frequencies_hz):
    return 2 * np.pi * np.asarray(frequencies_hz) * RADIUS_M / SPEED_M_S


@pytest.fixture(scope="module")
def sphere_table():
    """The recorded pressures: {(ρ, θ in degrees): {Hz: pressure}}."""
    table = {}
    with TABLE.open() as file:
        for rho, theta, f_hz, _, real, imag in list(csv.reader(file))[1:]:
            pressures = table.setdefault((float(rho), float(theta)), {})
            pressures[float(f_hz)] = float(real) + 1j * float(imag)
    return table


def test_the_sphere_agrees_with_the_recorded_series(sphere_table):
    assert len(sphere_table) == 91
    for (rho, theta_deg), pressures in sphere_table.items():
        if theta_deg == 90:  # see the README of the references
            continue
        cosine = np.cos(np.radians([theta_deg]))
        ours = sphere_response(waves(list(pressures)), rho, cosine)[:, 0]
        assert_allclose(ours, list(pressures.values()), rtol=1e-6)


@pytest.mark.parametrize("rho", [1.25, 2.0, 16.0])
def test_the_sphere_agrees_with_scipys_bessel_functions(rho):
    orders = np.arange(70)[:, None]

    def hankel(x, derivative=False):
        return spherical_jn(orders, x, derivative) + 1j * spherical_yn(orders, x, derivative)

    mu = waves([4000.0, 8000.0, 16_000.0])
    cosines = np.array([0.0, 0.3, -1.0])
    radial = (2 * orders + 1) * hankel(mu * rho) / hankel(mu, derivative=True)
    series = radial.T @ eval_legendre(orders, cosines)
    expected = -(rho / mu * np.exp(-1j * mu * rho))[:, None] * series
    # The nearest source needs more terms than these functions can give.
    tolerance = 1e-5 if rho < 2 else 1e-9
    assert_allclose(sphere_response(mu, rho, cosines), expected, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def sphere():
    """A head that is a rigid sphere, measured at 1.4 m in 2500 directions."""
    return HrtfInterpolator(
        sphere_head(
            sample_rate_hz=RATE,
            radius_m=RADIUS_M,
            distance_m=MEASURED_M,
            speed_of_sound_m_s=SPEED_M_S,
        )
    )


def scene_at(position_m, **listener):
    source = {"name": "a", "file": "noise.wav"}
    place = position_m if isinstance(position_m, dict) else {"position_m": position_m}
    return Scene(
        sample_rate_hz=RATE,
        sources=[source | place],
        listener={"position_m": (0, 0, 0)} | listener,
        medium=MEDIUM,
    )


@pytest.fixture
def filters(tmp_path, sphere):
    """Give the filters of a source at a place, without the distance law."""
    noise = 0.1 * np.random.default_rng(1).normal(size=RATE // 4)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, "FLOAT")

    def make(position_m, **listener):
        with open_sources(scene_at(position_m, **listener), tmp_path) as (source,):
            now = np.zeros(1)
            gain = source.gains(source.seen_from_listener(now)[1])
            return whole_response(source, sphere) / gain

    return make


def levels_db(responses, frequencies_hz):
    spectrum = np.fft.rfft(responses, RATE)  # a bin each hertz
    return 20 * np.log10(np.abs(spectrum[..., np.asarray(frequencies_hz, dtype=int)]))


@pytest.mark.parametrize("rho", [2.0, 4.0, 8.0])
def test_level_differences_between_the_ears_are_those_of_the_sphere(filters, sphere_table, rho):
    """ILD within 0.2 dB at 0.175, 0.35 and 0.7 m, all angles, 0.2 to 4 kHz."""
    corrected, uncorrected = [], []
    frequencies = [200.0, 500.0, 1000.0, 2000.0, 4000.0]
    for theta_deg in range(0, 90, 15):  # from the left ear
        theta = np.radians(theta_deg)
        near_m = rho * RADIUS_M
        for tilt in (0.0, 1.0, 4.0):
            flat = near_m * np.sin(theta)
            place = (flat * np.cos(tilt), near_m * np.cos(theta), flat * np.sin(tilt))
            left, right = (
                20 * np.log10([abs(sphere_table[rho, angle][f]) for f in frequencies])
                for angle in (theta_deg, 180 - theta_deg)
            )
            for outcome, on in ((corrected, True), (uncorrected, False)):
                heard = levels_db(filters(place, near_field=on), frequencies)
                outcome.append(heard[0] - heard[1] - (left - right))
                if on:
                    assert_allclose(heard, [left, right], atol=0.2)
    assert np.abs(corrected).max() < 0.2
    assert np.abs(uncorrected).max() > 1.5


def test_the_time_between_the_ears_is_that_of_the_sphere(filters):
    """Phase differences below 2 kHz, at 0.2 m and 60° from the left ear."""
    frequencies = np.array([300, 700, 1500])
    place = (0.2 * np.sin(np.pi / 3), 0.1, 0.0)
    left, right = np.fft.rfft(filters(place), RATE)[:, frequencies]
    cosines = np.array([0.5, -0.5])
    truth = np.conj(sphere_response(waves(frequencies), 0.2 / RADIUS_M, cosines))
    error = np.angle(left / right * truth[:, 1] / truth[:, 0])
    assert np.abs(error / (2 * np.pi * frequencies)).max() < 3e-6


def test_from_a_metre_on_the_head_is_as_it_was_measured(filters):
    for place in ((0.6, 0.8, 0.0), (0.0, -1.0, 0.0), (2.0, 1.0, 0.0)):
        assert_array_equal(filters(place), filters(place, near_field=False))


def test_nothing_jumps_at_a_metre(filters):
    at_border, inside = filters((0.6, 0.8, 0.0)), filters((0.59999, 0.79999, 0.0))
    assert np.abs(at_border - inside).max() < 1e-3 * np.abs(at_border).max()


def test_the_correction_fades_in_without_steps(filters):
    """Between 1 m and 0.15 m the level difference grows, and never by more than 1 dB in 2 cm."""
    places = [(0.0, y, 0.0) for y in np.arange(1.02, 0.15, -0.02)]
    differences = [np.subtract(*levels_db(filters(place), [500])[:, 0]) for place in places]
    steps = np.diff(differences)
    assert steps.min() > -0.05
    assert steps.max() < 2.5
    assert steps[:25].max() < 1.0


def test_inside_the_head_all_is_as_at_its_skin(filters):
    skin = filters((0.0, 0.15, 0.0))
    assert_allclose(filters((0.0, 0.05, 0.0)), skin, atol=1e-6)
    assert_allclose(filters((0.0, 0.0, 0.0)), filters((0.15, 0.0, 0.0)), atol=1e-6)


class TestParallax:
    field = NearField(head_radius_m=RADIUS_M, measured_m=MEASURED_M, speed_of_sound_m_s=SPEED_M_S)

    def test_each_ear_sees_a_source_in_front_on_the_other_side(self):
        (left, right), *_ = self.field.ear_directions(np.array([[1.0, 0, 0]]), np.array([0.3]))
        assert left[1] < -0.1
        assert_allclose(right, left * [1, -1, 1])

    def test_the_line_from_the_ear_through_the_source_meets_the_measured_distance(self):
        direction = np.array([0.6, 0.64, 0.48])
        ears = self.field.ear_directions(direction[None], np.array([0.25]))
        line = 0.25 * direction - [0, RADIUS_M, 0]
        way = MEASURED_M * ears[0, 0] - [0, RADIUS_M, 0]
        assert_allclose(way / np.linalg.norm(way), line / np.linalg.norm(line), atol=1e-12)

    def test_a_source_beside_an_ear_stays_there(self):
        beside = np.array([[0, 1.0, 0], [0, -1.0, 0]])
        ears = self.field.ear_directions(beside, np.array([0.2, 0.2]))
        assert_allclose(ears, np.repeat(beside[:, None], 2, axis=1), atol=1e-12)


def test_refuses_a_head_that_reaches_beyond_the_nearest_source():
    with pytest.raises(ValueError, match=r"at most 0\.12 m"):
        NearField(head_radius_m=0.2, measured_m=1.4, speed_of_sound_m_s=343.0)


def test_a_near_source_on_a_path_sounds_as_one_that_stands_still(tmp_path, sphere, filters):
    place = (0.1, 0.25, 0.05)
    keys = [{"time_s": t, "position_m": place} for t in (0, 50)]
    keys.append({"time_s": 60, "position_m": (3, 0, 0)})
    still, moving = (
        np.concatenate(list(render_binaural(scene_at(it), tmp_path, sphere.hrtf)), axis=1)
        for it in (place, {"keyframes": keys})
    )
    # The correction has no end; the two cut it off at different places.
    assert np.abs(still - moving).max() < 3e-4 * np.abs(still).max()
