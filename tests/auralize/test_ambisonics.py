"""Spherical harmonics against the published norms and SciPy; scenes as AmbiX."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import soundfile

from auralize.ambisonics import render_ambisonics, spherical_harmonics
from auralize.rendering import render
from scenes import Scene, write_scene

REFERENCE = Path(__file__).parents[1] / "references" / "auralize" / "sn3d_n3d.csv"
RATE = 48_000


@pytest.fixture(scope="module")
def directions():
    points = np.random.default_rng(2).normal(size=(200, 3))
    points[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("normalisation", ["sn3d", "n3d"])
def test_agree_with_the_published_norms_and_scipys_legendre_functions(directions, normalisation):
    ours = spherical_harmonics(directions, 7, normalisation=normalisation)
    azimuths = np.arctan2(directions[:, 1], directions[:, 0])
    with REFERENCE.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ours.shape[1] == 64
    for row in rows:
        acn, n, m = (int(row[key]) for key in ("acn", "n", "m"))
        # SciPy has the Condon-Shortley phase, AmbiX has not.
        legendre = (-1) ** m * scipy.special.lpmv(abs(m), n, directions[:, 2])
        turn = np.cos(m * azimuths) if m >= 0 else np.sin(-m * azimuths)
        expected = float(row[f"{normalisation}_norm"]) * legendre * turn
        np.testing.assert_allclose(ours[:, acn], expected, atol=1e-12, err_msg=f"n={n} m={m}")


def test_the_first_order_is_w_y_z_x(directions):
    x, y, z = directions.T
    expected = np.stack([np.ones_like(x), y, z, x], axis=1)
    np.testing.assert_allclose(spherical_harmonics(directions, 1), expected, atol=1e-15)


def test_n3d_is_orthonormal_over_the_sphere():
    order = 7
    heights, weights = np.polynomial.legendre.leggauss(order + 1)
    azimuths = 2 * np.pi * np.arange(2 * order + 2) / (2 * order + 2)
    flat = np.sqrt(1 - heights**2)[:, None]
    points = np.stack(
        [
            flat * np.cos(azimuths),
            flat * np.sin(azimuths),
            np.broadcast_to(heights[:, None], (order + 1, len(azimuths))),
        ],
        axis=-1,
    )
    harmonics = spherical_harmonics(points, order, normalisation="n3d")
    gram = np.einsum("h,hai,haj->ij", weights / 2 / len(azimuths), harmonics, harmonics)
    np.testing.assert_allclose(gram, np.eye(64), atol=1e-12)


def test_sn3d_keeps_the_energy_of_each_degree(directions):
    """The addition theorem: the squares of each degree sum to one."""
    harmonics = spherical_harmonics(directions, 7)
    for n in range(8):
        energy = np.sum(harmonics[:, n * n : (n + 1) ** 2] ** 2, axis=1)
        np.testing.assert_allclose(energy, 1.0, atol=1e-12)


def test_refuses_a_negative_order():
    with pytest.raises(ValueError, match="0 or more"):
        spherical_harmonics(np.eye(3), -1)


@pytest.fixture
def noise(tmp_path):
    samples = 0.1 * np.random.default_rng(5).normal(size=RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
    return samples


def scene(**changes):
    fields = {"name": "a", "file": "noise.wav", "position_m": (0, 2, 1.2)}
    listener = changes.pop("listener", {})
    return Scene(sample_rate_hz=RATE, sources=[fields | changes], listener=listener)


def rendered(what, folder, order=1):
    return np.concatenate(list(render_ambisonics(what, folder, order=order)), axis=1)


def test_a_source_on_the_left_is_in_w_and_y(tmp_path, noise):
    w, y, z, x = rendered(scene(), tmp_path)
    np.testing.assert_allclose(w, 0.5 * noise, atol=1e-7)  # 2 m away
    np.testing.assert_allclose(y, 0.5 * noise, atol=1e-7)
    np.testing.assert_allclose([z, x], 0.0, atol=1e-7)


def test_the_sphere_turns_with_the_listener(tmp_path, noise):
    _, y, z, x = rendered(scene(listener={"yaw_deg": 90}), tmp_path)
    np.testing.assert_allclose(x, 0.5 * noise, atol=1e-7)
    np.testing.assert_allclose([y, z], 0.0, atol=1e-7)


@pytest.mark.parametrize("order", [0, 3])
def test_a_moving_source_has_the_harmonics_of_where_it_is(tmp_path, noise, order):
    keys = [
        {"time_s": t, "position_m": (np.cos(t), np.sin(t), 1.2)} for t in np.linspace(0, 1.1, 551)
    ]
    out = rendered(scene(position_m=None, keyframes=keys), tmp_path, order)
    times = np.arange(RATE) / RATE
    circle = np.stack([np.cos(times), np.sin(times), 0 * times], axis=1)
    expected = spherical_harmonics(circle, order).T * noise
    # Straight lines between keyframes and between gains stray by less than −60 dB.
    assert np.abs(out - expected).max() < 1e-3 * np.abs(expected).max()


def test_renders_ambix_files_of_the_scenes_order(tmp_path, noise):
    loud = scene(gain_db=40.0)
    loud = loud.model_copy(update={"output": loud.output.model_copy(update={"ambisonic_order": 2})})
    write_scene(tmp_path / "scene.yaml", loud)
    report = render(tmp_path / "scene.yaml", tmp_path / "out.ambix.wav")
    samples, rate = soundfile.read(tmp_path / "out.ambix.wav", dtype="float32")
    assert (rate, samples.shape) == (RATE, (RATE, 9))
    assert (report.format, report.hrtf) == ("ambix", None)
    assert report.true_peak_dbtp == pytest.approx(-1.0)
    gain = 10 ** (report.gain_db / 20)
    assert gain < 0.1
    expected = rendered(loud, tmp_path, 2).T * gain
    np.testing.assert_allclose(samples, expected, atol=2**-22)
