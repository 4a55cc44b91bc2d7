"""Masks of the network's band, applied at the recording's own rate and over its full band.

Below the network's Nyquist frequency, masks are interpolated from the network's log-spaced rows to
the bins and frames of a finer spectrum. Above it the network heard nothing: there each performer
gets the share of the energy that its masks got in the upper part of the covered band at that time
("extrapolated"). Shares are smoothed over time, and fade into the masks below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch
from jaxtyping import Complex64, Float32, Float64, Int64
from numpy.lib.stride_tricks import sliding_window_view

from capture.waveform import Sound, read_padded
from separation.array import ArrayFilter
from separation.spectrogram import SpectrogramConfig, linear_rows_to_log

MaskFunction = Callable[[slice], Float32[np.ndarray, "performers rows t"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullBandConfig:
    """How masks reach the recording's rate.

    Attributes:
        window_s: Length of a frame of the full-band spectrum; a quarter of it is the hop.
        covered_share: Masks hold up to this share of the network's Nyquist frequency; in the rest
            lies the edge of its resampler's filter.
        fade_hz: Width of the fade from masks to shares, which ends there.
        share_from_hz: Shares come from the masks between this and the end of the band. (Nearer to
            the end is better: with ideal masks of quartets, 1, 2.5 and 3.5 kHz leave the band above
            5.6 kHz at 2.7, 3.6 and 4.0 dB over the mixture.)
        smoothing_s: Length of the Hann window over which their energies are averaged.
        block_frames: Frames that are in memory at once.
    """

    window_s: float = 4096 / 48000
    covered_share: float = 0.95
    fade_hz: float = 500.0
    share_from_hz: float = 3500.0
    smoothing_s: float = 0.1
    block_frames: int = 128

    def __post_init__(self) -> None:
        if not (self.window_s > 0 and 0 < self.covered_share <= 1 and self.block_frames > 0):
            raise ValueError(
                "window_s, covered_share and block_frames must be positive, and covered_share at "
                f"most 1, got {self}."
            )


def covered_hz(spectrogram: SpectrogramConfig, config: FullBandConfig) -> float:
    """Return the frequency up to which masks come from the network."""
    return spectrogram.sample_rate_hz / 2 * config.covered_share


@dataclass(frozen=True, slots=True)
class _Block:
    """Frames of a recording: the first one's number, the fraction done, spectra and masks."""

    start: int
    done: float
    spectra: Complex64[np.ndarray, "channels bins t"]
    masks: Float32[np.ndarray, "performers bins t"]


class FullBandMasks:
    """Applies masks of the network's picture to a recording of any rate.

    Args:
        sample_rate_hz: Of the recording.
        spectrogram: The network's front end.
        config: How.
    """

    def __init__(
        self, sample_rate_hz: int, spectrogram: SpectrogramConfig, config: FullBandConfig
    ) -> None:
        self.config = config
        # A periodic Hann window at a quarter of its length: its squares sum to 3/2 everywhere.
        quarter = max(1, round(config.window_s * sample_rate_hz / 4))
        self.hop = int(scipy.fft.next_fast_len(quarter) or quarter)
        self.fft_size = 4 * self.hop
        self.frame_s = self.hop / sample_rate_hz
        self.network_frame_s = spectrogram.hop / spectrogram.sample_rate_hz
        phase = 2 * np.pi * np.arange(self.fft_size) / self.fft_size
        self.window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)

        frequencies_hz = np.arange(self.fft_size // 2 + 1) * (sample_rate_hz / self.fft_size)
        self.frequencies_hz = frequencies_hz
        end_hz = covered_hz(spectrogram, config)
        self.covered = int(np.searchsorted(frequencies_hz, end_hz))
        covered_bins_hz = frequencies_hz[: self.covered]
        self.row_low, self.row_fraction = _rows_of(covered_bins_hz, spectrogram)
        fade = (end_hz - covered_bins_hz) / max(config.fade_hz, 1e-9)
        self.mask_weight = np.clip(fade, 0.0, 1.0).astype(np.float32)[:, None]
        self.share_from = int(np.searchsorted(frequencies_hz, config.share_from_hz))
        self.bins = len(frequencies_hz)
        half = max(0, round(config.smoothing_s / self.frame_s / 2))
        self.smoothing = np.hanning(2 * half + 3)[1:-1]
        self.margin = half  # frames beside a block that its smoothing reads

    @property
    def extrapolated(self) -> Float32[np.ndarray, " bins"]:
        """How much of each bin's masks is not from the network, 0…1."""
        extrapolated = np.ones(self.bins, dtype=np.float32)
        extrapolated[: self.covered] -= self.mask_weight[:, 0] if self.is_extrapolating else 1.0
        return extrapolated

    @property
    def is_extrapolating(self) -> bool:
        """Whether the recording has frequencies that the network does not hear."""
        return self.covered < self.bins

    def apply(
        self,
        mixture: Sound,
        channels: Sequence[int],
        center: int,
        masks: MaskFunction,
        mask_frames: int,
        progress: Callable[[float], None],
        microphones: ArrayFilter | None = None,
    ) -> Iterator[tuple[int, Float32[np.ndarray, "performers samples"]]]:
        """Yield one signal per performer, all of the mixture's length, in consecutive blocks.

        Args:
            mixture: Full band. It is read once for each pass of the array, and once more.
            channels: Those that are heard; channels beside the centre are for the array only.
            center: Which of these the masks belong to.
            masks: Returns the masks of a slice of the network's frames.
            mask_frames: How many frames the network's picture has.
            progress: Takes the fraction done.
            microphones: Filter over all channels; None masks the centre channel alone.

        Yields:
            Number of the block's first sample, and the block.
        """
        performer_count = len(masks(slice(0, 1)))
        rounds = 1 if microphones is None else microphones.passes + 1
        picked = list(channels)
        for current in range(rounds - 1):
            assert microphones is not None
            for block in self._blocks(mixture, picked, center, masks, mask_frames):
                microphones.gather(block.spectra, block.masks)
                progress((current + block.done) / rounds)
            microphones.update()
        tail = np.zeros((performer_count, 3 * self.hop), dtype=np.float32)
        for block in self._blocks(mixture, picked, center, masks, mask_frames):
            stems = block.masks * block.spectra[center]
            if microphones is not None:
                stems[:, : microphones.bins] = microphones.apply(block.spectra, block.masks)
            sound = np.stack([self._overlapped(stem) for stem in stems])
            sound[:, : tail.shape[1]] += tail
            sound, tail = np.split(sound, [sound.shape[1] - tail.shape[1]], axis=1)
            start = block.start * self.hop - self.fft_size
            first, stop = max(start, 0), min(start + sound.shape[1], mixture.sample_count)
            if stop > first:
                yield first, sound[:, first - start : stop - start]
            progress((rounds - 1 + block.done) / rounds)

    def _blocks(
        self,
        mixture: Sound,
        channels: list[int],
        center: int,
        masks: MaskFunction,
        mask_frames: int,
    ) -> Iterator[_Block]:
        # Frame k covers samples (k − 4)·hop…k·hop; the first and last frames hold tails only.
        frame_count = -(-(mixture.sample_count + self.fft_size) // self.hop)
        for start in range(0, frame_count, self.config.block_frames):
            stop = min(start + self.config.block_frames, frame_count)
            first, last = max(start - self.margin, 0), min(stop + self.margin, frame_count)
            heard = read_padded(mixture, (first - 4) * self.hop, (last - 1) * self.hop)[channels]
            beside = self._spectrum(heard[center]).T
            inner = slice(start - first, stop - first)
            full = self._masks(first, last, beside, masks, mask_frames)[..., inner]
            heard = heard[:, inner.start * self.hop : (inner.stop + 3) * self.hop]
            spectra = np.empty((len(heard), self.bins, stop - start), dtype=np.complex64)
            for number, channel in enumerate(heard):
                own = beside[:, inner] if number == center else self._spectrum(channel).T
                spectra[number] = own
            yield _Block(start, stop / frame_count, spectra, full)

    def _spectrum(
        self, samples: Float32[np.ndarray, " samples"]
    ) -> Complex64[np.ndarray, "t bins"]:
        frames = sliding_window_view(samples, self.fft_size)[:: self.hop]
        return np.asarray(scipy.fft.rfft(frames * self.window, axis=1))

    def _overlapped(
        self, spectrum: Complex64[np.ndarray, "bins t"]
    ) -> Float32[np.ndarray, " samples"]:
        """Return the sound of frames: one hop for each, and three more that the next ones join."""
        frames = np.asarray(scipy.fft.irfft(spectrum.T, self.fft_size, axis=1))
        frames *= self.window / np.float32(1.5)
        count = len(frames)
        sound = np.zeros((count + 3, self.hop), dtype=np.float32)
        for quarter in range(4):
            part = frames[:, quarter * self.hop : (quarter + 1) * self.hop]
            sound[quarter : quarter + count] += part
        return sound.ravel()

    def _masks(
        self,
        first: int,
        last: int,
        spectrum: Complex64[np.ndarray, "bins t"],
        masks: MaskFunction,
        mask_frames: int,
    ) -> Float32[np.ndarray, "performers bins t"]:
        """Return masks over all bins for full-band frames first…last."""
        centres_s = (np.arange(first, last) - 2) * self.frame_s
        place = np.clip(centres_s / self.network_frame_s, 0, mask_frames - 1)
        low = np.floor(place).astype(np.int64)
        start, stop = int(low[0]), int(low[-1]) + 2
        known = masks(slice(start, min(stop, mask_frames)))
        if known.shape[-1] < stop - start:
            known = np.concatenate([known, known[..., -1:]], axis=-1)
        fraction = (place - low).astype(np.float32)
        low -= start
        in_time = known[..., low] * (1 - fraction) + known[..., low + 1] * fraction
        upper = self.row_fraction[:, None]
        covered = in_time[:, self.row_low] * (1 - upper) + in_time[:, self.row_low + 1] * upper
        if not self.is_extrapolating:
            return covered
        shares = self._shares(covered, spectrum)[:, None, :]
        full = np.empty((len(covered), self.bins, last - first), dtype=np.float32)
        full[:, : self.covered] = shares + self.mask_weight * (covered - shares)
        full[:, self.covered :] = shares
        return full

    def _shares(
        self,
        covered: Float32[np.ndarray, "performers bins t"],
        spectrum: Complex64[np.ndarray, "bins t"],
    ) -> Float32[np.ndarray, "performers t"]:
        """Return each performer's share of the energy near the end of the covered band."""
        low = min(self.share_from, self.covered - 1)
        power = np.abs(spectrum[low : self.covered]) ** 2
        whole = self._smoothed(power.sum(axis=0))
        own = np.stack([self._smoothed((mask[low:] * power).sum(axis=0)) for mask in covered])
        # Where nothing sounds up there, the masks' plain mean is as good a share as any.
        quiet = covered[:, low:].mean(axis=1)
        return np.where(whole > 0, own / np.maximum(whole, 1e-30), quiet).astype(np.float32)

    def _smoothed(self, energy: Float64[np.ndarray, " t"]) -> Float64[np.ndarray, " t"]:
        return np.convolve(energy, self.smoothing)[self.margin : self.margin + len(energy)]


def _rows_of(
    frequencies_hz: Float64[np.ndarray, " bins"], spectrogram: SpectrogramConfig
) -> tuple[Int64[np.ndarray, " bins"], Float32[np.ndarray, " bins"]]:
    """Return the network's row below each frequency, and how far it lies towards the next."""
    place = 2 * frequencies_hz / (spectrogram.sample_rate_hz / 2) - 1
    if spectrogram.frequency == "log":
        place = linear_rows_to_log(torch.from_numpy(place)).numpy()
    count = spectrogram.rows
    aligned = (place + 1) / 2 * (count - 1)
    rows = aligned if spectrogram.align_corners else ((place + 1) * count - 1) / 2
    rows = np.clip(rows, 0, count - 1)
    low = np.minimum(np.floor(rows).astype(np.int64), count - 2)
    return low, (rows - low).astype(np.float32)
