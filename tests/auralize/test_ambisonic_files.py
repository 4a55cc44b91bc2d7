"""Files of ambisonics to headphones and loudspeakers, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.signal
import soundfile
from click.testing import CliRunner

from auralize.ambisonics.conventions import from_sn3d
from auralize.ambisonics.loudspeaker_decoding import loudspeaker_decoder
from auralize.ambisonics.loudspeaker_layout import named_layouts
from auralize.ambisonics.magls import magls_decoder
from auralize.cli import cli
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interaural import interaural_time_difference_s
from auralize.output.ambisonic_files import decode
from auralize.output.rendering import render
from auralize.stream.binaural import render_binaural
from capture.errors import DataError, FileFormatError, OutputError
from capture.pose import quaternion_from_yaw
from scenes import Scene, write_scene

RATE = 48_000
COUNT = 40_000  # more than a block, and no whole number of them
FLOAT = {"sample_format": "float32", "limit_true_peak": False}


@pytest.fixture
def noise():
    return 0.05 * np.random.default_rng(5).normal(size=COUNT).astype(np.float32)


def write_ambix(path, sound, direction, order, *, rate=RATE, convention="sn3d"):
    harmonics = spherical_harmonics(np.array(direction, dtype=float), order)
    channels = from_sn3d(harmonics[:, None] * sound, convention)
    soundfile.write(path, channels.T, rate, subtype="FLOAT")
    return channels


def test_headphones_get_each_channel_through_its_filters(tmp_path, noise):
    channels = write_ambix(tmp_path / "in.wav", noise, (0.6, 0.64, 0.48), 2)
    report = decode(tmp_path / "in.wav", tmp_path / "out.wav", output=FLOAT)
    heard, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert (rate, heard.shape) == (RATE, (COUNT, 2))
    filters = magls_decoder(read_hrtf().resampled(RATE), 2).astype(np.float64)
    expected = scipy.signal.fftconvolve(channels[:, None], filters, axes=2).sum(axis=0)
    np.testing.assert_allclose(heard, expected.T[:COUNT], atol=1e-6)
    assert (report.target, report.order, report.gain_db) == ("headphones", 2, 0.0)
    assert report.hrtf == read_hrtf().name


def test_a_turned_head_hears_the_source_elsewhere(tmp_path, noise):
    write_ambix(tmp_path / "front.wav", noise, (1, 0, 0), 3)
    write_ambix(tmp_path / "right.wav", noise, (0.5, -np.sqrt(0.75), 0), 3)
    left = quaternion_from_yaw(np.radians(60))
    decode(tmp_path / "front.wav", tmp_path / "a.wav", orientation_wxyz=left, output=FLOAT)
    decode(tmp_path / "right.wav", tmp_path / "b.wav", output=FLOAT)
    turned, placed = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(turned, placed, atol=1e-6)


PLACES = {
    "near": ((0.15, 0.25, 1.2), None),
    "room": ((1.0, 1.5, 1.4), {"size_m": (7, 6, 3), "rt60_s": 0.4}),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_decoded_scene_is_about_the_binaural_scene(tmp_path, noise, place):
    """Order 5 keeps times and levels also of near sources and of rooms."""
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="FLOAT")
    position_m, room = PLACES[place]
    scene = Scene(
        sample_rate_hz=RATE,
        sources=[{"name": "a", "file": "noise.wav", "position_m": position_m}],
        room=room,
        output={"ambisonic_order": 5} | FLOAT,
    )
    write_scene(tmp_path / "scene.yaml", scene)
    render(tmp_path / "scene.yaml", tmp_path / "scene.ambix.wav")
    decode(tmp_path / "scene.ambix.wav", tmp_path / "out.wav", output=FLOAT)
    heard = soundfile.read(tmp_path / "out.wav")[0].T
    direct = np.concatenate(list(render_binaural(scene, tmp_path)), axis=1)
    if room is None:  # with echoes, the correlation of the ears has no clear top
        times = [interaural_time_difference_s(ears, RATE) for ears in (heard, direct)]
        assert times[0] == pytest.approx(times[1], abs=30e-6)
    levels = [10 * np.log10(np.mean(np.square(ears), axis=1)) for ears in (heard, direct)]
    np.testing.assert_allclose(levels[0], levels[1], atol=1.6)


def test_loudspeakers_get_the_gains_of_their_layout(tmp_path, noise):
    direction = np.array([0.6, 0.64, 0.48])
    write_ambix(tmp_path / "in.wav", noise, direction, 3)
    report = decode(tmp_path / "in.wav", tmp_path / "out.wav", layout="5.0.4", output=FLOAT)
    layout = named_layouts()["5.0.4"]
    gains = loudspeaker_decoder(layout, 3) @ spherical_harmonics(direction, 3)
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    np.testing.assert_allclose(heard, noise[:, None] * gains, atol=1e-6)
    assert report.outputs == layout.loudspeakers
    assert np.argmax(np.abs(gains)) == layout.loudspeakers.index("U+030")


@pytest.mark.parametrize("convention", ["n3d", "fuma"])
def test_conventions_are_brought_to_ambix(tmp_path, noise, convention):
    direction = (0.6, 0.64, 0.48)
    write_ambix(tmp_path / "ambix.wav", noise, direction, 3)
    write_ambix(tmp_path / "other.wav", noise, direction, 3, convention=convention)
    decode(tmp_path / "ambix.wav", tmp_path / "a.wav", layout="cube", output=FLOAT)
    decode(
        tmp_path / "other.wav",
        tmp_path / "b.wav",
        layout="cube",
        convention=convention,
        output=FLOAT,
    )
    ours, other = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(other, ours, atol=1e-6)


@pytest.mark.parametrize("convention", ["sn3d", "fuma"])
def test_a_lower_order_takes_the_first_channels(tmp_path, noise, convention):
    direction = (0.6, 0.64, 0.48)
    write_ambix(tmp_path / "three.wav", noise, direction, 3, convention=convention)
    write_ambix(tmp_path / "one.wav", noise, direction, 1, convention=convention)
    choices = {"layout": "quad", "convention": convention, "output": FLOAT}
    decode(tmp_path / "three.wav", tmp_path / "a.wav", order=1, **choices)
    decode(tmp_path / "one.wav", tmp_path / "b.wav", **choices)
    assert (tmp_path / "a.wav").read_bytes()[-4 * COUNT :] == (tmp_path / "b.wav").read_bytes()[
        -4 * COUNT :
    ]


def test_other_rates_get_the_head_at_that_rate(tmp_path, noise):
    write_ambix(tmp_path / "in.wav", noise, (0, 1, 0), 3, rate=32_000)
    decode(tmp_path / "in.wav", tmp_path / "out.wav", output=FLOAT)
    heard, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == 32_000
    # KEMAR at 90°: 703 µs.
    assert interaural_time_difference_s(heard.T, rate) == pytest.approx(703e-6, abs=40e-6)


def test_what_would_clip_is_turned_down_and_it_says_so(tmp_path, noise):
    write_ambix(tmp_path / "in.wav", 20 * noise, (0, 1, 0), 1)
    report = decode(tmp_path / "in.wav", tmp_path / "out.flac", layout="stereo")
    assert (report.gain_reason, report.sample_format) == ("true peak", "pcm24")
    assert report.true_peak_dbtp == pytest.approx(-1.0)
    assert report.gain_db < -6
    assert np.abs(soundfile.read(tmp_path / "out.flac")[0]).max() < 0.9


def refuses(tmp_path, error, match, **choices):
    out = tmp_path / "out.wav"
    with pytest.raises(error, match=match):
        decode(tmp_path / "in.wav", out, **choices)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav"]


@pytest.mark.parametrize(
    ("order", "choices", "error", "match"),
    [
        (1, {"order": 2}, DataError, "order 2 is asked for, but its 4 channels are of order 1"),
        (4, {"convention": "fuma"}, DataError, "FuMa ends at order 3, got order 4"),
        (8, {}, FileFormatError, r"81 channels are of order 8.*--order 7 .* 64 channels"),
        (2, {"layout": "5.1"}, DataError, "neither a file .* nor one of the layouts"),
        (2, {"layout": "quad", "method": "epad"}, DataError, "epad needs 9 loudspeakers"),
        (2, {"sofa": "none.sofa"}, FileFormatError, r"none\.sofa: no such file"),
        (2, {"orientation_wxyz": (1, 1, 0, 0)}, DataError, "quaternion of length 1"),
        (2, {"orientation_wxyz": [np.nan] * 4}, DataError, "quaternion of length 1"),
        (2, {"output": {"sample_format": "pcm8"}}, DataError, "pcm8"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, noise, order, choices, error, match):
    write_ambix(tmp_path / "in.wav", noise[:100], (1, 0, 0), order)
    refuses(tmp_path, error, match, **choices)


def test_channels_that_are_no_square_are_refused(tmp_path, noise):
    soundfile.write(tmp_path / "in.wav", np.tile(noise[:, None], 6), RATE)
    refuses(tmp_path, FileFormatError, "6 channels are no full sphere .* 1, 4, 9, 16")


def test_sound_that_is_not_finite_is_refused_with_its_time(tmp_path, noise):
    noise[24_000] = np.nan
    write_ambix(tmp_path / "in.wav", noise, (1, 0, 0), 1)
    refuses(tmp_path, DataError, r"at 0\.500 s is not a finite number")


def test_no_sound_file_and_no_sound_are_refused(tmp_path):
    (tmp_path / "in.wav").write_bytes(b"this is no sound")
    refuses(tmp_path, FileFormatError, "not readable as sound")
    soundfile.write(tmp_path / "in.wav", np.zeros((0, 4)), RATE)
    refuses(tmp_path, DataError, "empty")


def test_an_unknown_ending_is_refused(tmp_path, noise):
    write_ambix(tmp_path / "in.wav", noise, (1, 0, 0), 1)
    with pytest.raises(OutputError, match="mp3"):
        decode(tmp_path / "in.wav", tmp_path / "out.mp3")


def test_the_command_decodes_and_tells_the_channels(tmp_path, noise):
    write_ambix(tmp_path / "in.ambix.wav", noise, (0, 1, 0), 1)
    source, out = str(tmp_path / "in.ambix.wav"), str(tmp_path / "out.wav")
    done = CliRunner().invoke(cli, ["decode", source, "-o", out, "--layout", "stereo"])
    assert done.exit_code == 0, done.output
    assert "order 1 for stereo" in done.output
    assert "channels: M+030 M-030" in done.output
    done = CliRunner().invoke(cli, ["decode", source, "-o", out, "--yaw-deg", "90", "--json"])
    figures = json.loads(done.stdout)
    assert figures["target"] == "headphones"
    ears = soundfile.read(out)[0].T
    assert abs(interaural_time_difference_s(ears, RATE)) < 20e-6


def test_the_command_refuses_what_is_for_headphones_with_a_layout(tmp_path):
    asked = ["decode", "in.wav", "-o", "out.wav", "--layout", "quad", "--diffuse-field"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 2
    assert "without --layout" in done.output
