"""Scenes as ambisonics."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auralize.ambisonics import render_ambisonics
from auralize.rendering import render
from auralize.spherical_harmonics import spherical_harmonics
from scenes import Scene, write_scene

RATE = 48_000


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
