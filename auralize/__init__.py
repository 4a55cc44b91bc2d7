"""Render scenes to sound; the pipeline and the `auralize` command.

Names are imported when they are first used, so that a command that only prints its help does not
wait for torch or scipy.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from auralize.ambisonic_files import DecodeReport, decode
    from auralize.ambisonics import render_ambisonics
    from auralize.binaural import render_binaural
    from auralize.compose import compose_scene
    from auralize.hrtf import Hrtf, read_hrtf
    from auralize.pipeline import run
    from auralize.receipt import Receipt
    from auralize.render_report import RenderReport
    from auralize.rendering import render

__all__ = [
    "DecodeReport",
    "Hrtf",
    "Receipt",
    "RenderReport",
    "compose_scene",
    "decode",
    "read_hrtf",
    "render",
    "render_ambisonics",
    "render_binaural",
    "run",
]

_HOMES = {
    "DecodeReport": "auralize.ambisonic_files",
    "Hrtf": "auralize.hrtf",
    "Receipt": "auralize.receipt",
    "RenderReport": "auralize.render_report",
    "compose_scene": "auralize.compose",
    "decode": "auralize.ambisonic_files",
    "read_hrtf": "auralize.hrtf",
    "render": "auralize.rendering",
    "render_ambisonics": "auralize.ambisonics",
    "render_binaural": "auralize.binaural",
    "run": "auralize.pipeline",
}

__getattr__ = lazy(__name__, _HOMES)
