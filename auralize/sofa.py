"""Read head-related impulse responses from SOFA files, and say why a file is refused.

SOFA (AES69) files are HDF5. Read is the convention SimpleFreeFieldHRIR: one impulse response for
each direction and ear. Coordinates come out in the listener's frame: x front, y left, z up.

Source: AES69-2022, and the convention's table at sofaconventions.org.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float64

from capture.axes import world_from_spherical
from capture.errors import FileFormatError

_CONVENTION = "SimpleFreeFieldHRIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class SofaResponses:
    """What a SOFA file of the convention SimpleFreeFieldHRIR holds.

    Attributes:
        positions_m: Where each loudspeaker stood, in the listener's frame, shape (M, 3).
        impulse_responses: Shape (M, 2, N), left ear first.
        delays_samples: How much later each response starts, shape (M, 2).
        sample_rate_hz: Rate of the responses.
        title: What the file calls the head.
    """

    positions_m: Float64[np.ndarray, "M 3"]
    impulse_responses: Float64[np.ndarray, "M 2 N"]
    delays_samples: Float64[np.ndarray, "M 2"]
    sample_rate_hz: int
    title: str


def read_sofa(path: str | os.PathLike[str]) -> SofaResponses:
    """Read a SOFA file of head-related impulse responses.

    Raises:
        FileFormatError: The file is missing, no SOFA, of another convention, or its data are
            incomplete or not finite; the message says which.
    """
    file = Path(path)
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file. Give a SOFA file ({_CONVENTION}).")
    try:
        with h5py.File(file, "r") as sofa:
            return _Reader(file, sofa).read()
    except (OSError, RuntimeError) as error:
        raise FileFormatError(
            f"{file}: not a readable SOFA (HDF5) file: {error}. Download it again?"
        ) from error


class _Reader:
    """Checks and reads one open file."""

    def __init__(self, path: Path, sofa: Any) -> None:
        self._path = path
        self._sofa = sofa

    def read(self) -> SofaResponses:
        self._check_convention()
        responses = self._array("Data.IR")
        if responses.ndim != 3 or responses.shape[1] != 2:
            raise self._refusal(
                f"Data.IR has the shape {responses.shape}, but a head has two ears: "
                "(directions, 2, taps)"
            )
        count = responses.shape[0]
        positions = self._positions(count)
        order = self._ear_order()
        silent = ~np.any(responses != 0.0, axis=2)
        if silent.any():
            first, ear = np.argwhere(silent)[0]
            raise self._refusal(f"the response {first} of receiver {ear} is all zeros")
        return SofaResponses(
            positions_m=positions,
            impulse_responses=responses[:, order],
            delays_samples=self._delays(count)[:, order],
            sample_rate_hz=self._sample_rate(),
            title=self._text("ListenerShortName") or self._text("Title") or self._path.stem,
        )

    def _check_convention(self) -> None:
        if self._text("Conventions") != "SOFA":
            raise self._refusal("it is HDF5, but not SOFA")
        convention = self._text("SOFAConventions")
        if convention != _CONVENTION:
            raise self._refusal(f"its convention is {convention!r}, needed is {_CONVENTION!r}")
        if self._text("DataType") not in ("FIR", ""):
            raise self._refusal(f"its data type is {self._text('DataType')!r}, needed is 'FIR'")

    def _sample_rate(self) -> int:
        rates = np.unique(self._array("Data.SamplingRate"))
        if len(rates) != 1 or not 1000 <= rates[0] <= 1_000_000:
            raise self._refusal(f"the sampling rate must be one number in hertz, got {rates[:4]}")
        unit = self._text("Units", "Data.SamplingRate").lower() or "hertz"
        if unit not in ("hertz", "hz"):
            raise self._refusal(f"the sampling rate is in {unit!r}, needed is 'hertz'")
        if rates[0] != round(rates[0]):
            raise self._refusal(f"the sampling rate must be whole, got {rates[0]}")
        return int(rates[0])

    def _delays(self, count: int) -> Float64[np.ndarray, "M 2"]:
        if "Data.Delay" not in self._sofa:
            return np.zeros((count, 2))
        delays = self._array("Data.Delay")
        if delays.shape not in ((1, 2), (count, 2)):
            raise self._refusal(
                f"Data.Delay has the shape {delays.shape}, needed is (1, 2) or ({count}, 2)"
            )
        if delays.min() < 0:
            raise self._refusal(f"Data.Delay holds a negative delay ({delays.min():g} samples)")
        return np.broadcast_to(delays, (count, 2)).copy()

    def _positions(self, count: int) -> Float64[np.ndarray, "M 3"]:
        """Return the loudspeakers' positions in the listener's frame."""
        sources = self._points("SourcePosition")
        if len(sources) != count:
            raise self._refusal(f"it has {len(sources)} positions of sources for {count} responses")
        if "ListenerPosition" in self._sofa:
            sources = sources - self._points("ListenerPosition")
        view, up = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
        if "ListenerView" in self._sofa:
            kind = self._text("Type", "ListenerView")
            view = self._points("ListenerView", kind)
            up = self._points("ListenerUp", self._text("Type", "ListenerUp") or kind)
        front = view / np.linalg.norm(view, axis=1, keepdims=True)
        left = np.cross(up, front)
        norms = np.linalg.norm(left, axis=1, keepdims=True)
        if np.any(norms < 1e-6):
            raise self._refusal("ListenerUp is parallel to ListenerView")
        left = left / norms
        axes = np.stack([front, left, np.cross(front, left)], axis=1)
        positions = np.einsum("mij,mj->mi", np.broadcast_to(axes, (count, 3, 3)), sources)
        if np.any(np.linalg.norm(positions, axis=1) < 1e-3):
            raise self._refusal("a source stands inside the head (distance 0)")
        return positions

    def _ear_order(self) -> list[int]:
        """Return [0, 1] where the first receiver is the left ear, [1, 0] where it is the right."""
        receivers = self._points("ReceiverPosition")
        if len(receivers) != 2 or receivers[0, 1] * receivers[1, 1] >= 0:
            raise self._refusal(
                "ReceiverPosition must tell the left ear (y > 0) from the right one (y < 0), got "
                f"{receivers.tolist()}"
            )
        return [0, 1] if receivers[0, 1] > 0 else [1, 0]

    def _points(self, name: str, kind: str = "") -> Float64[np.ndarray, "M 3"]:
        """Read points of shape (M, 3) or (M, 3, 1) and return them as Cartesian metres."""
        points = self._array(name)
        if points.ndim == 3 and points.shape[2] == 1:
            points = points[:, :, 0]
        if points.ndim != 2 or points.shape[1] != 3:
            raise self._refusal(f"{name} has the shape {points.shape}, needed is (M, 3)")
        kind = kind or self._text("Type", name) or "cartesian"
        units = [unit.strip().lower() for unit in self._text("Units", name).split(",")]
        if kind == "cartesian":
            self._check_units(name, units[:1], ("metre", "meter", "metres", "meters", "m", ""))
            return points
        if kind != "spherical":
            raise self._refusal(f"{name} is {kind!r}, needed is 'spherical' or 'cartesian'")
        degrees = ("degree", "degrees", "deg")
        self._check_units(name, units[:1], (*degrees, ""))
        azimuth, elevation = np.radians(points[:, 0]), np.radians(points[:, 1])
        if np.any(np.abs(points[:, 1]) > 90.1):  # rounding is no error
            raise self._refusal(f"{name} holds an elevation beyond ±90°")
        return world_from_spherical(azimuth, elevation, points[:, 2])

    def _check_units(self, name: str, units: list[str], allowed: tuple[str, ...]) -> None:
        for unit in units:
            if unit not in allowed:
                raise self._refusal(f"{name} is in {unit!r}, needed is {allowed[0]!r}")

    def _array(self, name: str) -> Float64[np.ndarray, "..."]:
        if name not in self._sofa:
            raise self._refusal(f"it has no {name}")
        values = np.asarray(self._sofa[name][...], dtype=np.float64)
        if values.size == 0:
            raise self._refusal(f"{name} is empty")
        if not np.isfinite(values).all():
            raise self._refusal(f"{name} holds values that are not finite (NaN or infinite)")
        return values

    def _text(self, attribute: str, variable: str | None = None) -> str:
        """Return a text attribute of the file or of a variable; '' where there is none."""
        if variable is not None and variable not in self._sofa:
            return ""
        holder = self._sofa if variable is None else self._sofa[variable]
        value = holder.attrs.get(attribute, "")
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, str) else ""

    def _refusal(self, reason: str) -> FileFormatError:
        return FileFormatError(
            f"{self._path}: cannot be used as an HRTF: {reason}. Give a SOFA file "
            f"({_CONVENTION}), or leave it out for the MIT KEMAR head."
        )
