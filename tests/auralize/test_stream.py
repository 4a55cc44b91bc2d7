"""Streaming gives what a file render gives, whatever is edited, without clicks or allocations."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import soundfile

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.stream.binaural import render_binaural
from auralize.stream.renderer import StreamRenderer
from capture.pose import Pose, quaternion_from_euler, quaternion_from_yaw
from scenes import Scene

RATE = 48_000
BLOCK = 512


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


@pytest.fixture
def folder(tmp_path):
    """A folder with two seconds of noise, of a low tone and of a constant."""
    times = np.arange(2 * RATE) / RATE
    noise = 0.1 * np.random.default_rng(3).normal(size=2 * RATE)
    # Little noise above 0.4 of the rate: there a delay line is less exact than a filter.
    noise = np.fft.irfft(np.where(np.fft.rfftfreq(len(noise)) < 0.4, np.fft.rfft(noise), 0))
    for name, sound in (("noise", noise), ("tone", 0.5 * np.sin(2 * np.pi * 200 * times))):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE, subtype="FLOAT")
    return tmp_path


def at(azimuth_deg, distance_m=1.4):
    azimuth = math.radians(azimuth_deg)
    return (distance_m * math.cos(azimuth), distance_m * math.sin(azimuth), 1.2)


def source(**changes):
    return {"name": "a", "file": "noise.wav", "position_m": at(30)} | changes


def scene(*sources, **changes):
    return Scene(**({"sample_rate_hz": RATE, "sources": sources or (source(),)} | changes))


def walking(**changes):
    keys = [{"time_s": t, "position_m": at(20 + 60 * t, 2 - t / 2)} for t in (0.0, 1.0, 2.0)]
    return source(name="walks", position_m=None, keyframes=keys, **changes)


def played(stream, blocks, edit=None, first=0):
    """Return what comes out, with something done before the block with a number."""
    out = np.empty((2, blocks * stream.block), dtype=np.float32)
    for number in range(blocks):
        if edit is not None and number == first:
            edit(stream)
        stream.process(out[:, number * stream.block : (number + 1) * stream.block])
    return out


def rendered(what, folder, head):
    return np.concatenate(list(render_binaural(what, folder, head)), axis=1)


@pytest.mark.parametrize("takes_time", [False, True])
@pytest.mark.parametrize("block", [64, 480])
def test_short_blocks_give_what_long_ones_give(folder, head, block, takes_time):
    what = scene(source(), walking(), duration_s=0.5, medium={"propagation_delay": takes_time})
    expected = rendered(what, folder, head)
    with StreamRenderer(what, folder, head, block=block, editable=False) as stream:
        out = played(stream, -(-expected.shape[1] // block))
    # Filters follow at other times: only what stands still is the same to rounding.
    error = out[:, : expected.shape[1]] - expected
    assert np.sqrt(np.mean(error**2)) < 0.03 * np.sqrt(np.mean(expected**2))
    still = scene(source(), duration_s=0.5, medium={"propagation_delay": takes_time})
    expected = rendered(still, folder, head)
    with StreamRenderer(still, folder, head, block=block, editable=False) as stream:
        out = played(stream, -(-expected.shape[1] // block))
    assert np.abs(out[:, : expected.shape[1]] - expected).max() < 2e-6 * np.abs(expected).max()


@pytest.fixture
def live(folder, head):
    """Give a stream of a scene that can be edited; all are closed at the end."""
    streams = []

    def make(what, block=BLOCK):
        streams.append(StreamRenderer(what, folder, head, block=block))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


def test_what_may_be_edited_sounds_as_the_file(folder, head, live):
    # At a measured direction: live, the nodes in between are wider apart.
    what = scene(source(), source(name="b", position_m=at(-90), gain_db=-6), duration_s=0.4)
    expected = rendered(what, folder, head)
    out = played(live(what), 37)
    assert np.abs(out[:, : expected.shape[1]] - expected[:, : 37 * BLOCK]).max() < (
        5e-6 * np.abs(expected).max()
    )


class TestEdits:
    def settled(self, live, edit, what, expected_scene, folder, head):
        """Assert that after an edit the stream goes on as another scene."""
        out = played(live(what), 16, edit, first=5)
        expected = rendered(expected_scene, folder, head)[:, : 16 * BLOCK]
        before = rendered(what, folder, head)[:, : 16 * BLOCK]
        peak = np.abs(expected).max()
        assert np.abs(out - before)[:, : 5 * BLOCK].max() < 1e-5 * peak
        # One block to fade over, and the head's response until all is new.
        assert np.abs(out - expected)[:, 8 * BLOCK :].max() < 1e-5 * peak

    def test_turning_the_head_moves_the_sources_the_other_way(self, live, folder, head):
        turned = Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_from_yaw(math.pi / 2))
        self.settled(
            live, lambda s: s.set_head(turned), scene(), scene(source(position_m=at(-60))),
            folder, head,
        )  # fmt: skip

    def test_the_head_turns_and_moves_in_the_listeners_frame(self, live, folder, head):
        listener = {"yaw_deg": 90, "position_m": (1, 1, 1.2)}
        moved = Pose(
            position_m=np.array([0.0, -0.5, 0.0]),  # to the right: along +x of the world
            orientation_wxyz=quaternion_from_euler(math.radians(-45), 0.0, 0.0),
        )
        # 1.4 m ahead of the moved head, which faces 45° in the world.
        place = (1.5 + 1.4 * math.cos(math.pi / 4), 1 + 1.4 * math.sin(math.pi / 4), 1.2)
        what = scene(source(position_m=place), listener=listener)
        there = {"yaw_deg": 45, "position_m": (1.5, 1, 1.2)}
        expected = scene(source(position_m=place), listener=there)
        stream = live(what)
        stream.set_head(moved)
        out = played(stream, 8)
        heard = rendered(expected, folder, head)[:, : 8 * BLOCK]
        assert np.abs(out - heard)[:, 2 * BLOCK :].max() < 1e-5 * np.abs(heard).max()

    @pytest.mark.parametrize("takes_time", [False, True])
    def test_a_source_is_put_elsewhere_and_back(self, live, folder, head, takes_time):
        medium = {"propagation_delay": takes_time}
        what = scene(source(position_m=at(30, 5)), medium=medium)
        there = scene(source(position_m=at(-90, 1.4)), medium=medium)
        self.settled(
            live, lambda s: s.put_source("a", np.array(at(-90, 1.4))), what, there, folder, head
        )

        def there_and_back(stream):
            stream.put_source("a", np.array(at(-90, 1.4)))
            stream.put_source("a", None)

        self.settled(live, there_and_back, what, what, folder, head)

    def test_levels(self, live, folder, head):
        two = (source(), source(name="b", position_m=at(-90)))
        louder = scene(two[0], two[1] | {"gain_db": 6.0})
        self.settled(live, lambda s: s.set_gain("b", 6.0), scene(*two), louder, folder, head)
        alone = scene(two[0])
        self.settled(live, lambda s: s.mute("b"), scene(*two), alone, folder, head)
        self.settled(live, lambda s: s.solo("a"), scene(*two), alone, folder, head)
        muted = scene(two[0], two[1] | {"mute": True})
        self.settled(live, lambda s: s.mute("b", False), muted, scene(*two), folder, head)

    @pytest.mark.parametrize("takes_time", [False, True])
    @pytest.mark.parametrize(
        "edit",
        [
            lambda s: s.set_head(
                Pose(position_m=np.zeros(3), orientation_wxyz=quaternion_from_yaw(2.0))
            ),
            lambda s: s.set_head(Pose(position_m=np.array([0.5, 0.8, 0.0]))),
            lambda s: s.put_source("a", np.array(at(-90, 4))),
            lambda s: s.set_gain("a", -12.0),
            lambda s: s.mute("a"),
            lambda s: s.seek(1.2345),
        ],
        ids=["turn", "step", "put", "gain", "mute", "seek"],
    )
    def test_nothing_clicks(self, live, edit, takes_time):
        """A low tone stays low: a step anywhere would be heard far above it."""
        what = scene(source(file="tone.wav"), medium={"propagation_delay": takes_time})
        out = played(live(what), 48, edit, first=24)[:, 10 * BLOCK : 40 * BLOCK]
        spectrum = np.abs(np.fft.rfft(out * np.blackman(out.shape[1])))
        frequencies = np.fft.rfftfreq(out.shape[1], 1 / RATE)
        high = spectrum[:, frequencies > 4000].max() / spectrum.max()
        assert 20 * np.log10(high) < -80

    def test_unknown_names_and_places_are_refused(self, live):
        stream = live(scene())
        with pytest.raises(ValueError, match="no source 'b', only 'a'"):
            stream.mute("b")
        with pytest.raises(ValueError, match="three finite numbers"):
            stream.put_source("a", np.array([1.0, np.nan, 0.0]))


class TestTransport:
    @pytest.mark.parametrize("takes_time", [False, True])
    def test_seeking_goes_on_as_if_all_had_been_played(self, live, folder, head, takes_time):
        what = scene(walking(), medium={"propagation_delay": takes_time})
        straight = played(live(what), 100)
        stream = live(what)
        played(stream, 3)
        stream.seek(60 * BLOCK / RATE)
        out = played(stream, 20)
        assert stream.position_s == pytest.approx(80 * BLOCK / RATE)
        expected = straight[:, 60 * BLOCK : 80 * BLOCK]
        error = np.abs(out - expected)[:, BLOCK:].max()
        assert error < 1e-5 * np.abs(expected).max()

    def test_a_loop_begins_again_and_can_be_left(self, live):
        stream = live(scene(duration_s=1.0))
        stream.loop(0.25, 0.5)
        played(stream, 60)
        assert 0.25 <= stream.position_s < 0.5 + BLOCK / RATE
        assert not stream.finished
        stream.loop_off()
        played(stream, 100)
        assert stream.finished
        assert not played(stream, 1).any()
        with pytest.raises(ValueError, match="empty"):
            stream.loop(0.5, 0.5)

    def test_latency_is_a_block_and_the_heads_own_delay(self, live, head):
        front = head.impulse_responses[np.argmax(head.directions[:, 0])]
        onset = np.argmax(np.abs(front).max(axis=0) > 0.1 * np.abs(front).max())
        assert live(scene(), 256).latency_s == pytest.approx((256 + onset) / RATE, abs=1.5 / RATE)


def test_blocks_allocate_nothing_that_counts(live):
    what = scene(
        *(source(name=str(n), position_m=at(40 * n - 60)) for n in range(3)),
        walking(),
        medium={"propagation_delay": True},
    )
    stream = live(what, 1024)
    out = np.empty((2, 1024), dtype=np.float32)
    for _ in range(10):
        stream.process(out)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(30):
            turn = quaternion_from_yaw(number / 5)
            stream.set_head(Pose(position_m=np.zeros(3), orientation_wxyz=turn))
            tracemalloc.reset_peak()
            stream.process(out)
            now, peak = tracemalloc.get_traced_memory()
            assert peak - before < 16_000
            assert now - before < 8_000
    finally:
        tracemalloc.stop()


def test_what_it_cannot_do_it_refuses(folder, head):
    with pytest.raises(ValueError, match="at least 16"):
        StreamRenderer(scene(), folder, head, block=8)
    with StreamRenderer(scene(), folder, head, editable=False) as stream:
        with pytest.raises(ValueError, match="as it is"):
            stream.set_head(Pose(position_m=np.zeros(3)))
        with pytest.raises(ValueError, match=r"\(2, 512\)"):
            stream.process(np.empty((2, 100), dtype=np.float32))
