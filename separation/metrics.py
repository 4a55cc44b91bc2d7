"""How well an estimate matches a reference, in decibels.

Conventions: signals are real arrays whose last axis is time; other axes broadcast. No mean is
removed. Silence is defined everywhere:

- a silent reference has no distortion ratio: NaN (use `predicted_energy_at_silence` there);
- a silent estimate of a sounding reference: −inf;
- an estimate without any error: +inf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import fft, linalg

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

Signals: TypeAlias = "Float[np.ndarray, '*batch samples']"
Decibels: TypeAlias = "Float64[np.ndarray, '*batch']"

SILENCE_ENERGY = 1e-8
"""ε of the measures at silence: gives the published floor of −80 dB."""

FARTHEST_DB = 80.0
"""What infinite ratios count as in means: as much as silence can cost."""


def si_sdr(reference: Signals, estimate: Signals) -> Decibels:
    """Scale-invariant signal-to-distortion ratio, ‖αs‖² / ‖αs − ŝ‖² with α = ŝᵀs / ‖s‖².

    Source: Le Roux, Wisdom, Erdogan, Hershey, "SDR – half-baked or well done?", 2019, eq. (5).
    """
    reference, estimate = _checked(reference, estimate)
    target = _scaled(reference, estimate)
    return _ratio_db(reference, _energy(target), _energy(target - estimate))


def sd_sdr(reference: Signals, estimate: Signals) -> Decibels:
    """Scale-dependent signal-to-distortion ratio, ‖αs‖² / ‖s − ŝ‖² with α = ŝᵀs / ‖s‖².

    Source: Le Roux et al. 2019, eq. (10).
    """
    reference, estimate = _checked(reference, estimate)
    target = _scaled(reference, estimate)
    return _ratio_db(reference, _energy(target), _energy(reference - estimate))


def predicted_energy_at_silence(
    reference: Signals,
    estimate: Signals,
    window_samples: int,
    silence_energy: float = SILENCE_ENERGY,
) -> Decibels:
    """Mean of 10·log10(Σŝ² + ε) over the windows in which the reference is silent (PES).

    Args:
        reference: True signals.
        estimate: Estimated signals.
        window_samples: Length of the windows, which do not overlap; the last may be shorter.
        silence_energy: A window is silent where Σs² is at most this.

    Returns:
        Decibels, −80 for a perfect silence; NaN where the reference is silent in no window.

    Source: Schulze-Forster, Doire, Richard, Badeau, "Weakly informed audio source separation",
    2019.
    """
    reference, estimate = _checked(reference, estimate)
    return _energy_where_silent(reference, estimate, window_samples, silence_energy)


def energy_at_predicted_silence(
    reference: Signals,
    estimate: Signals,
    window_samples: int,
    silence_energy: float = SILENCE_ENERGY,
) -> Decibels:
    """Mean of 10·log10(Σs² + ε) over the windows in which the estimate is silent (EPS).

    Arguments and result are those of `predicted_energy_at_silence`, signals exchanged.

    Source: Schulze-Forster et al. 2019.
    """
    reference, estimate = _checked(reference, estimate)
    return _energy_where_silent(estimate, reference, window_samples, silence_energy)


@dataclass(frozen=True, slots=True, kw_only=True)
class BssEval:
    """Ratios of one mixture, each of shape (sources,), in decibels.

    Attributes:
        sdr_db: Target to everything else.
        sir_db: Target to the other sources; +inf where there is no other.
        sar_db: Target and other sources to what comes from no source.
    """

    sdr_db: Float64[np.ndarray, "sources"]
    sir_db: Float64[np.ndarray, "sources"]
    sar_db: Float64[np.ndarray, "sources"]


def bss_eval(
    references: Float[np.ndarray, "sources samples"],
    estimates: Float[np.ndarray, "sources samples"],
    filter_length: int = 512,
) -> BssEval:
    """BSS Eval's SDR, SIR and SAR, where the reference may pass any short filter.

    Estimates keep their order: no permutation is tried. Each estimate is split by least squares
    into what `filter_length` taps can make of its own reference (target), of all references
    (target and interference), and the rest (artefacts). The Gram matrix of the delayed references
    is block-Toeplitz; its correlations come from FFTs, and one Cholesky factor serves all
    estimates of the mixture.

    Args:
        references: True sources.
        estimates: Estimated sources, in the same order.
        filter_length: Taps of the allowed distortion.

    Raises:
        ValueError: Shapes differ or are not (sources, samples), or the filter is empty.

    Source: Vincent, Gribonval, Févotte, "Performance measurement in blind audio source
    separation", 2006, with time-invariant filters, as bss_eval_sources of BSS Eval 3.
    """
    references, estimates = _checked(references, estimates)
    if references.ndim != 2:
        raise ValueError(f"references must be (sources, samples), got {references.shape}.")
    if filter_length < 1:
        raise ValueError(f"filter_length must be at least 1, got {filter_length}.")
    result = {name: np.full(len(references), np.nan) for name in ("sdr_db", "sir_db", "sar_db")}
    sounding = np.flatnonzero(_energy(references) > 0)
    if len(sounding) == 0:
        return BssEval(**result)

    span = references.shape[1] + filter_length - 1
    size = int(fft.next_fast_len(span + filter_length, real=True) or 0)
    spectra = np.asarray(fft.rfft(references[sounding], size))
    estimated = np.asarray(fft.rfft(estimates[sounding], size))
    gram = _gram(spectra, filter_length, size)
    correlations = _correlations(spectra, estimated, filter_length, size)
    everything = _solve(gram, correlations.reshape(-1, len(sounding)))
    for place, source in enumerate(sounding):
        own = slice(place * filter_length, (place + 1) * filter_length)
        target_taps = _solve(gram[own, own], correlations[place, :, place])
        target = _filtered(spectra[place : place + 1], target_taps[None], size, span)
        all_taps = everything[:, place].reshape(len(sounding), filter_length)
        explained = _filtered(spectra, all_taps, size, span)
        estimate = np.pad(estimates[source], (0, filter_length - 1))
        interference, artefacts = explained - target, estimate - explained
        reference, energy = references[source], _energy(target)
        if len(sounding) == 1:
            interference = np.zeros_like(interference)
        result["sdr_db"][source] = _ratio_db(reference, energy, _energy(estimate - target))
        result["sir_db"][source] = _ratio_db(reference, energy, _energy(interference))
        result["sar_db"][source] = _ratio_db(reference, _energy(explained), _energy(artefacts))
    return BssEval(**result)


def defined_mean(values: np.ndarray) -> float:
    """Return the mean of the values that are defined; NaN where none is.

    A silent stem has −inf: it counts as −80 dB.
    """
    defined = np.clip(values[~np.isnan(values)], -FARTHEST_DB, FARTHEST_DB)
    return float(defined.mean()) if len(defined) else float("nan")


def _checked(reference: Signals, estimate: Signals) -> tuple[np.ndarray, np.ndarray]:
    reference = np.asarray(reference, dtype=np.float64)
    estimate = np.asarray(estimate, dtype=np.float64)
    if reference.ndim == 0 or reference.shape[-1] == 0 or reference.shape != estimate.shape:
        raise ValueError(
            "reference and estimate must have the same shape with at least one sample, got "
            f"{reference.shape} and {estimate.shape}."
        )
    if not (np.isfinite(reference).all() and np.isfinite(estimate).all()):
        raise ValueError("reference and estimate must be finite.")
    return reference, estimate


def _energy(signals: np.ndarray) -> np.ndarray:
    return np.einsum("...t,...t->...", signals, signals)


def _scaled(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return αs, the multiple of the reference nearest to the estimate."""
    energy = _energy(reference)
    product = np.einsum("...t,...t->...", reference, estimate)
    gain = np.divide(product, energy, out=np.zeros_like(product), where=energy > 0)
    return np.asarray(gain)[..., None] * reference


def _ratio_db(reference: np.ndarray, signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return 10·log10(signal / noise): NaN for a silent reference, −inf for no signal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10.0 * (np.log10(signal) - np.log10(noise))
    ratio = np.where(signal == 0, -np.inf, ratio)
    return np.where(_energy(reference) == 0, np.nan, ratio)


def _energy_where_silent(
    silent: np.ndarray, sounding: np.ndarray, window_samples: int, silence_energy: float
) -> np.ndarray:
    if window_samples < 1:
        raise ValueError(f"window_samples must be at least 1, got {window_samples}.")
    starts = np.arange(0, silent.shape[-1], window_samples)
    quiet = np.add.reduceat(silent**2, starts, axis=-1) <= silence_energy
    level = 10.0 * np.log10(np.add.reduceat(sounding**2, starts, axis=-1) + SILENCE_ENERGY)
    count = quiet.sum(axis=-1)
    total = np.where(quiet, level, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _gram(spectra: np.ndarray, length: int, size: int) -> Float64[np.ndarray, "rows rows"]:
    """Inner products of all references at all delays 0…length−1."""
    count = len(spectra)
    gram = np.empty((count, length, count, length))
    for row in range(count):
        for column in range(row, count):
            # Entry (i, j) is Σₜ x(t − i)·y(t − j), the correlation at lag j − i.
            correlation = np.asarray(fft.irfft(spectra[row] * spectra[column].conj(), size))
            block = np.asarray(
                linalg.toeplitz(correlation[-np.arange(length)], correlation[:length])
            )
            gram[row, :, column, :] = block
            gram[column, :, row, :] = block.T
    return gram.reshape(count * length, count * length)


def _correlations(
    spectra: np.ndarray, estimated: np.ndarray, length: int, size: int
) -> Float64[np.ndarray, "sources taps estimates"]:
    """Inner products of the delayed references with each estimate."""
    products = estimated[None] * spectra[:, None].conj()
    return np.asarray(fft.irfft(products, size))[..., :length].transpose(0, 2, 1)


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return linalg.cho_solve(linalg.cho_factor(gram, check_finite=False), right)
    except linalg.LinAlgError:  # equal references leave the split among them open
        return np.linalg.lstsq(gram, right, rcond=None)[0]


def _filtered(
    spectra: np.ndarray, taps: np.ndarray, size: int, span: int
) -> Float64[np.ndarray, "span"]:
    """Sum of the references, each through its taps."""
    product = (spectra * np.asarray(fft.rfft(taps, size))).sum(axis=0)
    return np.asarray(fft.irfft(product, size))[:span]
