"""What a corpus is built from, kept with it as `corpus.json`."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from capture.errors import DataError
from capture.files.atomic import atomic_path
from capture.instruments import INSTRUMENTS, PLAYED_INSTRUMENTS
from separation.corpus.sources import SOURCES_NAME

CONFIG_NAME = "corpus.json"

FIRST_SEED = 1_000_000
"""Scores of the corpus use seeds from here on; the simulator's takes use smaller ones."""

_FEWEST_COMPOSED = 13
"""Of so many pieces in a row each split of a tenth gets at least one, see `pieces.split_of`."""
_PIECES_OF_A_BATCH = 60
_SHARE_OF_PIECES = 0.65
"""Share of the pieces in which each of six instruments plays; of more, each plays in fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusConfig:
    """What to build.

    Attributes:
        minutes: Minutes of each instrument from each sound family, about.
        instruments: Who plays: two or more of `capture.instruments.PLAYED_INSTRUMENTS`.
        scores: Half of the pieces are excerpts of written scores; else all are composed.
        clouds: Performers of each instrument for training; a fifth of them for testing.
        seed: Of pieces and players; another seed gives another corpus.
    """

    minutes: float = 20.0
    instruments: tuple[str, ...] = INSTRUMENTS
    scores: bool = False
    clouds: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise ValueError(f"minutes must be positive, got {self.minutes}.")
        if self.clouds < 1 or self.seed < 0:
            raise ValueError(
                f"clouds must be positive and seed not negative, got {self.clouds} and {self.seed}."
            )
        unknown = sorted(set(self.instruments) - set(PLAYED_INSTRUMENTS))
        if unknown or len(set(self.instruments)) < max(2, len(self.instruments)):
            raise ValueError(
                f"instruments must be two or more different ones of "
                f"{', '.join(PLAYED_INSTRUMENTS)}; got {', '.join(self.instruments) or 'none'}."
            )

    @property
    def first_seed(self) -> int:
        """Seed of the first piece; the others count on from it."""
        return FIRST_SEED * (1 + self.seed)

    @property
    def piece_s(self) -> float:
        """Length of a piece: a short corpus is cut short, so that every split gets some."""
        return min(max(self.minutes * 60 / (self._fewest_pieces * self._share), 6.0), 24.0)

    @property
    def batches(self) -> int:
        """Batches of pieces; the parts of a batch share their shards."""
        return math.ceil(self._least_pieces / _PIECES_OF_A_BATCH)

    @property
    def pieces_of_a_batch(self) -> int:
        """Pieces in each batch."""
        return math.ceil(self._least_pieces / self.batches)

    @property
    def written_of_a_batch(self) -> int:
        """Excerpts of written scores among them."""
        return self.pieces_of_a_batch // 2 if self.scores else 0

    @property
    def _least_pieces(self) -> int:
        return max(self._fewest_pieces, math.ceil(self.minutes * 60 / (self.piece_s * self._share)))

    @property
    def _fewest_pieces(self) -> int:
        return _FEWEST_COMPOSED * (2 if self.scores else 1)

    @property
    def _share(self) -> float:
        return _SHARE_OF_PIECES * min(1.0, len(INSTRUMENTS) / len(self.instruments))


def keep_config(folder: str | os.PathLike[str], config: CorpusConfig) -> None:
    """Write the configuration of a corpus, or see that the one that is there is the same.

    Args:
        folder: Of the corpus; made if missing.
        config: What is to be built there.

    Raises:
        DataError: The folder holds a corpus of another configuration, or of one that is not known.
    """
    path = Path(folder) / CONFIG_NAME
    asked = json.loads(json.dumps(asdict(config)))
    if not path.exists():
        if (path.parent / SOURCES_NAME).exists():
            raise DataError(
                f"{folder} holds a corpus without {CONFIG_NAME}, which earlier versions did not "
                "write: what it was built with is not known. Build in another folder."
            )
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
        return
    try:
        held = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}). Build in another folder.") from error
    others = [name for name in sorted({*held, *asked}) if held.get(name) != asked.get(name)]
    if others:
        was, now = (", ".join(f"{n} {_shown(of.get(n))}" for n in others) for of in (held, asked))
        raise DataError(
            f"{folder} holds a corpus built with {was}, not with {now}: give the options that it "
            "was built with, or another folder."
        )


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
