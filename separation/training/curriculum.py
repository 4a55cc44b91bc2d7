"""A curriculum: mixtures get harder when validation stops improving."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What mixtures of a stage are like.

    Attributes:
        players: How many players each has.
        same_instrument: Two of them play the same instrument.
    """

    players: int
    same_instrument: bool = False

    def __post_init__(self) -> None:
        if self.players < 2:
            raise ValueError(f"a mixture has at least 2 players, not {self.players}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurriculumConfig:
    """The stages and when the next one comes.

    Attributes:
        stages: From easy to hard.
        patience: Validations without improvement after which the next stage begins.
    """

    stages: tuple[Stage, ...] = (Stage(players=2),)
    patience: int = 10

    def __post_init__(self) -> None:
        if not self.stages or self.patience < 1:
            raise ValueError("a curriculum has at least one stage and a patience of at least 1.")

    @property
    def most_players(self) -> int:
        """Players of the largest mixtures."""
        return max(stage.players for stage in self.stages)


@dataclass(slots=True)
class Curriculum:
    """Where a run stands in its curriculum; without one, all mixtures are as `mixing` says.

    Attributes:
        config: The curriculum, or None.
        number: The stage, counted from 0.
        best: Best validation of this stage.
        waited: Validations since then.
    """

    config: CurriculumConfig | None
    number: int = 0
    best: float = float("-inf")
    waited: int = 0

    @property
    def stage(self) -> Stage | None:
        """What mixtures are like now."""
        return None if self.config is None else self.config.stages[self.number]

    def judge(self, gain_db: float) -> bool:
        """Take a validation in; return whether it began the next stage."""
        if self.config is None:
            return False
        if gain_db > self.best:
            self.best, self.waited = gain_db, 0
            return False
        self.waited += 1
        if self.waited < self.config.patience or self.number + 1 == len(self.config.stages):
            return False
        self.number, self.best, self.waited = self.number + 1, float("-inf"), 0
        return True
