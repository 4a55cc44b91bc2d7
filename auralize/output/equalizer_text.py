"""Read equaliser settings as text: ParametricEQ.txt and GraphicEQ.txt.

This is the language of Equalizer APO, in which AutoEq, oratory1990 and Room EQ Wizard publish
their equalisations of headphones. Read are `Preamp`, `Filter`, `GraphicEQ` and `Channel`, with
the meaning that Equalizer APO gives them; a line that would be lost is an error, with its number.

    Preamp: -6.2 dB
    Filter 1: ON LSC Fc 105 Hz Gain 5.5 dB Q 0.70
    Filter 2: ON PK Fc 2300 Hz Gain -3.1 dB Q 1.41
    GraphicEQ: 20 -0.5; 100 1.2; 1000 0; 20000 -6

Source: Equalizer APO, "Configuration reference".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from auralize.dsp.biquads import SHELVES, Biquad, Shape, Width, middle_of_shelf
from capture.errors import FileFormatError

_SHAPES: dict[str, Shape] = {
    "PK": "peak",
    "PEQ": "peak",
    "MODAL": "peak",
    "LS": "low shelf",
    "LSC": "low shelf",
    "HS": "high shelf",
    "HSC": "high shelf",
    "LP": "low pass",
    "LPQ": "low pass",
    "HP": "high pass",
    "HPQ": "high pass",
    "BP": "band pass",
    "NO": "notch",
}
_USUAL_Q = {"low pass": math.sqrt(0.5), "high pass": math.sqrt(0.5), "band pass": math.sqrt(0.5)}
_USUAL_NOTCH_Q = 30.0
_USUAL_SHELF_SLOPE = 0.9
_EARS = {"L": (0,), "R": (1,), "1": (0,), "2": (1,), "ALL": (0, 1)}
# What Room EQ Wizard writes above its filters.
_TITLES = ("filter settings file", "room eq v", "dated", "notes", "equaliser")
_NUMBER = r"([-+]?\d+(?:\.\d+)?)"
_COMMAND = re.compile(r"(\w+)(?:\s+\d+)?\s*:\s*(.*)")
_TYPE = re.compile(rf"([A-Za-z]+)(?:\s+{_NUMBER}\s*dB)?\s*(?=Fc\b|$)", re.IGNORECASE)
_VALUES = re.compile(
    rf"\b(Fc\s+{_NUMBER}\s*Hz|Gain\s+{_NUMBER}\s*dB|Q\s+{_NUMBER}|BW\s+Oct\s+{_NUMBER})",
    re.IGNORECASE,
)
_LARGEST_GAIN_DB = 60.0


@dataclass(slots=True, kw_only=True)
class EarSettings:
    """What is set for one ear.

    Attributes:
        preamp_db: Gain at all frequencies.
        biquads: Filters, one after another.
        curves: Points (hertz, decibels) of each graphic equaliser.
    """

    preamp_db: float = 0.0
    biquads: list[Biquad] = field(default_factory=list)
    curves: list[Float64[np.ndarray, "points 2"]] = field(default_factory=list)


def read_equalizer_text(path: Path, sample_rate_hz: int) -> tuple[EarSettings, EarSettings]:
    """Read the settings for the left and the right ear.

    Args:
        path: The text.
        sample_rate_hz: Filters must lie below half of it.

    Raises:
        FileFormatError: A line cannot be understood or followed; the message starts with file
            and line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"{path}: not readable as text ({error}). Give a ParametricEQ.txt or GraphicEQ.txt, or "
            "an impulse response as WAV or FLAC."
        ) from error
    ears = (EarSettings(), EarSettings())
    chosen: tuple[int, ...] = (0, 1)
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text or text.lower().startswith(_TITLES):
            continue
        try:
            command, rest = _command(text)
            if command == "channel":
                chosen = _channels(rest)
                continue
            for ear in chosen:
                _set(ears[ear], command, rest, sample_rate_hz)
        except ValueError as error:
            raise FileFormatError(f"{path}:{number}: {error}") from error
    if not any(ear.preamp_db or ear.biquads or ear.curves for ear in ears):
        raise FileFormatError(f"{path}: there is no filter in it (Filter, GraphicEQ or Preamp).")
    return ears


def _command(text: str) -> tuple[str, str]:
    found = _COMMAND.fullmatch(text)
    command = found[1].lower() if found else ""
    if found is None or command not in ("preamp", "filter", "graphiceq", "channel"):
        raise ValueError(
            f"{text[:60]!r} is not understood; read are Preamp, Filter, GraphicEQ and Channel. "
            "Put a # before lines that are remarks."
        )
    return command, found[2]


def _set(ear: EarSettings, command: str, text: str, sample_rate_hz: int) -> None:
    """Carry out one command for one ear."""
    if command == "preamp":
        ear.preamp_db += _gain(_value(text, rf"{_NUMBER}\s*dB", "a gain such as -6.2 dB"))
    elif command == "graphiceq":
        ear.curves.append(_curve(text))
    else:
        biquad = _biquad(text, sample_rate_hz)
        if biquad is not None:
            ear.biquads.append(biquad)


def _channels(text: str) -> tuple[int, ...]:
    words = text.upper().split()
    if not words or any(word not in _EARS for word in words):
        raise ValueError(f"Channel must be L, R or all, got {text!r}.")
    return tuple(sorted({ear for word in words for ear in _EARS[word]}))


def _biquad(text: str, sample_rate_hz: int) -> Biquad | None:
    """Return the filter of a line; None where it is off."""
    state, _, rest = text.partition(" ")
    found = _TYPE.match(rest.strip())
    if state.upper() == "OFF" or rest.strip().lower() == "none":
        return None
    if state.upper() != "ON" or found is None:
        raise ValueError(f"a filter must read 'ON PK Fc 1000 Hz Gain -3 dB Q 1.4', got {text!r}.")
    name = found[1].upper()
    shape = _SHAPES.get(name)
    if shape is None:
        raise ValueError(
            f"the filter type {found[1]!r} is unknown; known are {', '.join(_SHAPES)}."
        )
    frequency_hz = _value(rest, rf"\bFc\s+{_NUMBER}\s*Hz", "Fc … Hz")
    if not 0 < frequency_hz < sample_rate_hz / 2:
        raise ValueError(
            f"Fc must lie between 0 and {sample_rate_hz / 2:g} Hz (half the scene's rate), got "
            f"{frequency_hz:g}."
        )
    shelf = shape in SHELVES
    gain_db = 0.0
    if shelf or shape == "peak":
        gain_db = _gain(_value(rest, rf"\bGain\s+{_NUMBER}\s*dB", "Gain … dB"))
    width, kind, given = _width(rest, found[2], shape)
    unknown = _VALUES.sub("", _points(rest.strip()[found.end() :])).strip()
    if unknown:
        raise ValueError(f"{unknown!r} is not understood in {text!r}.")
    if shelf and given and not name.endswith("C"):
        frequency_hz = middle_of_shelf(shape, frequency_hz, gain_db, width, kind)
    return Biquad(
        shape=shape, frequency_hz=frequency_hz, gain_db=gain_db, width=width, width_is=kind
    )


def _width(text: str, slope_db: str | None, shape: Shape) -> tuple[float, Width, bool]:
    """Return the width of a filter, in what it is given, and whether it is given at all."""
    q = re.search(rf"\bQ\s+{_NUMBER}", _points(text), re.IGNORECASE)
    octaves = re.search(rf"\bBW\s+Oct\s+{_NUMBER}", _points(text), re.IGNORECASE)
    if q is not None:
        width, kind = float(q[1]), "q"
    elif octaves is not None and shape in SHELVES:
        raise ValueError("the width of a shelf is Q …, or a slope as in LSC 12 dB.")
    elif octaves is not None:
        width, kind = float(octaves[1]), "octaves"
    elif slope_db is not None:
        width, kind = float(slope_db) / 12, "slope"
    elif shape == "peak":
        raise ValueError("a peak needs its width: Q …, or BW Oct …")
    elif shape == "notch":
        return _USUAL_NOTCH_Q, "q", False
    else:
        usual = _USUAL_Q.get(shape)
        return (_USUAL_SHELF_SLOPE, "slope", False) if usual is None else (usual, "q", False)
    if not 0 < width <= 1000 or (kind == "slope" and width > 1):
        raise ValueError(f"the width (Q, BW or slope) is out of range in {text!r}.")
    return width, kind, True


def _curve(text: str) -> Float64[np.ndarray, "points 2"]:
    """Return the points of a graphic equaliser."""
    points: list[tuple[float, float]] = []
    for part in text.strip().strip(";").split(";"):
        numbers = part.split()
        try:
            hertz, decibels = (float(number) for number in numbers)
        except ValueError:
            raise ValueError(
                f"GraphicEQ needs pairs of hertz and decibels with ; between, got {part.strip()!r}."
            ) from None
        if not hertz > 0 or (points and hertz <= points[-1][0]):
            raise ValueError(
                f"the frequencies of GraphicEQ must increase from above 0, got {hertz:g}."
            )
        points.append((hertz, _gain(decibels)))
    return np.array(points)


def _gain(gain_db: float) -> float:
    if not abs(gain_db) <= _LARGEST_GAIN_DB:
        raise ValueError(f"gains must lie within ±{_LARGEST_GAIN_DB:g} dB, got {gain_db:g}.")
    return gain_db


def _value(text: str, pattern: str, wanted: str) -> float:
    found = re.search(pattern, _points(text), re.IGNORECASE)
    if found is None:
        raise ValueError(f"needed is {wanted}, got {text!r}.")
    return float(found[1])


def _points(text: str) -> str:
    """Return a text whose numbers have decimal points, and no commas."""
    if re.search(r"\d,\d{3}(?!\d)", text):
        raise ValueError(f"a comma before three digits could mean thousands, got {text!r}.")
    return text.replace(",", ".")
