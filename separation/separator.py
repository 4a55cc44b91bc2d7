"""Whole takes: the mixture at the centre microphone → one full-band stem per performer.

    mixture ─ resample ─ spectrogram ─ windows ─► mask logits ─► soft masks ─┐
    clouds ─ voxels ─ encode ─► conditions ─┘                                ├─► stems + residual
    all channels ─ full-band spectra ─ Wiener filter over the array ─────────┘

Stems and residual add up to the mixture: the residual is what they leave. Everything is a
deterministic function of the mixture, the performers, the network and the configuration.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import soxr
import torch
from jaxtyping import Float16, Float32

from capture.body_pose import BodyPoses
from capture.errors import DataError
from capture.performer import Performer
from capture.waveform import Waveform
from separation.array import ArrayConfig
from separation.conditions import encode_performers
from separation.full_band import FullBandConfig, FullBandMasks, covered_hz
from separation.model import SeparationModel
from separation.sharing import group_performers, soft_masks
from separation.stem import Manifest, Separation, Stem
from separation.windows import mask_logits

_LOG = logging.getLogger(__name__)
_RATES_HZ = (8000, 192000)
_BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateConfig:
    """How a take is separated.

    Attributes:
        window_frames: Frames that the network sees at once (256 are 6 s at 11025 Hz).
        overlap: Share of a window that the next one sees again, 0.5…0.75.
        clouds: How many clouds of each performer are looked at, spread over the take. Their
            condition vectors are averaged.
        shared_below: Two performers whose masks differ by less than this share of the energy that
            they get are taken for the same to the network, and split it equally. Measured with
            the shipped network on simulated takes: 0.07 between two violinists, 0.06 to 0.48
            between violin and viola, 0.2 and more between others.
        full_band: How masks reach the recording's rate.
        array: How the other microphones help, where there are any; None for not at all.
    """

    window_frames: int = 256
    overlap: float = 0.5
    clouds: int = 5
    shared_below: float = 0.1
    full_band: FullBandConfig = field(default_factory=FullBandConfig)
    array: ArrayConfig | None = field(default_factory=ArrayConfig)

    def __post_init__(self) -> None:
        if not 0.5 <= self.overlap <= 0.95:
            raise ValueError(f"overlap must be 0.5…0.95, got {self.overlap}.")
        if self.window_frames < 1 or self.clouds < 1:
            raise ValueError(
                "window_frames and clouds must be at least 1, got "
                f"{self.window_frames} and {self.clouds}."
            )


def separate(
    mixture: Waveform,
    performers: Sequence[Performer],
    model: SeparationModel,
    config: SeparateConfig | None = None,
    *,
    poses: Mapping[str, BodyPoses] | None = None,
    center_channel: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Separation:
    """Separate a mixture into one stem per performer and a residual.

    Args:
        mixture: The recording; 8 to 192 kHz, any length from one sample on. Channels beside the
            centre serve the multichannel filter (`SeparateConfig.array`).
        performers: Who plays, with the clouds that the network looks at.
        model: In evaluation mode, on any device.
        config: How; the defaults suit the shipped network.
        poses: Each performer's joints over time, for networks that watch movement.
        center_channel: Which channel of the mixture is separated.
        progress: Takes the fraction done.

    Returns:
        Stems in the performers' order and the residual, all mono, as long as the mixture and at
        its rate, and the manifest. Stems plus residual are the mixture to float rounding.

    Raises:
        DataError: The mixture is empty, silent or not finite; there is no performer, or one that
            the network cannot be conditioned on.
        ValueError: The channel does not exist, or the rate is out of range.
    """
    config = SeparateConfig() if config is None else config
    report = progress or (lambda fraction: None)
    channels, center = _checked_channels(mixture, center_channel)
    samples = channels[center]
    names = [performer.name for performer in performers]
    if not names:
        raise DataError("there is no performer to separate: segment the take first.")
    if len(set(names)) < len(names):
        raise DataError(f"performers need different names, got {', '.join(names)}.")

    spectrogram = model.config.spectrogram
    seen = resampled(samples, mixture.sample_rate_hz, spectrogram.sample_rate_hz)
    device = model.device.type
    try:
        logits, magnitudes = _ask_network(seen, performers, poses, model, config, report)
    except torch.cuda.OutOfMemoryError:
        device = "cpu, because the GPU's memory is too small"
        _LOG.warning("the GPU's memory is too small: the network runs on the CPU")
        model = copy.deepcopy(model).cpu()
        torch.cuda.empty_cache()
        logits, magnitudes = _ask_network(seen, performers, poses, model, config, report)
    groups = group_performers(logits, magnitudes, model, config.shared_below)
    full_band = FullBandMasks(mixture.sample_rate_hz, spectrogram, config.full_band)
    sounds = full_band.apply(
        channels,
        center,
        lambda frames: soft_masks(logits[..., frames], model, groups),
        logits.shape[-1],
        lambda fraction: report(0.7 + 0.3 * fraction),
        config.array,
    )
    residual, reconstruction_db = _residual(samples, sounds)
    stems = tuple(
        _stem(index, names, groups, sound, mixture.sample_rate_hz)
        for index, sound in enumerate(sounds)
    )
    manifest = Manifest(
        model=model.name,
        model_sha256=weights_sha256(model),
        sample_rate_hz=mixture.sample_rate_hz,
        sample_count=len(samples),
        extrapolated_above_hz=(
            covered_hz(spectrogram, config.full_band) if full_band.is_extrapolating else None
        ),
        reconstruction_db=reconstruction_db,
        residual_db=_decibels(_energy(residual) / _energy(samples)),
        config=asdict(config),
        device=device,
    )
    return Separation(
        stems=stems,
        residual=Waveform(samples=residual[None], sample_rate_hz=mixture.sample_rate_hz),
        manifest=manifest,
    )


def _ask_network(
    samples: Float32[np.ndarray, " samples"],
    performers: Sequence[Performer],
    poses: Mapping[str, BodyPoses] | None,
    model: SeparationModel,
    config: SeparateConfig,
    report: Callable[[float], None],
) -> tuple[Float16[np.ndarray, "performers rows t"], Float32[np.ndarray, "rows t"]]:
    """Return mask logits of all performers and the magnitudes of the mixture."""
    seconds = len(samples) / model.config.spectrogram.sample_rate_hz
    conditions = encode_performers(
        performers, model, images=config.clouds, poses=poses, seconds=seconds
    )
    report(0.1)
    return mask_logits(
        samples,
        conditions,
        model,
        window_frames=config.window_frames,
        hop_frames=max(1, round(config.window_frames * (1 - config.overlap))),
        progress=lambda fraction: report(0.1 + 0.6 * fraction),
    )


def resampled(
    samples: Float32[np.ndarray, " samples"], from_hz: int, to_hz: int
) -> Float32[np.ndarray, " resampled"]:
    """Resample with a linear-phase band-limited filter; at least one sample comes out."""
    if from_hz == to_hz:
        return samples
    out = np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.float32)
    count = max(1, round(len(samples) * to_hz / from_hz))
    return np.pad(out, (0, max(0, count - len(out))))[:count]


def weights_sha256(model: SeparationModel) -> str:
    """Return a hash of a network's weights in float32, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _checked_channels(
    mixture: Waveform, center: int
) -> tuple[Float32[np.ndarray, "channels samples"], int]:
    """Return the channels that are not silent, and which of them is the centre."""
    low, high = _RATES_HZ
    if not low <= mixture.sample_rate_hz <= high:
        raise ValueError(
            f"the mixture's rate must be {low}…{high} Hz, got {mixture.sample_rate_hz}."
        )
    if not 0 <= center < mixture.channel_count:
        raise ValueError(f"center_channel must be 0…{mixture.channel_count - 1}, got {center}.")
    samples = mixture.samples
    if samples.shape[1] == 0:
        raise DataError("the mixture holds no sample: check the recording's length.")
    # The largest and smallest samples are enough: NaN wins both, and infinity one of them.
    extremes = np.stack([samples.min(axis=1), samples.max(axis=1)])
    for channel in np.flatnonzero(~np.isfinite(extremes).all(axis=0)):
        at = int(np.argmin(np.isfinite(samples[channel])))
        raise DataError(
            f"channel {channel} of the mixture is not a finite number at sample {at} "
            f"({at / mixture.sample_rate_hz:.3f} s): export the recording again."
        )
    sounding = np.flatnonzero(extremes.any(axis=0))
    if center not in sounding:
        raise DataError(
            f"channel {center} of the mixture is silent, every sample is zero: check that the "
            "microphones were on, or choose another channel."
        )
    if len(sounding) == len(samples):  # an hour of seven channels is not worth a copy
        return samples, center
    return samples[sounding], int(np.searchsorted(sounding, center))


def _stem(
    index: int,
    names: Sequence[str],
    groups: Sequence[tuple[int, ...]],
    sound: Float32[np.ndarray, " samples"],
    sample_rate_hz: int,
) -> Stem:
    group = next(group for group in groups if index in group)
    others = tuple(names[member] for member in group if member != index)
    note = (
        f"The network cannot tell {names[index]} from {', '.join(others)}: they split one mask "
        f"equally, 1/{len(group)} each, and keep their own positions."
        if others
        else ""
    )
    return Stem(
        name=names[index],
        waveform=Waveform(samples=sound[None], sample_rate_hz=sample_rate_hz),
        shared_with=others,
        note=note,
    )


def _residual(
    samples: Float32[np.ndarray, " samples"], sounds: Float32[np.ndarray, "performers samples"]
) -> tuple[Float32[np.ndarray, " samples"], float]:
    """Return what the stems leave, and the energy that rounding loses over that of the mixture."""
    residual = np.empty_like(samples)
    lost = 0.0
    for start in range(0, len(samples), _BLOCK_SAMPLES):
        block = slice(start, start + _BLOCK_SAMPLES)
        left = samples[block] - sounds[:, block].sum(axis=0, dtype=np.float64)
        residual[block] = left
        lost += float(np.sum((left - residual[block]) ** 2))
    return residual, _decibels(lost / _energy(samples))


def _energy(samples: Float32[np.ndarray, " samples"]) -> float:
    blocks = range(0, len(samples), _BLOCK_SAMPLES)
    return sum(
        float(np.sum(np.square(samples[k : k + _BLOCK_SAMPLES], dtype=np.float64))) for k in blocks
    )


def _decibels(ratio: float) -> float:
    """Return a ratio of energies in dB, at least −300."""
    return 10.0 * float(np.log10(max(ratio, 1e-30)))
