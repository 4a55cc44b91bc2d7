"""Render a scene file to sound files that do not clip, and report their level.

A render is turned up or down as a whole by one gain. With `output.loudness_lufs` it is the gain
that brings the render to that loudness; else it is 0 dB. Where the true peak would then be above
`output.true_peak_limit_dbtp`, the gain is less by so much: nothing is compressed or limited in
time, so balance and directions stay. `RenderReport` says what was done.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from auralize.ambisonics import render_ambisonics
from auralize.binaural import render_binaural
from auralize.headphone_eq import HeadphoneEq, read_headphone_eq
from auralize.hrtf import Hrtf, read_hrtf, read_listeners_hrtf
from auralize.measured_sound import MeasuredSound, measure
from auralize.output_settings import GainReason, changed_output, choose_gain
from auralize.sound_file import SoundFileFormat, check_format, container_of, write_sound_file
from auralize.wave_header import Tags
from capture.atomic import atomic_path
from capture.errors import DataError, OutputError
from scenes.scene import Scene
from scenes.scene_file import read_scene

_MEASURED_PART = 0.9
_CONVENTION_NAMES = {
    "sn3d": "AmbiX order {}, ACN channels, SN3D",
    "n3d": "ambisonics of order {}, ACN channels, N3D",
    "fuma": "ambisonics of order {}, Furse-Malham channels and weights",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What came out of a render.

    Attributes:
        format: "binaural" (left, right) or "ambix" (ambisonics, see ambisonic_convention).
        container: "wav", "rf64", "w64" or "flac".
        sample_format: "pcm16", "pcm24" or "float32".
        channel_count: Channels of the file.
        sample_rate_hz: Rate of the file and of the scene.
        sample_count: Samples of each channel.
        duration_s: Length in seconds.
        loudness_lufs: Integrated loudness of the file (BS.1770) with the gain in it; of the
            channel W for ambisonics; −inf for silence.
        true_peak_dbtp: True peak of the file, over all channels; −inf for silence.
        gain_db: How much the render was turned up (or down) as a whole.
        gain_reason: Why: "none" (0 dB), "loudness" (it has the loudness that was asked for),
            "true peak" (it would have peaked above the limit), or "loudness, held back by true
            peak" (it is less loud than was asked for, because of the limit).
        hrtf: Name of the head; None for ambisonics.
        hrtf_sha256: Hash of its SOFA file; None for ambisonics.
        ambisonic_convention: "sn3d" (AmbiX), "n3d" or "fuma"; None for headphones.
        headphone_eq: What equalised the headphones; None where nothing did.
        scene_sha256: Hash of the scene file.
        sources: Names of the sources that sound.
        silent_sources: Names of those that are muted, or left out because others are solo.
        stems: Source → the file that holds it alone, where stems were asked for.
    """

    format: Literal["binaural", "ambix"]
    container: str
    sample_format: str
    channel_count: int
    sample_rate_hz: int
    sample_count: int
    duration_s: float
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    gain_reason: GainReason
    hrtf: str | None
    hrtf_sha256: str | None
    ambisonic_convention: str | None
    headphone_eq: str | None
    scene_sha256: str
    sources: tuple[str, ...]
    silent_sources: tuple[str, ...]
    stems: Mapping[str, str]


def render(
    scene_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    sofa: str | os.PathLike[str] | None = None,
    headphone_eq: str | os.PathLike[str] | None = None,
    output: Mapping[str, Any] | None = None,
    stems: str | os.PathLike[str] | None = None,
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
        stems: A folder for one more file a source, each rendered as if it sounded alone, all with
            the gain of the mix: they add up to the mix within 1e-6 of full scale, and integers
            within half a step more for each file (one and a half where 16 bits are dithered). No
            stem peaks above the limit either: where one would, mix and stems are turned down.
        progress: Called with the fraction done.

    Raises:
        FileFormatError: The scene, a sound, the HRTF or the equalisation cannot be read.
        DataError: They do not fit together, or `output` has unknown fields or wrong values.
        OutputError: The file cannot be written, its name has an unknown ending, or its kind of
            file cannot hold what the scene asks for.
    """
    out = Path(out_path)
    container = container_of(out)
    scene = read_scene(scene_path)
    if output:
        scene = scene.model_copy(update={"output": changed_output(scene.output, output)})
    renderer = _Renderer(scene, Path(scene_path).parent, out, sofa, headphone_eq)
    form = SoundFileFormat(
        container=container,
        sample_format=scene.output.sample_format,
        channel_count=renderer.channel_count,
        sample_rate_hz=scene.sample_rate_hz,
    )
    check_format(out, form)
    files = {} if stems is None else _stem_paths(Path(stems), scene, out)
    report = progress or (lambda _: None)
    scene_sha256 = hashlib.sha256(Path(scene_path).read_bytes()).hexdigest()
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
            headphone_eq=renderer.equalisation.name if renderer.equalisation is not None else None,
            scene_sha256=scene_sha256,
            sources=tuple(source.name for source in scene.heard_sources),
            silent_sources=tuple(
                source.name for source in scene.sources if source not in scene.heard_sources
            ),
            stems={name: str(path) for name, path in files.items()},
        )
        titles = [scene.title, *(f"{scene.title}: {name}" for name in files)]
        for number, (path, sound, title) in enumerate(
            zip(temporaries, sounds, titles, strict=True)
        ):
            written = _part(report, _MEASURED_PART, 1.0, number, len(sounds))
            tags = _tags(result, sound, title)
            write_sound_file(path, form, sound.blocks(gain_db, written), sound.sample_count, tags)
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
        heard = scene if number == 0 else _alone(scene, stems[number - 1], sounds[0].sample_count)
        sounds.append(
            measure(
                renderer.blocks(
                    heard, _part(progress, 0.0, _MEASURED_PART, number, len(temporaries))
                ),
                temporary.with_name("raw"),
                scene.sample_rate_hz,
                is_ambisonic=renderer.is_ambisonic,
            )
        )
    return sounds


def _alone(scene: Scene, name: str, sample_count: int) -> Scene:
    """Return the scene with one source left that sounds.

    The others stay in the scene, muted, so that each source keeps its place among them.
    """
    sources = tuple(
        source.model_copy(update={"mute": source.name != name, "solo": False})
        for source in scene.sources
    )
    return scene.model_copy(
        update={"sources": sources, "duration_s": sample_count / scene.sample_rate_hz}
    )


def _tags(report: RenderReport, sound: MeasuredSound, title: str) -> Tags:
    """Return what a file says about itself; nothing that changes from one day to the next."""
    order = math.isqrt(report.channel_count) - 1
    said = (
        [_CONVENTION_NAMES[report.ambisonic_convention].format(order)]
        if report.ambisonic_convention is not None
        else [f"binaural, HRTF {report.hrtf} (SHA-256 {report.hrtf_sha256})"]
    )
    if report.headphone_eq is not None:
        said.append(f"headphones equalised by {report.headphone_eq}")
    said.append(f"scene SHA-256 {report.scene_sha256}")
    loudness, peak = sound.loudness_lufs + report.gain_db, sound.true_peak_dbtp + report.gain_db
    if math.isfinite(loudness):
        said.append(f"{loudness:.2f} LUFS")
    if math.isfinite(peak):
        said.append(f"true peak {peak:.2f} dBTP")
    said.append(f"gain {report.gain_db:+.2f} dB")
    return Tags(
        title=title,
        software=f"Auralize {version('auralize')}",
        comment="; ".join(said),
        loudness_lufs=loudness,
        true_peak_dbtp=peak,
    )


def _stem_paths(folder: Path, scene: Scene, out: Path) -> dict[str, Path]:
    """Return source → file; the names are those of the sources, as far as a file can have them."""
    ending = "".join(out.suffixes[-2:]) if out.stem.lower().endswith(".ambix") else out.suffix
    paths: dict[str, Path] = {}
    for source in scene.heard_sources:
        name = "".join(c if c.isalnum() or c in " _-()." else "_" for c in source.name).strip(" .")
        path = folder / f"{name or 'source'}{ending}"
        if path in paths.values() or path.resolve() == out.resolve():
            raise OutputError(
                f"{path}: the stem of {source.name!r} and another file would have this name. Give "
                "the source another name, or the stems another folder."
            )
        paths[source.name] = path
    return paths


def _part(
    progress: Callable[[float], None], start: float, stop: float, number: int, count: int
) -> Callable[[float], None]:
    """Return a progress callback for one of several equal shares of a part of the whole."""
    share = (stop - start) / count
    return lambda part: progress(start + share * (number + part))
