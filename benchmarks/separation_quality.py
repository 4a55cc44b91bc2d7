"""Separation of whole simulated takes, held-out people and scores, against the truth.

    python -m benchmarks.separation_quality TAKES [--players 4] [--seeds 20] [--model NAME]

For each seed an ensemble of different instruments is drawn and its take simulated into TAKES
(kept, so that a second run only separates). Reported is the SI-SDR improvement over the mixture,
mean over the players of a take, then mean, median and worst over the takes; reference is each
player's reverberant image at the centre microphone. "shuffled" gives each player the clouds of
the next one: what is left then has nothing to do with looking at the players.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from capture.find_performers import find_performers
from capture.instruments import INSTRUMENTS
from capture.performer import Performer
from capture.simulate import simulate_take
from capture.take import open_take
from separation.checkpoint import load_model
from separation.evaluate import Score, evaluate_take
from separation.model import SeparationModel
from separation.separate import SeparateConfig, separate


def ensemble_of(seed: int, players: int) -> tuple[str, ...]:
    """Draw different instruments, in the order of `INSTRUMENTS`."""
    drawn = np.random.default_rng(seed).choice(len(INSTRUMENTS), players, replace=False)
    return tuple(INSTRUMENTS[index] for index in sorted(drawn))


def shuffled(performers: Sequence[Performer]) -> list[Performer]:
    """Give each performer the clouds of the next one."""
    return [
        dataclasses.replace(each, clouds=other.clouds, cloud_times_s=other.cloud_times_s)
        for each, other in zip(performers, [*performers[1:], performers[0]], strict=True)
    ]


def scores_of(
    take: Path, model: SeparationModel, config: SeparateConfig
) -> tuple[int, list[Score], list[Score]]:
    """Return how many players were found, the scores, and those with shuffled clouds."""
    with open_take(take) as opened:
        performers = find_performers(opened)
        mixture = opened.audio().channel(opened.center_channel)
    as_seen = evaluate_take(take, performers, separate(mixture, performers, model, config))
    mixed_up = evaluate_take(
        take, performers, separate(mixture, shuffled(performers), model, config)
    )
    return len(performers), as_seen, mixed_up


def mean_gain_db(scores: Sequence[Score], rate_hz: int) -> float:
    """Return the mean improvement at one rate over the players that sound."""
    return float(np.nanmean([score.gain_db for score in scores if score.sample_rate_hz == rate_hz]))


def mean_ideal_db(scores: Sequence[Score], rate_hz: int) -> float:
    """Return the mean improvement of the ideal masks at one rate."""
    return float(
        np.nanmean([s.ideal_db - s.mixture_db for s in scores if s.sample_rate_hz == rate_hz])
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("takes", type=Path, help="folder for the simulated takes")
    parser.add_argument("--players", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 … this")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--model", help="checkpoint; default the shipped one")
    parser.add_argument("--simulate-only", action="store_true")
    parser.add_argument("--json", type=Path, help="write all scores here")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = None if options.simulate_only else load_model(options.model)
    config = SeparateConfig()
    rows: list[dict[str, float]] = []
    kept: list[dict[str, object]] = []
    for seed in range(1, options.seeds + 1):
        instruments = ensemble_of(seed, options.players)
        take = options.takes / f"{options.players}-players-seed-{seed:02}"
        if not take.exists():
            simulate_take(take, instruments, options.seconds, seed)
        if model is None:
            print(f"{seed:>4} {', '.join(instruments)}", flush=True)
            continue
        found, as_seen, mixed_up = scores_of(take, model, config)
        rates = sorted({score.sample_rate_hz for score in as_seen})
        row = {f"gain {rate}": mean_gain_db(as_seen, rate) for rate in rates}
        row |= {f"ideal {rate}": mean_ideal_db(as_seen, rate) for rate in rates}
        row |= {f"shuffled {rate}": mean_gain_db(mixed_up, rate) for rate in rates}
        rows.append(row)
        kept += [{"seed": seed, **score.to_dict()} for score in as_seen]
        figures = "  ".join(f"{name} {value:6.2f}" for name, value in row.items())
        print(
            f"{seed:>4} found {found}/{options.players}  {figures}  {','.join(instruments)}",
            flush=True,
        )
    for name in rows[0] if rows else ():
        values = np.array([row[name] for row in rows])
        print(
            f"{name:<16} mean {values.mean():6.2f} dB   median {np.median(values):6.2f} dB   "
            f"worst {values.min():6.2f} dB"
        )
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
