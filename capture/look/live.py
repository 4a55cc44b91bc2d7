"""A take in the viewer of Rerun: to turn around, with its timeline; where it is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from capture.errors import OutputError
from capture.files.atomic import atomic_path
from capture.look.film import LookConfig, images_at_rate
from capture.look.players import PlayerPoints, painted, player_color
from capture.optional import optional
from capture.performer import Performer
from capture.players import DepthImages

LIVE_EXTRA = "look"
_THIN_M = 0.01
_POINT_M = 0.006
_ARROW_M = 0.45
_ABSENT_S = 0.5


def need_rerun() -> Any:
    """Return Rerun.

    Raises:
        DependencyError: It is not installed.
    """
    return optional("rerun", extra=LIVE_EXTRA, purpose="live pictures")


def show_live(
    take: DepthImages,
    performers: Sequence[Performer] = (),
    *,
    name: str = "take",
    save: str | os.PathLike[str] | None = None,
    config: LookConfig | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Open a take in Rerun's viewer, which stays open, or write it for the viewer.

    Args:
        take: The recording.
        performers: Who is in it.
        name: What the viewer calls it.
        save: Write this .rrd file, and open nothing.
        config: Images a second, and how many at most.
        progress: Called with the fraction done.

    Raises:
        DependencyError: Rerun is not installed.
        DataError: An image is broken.
        OutputError: The file cannot be written, or the viewer does not start.
    """
    rerun = need_rerun()
    report = progress or (lambda fraction: None)
    chosen = images_at_rate(take.times_s, config or LookConfig(most=600))
    stream = rerun.RecordingStream(f"auralize: {name}")
    if save is not None:
        with atomic_path(save) as temporary:
            try:
                stream.save(temporary)
                _log(rerun, stream, take, performers, chosen, report)
                stream.flush()
            except (OSError, RuntimeError) as error:
                raise OutputError(f"{save}: cannot be written ({error}).") from error
            finally:
                stream.disconnect()
        return
    if not has_display():
        raise OutputError(
            "there is no display for Rerun's viewer. Write a file for it (-o take.rrd), and open "
            "that where there is one (rerun take.rrd); or draw a picture without --live."
        )
    try:
        stream.spawn()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"Rerun's viewer does not start ({error}).") from error
    _log(rerun, stream, take, performers, chosen, report)
    stream.flush()


def has_display() -> bool:
    """Return whether windows can be shown, as far as the environment says."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _log(
    rerun: Any,
    stream: Any,
    take: DepthImages,
    performers: Sequence[Performer],
    chosen: np.ndarray,
    report: Callable[[float], None],
) -> None:
    """Send the images, and who faces where, on the timeline "take"."""
    stream.log("world", rerun.ViewCoordinates.FLU, static=True)
    points = PlayerPoints(performers)
    for done, index in enumerate(chosen, start=1):
        time_s = float(take.times_s[index])
        stream.set_time("take", duration=time_s)
        cloud = take.image_point_cloud(int(index)).thinned(_THIN_M)
        colors = painted(cloud, points.owners(cloud.positions_m, time_s))
        stream.log("world/points", rerun.Points3D(cloud.positions_m, colors=colors, radii=_POINT_M))
        for number, performer in enumerate(performers):
            path = performer.trajectory
            if not path.times_s[0] - _ABSENT_S <= time_s <= path.times_s[-1] + _ABSENT_S:
                stream.log(f"world/{performer.name}", rerun.Clear(recursive=False))
                continue
            here = path.at(time_s)
            way = _ARROW_M * np.array([np.cos(here.yaw_rad), np.sin(here.yaw_rad), 0.0])
            stream.log(
                f"world/{performer.name}",
                rerun.Arrows3D(
                    origins=[here.position_m],
                    vectors=[way],
                    colors=[player_color(number)],
                    labels=[performer.instrument or performer.name],
                ),
            )
        report(done / len(chosen))
