"""Head poses from OSC messages over UDP, as head trackers and phones send them.

What counts is the last part of the address, so that it does not matter to whom a tracker means to
send: /ypr and /SceneRotator/ypr are the same.

    ypr              yaw, pitch, roll                             degrees
    yaw, pitch, roll one of them                                  degrees
    quaternion(s)    w, x, y, z
    head_pose        (id,) x, y, z, yaw, pitch, roll              metres, degrees
    xyz              x, y, z                                      metres

The frame is that of the scene's listener: x front, y left, z up; a positive yaw turns to the left,
a positive pitch looks down, a positive roll leans to the right.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType

import numpy as np

from capture.errors import DeviceError
from capture.pose import Pose, quaternion_from_euler

_LARGEST_DATAGRAM = 65_536
_WAIT_S = 0.2
_NUMBERS = {"f": ">f", "i": ">i", "d": ">d", "h": ">q"}
# How many numbers an address needs.
_COUNTS = {
    "ypr": 3, "yaw": 1, "pitch": 1, "roll": 1, "quaternion": 4, "quaternions": 4, "xyz": 3,
}  # fmt: skip


def read_osc(packet: bytes) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Give the addresses and the numbers of the messages in a packet.

    Bundles are unpacked, whatever their time; arguments that are no numbers are left out.

    Source: The Open Sound Control 1.0 specification.

    Raises:
        ValueError: The packet is no OSC.
    """
    if packet.startswith(b"#bundle\0"):
        place = 16
        while place < len(packet):
            size = int(_unpacked(">i", packet, place))
            if size < 0 or place + 4 + size > len(packet):
                raise ValueError("a bundle that ends too soon")
            yield from read_osc(packet[place + 4 : place + 4 + size])
            place += 4 + size
        return
    address, place = _text(packet, 0)
    if not address.startswith("/"):
        raise ValueError("no address")
    tags, place = _text(packet, place)
    numbers: list[float] = []
    for tag in tags.removeprefix(","):
        if tag in _NUMBERS:
            numbers.append(_unpacked(_NUMBERS[tag], packet, place))
            place += struct.calcsize(_NUMBERS[tag])
        elif tag in "sS":
            _, place = _text(packet, place)
        elif tag == "b":
            place += 4 + -(-int(_unpacked(">i", packet, place)) // 4) * 4
        elif tag not in "TFNI":
            raise ValueError(f"an argument of the unknown type {tag!r}")
    yield address, tuple(numbers)


def _text(packet: bytes, place: int) -> tuple[str, int]:
    """Return a string and where it ends, with its padding."""
    end = packet.find(b"\0", place)
    if end < 0:
        raise ValueError("a string without an end")
    return packet[place:end].decode("ascii", "replace"), end + 4 - end % 4


def _unpacked(form: str, packet: bytes, place: int) -> float:
    try:
        return float(struct.unpack_from(form, packet, place)[0])
    except struct.error as error:
        raise ValueError("a message that ends too soon") from error


class HeadPose:
    """The pose that messages have told so far."""

    def __init__(self) -> None:
        self._ypr_rad = np.zeros(3)
        self._quaternion: np.ndarray | None = None
        self._position_m = np.zeros(3)

    def update(self, address: str, numbers: tuple[float, ...]) -> bool:
        """Take a message, and return whether it says anything about the head."""
        name = address.rpartition("/")[2].lower()
        values = np.array(numbers)
        if not np.isfinite(values).all():
            return False
        if name == "head_pose" and len(values) in (6, 7):
            self._position_m = values[-6:-3]
            self._turn(np.radians(values[-3:]))
        elif len(values) != _COUNTS.get(name):
            return False
        elif name == "xyz":
            self._position_m = values
        elif name == "ypr":
            self._turn(np.radians(values))
        elif name in ("yaw", "pitch", "roll"):
            angles = self._ypr_rad.copy()
            angles[("yaw", "pitch", "roll").index(name)] = np.radians(values[0])
            self._turn(angles)
        elif not values.any():
            return False  # a quaternion of zeros turns nowhere
        else:
            self._quaternion = values
        return True

    def _turn(self, ypr_rad: np.ndarray) -> None:
        self._ypr_rad, self._quaternion = ypr_rad, None

    @property
    def pose(self) -> Pose:
        """The pose of the head in the frame of the scene's listener."""
        turn = self._quaternion
        if turn is None:
            turn = quaternion_from_euler(*self._ypr_rad)
        return Pose(position_m=self._position_m, orientation_wxyz=turn)


class HeadTracker:
    """Listens to OSC messages on a UDP port, in a thread of its own, while it is entered.

    Attributes:
        port: The port, which the system chooses where 0 was asked for.
    """

    def __init__(self, host: str, port: int, moved: Callable[[Pose], None]) -> None:
        """Open the port.

        Args:
            host: The address to listen at: 127.0.0.1 hears this machine only, 0.0.0.0 all.
            port: The UDP port.
            moved: Called with each new pose, from the tracker's thread.

        Raises:
            DeviceError: The port cannot be opened.
        """
        self._moved = moved
        self._head = HeadPose()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise DeviceError(
                f"cannot listen to head trackers at {host}:{port} ({error.strerror or error}). "
                "Give another --osc-port, or end the program that uses it."
            ) from error
        self._socket.settimeout(_WAIT_S)
        self.port = int(self._socket.getsockname()[1])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="head tracker", daemon=True)

    def __enter__(self) -> HeadTracker:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError, OSError):
                self.take(self._socket.recv(_LARGEST_DATAGRAM))

    def take(self, packet: bytes) -> None:
        """Take one packet; what is no OSC, or not about a head, is passed over."""
        told = False
        with suppress(ValueError):
            for address, numbers in read_osc(packet):
                told |= self._head.update(address, numbers)
        if told:
            self._moved(self._head.pose)
