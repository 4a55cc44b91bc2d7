"""`auralize separate`: one stem per player."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from auralize.cli.options import (
    model_option,
    opened_take,
    out_folder,
    out_option,
    recording_options,
)
from auralize.cli.terminal import stage_bars


def _checked_template(context: click.Context, option: click.Parameter, value: str) -> str:
    from separation.stem_folder import file_name

    try:
        file_name(value, performer="performer-1", number=1, take="take")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value


@click.command(epilog="Example: auralize separate take/ --out out")
@recording_options
@out_option
@model_option
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the network runs; auto takes a GPU if there is one. One that is too small hands "
    "over to the CPU, which is said.",
)
@click.option(
    "--body-tracker",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON of a body tracker on this take, for networks that watch movement; whom it does not "
    "see, or without it all, are estimated from the depth images.",
)
@click.option(
    "--attention-at",
    type=click.FloatRange(min=0.0),
    metavar="SECONDS",
    help="Also draw OUT/attention.png: who moves when about this time, and at which of these "
    "moments the network looks. For networks with attention.",
)
@click.option(
    "--template",
    default="{performer}.wav",
    show_default=True,
    callback=_checked_template,
    help="File name of a stem, with {performer}, {number}, {take}; .wav or .flac.",
)
@click.option(
    "--format",
    "sample_format",
    type=click.Choice(["float", "pcm24"]),
    default="float",
    show_default=True,
    help="Samples of the stems; they are never rescaled.",
)
def separate(
    take: Path,
    audio: Path | None,
    rate_hz: float | None,
    out: Path | None,
    model: str | None,
    device: str,
    body_tracker: Path | None,
    attention_at: float | None,
    template: str,
    sample_format: Literal["float", "pcm24"],
) -> None:
    """Separate the sound of TAKE into one stem per player: OUT/stems.

    Uses OUT/performers where it is there, else finds the players first.
    """
    from auralize.stages import STEMS, performers_of, separate_take
    from capture.body_pose import poses_of_performers, read_body_tracker
    from separation.attention_map import attention_of
    from separation.channels import check_rate
    from separation.checkpoint import choose_device, load_model
    from separation.stem_folder import file_names, stem_files

    if template.endswith(".flac") and sample_format == "float":
        raise click.UsageError("FLAC holds integers: add --format pcm24.")
    folder = out_folder(take, out)
    network = load_model(model, choose_device(device))
    if attention_at is not None:
        attention_of(network)  # refused before any work is done on the take
    with stage_bars() as bar, opened_take(take, audio, rate_hz) as opened:
        check_rate(opened.sample_rate_hz)
        performers = performers_of(opened, folder, progress=bar("segment"))
        try:
            file_names([performer.name for performer in performers], template, opened.name)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--template") from error
        poses = None
        if body_tracker is not None:
            bodies = read_body_tracker(body_tracker, opened.world_from_camera)
            poses = poses_of_performers(bodies, performers)
        separation = separate_take(
            opened,
            performers,
            folder,
            network=network,
            poses=poses,
            attention_at_s=attention_at,
            template=template,
            sample_format=sample_format,
            progress=bar("separate"),
        )
    if separation.manifest.device != network.device.type:
        click.echo(f"the network ran on the {separation.manifest.device}", err=True)
    estimated = [
        name for name, source in separation.manifest.poses.items() if source != "body tracker"
    ]
    if estimated:
        click.echo(f"joints estimated from the depth images: {', '.join(estimated)}", err=True)
    for note in separation.notes:
        click.echo(note, err=True)
    for file in stem_files(folder / STEMS).values():
        click.echo(f"{folder / STEMS / file}")
