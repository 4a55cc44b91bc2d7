"""A bank: what networks look at while they train, in a file for each split and instrument."""

from __future__ import annotations

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile

from capture.errors import DataError, FileFormatError

Held = TypeVar("Held")

_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError)
"""What NumPy raises for archives that are cut short, or no archives."""


class Bank(ABC, Generic[Held]):
    """Files `split-instrument.npz` of a folder, read into memory when first asked for.

    Attributes:
        folder: Where they lie.
    """

    content: ClassVar[str]
    """What a bank holds: "clouds"."""

    purpose: ClassVar[str]
    """Of whom, and what for: "of performers, and this network looks at them"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: dict[tuple[str, str], Held] = {}

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Open a bank.

        Raises:
            DataError: The folder holds nothing of it.
        """
        if not any(Path(folder).glob("*-*.npz")):
            raise DataError(
                f"{folder} holds no {cls.content} {cls.purpose}: build a corpus with "
                f"{cls.content}, or name the folder of a bank."
            )
        return cls(Path(folder))

    def _load(self, split: str, instrument: str) -> Held:
        key = (split, instrument)
        if key not in self._loaded:
            path = self.folder / f"{split}-{instrument}.npz"
            if not path.is_file():
                raise DataError(f"{path} is missing: the bank has no {split} {self.content} of it.")
            try:
                with np.load(path) as data:
                    self._loaded[key] = self._held(data)
            except _BROKEN as error:
                raise FileFormatError(
                    f"{path}: no whole bank of {self.content} ({error}): delete it and build it "
                    "again."
                ) from error
        return self._loaded[key]

    @staticmethod
    @abstractmethod
    def _held(data: NpzFile) -> Held:
        """Return what a file holds."""


def missing_files(
    folder: str | os.PathLike[str],
    splits: Iterable[str],
    instruments: Sequence[str],
    seed: int,
    progress: Callable[[float], None] | None,
) -> Iterator[tuple[str, str, np.random.Generator]]:
    """Yield split, instrument and a generator of its own for each file that a bank has not yet.

    Args:
        folder: Of the bank.
        splits: All that it should have,
        instruments: of each of these.
        seed: Of the generators: a file's is the same whatever other files there are.
        progress: Called with the fraction done.
    """
    jobs = [(split, name) for split in splits for name in instruments]
    for done, (split, instrument) in enumerate(jobs):
        if not (Path(folder) / f"{split}-{instrument}.npz").exists():
            yield (
                split,
                instrument,
                np.random.default_rng([seed, *f"{split}-{instrument}".encode()]),
            )
        if progress is not None:
            progress((done + 1) / len(jobs))
