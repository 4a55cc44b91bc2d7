"""Are swapped stems found by where they sound from? On simulated takes, with real separations.

    python -m benchmarks.bearing [--takes FOLDER] [--first 1] [--last 20] [--margin M]

The takes are those of `benchmarks.separation_quality`. Every two stems of a take are judged as they
are and exchanged. Stems that share a mask, and pairs that the network itself exchanged (each stem
is more like the other's truth), are left out. Printed: how many exchanged pairs are found, and how
many right ones are called exchanged. The margin was chosen on these takes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from benchmarks.separation_quality import prepare
from capture.performer import Performer, read_performers
from capture.take import open_take
from capture.waveform import read_waveform
from separation.bearing import BearingConfig, bearing_fits, judge
from separation.checkpoint import load_model
from separation.evaluate import match_by_position
from separation.separator import separate

RIGHT = 0.2
"""A pair is right if its correlations with its own truths exceed those exchanged by this."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=Path, default=Path("benchmark-takes"))
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=20)
    parser.add_argument("--margin", type=float, default=BearingConfig().margin)
    given = parser.parse_args()
    torch.set_num_threads(1)
    network = load_model()
    config = BearingConfig(margin=given.margin)
    print("| players | pairs | exchanged: found | right: called exchanged |")
    print("|---|---|---|---|")
    for players in (2, 4):
        found, false, count = 0, 0, 0
        for seed in range(given.first, given.last + 1):
            path = prepare(given.takes, seed, players)
            performers = read_performers(path.with_name(f"{path.name}-performers"))
            with open_take(path) as take:
                recording, microphones_m = take.audio(), take.microphones_m
                center = take.center_channel
            assert microphones_m is not None
            separation = separate(recording, performers, network, center_channel=center)
            sounds = [stem.sound for stem in separation.stems]
            stems = [stem.waveform.samples[0] for stem in separation.stems]
            truth = _truth(path, performers)
            away = np.array([p.trajectory.mean_position_m for p in performers])
            away = away - microphones_m.mean(axis=0)
            towards = away / np.linalg.norm(away, axis=1, keepdims=True)
            fits = bearing_fits(
                recording,
                range(recording.channel_count),
                microphones_m,
                sounds,
                towards,
                config,
            )
            own = _correlations(stems, truth)
            for pair in combinations(range(len(stems)), 2):
                rows = list(pair)
                right = own[np.ix_(rows, rows)]
                shared = any(separation.stems[row].shared_with for row in rows)
                if shared or np.trace(right) - np.trace(right[::-1]) < RIGHT:
                    continue
                count += 1
                part = fits[np.ix_(rows, rows)]
                false += judge(part, config.margin)[0][0] == "swapped"
                found += judge(part[::-1], config.margin)[0][0] == "swapped"
        print(f"| {players} | {count} | {found / count:.1%} | {false / count:.1%} |", flush=True)


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
