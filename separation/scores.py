"""Stems against what they should be: SI-SDR of the mixture, of each stem, and of ideal masks.

The reference of a performer is its reverberant image at the microphone that was separated. Ideal
masks are binary (the loudest performer owns a cell), are made on the network's log-spaced picture
and reach the recording's rate by the same route as the network's masks, so that

    (stem − mixture) / (ideal mask − mixture)

says how much of what this route can give was reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32

from capture.waveform import Waveform
from separation.full_band import FullBandConfig, FullBandMasks
from separation.heads import largest_masks
from separation.metrics import si_sdr
from separation.resampling import resampled
from separation.spectrogram import LogSpectrogram, SpectrogramConfig
from separation.windows import warped_magnitudes


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One performer's figures at one sample rate, SI-SDR in dB; NaN where it never sounds.

    Attributes:
        performer: Name of the stem.
        instrument: What it really is.
        sample_rate_hz: Where mixture, stem and reference were compared.
        mixture_db: Of the mixture.
        stem_db: Of the stem.
        ideal_db: Of the ideal binary mask.
    """

    performer: str
    instrument: str | None
    sample_rate_hz: int
    mixture_db: float
    stem_db: float
    ideal_db: float

    @property
    def gain_db(self) -> float:
        """How much better the stem is than the mixture."""
        return self.stem_db - self.mixture_db

    @property
    def reached(self) -> float:
        """Gain over the gain of the ideal mask; 1 is as good as the ideal mask."""
        return self.gain_db / (self.ideal_db - self.mixture_db)

    def to_dict(self) -> dict[str, str | float | None]:
        """Return the fields for JSON; NaN becomes None."""
        fields = asdict(self)
        return {
            key: None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in fields.items()
        }


def score_stems(
    mixture: Waveform,
    images: Sequence[Waveform],
    stems: Sequence[Waveform],
    names: Sequence[str],
    instruments: Sequence[str | None],
    spectrogram: SpectrogramConfig | None = None,
    full_band: FullBandConfig | None = None,
) -> list[Score]:
    """Score stems at the recording's rate, then at the network's.

    Args:
        mixture: Mono, what was separated.
        images: Each performer as it sounds at that microphone, mono.
        stems: In the order of the images.
        names: Of the stems.
        instruments: Of the performers.
        spectrogram: The network's front end, for the second rate and the ideal masks.
        full_band: How the ideal masks reach the recording's rate.

    Returns:
        One score per performer and rate: all performers at the recording's rate, then all at the
        network's (once, where the two are equal).

    Raises:
        ValueError: Numbers, lengths or rates differ.
    """
    spectrogram = SpectrogramConfig() if spectrogram is None else spectrogram
    sounds = [mixture, *images, *stems]
    shapes = {(sound.samples.shape, sound.sample_rate_hz) for sound in sounds}
    if len(shapes) != 1 or mixture.channel_count != 1:
        raise ValueError(
            "mixture, images and stems must be mono, of one length and one rate, got "
            f"{sorted(shapes)}."
        )
    if not len(images) == len(stems) == len(names) == len(instruments) or not images:
        raise ValueError(
            "one image, stem, name and instrument per performer are needed, got "
            f"{len(images)}, {len(stems)}, {len(names)} and {len(instruments)}."
        )
    rate = mixture.sample_rate_hz
    mixed = mixture.samples[0]
    references = np.concatenate([image.samples for image in images])
    estimates = np.concatenate([stem.samples for stem in stems])

    low_hz = spectrogram.sample_rate_hz
    low = [resampled(sound, rate, low_hz) for sound in (mixed, *references)]
    low_mixed, low_references = low[0], np.stack(low[1:])
    front_end = LogSpectrogram(spectrogram)
    owners = ideal_masks(low_references, front_end)
    ideal_blocks = FullBandMasks(rate, spectrogram, full_band or FullBandConfig()).apply(
        mixture,
        [0],
        0,
        lambda frames: owners[..., frames].astype(np.float32),
        owners.shape[-1],
        lambda fraction: None,
    )
    ideal = np.concatenate([block for _, block in ideal_blocks], axis=1)
    rows = [(rate, mixed, references, estimates, ideal)]
    if low_hz != rate:
        low_estimates = np.stack([resampled(stem, rate, low_hz) for stem in estimates])
        low_ideal = _masked(low_mixed, owners, front_end)
        rows.append((low_hz, low_mixed, low_references, low_estimates, low_ideal))
    return [
        Score(
            performer=name,
            instrument=instrument,
            sample_rate_hz=rate_hz,
            mixture_db=float(si_sdr(reference, mixed)),
            stem_db=float(si_sdr(reference, estimate)),
            ideal_db=float(si_sdr(reference, best)),
        )
        for rate_hz, mixed, references, estimates, ideal in rows
        for name, instrument, reference, estimate, best in zip(
            names, instruments, references, estimates, ideal, strict=True
        )
    ]


def ideal_masks(
    references: Float32[np.ndarray, "performers samples"], front_end: LogSpectrogram
) -> Bool[np.ndarray, "performers rows t"]:
    """Return who is loudest in each cell of the network's picture; the first where all are equal.

    Args:
        references: At the network's rate.
        front_end: The network's front end.
    """
    pictures = torch.stack(
        [torch.cat(list(warped_magnitudes(sound, front_end)), dim=-1) for sound in references]
    )
    return largest_masks(pictures).numpy()


def _masked(
    mixture: Float32[np.ndarray, " samples"],
    masks: Bool[np.ndarray, "performers rows t"],
    front_end: LogSpectrogram,
) -> Float32[np.ndarray, "performers samples"]:
    """Apply masks at the network's own rate and on its own spectrum."""
    spectrum = front_end.stft(torch.from_numpy(mixture))
    unwarped = front_end.unwarp(torch.from_numpy(masks.astype(np.float32)))
    return front_end.istft(unwarped * spectrum, len(mixture)).numpy()
