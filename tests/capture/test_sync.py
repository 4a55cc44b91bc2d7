"""Sound and images come onto one timeline, from time stamps of two drifting clocks."""

import numpy as np
import pytest

from capture.clock import ClockFit
from capture.simulate.clocks import SimulatedClocks
from capture.sync import StampLog, Stamps, fit_clocks, fit_times
from capture.take.take_file import ClockEntry

JITTER_S, OUTLIERS = SimulatedClocks.jitter_s, SimulatedClocks.outlier_share


@pytest.mark.parametrize("seed", range(8))
def test_an_hour_of_drift_wander_jitter_and_outliers_stays_within_two_milliseconds(seed):
    clocks = SimulatedClocks(seed, drift=(-1) ** seed * np.linspace(50e-6, 500e-6, 8)[seed])
    fit = clocks.fit()
    assert np.abs(clocks.error_s(fit)).max() < 2e-3
    assert fit.jumps == ()
    assert fit.jitter_s == pytest.approx((JITTER_S, JITTER_S), rel=0.05)
    assert fit.outlier_share == pytest.approx(OUTLIERS, abs=0.004)
    assert 0.1e-3 < fit.error_s < 0.6e-3
    assert len(fit.clock.wander) < 150


def test_a_line_alone_would_not_do():
    clocks = SimulatedClocks(1, period_s=3600.0)
    fit = clocks.fit()
    line = ClockFit(offset_s=fit.clock.offset_s, drift=fit.clock.drift)
    left = line.sound_from_camera(clocks.images_s) - clocks.sound(clocks.images_s)
    assert np.ptp(left) > 8e-3
    assert np.abs(clocks.error_s(fit)).max() < 1e-3


def test_the_fit_comes_back_from_take_json():
    clocks = SimulatedClocks(2, seconds=900.0)
    fit = clocks.fit()
    entry = ClockEntry.model_validate_json(ClockEntry.of(fit).model_dump_json())
    np.testing.assert_allclose(
        entry.fit().sound_from_camera(clocks.images_s),
        fit.clock.sound_from_camera(clocks.images_s),
        atol=1e-6,
    )
    assert (entry.source, entry.error_ms) == ("stamps", pytest.approx(1e3 * fit.error_s, abs=1e-3))


def test_lost_sound_is_a_jump():
    clocks = SimulatedClocks(3, seconds=600.0, wander=0.0)
    kept = (clocks.blocks_s <= 250.0) | (clocks.blocks_s > 250.1)
    true_s = clocks.blocks_s[kept]
    counted = clocks.sound(true_s) - 0.1 * (true_s > 250.05)
    fit = fit_clocks(
        Stamps(clock_s=clocks.images_s, host_s=clocks.arrivals(clocks.images_s)),
        Stamps(clock_s=counted, host_s=clocks.arrivals(true_s)),
    )
    ((at_s, lost_s),) = fit.jumps
    assert at_s == pytest.approx(250.1, abs=0.05)
    assert lost_s == pytest.approx(0.1, abs=2e-3)
    expected = clocks.sound(clocks.images_s) - 0.1 * (clocks.images_s > 250.05)
    away = np.abs(clocks.images_s - 250.05) > 0.2
    error_s = fit.clock.sound_from_camera(clocks.images_s) - expected
    assert np.abs(error_s[away]).max() < 2e-3
    assert np.all(np.diff(fit.clock.sound_from_camera(clocks.images_s)) > 0)


def test_a_camera_clock_that_leaps_ahead_is_a_jump():
    clocks = SimulatedClocks(4, seconds=300.0, wander=0.0)
    leapt = clocks.images_s + 10.0 * (clocks.images_s > 120.0)
    fit = fit_clocks(
        Stamps(clock_s=leapt, host_s=clocks.arrivals(clocks.images_s)),
        Stamps(clock_s=clocks.sound(clocks.blocks_s), host_s=clocks.arrivals(clocks.blocks_s)),
    )
    ((at_s, height_s),) = fit.jumps
    assert at_s == pytest.approx(130.0, abs=0.1)
    assert height_s == pytest.approx(10.0, abs=2e-3)
    error_s = fit.clock.sound_from_camera(leapt) - clocks.sound(clocks.images_s)
    assert np.abs(error_s).max() < 2e-3


def test_a_computer_that_stalls_is_no_jump():
    clocks = SimulatedClocks(5, seconds=300.0, wander=0.0)

    def stalled(true_s):
        arrivals = clocks.arrivals(true_s)
        caught = (true_s > 100.0) & (true_s < 101.5)
        arrivals[caught] = np.maximum(arrivals[caught], 101.5)
        return arrivals

    fit = fit_clocks(
        Stamps(clock_s=clocks.images_s, host_s=stalled(clocks.images_s)),
        Stamps(clock_s=clocks.sound(clocks.blocks_s), host_s=stalled(clocks.blocks_s)),
    )
    assert fit.jumps == ()
    assert np.abs(clocks.error_s(fit)).max() < 2e-3


@pytest.mark.parametrize("seconds", [0.05, 1.0, 8.0, 30.0])
def test_a_short_take_has_as_much_drift_as_its_stamps_show(seconds):
    """One image arrives within its jitter; thirty seconds fix the line to half a millisecond."""
    clocks = SimulatedClocks(6, seconds=seconds)
    fit = clocks.fit()
    worst_s = np.abs(clocks.error_s(fit)).max()
    assert worst_s < (4 * JITTER_S if seconds < 1 else 3 * fit.error_s)
    assert fit.error_s < 0.7e-3 or seconds < 30


def test_exact_stamps_give_an_exact_line():
    camera = np.linspace(0, 1000, 2000)
    fit = fit_times(camera, 0.35 + (1 + 373e-6) * camera)
    assert fit.offset_s == pytest.approx(0.35, abs=1e-5)
    assert fit.drift == pytest.approx(373e-6, abs=1e-8)
    assert fit.wander == ()
    np.testing.assert_allclose(fit.sound_from_camera(np.array([100.0])), 100.3873, atol=2e-5)
    assert "+373.0 ppm" in str(fit)
    assert fit_times(camera, camera) == ClockFit()


def test_stamps_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        fit_times(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="not a finite"):
        fit_times(np.array([0.0, np.nan]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"jumps back from 2\.000 s to 1\.000 s"):
        Stamps(clock_s=np.array([0.0, 2.0, 1.0]), host_s=np.arange(3.0))
    with pytest.raises(ValueError, match="1 %"):
        ClockFit(drift=0.5)
    with pytest.raises(ValueError, match="increase"):
        ClockFit(wander=((1.0, 0.0), (1.0, 0.1)))
    with pytest.raises(ValueError, match="turns time back"):
        ClockFit(wander=((1.0, 0.0), (1.1, -0.2)))
    backwards = np.concatenate([np.arange(0, 50, 0.02), np.arange(30, 80, 0.02)])
    with pytest.raises(ValueError, match="monotonic clock"):
        fit_times(backwards, np.arange(len(backwards)) * 0.02)


def test_a_log_collects_stamps():
    log = StampLog()
    for index in range(5):
        log.add(index / 15, 100 + index / 15)
    assert len(log) == 5
    np.testing.assert_allclose(log.stamps(last=2).clock_s, [3 / 15, 4 / 15])
    assert len(log.stamps().host_s) == 5
