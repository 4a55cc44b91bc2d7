"""`auralize listen`: a scene live, with a head that moves."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from auralize.cli.options import allow_outside_option, sofa_option


@click.command(epilog="Example: auralize listen scene.yaml, or try it with --to heard.wav")
@click.argument("scene", type=click.Path(path_type=Path))
@sofa_option
@click.option("--device", help="Audio device: its number, or part of its name.")
@click.option(
    "--block",
    type=click.IntRange(32, 8192),
    default=512,
    show_default=True,
    help="Samples rendered at a time: fewer answer sooner, more are safer from dropouts.",
)
@click.option(
    "--osc-host",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen for OSC head trackers; 0.0.0.0 also hears phones on the network.",
)
@click.option(
    "--osc-port",
    type=click.IntRange(0, 65_535),
    default=9000,
    show_default=True,
    help="UDP port for head trackers; 0 for any that is free.",
)
@click.option("--no-osc", is_flag=True, help="Listen to no head tracker.")
@click.option("--no-room", is_flag=True, help="Leave out the room.")
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option("--seconds", type=click.FloatRange(min=0.0), help="Stop after this time.")
@click.option(
    "--to",
    "to_file",
    type=click.Path(path_type=Path),
    help="Write what would be heard to a WAV instead of playing it, as fast as it goes.",
)
@allow_outside_option
def listen(
    scene: Path,
    sofa: Path | None,
    device: str | None,
    block: int,
    osc_host: str,
    osc_port: int,
    no_osc: bool,
    no_room: bool,
    loop: bool,
    seconds: float | None,
    to_file: Path | None,
    allow_outside: bool,
) -> None:
    """Play the scene file SCENE to headphones, and turn and walk in it.

    \b
    arrow keys   turn the head; up and down tilt it
    w a s d      walk
    r            back to where the scene has the head
    1 to 9       mute a source, or let it sound again
    space , .    pause, five seconds back, on
    q            end

    Head trackers send OSC over UDP: /ypr, /yaw, /pitch, /roll (degrees), /quaternion (w x y z),
    /xyz (metres) or /head_pose (x y z yaw pitch roll), under any prefix.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from auralize.cli.keyboard import pressed_keys
    from auralize.hrtf.head import read_hrtf
    from auralize.listen.audio_output import AudioOutput, DeviceOutput, FileOutput
    from auralize.listen.head_tracker import HeadTracker
    from auralize.listen.listening import Session
    from auralize.listen.listening import listen as play
    from auralize.output.headphone_eq import read_headphone_eq
    from auralize.stream.renderer import StreamRenderer
    from scenes.scene_file import read_scene

    if loop and to_file is not None and seconds is None:
        raise click.UsageError("--loop with --to needs --seconds, or the file would never end.")
    what = read_scene(scene, allow_outside=allow_outside)
    if no_room:
        what = what.model_copy(update={"room": None})
    head = read_hrtf(sofa) if sofa is not None else None
    headphones = what.output.headphone_eq
    equalisation = (
        None
        if headphones is None
        else read_headphone_eq(scene.parent / headphones, what.sample_rate_hz)
    )
    with ExitStack() as stack:
        output: AudioOutput = (
            FileOutput(to_file, what.sample_rate_hz)
            if to_file is not None
            else DeviceOutput(what.sample_rate_hz, block, device)
        )
        stream = stack.enter_context(StreamRenderer(what, scene.parent, head, block=block))
        if loop:
            stream.loop()
        session = Session(stream)
        if not no_osc:
            tracker = stack.enter_context(HeadTracker(osc_host, osc_port, session.track))
            click.echo(f"head trackers: OSC over UDP at {osc_host}:{tracker.port}", err=True)
        latency_ms = 1e3 * (stream.latency_s + output.latency_s)
        click.echo(
            f"latency: {latency_ms:.1f} ms ({block} samples, the head's own delay"
            f"{', and the device' if to_file is None else ''})",
            err=True,
        )
        if stream.following_s is not None:
            click.echo("the room's reflections follow as soon as they are worked out", err=True)
        keys = stack.enter_context(pressed_keys(session.press))
        if keys:
            click.echo("arrow keys, w a s d, r, 1-9, space, comma, full stop; q ends", err=True)
        stack.enter_context(output)
        clipped = play(stream, session, output, equalisation=equalisation, seconds=seconds)
        if stream.following_s:
            follow_ms = 1e3 * stream.following_s + latency_ms
            click.echo(f"reflections followed the last move after {follow_ms:.0f} ms", err=True)
    if clipped:
        click.echo(
            f"warning: {clipped} blocks were cut off at full scale: lower gain_db in the scene.",
            err=True,
        )
