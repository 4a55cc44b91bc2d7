"""`auralize capture microphones`: where the microphones are, from claps that are seen or placed."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import degrees, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from auralize.cli.options import finite, opened_take, recording_options

if TYPE_CHECKING:
    import numpy as np

    from capture.microphones import MicrophoneGeometry
    from capture.microphones.array_fit import ArrayFit
    from capture.pose import Pose
    from capture.sync.clap_places import ClapPlaces
    from capture.take import Take

_AXES: dict[str, tuple[float, float, float]] = {"up": (0, 0, 1), "down": (0, 0, -1)}


@click.command(
    epilog="Example: auralize capture microphones claps/ --write, or with places of your own: "
    "auralize capture microphones claps/ --source 1.2,0.5,1.1 --at 2 --source 1,-0.6,1.3 --at 5.2"
)
@recording_options
@click.option(
    "--source",
    "sources",
    metavar="X,Y,Z",
    multiple=True,
    help="Where a clap was, in metres; once for all claps, or once for each.  "
    "[default: where hands are seen to meet]",
)
@click.option(
    "--at",
    "at_s",
    metavar="SECONDS",
    type=float,
    callback=finite,
    multiple=True,
    help="About when a clap was, in the sound.  [default: all that are heard and seen]",
)
@click.option(
    "--frame",
    type=click.Choice(["world", "camera"]),
    default="world",
    show_default=True,
    help="Of --source: x front, y left, z up from the floor below the camera; or the depth "
    "camera's X right, Y down, Z forward.",
)
@click.option(
    "--source-error",
    "source_error_m",
    type=click.FloatRange(0.0005, 0.5),
    metavar="METRES",
    help="How well the places are known.  [default: 0.02 for --source, 0.03 for seen ones]",
)
@click.option(
    "--ring", type=click.IntRange(2, 254), default=6, show_default=True, help="Around the middle."
)
@click.option(
    "--radius",
    "radius_m",
    type=click.FloatRange(0.005, 1.0),
    metavar="METRES",
    default=0.04,
    show_default=True,
    help="Of the ring.",
)
@click.option(
    "--axis",
    type=click.Choice(list(_AXES)),
    default="up",
    show_default=True,
    help="Up: channels run anticlockwise seen from above; down: clockwise. Two claps tell.",
)
@click.option(
    "--offset",
    metavar="FRONT,LEFT,UP",
    default="-0.02,0,0.02",
    show_default=True,
    help="From the depth camera to the middle, in metres, where the claps do not tell.",
)
@click.option("--keep-offset", is_flag=True, help="Find the rotation alone.")
@click.option("--write", is_flag=True, help="Put the places into the take's take.json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def microphones(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    sources: tuple[str, ...],
    at_s: tuple[float, ...],
    frame: Literal["world", "camera"],
    source_error_m: float | None,
    ring: int,
    radius_m: float,
    axis: str,
    offset: str,
    keep_offset: bool,
    write: bool,
    as_json: bool,
) -> None:
    """Find how TAKE's ring of microphones is turned and where it is, from claps.

    Clap six times or more in view of the depth camera, from its left edge to its right, 0.8 to 2 m
    away, standing still a moment each time: where the hands meet is seen. Or say where claps were
    (--source, --at). One clap shows the rotation; claps from several sides show in which sense the
    channels run around, and the nearer and more, the offset from the depth camera, too. What they
    do not show stays as given, and is named.
    """
    from capture.errors import DataError
    from capture.microphones import MicrophoneGeometry
    from capture.microphones.calibration import calibrated_entries
    from capture.take.take_file import TAKE_FILE, read_take_file, write_take_file

    if sources and (not at_s or len(sources) not in (1, len(at_s))):
        raise click.UsageError(
            f"{len(at_s)} --at and {len(sources)} --source: give a time for each clap, and one "
            "place for all or one for each."
        )
    path = take / TAKE_FILE
    if write and not path.is_file():
        raise DataError(
            f"{take}: has no {TAKE_FILE} to write to. Make a take folder of the recording with "
            "`auralize capture import`."
        )
    places = [_three(text, "--source") for text in sources]
    geometry = MicrophoneGeometry(
        ring_count=ring, radius_m=radius_m, axis=_AXES[axis], offset_m=_three(offset, "--offset")
    )
    with opened_take(take, audio, rate_hz) as opened:
        if places:
            where = _in_world(places * (len(at_s) // len(places)), frame, opened.world_from_camera)
            fit = _by_places(opened, at_s, where, geometry, not keep_offset, source_error_m)
            seen = None
        else:
            fit, seen = _by_sight(opened, at_s, geometry, not keep_offset, source_error_m)
        entries = calibrated_entries(fit, opened.microphones, opened.center_channel)
        claps = _described(seen, opened.world_from_camera)
    if write:
        described = read_take_file(path)
        write_take_file(path, described.model_copy(update={"microphones": entries}))
    if as_json:
        places_m = [entry.position_m for entry in entries]
        text = {**asdict(fit), "claps": claps, "places_m": places_m, "written": write}
        click.echo(json.dumps(text, indent=2))
        return
    for clap in claps:
        x, y, z = clap["position_m"]
        click.echo(f"clap at {clap['time_s']:.2f} s, at ({x:.2f}, {y:.2f}, {z:.2f}) m")
    if seen is not None and seen.unseen_s:
        times = ", ".join(f"{time_s:.2f}" for time_s in seen.unseen_s)
        click.echo(f"heard, but no hands seen to meet: at {times} s")
    for line in _lines(fit):
        click.echo(line)
    click.echo(
        f"written to {path}" if write else "Nothing was changed: --write puts it into take.json."
    )


def _by_places(
    take: Take,
    at_s: tuple[float, ...],
    where: np.ndarray,
    geometry: MicrophoneGeometry,
    fit_offset: bool,
    error_m: float | None,
) -> ArrayFit:
    from capture.microphones.calibration import calibrate_microphones

    std_m = 0.02 if error_m is None else error_m
    return calibrate_microphones(
        take, at_s, where, geometry, fit_offset=fit_offset, source_std_m=std_m
    )


def _by_sight(
    take: Take,
    at_s: tuple[float, ...],
    geometry: MicrophoneGeometry,
    fit_offset: bool,
    error_m: float | None,
) -> tuple[ArrayFit, ClapPlaces]:
    from auralize.cli.terminal import stage_bars
    from capture.microphones.calibration import SEEN_STD_M, calibrate_by_claps

    with stage_bars() as bar:
        return calibrate_by_claps(
            take,
            geometry,
            near_s=at_s or None,
            fit_offset=fit_offset,
            source_std_m=SEEN_STD_M if error_m is None else error_m,
            progress=bar("listen and look for claps"),
        )


def _described(seen: ClapPlaces | None, world_from_camera: Pose) -> list[dict[str, Any]]:
    """Return when and where, in the world, claps were seen."""
    if seen is None:
        return []
    return [
        {
            "time_s": clap.time_s,
            "position_m": world_from_camera.transform(clap.position_m[None])[0].tolist(),
        }
        for clap in seen.located
    ]


def _lines(fit: ArrayFit) -> list[str]:
    geometry = fit.geometry
    sense = "clockwise" if geometry.axis[2] < 0 else "anticlockwise"
    azimuth = degrees(geometry.rotation_rad) * (-1 if geometry.axis[2] < 0 else 1)
    lines = [
        f"channel 1 at azimuth {azimuth:.1f}° ±{degrees(fit.rotation_std_rad):.1f}°, channels run "
        f"{sense} seen from above" + (" (as given)" if "axis" in fit.kept else "")
    ]
    for name, value, std in zip(
        ("front", "left", "up"), geometry.offset_m, fit.offset_std_m, strict=True
    ):
        sure = "as given: these claps do not show it" if std is None else f"±{1e3 * std:.0f} mm"
        lines.append(f"offset {name:<5} {1e3 * value:+5.0f} mm, {sure}")
    lines.append(f"left by the delays: {1e6 * fit.rms_s:.1f} µs")
    return lines


def _three(text: str, option: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError:
        x = y = z = float("nan")
    if not all(isfinite(value) for value in (x, y, z)):
        raise click.BadParameter(f"{text!r} is not three numbers X,Y,Z.", param_hint=option)
    return x, y, z


def _in_world(
    places: list[tuple[float, float, float]], frame: str, world_from_camera: Pose
) -> np.ndarray:
    import numpy as np

    points = np.array(places)
    return points if frame == "world" else world_from_camera.transform(points)
