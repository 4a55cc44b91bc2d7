"""Mono WAV files that engines import: 16 or 24 bits, or floating point.

Integers cannot hold what goes beyond full scale, so where any stem of a scene would clip, all are
turned down by one gain, which the export states: the balance stays.

16 bits are dithered (TPDF, ±1 step) from a fixed seed, each file with dither of its own; 24 bits
are rounded. The same samples always give the same bytes.

Source (dither): Lipshitz, Wannamaker and Vanderkooy 1992, "Quantization and dither: a theoretical
survey", J. Audio Eng. Soc. 40.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from scenes.export.exported import ExportedScene

WavFormat = Literal["pcm16", "pcm24", "float32"]

_PCM, _FLOAT = 1, 3
_BYTES: dict[WavFormat, int] = {"pcm16": 2, "pcm24": 3, "float32": 4}
_DITHER_SEED = 1770
_LARGEST_BYTES = 2**32 - 1


def common_gain_db(exported: ExportedScene, wav_format: WavFormat) -> float:
    """Return the gain, at most 0 dB, with which no stem of a scene clips."""
    return gain_that_fits_db((source.samples for source in exported.sources), wav_format)


def gain_that_fits_db(
    sounds: Iterable[Float32[np.ndarray, "*shape"]], wav_format: WavFormat
) -> float:
    """Return the gain, at most 0 dB and in steps of 0.01 dB, with which no sound clips."""
    peak = max((float(np.abs(sound).max(initial=0.0)) for sound in sounds), default=0.0)
    ceiling = _ceiling(wav_format)
    if peak <= ceiling:
        return 0.0
    return math.floor(2000 * math.log10(ceiling / peak)) / 100


def write_wav(
    path: Path,
    samples: Float32[np.ndarray, "samples"] | Float32[np.ndarray, "channels samples"],
    sample_rate_hz: int,
    wav_format: WavFormat,
    *,
    gain_db: float = 0.0,
    number: int = 0,
) -> None:
    """Write a WAV file.

    Args:
        path: The file.
        samples: Full scale ±1; beyond it, integers clip (see `common_gain_db`).
        sample_rate_hz: Their rate.
        wav_format: Kind of the file's samples.
        gain_db: Applied to all samples.
        number: Of the file among those that are heard together, for dither of its own.

    Raises:
        ValueError: The file would be larger than a WAV can be (4 GiB).
        OSError: The file cannot be written.
    """
    path.write_bytes(wav_bytes(samples, sample_rate_hz, wav_format, gain_db=gain_db, number=number))


def wav_bytes(
    samples: Float32[np.ndarray, "samples"] | Float32[np.ndarray, "channels samples"],
    sample_rate_hz: int,
    wav_format: WavFormat,
    *,
    gain_db: float = 0.0,
    number: int = 0,
) -> bytes:
    """Return a whole WAV file; see `write_wav`."""
    frames = np.atleast_2d(samples).T
    data = _data(frames * np.float32(10 ** (gain_db / 20)), wav_format, number)
    if len(data) > _LARGEST_BYTES - 1024:
        raise ValueError(f"{len(frames)} samples do not fit in a WAV file of at most 4 GiB.")
    channels, size = frames.shape[1], _BYTES[wav_format]
    code = _FLOAT if wav_format == "float32" else _PCM
    head = struct.pack(
        "<HHIIHH",
        *(code, channels, sample_rate_hz, sample_rate_hz * channels * size, channels * size),
        8 * size,
    )
    chunks = _chunk(b"fmt ", head + (b"\0\0" if code == _FLOAT else b""))
    if code == _FLOAT:
        chunks += _chunk(b"fact", struct.pack("<I", len(frames)))
    chunks += _chunk(b"data", data)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


def _ceiling(wav_format: WavFormat) -> float:
    if wav_format == "float32":
        return math.inf
    steps = 2 ** (8 * _BYTES[wav_format] - 1)
    dither = 1 if wav_format == "pcm16" else 0
    return (steps - 1 - dither) / steps


def _data(
    frames: Float32[np.ndarray, "samples channels"], wav_format: WavFormat, number: int
) -> bytes:
    if wav_format == "float32":
        return np.ascontiguousarray(frames, dtype="<f4").tobytes()
    limit = 2 ** (8 * _BYTES[wav_format] - 1)
    steps = frames * np.float64(limit)
    if wav_format == "pcm16":
        uniform = np.random.default_rng([_DITHER_SEED, number]).random((*frames.shape, 2))
        steps += uniform[..., 0] - uniform[..., 1]
    words = np.clip(np.rint(steps), -limit, limit - 1)
    if wav_format == "pcm16":
        return words.astype("<i2").tobytes()
    return np.ascontiguousarray(words.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)
