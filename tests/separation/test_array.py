"""The multichannel Wiener filter on fields whose best answer is known."""

import os
import subprocess
import sys

import numpy as np
import pytest

from separation.array import ArrayConfig, ArrayFilter
from separation.array_kernels import add_covariances, hermitian_forms, wiener_filter
from separation.metrics import si_sdr


def field(seed=0, bins=24, frames=300, channels=7, sources=2):
    """Sources of one direction each, their own powers over time, and a little sensor noise."""
    rng = np.random.default_rng(seed)

    def gaussian(*shape):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)

    steering = np.exp(2j * np.pi * rng.random((sources, channels, bins)))
    steering /= steering[:, :1]
    powers = rng.gamma(0.4, 1.0, (sources, bins, frames))
    signals = np.sqrt(powers) * gaussian(sources, bins, frames)
    images = steering[..., None] * signals[:, None]
    spectra = images.sum(axis=0) + 0.01 * gaussian(channels, bins, frames)
    return spectra.astype(np.complex64), images[:, 0], powers


def shares(powers):
    return (powers / powers.sum(axis=0)).astype(np.float32)


def run(spectra, masks, likelihood=0.0, **config):
    microphones = ArrayFilter(
        len(masks), len(spectra), 0, np.zeros(masks.shape[1]),
        np.full(masks.shape[1], likelihood > 0, np.float32),
        ArrayConfig(likelihood=likelihood, **config),
    )  # fmt: skip
    for _ in range(microphones.passes):
        for start in range(0, masks.shape[-1], 100):
            block = slice(start, start + 100)
            microphones.gather(spectra[..., block], masks[..., block])
        microphones.update()
    return microphones.apply(spectra, masks)


def quality(images, estimates):
    flat = [np.stack([x.real, x.imag], -1).reshape(len(x), -1) for x in (images, estimates)]
    return si_sdr(*flat).mean()


def test_kernels_are_the_formulas():
    rng = np.random.default_rng(0)
    performers, bins, channels, frames = 3, 4, 7, 70
    spectra, _, _ = field(bins=bins, frames=frames)
    own = rng.random((performers, bins, frames)).astype(np.float32)
    rest = rng.uniform(0.01, 1, (bins, frames)).astype(np.float32)
    factors = rng.standard_normal((2, performers, bins, channels, channels))
    roots = factors[0] + 1j * factors[1]
    matrices = (roots @ roots.conj().swapaxes(-1, -2)).astype(np.complex64)
    x = spectra.astype(np.complex128)

    sums = np.zeros(matrices.shape, np.complex128)
    add_covariances(spectra, own, sums, 1, bins)
    expected = np.einsum("pft,cft,dft->pfcd", own / np.linalg.norm(x, axis=0), x, x.conj())
    np.testing.assert_allclose(sums[:, 1:], expected[:, 1:], atol=1e-5 * np.abs(expected).max())
    assert not sums[:, 0].any()

    forms = np.zeros(own.shape, np.float32)
    hermitian_forms(spectra, matrices, forms, 0, bins - 1)
    expected = np.einsum("cft,pfcd,dft->pft", x.conj(), matrices, x).real
    np.testing.assert_allclose(forms[:, :-1], expected[:, :-1], rtol=1e-4, atol=1e-4)
    assert not forms[:, -1].any()

    out = np.empty(own.shape, np.complex64)
    wiener_filter(spectra, own, rest, matrices, 2, out, 0, bins)
    whole = np.einsum("pft,pfcd->ftcd", own, matrices) + rest[..., None, None] * np.eye(channels)
    solved = np.linalg.solve(whole, np.moveaxis(x, 0, -1)[..., None])[..., 0]
    expected = own * np.einsum("pfc,ftc->pft", matrices[:, :, 2], solved)
    np.testing.assert_allclose(out, expected, atol=1e-4 * np.abs(expected).max())


def test_directions_separate_what_masks_cannot():
    spectra, images, powers = field()
    masks = shares(powers)
    masked = quality(images, masks * spectra[0])
    filtered = quality(images, run(spectra, masks))
    assert masked < 8
    assert filtered > masked + 8


def test_estimates_add_up_to_the_mixture():
    spectra, _, powers = field(sources=3)
    estimates = run(spectra, shares(powers))
    error = np.abs(estimates.sum(axis=0) - spectra[0]) ** 2
    assert error.sum() < 1e-4 * np.sum(np.abs(spectra[0]) ** 2)


def test_unclaimed_energy_is_left_over():
    spectra, _, powers = field()
    estimates = run(spectra, 0.5 * shares(powers))
    rest = np.sum(np.abs(spectra[0] - estimates.sum(axis=0)) ** 2) / np.sum(np.abs(spectra[0]) ** 2)
    assert 0.01 < rest < 0.5


def test_one_microphone_twice_changes_nothing():
    spectra, _, powers = field()
    masks = shares(powers)
    twice = np.stack([spectra[0], spectra[0]])
    np.testing.assert_allclose(run(twice, masks), masks * spectra[0], atol=5e-3)


def test_likelihood_finds_who_sounds_where_masks_are_flat():
    """Masks that only know each frame's share: space tells which bins are whose."""
    spectra, images, powers = field(seed=4)
    flat = shares(powers).mean(axis=1, keepdims=True).repeat(powers.shape[1], axis=1)
    without = quality(images, run(spectra, flat, likelihood=0.0))
    found = quality(images, run(spectra, flat, likelihood=0.3, frames=0, bins=0))
    assert found > without + 1


def test_equal_masks_stay_equal():
    spectra, _, powers = field()
    masks = shares(powers)[[0, 1, 1]] * np.float32(0.5)
    estimates = run(spectra, masks, likelihood=0.3)
    np.testing.assert_array_equal(estimates[1], estimates[2])


def test_silent_cells_and_absent_performers_are_solved():
    spectra, _, powers = field()
    spectra[..., :50] = 0
    spectra[:, 3] = 0
    masks = np.concatenate([shares(powers), np.zeros((1, *powers.shape[1:]), np.float32)])
    estimates = run(spectra, masks, likelihood=0.3)
    assert np.isfinite(estimates).all()
    assert np.abs(estimates[2]).max() == 0
    assert np.abs(estimates[..., :50]).max() == 0


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="loading must be positive"):
        ArrayConfig(loading=0.0)
    with pytest.raises(ValueError, match="nothing negative"):
        ArrayConfig(frames=-1)
    with pytest.raises(ValueError, match="expectation must be"):
        ArrayConfig(expectation=1.5)
    spectra, _, powers = field()
    with pytest.raises(ValueError, match="before apply"):
        ArrayFilter(2, 7, 0, np.zeros(24), np.zeros(24, np.float32), ArrayConfig()).apply(
            spectra, shares(powers)
        )


_FILTERED = """
import hashlib
import numpy as np
from separation.array import ArrayConfig, ArrayFilter
rng = np.random.default_rng(0)
spectra = (rng.standard_normal((7, 24, 200)) + 1j * rng.standard_normal((7, 24, 200)))
spectra = spectra.astype(np.complex64)
masks = rng.dirichlet([0.3] * 3, (24, 200)).transpose(2, 0, 1).astype(np.float32)
array = ArrayFilter(3, 7, 0, np.zeros(24), np.ones(24, np.float32), ArrayConfig())
for _ in range(array.passes):
    array.gather(spectra, masks)
    array.update()
print(hashlib.sha256(array.apply(spectra, masks).tobytes()).hexdigest())
"""


def test_compiled_now_or_before_the_filter_is_the_same(tmp_path):
    """What a first run compiles gives what later ones load."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", _FILTERED]
    first, second = (
        subprocess.run(command, env=environment, check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert first == second
