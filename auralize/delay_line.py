"""Read a sound between its samples: fractional delays, and Doppler shift where they change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32

_TAPS = 32
_PHASES = 1024


def read_between_samples(
    read: Callable[[int, int], Float32[np.ndarray, "count"]],
    places: Float[np.ndarray, "N"],
) -> Float32[np.ndarray, "N"]:
    """Return the sound at places between its samples.

    Interpolates with a Kaiser-windowed sinc of 32 taps, tabulated at 1024 places and linear
    between them; up to 0.4 of the sample rate the error is below −80 dB.

    Args:
        read: Gives samples (start, count).
        places: Where to read, in samples, in any order.
    """
    whole = np.floor(places).astype(np.int64)
    first = int(whole.min()) - _TAPS // 2 + 1
    sound = read(first, int(whole.max()) + _TAPS // 2 + 1 - first)
    windows = np.lib.stride_tricks.sliding_window_view(sound, _TAPS)
    phase, part = np.divmod((places - whole) * _PHASES, 1.0)
    row = phase.astype(np.int64)
    part = part.astype(np.float32)[:, None]
    near = windows[whole - whole.min()]
    before = np.einsum("nt,nt->n", near, _TABLE[row])
    after = np.einsum("nt,nt->n", near, _TABLE[row + 1])
    return before + part[:, 0] * (after - before)


def _table() -> Float32[np.ndarray, "phases taps"]:
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    distances = offsets - np.arange(_PHASES + 2)[:, None] / _PHASES
    inside = np.clip(1 - (distances / (_TAPS / 2)) ** 2, 0, None)
    window = np.i0(10.0 * np.sqrt(inside)) / np.i0(10.0)
    return (np.sinc(distances) * window).astype(np.float32)


_TABLE = _table()
