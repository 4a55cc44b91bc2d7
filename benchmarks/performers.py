"""Players found in simulated ensembles, against the truth: how many, who, where, facing where.

    python -m benchmarks.performers [--ensembles 40] [--wide 4] [--takes FOLDER] [--seconds 8]
                                    [--first 1] [--split test]

Ensemble N has 2 to 6 people with instruments drawn by N, who sit and stand in a room before the
depth camera, five images a second; every fourth is hard, in turn as `HARD` says. People and
instrument variants are the test split's, with which nothing here was developed; --split train has
the others. --wide adds ensembles of 6 to 8 players in the WFOV view, half of them hard. The takes
are made once and kept in FOLDER.

Reported of each ensemble: players found of those in view (500 points or more at some time; fewer
pixels in WFOV: 150), people found who do not play, images with the right number of players (who is
hidden for a while is still there), how often the performer who is nearest to a player in view
becomes another one, and over players and images the median (and 95th percentile) of the distance
between found and true centroid and between found and true facing. `2 std` is the share of
coordinates whose error is within two stated standard deviations. CPU milliseconds an image: all,
and reading and unprojecting alone, which is the floor. Images a second: by the clock, as the
machine's load leaves it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from capture.instruments import INSTRUMENTS
from capture.performer import Performer
from capture.players import find_people
from capture.simulate import simulate_take
from capture.take import Take, open_take

HARD: tuple[tuple[str, ...], ...] = (
    ("touch",),
    ("page_turner",),
    ("piano",),
    ("overlap",),
    ("edge",),
    ("far",),
    ("stands",),
    ("passer",),
    ("floor", "touch"),
    ("page_turner", "piano", "stands"),
)
_FPS = 5
_IN_VIEW_POINTS = {"NFOV_UNBINNED": 500, "WFOV_2X2BINNED": 150}
_SAME_M = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """What is simulated: a number draws the rest."""

    number: int
    instruments: tuple[str, ...]
    hard: tuple[str, ...]
    depth_mode: str

    @property
    def kind(self) -> str:
        """Row of the summary."""
        if self.depth_mode.startswith("WFOV"):
            return "wide"
        return "hard" if self.hard else "plain"

    def name(self, seconds: float, split: str) -> str:
        """Name of the take's folder."""
        return "-".join(
            [split, self.kind, str(self.number), *self.hard, f"{seconds:g}s"],
        )


def draw_ensemble(number: int) -> Ensemble:
    """Return ensemble N; every fourth is hard."""
    rng = np.random.default_rng([number, 77])
    hard = HARD[(number // 4 - 1) % len(HARD)] if number % 4 == 0 else ()
    most = 6 if not hard or hard in (("overlap",), ("passer",)) else 4
    return Ensemble(
        number=number,
        instruments=_names(int(rng.integers(2, most + 1)), rng),
        hard=hard,
        depth_mode="NFOV_UNBINNED",
    )


def draw_wide(number: int) -> Ensemble:
    """Return ensemble N of the WFOV view: 6, 7 or 8 players; every second is hard."""
    rng = np.random.default_rng([number, 78])
    hard = (("page_turner",), ("floor", "stands"))[number // 2 % 2] if number % 2 == 0 else ()
    return Ensemble(
        number=number,
        instruments=_names(6 + number % 3, rng),
        hard=hard,
        depth_mode="WFOV_2X2BINNED",
    )


def _names(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(INSTRUMENTS[i] for i in rng.integers(0, len(INSTRUMENTS), count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How well the players of one ensemble were found.

    Errors are of all images of all players that were found: coordinates (metres, and beside the
    stated standard deviations), facing (degrees).
    """

    there: int
    found: int
    visitors: int
    right_images: float
    swaps: int
    centroid_m: np.ndarray
    in_stds: np.ndarray
    facing_deg: np.ndarray
    worst_player_m: float
    whole_ms: float = np.nan
    reading_ms: float = np.nan
    images_per_s: float = np.nan


def measure(take: Take, truth: dict[str, object], in_view_points: int) -> Result:
    """Find the players of a take and compare them with its truth."""
    count = len(take.times_s)
    started = time.process_time()
    for index in range(count):
        take.image_point_cloud(index, color=False)
    reading_ms = 1e3 * (time.process_time() - started) / count
    started, wall_s = time.process_time(), time.perf_counter()
    people = find_people(take)
    wall_s = time.perf_counter() - wall_s
    whole_ms = 1e3 * (time.process_time() - started) / count
    result = compare(
        take.times_s,
        truth,
        people.performers,
        visitors=len(people.visitors),
        in_view_points=in_view_points,
        cpu_ms=(whole_ms, reading_ms),
    )
    return replace(result, images_per_s=count / wall_s)


def compare(
    times_s: np.ndarray,
    truth: dict[str, object],
    performers: Sequence[Performer],
    *,
    visitors: int,
    in_view_points: int,
    cpu_ms: tuple[float, float],
) -> Result:
    """Match performers with players and measure errors over the images."""
    players: list[dict[str, list[float]]] = truth["players"]  # pyright: ignore[reportAssignmentType]
    seen = np.array([player["visible_points"] for player in players]) >= in_view_points
    centroids = np.array([player["centroids_m"] for player in players])
    facings = np.array([player["facing_yaw_rad"] for player in players])
    in_view = np.flatnonzero(seen.any(axis=1))
    paths = np.array([each.trajectory.positions_at(times_s) for each in performers])
    paths = paths.reshape(len(performers), len(times_s), 3)
    distance = np.linalg.norm(paths[:, None] - centroids[None], axis=-1)
    distance[:, ~seen] = np.nan
    mean = np.full((len(performers), len(players)), 9.0)
    mean[:, in_view] = np.nanmean(distance[:, in_view], axis=2)
    kept = [
        (a, b) for a, b in zip(*linear_sum_assignment(mean), strict=True) if mean[a, b] < _SAME_M
    ]
    swaps = sum(
        int(np.count_nonzero(np.diff(distance[:, b, seen[b]].argmin(axis=0))))
        for b in in_view
        if len(performers)
    )
    present = np.array([_present(each, times_s) for each in performers]).reshape(-1, len(times_s))
    errors, in_stds, turned = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    for a, b in kept:
        use = seen[b] & present[a]
        trajectory = performers[a].trajectory
        errors.append(distance[a, b, use])
        stds = np.interp(times_s, trajectory.times_s, performers[a].position_std_m)[use]
        in_stds.append(((paths[a] - centroids[b])[use] / stds[:, None]).ravel())
        yaws = np.array([trajectory.at(float(t)).yaw_rad for t in times_s])[use]
        turned.append(np.degrees(np.abs(_wrapped(yaws - facings[b, use]))))
    return Result(
        there=len(in_view),
        found=len(performers),
        visitors=visitors,
        right_images=float(np.mean(present.sum(axis=0) == _there(seen).sum(axis=0))),
        swaps=swaps,
        centroid_m=np.concatenate(errors),
        in_stds=np.concatenate(in_stds),
        facing_deg=np.concatenate(turned),
        worst_player_m=max((float(mean[a, b]) for a, b in kept), default=np.nan),
        whole_ms=cpu_ms[0],
        reading_ms=cpu_ms[1],
    )


def _there(seen: np.ndarray) -> np.ndarray:
    """Return who is there when: from the first to the last image in view, hidden or not."""
    after = np.maximum.accumulate(seen, axis=1)
    before = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    return after & before


def _present(performer: Performer, times_s: np.ndarray) -> np.ndarray:
    first, last = performer.trajectory.times_s[[0, -1]]
    return (times_s >= first - 1e-6) & (times_s <= last + 1e-6)


def _wrapped(angle_rad: np.ndarray) -> np.ndarray:
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi


def kept_takes(
    ensembles: Sequence[Ensemble], folder: Path, seconds: float, split: str
) -> Iterator[tuple[Ensemble, Path]]:
    """Give each ensemble and its take, made where it is not there yet."""
    for ensemble in ensembles:
        path = folder / ensemble.name(seconds, split)
        if not path.exists():
            simulate_take(
                path,
                ensemble.instruments,
                seconds,
                10_000 + ensemble.number,
                split=split,
                fps=_FPS,
                hard=ensemble.hard,
                depth_mode=ensemble.depth_mode,
                images_only=True,
            )
        yield ensemble, path


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ensembles", type=int, default=40)
    parser.add_argument("--wide", type=int, default=0, help="ensembles in the WFOV view")
    parser.add_argument("--first", type=int, default=1, help="number of the first ensemble")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--only-hard", action="store_true", help="leave the others out")
    parser.add_argument("--takes", type=Path, default=None, help="folder that keeps the takes")
    options = parser.parse_args(arguments)
    numbers = range(options.first, options.first + options.ensembles)
    ensembles = [draw_ensemble(number) for number in numbers]
    ensembles += [
        draw_wide(number) for number in range(options.first, options.first + options.wide)
    ]
    if options.only_hard:
        ensembles = [each for each in ensembles if each.hard]
    with tempfile.TemporaryDirectory() as temporary:
        takes = kept_takes(
            ensembles, options.takes or Path(temporary), options.seconds, options.split
        )
        _report(takes)


def _report(takes: Iterator[tuple[Ensemble, Path]]) -> None:
    results: dict[str, list[Result]] = {"plain": [], "hard": [], "wide": []}
    print(
        "ensemble                       found  non-   images    id  centroid cm    facing °  "
        "2 std   CPU ms/image   images"
    )
    print(
        "                                    players  right  swaps  med  95 %    med  95 %  "
        "           all  reading     a s"
    )
    for ensemble, path in takes:
        truth = json.loads((path / "truth" / "truth.json").read_text())
        with open_take(path) as take:
            result = measure(take, truth, _IN_VIEW_POINTS[ensemble.depth_mode])
        results[ensemble.kind].append(result)
        label = f"{ensemble.number} {ensemble.kind} {'+'.join(ensemble.hard)}"
        print(f"{label:30s} {result.found:2d}/{result.there:<2d} {_row([result])}", flush=True)
    print()
    groups = {kind: rows for kind, rows in results.items() if rows}
    if results["plain"] and results["hard"]:
        groups["plain and hard"] = results["plain"] + results["hard"]
    for kind, rows in groups.items():
        found = sum(row.found == row.there for row in rows)
        print(f"{kind + f', {len(rows)}':25s} {found:4d}/{len(rows):<3d} {_row(rows)}")
    print(f"load {os.getloadavg()[0]:.1f}")


def _row(results: Sequence[Result]) -> str:
    centroid = 100 * np.concatenate([row.centroid_m for row in results])
    facing = np.concatenate([row.facing_deg for row in results])
    stds = np.abs(np.concatenate([row.in_stds for row in results]))
    if len(centroid) == 0:
        centroid = facing = stds = np.array([np.nan])
    return (
        f"{sum(row.visitors for row in results):4d} "
        f"{100 * np.mean([row.right_images for row in results]):7.1f} % "
        f"{sum(row.swaps for row in results):5d} "
        f"{np.median(centroid):5.1f} {np.percentile(centroid, 95):5.1f} "
        f"{np.median(facing):6.1f} {np.percentile(facing, 95):5.1f} "
        f"{100 * np.mean(stds < 2):6.0f} % "
        f"{np.median([row.whole_ms for row in results]):8.0f} "
        f"{np.median([row.reading_ms for row in results]):6.0f} "
        f"{np.median([row.images_per_s for row in results]):9.1f}"
    )


if __name__ == "__main__":
    main()
