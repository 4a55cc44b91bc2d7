"""find_devices: what could be recorded from here, and what is missing for it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from capture.errors import AuralizeError
from capture.record.kinect import LIBRARY_VARIABLE
from capture.record.sound_device import sound_inputs
from capture.record.usb import UDEV_REMEDY, plugged_sensors

_LIST_CAMERAS = """
import json, sys
from capture.errors import AuralizeError
from capture.record.kinect import load_pyk4a
try:
    pyk4a = load_pyk4a(sys.argv[1] or None)
except AuralizeError as error:
    print(json.dumps({"problem": str(error)}))
    sys.exit()
serials = []
for index in range(pyk4a.connected_device_count()):
    device = pyk4a.PyK4A(device_id=index)
    try:
        device.open()
        serials.append(device.serial)
        device.close()
    except pyk4a.K4AException:
        serials.append(None)
print(json.dumps({"serials": serials}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What there is.

    Attributes:
        cameras: One line for each camera that can be opened or is in use.
        sounds: One line for each sound device with inputs.
        problems: What is missing, and what to do about it.
    """

    cameras: tuple[str, ...]
    sounds: tuple[str, ...]
    problems: tuple[str, ...]


def find_devices(library: str | None = None) -> Devices:
    """Look for cameras and sound devices; opens each camera for a moment.

    Args:
        library: A libk4a to use in place of pyk4a's own.
    """
    cameras, problems = _cameras(library)
    sounds: tuple[str, ...] = ()
    try:
        inputs = sound_inputs()
        sounds = tuple(
            f"{each.index} {each.name}: {each.channels} channels, {each.sample_rate_hz} Hz"
            + (" (recorded by default)" if each.is_kinect else "")
            for each in inputs
        )
        if not inputs:
            problems.append("no sound device with inputs is there: record with --sound none.")
        elif not any(each.is_kinect for each in inputs):
            problems.append(
                "no microphones of an Azure Kinect are there (a Femto has none): name another "
                "sound device with --sound, or record with --sound none."
            )
    except AuralizeError as error:
        problems.append(str(error))
    return Devices(cameras=cameras, sounds=sounds, problems=tuple(problems))


def _cameras(library: str | None) -> tuple[tuple[str, ...], list[str]]:
    plugged = plugged_sensors()
    problems: list[str] = []
    for sensor in plugged or ():
        if not sensor.writable:
            problems.append(f"{sensor.name} may not be opened by this user: {UDEV_REMEDY}.")
        if sensor.is_camera and not sensor.fast:
            problems.append(
                f"{sensor.name} does not run at USB 3 speed: use another port or cable."
            )
    answer = _ask_library(library)
    if "problem" in answer:
        return (), [*problems, str(answer["problem"])]
    serials = answer["serials"]
    cameras = tuple(
        f"{index} serial number {serial}" if serial else f"{index} in use, or not to be opened"
        for index, serial in enumerate(serials)
    )
    if not cameras and not any(sensor.is_camera for sensor in plugged or ()):
        problems.append("no Azure Kinect or Femto is plugged in.")
    elif not cameras and any(sensor.vendor == "Orbbec" for sensor in plugged or ()):
        problems.append(
            "a Femto is plugged in, and needs the libk4a of Orbbec's K4A wrapper: name it with "
            f"--k4a-library or {LIBRARY_VARIABLE}."
        )
    return cameras, problems


def _ask_library(library: str | None) -> dict[str, list[str | None] | str]:
    """Ask libk4a in a process of its own: it writes to stderr, and may abort."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LIST_CAMERAS, library or ""],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"problem": "libk4a did not answer within 60 s: plug the camera in again."}
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"problem": f"libk4a cannot be used: {reason}."}
    return json.loads(lines[-1])
