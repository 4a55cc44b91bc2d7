"""The front end: waveform ⇄ spectrum, and the picture of it that the network sees.

    waveform ─ STFT ─► spectrum (512 rows) ─ warp ─► 256 log-spaced rows ─ log ─► network
    waveform ◄ iSTFT ─ spectrum · mask (512 rows) ◄─ unwarp ─ mask (256 rows) ◄─── network

Masks are unwarped and applied to the complex spectrum of the mixture: phases are the mixture's.
Rows may stay linear in frequency, and magnitudes may come in decibels below the loudest. With
"bands" the network sees all bins and makes rows of sub-bands itself (`backbones.band_split`).

The partials of a note lie far apart, and which of them are strong tells instruments apart: with
"harmonics" the network sees at each row what is at multiples of its frequency, side by side.

Sources: Zhao et al., "The Sound of Pixels" (2018), section 4.1, for sizes and warp; Luo and Yu,
"Music source separation with band-split RNN" (2023), for bands; Bittner et al., "Deep salience
representations for F0 estimation in polyphonic music" (2017), for harmonics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Complex64, Float

_WARP_BASE = 21.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrogramConfig:
    """Sizes of the front end.

    Attributes:
        sample_rate_hz: Rate of the waveforms.
        fft_size: Samples of a Hann window; the spectrum has fft_size / 2 + 1 rows.
        hop: Samples from one frame to the next.
        rows: Rows that the network sees.
        frequency: They are "log"-spaced, "linear" (all bins if as many, else interpolated), or all
            bins for a network that splits them into "bands".
        bands: How many sub-bands, and beside that how many bins each of them has, from the lowest;
            together all bins.
        align_corners: Warp as its formulas assume. False reproduces the published PCS code, which
            costs an ideal mask 1.4–1.8 dB of SI-SDR; it is for checkpoints of that code only.
        relative_level: Divide each window's magnitudes by their RMS before the logarithm, so that
            the recording's gain does not matter.
        floor: Added to magnitudes before the logarithm.
        magnitude: The network sees the natural "log" of magnitudes, or "decibel": 20·log10 below
            the window's loudest cell, down to `range_db`, brought to 0…1.
        range_db: Depth of the decibel picture.
        harmonics: The network also sees, at each row, what lies at these multiples of its
            frequency, in maps of their own.
    """

    sample_rate_hz: int = 11025
    fft_size: int = 1022
    hop: int = 256
    rows: int = 256
    align_corners: bool = True
    relative_level: bool = False
    floor: float = 1e-10
    frequency: Literal["log", "linear", "bands"] = "log"
    bands: tuple[tuple[int, int], ...] = ((32, 4), (16, 8), (16, 16))
    magnitude: Literal["log", "decibel"] = "log"
    range_db: float = 80.0
    harmonics: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if min(self.sample_rate_hz, self.fft_size, self.hop, self.rows) < 1 or self.floor <= 0:
            raise ValueError(f"all sizes and the floor must be positive, got {self}.")
        if self.range_db <= 0:
            raise ValueError(f"range_db must be positive, got {self.range_db}.")
        if min(self.harmonics, default=1.0) <= 0:
            raise ValueError(f"harmonics must be positive multiples, got {self.harmonics}.")
        if self.harmonics and self.frequency == "bands":
            raise ValueError("a network that splits bins into bands sees no harmonics.")
        if self.fft_size % 2:
            raise ValueError(f"fft_size must be even, got {self.fft_size}.")
        if self.frequency == "bands":
            held = sum(n * width for n, width in self.bands)
            if min(min(band) for band in self.bands) < 1 or not held == self.rows == self.bins:
                raise ValueError(
                    f"bands must hold all {self.bins} bins, and rows be as many: got {self.rows} "
                    f"rows and {held} bins in bands {self.bands}."
                )

    @property
    def sub_bands(self) -> tuple[tuple[int, int], ...]:
        """The bands that the network splits the bins into; none if it does not."""
        return self.bands if self.frequency == "bands" else ()

    @property
    def maps(self) -> int:
        """Pictures that the network sees: one, and one for each multiple of the frequency."""
        return 1 + len(self.harmonics)

    @property
    def bins(self) -> int:
        """Rows of the linear spectrum."""
        return self.fft_size // 2 + 1


class LogSpectrogram(nn.Module):
    """Transforms of the front end; it has no weights."""

    window: Tensor
    warp_rows: Tensor
    unwarp_rows: Tensor
    harmonic_rows: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.fft_size), persistent=False)
        self._keeps_bins = config.frequency != "log" and config.rows == config.bins
        warp = torch.linspace(-1, 1, config.rows, dtype=torch.float64)
        unwarp = torch.linspace(-1, 1, config.bins, dtype=torch.float64)
        if config.frequency == "log":
            warp, unwarp = log_rows_to_linear(warp), linear_rows_to_log(unwarp)
        self.register_buffer("warp_rows", warp.float(), persistent=False)
        self.register_buffer("unwarp_rows", unwarp.float(), persistent=False)
        # Where the multiples of each row's frequency are, on the network's rows.
        multiples = torch.tensor(config.harmonics, dtype=torch.float64)[:, None]
        linear = (warp + 1) * multiples - 1
        rows = linear_rows_to_log(linear) if config.frequency == "log" else linear
        self.register_buffer("harmonic_rows", rows.float(), persistent=False)

    @property
    def bins_per_row(self) -> Float[Tensor, "rows"]:
        """How many bins of the spectrum each row stands for: below 1 where rows overlap."""
        return torch.gradient(self.warp_rows)[0] * (self.config.bins - 1) / 2

    def stft(self, waveform: Float[Tensor, "*batch samples"]) -> Complex64[Tensor, "*batch bins t"]:
        """Return the spectrum: centred Hann frames, 1 + samples // hop of them."""
        flat = waveform.reshape(-1, waveform.shape[-1])
        spectrum = torch.stft(
            flat,
            self.config.fft_size,
            self.config.hop,
            window=self.window,
            center=True,
            pad_mode="reflect" if flat.shape[-1] > self.config.fft_size // 2 else "constant",
            return_complex=True,
        )
        return spectrum.reshape(*waveform.shape[:-1], *spectrum.shape[-2:])

    def istft(
        self, spectrum: Complex64[Tensor, "*batch bins t"], length: int
    ) -> Float[Tensor, "*batch samples"]:
        """Return the waveform of a spectrum, `length` samples long."""
        flat = spectrum.reshape(-1, *spectrum.shape[-2:])
        waveform = torch.istft(
            flat,
            self.config.fft_size,
            self.config.hop,
            window=self.window,
            center=True,
            length=length,
        )
        return waveform.reshape(*spectrum.shape[:-2], length)

    def warp(self, linear: Float[Tensor, "*batch bins t"]) -> Float[Tensor, "*batch rows t"]:
        """Resample the rows of magnitudes or masks from the spectrum's to the network's."""
        return self._resample_rows(linear, self.warp_rows)

    def unwarp(self, warped: Float[Tensor, "*batch rows t"]) -> Float[Tensor, "*batch bins t"]:
        """Resample rows from the network's back to the spectrum's."""
        return self._resample_rows(warped, self.unwarp_rows)

    def network_input(
        self, magnitude: Float[Tensor, "batch bins t"]
    ) -> Float[Tensor, "batch maps rows t"]:
        """Return what the network sees of mixtures: warped log magnitudes, and harmonics'."""
        return self.log_of_warped(self.warp(magnitude))

    def log_of_warped(
        self, warped: Float[Tensor, "batch rows t"]
    ) -> Float[Tensor, "batch maps rows t"]:
        """Return warped magnitudes on the scale that is configured, and those at harmonics."""
        if self.config.magnitude == "decibel":
            loudest = warped.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-8)
            below_db = 20 * (warped / loudest).clamp_min(1e-10).log10()
            return self._with_harmonics((1 + below_db / self.config.range_db).clamp_min(0))
        if self.config.relative_level:
            level = warped.square().mean(dim=(-2, -1), keepdim=True).sqrt()
            warped = warped / level.clamp_min(1e-8)
        return self._with_harmonics((warped + self.config.floor).log())

    def _with_harmonics(
        self, picture: Float[Tensor, "batch rows t"]
    ) -> Float[Tensor, "batch maps rows t"]:
        """Return a picture, and beside it what lies at multiples of each row's frequency.

        Beyond the last row is silence.
        """
        silence = 0.0 if self.config.magnitude == "decibel" else math.log(self.config.floor)
        maps = [picture]
        for rows in self.harmonic_rows:
            there = self._rows_at(picture, rows)
            maps.append(torch.where((rows <= 1)[:, None], there, silence))
        return torch.stack(maps, dim=1)

    def _resample_rows(self, values: Tensor, rows: Tensor) -> Tensor:
        """Sample rows at positions in [−1, 1]: linear between neighbours, time untouched."""
        return values if self._keeps_bins else self._rows_at(values, rows)

    def _rows_at(self, values: Tensor, rows: Tensor) -> Tensor:
        if not self.config.align_corners:
            return _grid_sample_rows(values, rows)
        count = values.shape[-2]
        position = ((rows.to(torch.float64) + 1) / 2 * (count - 1)).clamp(0, count - 1)
        low = position.floor().long().clamp(max=count - 2)
        fraction = (position - low).to(values.dtype)[:, None]
        return torch.lerp(
            values.index_select(-2, low),
            values.index_select(-2, low + 1),
            fraction.expand(-1, values.shape[-1]),
        )


def log_rows_to_linear(rows: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
    """Return where on the linear axis a logarithmic row lies; both axes run from −1 to 1."""
    return (_WARP_BASE ** ((rows + 1) / 2) - 11) / 10


def linear_rows_to_log(rows: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
    """Inverse of `log_rows_to_linear`."""
    return 2 * torch.log(10 * rows + 11) / torch.log(torch.tensor(_WARP_BASE, dtype=rows.dtype)) - 1


def _grid_sample_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Warp as the published code does: grid corners taken for centres of the corner cells."""
    frames = values.shape[-1]
    flat = values.reshape(-1, 1, *values.shape[-2:])
    columns = torch.linspace(-1, 1, frames, device=values.device, dtype=values.dtype)
    grid = torch.stack(
        torch.broadcast_tensors(columns[None, :], rows.to(values.dtype)[:, None]), dim=-1
    )
    warped = F.grid_sample(flat, grid.expand(len(flat), -1, -1, -1), align_corners=False)
    return warped.reshape(*values.shape[:-2], len(rows), frames)
