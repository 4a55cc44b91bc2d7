"""What systems are measured on: fixed mixtures of a corpus' test split.

Players are dry and equally loud, so that the mixture's SI-SDR is 0 dB for two players, −3 for three
and −4.8 for four, and figures can be compared with other work. Scores and bodies of the test split
occur in no training; whether the sounds do is what the kinds of material differ in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from capture.errors import DataError
from separation.corpus.shards import Corpus
from separation.training.augment import AugmentConfig
from separation.training.mixing import Mixer, MixingConfig, Mixture
from separation.training.validation import fixed_mixtures

DRY = AugmentConfig(
    speed=0.0, peak_db=0.0, peaks=0, tilt_db=0.0, gain_db=0.0, dry_share=1.0, noise_db=(70.0, 70.0)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Mixtures of one kind.

    Attributes:
        name: What people call it: "in-family", "held-out family", "recordings".
        families: Sound families that it is made of.
        mixtures: By the number of players.
        duets: Two players of one instrument.
    """

    name: str
    families: tuple[str, ...]
    mixtures: dict[int, tuple[Mixture, ...]]
    duets: tuple[Mixture, ...] = ()


def corpus_material(
    corpus: Corpus,
    name: str,
    families: Sequence[str],
    *,
    players: Sequence[int] = (2, 3, 4),
    count: int = 24,
    frames: int = 128,
    ensemble_share: float = 0.5,
    duets: bool = False,
    seed: int = 11,
    instruments: Sequence[str] = (),
) -> Material:
    """Draw mixtures of the test split; the same ones whenever they are asked for.

    Args:
        corpus: With the families.
        name: Of the material.
        families: Sound families.
        players: Numbers of players; those that the instruments don't suffice for are left out.
        count: Mixtures of each number.
        frames: Length of a mixture in frames of 256 samples at 11,025 Hz.
        ensemble_share: Share of mixtures whose players play one piece together.
        duets: Also draw duets of one instrument.
        seed: Of the mixtures.
        instruments: Which of them; all if empty.

    Raises:
        DataError: The families have fewer than two instruments to test on.
    """
    stems = [
        stem
        for stem in corpus.select("test", families=families)
        if not instruments or stem.instrument in instruments
    ]
    if len({stem.instrument for stem in stems}) < 2:
        known = sorted({stem.family for stem in corpus.stems})
        raise DataError(
            f"{name}: the families {', '.join(families)} have fewer than two instruments in the "
            f"test split. The corpus holds {', '.join(known)}."
        )
    mixer = Mixer(
        corpus, stems, MixingConfig(frames=frames, ensemble_share=ensemble_share, augment=DRY)
    )
    fitting = [number for number in players if number <= len(mixer.instruments)]
    return Material(
        name=name,
        families=tuple(families),
        mixtures={
            number: tuple(_equally_loud(m) for m in fixed_mixtures(mixer, number, count, seed))
            for number in fitting
        },
        duets=_duets(mixer, count, seed) if duets else (),
    )


def _duets(mixer: Mixer, count: int, seed: int) -> tuple[Mixture, ...]:
    drawn: list[Mixture] = []
    for index in range(20 * count):
        rng = np.random.default_rng([seed, 100, index])
        mixture = mixer.draw(rng, players=2, same_instrument=True)
        levels = np.sqrt(np.mean(mixture.sources**2, axis=1))
        different = len({excerpt.piece for excerpt in mixture.excerpts}) == 2
        if different and levels.min() > 0.05 * levels.max():
            drawn.append(_equally_loud(mixture))
        if len(drawn) == count:
            break
    return tuple(drawn)


def _equally_loud(mixture: Mixture) -> Mixture:
    """Give every source of a mixture the same energy, and leave the noise out."""
    levels = np.sqrt(np.mean(mixture.sources**2, axis=1, keepdims=True))
    sources = (0.1 * mixture.sources / np.maximum(levels, 1e-6)).astype(np.float32)
    return replace(mixture, sources=sources, mixture=sources.sum(axis=0))
