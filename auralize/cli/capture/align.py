"""`auralize capture align`: several cameras of one scene into one world."""

from __future__ import annotations

import json
from contextlib import ExitStack
from math import degrees, isfinite, radians
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auralize.cli.options import finite, opened_take

if TYPE_CHECKING:
    from capture.pose import Pose
    from capture.rig import Aligned, Lag
    from capture.take import Take


@click.command(epilog="Example: auralize capture align left/ right/ --write --fuse both")
@click.argument(
    "paths", metavar="TAKES...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--pose",
    "poses",
    metavar="X,Y,YAW",
    multiple=True,
    help="About where the camera of the second take stands in the first one's world, in metres, "
    "and where it looks, in degrees from the first one's front to the left; again for the third.",
)
@click.option(
    "--lag",
    "lags_s",
    type=float,
    callback=finite,
    metavar="SECONDS",
    multiple=True,
    help="How much later the second take's times are than the first one's; again for the third.  "
    "[default: by the wire between the sensors, else by what both heard, else by what moved]",
)
@click.option("--write", is_flag=True, help="Put the poses into the take.json of each take.")
@click.option(
    "--fuse",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Make the take OUT of all clouds, with the first one's sound.",
)
@click.option(
    "--voxel",
    "voxel_m",
    type=click.FloatRange(0.001, 0.1),
    default=0.01,
    show_default=True,
    metavar="METRES",
    help="With --fuse: at most one point in a cube of this side.",
)
@click.option("--force", is_flag=True, help="With --fuse: replace the take OUT when it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def align(
    paths: tuple[Path, ...],
    poses: tuple[str, ...],
    lags_s: tuple[float, ...],
    write: bool,
    fuse: Path | None,
    voxel_m: float,
    force: bool,
    as_json: bool,
) -> None:
    """Find where the cameras of TAKES stand that saw one scene at the same time.

    The world is that of the first take. Each is levelled by its floor, then laid on the others by
    what both see: players, furniture, walls. With --write every take opens in the one world. By how
    much the takes' times differ is found, too: clap at the start, in view of all.
    """
    from auralize.cli.terminal import stage_bars
    from capture.errors import DataError
    from capture.export import export_clouds
    from capture.rig import FusedImages, Lag
    from capture.rig import align as find_poses
    from capture.take.take_file import TAKE_FILE

    others = len(paths) - 1
    _check(others, poses, lags_s)
    lags = [Lag(), *(map(_given, lags_s) if lags_s else [None] * others)]
    for path in paths:
        if write and not (path / TAKE_FILE).is_file():
            raise DataError(
                f"{path}: has no {TAKE_FILE} to write to. Make a take folder of the recording with "
                "`auralize capture import`."
            )
    with ExitStack() as stack:
        takes = [stack.enter_context(opened_take(path, None, None)) for path in paths]
        guesses: list[Pose | None] = [None] * len(takes)
        for number, text in enumerate(poses, start=1):
            guesses[number] = _guess(text, takes[number])
        with stage_bars() as bar:
            found = find_poses(
                takes,
                lags=lags,
                guesses=guesses,
                progress=bar("lay clouds on one another"),
            )
            if fuse is not None:
                where = [each.world_from_camera for each in found]
                known = [each.lag for each in found]
                fused = FusedImages(takes, where, lags=known, voxel_m=voxel_m)
                export_clouds(
                    takes[0], fuse, images=fused, replace=force, progress=bar(f"write {fuse}")
                )
    if write:
        for path, each in zip(paths, found, strict=True):
            _write(path / TAKE_FILE, each.world_from_camera)
    _warn(paths, found)
    _say(paths, found, as_json, write)
    if fuse is not None and not as_json:
        click.echo(f"wrote {fuse}")


def _check(others: int, poses: tuple[str, ...], lags_s: tuple[float, ...]) -> None:
    if others < 1:
        raise click.UsageError("give two takes or more.")
    if len(poses) not in (0, others) or len(lags_s) not in (0, others):
        raise click.UsageError(f"give a --pose, and a --lag, for each of the {others} other takes.")


def _warn(paths: tuple[Path, ...], found: tuple[Aligned, ...]) -> None:
    for path, each in zip(paths, found, strict=True):
        if each.lag.source == "assumed":
            click.echo(
                f"warning: {path}: neither sound nor motion shows how its times lie to those of "
                f"{paths[0]}: they are taken to be the same. Give --lag, or clap in view of both.",
                err=True,
            )


def _say(paths: tuple[Path, ...], found: tuple[Aligned, ...], as_json: bool, written: bool) -> None:
    described = [
        {
            "take": str(path),
            "position_m": each.world_from_camera.position_m.tolist(),
            "orientation_wxyz": each.world_from_camera.orientation_wxyz.tolist(),
            "share": each.share,
            "rms_m": each.rms_m,
            "lag": {
                "seconds": each.lag.seconds,
                "drift_ppm": 1e6 * each.lag.drift,
                "error_s": each.lag.error_s,
                "source": each.lag.source,
            },
        }
        for path, each in zip(paths, found, strict=True)
    ]
    if as_json:
        click.echo(json.dumps({"cameras": described, "written": written}, indent=2))
        return
    for number, (path, each) in enumerate(zip(paths, found, strict=True)):
        x, y, z = each.world_from_camera.position_m
        sure = f", {100 * each.share:.0f} % shared, {1e3 * each.rms_m:.1f} mm off"
        click.echo(
            f"{path}: camera at ({x:.3f}, {y:.3f}, {z:.3f}) m, looks to "
            f"{degrees(_looks_rad(each.world_from_camera)):.1f}°" + (sure if number else "")
        )
        if number:
            click.echo(f"  its times are later by {each.lag}")
    if not written:
        click.echo("No take was changed: --write puts the poses into take.json.")


def _given(seconds: float) -> Lag:
    from capture.rig import Lag

    return Lag(seconds=seconds)


def _looks_rad(world_from_camera: Pose) -> float:
    from math import atan2

    ahead = world_from_camera.rotation[:, 2]
    return atan2(ahead[1], ahead[0])


def _guess(text: str, take: Take) -> Pose:
    """Return the pose of a camera from its place and direction, its level from its own take."""
    import numpy as np

    from capture.pose import Pose, quaternion_from_yaw

    try:
        x, y, yaw_deg = (float(word) for word in text.split(","))
    except ValueError:
        x = y = yaw_deg = float("nan")
    if not all(isfinite(value) for value in (x, y, yaw_deg)):
        raise click.BadParameter(f"{text!r} is not three numbers X,Y,YAW.", param_hint="--pose")
    own = take.world_from_camera
    turn = Pose(
        position_m=np.zeros(3),
        orientation_wxyz=quaternion_from_yaw(radians(yaw_deg) - _looks_rad(own)),
    )
    moved = turn.compose(own)
    return Pose(
        position_m=np.array([x, y, moved.position_m[2]]), orientation_wxyz=moved.orientation_wxyz
    )


def _write(path: Path, pose: Pose) -> None:
    from capture.export.recordings import pose_entry
    from capture.take.take_file import read_take_file, write_take_file

    described = read_take_file(path)
    write_take_file(path, described.model_copy(update={"world_from_camera": pose_entry(pose)}))
