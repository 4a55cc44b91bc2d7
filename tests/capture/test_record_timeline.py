"""Clocks that drift, jitter and jump; samples that get lost; and the inbox between threads."""

import threading

import numpy as np
import pytest

from capture.record.camera_timeline import CameraTimeline
from capture.record.clock_line import ClockLine
from capture.record.driver import SoundBlock
from capture.record.inbox import Inbox
from capture.record.losses import ImageCounter
from capture.record.simulated_clock import SimulatedClock
from capture.record.sound_timeline import SoundTimeline

RATE_HZ, BLOCK = 1000, 20


def heard(seconds, *, drift=0.0, jitter_s=0.0, late=0.0, gaps=()):
    """Play blocks of numbered samples; return what a timeline makes of them, and the truth."""
    rng = np.random.default_rng(5)
    timeline = SoundTimeline(RATE_HZ)
    gaps, lost_s, sample, out = list(gaps), 0.0, 0, []
    for block in range(round(seconds * RATE_HZ / BLOCK)):
        true_s = block * BLOCK / RATE_HZ + lost_s
        if gaps and true_s >= gaps[0][0]:
            lost_s += gaps[0][1]
            true_s += gaps.pop(0)[1]
        late_s = rng.normal(0, jitter_s) + (0.05 if rng.random() < late else 0.0)
        host_s = 50.0 + true_s * (1 - drift) + late_s
        samples = (sample + np.arange(BLOCK)).astype(np.int32)[:, None]
        sample += BLOCK
        out += timeline.add(SoundBlock(host_ns=round(host_s * 1e9), samples=samples))
    out += timeline.finish()
    return out


@pytest.mark.parametrize("drift", [-500e-6, 0.0, 370e-6])
def test_jitter_and_drift_are_no_gaps_and_times_are_smooth(drift):
    pieces = heard(90, drift=drift, jitter_s=0.005, late=0.01)
    assert all(piece.stamp_us is not None for piece in pieces)
    samples = np.concatenate([piece.samples for piece in pieces])[:, 0]
    np.testing.assert_array_equal(samples, np.arange(90 * RATE_HZ))
    at_s = np.array([piece.first_sample / RATE_HZ for piece in pieces])
    host_s = np.array([piece.host_us * 1e-6 for piece in pieces])
    error_s = host_s - (50.0 + at_s * (1 - drift))
    assert np.abs(error_s[250:]).max() < 0.004  # jitter is 5 ms, a late arrival 50 ms
    assert np.std(error_s[250:]) < 0.0015


@pytest.mark.parametrize("jitter_s", [0.0, 0.003])
def test_gaps_get_silence_of_their_length_at_their_place(jitter_s):
    gaps = [(12.0, 0.03), (20.0, 0.2), (25.5, 2.5)]
    pieces = heard(40, drift=200e-6, jitter_s=jitter_s, gaps=gaps)
    silent = [piece for piece in pieces if piece.stamp_us is None]
    assert all(len(piece.samples) <= RATE_HZ and not piece.samples.any() for piece in silent)
    found, until = [], None
    for piece in silent:
        if piece.first_sample == until:
            found[-1][1] += len(piece.samples) / RATE_HZ
        else:
            found.append([piece.first_sample / RATE_HZ, len(piece.samples) / RATE_HZ])
        until = piece.first_sample + len(piece.samples)
    np.testing.assert_allclose([at for at, _ in found], [at for at, _ in gaps], atol=0.06)
    np.testing.assert_allclose(
        [length for _, length in found], [g for _, g in gaps], atol=1e-3 if jitter_s == 0 else 6e-3
    )
    firsts = [piece.first_sample for piece in pieces]
    np.testing.assert_array_equal(np.diff(firsts), [len(p.samples) for p in pieces[:-1]])


def test_a_line_follows_a_clock_that_drifts():
    line = ClockLine()
    for second in np.arange(0, 60e6, 50_000):
        line.add(second, 1e9 + second * (1 + 300e-6))
    assert line.second_at(60e6) == pytest.approx(1e9 + 60e6 * (1 + 300e-6), abs=60)


@pytest.mark.parametrize("jump_us", [-5_000_000, 3_600_000_000])
def test_a_camera_clock_that_jumps_goes_on_by_the_hosts(jump_us):
    timeline = CameraTimeline()
    placed = []
    for index in range(60):
        device_us = 9_000_000 + index * 33_333 + (jump_us if index >= 30 else 0)
        placed.append(timeline.see(device_us, 10**12 + index * 33_333_000))
    assert timeline.jumps == 1
    np.testing.assert_array_equal(np.diff(placed), 33_333)
    assert timeline.at_host(10**9 + 70 * 33_333) == pytest.approx(9_000_000 + 70 * 33_333, abs=1)


def test_missing_images_are_counted_by_the_gaps_between_them():
    counter = ImageCounter(period_us=33_333.3)
    taken = [counter.is_next(round(n * 33_333.3)) for n in (0, 1, 1.1, 2, 6, 5, 7)]
    assert taken == [True, True, False, True, True, False, True]
    assert (counter.images, counter.missing, counter.late) == (5, 3, 2)
    assert counter.gaps_s == [(0.067, 0.133)]
    counter.close(round(10 * 33_333.3))
    assert counter.missing == 5
    assert counter.gaps_s[-1] == (0.233, 0.1)


def test_an_inbox_has_room_for_so_many_bytes_and_a_quarter_more_for_what_is_urgent():
    inbox = Inbox(100)
    assert inbox.put("large", 500, wait=False)  # alone, anything finds room
    assert inbox.get(0) == "large"
    assert [inbox.put(n, 40, wait=False) for n in range(3)] == [True, True, False]
    assert inbox.put("sound", 40, wait=False, urgent=True)
    assert not inbox.put("more", 10, wait=False, urgent=True)
    assert inbox.put("end", 0, wait=False)
    assert [inbox.get(0) for _ in range(5)] == [0, 1, "sound", "end", None]


def test_who_waits_for_room_is_let_go_when_the_inbox_closes():
    inbox, answers = Inbox(10), []
    inbox.put("first", 10, wait=True)
    waiting = threading.Thread(target=lambda: answers.append(inbox.put("next", 10, wait=True)))
    waiting.start()
    inbox.close()
    waiting.join(timeout=10)
    assert answers == [False]


def test_nobody_gets_ahead_of_another_ones_moment():
    clock, order = SimulatedClock(float("inf")), []
    clock.join("a")
    clock.join("b")

    def run(who, moments):
        for moment in moments:
            clock.wait_until(who, moment)
            order.append(moment)
        clock.leave(who)

    threads = [
        threading.Thread(target=run, args=("a", range(0, 40, 2))),
        threading.Thread(target=run, args=("b", range(1, 40, 6))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(order) == 27
    assert np.abs(order - np.sort(order)).max() <= 6
