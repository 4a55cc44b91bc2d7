"""Simulated takes, whose truth lies beside them: their stems scored and drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
from jaxtyping import Float, Int64

from capture.errors import DataError, FileFormatError
from capture.performer import Performer
from capture.waveform import Waveform, read_waveform
from separation.full_band import FullBandConfig
from separation.mask_picture import PICTURE_RATE_HZ, write_mask_picture
from separation.resampling import resampled
from separation.scores import Score, score_stems
from separation.spectrogram import SpectrogramConfig
from separation.stem import Separation


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
