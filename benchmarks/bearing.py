"""Are exchanged players found by where they sound from? On simulated takes, with real separations.

    python -m benchmarks.bearing [--takes FOLDER] [--first 101] [--last 120] [--margin M]

The takes are those of `benchmarks.separation_quality`. Each is separated as it is, and with the
clouds of every two players exchanged. Players who share a mask, and pairs that the network itself
exchanged (each stem is more like the other's truth), are left out. Printed: in how many exchanged
pairs a stem is called exchanged, and in how many right ones. The margin was chosen on takes 1 to
20; these are others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from benchmarks.separation_quality import ensemble, prepare
from capture.performer import Performer, read_performers
from capture.take import open_take
from capture.waveform import read_waveform
from separation.bearing import BearingConfig
from separation.checkpoint import load_model
from separation.evaluate import match_by_position
from separation.separator import SeparateConfig, separate
from separation.stem import Stem

RIGHT = 0.2
"""A pair is right if its correlations with its own truths exceed those exchanged by this."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=Path, default=Path("benchmark-takes"))
    parser.add_argument("--first", type=int, default=101)
    parser.add_argument("--last", type=int, default=120)
    parser.add_argument("--margin", type=float, default=BearingConfig().margin)
    given = parser.parse_args()
    torch.set_num_threads(1)
    network = load_model()
    config = SeparateConfig(bearing=BearingConfig(margin=given.margin))
    print("| players | pairs | exchanged: found | right: called exchanged |")
    print("|---|---|---|---|")
    for players in (2, 4):
        found, false, count = 0, 0, 0
        for seed in range(given.first, given.last + 1):
            path = prepare(given.takes, seed, ensemble(seed, players))
            performers = read_performers(path.with_name(f"{path.name}-performers"))
            with open_take(path) as take:
                run = partial(
                    separate,
                    take.audio(),
                    model=network,
                    config=config,
                    center_channel=take.center_channel,
                    microphones_m=take.microphones_m,
                )
            right = run(performers).stems
            own = _correlations(
                [stem.waveform.samples[0] for stem in right], _truth(path, performers)
            )
            for pair in combinations(range(len(performers)), 2):
                part = own[np.ix_(pair, pair)]
                if np.trace(part) - np.trace(part[::-1]) < RIGHT:
                    continue
                exchanged = run(_exchanged(performers, *pair)).stems
                if any(stems[row].shared_with for row in pair for stems in (right, exchanged)):
                    continue
                count += 1
                false += _is_called_exchanged(right, pair)
                found += _is_called_exchanged(exchanged, pair)
        print(f"| {players} | {count} | {found / count:.1%} | {false / count:.1%} |", flush=True)


def _exchanged(performers: Sequence[Performer], one: int, other: int) -> list[Performer]:
    """Return the performers, two of them with each other's clouds."""
    seen = list(performers)
    for row, source in ((one, performers[other]), (other, performers[one])):
        seen[row] = replace(
            performers[row], clouds=source.clouds, cloud_times_s=source.cloud_times_s
        )
    return seen


def _is_called_exchanged(stems: Sequence[Stem], pair: tuple[int, int]) -> bool:
    bearings = [stems[row].bearing for row in pair]
    return any(bearing is not None and bearing.verdict == "swapped" for bearing in bearings)


def _truth(take: Path, performers: Sequence[Performer]) -> list[np.ndarray]:
    """Return what the centre microphone heard of each performer."""
    players = json.loads((take / "truth" / "truth.json").read_text(encoding="utf-8"))["players"]
    true_m = np.array([np.mean(player["centroids_m"], axis=0) for player in players])
    found_m = np.array([performer.trajectory.mean_position_m for performer in performers])
    matched = match_by_position(found_m, true_m)
    return [
        read_waveform(take / "truth" / players[matched[row]]["image"]).samples[0]
        for row in range(len(performers))
    ]


def _correlations(some: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    """Return the normalized correlation of each with each."""
    return np.array(
        [
            [float(a @ b) / max(np.sqrt(float(a @ a) * float(b @ b)), 1e-20) for b in others]
            for a in some
        ]
    )


if __name__ == "__main__":
    main()
