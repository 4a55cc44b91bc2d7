"""Sound families: ways to turn a part into sound that share no sample with each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
from jaxtyping import Float32

from capture.errors import DataError
from capture.instruments import PLAYED_INSTRUMENTS
from capture.simulate.sampler import play_part
from capture.simulate.samples import SAMPLES_FOLDER
from capture.simulate.score import Note, Part
from separation.corpus.physical import PhysicalFamily, find_csound
from separation.corpus.sample_folders import sample_family
from separation.corpus.shards import SAMPLE_RATE_HZ
from separation.corpus.soundfonts import (
    Soundfont,
    Take,
    draw_performance,
    find_fluidsynth,
    render_rate_hz,
    render_takes,
)

Sound = Float32[np.ndarray, " samples"]


class SoundFamily(Protocol):
    """What the builder needs of a family."""

    @property
    def name(self) -> str:
        """Name in the corpus: stems of one family may share samples, of two never."""
        ...

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instruments that it has."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Sound files that it plays; none where all is synthesized."""
        ...

    def render(
        self,
        instrument: str,
        parts: Sequence[tuple[Sequence[Note], float]],
        rng: np.random.Generator,
        *,
        split: str,
    ) -> list[Sound]:
        """Play parts, given as notes and seconds, at 11025 Hz, dry.

        `split` lets a family keep some of its own sounds for testing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundfontFamily:
    """A General MIDI soundfont, played by FluidSynth."""

    name: str
    path: Path
    instruments: tuple[str, ...] = PLAYED_INSTRUMENTS

    @property
    def files(self) -> tuple[Path, ...]:
        """The soundfont."""
        return (self.path,)

    def render(
        self,
        instrument: str,
        parts: Sequence[tuple[Sequence[Note], float]],
        rng: np.random.Generator,
        *,
        split: str,
    ) -> list[Sound]:
        """Play parts in one run of the synthesizer."""
        del split  # a soundfont has one sound an instrument
        takes = [
            Take(
                notes=notes,
                performance=draw_performance(instrument, notes, rng),
                duration_s=seconds,
                left_share=float(rng.choice([0.0, 0.5, 1.0], p=[0.4, 0.2, 0.4])),
            )
            for notes, seconds in parts
        ]
        rendered = render_takes(Soundfont(path=self.path, family=self.name), takes)
        return [
            _fit(
                soxr.resample(sound, render_rate_hz(take.performance), SAMPLE_RATE_HZ),
                take.duration_s,
            )
            for sound, take in zip(rendered, takes, strict=True)
        ]


def _fit(sound: Sound, seconds: float) -> Sound:
    count = round(seconds * SAMPLE_RATE_HZ)
    return np.pad(sound[:count], (0, max(0, count - len(sound)))).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorFamily:
    """The simulator's own players: notes of FluidR3, so this is no family apart from it."""

    name: str = "simulator"
    instruments: tuple[str, ...] = PLAYED_INSTRUMENTS

    @property
    def files(self) -> tuple[Path, ...]:
        """The notes that simulated players share."""
        return tuple(sorted(SAMPLES_FOLDER.glob("*.ogg")))

    def render(
        self,
        instrument: str,
        parts: Sequence[tuple[Sequence[Note], float]],
        rng: np.random.Generator,
        *,
        split: str,
    ) -> list[Sound]:
        """Play parts as simulated takes do."""
        del split  # the simulator has few players an instrument
        return [
            play_part(
                Part(instrument=instrument, notes=tuple(sorted(notes, key=lambda n: n.start_s))),
                seconds,
                SAMPLE_RATE_HZ,
                rng=rng,
            ).samples[0]
            for notes, seconds in parts
        ]


def sound_families(
    *,
    soundfonts: Iterable[str | os.PathLike[str]] = (),
    samples: Iterable[tuple[str, str | os.PathLike[str]]] = (),
    physical: bool = False,
) -> list[SoundFamily]:
    """Open what a user has to play on.

    Args:
        soundfonts: General MIDI banks (SF2, SF3), which FluidSynth plays; named after their files.
        samples: Names and folders of recorded notes, see `separation.corpus.sample_folders`.
        physical: Add the physical models, which run in Csound.

    Raises:
        DataError: A soundfont does not exist, or a folder holds no recorded note.
        DependencyError: FluidSynth or Csound is needed and not installed.
    """
    families: list[SoundFamily] = []
    for path in map(Path, soundfonts):
        find_fluidsynth()
        if not path.is_file():
            raise DataError(f"soundfont {path} does not exist: install it or name another.")
        name = re.sub(r"[^a-z0-9]+", "", path.stem.lower()) or "soundfont"
        families.append(SoundfontFamily(name=name, path=path))
    families += [sample_family(name, folder) for name, folder in samples]
    if physical:
        find_csound()
        families.append(PhysicalFamily())
    return families
