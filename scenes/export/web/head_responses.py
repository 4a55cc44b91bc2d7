"""The scene's own head for the page: responses all round, as small as they can be.

The page convolves each source with the response of the nearest direction, and fades from one to
the next. Packed by DEFLATE, little-endian: directions D and taps T (uint32); D unit vectors in the
page's axes (float32); the factor from integers to amplitudes (float32); D × (left, right) × T
int16, all low bytes before all high ones.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from capture.axes import gltf_from_world

if TYPE_CHECKING:
    from jaxtyping import Float

# Taps that carry less than this of the largest, before and after, are left out of all directions.
_SILENT = 10 ** (-60 / 20)


def pack_head(path: Path) -> bytes:
    """Pack a head that was rendered for a scene.

    Args:
        path: An .npz with `directions` (D, 3), unit vectors in the head's frame, and
            `impulse_responses` (D, 2, taps) at the rate of the page's sound.
    """
    with np.load(path) as arrays:
        directions = arrays["directions"]
        responses = arrays["impulse_responses"].astype(np.float64)
    return pack_responses(directions, responses)


def pack_responses(
    directions: Float[np.ndarray, "D 3"], responses: Float[np.ndarray, "D 2 taps"]
) -> bytes:
    """Pack responses, without the silence that all of them begin and end with."""
    envelope = np.abs(responses).max(axis=(0, 1))
    loud = np.flatnonzero(envelope > _SILENT * envelope.max(initial=0.0))
    first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, 0)
    kept = responses[:, :, first : last + 1]
    factor = np.float32(max(float(np.abs(kept).max(initial=0.0)), 1e-9) / 32767)
    numbers = np.round(kept / factor).astype("<i2").view("<u2").reshape(-1)
    head = np.array([len(kept), kept.shape[2]], "<u4").tobytes()
    vectors = gltf_from_world(np.asarray(directions, dtype=np.float64)).astype("<f4").tobytes()
    planes = np.stack([numbers & 0xFF, numbers >> 8]).astype(np.uint8).tobytes()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = head + vectors + np.array([factor], "<f4").tobytes() + planes
    return squeeze.compress(parts) + squeeze.flush()
