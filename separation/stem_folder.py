"""The folder in which stems are kept.

It holds one file per performer (<name>.wav, float, if nothing else is asked for) at the recording's
own rate, the residual, and stems.json, the manifest.
"""

from __future__ import annotations

import dataclasses
import json
import os
import string
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_folder
from capture.files.sound_file import SoundFileFormat, container_of, write_sound_file
from capture.take.sound import FileSound
from capture.waveform import Sound, blocks_of
from separation.stem import Manifest, Separation, Stem, StemBearing

_FORMAT = "auralize-stems-1"

SampleFormat = Literal["float", "pcm24"]


def write_separation(
    folder: str | os.PathLike[str],
    separation: Separation,
    *,
    template: str = "{performer}.wav",
    take: str = "",
    sample_format: SampleFormat = "float",
) -> None:
    """Write stems to a folder, replacing what is there when all is written.

    Samples are written as they are, never rescaled; a WAV above 4 GiB becomes an RF64.

    Args:
        folder: Where.
        separation: What to write.
        template: File name of a stem, with {performer}, {number} (from 1) and {take}; its ending,
            .wav or .flac, is the residual's too.
        take: Name of the take, for the template.
        sample_format: "float" (32 bits) or "pcm24".

    Raises:
        DataError: A sample is beyond full scale, which 24 bits cannot hold.
        OutputError: The folder cannot be written.
        ValueError: The template is no file name, gives two stems one name, or asks for float FLAC.
    """
    names = file_names([stem.name for stem in separation.stems], template, take)
    suffix = Path(names[0]).suffix
    if suffix == ".flac" and sample_format == "float":
        raise ValueError("FLAC holds integers: choose pcm24, or a template that ends in .wav.")
    residual = f"residual{suffix}"
    files = [*names, residual]
    sounds = [*(stem.sound for stem in separation.stems), separation.residual_sound]
    if sample_format == "pcm24":
        _refuse_clipping(files, sounds)
    with atomic_folder(folder, replace=True) as temporary:
        for name, sound in zip(files, sounds, strict=True):
            _write(temporary / name, sound, sample_format)
        document = {
            "format": _FORMAT,
            **dataclasses.asdict(separation.manifest),
            "stems": [
                {
                    "name": stem.name,
                    "file": name,
                    "shared_with": list(stem.shared_with),
                    "bearing": stem.bearing and dataclasses.asdict(stem.bearing),
                    "note": stem.note,
                }
                for stem, name in zip(separation.stems, names, strict=True)
            ],
            "residual": residual,
        }
        text = json.dumps(document, indent=1)
        (temporary / "stems.json").write_text(text + "\n", encoding="utf-8")


def file_name(template: str, *, performer: str, number: int, take: str) -> str:
    """Return the file name that a template gives a stem.

    Raises:
        ValueError: It is not understood, or gives no file name.
    """
    values = {"performer": performer, "number": number, "take": take}
    try:
        # Attributes and items, as in {performer.x}, are no fields of a file's name.
        unknown = {field for _, field, _, _ in string.Formatter().parse(template)} - {None, *values}
        if unknown:
            raise ValueError(f"there is no {{{min(map(str, unknown))}}}")
        name = template.format(**values)
    except ValueError as error:
        raise ValueError(
            f"the template {template!r} is not understood ({error}): use {{performer}}, {{number}} "
            "and {take}."
        ) from error
    if Path(name).name != name or Path(name).suffix not in (".wav", ".flac"):
        raise ValueError(
            f"the template {template!r} gives {name!r}: needed is a file name, without folders, "
            "that ends in .wav or .flac."
        )
    return name


def file_names(performers: Sequence[str], template: str, take: str = "") -> list[str]:
    """Return the file name of each performer's stem.

    Raises:
        ValueError: The template is no file name, or gives two files one name.
    """
    names = [
        file_name(template, performer=performer, number=number, take=take)
        for number, performer in enumerate(performers, start=1)
    ]
    every = [*names, *{f"residual{Path(name).suffix}" for name in names[:1]}]
    twice = [name for name in names if every.count(name) > 1]
    if twice:
        raise ValueError(
            f"the template {template!r} gives two files one name, {twice[0]}: use {{performer}} or "
            "{number}, as in {number}-{performer}.wav."
        )
    return names


def stem_files(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Return the file name of each performer's stem in a folder of stems.

    Raises:
        FileFormatError: stems.json is missing or broken.
    """
    with _reading(folder) as document:
        return {str(entry["name"]): str(entry["file"]) for entry in document["stems"]}


@contextmanager
def _reading(folder: str | os.PathLike[str]) -> Generator[dict[str, Any]]:
    """Give the content of stems.json, and say of what is wrong with it which file that is."""
    path = Path(folder) / "stems.json"
    try:
        yield json.loads(path.read_text(encoding="utf-8"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: no readable stems ({error}). Run `auralize separate` again."
        ) from error


def _write(path: Path, sound: Sound, sample_format: SampleFormat) -> None:
    form = SoundFileFormat(
        container=container_of(path),
        sample_format="pcm24" if sample_format == "pcm24" else "float32",
        channel_count=sound.channel_count,
        sample_rate_hz=sound.sample_rate_hz,
    )
    blocks = (block.T for _, block in blocks_of(sound))
    write_sound_file(path, form, blocks, sound.sample_count)


def _refuse_clipping(names: Sequence[str], sounds: Sequence[Sound]) -> None:
    for name, sound in zip(names, sounds, strict=True):
        peak = max((float(np.abs(block).max()) for _, block in blocks_of(sound)), default=0.0)
        if peak > 1.0:
            raise DataError(
                f"{name} reaches {peak:.3f} of full scale, which 24 bits cannot hold: write float."
            )


def read_separation(folder: str | os.PathLike[str]) -> Separation:
    """Read the stems of a folder; their sound is read when it is asked for.

    Raises:
        FileFormatError: stems.json or a sound file is missing or broken.
    """
    with _reading(folder) as document:
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']!r} is not {_FORMAT!r}")
        manifest = Manifest(
            **{
                field.name: document[field.name]
                for field in dataclasses.fields(Manifest)
                if field.name in document
            }
        )
        stems = tuple(
            Stem(
                name=entry["name"],
                sound=FileSound(Path(folder) / entry["file"]),
                shared_with=tuple(entry["shared_with"]),
                bearing=StemBearing(**entry["bearing"]) if entry.get("bearing") else None,
                note=entry["note"],
            )
            for entry in document["stems"]
        )
        residual = FileSound(Path(folder) / document["residual"])
    return Separation(stems=stems, residual_sound=residual, manifest=manifest)
