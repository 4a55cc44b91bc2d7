"""Hand on a take's sound in blocks of integers, as it was recorded."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from jaxtyping import Int16, Int32

from capture.take import Take


def sound_blocks(
    take: Take, samples: int
) -> Generator[tuple[int, Int16[np.ndarray, "n channels"] | Int32[np.ndarray, "n channels"]]]:
    """Yield the sound piece by piece: the first sample's index, and the samples.

    Args:
        take: With sound, of 16 bits (given as int16) or 24 (given as int32, the upper 24 bits in
            use). Beyond full scale it is clipped.
        samples: Of a piece; the last one may have fewer.
    """
    rate_hz = take.sample_rate_hz
    count = round(take.duration_s * rate_hz)
    for first in range(0, count, samples):
        stop = min(first + samples, count)
        piece = take.audio(first / rate_hz, stop / rate_hz).samples.T.astype(np.float64)
        if take.sound_bits == 16:
            yield first, np.rint(piece * 2.0**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
        else:
            whole = np.rint(piece * 2.0**23).clip(-(2**23), 2**23 - 1).astype(np.int32)
            yield first, whole << 8
