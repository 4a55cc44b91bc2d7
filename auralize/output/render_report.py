"""What came out of a render, for its caller and for the files themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from auralize.output.measured_sound import MeasuredSound
from auralize.output.settings import GainReason
from capture.files.wave_header import Tags
from scenes.room import PARTS

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
        container: "wav" (an RF64 inside above 4 GiB), "rf64", "w64" or "flac".
        sample_format: "pcm16", "pcm24" or "float32".
        channel_count: Channels of the file.
        sample_rate_hz: Rate of the file and of the scene.
        sample_count: Samples of each channel.
        duration_s: Length in seconds.
        loudness_lufs: Integrated loudness of the file (BS.1770) with the gain in it; of the
            pressure in the middle (channel W of AmbiX) for ambisonics; −inf for silence.
        true_peak_dbtp: True peak of the file, over all channels; −inf for silence.
        gain_db: How much the render was turned up (or down) as a whole.
        gain_reason: Why: "none" (0 dB), "loudness" (it has the loudness that was asked for),
            "true peak" (it would have peaked above the limit), or "loudness, held back by true
            peak" (it is less loud than was asked for, because of the limit).
        hrtf: Name of the head; None for ambisonics.
        hrtf_sha256: Hash of its SOFA file; None for ambisonics.
        ambisonic_convention: "sn3d" (AmbiX), "n3d" or "fuma"; None for headphones.
        parts: What is heard of a room: "direct", "early" and "late"; all where there is none.
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
    parts: tuple[str, ...]
    headphone_eq: str | None
    scene_sha256: str
    sources: tuple[str, ...]
    silent_sources: tuple[str, ...]
    stems: Mapping[str, str]


def render_tags(report: RenderReport, sound: MeasuredSound, title: str) -> Tags:
    """Return what one of a render's files says about itself.

    Args:
        report: Of the render.
        sound: The mix or a stem, before the gain.
        title: What people call it.
    """
    order = math.isqrt(report.channel_count) - 1
    facts = (
        [_CONVENTION_NAMES[report.ambisonic_convention].format(order)]
        if report.ambisonic_convention is not None
        else [f"binaural, HRTF {report.hrtf} (SHA-256 {report.hrtf_sha256})"]
    )
    if report.headphone_eq is not None:
        facts.append(f"headphones equalised by {report.headphone_eq}")
    if report.parts != PARTS:
        facts.append(f"{' and '.join(report.parts)} sound only")
    facts.append(f"scene SHA-256 {report.scene_sha256}")
    return describe(title, facts, sound.loudness_lufs, sound.true_peak_dbtp, report.gain_db)


def describe(
    title: str, facts: Sequence[str], loudness_lufs: float, true_peak_dbtp: float, gain_db: float
) -> Tags:
    """Return what a file says about itself; nothing that changes from one day to the next.

    Args:
        title: What people call it.
        facts: How it came about.
        loudness_lufs: Integrated loudness before the gain; −inf for silence.
        true_peak_dbtp: True peak before the gain; −inf for silence.
        gain_db: The gain.
    """
    loudness_lufs, true_peak_dbtp = loudness_lufs + gain_db, true_peak_dbtp + gain_db
    levels = [
        *([f"{loudness_lufs:.2f} LUFS"] if math.isfinite(loudness_lufs) else []),
        *([f"true peak {true_peak_dbtp:.2f} dBTP"] if math.isfinite(true_peak_dbtp) else []),
        f"gain {gain_db:+.2f} dB",
    ]
    return Tags(
        title=title,
        software=f"Auralize {version('auralize')}",
        comment="; ".join([*facts, *levels]),
        loudness_lufs=loudness_lufs,
        true_peak_dbtp=true_peak_dbtp,
    )
