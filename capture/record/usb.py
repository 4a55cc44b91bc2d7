"""USB devices as Linux lists them: what is plugged in, and whether it may be opened.

The sensors' own libraries say neither when something is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = Path("/sys/bus/usb/devices")
_NODES = Path("/dev/bus/usb")
_MICROSOFT, _ORBBEC = "045e", "2bc5"
_KINECT_PARTS = {
    "097c": "Azure Kinect depth camera",
    "097d": "Azure Kinect color camera",
    "097e": "Azure Kinect microphones",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbSensor:
    """A part of a sensor that is plugged in.

    Attributes:
        vendor: Microsoft or Orbbec.
        name: What it is.
        writable: Whether this user may open it.
        fast: Whether it runs at USB 3 speed, as the cameras need.
    """

    vendor: str
    name: str
    writable: bool
    fast: bool

    @property
    def is_camera(self) -> bool:
        """Whether images come from it."""
        return "microphones" not in self.name


def plugged_sensors(system: Path = _SYSTEM, nodes: Path = _NODES) -> list[UsbSensor] | None:
    """Return the parts of Azure Kinects and Femtos; None where the system does not list USB.

    Args:
        system: Where the kernel describes devices.
        nodes: Where their device files are.
    """
    if not system.is_dir():
        return None
    return list(_sensors(system, nodes))


def _sensors(system: Path, nodes: Path) -> Iterator[UsbSensor]:
    for folder in sorted(system.iterdir()):
        vendor, product = _read(folder / "idVendor"), _read(folder / "idProduct")
        name = _read(folder / "product")
        if vendor == _MICROSOFT and product in _KINECT_PARTS:
            vendor, name = "Microsoft", _KINECT_PARTS[product]
        elif vendor == _ORBBEC and "femto" in name.lower():
            vendor = "Orbbec"
        else:
            continue
        number = f"{_read(folder / 'busnum'):0>3}/{_read(folder / 'devnum'):0>3}"
        speed = _read(folder / "speed")
        yield UsbSensor(
            vendor=vendor,
            name=name,
            writable=os.access(nodes / number, os.R_OK | os.W_OK),
            fast=speed.isdigit() and int(speed) >= 5000,
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


UDEV_REMEDY = (
    "install the udev rules (99-k4a.rules of the Azure Kinect SDK for a Kinect, "
    "99-obsensor-libusb.rules of the Orbbec SDK for a Femto) into /etc/udev/rules.d, then plug it "
    "in again"
)
"""What to do where a sensor may not be opened."""
