"""A rendered sound on disk, with its loudness and peak: they decide about its gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from auralize.ambisonics.conventions import Convention, to_sn3d
from auralize.output.loudness import LoudnessMeter, TruePeakMeter

_BLOCK = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSound:
    """A sound in a file of raw float32 samples, channels interleaved.

    Attributes:
        path: The file.
        channel_count: Channels.
        sample_count: Samples of each.
        loudness_lufs: Integrated loudness; −inf for silence.
        true_peak_dbtp: True peak over all channels; −inf for silence.
    """

    path: Path
    channel_count: int
    sample_count: int
    loudness_lufs: float
    true_peak_dbtp: float

    def blocks(
        self, gain_db: float, progress: Callable[[float], None]
    ) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        """Give the samples with a gain, block by block.

        Args:
            gain_db: The gain.
            progress: Called with the fraction done.
        """
        gain = np.float32(10 ** (gain_db / 20))
        with self.path.open("rb") as raw:
            for start in range(0, self.sample_count, _BLOCK):
                samples = np.fromfile(raw, dtype=np.float32, count=_BLOCK * self.channel_count)
                yield samples.reshape(-1, self.channel_count) * gain
                progress(min(1.0, (start + _BLOCK) / self.sample_count))


def measure(
    blocks: Iterator[Float32[np.ndarray, "channels samples"]],
    path: Path,
    sample_rate_hz: int,
    *,
    convention: Convention | None = None,
) -> MeasuredSound:
    """Write blocks to a raw file and measure them on the way.

    Args:
        blocks: The sound.
        path: The raw file.
        sample_rate_hz: Its rate.
        convention: Of ambisonics: the loudness is that of the pressure in the middle, channel W,
            whatever its weight. Else all channels count.

    Raises:
        OSError: The file cannot be written.
        ValueError: There is no block.
    """
    loudness: LoudnessMeter | None = None
    peak: TruePeakMeter | None = None
    count = channels = 0
    with path.open("wb") as raw:
        for block in blocks:
            if loudness is None or peak is None:
                channels = len(block)
                loudness = LoudnessMeter(channels if convention is None else 1, sample_rate_hz)
                peak = TruePeakMeter(channels)
            loudness.add(block if convention is None else to_sn3d(block[:1], convention))
            peak.add(block)
            np.ascontiguousarray(block.T).tofile(raw)
            count += block.shape[1]
    if loudness is None or peak is None:
        raise ValueError("a sound needs at least one block.")
    peak.finish()
    return MeasuredSound(
        path=path,
        channel_count=channels,
        sample_count=count,
        loudness_lufs=loudness.integrated_lufs,
        true_peak_dbtp=peak.peak_dbtp,
    )
