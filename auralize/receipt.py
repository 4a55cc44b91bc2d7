"""The receipt of a run: what was found, what was made, and how it adds up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from auralize.output.json_numbers import finite
from capture.files.atomic import atomic_path
from separation.stem import StemBearing


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a run did.

    Attributes:
        source: The recording.
        out: The folder of the results.
        players: Name → mean centroid [x, y, z] in metres.
        shared: Names of players that share one mask with others.
        bearings: Player → from where the microphones hear the stem, and whether that is where the
            player is; empty where no array heard it.
        duration_s: Length of the recording and of each stem, in seconds.
        sample_count: Samples of the recording's channel and of each stem.
        sample_rate_hz: Rate of the recording and of each stem.
        extrapolated_above_hz: Where the network's band ends.
        reconstruction_db: Energy of mixture minus stems minus residual, over the mixture's.
        residual_db: Energy of the residual, over the mixture's.
        clock: How audio and camera times were brought together.
        loudness_lufs: Of the headphone preview.
        true_peak_dbtp: Of the headphone preview.
        preview_gain_db: How much the headphone preview was turned up (or down).
        model: Name of the network.
        model_sha256: Hash of its weights.
        hrtf: What the preview is heard through.
        poses: Player → where its joints are from; empty where the network watches no movement.
        stage_times_s: Stage → seconds of wall time.
        peak_memory_bytes: The largest memory of the process.
        versions: Package → version.
        warnings: What the user must know.
    """

    source: str
    out: str
    players: Mapping[str, list[float]]
    shared: list[list[str]]
    bearings: Mapping[str, StemBearing]
    duration_s: float
    sample_count: int
    sample_rate_hz: int
    extrapolated_above_hz: float | None
    reconstruction_db: float
    residual_db: float
    clock: str
    loudness_lufs: float
    true_peak_dbtp: float
    preview_gain_db: float
    model: str
    model_sha256: str
    hrtf: str
    poses: Mapping[str, str]
    stage_times_s: Mapping[str, float]
    peak_memory_bytes: int
    versions: Mapping[str, str]
    warnings: list[str]

    def to_json(self) -> str:
        """Return the receipt as JSON."""
        return json.dumps(finite(asdict(self)), indent=1)

    def lines(self) -> dict[str, str]:
        """Return the receipt as title → value, for people."""
        found = ", ".join(
            f"{name} at ({x:.2f}, {y:.2f}, {z:.2f}) m" for name, (x, y, z) in self.players.items()
        )
        band = self.extrapolated_above_hz
        return {
            "recording": self.source,
            "players found": f"{len(self.players)}: {found}",
            "stems": f"{self.sample_count} samples at {self.sample_rate_hz} Hz "
            f"({self.duration_s:.2f} s), as the recording",
            **({"stems are heard from": _heard_from(self.bearings)} if self.bearings else {}),
            "extrapolated": "nothing" if band is None else f"above {band:.0f} Hz",
            "mixture − stems − residual": f"{self.reconstruction_db:.0f} dB",
            "left in the residual": f"{self.residual_db:.1f} dB of the mixture",
            "clock": self.clock,
            "preview": f"{self.loudness_lufs:.1f} LUFS, true peak {self.true_peak_dbtp:.1f} dBTP, "
            f"gain {self.preview_gain_db:+.1f} dB",
            "network": f"{self.model} ({self.model_sha256[:12]})",
            **({"joints": _joints(self.poses)} if self.poses else {}),
            "HRTF": self.hrtf,
            "peak memory": f"{self.peak_memory_bytes / 2**30:.2f} GiB"
            if self.peak_memory_bytes
            else "not measured here",
            "versions": ", ".join(f"{name} {version}" for name, version in self.versions.items()),
        }

    def to_text(self) -> str:
        """Return the receipt for the terminal."""
        rows = [f"{title:<27} {value}" for title, value in self.lines().items()]
        times = ", ".join(
            f"{stage} {seconds:.1f} s" for stage, seconds in self.stage_times_s.items()
        )
        rows.append(f"{'stages':<27} {times}")
        rows += [f"{'warning':<27} {warning}" for warning in self.warnings]
        rows.append(f"{'results':<27} {self.out}")
        return "\n".join(rows)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the receipt as JSON.

        Raises:
            OutputError: The file cannot be written.
        """
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(self.to_json() + "\n", encoding="utf-8")


def _heard_from(bearings: Mapping[str, StemBearing]) -> str:
    """Return from where stems sound, in words."""
    return ", ".join(
        f"{name} {bearing.azimuth_deg:+.0f}° (is at {bearing.expected_deg:+.0f}°"
        + (f", {bearing.verdict}: {bearing.partner})" if bearing.partner else ")")
        for name, bearing in bearings.items()
    )


def _joints(poses: Mapping[str, str]) -> str:
    """Return whose joints are from where, in words."""
    sources = sorted(set(poses.values()))
    return "; ".join(
        f"{source}: {', '.join(name for name in poses if poses[name] == source)}"
        for source in sources
    )
