"""`auralize capture record`: cameras and microphones into a take folder."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from auralize.cli.capture.device_options import camera_options, sound_options
from auralize.cli.capture.live_status import live_status
from auralize.cli.options import finite

if TYPE_CHECKING:
    from capture.record.disk import RecordingFile
    from capture.record.driver import CameraDriver, SoundDriver
    from capture.record.faults import Faults
    from capture.record.recorder import RecordingSink
    from capture.take.take_file import MicrophoneEntry


@click.command(
    epilog="Example: auralize capture record quartet, or try it without a sensor: auralize capture "
    "record copy --simulated take/ --seconds 20 --fault drop-images=0.01"
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    callback=finite,
    help="Length.  [default: until Ctrl-C]",
)
@click.option("--force", is_flag=True, help="Replace the take OUT when it is there.")
@click.option(
    "--keep-going",
    is_flag=True,
    help="When one device is lost, record on with the other one.",
)
@camera_options
@sound_options
@click.option(
    "--simulated",
    "played",
    metavar="TAKE",
    type=click.Path(path_type=Path),
    help="Play a take in place of devices, again and again.",
)
@click.option(
    "--fault",
    "faults",
    metavar="NAME=NUMBER",
    multiple=True,
    help="With --simulated: let something go wrong, such as unplug-camera-s=5.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    help="With --simulated: how much faster than real.",
)
def record(
    out: Path,
    seconds: float | None,
    force: bool,
    keep_going: bool,
    played: Path | None,
    faults: tuple[str, ...],
    speed: float,
    **devices: Any,
) -> None:
    """Record depth, color, inertial readings and sound into the take folder OUT.

    OUT gets take.mkv, written as it comes, and take.json, which tells what was lost. Ctrl-C ends
    the recording. A crash leaves all but the last second; `auralize capture repair` finishes it.
    """
    from capture.record.settings import RecordSettings
    from capture.record.take_folder import fault_of, record_take

    if out.suffix.lower() == ".mkv":
        raise click.BadParameter(
            f"it is a folder that holds take.mkv: give {out.with_suffix('')}.", param_hint="OUT"
        )
    wrong = _faults(played, faults, speed)
    settings = RecordSettings(seconds=seconds, keep_going=keep_going)
    camera, sound, microphones = (
        _real_devices(**devices) if played is None else (*_simulated(played, wrong, speed), ())
    )
    with _stopped_by_signals() as stop, live_status() as show:
        described = record_take(
            out,
            camera,
            sound,
            settings,
            microphones=microphones,
            replace=force,
            stop=stop,
            on_status=show,
            sink=_disk(wrong),
        )
    entry = described.recorded
    if entry is not None:
        sound_s = entry.sound_samples / sound.sample_rate_hz if sound else 0.0
        click.echo(
            f"{out}: {entry.depth_images} depth images, {entry.color_images} color images, "
            f"{sound_s:.2f} s of sound, {entry.lost or 'nothing missing'}"
        )
    fault = fault_of(described)
    if fault is not None:
        raise type(fault)(f"{str(fault).removesuffix('.')}. What came before is in {out}.")


def _faults(played: Path | None, faults: tuple[str, ...], speed: float) -> Faults:
    from capture.record.faults import parse_faults

    if played is None and (faults or speed != 1.0):
        raise click.UsageError("--fault and --speed need --simulated TAKE.")
    try:
        return parse_faults(faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fault") from error


def _simulated(
    played: Path, faults: Faults, speed: float
) -> tuple[CameraDriver, SoundDriver | None]:
    from capture.record.simulated import simulated_devices

    return simulated_devices(played, faults=faults, speed=speed)


def _disk(faults: Faults) -> Callable[[RecordingFile], RecordingSink] | None:
    from capture.record.full_disk import FullDisk

    megabytes = faults.disk_full_mb
    return None if megabytes is None else lambda file: FullDisk(file, round(megabytes * 1e6))


def _real_devices(
    *,
    depth_mode: str,
    color_mode: str,
    fps: str,
    infrared: bool,
    camera_index: int,
    k4a_library: str | None,
    sound: str | None,
    channels: int | None,
    sound_rate: int | None,
    sound_bits: str,
    center: int | None,
) -> tuple[CameraDriver, SoundDriver | None, tuple[MicrophoneEntry, ...]]:
    from capture.record.kinect import CameraSettings, KinectCamera
    from capture.record.microphone_entries import microphone_entries
    from capture.record.sound_device import DeviceSound, SoundSettings

    try:
        camera_settings = CameraSettings(
            depth_mode=depth_mode,
            color_mode=None if color_mode == "OFF" else color_mode,
            fps=int(fps),
            infrared=infrared,
            index=camera_index,
            library=k4a_library,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    microphones: DeviceSound | None = None
    if sound != "none":
        microphones = DeviceSound(
            SoundSettings(
                device=sound, channels=channels, sample_rate_hz=sound_rate, bits=int(sound_bits)
            )
        )
    try:
        entries = microphone_entries(
            microphones.channel_count if microphones else 0,
            center=center,
            is_kinect=microphones is not None and microphones.is_kinect,
        )
        return KinectCamera(camera_settings), microphones, entries
    except BaseException as error:
        if microphones is not None:
            microphones.stop()
        if isinstance(error, ValueError):
            raise click.BadParameter(str(error), param_hint="--center") from error
        raise


@contextmanager
def _stopped_by_signals() -> Generator[Event]:
    """Give an event that Ctrl-C, and a polite kill, set."""
    stop = Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: stop.set()) for kind in kinds]
    try:
        yield stop
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
