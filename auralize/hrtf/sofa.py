"""Read head-related impulse responses from SOFA files, and say why a file is refused.

SOFA (AES69) files are HDF5. Read are responses of two ears in a free field,

- as impulse responses (data type FIR): SimpleFreeFieldHRIR, GeneralFIR,
- as transfer functions (TF): SimpleFreeFieldHRTF, SimpleFreeFieldTF, GeneralTF (see
  `auralize.hrtf.transfer_functions` for what they become), and
- either of them with one emitter for each direction (FIR-E, TF-E): FreeFieldHRIR, FreeFieldHRTF,
  GeneralFIR-E, GeneralTF-E.

Coordinates come out in the listener's frame: x front, y left, z up.

Source: AES69-2022, and the conventions' tables at sofaconventions.org.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Complex128, Float64

from auralize.hrtf.transfer_functions import impulse_responses_from_spectra
from capture.axes import world_from_spherical
from capture.errors import FileFormatError

_DATA_TYPES = {
    "SimpleFreeFieldHRIR": "FIR",
    "GeneralFIR": "FIR",
    "FreeFieldHRIR": "FIR-E",
    "GeneralFIR-E": "FIR-E",
    "GeneralFIRE": "FIR-E",
    "SimpleFreeFieldHRTF": "TF",
    "SimpleFreeFieldTF": "TF",
    "GeneralTF": "TF",
    "FreeFieldHRTF": "TF-E",
    "GeneralTF-E": "TF-E",
}
_WANTED = "SimpleFreeFieldHRIR, SimpleFreeFieldHRTF, FreeFieldHRIR or FreeFieldHRTF"


@dataclass(frozen=True, slots=True, kw_only=True)
class SofaResponses:
    """What a SOFA file of a head holds.

    Attributes:
        positions_m: Where each loudspeaker stood, in the listener's frame, shape (M, 3).
        impulse_responses: Shape (M, 2, N), the ear first that the file says is on the left.
        delays_samples: How much later each response starts, shape (M, 2).
        sample_rate_hz: Rate of the responses.
        title: What the file calls the head.
        right_first: Whether the file says that its first receiver is the right ear.
    """

    positions_m: Float64[np.ndarray, "M 3"]
    impulse_responses: Float64[np.ndarray, "M 2 N"]
    delays_samples: Float64[np.ndarray, "M 2"]
    sample_rate_hz: int
    title: str
    right_first: bool


def read_sofa(path: str | os.PathLike[str]) -> SofaResponses:
    """Read a SOFA file of head-related impulse responses or transfer functions.

    Raises:
        FileFormatError: The file is missing, no SOFA, of another convention, or its data are
            incomplete or not finite; the message says which.
    """
    file = Path(path)
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file. Give a SOFA file ({_WANTED}).")
    try:
        with h5py.File(file, "r") as sofa:
            return _Reader(file, sofa).read()
    except (OSError, RuntimeError, KeyError) as error:  # HDF5's, each for other damage
        reason = str(error).strip("'\"")
        raise FileFormatError(
            f"{file}: not a readable SOFA (HDF5) file: {reason}. Download it again?"
        ) from error


class _Reader:
    """Checks and reads one open file."""

    def __init__(self, path: Path, sofa: Any) -> None:
        self._path = path
        self._sofa = sofa

    def read(self) -> SofaResponses:
        data_type = self._data_type()
        positions = self._positions(data_type.endswith("-E"))
        if data_type.startswith("TF"):
            responses, rate = self._from_spectra(len(positions))
            delays = np.zeros((len(positions), 2))
        else:
            responses, rate = self._responses("Data.IR", len(positions)), self._sample_rate()
            delays = self._delays(len(positions))
        silent = ~np.any(responses != 0.0, axis=2)
        if silent.any():
            first, ear = np.argwhere(silent)[0]
            raise self._refusal(f"the response {first} of receiver {ear} is all zeros")
        right_first = self._right_first()
        order = [1, 0] if right_first else [0, 1]
        return SofaResponses(
            positions_m=positions,
            impulse_responses=responses[:, order],
            delays_samples=delays[:, order],
            sample_rate_hz=rate,
            title=self._text("ListenerShortName") or self._text("Title") or self._path.stem,
            right_first=right_first,
        )

    def _data_type(self) -> str:
        if self._text("Conventions") != "SOFA":
            raise self._refusal("it is HDF5, but not SOFA")
        convention = self._text("SOFAConventions")
        if convention not in _DATA_TYPES:
            raise self._refusal(f"its convention is {convention!r}, not one for a head")
        expected, found = _DATA_TYPES[convention], self._text("DataType")
        if found not in (expected, "", expected.replace("-", "")):
            raise self._refusal(
                f"its data type is {found!r}, needed for {convention} is {expected!r}"
            )
        room = self._text("RoomType").lower()
        if convention.startswith("General") and room != "free field":
            raise self._refusal(f"its room is {room!r}, needed is 'free field'")
        return expected

    def _responses(self, name: str, count: int) -> Float64[np.ndarray, "M 2 N"]:
        """Return data of shape (M, 2, N) or (M, 2, N, E), directions in one dimension."""
        values = self._array(name)
        if values.ndim not in (3, 4) or values.shape[1] != 2:
            raise self._refusal(
                f"{name} has the shape {values.shape}, but a head has two ears: (directions, 2, N)"
            )
        if values.ndim == 4:
            # Before version 2.0 of the conventions the emitters came third.
            if values.shape[0] * values.shape[3] != count:
                values = np.swapaxes(values, 2, 3)
            values = np.moveaxis(values, 3, 1).reshape(-1, 2, values.shape[2])
        if len(values) != count:
            raise self._refusal(f"it has {count} positions of sources for {len(values)} responses")
        return values

    def _from_spectra(self, count: int) -> tuple[Float64[np.ndarray, "M 2 N"], int]:
        real, imaginary = (self._responses(f"Data.{part}", count) for part in ("Real", "Imag"))
        if real.shape != imaginary.shape:
            raise self._refusal(f"Data.Real is {real.shape}, but Data.Imag {imaginary.shape}")
        unit = self._text("Units", "N").lower() or "hertz"
        if unit not in ("hertz", "hz"):
            raise self._refusal(f"its frequencies are in {unit!r}, needed is 'hertz'")
        spectra: Complex128[np.ndarray, "M 2 N"] = real + 1j * imaginary
        try:
            return impulse_responses_from_spectra(spectra, self._array("N").ravel())
        except ValueError as error:
            raise self._refusal(str(error).rstrip(".")) from error

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
        shape = delays.shape
        if delays.ndim == 3:
            delays = np.moveaxis(delays, 2, 1).reshape(-1, shape[1])
        if delays.shape not in ((1, 2), (count, 2)):
            raise self._refusal(f"Data.Delay has the shape {shape}, needed is (1 or {count}, 2)")
        if delays.min() < 0:
            raise self._refusal(f"Data.Delay holds a negative delay ({delays.min():g} samples)")
        return np.broadcast_to(delays, (count, 2)).copy()

    def _positions(self, of_emitters: bool) -> Float64[np.ndarray, "M 3"]:
        """Return the loudspeakers' positions in the listener's frame."""
        sources = self._points("SourcePosition")
        if of_emitters:
            emitters = self._points("EmitterPosition")
            turned = np.einsum("mij,ei->mej", self._axes("Source"), emitters)
            sources = (sources[:, None] + turned).reshape(-1, 3)
        if "ListenerPosition" in self._sofa:
            listeners = self._points("ListenerPosition")
            if len(listeners) not in (1, len(sources)):
                raise self._refusal(
                    f"it has {len(listeners)} positions of listeners for {len(sources)} of sources"
                )
            sources = sources - listeners
        axes = self._axes("Listener")
        if len(axes) not in (1, len(sources)):
            raise self._refusal(f"it has {len(axes)} views of listeners for {len(sources)} sources")
        whole = np.broadcast_to(axes, (len(sources), 3, 3))
        positions = np.einsum("mij,mj->mi", whole, sources)
        if np.any(np.linalg.norm(positions, axis=1) < 1e-3):
            raise self._refusal("a source stands inside the head (distance 0)")
        return positions

    def _axes(self, whose: str) -> Float64[np.ndarray, "M 3 3"]:
        """Return the front, left and upward axes of listeners or sources, one in each row."""
        view, up = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
        if f"{whose}View" in self._sofa:
            kind = self._text("Type", f"{whose}View") or "cartesian"
            view = self._points(f"{whose}View", kind)
            if f"{whose}Up" in self._sofa:
                up = self._points(f"{whose}Up", self._text("Type", f"{whose}Up") or kind)
        left = np.cross(up, view)
        norms = np.linalg.norm(left, axis=1, keepdims=True)
        if np.any(norms < 1e-6):
            raise self._refusal(f"{whose}Up is parallel to {whose}View, or one of them is 0")
        front = view / np.linalg.norm(view, axis=1, keepdims=True)
        left = left / norms
        return np.stack(np.broadcast_arrays(front, left, np.cross(front, left)), axis=1)

    def _right_first(self) -> bool:
        """Return whether the first receiver is said to be the right ear."""
        receivers = self._points("ReceiverPosition")
        if len(receivers) != 2 or receivers[0, 1] * receivers[1, 1] >= 0:
            raise self._refusal(
                "ReceiverPosition must tell the left ear (y > 0) from the right one (y < 0), got "
                f"{receivers.tolist()}"
            )
        return bool(receivers[0, 1] < 0)

    def _points(self, name: str, kind: str = "") -> Float64[np.ndarray, "M 3"]:
        """Read points of shape (M, 3) or (M, 3, 1) and return them as Cartesian metres."""
        points = self._array(name)
        if points.ndim == 3 and np.all(points == points[:, :, :1]):
            points = points[:, :, 0]
        if points.ndim != 2 or points.shape[1] != 3:
            raise self._refusal(f"{name} has the shape {points.shape}, needed is (M, 3)")
        kind = (kind or self._text("Type", name)).lower()
        units = [unit.strip().lower() for unit in self._text("Units", name).split(",")]
        metres = ("metre", "meter", "metres", "meters", "m", "")
        if kind == "cartesian":
            self._check_units(name, units, metres)
            return points
        if kind == "spherical harmonics":
            raise self._refusal(
                f"{name} is of spherical harmonics, whose normalisation the file does not tell. "
                "Sample it at directions"
            )
        if kind != "spherical":
            raise self._refusal(f"{name} is {kind!r}, needed is 'spherical' or 'cartesian'")
        angles, radius = points[:, :2], points[:, 2]
        if units[:1] in (["radian"], ["radians"], ["rad"]):
            self._check_units(name, units[:2], ("radian", "radians", "rad"))
        else:
            self._check_units(name, units[:2], ("degree", "degrees", "deg", ""))
            angles = np.radians(angles)
        self._check_units(name, units[2:], metres)
        if np.any(np.abs(angles[:, 1]) > np.radians(90.1)):  # rounding is no error
            raise self._refusal(f"{name} holds an elevation beyond ±90°")
        if np.any(radius < 0):
            raise self._refusal(f"{name} holds a negative distance")
        return world_from_spherical(angles[:, 0], angles[:, 1], radius)

    def _check_units(self, name: str, units: list[str], allowed: tuple[str, ...]) -> None:
        for unit in units:
            if unit not in allowed:
                raise self._refusal(f"{name} is in {unit!r}, needed is {allowed[0]!r}")

    def _array(self, name: str) -> Float64[np.ndarray, "..."]:
        if name not in self._sofa:
            raise self._refusal(f"it has no {name}")
        try:
            values = np.asarray(self._sofa[name][...], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._refusal(f"{name} does not hold numbers") from error
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
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, str) else ""

    def _refusal(self, reason: str) -> FileFormatError:
        return FileFormatError(
            f"{self._path}: cannot be used as an HRTF: {reason}. Give a SOFA file ({_WANTED}), "
            "or leave it out for the MIT KEMAR head."
        )
