"""Joints estimated in simulated takes, against the truth: how far off, and whether they move alike.

    python -m benchmarks.body_poses [--takes FOLDER] [--count 4] [--seconds 8]

Takes are quartets of the test split (people, instrument variants, scores and rooms that the
estimator never saw), filmed at 15 images a second; players are found, then watched 12.5 times a
second (`separation.body_pose.estimate_take_poses`). The takes are made once and kept in FOLDER.

Printed of each player, as estimated image by image and smoothed: mean distance of head and of both
wrists from the truth in cm, and for each wrist three correlations over time with the truth: of its
place along the axis on which it truly moves most, of its velocity along that axis, and of its speed
between images. "still" is how far a wrist truly is from its own mean place in cm: what a pose that
is right on the mean but never moves would be off. At the end CPU milliseconds an image and player,
of all and of the network alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from capture.body_pose import JOINTS, BodyPoses
from capture.performer import Performer
from capture.players import find_performers, watch_performers
from capture.simulate import simulate_take
from capture.take import open_take
from separation.body_pose import SmoothingConfig, load_network
from separation.body_pose.estimate import PoseWatcher, poses_of

ENSEMBLES = (
    ("violin", "viola", "cello", "saxophone"),
    ("violin", "cello", "double_bass", "guitar"),
    ("viola", "guitar", "saxophone", "double_bass"),
    ("violin", "violin", "viola", "cello"),
)
"""In turn."""

NAMES = {"head": "HEAD", "left_hand": "WRIST_LEFT", "right_hand": "WRIST_RIGHT"}
SETTINGS = {
    "image by image": SmoothingConfig(acceleration_m_s2=None),
    "smoothed": SmoothingConfig(),
}


def speeds_m_s(positions_m: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Return how fast a point moves between moments."""
    return np.linalg.norm(np.diff(positions_m, axis=0), axis=1) / np.diff(times_s)


def alike(seen: np.ndarray, true: np.ndarray) -> float:
    """Return the correlation of two series; NaN where one never changes."""
    return float(np.corrcoef(seen, true)[0, 1]) if min(np.std(seen), np.std(true)) > 0 else np.nan


def player_rows(
    performer: Performer, truth: dict, settings: dict[str, BodyPoses]
) -> list[dict[str, float]]:
    """Return the figures of one player, for each way to smooth."""
    rows: list[dict[str, float]] = []
    joints = {name: np.array(places) for name, places in truth["joints_m"].items()}
    for poses in settings.values():
        row: dict[str, float] = {}
        times_s = poses.times_s
        for name, joint in NAMES.items():
            columns = joints[name].T
            true = np.stack([np.interp(times_s, truth["times_s"], c) for c in columns], axis=1)
            seen = poses.positions_m[:, JOINTS.index(joint)].astype(np.float64)
            row[f"{name} cm"] = 100 * float(np.linalg.norm(seen - true, axis=1).mean())
            if name != "head":
                row[f"{name} still"] = 100 * float(
                    np.linalg.norm(true - true.mean(axis=0), axis=1).mean()
                )
                axis = np.linalg.svd(true - true.mean(axis=0), full_matrices=False)[2][0]
                row[f"{name} place r"] = alike(seen @ axis, true @ axis)
                row[f"{name} velocity r"] = alike(np.diff(seen @ axis), np.diff(true @ axis))
                row[f"{name} speed r"] = alike(speeds_m_s(seen, times_s), speeds_m_s(true, times_s))
        rows.append(row)
    return rows


def main() -> None:
    """Make what is missing, estimate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takes", type=Path, default=Path(tempfile.gettempdir()) / "pose-takes")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    network = load_network()
    everything: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    spent_s = {"all": 0.0, "network": 0.0}
    images = 0
    for seed in range(1, given.count + 1):
        ensemble = ENSEMBLES[(seed - 1) % len(ENSEMBLES)]
        folder = given.takes / f"take-{seed}-{given.seconds:g}s"
        if not folder.exists():
            simulate_take(folder, ensemble, given.seconds, seed, images_only=True)
        document = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
        with open_take(folder) as take:
            performers = find_performers(take)
            watchers = [PoseWatcher(network) for _ in performers]
            times: list[float] = []
            start = time.process_time()
            for time_s, clouds in watch_performers(take, performers):
                times.append(time_s)
                before = time.process_time()
                for watcher, cloud in zip(watchers, clouds, strict=True):
                    watcher.see(cloud)
                    images += 1
                spent_s["network"] += time.process_time() - before
            spent_s["all"] += time.process_time() - start
        for performer, watcher in zip(performers, watchers, strict=True):
            watcher.flush()
            place = performer.trajectory.mean_position_m
            truth = min(
                document["players"],
                key=lambda one: float(np.linalg.norm(np.mean(one["centroids_m"], axis=0) - place)),
            )
            truth["times_s"] = document["times_s"]
            settings = {
                name: poses_of(watcher.sightings, np.array(times), config)
                for name, config in SETTINGS.items()
            }
            for name, row in zip(SETTINGS, player_rows(performer, truth, settings), strict=True):
                everything[name].append(row)
                print(f"{seed} {truth['instrument']:<12} {name:<15}", _line(row))
    for name, rows in everything.items():
        mean = {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
        print(f"mean of {len(rows)} players {name:<15}", _line(mean))
    print({name: f"{1e3 * value / images:.1f} ms CPU" for name, value in spent_s.items()})


def _line(row: dict[str, float]) -> str:
    return "  ".join(f"{key} {value:.2f}" for key, value in row.items())


if __name__ == "__main__":
    main()
