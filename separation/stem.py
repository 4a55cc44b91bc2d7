"""Stems: what separation gives, and the folder in which stems are kept.

The folder holds one <name>.wav per performer (float, at the recording's own rate), residual.wav,
and stems.json, the manifest.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from capture.atomic import atomic_folder
from capture.errors import FileFormatError
from capture.waveform import Waveform, read_waveform, write_waveform

_FORMAT = "auralize-stems-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StemBearing:
    """What the microphones say of where a stem sounds from, see `separation.bearing`.

    Attributes:
        azimuth_deg: Where its sound comes from, anticlockwise from +x, seen from the microphones.
        expected_deg: Where its performer is.
        verdict: "agrees"; "swapped", the stem fits another performer's place better, whose stem
            fits this one's; or "unsure", it fits both about equally.
        partner: The other performer's name; "" where the verdict is that it agrees.
    """

    azimuth_deg: float
    expected_deg: float
    verdict: Literal["agrees", "unsure", "swapped"]
    partner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """One performer's separated sound.

    Attributes:
        name: The performer's name.
        waveform: Mono, as long as the recording and at its rate.
        shared_with: Other performers that the network cannot tell from this one; they split one
            mask equally.
        bearing: Whether it sounds from where the performer is; None where no array heard it.
        note: What a person must know of this stem, or "".
    """

    name: str
    waveform: Waveform
    shared_with: tuple[str, ...] = ()
    bearing: StemBearing | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How stems came about.

    Attributes:
        model: Name of the network.
        model_sha256: Hash of its weights file.
        sample_rate_hz: Of the recording and of each stem.
        sample_count: Of the recording and of each stem.
        extrapolated_above_hz: The network heard nothing above this; what stems hold there is
            extended from each performer's energy below. None where nothing is.
        reconstruction_db: Energy of mixture − stems − residual over that of the mixture.
        residual_db: Energy of the residual over that of the mixture.
        config: The settings of the separation.
    """

    model: str
    model_sha256: str
    sample_rate_hz: int
    sample_count: int
    extrapolated_above_hz: float | None
    reconstruction_db: float
    residual_db: float
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Stems and residual, which add up to the mixture.

    Attributes:
        stems: One per performer, in the performers' order.
        residual: What no performer got; mono.
        manifest: How they came about.
    """

    stems: tuple[Stem, ...]
    residual: Waveform
    manifest: Manifest


def write_separation(folder: str | os.PathLike[str], separation: Separation) -> None:
    """Write stems to a folder, replacing what is there when all is written.

    Raises:
        OutputError: The folder cannot be written.
    """
    with atomic_folder(folder, replace=True) as temporary:
        for stem in separation.stems:
            write_waveform(temporary / f"{stem.name}.wav", stem.waveform)
        write_waveform(temporary / "residual.wav", separation.residual)
        document = {
            "format": _FORMAT,
            **dataclasses.asdict(separation.manifest),
            "stems": [
                {
                    "name": stem.name,
                    "file": f"{stem.name}.wav",
                    "shared_with": list(stem.shared_with),
                    "bearing": stem.bearing and dataclasses.asdict(stem.bearing),
                    "note": stem.note,
                }
                for stem in separation.stems
            ],
            "residual": "residual.wav",
        }
        text = json.dumps(document, indent=1)
        (temporary / "stems.json").write_text(text + "\n", encoding="utf-8")


def read_separation(folder: str | os.PathLike[str]) -> Separation:
    """Read the stems of a folder.

    Raises:
        FileFormatError: stems.json or a sound file is missing or broken.
    """
    path = Path(folder) / "stems.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']!r} is not {_FORMAT!r}")
        manifest = Manifest(
            **{field.name: document[field.name] for field in dataclasses.fields(Manifest)}
        )
        stems = tuple(
            Stem(
                name=entry["name"],
                waveform=read_waveform(path.parent / entry["file"]),
                shared_with=tuple(entry["shared_with"]),
                bearing=StemBearing(**entry["bearing"]) if entry.get("bearing") else None,
                note=entry["note"],
            )
            for entry in document["stems"]
        )
        residual = read_waveform(path.parent / document["residual"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: no readable stems ({error}). Run `auralize separate` again."
        ) from error
    return Separation(stems=stems, residual=residual, manifest=manifest)
