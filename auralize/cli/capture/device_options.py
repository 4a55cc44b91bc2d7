"""Options that say which devices are meant, and how they are set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from capture.camera.k4a_modes import COLOR_FORMATS, COLOR_RESOLUTIONS, DEPTH_MODES, FRAME_RATES_HZ

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_COLOR_MODES = [f"{kind}_{size}" for kind in COLOR_FORMATS for size in COLOR_RESOLUTIONS]

library_option: Decorator = click.option(
    "--k4a-library",
    metavar="FILE",
    help="The libk4a to use: Orbbec's for a Femto.  [default: $AURALIZE_K4A_LIBRARY, or pyk4a's]",
)


def camera_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that set the cameras."""
    for option in (
        library_option,
        click.option("--infrared", is_flag=True, help="Record infrared images, too."),
        click.option(
            "--fps",
            type=click.Choice([str(fps) for fps in FRAME_RATES_HZ]),
            default="30",
            show_default=True,
            help="Images a second.",
        ),
        click.option(
            "--color",
            "color_mode",
            type=click.Choice([*_COLOR_MODES, "OFF"]),
            metavar="MODE",
            default="MJPG_720P",
            show_default=True,
            help="Color mode: MJPG, NV12, YUY2 or BGRA, and a resolution; or OFF.",
        ),
        click.option(
            "--depth",
            "depth_mode",
            type=click.Choice(list(DEPTH_MODES)),
            default="NFOV_UNBINNED",
            show_default=True,
            help="Depth mode.",
        ),
        click.option(
            "--camera",
            "camera_index",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Which of several cameras.",
        ),
    ):
        verb = option(verb)
    return verb


def sound_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that set the sound device."""
    for option in (
        click.option(
            "--center",
            type=click.IntRange(0),
            help="Channel of the main microphone, from which stems are separated.  [default: 0]",
        ),
        click.option(
            "--sound-bits",
            type=click.Choice(["16", "24"]),
            default="16",
            show_default=True,
            help="Bits of a sample.",
        ),
        click.option(
            "--sound-rate",
            type=click.IntRange(8000, 192_000),
            help="Samples a second.  [default: 48000 of the Kinect, else the device's own]",
        ),
        click.option("--channels", type=click.IntRange(1, 255), help="How many.  [default: all]"),
        click.option(
            "--sound",
            metavar="DEVICE",
            help="Number or part of the name of the sound device, or none.  [default: the Kinect]",
        ),
    ):
        verb = option(verb)
    return verb
