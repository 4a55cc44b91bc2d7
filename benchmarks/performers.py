"""Players found in simulated scenes, against the truth: how many, where, which way they face.

    python -m benchmarks.performers [--scenes 20] [--hard] [--seconds 5] [--first 1] [--keep FOLDER]

Scene N has 2 to 6 people of the test split with instruments drawn by N, who sit and stand in a
room as in a simulated take, seen by the depth camera five times a second. With --hard, the scene
has one thing more that segmentation finds hard, in turn: neighbours who overlap, somebody who
walks through (in twice the time), a large box behind the players, an uneven and tilted floor,
players at the far end of the range, a player half out of view.

Reported for each scene: players found of those there, images with the right number of players,
changes of identity, the centroids' error (mean over time and players; worst player), the facing's
error (mean and worst, over players), and CPU milliseconds an image. --keep keeps the images of
the scenes for the next run.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from capture.calibration import Calibration
from capture.finder import find_performers
from capture.instruments import INSTRUMENTS
from capture.performer import Performer
from capture.point_cloud import PointCloud
from capture.simulate.bodies import TEST_BODIES
from capture.simulate.empty_room import Shell
from capture.simulate.kinect import NOTHING, SimulatedKinect, camera_pose
from capture.simulate.layout import arrange, draw_room, in_front_row, row_of
from capture.simulate.player import BODY, BOW, INSTRUMENT, Player
from capture.simulate.score import compose
from capture.simulate.solids import Mesh, box, join

RATE_HZ = 5.0
HARD = ("overlap", "walker", "box", "floor", "far", "edge")
NOBODY = 255
FURNITURE = 254
WALKER = 253
_WALKING_M_S = 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmedScene:
    """Depth images of a scene as point clouds, and what is true of it.

    Attributes:
        times_s: Shape (images,).
        clouds_m: One array (points, 3) an image.
        owners: For each point the player, or NOBODY, FURNITURE, WALKER.
        facings_rad: Shape (images, players).
        instruments: One name a player.
        trouble: What makes the scene hard, or "".
    """

    times_s: np.ndarray
    clouds_m: list[np.ndarray]
    owners: list[np.ndarray]
    facings_rad: np.ndarray
    instruments: tuple[str, ...]
    trouble: str

    def point_cloud(self, index: int, *, color: bool = True) -> PointCloud:
        """Return one image, as a take does."""
        del color
        return PointCloud(positions_m=self.clouds_m[index])

    def centroids_m(self, player: int) -> np.ndarray:
        """Return the centroid of a player's points in each image, NaN where there are few."""
        centroids = np.full((len(self.times_s), 3), np.nan)
        for index, (cloud, owner) in enumerate(zip(self.clouds_m, self.owners, strict=True)):
            own = cloud[owner == player]
            if len(own) >= 500:
                centroids[index] = own.mean(axis=0, dtype=np.float64)
        return centroids


def film_scene(number: int, seconds: float, trouble: str) -> FilmedScene:
    """Put an ensemble in a room and look at it."""
    if trouble == "walker":
        seconds *= 2
    rng = np.random.default_rng([number, 77])
    count = (
        int(rng.integers(2, 7))
        if trouble not in ("edge", "far", "box")
        else int(rng.integers(2, 5))
    )
    names = tuple(INSTRUMENTS[i] for i in rng.integers(0, len(INSTRUMENTS), count))
    players = _players(names, seconds, number, rng)
    _make_trouble(players, trouble, rng)
    bounds = draw_room(players, rng)
    kinect = SimulatedKinect(
        Calibration.simulated(color_mode=None),
        camera_pose(rng.uniform(1.1, 1.5), rng.uniform(0.09, 0.16), rng.uniform(-0.01, 0.01)),
        shell=Shell(bounds_m=bounds),
    )
    still = _furniture(trouble, players, rng)
    walker = None
    if trouble == "walker":
        walker = _players(("saxophone",), seconds, number + 5000, rng)[0]
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    clouds: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    facings = np.zeros((len(times), count))
    for index, time_s in enumerate(times):
        meshes, faces_of = [], []
        for number_of, player in enumerate(players):
            state = player.state_at(float(time_s))
            facings[index, number_of] = state.facing_yaw_rad
            meshes.append(
                Mesh(vertices_m=state.vertices_m, faces=player.faces, colors=player.colors)
            )
            personal = np.isin(player.face_parts, (BODY, INSTRUMENT, BOW))
            faces_of.append(np.where(personal, number_of, FURNITURE))
        if walker is not None:
            way = _WALKING_M_S * (time_s - seconds / 2)
            walker.position_m, walker.yaw_rad = np.array([1.35 + 0.2 * way, way]), np.pi / 2
            meshes.append(walker.mesh_at(float(time_s)))
            faces_of.append(np.full(len(walker.faces), WALKER))
        if still is not None:
            meshes.append(still)
            faces_of.append(np.full(len(still.faces), FURNITURE))
        points, owner = _look(kinect, join(meshes), np.concatenate(faces_of), rng)
        if trouble == "floor":
            points = _on_uneven_floor(points)
        clouds.append(points)
        owners.append(owner)
    return FilmedScene(
        times_s=times,
        clouds_m=clouds,
        owners=owners,
        facings_rad=facings,
        instruments=names,
        trouble=trouble,
    )


def _players(
    names: Sequence[str], seconds: float, seed: int, rng: np.random.Generator
) -> list[Player]:
    parts = compose(list(names), seconds, seed)
    order = row_of(names, rng)
    people = np.concatenate([rng.permutation(TEST_BODIES) for _ in range(len(names))])
    players: list[Player] = []
    for index, part in enumerate(parts):
        in_front = in_front_row(order.index(index), len(names))
        can_sit = part.instrument not in ("double_bass", "saxophone")
        players.append(
            Player(
                part.instrument,
                np.random.default_rng([seed, 2, index]),
                notes=part.notes,
                seconds=seconds,
                split="test",
                body_id=int(people[index]),
                seated=True if in_front and can_sit else None,
                stand=bool(rng.random() < 0.6) and (in_front or len(names) < 5),
            )
        )
    arrange(players, order, rng, seconds)
    return players


def _make_trouble(players: Sequence[Player], trouble: str, rng: np.random.Generator) -> None:
    """Move players to where they are hard to tell apart or to see."""
    turn = 0.0
    if trouble == "edge":
        turn = 0.35 + 0.1 * rng.random()
    for player in players:
        distance = float(np.linalg.norm(player.position_m))
        azimuth = float(np.arctan2(player.position_m[1], player.position_m[0]))
        new_azimuth = (azimuth * 0.72 if trouble == "overlap" else azimuth) + turn
        if trouble == "far":
            distance += 0.75
        player.yaw_rad += new_azimuth - azimuth
        player.position_m = distance * np.array([np.cos(new_azimuth), np.sin(new_azimuth)])


def _furniture(trouble: str, players: Sequence[Player], rng: np.random.Generator) -> Mesh | None:
    if trouble != "box":
        return None
    places = np.array([player.position_m for player in players])
    x, y = places[:, 0].max() + 0.8, places[:, 1].mean() + rng.uniform(-0.3, 0.3)
    return box((0.6, 1.4, 1.15), (x, y, 0.575), (60, 50, 45))


def _look(
    kinect: SimulatedKinect, mesh: Mesh, owner_of_face: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    depth_m, face = kinect.see(mesh.vertices_m, mesh.faces)
    depth_mm = kinect.measure(mesh.vertices_m, mesh.faces, mesh.colors, depth_m, face, rng)
    seen = depth_mm > 0
    rays = kinect.calibration.depth_rays()[seen]
    points = kinect.world_from_camera.transform(rays * (depth_mm[seen, None] * np.float32(1e-3)))
    owner = np.where(face[seen] == NOTHING, NOBODY, owner_of_face[face[seen]])
    return points.astype(np.float32), owner.astype(np.uint8)


def _on_uneven_floor(points: np.ndarray) -> np.ndarray:
    """Let the floor rise and fall by 2 cm, and level the world wrongly by a degree."""
    moved = points.copy()
    moved[:, 2] += 0.02 * np.sin(2.1 * points[:, 0]) * np.cos(1.7 * points[:, 1])
    moved[:, 2] += np.float32(np.tan(np.radians(1.0))) * points[:, 1]
    return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How well the players of one scene were found."""

    there: int
    found: int
    right_images: float
    swaps: int
    centroid_m: np.ndarray
    facing_deg: np.ndarray
    worst_image_m: float


def compare(scene: FilmedScene, performers: Sequence[Performer]) -> Result:
    """Match performers with players and measure errors over the images."""
    players = len(scene.instruments)
    truth = np.array([scene.centroids_m(player) for player in range(players)])
    times = scene.times_s
    paths = np.array([each.trajectory.positions_at(times) for each in performers])
    paths = paths.reshape(len(performers), len(times), 3)
    distance = np.linalg.norm(paths[:, None] - truth[None], axis=-1)
    # Who is never in view has no centroid, and is not looked for.
    in_view = np.flatnonzero(np.isfinite(truth[..., 0]).any(axis=1))
    whole = np.full((len(performers), players), np.nan)
    whole[:, in_view] = np.nanmean(distance[:, in_view], axis=2)
    rows, columns = linear_sum_assignment(np.nan_to_num(whole, nan=9.0))
    kept = [(a, b) for a, b in zip(rows, columns, strict=True) if whole[a, b] < 0.6]
    swaps = sum(
        int(np.count_nonzero(np.diff(np.nan_to_num(distance[a], nan=9.0).argmin(axis=0))))
        for a, _ in kept
    )
    present = np.array([_present(each, times) for each in performers]).reshape(-1, len(times))
    right = np.mean(present.sum(axis=0) == np.isfinite(truth[..., 0]).sum(axis=0))
    facing = [
        np.degrees(
            np.mean(
                np.abs(
                    _wrapped(
                        np.array([performers[a].trajectory.at(float(t)).yaw_rad for t in times])
                        - scene.facings_rad[:, b]
                    )
                )
            )
        )
        for a, b in kept
    ]
    return Result(
        there=len(in_view),
        found=len(performers),
        right_images=float(right),
        swaps=swaps,
        centroid_m=np.array([whole[a, b] for a, b in kept]),
        facing_deg=np.array(facing),
        worst_image_m=float(np.nanmax([distance[a, b] for a, b in kept])) if kept else np.nan,
    )


def _present(performer: Performer, times_s: np.ndarray) -> np.ndarray:
    first, last = performer.trajectory.times_s[[0, -1]]
    return (times_s >= first - 1e-6) & (times_s <= last + 1e-6)


def _wrapped(angle_rad: np.ndarray) -> np.ndarray:
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi


def _kept_scene(folder: Path | None, number: int, seconds: float, trouble: str) -> FilmedScene:
    if folder is None:
        return film_scene(number, seconds, trouble)
    path = folder / f"scene-{number}-{trouble or 'plain'}-{seconds:g}s.npz"
    if not path.exists():
        scene = film_scene(number, seconds, trouble)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            times=scene.times_s,
            sizes=[len(cloud) for cloud in scene.clouds_m],
            points=np.concatenate(scene.clouds_m),
            owners=np.concatenate(scene.owners),
            facings=scene.facings_rad,
            instruments=np.array(scene.instruments),
        )
        return scene
    with np.load(path) as data:
        cuts = np.cumsum(data["sizes"])[:-1]
        return FilmedScene(
            times_s=data["times"],
            clouds_m=np.split(data["points"], cuts),
            owners=np.split(data["owners"], cuts),
            facings_rad=data["facings"],
            instruments=tuple(str(name) for name in data["instruments"]),
            trouble=trouble,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="number of the first scene")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the scenes' images")
    options = parser.parse_args(arguments)
    results: list[Result] = []
    milliseconds: list[float] = []
    print("scene                found  right  swaps  centroid cm      facing °       CPU ms")
    print("                             images        mean worst       mean worst     an image")
    for number in range(options.first, options.first + options.scenes):
        trouble = HARD[number % len(HARD)] if options.hard else ""
        scene = _kept_scene(options.keep, number, options.seconds, trouble)
        started = time.process_time()
        performers = find_performers(scene)
        milliseconds.append(1e3 * (time.process_time() - started) / len(scene.times_s))
        result = compare(scene, performers)
        results.append(result)
        print(
            f"{number:4d} {trouble:14s} {result.found:4d}/{result.there}  "
            f"{100 * result.right_images:4.0f} %  {result.swaps:4d}  "
            f"{100 * _mean(result.centroid_m):6.1f} {100 * _worst(result.centroid_m):5.1f}  "
            f"    {_mean(result.facing_deg):6.0f} {_worst(result.facing_deg):5.0f}   "
            f"{milliseconds[-1]:8.0f}"
        )
    centroid = np.concatenate([result.centroid_m for result in results])
    facing = np.concatenate([result.facing_deg for result in results])
    print(
        f"players found {len(centroid)} of {sum(result.there for result in results)}; "
        f"scenes with the right number {sum(r.found == r.there for r in results)} of "
        f"{len(results)}; images with the right number "
        f"{100 * np.mean([r.right_images for r in results]):.0f} %; "
        f"changes of identity {sum(r.swaps for r in results)}"
    )
    print(
        f"centroid error: median {100 * np.median(centroid):.1f} cm, mean "
        f"{100 * centroid.mean():.1f} cm, worst {100 * centroid.max():.1f} cm; "
        f"facing error: median {np.median(facing):.0f}°, mean {facing.mean():.0f}°, "
        f"90 % below {np.percentile(facing, 90):.0f}°; "
        f"{np.median(milliseconds):.0f} CPU ms an image, load {os.getloadavg()[0]:.0f}"
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _worst(values: np.ndarray) -> float:
    return float(np.max(values)) if len(values) else float("nan")


if __name__ == "__main__":
    main()
