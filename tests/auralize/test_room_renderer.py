"""Scenes with a room: the parts add up, follow who moves, and never click."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from auralize.ambisonics.render import render_ambisonics
from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.receivers import Ears, Harmonics
from auralize.rooms.renderer import RoomRenderer
from auralize.rooms.response import RoomResponses
from auralize.sources.heard_source import HeardSource
from auralize.sources.scene_sources import open_sources
from auralize.stream.binaural import BLOCK, render_binaural
from scenes import Scene

RATE = 48_000
ROOM = {"size_m": (7.1, 5.3, 3.2), "rt60_s": 0.4}
SWITCHES = ("direct", "early", "late")


@pytest.fixture
def noise(tmp_path):
    rng = np.random.default_rng(7)
    samples = rng.normal(scale=0.1, size=RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
    return samples


def source(**fields):
    return {"name": "a", "file": "noise.wav", "position_m": (1.5, 1.2, 1.4)} | fields


def scene(*sources, room=None, **fields):
    return Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "duration_s": 1.0,
            "sources": sources or [source()],
            "room": ROOM | (room or {}),
        }
        | fields
    )


def only(part):
    return {name: name == part for name in SWITCHES}


def rendered(scene, folder):
    return np.concatenate(list(render_binaural(scene, folder)), axis=1)


def moving(*positions):
    keys = [{"time_s": float(t), "position_m": p} for t, p in enumerate(positions)]
    return source(position_m=None, keyframes=keys)


def test_the_parts_add_up(tmp_path, noise):
    whole = rendered(scene(), tmp_path)
    parts = [rendered(scene(room=only(part)), tmp_path) for part in SWITCHES]
    np.testing.assert_allclose(sum(parts), whole, atol=2e-6)
    assert all(np.sum(part**2) > 0.01 * np.sum(whole**2) for part in parts)


def test_the_direct_part_is_the_scene_in_the_open(tmp_path, noise):
    room = scene(room=only("direct"))
    free = room.model_copy(update={"room": None})
    np.testing.assert_array_equal(rendered(room, tmp_path), rendered(free, tmp_path))


def test_what_stands_still_is_one_convolution(tmp_path, noise):
    box = scene(room={"direct": False})
    interpolator = HrtfInterpolator(read_hrtf().resampled(RATE))
    responses = RoomResponses(box, Ears(interpolator), moving=False)
    with soundfile.SoundFile(tmp_path / "noise.wav") as file:
        heard = HeardSource(box, box.sources[0], file)
        early, late = responses.early(heard, 0.0), responses.late(heard)
    expected = fftconvolve(noise[None].astype(np.float64), early, axes=-1)[:, :RATE]
    expected += fftconvolve(noise[None].astype(np.float64), late, axes=-1)[:, :RATE]
    out = rendered(box, tmp_path)
    assert np.abs(out - expected).max() < 1e-5 * np.abs(expected).max()


def test_ambisonics_have_the_same_room(tmp_path, noise):
    box = scene(room={"direct": False})
    responses = RoomResponses(box, Harmonics(2, RATE), moving=False)
    with soundfile.SoundFile(tmp_path / "noise.wav") as file:
        heard = HeardSource(box, box.sources[0], file)
        early, late = responses.early(heard, 0.0), responses.late(heard)
    expected = fftconvolve(noise[None].astype(np.float64), early, axes=-1)[:, :RATE]
    expected += fftconvolve(noise[None].astype(np.float64), late, axes=-1)[:, :RATE]
    out = np.concatenate(list(render_ambisonics(box, tmp_path, order=2)), axis=1)
    assert out.shape == (9, RATE)
    assert np.abs(out - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_path_that_stays_is_standing_still(tmp_path, noise):
    place = (1.5, 1.2, 1.4)
    # A keyframe beyond the render makes the source move, but not within it.
    keys = [{"time_s": t, "position_m": place} for t in (0.0, 100.0)]
    keys.append({"time_s": 101.0, "position_m": (0, 1, 1)})
    walking = scene(source(position_m=None, keyframes=keys), room={"image_order": 2})
    assert walking.sources[0].moves
    still = rendered(scene(room={"image_order": 2}), tmp_path)
    assert np.abs(rendered(walking, tmp_path) - still).max() < 1e-5 * np.abs(still).max()


def test_reflections_follow_a_source(tmp_path, noise):
    """From near the left wall to near the right one: the nearer wall answers first and loudest."""
    ends = (0.0, 2.3, 1.2), (0.0, -2.3, 1.2)
    walls = {"surfaces": {"left": "plaster", "right": "plaster", "others": "open"}}
    room = only("early") | walls | {"rt60_s": None, "image_order": 1}
    out = rendered(scene(moving(*ends), room=room), tmp_path)
    energy = np.sum(out.reshape(2, 10, -1) ** 2, axis=2)
    assert 10 * np.log10(energy[0, 0] / energy[1, 0]) > 4
    assert 10 * np.log10(energy[0, -1] / energy[1, -1]) < -4


def test_reflections_stay_where_they_are_when_the_head_turns(tmp_path, noise):
    walls = {"surfaces": {"left": "plaster", "others": "open"}, "rt60_s": None, "image_order": 1}
    turns = [{"time_s": 0, "yaw_deg": 0}, {"time_s": 1, "yaw_deg": 180}]
    box = scene(
        source(position_m=(0, 0.5, 1.2)),
        room=only("early") | walls,
        listener={"keyframes": turns},
    )
    out = rendered(box, tmp_path)
    energy = np.sum(out.reshape(2, 10, -1) ** 2, axis=2)
    assert 10 * np.log10(energy[0, 0] / energy[1, 0]) > 8
    assert 10 * np.log10(energy[0, -1] / energy[1, -1]) < -8


def test_leaves_no_clicks(tmp_path):
    """What a 1 kHz sine leaves far from 1 kHz, with reflections that follow a walk past."""
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    soundfile.write(tmp_path / "noise.wav", sine.astype(np.float32), RATE, subtype="FLOAT")
    walk = moving((1.5, 2, 1.2), (1.5, 0, 1.2), (1.5, -2, 1.2))
    out = rendered(scene(walk, room={"direct": False}, duration_s=2.0), tmp_path)
    part = out[:, RATE // 4 : -RATE // 4]
    spectrum = np.abs(np.fft.rfft(part * np.blackman(part.shape[1]))) ** 2
    frequencies = np.fft.rfftfreq(part.shape[1], 1 / RATE)
    far = np.abs(frequencies - 1000) > 500
    assert 10 * np.log10(spectrum[:, far].max() / spectrum.max()) < -80


def test_blocks_join_up(tmp_path):
    ones = np.ones(3 * BLOCK, dtype=np.float32)
    soundfile.write(tmp_path / "noise.wav", ones, RATE, subtype="FLOAT")
    walk = moving((1.5, 2, 1.2), (1.5, 1.6, 1.2), (1.5, 1.2, 1.2))
    out = rendered(scene(walk, room={"direct": False}, duration_s=2.0), tmp_path)
    settled = np.abs(np.diff(out, axis=1))[:, 25_000:]
    border = np.abs(np.diff(out, axis=1))[:, BLOCK - 5 : BLOCK + 5]
    assert border.max() <= 1.5 * np.percentile(settled, 99)


def test_a_render_without_duration_rings_out(tmp_path):
    soundfile.write(tmp_path / "noise.wav", np.ones(100) * 0.1, RATE, subtype="FLOAT")
    out = rendered(scene(duration_s=None), tmp_path)
    assert out.shape[1] > 0.4 * RATE
    ends = 10 * np.log10(np.sum(out[:, -1000:] ** 2) / np.sum(out[:, 3000:4000] ** 2))
    assert ends < -40


def test_reflections_are_late_by_the_way_they_take(tmp_path, noise):
    """With the delay of the way, all is late by that of the straight one."""
    metres = 343.2 * 240 / RATE
    ear = (-1.0, 0.0, 1.2)
    far = source(position_m=(ear[0] + metres, 0.0, 1.2))
    arguments = {"listener": {"position_m": ear}}
    late = rendered(scene(far, medium={"propagation_delay": True}, **arguments), tmp_path)
    now = rendered(scene(far, **arguments), tmp_path)
    assert np.abs(late[:, 240:] - now[:, :-240]).max() < 1e-5 * np.abs(now).max()


def test_sources_keep_their_late_part_whoever_else_sounds(tmp_path, noise):
    other = source(name="b", position_m=(-1, -1, 1))
    alone = rendered(scene(source(), other | {"mute": True}), tmp_path)
    rest = rendered(scene(source(mute=True), other), tmp_path)
    both = rendered(scene(source(), other), tmp_path)
    np.testing.assert_allclose(alone + rest, both, atol=2e-6)


def test_the_length_of_blocks_changes_nothing(tmp_path, noise):
    box = scene(source(), moving((1, 1, 1), (1.5, 1, 1)) | {"name": "b"}, room={"rt60_s": 0.2})
    outputs = []
    with open_sources(box, tmp_path) as sources:
        for length in (3000, 12_000):
            room = RoomRenderer(box, sources, Harmonics(0, RATE), block=length)
            starts = range(0, 24_000, length)
            outputs.append(np.concatenate([room.block(start) for start in starts], axis=1))
    np.testing.assert_allclose(*outputs, atol=1e-5)
