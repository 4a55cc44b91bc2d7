"""SI-SDR improvement on simulated takes: 20 seeds fixed beforehand, 4 and 2 different instruments.

    python benchmarks/separation_quality.py [--takes FOLDER] [--weights NAME.safetensors]

Each take goes the whole way: it is simulated (scores, bodies and rooms that training never saw; the
notes are FluidR3's, which training heard), the players are found in the depth images, and the
sound is separated by their clouds. The reference of a player is its reverberant image at the centre
microphone. "Alone" is what the network and the array reach without knowing where the microphones
are. "Shuffled" gives each player the next player's clouds, without that knowledge either.
Figures are means over the players of a take, in dB; printed are mean, median and worst of the
takes, at the recording's 48 kHz and at the network's 11.025 kHz. Seed 5 with four players is the
demo. Takes that are in the folder are used again.

With `--same`, duos of one instrument and string quartets play instead; scored are the players who
are not the only ones of their instrument.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import replace
from importlib import resources
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from capture.instruments import INSTRUMENTS
from capture.performer import Performer, read_performers, write_performers
from capture.players import find_performers
from capture.simulate import simulate_take
from capture.take import open_take
from separation.evaluate import evaluate_take
from separation.model import SeparationModel
from separation.scores import Score
from separation.separator import separate

SEEDS = tuple(range(1, 21))
DEMO_SEED = 5
DEMO = ("violin", "viola", "cello", "saxophone")
SECONDS = 20.0
QUARTET = ("violin", "violin", "viola", "cello")
SAME = {
    **{51 + number: (instrument, instrument) for number, instrument in enumerate(INSTRUMENTS[:6])},
    **dict.fromkeys(range(57, 61), QUARTET),
}
"""Seed → players of one instrument, fixed beforehand."""


def ensemble(seed: int, players: int) -> tuple[str, ...]:
    """Return who plays: all combinations of the six instruments in turn, and the demo's."""
    if players == len(DEMO) and seed == DEMO_SEED:
        return DEMO
    every = list(combinations(INSTRUMENTS, players))
    return every[seed % len(every)]


def prepare(folder: Path, seed: int, who: tuple[str, ...]) -> Path:
    """Simulate a take and find its players, unless both are there."""
    take = folder / f"seed-{seed:02d}-players-{len(who)}"
    if not take.exists():
        simulate_take(take, who, SECONDS, seed, fps=5)
    found = folder / f"{take.name}-performers"
    if not found.exists():
        with open_take(take) as opened:
            write_performers(found, find_performers(opened))
    return take


def score(
    take: Path,
    performers: Sequence[Performer],
    model: SeparationModel,
    scored: Container[str] = INSTRUMENTS,
) -> dict[str, float]:
    """Return gains by "rate", "rate alone" and "rate shuffled", and the gain of ideal masks."""
    with open_take(take) as opened:
        center = opened.center_channel
        separation = separate(
            opened.sound,
            performers,
            model,
            center_channel=center,
            microphones_m=opened.microphones_m,
        )
        alone = separate(opened.sound, performers, model, center_channel=center)
    # The network treats performers alike, so clouds passed on to the next are stems passed on.
    moved = [*alone.stems[1:], alone.stems[0]]
    shuffled = replace(
        alone,
        stems=tuple(
            replace(stem, sound=other.sound) for stem, other in zip(alone.stems, moved, strict=True)
        ),
    )
    gains: dict[str, float] = {}
    for suffix, result in (("", separation), (" alone", alone), (" shuffled", shuffled)):
        by_rate: dict[int, list[Score]] = defaultdict(list)
        for row in evaluate_take(take, performers, result, model.config.spectrogram):
            if row.instrument in scored:
                by_rate[row.sample_rate_hz].append(row)
        for rate, rows in by_rate.items():
            gains[f"{rate}{suffix}"] = float(np.nanmean([row.gain_db for row in rows]))
            ideal = [row.ideal_db - row.mixture_db for row in rows]
            gains[f"{rate} ideal"] = float(np.nanmean(ideal))
    return gains


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each number of players."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=Path, default=Path("separation-takes"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--players", type=int, nargs="+", default=[4, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--same", action="store_true", help="players of one instrument")
    parser.add_argument("--json", type=Path, help="write every take's figures here")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shipped = resources.files("separation") / "weights" / "pcs-depth.safetensors"
    model = SeparationModel.load(options.weights or Path(str(shipped)))
    options.takes.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, float]] = {}
    tables = [
        (f"{players} players", {seed: ensemble(seed, players) for seed in options.seeds})
        for players in options.players
    ]
    for title, takes in [("players of one instrument", SAME)] if options.same else tables:
        gains: dict[str, list[float]] = defaultdict(list)
        for seed, who in takes.items():
            take = prepare(options.takes, seed, who)
            performers = read_performers(options.takes / f"{take.name}-performers")
            if len(performers) != len(who):
                print(f"seed {seed}: {len(performers)} of {len(who)} players found", flush=True)
            scored = [one for one in who if who.count(one) > 1] if options.same else who
            results[take.name] = score(take, performers, model, scored)
            for name, value in results[take.name].items():
                gains[name].append(value)
            figures = ", ".join(f"{k}: {v:.1f}" for k, v in results[take.name].items())
            print(f"seed {seed} {'+'.join(who)}: {figures}", flush=True)
        print(f"\n{title}, {len(takes)} takes, SI-SDR improvement in dB")
        print("| at | mean | median | worst |\n|---|---|---|---|")
        for name, values in gains.items():
            mean, median, worst = np.mean(values), np.median(values), np.min(values)
            print(f"| {name} | {mean:.2f} | {median:.2f} | {worst:.2f} |", flush=True)
        print()
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
