"""What the ears get of each source, measured on the render itself, beside the HRTF's own data."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.hrtf.interaural import interaural_level_difference_db, interaural_time_difference_s
from auralize.stream.binaural import render_binaural
from capture.axes import spherical_from_world
from capture.waveform import Waveform, write_waveform
from scenes import Listener, Scene, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Localisation:
    """The interaural cues of one source; positive is left.

    Attributes:
        source: Name of the source.
        azimuth_rad: Of its mean position, in the listener's frame.
        elevation_rad: Likewise.
        distance_m: Likewise.
        itd_s: Measured on a click that was rendered from there.
        ild_db: Likewise, over all frequencies.
        hrtf_itd_s: Of the HRTF's nearest measured direction, from its file.
        hrtf_ild_db: Likewise.
        hrtf_away_rad: How far that direction is from the source's.
    """

    source: str
    azimuth_rad: float
    elevation_rad: float
    distance_m: float
    itd_s: float
    ild_db: float
    hrtf_itd_s: float
    hrtf_ild_db: float
    hrtf_away_rad: float


def measure_localisation(
    scene: Scene, sofa: str | os.PathLike[str] | None = None
) -> list[Localisation]:
    """Render a click from each source's mean position and measure ITD and ILD.

    Args:
        scene: The scene; its listener is taken as at time 0.
        sofa: HRTF, or None for the MIT KEMAR.

    Raises:
        FileFormatError: The SOFA file cannot be used.
    """
    hrtf = read_hrtf(sofa)
    pose = scene.listener.trajectory.at(0.0)
    measured: list[Localisation] = []
    for source in scene.sources:
        times_s = np.linspace(0.0, scene.duration_s or 1.0, 50)
        place = source.positions_at(times_s).mean(axis=0)
        local = pose.inverse().transform(place)
        direction = local / np.linalg.norm(local)
        nearest = int(np.argmax(hrtf.directions @ direction))
        raw = hrtf.impulse_responses[nearest]
        click = _rendered_click(local, scene.sample_rate_hz, hrtf)
        azimuth, elevation, distance = (float(value) for value in spherical_from_world(local))
        measured.append(
            Localisation(
                source=source.name,
                azimuth_rad=azimuth,
                elevation_rad=elevation,
                distance_m=distance,
                itd_s=interaural_time_difference_s(click, scene.sample_rate_hz),
                ild_db=interaural_level_difference_db(click, scene.sample_rate_hz),
                hrtf_itd_s=interaural_time_difference_s(raw, hrtf.sample_rate_hz),
                hrtf_ild_db=interaural_level_difference_db(raw, hrtf.sample_rate_hz),
                hrtf_away_rad=float(
                    np.arccos(np.clip(hrtf.directions[nearest] @ direction, -1.0, 1.0))
                ),
            )
        )
    return measured


def _rendered_click(
    local_m: Float64[np.ndarray, "3"], sample_rate_hz: int, hrtf: Hrtf
) -> Float64[np.ndarray, "2 samples"]:
    """Return a unit impulse as a listener at the origin, facing +x, hears it from a place."""
    impulse = np.zeros((1, sample_rate_hz // 10), dtype=np.float32)
    impulse[0, 0] = 1.0
    with tempfile.TemporaryDirectory() as folder:
        click = Waveform(samples=impulse, sample_rate_hz=sample_rate_hz)
        write_waveform(Path(folder) / "click.wav", click)
        x, y, z = (float(value) for value in local_m)
        alone = Scene(
            sample_rate_hz=sample_rate_hz,
            duration_s=click.duration_s,
            listener=Listener(position_m=(0.0, 0.0, 0.0)),
            sources=(Source(name="click", file="click.wav", position_m=(x, y, z)),),
        )
        return np.concatenate(list(render_binaural(alone, folder, hrtf)), axis=1).astype(np.float64)


def localisation_table(
    scene: Scene, sofa: str | os.PathLike[str] | None = None
) -> list[tuple[str, ...]]:
    """Return the cues of every source as rows for people, the header first."""
    rows: list[tuple[str, ...]] = [
        (
            "source", "azimuth", "elevation", "distance", "ITD", "HRTF's ITD", "ILD",
            "HRTF's ILD", "measured away by",
        )
    ]  # fmt: skip
    for cue in measure_localisation(scene, sofa):
        rows.append(
            (
                cue.source,
                f"{np.degrees(cue.azimuth_rad):+.1f}°",
                f"{np.degrees(cue.elevation_rad):+.1f}°",
                f"{cue.distance_m:.2f} m",
                f"{cue.itd_s * 1e6:+.0f} µs",
                f"{cue.hrtf_itd_s * 1e6:+.0f} µs",
                f"{cue.ild_db:+.1f} dB",
                f"{cue.hrtf_ild_db:+.1f} dB",
                f"{np.degrees(cue.hrtf_away_rad):.1f}°",
            )
        )
    return rows
