"""Render a scene file to sound files that do not clip, and report their level.

A render is turned up or down as a whole by one gain. With `output.loudness_lufs` it is the gain
that brings the render to that loudness; else it is 0 dB. Where the true peak would then be above
`output.true_peak_limit_dbtp`, the gain is less by so much: nothing is compressed or limited in
time, so balance and directions stay. `RenderReport` says what was done.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from auralize.ambisonics.render import render_ambisonics
from auralize.hrtf.head import Hrtf, read_hrtf, read_listeners_hrtf
from auralize.output.headphone_eq import HeadphoneEq, read_headphone_eq
from auralize.output.measured_sound import MeasuredSound, measure
from auralize.output.render_report import RenderReport, render_tags
from auralize.output.settings import changed_output, choose_gain, parts_of, with_parts
from auralize.output.stems import alone, stem_paths
from auralize.stream.binaural import render_binaural
from capture.errors import DataError
from capture.files.atomic import atomic_path
from capture.files.sound_file import SoundFileFormat, check_format, container_of, write_sound_file
from scenes.scene import Scene
from scenes.scene_file import read_scene

_MEASURED_PART = 0.9


def render(
    scene_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    sofa: str | os.PathLike[str] | None = None,
    headphone_eq: str | os.PathLike[str] | None = None,
    output: Mapping[str, Any] | None = None,
    parts: Collection[str] | None = None,
    stems: str | os.PathLike[str] | None = None,
    allow_outside: bool = False,
    progress: Callable[[float], None] | None = None,
) -> RenderReport:
    """Render a scene file to a sound file.

    Args:
        scene_path: The scene (YAML).
        out_path: `*.ambix.wav` for ambisonics as the scene's output says, any other `*.wav` for
            headphones; or `.flac`, `.w64`, `.rf64`. A WAV of more than 4 GiB becomes an RF64. It
            is renamed into place when it is whole.
        sofa: HRTF to listen through; else the scene's, else the MIT KEMAR head.
        headphone_eq: Equalisation of the headphones; else the scene's, else none.
        output: Fields of the scene's `output` to change for this render.
        parts: What to hear of the scene's room, any of "direct", "early" and "late"; else what the
            scene says. Parts add up to the whole; where the scene has no duration_s, each ends
            with its own sound.
        stems: A folder for one more file a source, each rendered as if it sounded alone, all with
            the gain of the mix: they add up to the mix within 1e-6 of full scale, and integers
            within half a step more for each file (one and a half where 16 bits are dithered). No
            stem peaks above the limit either: where one would, mix and stems are turned down.
        allow_outside: Let the scene name files outside its folder.
        progress: Called with the fraction done.

    Raises:
        FileFormatError: The scene, a sound, the HRTF or the equalisation cannot be read.
        DataError: They do not fit together, or `output` has unknown fields or wrong values.
        OutputError: The file cannot be written, its name has an unknown ending, or its kind of
            file cannot hold what the scene asks for.
    """
    out = Path(out_path)
    container = container_of(out)
    scene = read_scene(scene_path, allow_outside=allow_outside)
    if output:
        scene = scene.model_copy(update={"output": changed_output(scene.output, output)})
    if parts is not None:
        scene = with_parts(scene, parts)
    renderer = _Renderer(scene, Path(scene_path).parent, out, sofa, headphone_eq)
    form = SoundFileFormat(
        container=container,
        sample_format=scene.output.sample_format,
        channel_count=renderer.channel_count,
        sample_rate_hz=scene.sample_rate_hz,
    )
    check_format(out, form)
    files = {} if stems is None else stem_paths(Path(stems), scene, out)
    report = progress or (lambda _: None)
    with ExitStack() as stack:
        temporaries = [stack.enter_context(atomic_path(path)) for path in (out, *files.values())]
        sounds = _measured(renderer, scene, temporaries, list(files), report)
        gain_db, reason = choose_gain(sounds, scene.output, form.ceiling_dbfs)
        mix = sounds[0]
        result = RenderReport(
            format="ambix" if renderer.is_ambisonic else "binaural",
            container=container,
            sample_format=scene.output.sample_format,
            channel_count=mix.channel_count,
            sample_rate_hz=scene.sample_rate_hz,
            sample_count=mix.sample_count,
            duration_s=mix.sample_count / scene.sample_rate_hz,
            loudness_lufs=mix.loudness_lufs + gain_db,
            true_peak_dbtp=mix.true_peak_dbtp + gain_db,
            gain_db=gain_db,
            gain_reason=reason,
            hrtf=renderer.head.name if renderer.head is not None else None,
            hrtf_sha256=renderer.head.sha256 if renderer.head is not None else None,
            ambisonic_convention=(
                scene.output.ambisonic_convention if renderer.is_ambisonic else None
            ),
            parts=parts_of(scene),
            headphone_eq=renderer.equalisation.name if renderer.equalisation is not None else None,
            scene_sha256=hashlib.sha256(Path(scene_path).read_bytes()).hexdigest(),
            sources=tuple(source.name for source in scene.heard_sources),
            silent_sources=tuple(
                source.name for source in scene.sources if source not in scene.heard_sources
            ),
            stems={name: str(path) for name, path in files.items()},
        )
        titles = [scene.title, *(f"{scene.title}: {name}" for name in files)]
        files_to_write = zip(temporaries, sounds, titles, strict=True)
        for number, (path, sound, title) in enumerate(files_to_write):
            written = _part(report, _MEASURED_PART, 1.0, number, len(sounds))
            tags = render_tags(result, sound, title)
            blocks = sound.blocks(gain_db, written)
            write_sound_file(path, form, blocks, sound.sample_count, tags, number=number)
            sound.path.unlink()
    return result


class _Renderer:
    """What renders a scene to blocks, the way that the name of its file asks for."""

    def __init__(
        self,
        scene: Scene,
        folder: Path,
        out: Path,
        sofa: str | os.PathLike[str] | None,
        headphone_eq: str | os.PathLike[str] | None,
    ) -> None:
        self._folder = folder
        self.is_ambisonic = Path(out.stem).suffix.lower() == ".ambix"
        self.head: Hrtf | None = None
        self.equalisation: HeadphoneEq | None = None
        if self.is_ambisonic:
            if headphone_eq is not None:
                raise DataError(
                    f"{headphone_eq}: an equalisation of headphones fits renders for headphones "
                    f"only, and {out.name} is ambisonic. Give a name without .ambix, or leave the "
                    "equalisation out."
                )
            self.channel_count = (scene.output.ambisonic_order + 1) ** 2
            return
        self.channel_count = 2
        if headphone_eq is None and scene.output.headphone_eq is not None:
            headphone_eq = folder / scene.output.headphone_eq
        self.head = read_listeners_hrtf(scene.listener, folder) if sofa is None else read_hrtf(sofa)
        if headphone_eq is not None:
            self.equalisation = read_headphone_eq(headphone_eq, scene.sample_rate_hz)

    def blocks(
        self, scene: Scene, progress: Callable[[float], None]
    ) -> Iterator[Float32[np.ndarray, "channels samples"]]:
        if self.is_ambisonic:
            return render_ambisonics(scene, self._folder, progress=progress)
        blocks = render_binaural(scene, self._folder, self.head, progress=progress)
        return blocks if self.equalisation is None else self.equalisation.applied_to(blocks)


def _measured(
    renderer: _Renderer,
    scene: Scene,
    temporaries: Sequence[Path],
    stems: Sequence[str],
    progress: Callable[[float], None],
) -> list[MeasuredSound]:
    """Render the mix and each stem to raw files; the stems are as long as the mix."""
    sounds: list[MeasuredSound] = []
    for number, temporary in enumerate(temporaries):
        heard = scene if number == 0 else alone(scene, stems[number - 1], sounds[0].sample_count)
        sounds.append(
            measure(
                renderer.blocks(
                    heard, _part(progress, 0.0, _MEASURED_PART, number, len(temporaries))
                ),
                temporary.with_name("raw"),
                scene.sample_rate_hz,
                convention=scene.output.ambisonic_convention if renderer.is_ambisonic else None,
            )
        )
    return sounds


def _part(
    progress: Callable[[float], None], start: float, stop: float, number: int, count: int
) -> Callable[[float], None]:
    """Return a progress callback for one of several equal shares of a part of the whole."""
    share = (stop - start) / count
    return lambda part: progress(start + share * (number + part))
