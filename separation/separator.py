"""Whole takes: the mixture at the centre microphone → one full-band stem per performer.

    mixture ─ resample ─ spectrogram ─ windows ─► mask logits ─► soft masks ─┐
    clouds ─ voxels ─ encode ─► conditions ─┘                                ├─► stems + residual
    all channels ─ full-band spectra ─ Wiener filter over the array ─────────┘

Stems and residual add up to the mixture: the residual is what they leave. Everything is a
deterministic function of the mixture, the performers, the network and the configuration.

The mixture is read in blocks, once for each step. What is held of it grows with its length, in
arrays over time: in memory, or on disk, where a recording of any length has to be separated.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from capture.body_pose import BodyPoses
from capture.errors import DataError
from capture.performer import Performer
from capture.waveform import Sound, Waveform
from separation.array import ArrayConfig
from separation.bearing import BearingConfig, with_bearings
from separation.channels import array_filter, directions_in_words, sounding_channels
from separation.conditions import encode_performers
from separation.full_band import FullBandConfig, FullBandMasks, covered_hz
from separation.model import SeparationModel
from separation.resampling import resampled_channel
from separation.sharing import group_performers, soft_masks
from separation.stem import Manifest, Separation, Stem
from separation.time_array import Allocate, DiskArray, StoredSound, TimeArray
from separation.windows import mask_logits

_LOG = logging.getLogger(__name__)


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
            the shipped network on simulated takes: 0.05 to 0.24 between players of one instrument,
            0.37 to 0.62 between violin and viola, 0.43 and more between others.
        full_band: How masks reach the recording's rate.
        array: How the other microphones help, where there are any; None for not at all.
        bearing: How stems are compared with places, where it is known where microphones are.
    """

    window_frames: int = 256
    overlap: float = 0.5
    clouds: int = 5
    shared_below: float = 0.3
    full_band: FullBandConfig = field(default_factory=FullBandConfig)
    array: ArrayConfig | None = field(default_factory=ArrayConfig)
    bearing: BearingConfig = field(default_factory=BearingConfig)

    def __post_init__(self) -> None:
        if not 0.5 <= self.overlap <= 0.95:
            raise ValueError(f"overlap must be 0.5…0.95, got {self.overlap}.")
        if self.window_frames < 1 or self.clouds < 1:
            raise ValueError(
                "window_frames and clouds must be at least 1, got "
                f"{self.window_frames} and {self.clouds}."
            )


def separate(
    mixture: Sound,
    performers: Sequence[Performer],
    model: SeparationModel,
    config: SeparateConfig | None = None,
    *,
    poses: Mapping[str, BodyPoses] | None = None,
    center_channel: int = 0,
    microphones_m: Float[np.ndarray, "channels 3"] | None = None,
    scratch: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Separation:
    """Separate a mixture into one stem per performer and a residual.

    Args:
        mixture: The recording, in memory (`Waveform`) or on disk (`Take.sound`); 8 to 192 kHz, any
            length from one sample on. Channels beside the centre serve the multichannel filter
            (`SeparateConfig.array`).
        performers: Who plays, with the clouds that the network looks at.
        model: In evaluation mode, on any device.
        config: How; the defaults suit the shipped network.
        poses: Each performer's joints over time, for networks that watch movement.
        center_channel: Which channel of the mixture is separated.
        microphones_m: Where each channel's microphone is, in the world. Then stems say whether they
            sound from where their performers are; if performers are heard from there, space helps
            the masks to tell who sounds where.
        scratch: A folder for what grows with the recording's length, stems included: about 1.1 MB
            a second for four performers at 48 kHz. None: it is held in memory. The results are
            the same; the stems can be read as long as the folder is there.
        progress: Takes the fraction done.

    Returns:
        Stems in the performers' order and the residual, all mono, as long as the mixture and at
        its rate, and the manifest. Stems plus residual are the mixture to float rounding.

    Raises:
        DataError: The mixture is empty, silent or not finite, or its rate out of range; there is no
            performer, or one that the network cannot be conditioned on.
        OutputError: The disk is full.
        ValueError: The channel does not exist, there are more than 64, or not as many microphones
            as channels.
    """
    if microphones_m is not None and len(microphones_m) != mixture.channel_count:
        raise ValueError(
            f"{mixture.channel_count} channels need as many places, not {len(microphones_m)}."
        )
    config = SeparateConfig() if config is None else config
    report = progress or (lambda fraction: None)
    allocate: Allocate = np.zeros if scratch is None else partial(DiskArray, Path(scratch))
    channels = sounding_channels(mixture, center_channel)
    names = [performer.name for performer in performers]
    if not names:
        raise DataError("there is no performer to separate: segment the take first.")
    if len(set(names)) < len(names):
        raise DataError(f"performers need different names, got {', '.join(names)}.")

    spectrogram = model.config.spectrogram
    heard = resampled_channel(mixture, center_channel, spectrogram.sample_rate_hz, allocate)
    device = model.device.type
    try:
        logits, magnitudes = _ask_network(heard, performers, poses, model, config, report, allocate)
    except torch.cuda.OutOfMemoryError:
        device = "cpu, because the GPU's memory is too small"
        _LOG.warning("the GPU's memory is too small: the network runs on the CPU")
        model = copy.deepcopy(model).cpu()
        torch.cuda.empty_cache()
        logits, magnitudes = _ask_network(heard, performers, poses, model, config, report, allocate)
    groups = group_performers(logits, magnitudes, model, config.shared_below)
    full_band = FullBandMasks(mixture.sample_rate_hz, spectrogram, config.full_band)
    center = channels.index(center_channel)
    microphones = array_filter(full_band, config.array, performers, microphones_m, channels, center)
    blocks = full_band.apply(
        mixture,
        channels,
        center,
        lambda frames: soft_masks(logits[..., frames], model, groups),
        logits.shape[-1],
        lambda fraction: report(0.7 + 0.3 * fraction),
        microphones,
    )
    sounds = [allocate((mixture.sample_count,), np.float32) for _ in (*names, "residual")]
    energy = lost = left_over = 0.0
    for start, block in blocks:
        stop = start + block.shape[1]
        whole = mixture.read(start, stop)[center_channel]
        exact = whole - block.sum(axis=0, dtype=np.float64)
        residual = exact.astype(np.float32)
        for sound, part in zip(sounds, (*block, residual), strict=True):
            sound[start:stop] = part
        energy += _energy(whole)
        lost += _energy(exact - residual)
        left_over += _energy(residual)
    *stem_sounds, residual_sound = (_sound(each, mixture.sample_rate_hz) for each in sounds)
    by_place = microphones is not None and microphones.uses_directions
    stems = tuple(
        _stem(index, names, groups, by_place, sound) for index, sound in enumerate(stem_sounds)
    )
    if microphones is not None and microphones.heard is not None and microphones_m is not None:
        places_m = microphones_m[channels]
        stems = with_bearings(stems, microphones.heard, places_m, performers, config.bearing)
    manifest = Manifest(
        model=model.name,
        model_sha256=weights_sha256(model),
        sample_rate_hz=mixture.sample_rate_hz,
        sample_count=mixture.sample_count,
        extrapolated_above_hz=(
            covered_hz(spectrogram, config.full_band) if full_band.is_extrapolating else None
        ),
        reconstruction_db=_decibels(lost / energy),
        residual_db=_decibels(left_over / energy),
        config=asdict(config),
        device=device,
        directions=directions_in_words(microphones, channels, microphones_m is not None),
    )
    return Separation(stems=stems, residual_sound=residual_sound, manifest=manifest)


def _ask_network(
    samples: TimeArray,
    performers: Sequence[Performer],
    poses: Mapping[str, BodyPoses] | None,
    model: SeparationModel,
    config: SeparateConfig,
    report: Callable[[float], None],
    allocate: Allocate,
) -> tuple[TimeArray, TimeArray]:
    """Return mask logits of all performers and the magnitudes of the mixture."""
    seconds = samples.shape[-1] / model.config.spectrogram.sample_rate_hz
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
        allocate=allocate,
    )


def weights_sha256(model: SeparationModel) -> str:
    """Return a hash of a network's weights in float32, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _stem(
    index: int,
    names: Sequence[str],
    groups: Sequence[tuple[int, ...]],
    by_place: bool,
    sound: Sound,
) -> Stem:
    group = next(group for group in groups if index in group)
    others = tuple(names[member] for member in group if member != index)
    shares = (
        "the microphones divide them by where they are"
        if by_place
        else f"they split one mask equally, 1/{len(group)} each, and keep their own positions"
    )
    note = f"The network cannot tell {names[index]} from {', '.join(others)}: {shares}."
    return Stem(
        name=names[index],
        sound=sound,
        shared_with=others,
        note=note if others else "",
    )


def _sound(samples: TimeArray, sample_rate_hz: int) -> Sound:
    if isinstance(samples, np.ndarray):
        return Waveform(samples=samples[None], sample_rate_hz=sample_rate_hz)
    return StoredSound(samples, sample_rate_hz)


def _energy(samples: Float[np.ndarray, " samples"]) -> float:
    return float(np.sum(np.square(samples, dtype=np.float64)))


def _decibels(ratio: float) -> float:
    """Return a ratio of energies in dB, at least −300."""
    return 10.0 * float(np.log10(max(ratio, 1e-30)))
