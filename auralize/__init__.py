"""Render scenes to sound; the pipeline and the `auralize` command.

Names are imported when they are first used, so that a command that only prints its help does not
wait for torch or scipy.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from auralize.ambisonics.render import render_ambisonics
    from auralize.compose import compose_scene
    from auralize.exporting import export
    from auralize.hrtf.head import Hrtf, read_hrtf
    from auralize.output.ambisonic_files import DecodeReport, decode
    from auralize.output.render_report import RenderReport
    from auralize.output.rendering import render
    from auralize.pipeline import run
    from auralize.receipt import Receipt
    from auralize.stream.binaural import render_binaural

__all__ = [
    "DecodeReport",
    "Hrtf",
    "Receipt",
    "RenderReport",
    "compose_scene",
    "decode",
    "export",
    "read_hrtf",
    "render",
    "render_ambisonics",
    "render_binaural",
    "run",
]

_HOMES = {
    "DecodeReport": "auralize.output.ambisonic_files",
    "Hrtf": "auralize.hrtf.head",
    "Receipt": "auralize.receipt",
    "RenderReport": "auralize.output.render_report",
    "compose_scene": "auralize.compose",
    "decode": "auralize.output.ambisonic_files",
    "export": "auralize.exporting",
    "read_hrtf": "auralize.hrtf.head",
    "render": "auralize.output.rendering",
    "render_ambisonics": "auralize.ambisonics.render",
    "render_binaural": "auralize.stream.binaural",
    "run": "auralize.pipeline",
}

__getattr__ = lazy(__name__, _HOMES)
