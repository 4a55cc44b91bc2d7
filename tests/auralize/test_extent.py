"""Sources that are bodies: the shares are analysed, the outcome is measured at the ears."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from auralize.ambisonics.render import render_ambisonics
from auralize.hrtf.interaural import erb_levels_db
from auralize.sources.extent import body_parts
from auralize.sources.scene_sources import open_sources
from auralize.stream.binaural import render_binaural
from scenes import Scene

RATE = 48_000


@pytest.fixture
def scene(tmp_path):
    """Give a scene with a second of noise from a body; its folder is tmp_path."""
    noise = 0.1 * np.random.default_rng(9).normal(size=RATE)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, "FLOAT")

    def make(extent_m, **changes):
        place = {} if "keyframes" in changes else {"position_m": (3.0, 0.0, 1.2)}
        source = {"name": "a", "file": "noise.wav", "extent_m": extent_m} | place | changes
        return Scene(sample_rate_hz=RATE, sources=[source], duration_s=1.0)

    return make


def binaural(what, folder):
    return np.concatenate(list(render_binaural(what, folder)), axis=1)


def interaural_coherence(ears):
    """Return the maximum of the normalised cross-correlation within 1 ms (IACC)."""
    left, right = np.fft.rfft(ears, 2 * ears.shape[1])
    correlation = np.fft.irfft(left * np.conj(right))
    near = np.concatenate([correlation[:48], correlation[-48:]])
    return near.max() / np.sqrt(np.prod(np.sum(np.square(ears, dtype=np.float64), axis=1)))


def test_all_shares_together_are_the_sound_itself():
    total = np.sum([part.filter for part in body_parts(1.0, RATE)], axis=0)
    assert_allclose(total, np.eye(1, len(total))[0], atol=1e-7)


def test_energies_of_the_shares_add_up_at_every_frequency():
    spectra = np.fft.rfft([part.filter for part in body_parts(1.0, RATE)], 16_384)
    energy_db = 10 * np.log10(np.sum(np.abs(spectra) ** 2, axis=0))
    assert np.abs(energy_db[20:]).max() < 0.25  # above 60 Hz
    # Each has a quarter, and any two differ: they are as good as independent.
    products = spectra @ np.conj(spectra.T) / spectra.shape[1]
    assert_allclose(products, np.eye(4) / 4, atol=0.02)


@pytest.mark.parametrize("position_m", [(3.0, 0.0, 1.2), (1.5, 2.0, 1.6)])
def test_a_wider_body_makes_the_ears_agree_less_and_is_as_loud(scene, tmp_path, position_m):
    widths = (0.0, 0.3, 0.8, 2.0)
    heard = [binaural(scene(width, position_m=position_m), tmp_path) for width in widths]
    coherences = [interaural_coherence(ears) for ears in heard]
    assert np.all(np.diff(coherences) < -0.02)
    assert coherences[-1] < 0.45
    levels_db = [10 * np.log10(np.mean(np.square(ears))) for ears in heard]
    assert_allclose(levels_db, levels_db[0], atol=0.5)
    # No auditory band of both ears stands out, for a body narrower than the ears resolve.
    power = [np.sum(10 ** (erb_levels_db(ears, RATE) / 10), axis=0) for ears in heard[:2]]
    assert np.abs(10 * np.log10(power[1] / power[0])).max() < 2


def test_no_width_is_a_point_to_the_bit(scene, tmp_path):
    with open_sources(scene(0.0), tmp_path) as sources:
        assert len(sources) == 1
        sound = sources[0].read(0, 1000)
    assert_array_equal(sound, soundfile.read(tmp_path / "noise.wav", 1000, dtype="float32")[0])


def test_a_tiny_body_sounds_as_a_point(scene, tmp_path):
    point, body = (binaural(scene(width), tmp_path) for width in (0.0, 0.001))
    assert np.abs(point - body).max() < 0.01 * np.abs(point).max()


def test_the_sum_of_all_directions_has_no_colour(scene, tmp_path):
    """The channel W of ambisonics is that of a point."""
    point, body = (
        np.concatenate(list(render_ambisonics(scene(width), tmp_path, order=1)), axis=1)
        for width in (0.0, 2.0)
    )
    assert_allclose(body[0], point[0], atol=2e-6)
    assert np.abs(body[1]).max() > 0.1 * np.abs(point[0]).max()  # and it has a left and a right


def test_points_stand_across_as_far_as_the_middle(scene, tmp_path):
    times = np.array([0.0, 0.5, 1.0])
    keys = [{"time_s": 0, "position_m": (3, 0, 2)}, {"time_s": 1, "position_m": (0, -2, 1)}]
    with open_sources(scene(1.6, keyframes=keys), tmp_path) as parts:
        seen = [part.seen_from_listener(times) for part in parts]
        places = [part.positions_at(times) for part in parts]
    with open_sources(scene(0.0, keyframes=keys), tmp_path) as (middle,):
        direction, distance = middle.seen_from_listener(times)
    for offset, (part_direction, part_distance) in zip((-0.6, -0.2, 0.2, 0.6), seen, strict=True):
        assert_allclose(part_distance, distance, atol=1e-12)
        angle = np.arccos(np.sum(part_direction * direction, axis=1))
        assert_allclose(angle, np.arctan2(abs(offset), distance), atol=1e-6)
    # Horizontally across, from the listener's right to the left.
    across = places[-1] - places[0]
    assert_allclose(across[:, 2], 0.0, atol=1e-12)
    assert across[0, 1] > 1


def test_a_body_right_above_the_head_stands_across_too(scene, tmp_path):
    with open_sources(scene(1.0, position_m=(0, 0, 3.2)), tmp_path) as parts:
        places = np.stack([part.positions_at(np.zeros(1))[0] for part in parts])
    assert np.isfinite(places).all()
    assert_allclose(places[:, 1], -places[::-1, 1], atol=1e-12)
    assert places[-1, 1] - places[0, 1] > 0.5


def test_a_body_is_read_in_blocks_as_in_one_piece(scene, tmp_path):
    with open_sources(scene(1.0), tmp_path) as (part, *_):
        whole = part.read(0, 5000)
        pieces = np.concatenate([part.read(start, 1000) for start in range(0, 5000, 1000)])
        assert part.stop == RATE + len(body_parts(1.0, RATE)[0].filter) - 1
    assert_allclose(pieces, whole, atol=1e-6)


def test_a_room_takes_no_notice_of_the_width(scene, tmp_path):
    room = {"size_m": (9, 7, 3), "rt60_s": 0.4, "image_order": 2, "direct": False, "late": False}
    point, body = (
        binaural(scene(width).model_validate(scene(width).model_dump() | {"room": room}), tmp_path)
        for width in (0.0, 1.0)
    )
    assert_array_equal(point, body)
    assert np.abs(point).max() > 0.001
