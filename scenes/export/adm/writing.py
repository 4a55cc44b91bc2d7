"""Target `adm`: one BW64 file, and a README.

Positions are relative to the listener's pose at time 0. Distances are normalised by the nearest one
that ever occurs (`absoluteDistance`), so that none is below 1: renderers of BS.2127 spread what is
nearer than 1, and leave points that are farther alone. They know no distance law, so it is in the
gains of the blocks.

The scene itself travels along in a chunk of its own, which readers skip: with it, `auralize import`
brings back what ADM has no word for (see `scene_chunk`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from capture.axes import adm_from_world
from scenes.export.adm.axml import axml, tracks
from scenes.export.adm.blocks import blocks, nearest_m
from scenes.export.adm.bw64 import write_bw64
from scenes.export.adm.scene_chunk import CHUNK, scene_chunk
from scenes.export.exported import ExportedScene
from scenes.export.readme import readme
from scenes.export.wav import common_gain_db

_OPENING = """\
1. Open `{name}` in any program that imports ADM as objects (a DAW with an ADM importer, the EBU
   tools), or render it to loudspeakers with the EBU ADM Renderer:

       python -m pip install ear "setuptools<81"
       ear-render -s 4+5+0 {name} loudspeakers.wav

2. Programs that know no ADM open it as a WAV of {count} channels, one a source, in the order of the
   table below.
3. `auralize import {name} -o scene.yaml` makes a scene of it again."""

_MORE = """\
Azimuth is anticlockwise from the listener's front at time 0 (left is positive), elevation is up.
A distance of 1 is {absolute_m:.3f} m (`absoluteDistance`): the nearest that anything ever is.
ADM renderers know no distance law, so the gain of each block has it, with the source's
own gain.{back}

ADM has no room, no directivity and no facing: objects are heard as in the open. The file carries
the scene along in a chunk `{chunk}`, which other programs skip; some drop it when they save.
Heads that turn, HRTFs, meshes and players' point clouds are not in the file."""

_BACK = """
Samples were turned down by {gain_db:.2f} dB so that none clips, and the gains turned up by as much:
the level is the scene's."""


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a scene as ADM into an empty folder."""
    pose = exported.listener.trajectory.at(0.0)
    source_blocks = [blocks(source, pose, exported.duration_s) for source in exported.sources]
    absolute_m = nearest_m(source_blocks)
    gain_db = common_gain_db(exported, "pcm24")
    gain = 10 ** (gain_db / 20)
    xml = axml(exported, source_blocks, absolute_distance_m=absolute_m, gain=1 / gain)
    name = f"{exported.identifier}.wav"
    write_bw64(
        folder / name,
        [
            source.samples if gain_db == 0.0 else source.samples * np.float32(gain)
            for source in exported.sources
        ],
        exported.sample_rate_hz,
        tracks=tracks(exported),
        axml=xml,
        others={CHUNK: scene_chunk(exported, axml=xml, gain_db=gain_db)},
    )

    def relative(points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        flat = pose.inverse().transform(np.atleast_2d(points_m))
        return adm_from_world(flat).reshape(points_m.shape)

    text = readme(
        exported,
        engine="ADM",
        opening=_OPENING.format(name=name, count=len(exported.sources)),
        axes="from the listener: X right, Y front, Z up; metres, not normalised",
        engine_from_world=relative,
        more=_MORE.format(
            absolute_m=absolute_m,
            back=_BACK.format(gain_db=-gain_db) if gain_db else "",
            chunk=CHUNK.decode("ascii"),
        ),
        checked_with="EBU ADM Renderer (`ear-render`) 2.1.0, to 0+2+0, 0+5+0 and 4+5+0.",
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
