"""Write sound to a file, block by block: WAV, RF64, Wave64 or FLAC, of 16, 24 or 32 bits.

The same samples always give the same bytes: there are no dates in the files. Integers have a full
scale of 2^(bits−1), so a file reads back as what was written, to half a step. 16 bits are dithered
with triangular noise of ±1 step (TPDF) from a fixed seed, which makes the error a steady noise at
−96 dBFS that does not depend on the sound. 24 bits are rounded: their steps lie below the noise
of any converter.

Source (dither): Lipshitz, Wannamaker and Vanderkooy 1992, "Quantization and dither: a theoretical
survey", J. Audio Eng. Soc. 40.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import soundfile
from jaxtyping import Float32, Int32

from capture.errors import OutputError
from capture.files.wave_header import Tags, WaveContainer, WaveFormat, wave_header, wave_padding

SampleFormat = Literal["pcm16", "pcm24", "float32"]
Container = Literal["wav", "rf64", "w64", "flac"]

_BITS: dict[SampleFormat, int] = {"pcm16": 16, "pcm24": 24, "float32": 32}
_CONTAINERS: dict[str, Container] = {
    ".wav": "wav",
    ".rf64": "rf64",
    ".w64": "w64",
    ".flac": "flac",
}
_MOST_FLAC_CHANNELS = 8
_MOST_FLAC_HZ = 655_350
_DITHER_SEED = 1770


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFileFormat:
    """What a file will hold, and how.

    Attributes:
        container: Kind of file.
        sample_format: Kind of its samples.
        channel_count: Channels.
        sample_rate_hz: Samples a second of each.
    """

    container: Container
    sample_format: SampleFormat
    channel_count: int
    sample_rate_hz: int

    @property
    def ceiling_dbfs(self) -> float:
        """The highest level that is sure not to clip; +inf for floating point."""
        if self.sample_format == "float32":
            return math.inf
        steps = 2 ** (_BITS[self.sample_format] - 1)
        dither = 1 if self.sample_format == "pcm16" else 0
        return 20 * math.log10((steps - 1 - dither) / steps)


def container_of(path: Path) -> Container:
    """Return the kind of file that a name asks for.

    Raises:
        OutputError: Its ending is none of .wav, .rf64, .w64 and .flac.
    """
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise OutputError(
            f"{path}: the ending {path.suffix!r} is unknown. Renders are sound files that end in "
            ".wav, .flac, .w64 or .rf64, with .ambix before it for ambisonics."
        )
    return container


def check_format(path: Path, form: SoundFileFormat) -> None:
    """Refuse what the kind of file cannot hold.

    Raises:
        OutputError: FLAC was asked for floating point, or for too many channels or a too high
            rate.
    """
    if form.container != "flac":
        return
    instead = "Give a name that ends in .wav or .w64."
    if form.sample_format == "float32":
        raise OutputError(f"{path}: FLAC holds pcm16 or pcm24, not float32. {instead}")
    if form.channel_count > _MOST_FLAC_CHANNELS:
        raise OutputError(
            f"{path}: FLAC holds at most {_MOST_FLAC_CHANNELS} channels, and this render has "
            f"{form.channel_count}. {instead}"
        )
    if form.sample_rate_hz > _MOST_FLAC_HZ:
        raise OutputError(f"{path}: FLAC holds at most {_MOST_FLAC_HZ} Hz. {instead}")


def write_sound_file(
    path: Path,
    form: SoundFileFormat,
    blocks: Iterable[Float32[np.ndarray, "samples channels"]],
    sample_count: int,
    tags: Tags | None = None,
    *,
    number: int = 0,
) -> None:
    """Write blocks of samples to a file.

    Args:
        path: The file, which is written in place: give a temporary name.
        form: What it holds.
        blocks: Samples at their final level, which is not above the format's ceiling.
        sample_count: How many samples of each channel there are in all blocks.
        tags: What the file says about itself, if anything.
        number: Of the file among those that belong together: each has dither of its own, so that
            it adds up as noise does where they are mixed.

    Raises:
        OSError: The file cannot be written.
        OutputError: libsndfile cannot write the file.
    """
    check_format(path, form)
    dither = np.random.default_rng([_DITHER_SEED, number])
    if form.container == "flac":
        _write_flac(path, form, blocks, tags, dither)
        return
    wave = WaveFormat(
        channel_count=form.channel_count,
        sample_rate_hz=form.sample_rate_hz,
        sample_count=sample_count,
        sample_bytes=_BITS[form.sample_format] // 8,
    )
    container: WaveContainer = form.container
    with path.open("wb") as file:
        file.write(wave_header(container, wave, tags))
        for block in blocks:
            file.write(_sample_bytes(block, form.sample_format, dither))
        file.write(wave_padding(container, wave))


def to_integers(
    samples: Float32[np.ndarray, "samples channels"],
    bits: int,
    dither: np.random.Generator | None = None,
) -> Int32[np.ndarray, "samples channels"]:
    """Return samples as integers, with triangular dither where a generator is given."""
    steps = samples * np.float64(2 ** (bits - 1))
    if dither is not None:
        # Both numbers of a sample are drawn together: blocks may be cut in any way.
        uniform = dither.random((*samples.shape, 2))
        steps += uniform[..., 0] - uniform[..., 1]
    limit = 2 ** (bits - 1)
    return np.clip(np.rint(steps), -limit, limit - 1).astype(np.int32)


def _sample_bytes(
    samples: Float32[np.ndarray, "samples channels"],
    sample_format: SampleFormat,
    dither: np.random.Generator,
) -> bytes:
    """Return samples as they stand in a WAV: little-endian, channels interleaved."""
    if sample_format == "float32":
        return samples.astype("<f4").tobytes()
    if sample_format == "pcm16":
        return to_integers(samples, 16, dither).astype("<i2").tobytes()
    words = np.ascontiguousarray(to_integers(samples, 24), dtype="<i4")
    return words.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _write_flac(
    path: Path,
    form: SoundFileFormat,
    blocks: Iterable[Float32[np.ndarray, "samples channels"]],
    tags: Tags | None,
    dither: np.random.Generator,
) -> None:
    bits = _BITS[form.sample_format]
    try:
        with soundfile.SoundFile(
            path,
            "w",
            samplerate=form.sample_rate_hz,
            channels=form.channel_count,
            format="FLAC",
            subtype=f"PCM_{bits}",
        ) as file:
            if tags is not None:
                file.title, file.software = tags.title, tags.software
                file.comment = tags.comment
            for block in blocks:
                steps = to_integers(block, bits, dither if bits == 16 else None)
                # libsndfile takes 32-bit words and keeps their upper bits.
                file.write(cast(np.ndarray, steps << (32 - bits)))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise OutputError(
            f"cannot write {path}: {reason}. Choose a folder that is writable and has room."
        ) from error
