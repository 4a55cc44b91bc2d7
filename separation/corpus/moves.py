"""A bank of movements for training: how a simulated player moves while a part of a piece is played.

    moves/train-violin.npz   pieces (names), positions float16 (all moments, joints, 3),
                             starts int64 (pieces + 1), rate_hz

Joints are those of `capture.body_pose` in the performer's own axes (x side, y stature, z facing),
metres from the pelvis. The movement is that of the notes, whatever sound plays them: bow strokes
begin and end with them, fingers go where they lie.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.lib.npyio import NpzFile

from capture.axes import network_from_world
from capture.errors import DataError
from capture.files.atomic import atomic_path
from separation.corpus.bank import Bank, missing_files

if TYPE_CHECKING:
    from jaxtyping import Float32

    from separation.corpus.phrases import Piece

Moves: TypeAlias = "Float32[np.ndarray, 't joints 3']"

RATE_HZ = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BankedMoves:
    """The movements of one split and instrument."""

    positions: np.ndarray
    starts: np.ndarray
    number: dict[str, int]
    rate_hz: float


class MoveBank(Bank[BankedMoves]):
    """Movements by split, instrument and piece."""

    content = "movements"
    purpose = "of players, and this network watches them"

    def read(
        self,
        split: str,
        instrument: str,
        piece: str,
        *,
        start_s: float,
        seconds: float,
        moments: int,
    ) -> Moves:
        """Return so many moments, at the middles of equal parts of an excerpt.

        Before the piece and after it the player holds still.

        Raises:
            DataError: The bank has no such movement.
        """
        held = self._load(split, instrument)
        if piece not in held.number:
            raise DataError(
                f"{self.folder} has no movement of {instrument} in {piece}: build it from the "
                "pieces of the corpus."
            )
        first, last = held.starts[held.number[piece] :][:2]
        times = start_s + (np.arange(moments) + 0.5) * seconds / moments
        place = np.clip(times * held.rate_hz, 0, last - first - 1)
        before = np.minimum(place.astype(np.int64), last - first - 2).clip(0)
        share = (place - before).astype(np.float32)[:, None, None]
        after = np.minimum(before + 1, last - first - 1)
        rows = held.positions[first:last]
        return (1 - share) * rows[before].astype(np.float32) + share * rows[after].astype(
            np.float32
        )

    @staticmethod
    def _held(data: NpzFile) -> BankedMoves:
        return BankedMoves(
            positions=data["positions"],
            starts=data["starts"],
            number={str(name): n for n, name in enumerate(data["pieces"])},
            rate_hz=float(data["rate_hz"]),
        )


def write_moves(
    folder: str | os.PathLike[str],
    split: str,
    instrument: str,
    moves: Sequence[tuple[str, Moves]],
    *,
    rate_hz: float = RATE_HZ,
) -> None:
    """Write the movements of one split and instrument, by piece."""
    lengths = [len(positions) for _, positions in moves]
    with atomic_path(Path(folder) / f"{split}-{instrument}.npz") as temporary:
        np.savez(
            temporary,
            pieces=np.array([piece for piece, _ in moves]),
            positions=np.concatenate([positions for _, positions in moves]).astype(np.float16),
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            rate_hz=np.array(rate_hz),
        )


def build_move_bank(
    folder: str | os.PathLike[str],
    pieces: Sequence[tuple[str, Piece]],
    instruments: Sequence[str],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Let a simulated player play every part of a corpus, and keep how it moves.

    Bodies and instrument variants of the "test" split occur in no other.

    Args:
        folder: Where; files that are there stay.
        pieces: Split and piece, as `separation.corpus.builder.corpus_pieces` gives them.
        instruments: Whose parts.
        seed: Of the players.
        progress: Called with the fraction done.
    """
    from capture.simulate.player import Player

    wanted = missing_files(folder, ("train", "validation", "test"), instruments, seed, progress)
    for split, instrument, rng in wanted:
        moves: list[tuple[str, Moves]] = []
        for own, piece in pieces:
            notes = next((p.notes for p in piece.parts if p.instrument == instrument), ())
            if own != split or not notes:
                continue
            player = Player(
                instrument,
                rng,
                notes=notes,
                seconds=piece.duration_s,
                split="test" if split == "test" else "train",
                stand=False,
            )
            times_s = np.arange(0.0, piece.duration_s, 1.0 / RATE_HZ)
            joints_m = np.stack([player.body_joints_at(float(time_s)) for time_s in times_s])
            moves.append((piece.name, performer_axes(joints_m, 0.0)))
        if moves:
            write_moves(folder, split, instrument, moves)


def performer_axes(joints_m: np.ndarray, facing_yaw_rad: float) -> Moves:
    """Return joints of the world (t, joints, 3) in the performer's axes, from the pelvis."""
    turned = network_from_world(joints_m - joints_m[:, :1], facing_yaw_rad)
    return turned.astype(np.float32)
