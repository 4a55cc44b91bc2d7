"""Mix and separate: draw players, change their sound, sum them.

Half of the mixtures are players of ONE piece, in time and in tune, half are windows from anywhere.
Instruments of a mixture differ. Every mixture follows from (seed, step, position in the batch), so
a training run that goes on after a stop hears what it would have heard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from separation.corpus.shards import SAMPLE_RATE_HZ, Corpus, Stem
from separation.training.augment import (
    AugmentConfig,
    background_noise,
    draw_room,
    equalizer_db,
    fast_length,
    play_in_room,
    room_response,
    working_size,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

HOP = 256
"""Samples from one frame of a window to the next."""

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MixingConfig:
    """How mixtures are drawn.

    Attributes:
        frames: Frames of a window: 128 are 3 s, 256 the papers' 6 s.
        players: Numbers of players, and beside them how often each is drawn.
        ensemble_share: Share of mixtures whose players play one piece together.
        families: Sound families to draw from; all but `held_out` if empty.
        held_out: Families never to train on.
        family_weights: How often a family is drawn, where it is not once.
        everyone: Instruments that don't play are performers who rest: the network is asked about
            them too, and should give them nothing.
        unseen_share: Share of mixtures in which one more player sounds whom nobody sees: a part of
            the residual.
        augment: How sound is changed.
    """

    frames: int = 128
    players: tuple[tuple[int, float], ...] = ((2, 0.3), (3, 0.3), (4, 0.3), (5, 0.05), (6, 0.05))
    ensemble_share: float = 0.5
    families: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    family_weights: tuple[tuple[str, float], ...] = ()
    everyone: bool = False
    unseen_share: float = 0.0
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames must be positive, got {self.frames}.")
        if not self.players or min(min(number - 1, share) for number, share in self.players) <= 0:
            raise ValueError(
                f"players are pairs of a number, 2 or more, and how often it is drawn, got "
                f"{self.players}."
            )
        if not (0 <= self.ensemble_share <= 1 and 0 <= self.unseen_share <= 1):
            raise ValueError("ensemble_share and unseen_share must be 0…1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What of a corpus' stem a player plays, for those who watch it being played.

    Attributes:
        piece: The stem's piece.
        start_s: Where in the piece it starts.
        seconds: How much of the piece goes by.
        lasts_s: How long the mixture lasts meanwhile: the player may be faster or slower.
    """

    piece: str
    start_s: float
    seconds: float
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Sources as they sound at the microphone, what they sum to, and who plays what.

    What the mixture holds beside the sources is the residual: noise, and players nobody sees.
    """

    sources: Float32[np.ndarray, "players samples"]
    mixture: Float32[np.ndarray, " samples"]
    instruments: tuple[str, ...]
    families: tuple[str, ...]
    excerpts: tuple[Excerpt, ...] = ()


class Mixer:
    """Draws mixtures from the stems of a corpus.

    Raises:
        ValueError: The stems hold fewer than two instruments.
    """

    def __init__(self, corpus: Corpus, stems: Sequence[Stem], config: MixingConfig) -> None:
        self.corpus = corpus
        self.config = config
        self._by_family: dict[str, dict[str, list[Stem]]] = defaultdict(lambda: defaultdict(list))
        self._by_piece: dict[str, dict[str, list[Stem]]] = defaultdict(lambda: defaultdict(list))
        for stem in stems:
            self._by_family[stem.instrument][stem.family].append(stem)
            self._by_piece[stem.piece][stem.instrument].append(stem)
        self.instruments = tuple(sorted(self._by_family))
        if len(self.instruments) < 2:
            raise ValueError(
                f"mixtures need two instruments at least, and the stems hold {self.instruments}."
            )
        self._pieces_of: dict[int, list[str]] = {
            count: sorted(p for p, parts in self._by_piece.items() if len(parts) >= count)
            for count in range(2, len(self.instruments) + 1)
        }

    def draw(
        self,
        rng: np.random.Generator,
        *,
        players: int | None = None,
        same_instrument: bool = False,
    ) -> Mixture:
        """Draw a mixture.

        Args:
            rng: Draws all of it.
            players: How many; as configured if not given, and no more than there are instruments.
            same_instrument: Let two of them play one instrument, different stems of it.
        """
        counts, weights = zip(*self.config.players, strict=True)
        count = players or int(rng.choice(counts, p=np.array(weights) / sum(weights)))
        unseen = rng.random() < self.config.unseen_share if self.config.unseen_share else False
        count = min(count, len(self.instruments) - unseen)
        for attempt in range(_ATTEMPTS):
            heard = count + unseen
            together = rng.random() < self.config.ensemble_share and bool(self._pieces_of[heard])
            together = together and not same_instrument
            chosen = self._draw_ensemble(heard, rng) if together else self._draw_any(heard, rng)
            if same_instrument:
                chosen[count - 1] = self._another(chosen[0], rng)
            dry, excerpts = self._read(chosen, together, rng)
            # A player may rest, but somebody else must play, or there is nothing to separate.
            sounding = sum(float(np.abs(sound).max()) > 1e-3 for sound in dry[:count])
            if sounding >= min(2, count) or attempt == _ATTEMPTS - 1:
                mixture = self._perform(chosen, dry, excerpts, rng)
                return _without_last(mixture) if unseen else mixture
        raise AssertionError("the last attempt is always performed")

    def _draw_any(self, count: int, rng: np.random.Generator) -> list[Stem]:
        names = rng.permutation(self.instruments)[:count]
        return [self._pick(self._by_family[str(name)], rng) for name in names]

    def _draw_ensemble(self, count: int, rng: np.random.Generator) -> list[Stem]:
        pieces = self._pieces_of[count]
        parts = self._by_piece[pieces[int(rng.integers(len(pieces)))]]
        chosen = []
        for name in rng.permutation(sorted(parts))[:count]:
            by_family: dict[str, list[Stem]] = defaultdict(list)
            for stem in parts[str(name)]:
                by_family[stem.family].append(stem)
            chosen.append(self._pick(by_family, rng))
        return chosen

    def _pick(self, by_family: dict[str, list[Stem]], rng: np.random.Generator) -> Stem:
        """Families count by their weights, whatever their size: diversity is what matters."""
        families = sorted(by_family)
        known = dict(self.config.family_weights)
        weights = np.array([known.get(name, 1.0) for name in families])
        stems = by_family[str(rng.choice(families, p=weights / weights.sum()))]
        return stems[int(rng.integers(len(stems)))]

    def _another(self, stem: Stem, rng: np.random.Generator) -> Stem:
        """Pick another stem of the same instrument, where there is one."""
        other = stem
        for _ in range(_ATTEMPTS):
            other = self._pick(self._by_family[stem.instrument], rng)
            if other is not stem:
                break
        return other

    def _read(
        self, chosen: Sequence[Stem], together: bool, rng: np.random.Generator
    ) -> tuple[list[Float32[np.ndarray, " samples"]], list[Excerpt]]:
        """Read windows, longer or shorter than needed by the change of speed."""
        count = self._sample_count()
        speed = self.config.augment.speed
        common_ratio, common_start = rng.uniform(1 - speed, 1 + speed), rng.random()
        shortest = min(stem.length for stem in chosen)
        windows: list[Float32[np.ndarray, " samples"]] = []
        excerpts: list[Excerpt] = []
        for stem in chosen:
            ratio = common_ratio if together else rng.uniform(1 - speed, 1 + speed)
            length = count if speed == 0 else fast_length(int(count * ratio))
            share = common_start if together else rng.random()
            # Parts of one piece may be of unequal length, and are played at one time.
            held = shortest if together else stem.length
            start = int(share * max(held - length, 0))
            windows.append(self.corpus.read(stem, start, length))
            excerpts.append(
                Excerpt(
                    piece=stem.piece,
                    start_s=start / SAMPLE_RATE_HZ,
                    seconds=length / SAMPLE_RATE_HZ,
                    lasts_s=count / SAMPLE_RATE_HZ,
                )
            )
        if together and len({len(w) for w in windows}) != 1:
            raise AssertionError("players of one piece must run at one speed")
        return windows, excerpts

    def _perform(
        self,
        chosen: Sequence[Stem],
        dry: Sequence[Float32[np.ndarray, " samples"]],
        excerpts: Sequence[Excerpt],
        rng: np.random.Generator,
    ) -> Mixture:
        augment = self.config.augment
        count = self._sample_count()
        frequencies = scipy.fft.rfftfreq(working_size(count), 1 / SAMPLE_RATE_HZ)
        room = draw_room(augment, rng)
        microphone_db = 0.5 * equalizer_db(augment, frequencies, rng)
        sources = np.zeros((len(chosen), count), np.float32)
        for index, sound in enumerate(dry):
            curve_db = microphone_db + equalizer_db(augment, frequencies, rng)
            curve_db += rng.uniform(-augment.gain_db, augment.gain_db)
            response = room_response(augment, room, SAMPLE_RATE_HZ, rng)
            if np.abs(sound).max() > 0:
                sources[index] = play_in_room(sound, count, curve_db, response)
        mixture = sources.sum(axis=0)
        level = float(np.sqrt(np.mean(mixture**2)))
        noise_gain = level * 10 ** (-rng.uniform(*augment.noise_db) / 20)
        mixture = mixture + noise_gain * background_noise(count, SAMPLE_RATE_HZ, rng)
        return Mixture(
            sources=sources,
            mixture=mixture.astype(np.float32),
            instruments=tuple(s.instrument for s in chosen),
            families=tuple(s.family for s in chosen),
            excerpts=tuple(excerpts),
        )

    def _sample_count(self) -> int:
        return (self.config.frames - 1) * HOP


def _without_last(mixture: Mixture) -> Mixture:
    """Return the mixture with its last player unseen: heard, and told nobody."""
    return replace(
        mixture,
        sources=mixture.sources[:-1],
        instruments=mixture.instruments[:-1],
        families=mixture.families[:-1],
        excerpts=mixture.excerpts[:-1],
    )
