"""Where a stream is played: an audio device, or a file that stands for one."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import DependencyError, DeviceError, OutputError
from capture.optional import optional


class AudioOutput(Protocol):
    """Takes blocks of two channels; a device makes the caller wait until there is room.

    Attributes:
        latency_s: From taking a block to hearing it, beyond the block's own length.
    """

    latency_s: float

    def __enter__(self) -> AudioOutput: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def play(self, samples: Float32[np.ndarray, "2 block"]) -> None:
        """Take the next block."""
        ...


class DeviceOutput:
    """An audio device, through PortAudio."""

    def __init__(self, sample_rate_hz: int, block: int, device: str | None = None) -> None:
        """Open a device.

        Args:
            sample_rate_hz: Rate of the sound.
            block: Samples of each block.
            device: Number of the device, or part of its name; None for the system's own.

        Raises:
            DependencyError: sounddevice or PortAudio is not installed.
            DeviceError: There is no such device, or it cannot play this.
        """
        sounddevice = _sounddevice()
        try:
            self._stream: Any = sounddevice.OutputStream(
                samplerate=sample_rate_hz,
                blocksize=block,
                channels=2,
                dtype="float32",
                latency="low",
                device=int(device) if device is not None and device.isdigit() else device,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            names = [
                str(entry["name"])
                for entry in sounddevice.query_devices()
                if entry["max_output_channels"] >= 2
            ]
            there = f"The devices are: {', '.join(names)}." if names else "There is no device."
            raise DeviceError(
                f"cannot play at {sample_rate_hz} Hz on {device or 'the default device'}: {error}. "
                f"{there} Try another --device, or --to FILE."
            ) from error
        self._interleaved = np.zeros((block, 2), dtype=np.float32)
        self.latency_s = float(self._stream.latency)

    def __enter__(self) -> DeviceOutput:
        self._stream.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.stop()
        self._stream.close()

    def play(self, samples: Float32[np.ndarray, "2 block"]) -> None:
        """Take the next block, and wait until the device has room for it."""
        self._interleaved[:] = samples.T
        self._stream.write(self._interleaved)


class FileOutput:
    """A sound file in place of a device; it takes blocks as fast as they come."""

    latency_s = 0.0

    def __init__(self, path: str | os.PathLike[str], sample_rate_hz: int) -> None:
        """Open a WAV of 32-bit floats.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            self._file = soundfile.SoundFile(
                path, "w", sample_rate_hz, channels=2, format="WAV", subtype="FLOAT"
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise OutputError(f"{os.fspath(path)}: cannot be written ({error}).") from error

    def __enter__(self) -> FileOutput:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def play(self, samples: Float32[np.ndarray, "2 block"]) -> None:
        """Write the next block."""
        self._file.write(samples.T)


def _sounddevice() -> Any:
    try:
        return optional("sounddevice", extra="listen", purpose="live sounds")
    except OSError as error:
        raise DependencyError(
            "live sounds need the library PortAudio, which is not installed: apt install "
            "libportaudio2, brew install portaudio, or listen with --to FILE"
        ) from error
