"""Render a scene file to a sound file that does not clip, and report its level."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile
from jaxtyping import Float32

from auralize.ambisonics import render_ambisonics
from auralize.binaural import BLOCK, render_binaural
from auralize.hrtf import Hrtf, read_hrtf
from auralize.loudness import LoudnessMeter, TruePeakMeter
from capture.atomic import atomic_path
from capture.errors import OutputError
from scenes.scene import Scene
from scenes.scene_file import read_scene

_SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24"}
# A WAV holds 4 GiB; beyond, the same file with 64-bit sizes (RF64) is written.
_LARGEST_WAV_BYTES = 2**32 - 2**16
_MEASURED_PART = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What came out of a render.

    Attributes:
        format: "binaural" (left, right) or "ambix" (ACN, SN3D).
        channel_count: Channels of the file.
        sample_rate_hz: Rate of the file and of the scene.
        sample_count: Samples of each channel.
        duration_s: Length in seconds.
        loudness_lufs: Integrated loudness of the file (BS.1770) with the gain in it; of the
            channel W for ambisonics; −inf for silence.
        true_peak_dbtp: True peak of the file, over all channels; −inf for silence.
        gain_db: How much the render was turned down as a whole so as not to clip; 0 or less.
        hrtf: Name of the head; None for ambisonics.
        hrtf_sha256: Hash of its SOFA file; None for ambisonics.
        sources: Names of the sources that sound.
        silent_sources: Names of those that are muted, or left out because others are solo.
    """

    format: Literal["binaural", "ambix"]
    channel_count: int
    sample_rate_hz: int
    sample_count: int
    duration_s: float
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    hrtf: str | None
    hrtf_sha256: str | None
    sources: tuple[str, ...]
    silent_sources: tuple[str, ...]


def render(
    scene_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    sofa: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> RenderReport:
    """Render a scene file to a WAV.

    Args:
        scene_path: The scene (YAML).
        out_path: `*.ambix.wav` for ambisonics of the scene's order, any other `*.wav` for
            headphones. It is renamed into place when it is whole.
        sofa: HRTF to listen through; else the scene's, else the MIT KEMAR head.
        progress: Called with the fraction done.

    Raises:
        FileFormatError: The scene, a sound or the HRTF cannot be read.
        DataError: They do not fit together.
        OutputError: The file cannot be written, or its name does not end in .wav.
    """
    out = Path(out_path)
    if out.suffix.lower() != ".wav":
        raise OutputError(
            f"{out}: renders are WAV files. Give a name that ends in .wav, or .ambix.wav."
        )
    scene = read_scene(scene_path)
    folder = Path(scene_path).parent
    measured = _scaled(progress, 0.0, _MEASURED_PART)
    head: Hrtf | None = None
    if out.name.lower().endswith(".ambix.wav"):
        blocks = render_ambisonics(scene, folder, progress=measured)
    else:
        if sofa is None and scene.listener.sofa is not None:
            sofa = folder / scene.listener.sofa
        head = read_hrtf(sofa)
        blocks = render_binaural(scene, folder, head, progress=measured)
    return _write(scene, blocks, head, out, _scaled(progress, _MEASURED_PART, 1.0))


def _write(
    scene: Scene,
    blocks: Iterator[Float32[np.ndarray, "channels samples"]],
    head: Hrtf | None,
    out: Path,
    progress: Callable[[float], None],
) -> RenderReport:
    """Write blocks to a raw file, measure them, and write the result with the gain they need."""
    rate = scene.sample_rate_hz
    with atomic_path(out) as temporary:
        raw_path = temporary.with_name("raw")
        first = next(blocks)
        channels = len(first)
        loudness = LoudnessMeter(channels if head is not None else 1, rate)
        peak = TruePeakMeter(channels)
        count = 0
        with raw_path.open("wb") as raw:
            block: Float32[np.ndarray, "channels samples"] | None = first
            while block is not None:
                loudness.add(block if head is not None else block[:1])
                peak.add(block)
                np.ascontiguousarray(block.T).tofile(raw)
                count += block.shape[1]
                block = next(blocks, None)
        peak.add(np.zeros((channels, 64), dtype=np.float32))
        gain_db = min(0.0, scene.output.true_peak_limit_dbtp - peak.peak_dbtp)
        with raw_path.open("rb") as raw:
            _write_wav(temporary, raw, scene, channels, count, gain_db, progress)
        raw_path.unlink()
    heard = tuple(source.name for source in scene.heard_sources)
    return RenderReport(
        format="ambix" if head is None else "binaural",
        channel_count=channels,
        sample_rate_hz=rate,
        sample_count=count,
        duration_s=count / rate,
        loudness_lufs=loudness.integrated_lufs + gain_db,
        true_peak_dbtp=peak.peak_dbtp + gain_db,
        gain_db=gain_db,
        hrtf=head.name if head is not None else None,
        hrtf_sha256=head.sha256 if head is not None else None,
        sources=heard,
        silent_sources=tuple(s.name for s in scene.sources if s.name not in heard),
    )


def _write_wav(
    path: Path,
    raw: BinaryIO,
    scene: Scene,
    channels: int,
    count: int,
    gain_db: float,
    progress: Callable[[float], None],
) -> None:
    """Write a raw float file as WAV, with a gain."""
    subtype = _SUBTYPES[scene.output.sample_format]
    size = count * channels * int(subtype[-2:]) // 8
    gain = np.float32(10 ** (gain_db / 20))
    try:
        with soundfile.SoundFile(
            path,
            "w",
            samplerate=scene.sample_rate_hz,
            channels=channels,
            format="WAV" if size < _LARGEST_WAV_BYTES else "RF64",
            subtype=subtype,
        ) as wav:
            for start in range(0, count, BLOCK):
                samples = np.fromfile(raw, dtype=np.float32, count=BLOCK * channels)
                wav.write(samples.reshape(-1, channels) * gain)
                progress(min(1.0, (start + BLOCK) / count))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise OutputError(f"cannot write {path.name}: {error}. Is the disk full?") from error


def _scaled(
    progress: Callable[[float], None] | None, start: float, stop: float
) -> Callable[[float], None]:
    """Return a progress callback for a part of the whole."""
    if progress is None:
        return lambda _: None
    report = progress
    return lambda part: report(start + (stop - start) * part)
