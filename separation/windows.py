"""The network over a whole recording: overlapped windows, cross-faded mask logits.

One spectrogram is made of the whole recording and cut into windows of frames, so that a window's
first and last frames see their real neighbours. The audio network runs once a window for all
performers. What overlapping windows say of a cell is averaged with a Hann weight, as log-odds:
nothing is thresholded, so nothing clicks at a window's edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from separation.model import SeparationModel
from separation.spectrogram import LogSpectrogram
from separation.time_array import Allocate, TimeArray

_BLOCK_FRAMES = 4096
"""Frames whose spectrum is computed at once."""


def window_starts(frame_count: int, window_frames: int, hop_frames: int) -> list[int]:
    """Return where windows start so that they cover all frames; the last one ends with the frames.

    A recording shorter than a window has one window that starts at 0.
    """
    if hop_frames < 1 or hop_frames > window_frames:
        raise ValueError(f"hop_frames must be 1…{window_frames}, got {hop_frames}.")
    last = max(frame_count - window_frames, 0)
    return [*range(0, last, hop_frames), last]


def warped_magnitudes(
    samples: TimeArray, front_end: LogSpectrogram
) -> Iterator[Float[Tensor, "rows t"]]:
    """Yield the warped magnitudes of a recording at the network's rate, in blocks of frames.

    Args:
        samples: Mono.
        front_end: Of the network.
    """
    config = front_end.config
    device = front_end.window.device
    half = config.fft_size // 2
    frame_count = 1 + samples.shape[-1] // config.hop
    for start in range(0, frame_count, _BLOCK_FRAMES):
        stop = min(start + _BLOCK_FRAMES, frame_count)
        first = start * config.hop - half
        part = _reflected(samples, first, (stop - 1 - start) * config.hop + config.fft_size, half)
        spectrum = torch.stft(
            torch.from_numpy(part).to(device),
            config.fft_size,
            config.hop,
            window=front_end.window,
            center=False,
            return_complex=True,
        )
        yield front_end.warp(spectrum.abs())


@torch.inference_mode()
def mask_logits(
    samples: TimeArray,
    conditions: Float[Tensor, "performers K *moments"],
    model: SeparationModel,
    *,
    window_frames: int,
    hop_frames: int,
    progress: Callable[[float], None],
    allocate: Allocate = np.zeros,
) -> tuple[TimeArray, TimeArray]:
    """Run the network over a recording.

    Args:
        samples: Mono, at the network's rate.
        conditions: One vector per performer, or one for each moment of the recording.
        model: In evaluation mode.
        window_frames: Length of a window, a multiple of `model.frame_multiple`.
        hop_frames: From one window to the next.
        progress: Takes the fraction done.
        allocate: Makes the arrays that are returned.

    Returns:
        Cross-faded mask logits, float16 of shape (logits, rows, t), and the warped magnitudes that
        they belong to, float32 of shape (rows, t).
    """
    if window_frames % model.frame_multiple:
        raise ValueError(
            f"windows must hold a multiple of {model.frame_multiple} frames, got {window_frames}."
        )
    rows = model.front_end.config.rows
    frame_count = 1 + samples.shape[-1] // model.front_end.config.hop
    magnitudes = allocate((rows, frame_count), np.float32)
    at = 0
    for block in warped_magnitudes(samples, model.front_end):
        magnitudes[:, at : at + block.shape[-1]] = block.cpu().numpy()
        at += block.shape[-1]
    weight = torch.hann_window(window_frames + 2, periodic=False, device=model.device)[1:-1]
    logits_over_time = allocate((model.logit_count(len(conditions)), rows, frame_count), np.float16)
    fading = _Fading(logits_over_time)
    starts = window_starts(frame_count, window_frames, hop_frames)
    for number, start in enumerate(starts):
        window = torch.from_numpy(magnitudes[:, start : start + window_frames]).to(model.device)
        held = window.shape[-1]
        if held < window_frames:
            window = _mirrored(window, window_frames)
        network_input = model.front_end.log_of_warped(window[None])
        heard = _during(conditions, start, window_frames, frame_count)
        logits = model.mask_logits(network_input, heard[None])[0]
        later = starts[number + 1] if number + 1 < len(starts) else frame_count
        fading.add(start, logits[..., :held], weight[:held], final=later)
        progress((number + 1) / len(starts))
    return logits_over_time, magnitudes


def window_of(
    samples: TimeArray,
    conditions: Float[Tensor, "performers K *moments"],
    model: SeparationModel,
    start: int,
    window_frames: int,
) -> tuple[Float[Tensor, "1 1 rows t"], Float[Tensor, "1 performers K *moments"]]:
    """Return what the network hears and sees in one window of a recording.

    Args:
        samples: Mono, at the network's rate.
        conditions: One vector per performer, or one for each moment of the recording.
        model: In evaluation mode.
        start: First frame; the window must end with the recording, or before.
        window_frames: Length of the window.
    """
    config = model.front_end.config
    first = max(start * config.hop - config.fft_size, 0) // config.hop
    part = samples[first * config.hop : (start + window_frames) * config.hop + config.fft_size]
    magnitudes = torch.cat(list(warped_magnitudes(part, model.front_end)), dim=-1)
    window = magnitudes[:, start - first : start - first + window_frames]
    seen = _during(conditions, start, window_frames, 1 + samples.shape[-1] // config.hop)
    return model.front_end.log_of_warped(window[None]), seen[None]


def _during(
    conditions: Float[Tensor, "performers K *moments"], start: int, frames: int, frame_count: int
) -> Float[Tensor, "performers K *moments"]:
    """Return conditions over time during a window; the recording's ends hold beyond them."""
    if conditions.ndim == 2:
        return conditions
    rate = conditions.shape[-1] / frame_count
    count = max(1, round(frames * rate))
    at = (start + (np.arange(count) + 0.5) * frames / count) * rate
    place = np.clip(at.astype(np.int64), 0, conditions.shape[-1] - 1)
    return conditions[..., torch.from_numpy(place).to(conditions.device)]


class _Fading:
    """Weighted mean of overlapping windows; holds only the frames that are still open."""

    def __init__(self, faded: TimeArray) -> None:
        self.faded = faded
        self._start = 0
        self._total: Tensor | None = None
        self._weight: Tensor | None = None

    def add(self, start: int, logits: Tensor, weight: Tensor, final: int) -> None:
        """Add a window at frame `start`; frames before `final` will get no more windows."""
        total, weights = logits * weight, weight.clone()
        if self._total is not None and self._weight is not None and self._total.shape[-1] > 0:
            length = self._total.shape[-1]
            total[..., :length] += self._total
            weights[:length] += self._weight
        closed = final - start
        mean = total[..., :closed] / weights[:closed]
        self.faded[..., start:final] = mean.clamp(-60, 60).half().cpu().numpy()
        self._total, self._weight = total[..., closed:], weights[closed:]


def _reflected(
    samples: TimeArray, first: int, count: int, margin: int
) -> Float32[np.ndarray, " count"]:
    """Return samples of a recording that is mirrored at its ends, as far as `margin` beyond them.

    One that is too short for that is silent beyond its ends.
    """
    length, stop = samples.shape[-1], first + count
    inside = samples[max(first, 0) : min(stop, length)]
    before, after = max(-first, 0), max(stop - length, 0)
    if length <= margin:
        return np.pad(inside, (before, after))
    ahead = samples[1 : before + 1][::-1]
    behind = samples[length - 1 - after : length - 1][::-1]
    return np.concatenate([ahead, inside, behind])


def _mirrored(window: Float[Tensor, "rows t"], frames: int) -> Float[Tensor, "rows frames"]:
    """Lengthen a short recording by playing it backwards and forwards again."""
    held = window.shape[-1]
    place = np.arange(frames) % (2 * held)
    place = np.where(place < held, place, 2 * held - 1 - place)
    return window[:, torch.from_numpy(place).to(window.device)]
