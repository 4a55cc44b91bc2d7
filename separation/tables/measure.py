"""Measure one system on mixtures: SDR, SIR, SAR, SI-SDR, SD-SDR, PES, EPS, against three bounds.

The mixture itself bounds from below, the ideal binary mask of the system's own front end from
above; between them lies the share that was reached. With the conditions passed on to the next
player, a system that looks at them falls far below the mixture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from separation.metrics import (
    FARTHEST_DB,
    bss_eval,
    defined_mean,
    energy_at_predicted_silence,
    predicted_energy_at_silence,
    sd_sdr,
    si_sdr,
)
from separation.model import SeparationModel
from separation.training.mixing import Mixture
from separation.training.validation import MaskKind, stems_of

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

_SILENCE_WINDOW_S = 0.1
_Measured: TypeAlias = dict[str, np.ndarray]

FIGURES = ("sdr", "sir", "sar", "si_sdr", "sd_sdr", "pes", "eps")
"""What is measured of every stem, in dB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A network and how it gets its conditions.

    Attributes:
        name: What people call it.
        model: In evaluation mode.
        encode: Gives the condition vectors of a mixture's players.
    """

    name: str
    model: SeparationModel
    encode: Callable[[Mixture], Float[Tensor, "players K *moments"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one system on mixtures of one kind and size, in dB, each of shape (stems,).

    Attributes:
        instruments: Whose stem each is.
        stems: By figure (`FIGURES`); NaN where a figure is not defined.
        mixture: The mixture's own, likewise.
        ideal: Those of the ideal binary mask.
        shuffled_si_sdr: SI-SDR with the conditions of the next player.
        residual_db: Energy that the stems leave over that of the mixture, by mixture.
    """

    instruments: tuple[str, ...]
    stems: dict[str, Float64[np.ndarray, "stems"]]
    mixture: dict[str, Float64[np.ndarray, "stems"]]
    ideal: dict[str, Float64[np.ndarray, "stems"]]
    shuffled_si_sdr: Float64[np.ndarray, "stems"]
    residual_db: Float64[np.ndarray, "mixtures"]

    def mean(self, figure: str) -> float:
        """Return the mean of a figure over the stems that have it."""
        return defined_mean(self.stems[figure])

    @property
    def gain_db(self) -> float:
        """Improvement of SI-SDR over the mixture."""
        return self.mean("si_sdr") - defined_mean(self.mixture["si_sdr"])

    @property
    def gain_error_db(self) -> float:
        """Standard error of that improvement."""
        gains = np.clip(self.stems["si_sdr"], -FARTHEST_DB, None) - self.mixture["si_sdr"]
        return float(np.nanstd(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0

    @property
    def ideal_gain_db(self) -> float:
        """Improvement of SI-SDR by the ideal binary mask."""
        return defined_mean(self.ideal["si_sdr"]) - defined_mean(self.mixture["si_sdr"])

    @property
    def share(self) -> float:
        """Share of the ideal binary mask's improvement of SI-SDR that was reached."""
        return self.gain_db / self.ideal_gain_db

    @property
    def shuffled_gain_db(self) -> float:
        """Improvement over the mixture with the conditions of the next player."""
        return defined_mean(self.shuffled_si_sdr) - defined_mean(self.mixture["si_sdr"])

    def summary(self) -> dict[str, float]:
        """Return the means as a mapping for JSON."""
        return {
            **{figure: self.mean(figure) for figure in FIGURES},
            **{
                f"mixture_{figure}": defined_mean(self.mixture[figure])
                for figure in ("sdr", "si_sdr")
            },
            **{
                f"ideal_{figure}": defined_mean(self.ideal[figure])
                for figure in ("sdr", "sir", "si_sdr")
            },
            "gain": self.gain_db,
            "gain_error": self.gain_error_db,
            "share": self.share,
            "shuffled_gain": self.shuffled_gain_db,
            "residual": defined_mean(self.residual_db),
        }

    def gain_by_instrument(self) -> dict[str, float]:
        """Return the improvement of SI-SDR of each instrument's stems."""
        gains = self.stems["si_sdr"] - self.mixture["si_sdr"]
        names = np.array(self.instruments)
        return {name: defined_mean(gains[names == name]) for name in sorted(set(self.instruments))}


@torch.inference_mode()
def measure_system(
    system: System, mixtures: Sequence[Mixture], *, masks: MaskKind = "soft", full: bool = True
) -> Figures:
    """Separate mixtures and compare the stems with the sources.

    Args:
        system: The system.
        mixtures: Of equally many players, all of whom sound.
        masks: As they are, or 1 where a performer's mask is the largest (sigmoid heads: above
            one half) and 0 elsewhere.
        full: Also SDR, SIR and SAR, which take most of the time.
    """
    parts = [_one(system, mixture, masks, full) for mixture in mixtures]
    return Figures(
        instruments=tuple(name for mixture in mixtures for name in mixture.instruments),
        stems=_joined([part[0] for part in parts]),
        mixture=_joined([part[1] for part in parts]),
        ideal=_joined([part[2] for part in parts]),
        shuffled_si_sdr=np.concatenate([part[3] for part in parts]),
        residual_db=np.array([part[4] for part in parts]),
    )


def _joined(parts: Sequence[_Measured]) -> _Measured:
    return {figure: np.concatenate([part[figure] for part in parts]) for figure in FIGURES}


def _one(
    system: System, mixture: Mixture, kind: MaskKind, full: bool
) -> tuple[_Measured, _Measured, _Measured, np.ndarray, float]:
    references = mixture.sources.astype(np.float64)
    separated = stems_of(system.model, mixture, system.encode, kind)
    stems, best, shuffled = (part.astype(np.float64) for part in separated)
    heard = np.broadcast_to(mixture.mixture.astype(np.float64), references.shape)
    left = mixture.mixture - stems.sum(axis=0)
    energy = float(np.sum(np.square(mixture.mixture, dtype=np.float64)))
    residual_db = 10 * float(np.log10(max(float(np.sum(left**2)) / energy, 1e-12)))
    rate_hz = system.model.config.spectrogram.sample_rate_hz
    stem_figures, mixture_figures, ideal_figures = (
        _figures(references, estimate, rate_hz, full) for estimate in (stems, heard, best)
    )
    return stem_figures, mixture_figures, ideal_figures, si_sdr(references, shuffled), residual_db


def _figures(
    references: Float64[np.ndarray, "stems samples"],
    estimates: Float64[np.ndarray, "stems samples"],
    rate_hz: int,
    full: bool,
) -> _Measured:
    window = round(_SILENCE_WINDOW_S * rate_hz)
    unknown = np.full(len(references), np.nan)
    bss = bss_eval(references, estimates) if full else None
    return {
        "sdr": unknown if bss is None else bss.sdr_db,
        "sir": unknown if bss is None else bss.sir_db,
        "sar": unknown if bss is None else bss.sar_db,
        "si_sdr": si_sdr(references, estimates),
        "sd_sdr": sd_sdr(references, estimates),
        "pes": predicted_energy_at_silence(references, estimates, window),
        "eps": energy_at_predicted_silence(references, estimates, window),
    }
