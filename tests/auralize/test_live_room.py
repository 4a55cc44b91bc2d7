"""A room that follows live is that of a file at the same pose, late parts go on, nothing clicks."""

from __future__ import annotations

import math
import time
import tracemalloc

import numpy as np
import pytest
import soundfile

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.stream.binaural import render_binaural
from auralize.stream.renderer import StreamRenderer
from capture.pose import Pose, quaternion_from_yaw
from scenes import Scene

RATE = 48_000
BLOCK = 512
ROOM = {"size_m": (7.1, 5.3, 3.2), "rt60_s": 0.25, "image_order": 2}


@pytest.fixture(scope="module")
def head():
    return read_hrtf().resampled(RATE)


@pytest.fixture(scope="module", autouse=True)
def one_head():
    """Prepare the head once, not for each stream: only what is computed ahead is shared."""
    heads = {}

    def make(head, **step):
        key = (head.sha256, head.sample_rate_hz, *step.values())
        if key not in heads:
            heads[key] = HrtfInterpolator(head, **step)
        return heads[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auralize.stream.renderer.HrtfInterpolator", make)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    times = np.arange(2 * RATE) / RATE
    noise = 0.1 * np.random.default_rng(3).normal(size=2 * RATE)
    noise = np.fft.irfft(np.where(np.fft.rfftfreq(len(noise)) < 0.4, np.fft.rfft(noise), 0))
    for name, sound in (("noise", noise), ("tone", 0.5 * np.sin(2 * np.pi * 200 * times))):
        soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="FLOAT")
    return folder


@pytest.fixture
def live(folder, head):
    """Give a stream that can be edited; all are closed at the end."""
    streams = []

    def make(what):
        streams.append(StreamRenderer(what, folder, head, block=BLOCK))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


def source(**changes):
    return {"name": "a", "file": "noise.wav", "position_m": (1.5, 1.2, 1.4)} | changes


def scene(*sources, room=None, **changes):
    fields = {"sample_rate_hz": RATE, "sources": sources or (source(),), "duration_s": 2.0}
    return Scene.model_validate(fields | {"room": ROOM | (room or {})} | changes)


def played(stream, blocks, edits=None):
    """Return what comes out, with something done before blocks with some numbers.

    After each block the reflections are waited for.
    """
    out = np.empty((2, blocks * BLOCK), dtype=np.float32)
    for number in range(blocks):
        if number in (edits or {}):
            edits[number](stream)
        stream.process(out[:, number * BLOCK : (number + 1) * BLOCK])
        end = time.monotonic() + 20
        while not stream.follows:
            assert time.monotonic() < end, "reflections do not follow"
            time.sleep(0.001)
    return out


def turn(yaw_deg, position_m=(0, 0, 0)):
    yaw = quaternion_from_yaw(math.radians(yaw_deg))
    return lambda s: s.set_head(Pose(position_m=np.array(position_m), orientation_wxyz=yaw))


def relative(error, beside):
    return math.sqrt(np.mean(error**2) / np.mean(beside**2))


def test_a_turned_head_hears_what_a_file_has_at_that_pose(folder, head, live):
    out = played(live(scene()), 60, {5: turn(70)})
    turned = scene(listener={"yaw_deg": 70})
    # All is new two blocks after the edit, and once the longest early response has passed.
    settled = slice(20 * BLOCK, None)
    same = played(live(turned), 60)
    before = played(live(scene()), 60)
    assert np.abs(out - same)[:, settled].max() < 1e-5 * np.abs(same).max()
    assert np.abs(out - before)[:, : 5 * BLOCK].max() < 1e-5 * np.abs(same).max()
    file = np.concatenate(list(render_binaural(turned, folder, head)), axis=1)[:, : 60 * BLOCK]
    # Live, directions in between are mixed from nodes that are wider apart.
    assert relative((out - file)[:, settled], file[:, settled]) < 0.05
    assert relative((before - file)[:, settled], file[:, settled]) > 0.5


@pytest.mark.parametrize("part", ["early", "late"])
def test_an_early_part_turns_and_a_late_one_stays(live, part):
    only = {name: name == part for name in ("direct", "early", "late")}
    still = played(live(scene(room=only)), 40)
    out = played(live(scene(room=only)), 40, {5: turn(90)})
    changed = relative((out - still)[:, 12 * BLOCK :], still[:, 12 * BLOCK :])
    assert changed > 0.5 if part == "early" else changed < 1e-6


def test_where_somebody_leaves_the_room_reflections_stay(live):
    only = {"direct": False, "late": False}
    still = played(live(scene(room=only)), 30)
    out = played(live(scene(room=only)), 30, {5: turn(0, (20, 0, 0))})
    np.testing.assert_allclose(out, still, atol=1e-6)
    back = played(live(scene(room=only)), 30, {5: turn(0, (20, 0, 0)), 10: turn(90)})
    assert relative((back - still)[:, 15 * BLOCK :], still[:, 15 * BLOCK :]) > 0.5


@pytest.mark.parametrize("takes_time", [False, True])
def test_nothing_clicks(live, takes_time):
    """A low tone stays low whatever is moved, turned, muted or wound on."""
    what = scene(source(file="tone.wav"), medium={"propagation_delay": takes_time})
    edits = {
        20: turn(80),
        30: turn(80, (0.3, -0.4, 0)),
        40: lambda s: s.put_source("a", np.array([-1.0, 1.5, 1.2])),
        50: lambda s: s.mute("a"),
        60: lambda s: s.mute("a", False),
        70: lambda s: s.seek(0.4),
    }
    out = played(live(what), 100, edits)[:, 10 * BLOCK : 95 * BLOCK]
    spectrum = np.abs(np.fft.rfft(out * np.blackman(out.shape[1])))
    high = spectrum[:, np.fft.rfftfreq(out.shape[1], 1 / RATE) > 4000].max() / spectrum.max()
    assert 20 * np.log10(high) < -80


@pytest.mark.parametrize("takes_time", [False, True])
def test_seeking_goes_on_as_if_all_had_been_played(live, takes_time):
    what = scene(medium={"propagation_delay": takes_time})
    straight = played(live(what), 100)
    stream = live(what)
    played(stream, 3)
    stream.seek(80 * BLOCK / RATE)
    out = played(stream, 20)
    expected = straight[:, 80 * BLOCK :]
    assert np.abs(out - expected)[:, BLOCK:].max() < 2e-5 * np.abs(expected).max()


def test_levels_are_heard_in_the_room(live):
    only = {"direct": False}
    still = played(live(scene(room=only)), 60)
    out = played(live(scene(room=only)), 60, {0: lambda s: s.set_gain("a", 6.0)})
    np.testing.assert_allclose(out, still * 10 ** (6 / 20), atol=1e-5)


def test_a_body_has_a_room_as_its_middle(live):
    room = {"direct": False}
    point = played(live(scene(room=room)), 40, {5: turn(40)})
    body = played(live(scene(source(extent_m=0.8), room=room)), 40, {5: turn(40)})
    # Reflections may follow in the block of the edit already, or in the next one.
    for some in (slice(None, 5 * BLOCK), slice(7 * BLOCK, None)):
        np.testing.assert_allclose(body[:, some], point[:, some], atol=1e-6)


def test_blocks_allocate_nothing_that_counts(live):
    several = (source(name=str(n), position_m=(1.5, n - 1.5, 1.2)) for n in range(4))
    stream = live(scene(*several, medium={"propagation_delay": True}))
    out = np.empty((2, BLOCK), dtype=np.float32)
    for _ in range(10):
        stream.process(out)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(30):
            tracemalloc.reset_peak()
            stream.process(out)
            now, peak = tracemalloc.get_traced_memory()
            assert peak - before < 32_000
            assert now - before < 16_000
    finally:
        tracemalloc.stop()
