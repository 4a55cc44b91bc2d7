"""DeviceSound: the microphones of a Kinect, or any other sound device, through PortAudio."""

from __future__ import annotations

import queue
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from capture.errors import DependencyError, DeviceError
from capture.optional import optional
from capture.record.driver import SoundBlock

KINECT_ARRAY = "Azure Kinect Microphone Array"
KINECT_CHANNELS = 7
_BLOCK_S = 0.02
_WAIT_S = 0.1
_MOST_WAITING = 3000
"""Blocks that may wait for the recorder: a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSettings:
    """What to record.

    Attributes:
        device: Number of the device, or part of its name; None for the Kinect's microphones.
        channels: How many, None for all (seven of the Kinect).
        sample_rate_hz: Samples a second; None for 48 kHz of the Kinect, the device's own otherwise.
        bits: 16 or 24.
    """

    device: str | None = None
    channels: int | None = None
    sample_rate_hz: int | None = None
    bits: int = 16

    def __post_init__(self) -> None:
        if self.bits not in (16, 24):
            raise ValueError(f"sound is recorded with 16 or 24 bits, got {self.bits}.")
        for name in ("channels", "sample_rate_hz"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, got {value}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundInput:
    """A device that sound comes from.

    Attributes:
        index: Its number.
        name: Its name.
        channels: How many it has.
        sample_rate_hz: Its own rate.
        is_kinect: Whether it is the microphone array of an Azure Kinect.
    """

    index: int
    name: str
    channels: int
    sample_rate_hz: int
    is_kinect: bool


def sound_inputs() -> list[SoundInput]:
    """Return the devices that sound comes from.

    Raises:
        DependencyError: sounddevice or PortAudio is not installed.
        DeviceError: PortAudio does not answer.
    """
    sounddevice = load_sounddevice()
    try:
        devices = list(sounddevice.query_devices())
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"PortAudio does not list sound devices: {error}.") from error
    return [
        SoundInput(
            index=index,
            name=str(device["name"]),
            channels=int(device["max_input_channels"]),
            sample_rate_hz=round(device["default_samplerate"]),
            is_kinect=KINECT_ARRAY in str(device["name"]),
        )
        for index, device in enumerate(devices)
        if device["max_input_channels"] > 0
    ]


def find_input(inputs: list[SoundInput], device: str | None) -> SoundInput:
    """Return the device that is meant.

    Args:
        inputs: What there is.
        device: Number, or part of a name; None for the Kinect's microphones.

    Raises:
        DeviceError: There is none, or more than one.
    """
    wanted = KINECT_ARRAY if device is None else device
    if wanted.isdigit():
        found = [each for each in inputs if each.index == int(wanted)]
    else:
        found = [each for each in inputs if wanted.lower() in each.name.lower()]
        exact = [each for each in found if each.name.lower() == wanted.lower()]
        found = exact or found
    if device is None and found:
        # Linux lists the array several times; all seven channels come with the first that has them.
        found = [each for each in found if each.channels >= KINECT_CHANNELS][:1] or found[:1]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.index} {each.name} ({each.channels})" for each in inputs)
    there = f"there is: {names}" if names else "there is no sound device at all"
    if found:
        raise DeviceError(f"{wanted!r} may mean {len(found)} sound devices; {there}.")
    remedy = "Name one with --sound, or record without: --sound none."
    raise DeviceError(f"no sound device {wanted!r}; {there}. {remedy}")


class DeviceSound:
    """A sound device, opened; see `SoundDriver`.

    Raises:
        DependencyError: sounddevice or PortAudio is not installed.
        DeviceError: There is no such device, or it does not give what is asked for.
    """

    live = True

    def __init__(self, settings: SoundSettings | None = None) -> None:
        settings = settings or SoundSettings()
        self._sounddevice = load_sounddevice()
        found = find_input(sound_inputs(), settings.device)
        self.name = found.name
        self.bits = settings.bits
        self.is_kinect = found.is_kinect
        most = KINECT_CHANNELS if found.is_kinect else found.channels
        self.channel_count = settings.channels or min(found.channels, most)
        own_rate_hz = 48_000 if found.is_kinect else found.sample_rate_hz
        self.sample_rate_hz = settings.sample_rate_hz or own_rate_hz
        self._blocks: queue.Queue[SoundBlock] = queue.Queue(maxsize=_MOST_WAITING)
        self._overflowed = False
        self._ended = False
        try:
            self._stream: Any = self._sounddevice.InputStream(
                device=found.index,
                channels=self.channel_count,
                samplerate=self.sample_rate_hz,
                blocksize=round(_BLOCK_S * self.sample_rate_hz),
                dtype="int16" if self.bits == 16 else "int32",
                latency="high",
                callback=self._take,
                finished_callback=self._end,
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise DeviceError(
                f"{found.name} does not open with {self.channel_count} channels of {self.bits} "
                f"bits at {self.sample_rate_hz} Hz: {error}. It has {found.channels} channels; it "
                "may be in use by another program."
            ) from error

    def start(self) -> None:
        """Start the device.

        Raises:
            DeviceError: It does not start.
        """
        try:
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            raise DeviceError(f"{self.name} does not start: {error}.") from error

    def blocks(self) -> Generator[SoundBlock | None]:
        """Yield what arrives.

        Raises:
            DeviceError: The device is lost.
        """
        while True:
            try:
                yield self._blocks.get(timeout=_WAIT_S)
            except queue.Empty:
                if self._ended:
                    raise DeviceError(
                        f"{self.name} was lost: it was unplugged, or taken by another program."
                    ) from None
                yield None

    def stop(self) -> None:
        """Close the device."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _take(self, samples: np.ndarray, count: int, times: Any, status: Any) -> None:
        """Take a block from PortAudio, in its own thread, which must never wait."""
        now_ns = time.perf_counter_ns()
        # The host's clock at the first sample: PortAudio's own clock may be another one, so only
        # the time from then to now is taken from it; some drivers don't know it.
        age_s = times.currentTime - times.inputBufferAdcTime
        if not 0 < age_s < 2:
            age_s = count / self.sample_rate_hz
        block = SoundBlock(
            host_ns=now_ns - round(age_s * 1e9),
            samples=samples.copy(),
            overflowed=bool(status.input_overflow) or self._overflowed,
        )
        try:
            self._blocks.put_nowait(block)
            self._overflowed = False
        except queue.Full:
            self._overflowed = True

    def _end(self) -> None:
        self._ended = True


def load_sounddevice() -> Any:
    """Import sounddevice.

    Raises:
        DependencyError: It, or PortAudio, is not installed.
    """
    try:
        return optional("sounddevice", extra="record", purpose="sound devices")
    except OSError as error:
        raise DependencyError(
            "sound devices need the library PortAudio, which is not installed: apt install "
            "libportaudio2, or brew install portaudio; or record without sound: --sound none"
        ) from error
