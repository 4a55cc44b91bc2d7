"""Write the report: HTML with pictures and sound inside, which asks no network for anything."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import soundfile

from auralize.report import figures
from capture.files.atomic import atomic_path
from capture.performer import Performer
from capture.waveform import Sound

_LONGEST_LISTEN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlayer:
    """One player's row of the report.

    Attributes:
        performer: The tracked player.
        label: What to call the player: the name, and the instrument where it is known.
        stem: The player's stem.
        extrapolated_above_hz: From where up the stem is extended, or None.
        note: What the reader must know of this stem ("" if nothing).
        figures: Title → value, e.g. SI-SDR of mixture, stem and ideal mask.
    """

    performer: Performer
    label: str
    stem: Sound
    extrapolated_above_hz: float | None
    note: str = ""
    figures: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the page shows.

    Attributes:
        title: Headline.
        lead: A sentence or two below it.
        players: One row each.
        residual: What no player got.
        preview: The binaural preview.
        listener_xy_m: Where the listener stands.
        localisation: Rows of the ITD/ILD table, first row the header.
        receipt: Title → value.
        stage_times: Stage → seconds.
        warnings: What the user must know.
    """

    title: str
    lead: str
    players: Sequence[ReportPlayer]
    residual: Sound
    preview: Sound
    listener_xy_m: tuple[float, float]
    localisation: Sequence[Sequence[str]]
    receipt: Mapping[str, str]
    stage_times: Mapping[str, str]
    warnings: Sequence[str] = ()


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Draw the pictures, encode the sound, and write the page.

    Raises:
        OutputError: The file cannot be written.
    """
    template = jinja2.Template(
        (Path(__file__).parent / "report.html").read_text(encoding="utf-8"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    performers = [player.performer for player in report.players]
    labels = [player.label for player in report.players]
    text = template.render(
        report=report,
        plan=figures.plan_view(performers, labels, report.listener_xy_m),
        front=figures.front_view(performers, labels),
        preview_audio=_audio_uri(report.preview),
        residual_audio=_audio_uri(report.residual),
        is_cut=report.preview.sample_count > _LONGEST_LISTEN_S * report.preview.sample_rate_hz,
        rows=[
            {
                "player": player,
                "color": figures.player_color(index),
                "picture": figures.spectrogram(
                    player.stem, player.label, player.extrapolated_above_hz
                ),
                "audio": _audio_uri(player.stem),
            }
            for index, player in enumerate(report.players)
        ],
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _audio_uri(sound: Sound) -> str:
    """Encode the beginning as MP3, which every browser plays."""
    buffer = io.BytesIO()
    rate = sound.sample_rate_hz
    samples = sound.read(0, min(sound.sample_count, round(_LONGEST_LISTEN_S * rate))).T
    kept_rates = (32000, 44100, 48000)
    if rate in kept_rates:
        soundfile.write(buffer, samples, rate, format="MP3")
        kind = "mpeg"
    else:  # MP3 knows few rates; a WAV plays at any
        soundfile.write(buffer, samples, rate, "PCM_16", format="WAV")
        kind = "wav"
    return f"data:audio/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
