"""Stems against the truth: SI-SDR of the mixture, of each stem, and of ideal masks.

The reference of a performer is its reverberant image at the microphone that was separated. Ideal
masks are binary (the loudest performer owns a cell), are made on the network's log-spaced picture
and reach the recording's rate by the same route as the network's masks, so that

    (stem − mixture) / (ideal mask − mixture)

says how much of what this route can give was reached.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import torch
from jaxtyping import Bool, Float, Float32, Int64

from capture.errors import DataError, FileFormatError
from capture.performer import Performer
from capture.waveform import Waveform, read_waveform
from separation.full_band import FullBandConfig, FullBandMasks
from separation.heads import largest_masks
from separation.mask_picture import PICTURE_RATE_HZ, write_mask_picture
from separation.metrics import si_sdr
from separation.resampling import resampled
from separation.spectrogram import LogSpectrogram, SpectrogramConfig
from separation.stem import Separation
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


def match_by_position(
    found_m: Float[np.ndarray, "found 3"], true_m: Float[np.ndarray, "true 3"]
) -> Int64[np.ndarray, "found"]:
    """Return for each found performer the true one that it is; −1 for those left over.

    The assignment has the smallest sum of distances.
    """
    distances = np.linalg.norm(np.asarray(found_m)[:, None] - np.asarray(true_m)[None], axis=-1)
    rows, columns = scipy.optimize.linear_sum_assignment(distances)
    matched = np.full(len(distances), -1, dtype=np.int64)
    matched[rows] = columns
    return matched


def evaluate_take(
    take: str | os.PathLike[str],
    performers: Sequence[Performer],
    separation: Separation,
    spectrogram: SpectrogramConfig | None = None,
    full_band: FullBandConfig | None = None,
) -> list[Score]:
    """Score the stems of a simulated take against the truth beside it.

    Performers are matched to the true players by their mean positions. The mixture is what stems
    and residual add up to.

    Args:
        take: The take's folder, which holds truth/.
        performers: Whom the stems belong to, in their order.
        separation: The stems.
        spectrogram: The network's front end, for the second rate and the ideal masks.
        full_band: How the ideal masks reach the recording's rate.

    Returns:
        As `score_stems`; a performer who is no true player has no row.

    Raises:
        DataError: The take has no truth, or it belongs to another recording.
        FileFormatError: The truth is broken.
    """
    known = _beside_truth(Path(take), performers, separation)
    return score_stems(
        known.mixture,
        known.images,
        known.stems,
        known.names,
        known.instruments,
        spectrogram,
        full_band,
    )


def draw_take(
    take: str | os.PathLike[str],
    performers: Sequence[Performer],
    separation: Separation,
    path: str | os.PathLike[str],
    *,
    seconds: float = 12.0,
) -> None:
    """Draw masks and spectrograms of the middle of a simulated take, see `write_mask_picture`.

    Raises:
        DataError: The take has no truth, or it belongs to another recording.
        FileFormatError: The truth is broken.
        OutputError: The picture cannot be written.
    """
    known = _beside_truth(Path(take), performers, separation)
    rate, count = known.mixture.sample_rate_hz, known.mixture.sample_count
    start = max(0, (count - round(seconds * rate)) // 2)
    part = slice(start, count - start)
    shown = [
        resampled(sound.samples[0, part], rate, PICTURE_RATE_HZ)
        for sound in (known.mixture, *known.images, *known.stems)
    ]
    players = len(known.names)
    write_mask_picture(
        path,
        shown[0],
        np.stack(shown[1 : 1 + players]),
        np.stack(shown[1 + players :]),
        [f"{name} ({what})" for name, what in zip(known.names, known.instruments, strict=True)],
        start_s=start / rate,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A separation, and what the truth says of it."""

    mixture: Waveform
    images: list[Waveform]
    stems: list[Waveform]
    names: list[str]
    instruments: list[str]


def _beside_truth(take: Path, performers: Sequence[Performer], separation: Separation) -> _Known:
    truth = _read_truth(take)
    positions_m = np.array([performer.trajectory.mean_position_m for performer in performers])
    true_m = np.array([np.mean(player["centroids_m"], axis=0) for player in truth])
    matched = match_by_position(positions_m, true_m)
    rate = separation.residual.sample_rate_hz
    mixture = separation.residual.samples.astype(np.float64)
    for stem in separation.stems:
        mixture = mixture + stem.waveform.samples
    kept = [index for index, player in enumerate(matched) if player >= 0]
    images = [read_waveform(take / "truth" / str(truth[matched[index]]["image"])) for index in kept]
    for image in images:
        if (image.sample_count, image.sample_rate_hz) != (mixture.shape[1], rate):
            raise DataError(
                f"{take}: the truth has {image.sample_count} samples at {image.sample_rate_hz} Hz "
                f"and the stems {mixture.shape[1]} at {rate} Hz: they are of another take."
            )
    return _Known(
        mixture=Waveform(samples=mixture.astype(np.float32), sample_rate_hz=rate),
        images=images,
        stems=[separation.stems[index].waveform for index in kept],
        names=[separation.stems[index].name for index in kept],
        instruments=[str(truth[matched[index]]["instrument"]) for index in kept],
    )


def _read_truth(take: Path) -> list[dict[str, Any]]:
    path = take / "truth" / "truth.json"
    if not path.is_file():
        raise DataError(
            f"{take} has no truth to score against ({path.name} is missing): only simulated takes "
            "have one."
        )
    try:
        players = json.loads(path.read_text(encoding="utf-8"))["players"]
        missing = {"centroids_m", "image", "instrument"} - set(players[0])
        if missing:
            raise ValueError(f"a player lacks {', '.join(sorted(missing))}")
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: not the truth of a simulated take ({error}).") from error
    return players


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
