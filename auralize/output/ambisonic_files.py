"""Decode a file of ambisonics to a sound file for headphones or loudspeakers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float32

from auralize.ambisonics.conventions import Convention, check_convention, to_sn3d
from auralize.ambisonics.decoding import AmbisonicDecoder, BinauralDecoder, LoudspeakerDecoder
from auralize.ambisonics.loudspeaker_decoding import Method
from auralize.ambisonics.loudspeaker_layout import find_layout
from auralize.ambisonics.rotation import HeadTurner
from auralize.dsp.spherical_harmonics import order_of
from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.output.measured_sound import MeasuredSound, measure
from auralize.output.render_report import describe
from auralize.output.settings import GainReason, changed_output, choose_gain
from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path
from capture.files.sound_file import (
    SoundFileFormat,
    check_format,
    container_of,
    write_sound_file,
)
from capture.files.wave_header import Tags
from capture.pose import IDENTITY_WXYZ
from scenes.scene import Output

HIGHEST_ORDER = 7

_BLOCK = 32_768
_MEASURED_PART = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeReport:
    """What came out of a file of ambisonics.

    Attributes:
        target: "headphones", or the name of the layout.
        outputs: What each channel is for, in order.
        order: Ambisonic order that was decoded.
        sample_format: "pcm16", "pcm24" or "float32".
        sample_rate_hz: Rate of both files.
        duration_s: Length of both in seconds.
        loudness_lufs: Integrated loudness of the file (BS.1770, all channels counting the same)
            with the gain in it; −inf for silence.
        true_peak_dbtp: True peak over all channels; −inf for silence.
        gain_db: How much all was turned up (or down) as a whole.
        gain_reason: Why (see `RenderReport`).
        hrtf: Name of the head; None for loudspeakers.
        hrtf_sha256: Hash of its SOFA file; None for loudspeakers.
        ambisonics_sha256: Hash of the file that was decoded.
    """

    target: str
    outputs: tuple[str, ...]
    order: int
    sample_format: str
    sample_rate_hz: int
    duration_s: float
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    gain_reason: GainReason
    hrtf: str | None
    hrtf_sha256: str | None
    ambisonics_sha256: str


def decode(
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    layout: str | os.PathLike[str] | None = None,
    sofa: str | os.PathLike[str] | None = None,
    order: int | None = None,
    convention: Convention = "sn3d",
    orientation_wxyz: Sequence[float] = IDENTITY_WXYZ,
    method: Method = "allrad",
    max_re: bool = True,
    diffuse_field: bool = False,
    output: Mapping[str, Any] | None = None,
    progress: Callable[[float], None] | None = None,
) -> DecodeReport:
    """Decode a file of ambisonics to a sound file for headphones or loudspeakers.

    Both files are equally long. Memory does not grow with their length.

    Args:
        in_path: The ambisonics.
        out_path: A WAV, RF64, W64 or FLAC; renamed into place when it is whole.
        layout: The name of a layout or a file of loudspeakers; None for headphones.
        sofa: HRTF of the headphones, brought to the rate of the file; else the MIT KEMAR head.
        order: Take only the channels up to this order; else all.
        convention: What the channels are: "sn3d" (AmbiX), "n3d" or "fuma".
        orientation_wxyz: How the head is turned in the sound field.
        method: How loudspeakers are fed (see `loudspeaker_decoding`).
        max_re: Weigh the degrees for loudspeakers (see `loudspeaker_decoder`).
        diffuse_field: Hold the diffuse field for headphones (see `magls_decoder`).
        output: Fields of a scene's `output` about format, loudness and limit.
        progress: Called with the fraction done.

    Raises:
        FileFormatError: A file cannot be read, or has not the channels of a full sphere.
        DataError: The order, the convention, the method or the layout do not fit, or the
            orientation is no unit quaternion.
        OutputError: The file cannot be written.
    """
    path, out, report = Path(in_path), Path(out_path), progress or (lambda _: None)
    turned = np.array(orientation_wxyz, dtype=np.float64)
    if turned.shape != (4,) or not abs(np.linalg.norm(turned) - 1) < 1e-6:
        raise DataError(
            f"the head's orientation must be a quaternion of length 1, got {turned.tolist()}."
        )
    container = container_of(out)
    settings = changed_output(Output(), output or {})
    with _opened(path) as sound:
        channel_count = _channel_count(path, sound.channels, order, convention)
        order, rate = order_of(channel_count), sound.samplerate
        head: Hrtf | None = None
        if layout is None:
            head = read_hrtf(sofa)
            target, outputs = "headphones", ("left", "right")
            decoder: AmbisonicDecoder = BinauralDecoder(
                head.resampled(rate), order, block=_BLOCK, diffuse_field=diffuse_field
            )
        else:
            found = find_layout(layout)
            target, outputs = found.name, found.loudspeakers
            decoder = LoudspeakerDecoder(found, order, method=method, max_re=max_re)
        form = SoundFileFormat(
            container=container,
            sample_format=settings.sample_format,
            channel_count=len(outputs),
            sample_rate_hz=rate,
        )
        check_format(out, form)
        turner = HeadTurner(channel_count, turned)
        blocks = (
            decoder.process(turner.process(to_sn3d(block, convention), turned))
            for block in _blocks(
                path, sound, channel_count, lambda part: report(_MEASURED_PART * part)
            )
        )
        with atomic_path(out) as temporary:
            whole = measure(_trimmed(blocks, sound.frames), temporary.with_name("raw"), rate)
            gain_db, reason = choose_gain([whole], settings, form.ceiling_dbfs)
            result = DecodeReport(
                target=target,
                outputs=outputs,
                order=order,
                sample_format=settings.sample_format,
                sample_rate_hz=rate,
                duration_s=whole.sample_count / rate,
                loudness_lufs=whole.loudness_lufs + gain_db,
                true_peak_dbtp=whole.true_peak_dbtp + gain_db,
                gain_db=gain_db,
                gain_reason=reason,
                hrtf=head.name if head is not None else None,
                hrtf_sha256=head.sha256 if head is not None else None,
                ambisonics_sha256=_sha256(path),
            )
            write_sound_file(
                temporary,
                form,
                whole.blocks(gain_db, lambda part: report(1 - (1 - _MEASURED_PART) * (1 - part))),
                whole.sample_count,
                _tags(result, path, whole),
            )
            whole.path.unlink()
    return result


def _opened(path: Path) -> soundfile.SoundFile:
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file. Give a file of ambisonics (WAV, FLAC, W64).")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise FileFormatError(
            f"{path}: not readable as sound ({error}). Give a file of ambisonics (WAV, FLAC, W64)."
        ) from error


def _channel_count(path: Path, there: int, order: int | None, convention: Convention) -> int:
    """Return how many channels are decoded.

    Raises:
        FileFormatError: The file has not the channels of a full sphere, or too many.
        DataError: It has fewer than the order that is asked for, or FuMa does not have it.
    """
    try:
        highest = order_of(there)
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from error
    taken = highest if order is None else order
    if taken > highest:
        raise DataError(
            f"{path}: order {taken} is asked for, but its {there} channels are of order {highest}."
        )
    if taken > HIGHEST_ORDER:
        raise FileFormatError(
            f"{path}: its {there} channels are of order {highest}, and orders up to "
            f"{HIGHEST_ORDER} are decoded. Ask for --order {HIGHEST_ORDER} to use the first "
            f"{(HIGHEST_ORDER + 1) ** 2} channels."
        )
    try:
        check_convention(taken, convention)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return (taken + 1) ** 2


def _blocks(
    path: Path, sound: soundfile.SoundFile, channel_count: int, progress: Callable[[float], None]
) -> Iterator[Float32[np.ndarray, "channels block"]]:
    """Give blocks of the first channels; the last is filled up with silence."""
    if sound.frames == 0:
        raise DataError(f"{path}: the file is empty.")
    for start in range(0, sound.frames, _BLOCK):
        try:
            samples = sound.read(_BLOCK, dtype="float32", always_2d=True, fill_value=0.0)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise FileFormatError(f"{path}: cannot be read to its end ({error}).") from error
        finite = np.isfinite(samples).all(axis=1)
        if not finite.all():
            at_s = (start + int(np.argmin(finite))) / sound.samplerate
            raise DataError(
                f"{path}: a sample at {at_s:.3f} s is not a finite number. Export the sound again."
            )
        yield np.ascontiguousarray(samples[:, :channel_count].T)
        progress(min(1.0, (start + _BLOCK) / sound.frames))


def _trimmed(
    blocks: Iterator[Float32[np.ndarray, "outputs block"]], sample_count: int
) -> Iterator[Float32[np.ndarray, "outputs samples"]]:
    """Give blocks until there are so many samples."""
    for number, block in enumerate(blocks):
        yield block[:, : sample_count - number * _BLOCK]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tags(report: DecodeReport, path: Path, whole: MeasuredSound) -> Tags:
    """Return what the file says about itself."""
    facts = (
        f"loudspeakers {report.target}: {' '.join(report.outputs)}"
        if report.hrtf is None
        else f"binaural by MagLS, HRTF {report.hrtf} (SHA-256 {report.hrtf_sha256})",
        f"ambisonics of order {report.order}, SHA-256 {report.ambisonics_sha256}",
    )
    return describe(path.name, facts, whole.loudness_lufs, whole.true_peak_dbtp, report.gain_db)
