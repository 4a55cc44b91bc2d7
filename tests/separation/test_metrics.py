"""Metrics against mir_eval, closed forms, and their behaviour at silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from separation.metrics import (
    bss_eval,
    energy_at_predicted_silence,
    predicted_energy_at_silence,
    sd_sdr,
    si_sdr,
)


def orthogonal_pair(rng, count=4096):
    reference = rng.standard_normal(count)
    noise = rng.standard_normal(count)
    noise -= reference * (noise @ reference) / (reference @ reference)
    return reference, noise * np.linalg.norm(reference) / np.linalg.norm(noise)


@pytest.mark.parametrize("ratio_db", [-20.0, 0.0, 7.5, 60.0])
def test_si_sdr_is_the_level_of_orthogonal_noise(ratio_db):
    reference, noise = orthogonal_pair(np.random.default_rng(0))
    estimate = reference + noise * 10 ** (-ratio_db / 20)
    assert si_sdr(reference, estimate) == pytest.approx(ratio_db, abs=1e-9)
    assert sd_sdr(reference, estimate) == pytest.approx(ratio_db, abs=1e-9)


@given(gain=st.floats(0.01, 100))
@settings(deadline=None, max_examples=30)
def test_gain_matters_to_sd_sdr_only(gain):
    reference, noise = orthogonal_pair(np.random.default_rng(1), 256)
    estimate = reference + 0.1 * noise
    assert si_sdr(reference, gain * estimate) == pytest.approx(20.0, abs=1e-6)
    expected = 20 * np.log10(gain) - 10 * np.log10((1 - gain) ** 2 + 0.01 * gain**2)
    assert sd_sdr(reference, gain * estimate) == pytest.approx(expected, abs=1e-6)


def test_silence_is_defined():
    sound, silence = np.sin(np.arange(1000.0)), np.zeros(1000)
    for metric in (si_sdr, sd_sdr):
        assert np.isnan(metric(silence, sound))
        assert np.isnan(metric(silence, silence))
        assert metric(sound, silence) == -np.inf
        assert metric(sound, sound) == np.inf
    one = bss_eval(np.stack([sound, silence]), np.stack([sound, sound]))
    assert np.isnan(one.sdr_db[1])
    assert one.sdr_db[0] > 100
    assert bss_eval(sound[None], silence[None]).sdr_db[0] == -np.inf


def test_energy_at_silence():
    sound, silence = np.ones(100), np.zeros(100)
    reference = np.concatenate([sound, silence, silence])
    estimate = np.concatenate([silence, 0.1 * sound, silence])
    # Windows 2 and 3 are silent: energies 1 and 0, so (0 − 80) / 2.
    assert predicted_energy_at_silence(reference, estimate, 100) == pytest.approx(-40, abs=1e-6)
    # The estimate is silent in windows 1 and 3: energies 100 and 0, so (20 − 80) / 2.
    assert energy_at_predicted_silence(reference, estimate, 100) == pytest.approx(-30, abs=1e-6)
    assert np.isnan(predicted_energy_at_silence(sound, sound, 10))
    both = predicted_energy_at_silence(
        np.stack([reference, sound.repeat(3)]), np.zeros((2, 300)), 100
    )
    assert both[0] == pytest.approx(-80)
    assert np.isnan(both[1])


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_bss_eval_against_mir_eval(count):
    separation = pytest.importorskip("mir_eval").separation
    rng = np.random.default_rng(count)
    references = np.cumsum(rng.standard_normal((count, 6000)), axis=1) * 0.02
    references += rng.standard_normal((count, 6000))
    mixing = np.eye(count) + 0.2 * rng.standard_normal((count, count))
    estimates = mixing @ references + 0.1 * rng.standard_normal((count, 6000))
    mine = bss_eval(references, estimates)
    sdr, sir, sar, _ = separation.bss_eval_sources(references, estimates, compute_permutation=False)
    np.testing.assert_allclose(mine.sdr_db, sdr, atol=1e-9)
    np.testing.assert_allclose(mine.sir_db, sir, atol=1e-9)
    np.testing.assert_allclose(mine.sar_db, sar, atol=1e-9)


def test_bss_eval_allows_a_short_filter():
    rng = np.random.default_rng(3)
    reference = np.concatenate([rng.standard_normal(3000), np.zeros(100)])
    taps = rng.standard_normal(64)
    filtered = np.convolve(reference, taps)[: len(reference)]
    assert bss_eval(reference[None], filtered[None]).sdr_db[0] > 150
    assert bss_eval(reference[None], filtered[None], filter_length=32).sdr_db[0] < 20
    assert si_sdr(reference, filtered) < 10


def test_equal_references_are_no_exception():
    sound = np.random.default_rng(0).standard_normal(3000)
    assert np.isfinite(bss_eval(np.stack([sound, sound]), np.stack([sound, -sound])).sdr_db).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        si_sdr(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="finite"):
        si_sdr(np.zeros(3), np.array([0, np.nan, 0]))
    with pytest.raises(ValueError, match=r"\(sources, samples\)"):
        bss_eval(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="window_samples"):
        predicted_energy_at_silence(np.zeros(3), np.zeros(3), 0)
