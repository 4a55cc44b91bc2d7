"""Scenes as ambisonics."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.signal
import soundfile
from click.testing import CliRunner

from auralize.ambisonics.conventions import from_sn3d
from auralize.ambisonics.render import render_ambisonics
from auralize.cli import cli
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.output.rendering import render
from auralize.rooms import memory
from auralize.sources.colour import colour_taps
from auralize.sources.scene_sources import open_sources
from auralize.sources.straight_way import mono_filters
from capture.errors import DataError
from scenes import Scene, write_scene
from scenes.scene import Output

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


def test_a_receding_source_is_lower_in_pitch(tmp_path):
    """At 5 m/s from 3 m on, what is heard at t was emitted at (t − 3 m/c) / (1 + 5 m/s / c)."""
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "tone.wav", tone.astype(np.float32), RATE, subtype="FLOAT")
    keys = [{"time_s": t, "position_m": (3 + 5 * t, 0, 1.2)} for t in (0, 4)]
    what = Scene(
        sample_rate_hz=RATE,
        duration_s=0.9,
        sources=[{"name": "a", "file": "tone.wav", "keyframes": keys}],
        medium={"propagation_delay": True},
    )
    w, y, z, x = rendered(what, tmp_path)
    speed_m_s = what.medium.speed_of_sound_m_s
    emitted_s = (np.arange(len(w)) / RATE - 3 / speed_m_s) / (1 + 5 / speed_m_s)
    expected = 0.1 * np.sin(2 * np.pi * 1000 * emitted_s) / (3 + 5 * emitted_s)
    settled = emitted_s > 0.01  # the file begins with a step in its slope
    np.testing.assert_allclose(w[settled], expected[settled], atol=1e-6)
    np.testing.assert_allclose(x, w, atol=1e-7)
    np.testing.assert_allclose([y, z], 0.0, atol=1e-7)


COLOURS = {
    "cardioid": ({"directivity": "cardioid", "yaw_deg": 60}, {}),
    "air": ({"position_m": (0, 40, 1.2)}, {"air_absorption": True}),
}


def coloured_scene(source, medium):
    fields = {"name": "a", "file": "noise.wav", "position_m": (0, 2, 1.2)} | source
    return Scene(sample_rate_hz=RATE, sources=[fields], medium=medium)


@pytest.mark.parametrize("colour", COLOURS)
def test_air_and_directivity_colour_the_sound_before_it_is_encoded(tmp_path, noise, colour):
    what = coloured_scene(*COLOURS[colour])
    out = rendered(what, tmp_path, 2)
    with open_sources(what, tmp_path) as (source,):
        taps = max(1, colour_taps(source))
        colouring = mono_filters(source, np.zeros(1), taps)[0]
        directions, distances = source.seen_from_listener(np.zeros(1))
        gain = source.gains(distances)[0]
    assert np.abs(colouring - np.eye(1, taps)[0]).max() > 0.05
    expected = gain * scipy.signal.fftconvolve(noise.astype(float), colouring)[:RATE]
    expected = spherical_harmonics(directions[0], 2)[:, None] * expected
    np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("colour", [*COLOURS, "none"])
def test_a_path_that_stays_in_place_sounds_as_a_source_that_stands(tmp_path, noise, colour):
    source, medium = COLOURS.get(colour, ({}, {}))
    standing = coloured_scene(source, medium)
    place = standing.sources[0].position_m
    yaw = source.get("yaw_deg")
    # The second key is after the end of the sound.
    keys = [
        {"time_s": 0, "position_m": place, "yaw_deg": yaw},
        {"time_s": 2, "position_m": place, "yaw_deg": yaw},
        {"time_s": 3, "position_m": (1, 1, 1), "yaw_deg": yaw},
    ]
    fields = {k: v for k, v in source.items() if k != "yaw_deg"} | {"position_m": None}
    moving = coloured_scene(fields | {"keyframes": keys}, medium)
    assert moving.sources[0].moves
    np.testing.assert_allclose(
        rendered(moving, tmp_path, 3), rendered(standing, tmp_path, 3), atol=1e-6
    )


def test_many_sources_add_up(tmp_path, noise):
    places = golden_spiral(5) + np.array([0, 0, 1.2])
    both = [
        *({"name": f"s{i}", "file": "noise.wav", "position_m": p} for i, p in enumerate(places)),
        {
            "name": "m",
            "file": "noise.wav",
            "keyframes": [
                {"time_s": 0, "position_m": (1, 1, 1)},
                {"time_s": 1, "position_m": (1, -1, 1)},
            ],
        },
    ]
    together = rendered(Scene(sample_rate_hz=RATE, sources=both), tmp_path, 2)
    alone = [rendered(Scene(sample_rate_hz=RATE, sources=[one]), tmp_path, 2) for one in both]
    np.testing.assert_allclose(together, np.sum(alone, axis=0), atol=1e-6)


@pytest.mark.parametrize("convention", ["n3d", "fuma"])
def test_renders_other_conventions_by_choice(tmp_path, noise, convention):
    write_scene(tmp_path / "scene.yaml", scene())
    report = render(
        tmp_path / "scene.yaml",
        tmp_path / "out.ambix.wav",
        output={"ambisonic_order": 3, "ambisonic_convention": convention},
    )
    assert (report.channel_count, report.ambisonic_convention) == (16, convention)
    samples = soundfile.read(tmp_path / "out.ambix.wav", dtype="float32")[0].T
    gain = 10 ** (report.gain_db / 20)
    expected = from_sn3d(rendered(scene(), tmp_path, 3), convention) * gain
    np.testing.assert_allclose(samples, expected, atol=2**-22)


def test_the_command_takes_order_and_convention(tmp_path, noise):
    write_scene(tmp_path / "scene.yaml", scene())
    asked = ["render", str(tmp_path / "scene.yaml"), "-o", str(tmp_path / "out.ambix.wav")]
    done = CliRunner().invoke(cli, [*asked, "--order", "2", "--convention", "fuma", "--json"])
    figures = json.loads(done.stdout)
    assert (figures["channel_count"], figures["ambisonic_convention"]) == (9, "fuma")
    assert soundfile.info(tmp_path / "out.ambix.wav").channels == 9
    assert CliRunner().invoke(cli, [*asked, "--order", "8"]).exit_code == 2
    refused = CliRunner().invoke(cli, [*asked, "--order", "4", "--convention", "fuma"])
    assert isinstance(refused.exception, DataError)
    assert "fuma ends at order 3" in str(refused.exception)


def test_fuma_ends_at_order_3():
    with pytest.raises(ValueError, match="fuma ends at order 3, and ambisonic_order is 4"):
        Output(ambisonic_order=4, ambisonic_convention="fuma")


def test_a_room_that_does_not_fit_the_memory_is_refused(tmp_path, noise, monkeypatch):
    what = Scene(
        sample_rate_hz=RATE,
        sources=[
            {"name": n, "file": "noise.wav", "position_m": (x, 1, 1.2)}
            for n, x in (("a", 1), ("b", 2))
        ],
        room={"size_m": (6, 5, 3), "rt60_s": 0.5},
    )
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: 2**26)
    assert rendered(what, tmp_path, 1).shape[0] == 4
    match = (
        r"2 sources and 64 channels .* needs about 0\.1 GiB .* 0\.1 GiB are free\. Choose a lower"
    )
    with pytest.raises(DataError, match=match):
        rendered(what, tmp_path, 7)


def test_the_free_memory_is_known_here():
    assert 2**24 < memory.free_memory_bytes() < 2**50
