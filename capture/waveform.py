"""Sampled sound with its rate: what can be read in pieces, whole sounds in memory, and their files.

Samples are float32, full scale ±1, shaped (channels, samples). Nothing here resamples.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.io.wavfile
import soundfile
from jaxtyping import Float32

from capture.errors import DataError, FileFormatError, OutputError
from capture.files.atomic import atomic_path

_BLOCK_SAMPLES = 1 << 18


class Sound(Protocol):
    """Sampled sound, of which any part can be read: a take's, a file's, or a `Waveform`."""

    @property
    def channel_count(self) -> int:
        """Number of channels."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second of each channel."""
        ...

    @property
    def sample_count(self) -> int:
        """Samples of each channel."""
        ...

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Read samples, not to be written to; the range lies within what there is."""
        ...


def read_padded(sound: Sound, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
    """Read samples from `start` to `stop`; what lies outside the sound is silence."""
    first, last = (min(max(at, 0), sound.sample_count) for at in (start, stop))
    samples = sound.read(first, last)
    if (first, last) == (start, stop):
        return samples
    before = min(max(-start, 0), stop - start)
    return np.pad(samples, ((0, 0), (before, stop - start - before - samples.shape[1])))


def blocks_of(
    sound: Sound, samples: int = _BLOCK_SAMPLES
) -> Iterator[tuple[int, Float32[np.ndarray, "channels samples"]]]:
    """Yield a sound in blocks of at most so many samples, each with its first sample's number."""
    for start in range(0, sound.sample_count, samples):
        yield start, sound.read(start, min(start + samples, sound.sample_count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """Sampled sound in memory.

    Attributes:
        samples: Shape (channels, samples), float32, full scale ±1.
        sample_rate_hz: Samples a second of each channel.

    Raises:
        ValueError: The samples are not two-dimensional, or integers; or the rate is not positive.
    """

    samples: Float32[np.ndarray, "channels samples"]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        given = np.asarray(self.samples)
        if not np.issubdtype(given.dtype, np.floating):
            raise ValueError(
                f"samples must be floats of full scale ±1, got {given.dtype}: divide by what full "
                "scale is (32768 of 16 bits), or read the file as float32."
            )
        samples = given.astype(np.float32, copy=False)
        if samples.ndim != 2:
            raise ValueError(f"samples must be (channels, samples), got shape {samples.shape}.")
        if self.sample_rate_hz <= 0:
            raise ValueError(f"sample_rate_hz must be positive, got {self.sample_rate_hz}.")
        object.__setattr__(self, "samples", samples)

    @property
    def channel_count(self) -> int:
        """Number of channels."""
        return self.samples.shape[0]

    @property
    def sample_count(self) -> int:
        """Samples of each channel."""
        return self.samples.shape[1]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.sample_count / self.sample_rate_hz

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Return the samples from `start` to `stop`, as a view."""
        return self.samples[:, start:stop]

    def channel(self, index: int) -> Waveform:
        """Return one channel as a mono waveform."""
        return Waveform(samples=self.samples[index : index + 1], sample_rate_hz=self.sample_rate_hz)

    def between(self, start_s: float, stop_s: float) -> Waveform:
        """Return the part from `start_s` to `stop_s` (clipped to what there is)."""
        start, stop = (max(0, round(t * self.sample_rate_hz)) for t in (start_s, stop_s))
        return Waveform(samples=self.samples[:, start:stop], sample_rate_hz=self.sample_rate_hz)


def whole(sound: Sound) -> Waveform:
    """Return all of a sound in memory; a waveform is that already."""
    if isinstance(sound, Waveform):
        return sound
    samples = sound.read(0, sound.sample_count)
    return Waveform(samples=samples, sample_rate_hz=sound.sample_rate_hz)


def check_there(path: str | os.PathLike[str]) -> None:
    """Refuse a sound file that is missing, of which libsndfile says "System error" only.

    Raises:
        FileFormatError: There is no such file.
    """
    if not Path(path).is_file():
        raise FileFormatError(f"{path}: there is no such file. Give a WAV, FLAC or Ogg file.")


def read_waveform(path: str | os.PathLike[str]) -> Waveform:
    """Read a whole sound file (WAV, FLAC, Ogg, AIFF, W64, RF64).

    Raises:
        FileFormatError: The file is missing or no sound file.
        DataError: It holds NaN or infinite samples.
    """
    check_there(path)
    try:
        samples, rate = soundfile.read(Path(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise FileFormatError(
            f"{path}: not readable as sound ({error}). Give a WAV, FLAC or Ogg file."
        ) from error
    finite = np.isfinite(samples).all(axis=1)
    if not finite.all():
        at_s = int(np.argmin(finite)) / rate
        raise DataError(
            f"{path}: a sample at {at_s:.3f} s is not a finite number. Export the sound again."
        )
    return Waveform(samples=np.ascontiguousarray(samples.T), sample_rate_hz=int(rate))


def write_waveform(
    path: str | os.PathLike[str], waveform: Waveform, *, subtype: str = "FLOAT"
) -> None:
    """Write a sound file; its suffix gives the format.

    Args:
        path: Where to write; renamed into place when whole.
        waveform: The sound.
        subtype: libsndfile's sample format: "FLOAT", "PCM_24", "PCM_16", …

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        if temporary.suffix.lower() == ".wav" and subtype == "FLOAT":
            # libsndfile stamps the time of day into float WAVs (the PEAK chunk), so the same
            # sound would give other bytes a second later; scipy writes the samples alone.
            scipy.io.wavfile.write(temporary, waveform.sample_rate_hz, waveform.samples.T)
            return
        kind = temporary.suffix[1:]
        whole_file = io.BytesIO()
        try:
            soundfile.write(
                whole_file, waveform.samples.T, waveform.sample_rate_hz, subtype, format=kind
            )
        except (soundfile.LibsndfileError, RuntimeError) as error:
            reason = str(error).rstrip(".")
            raise OutputError(
                f"cannot write {path}: {reason}. Choose another format, or other samples."
            ) from error
        # Python says why a file cannot be written; libsndfile does not.
        temporary.write_bytes(whole_file.getbuffer())
