"""Accuracy of binaural rendering: `python -m benchmarks.hrtf_accuracy [--plot FILE] [--json]`.

On the grid: an impulse is rendered from each measured direction of the horizontal plane and
compared with the SOFA data. ITD is where the cross-correlation of the ears below 1.5 kHz has its
maximum; ILD and spectrum are taken in bands one ERB apart, 50 Hz to 16 kHz.

Off the grid: directions are left out, interpolated from all others, and compared: every other
azimuth of the horizontal plane (10° to 5° on KEMAR), every other one of all rings, and all below
−25°, as if the set ended there. The other methods are the nearest direction, the weighted mean of
the three directions around, the same with onsets aligned, and cubic splines of log magnitude and
unwrapped phase around the ring.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.hrtf.interaural import erb_centers_hz, erb_levels_db, interaural_time_difference_s
from auralize.stream.binaural import render_binaural
from benchmarks.hrtf_methods import METHODS, WHERE, angles_deg
from scenes import Scene

SPACING_S = 0.05
ON_GRID_TARGET = (1.0, 0.05, 0.05)
OFF_GRID_TARGET = (0.7, 1.0, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Differences between heard and measured responses.

    Attributes:
        itd_s: One for each direction.
        spectrum_db: Shape (directions, 2, bands).
    """

    itd_s: np.ndarray
    spectrum_db: np.ndarray

    @property
    def ild_db(self) -> np.ndarray:
        """Shape (directions, bands)."""
        return self.spectrum_db[:, 0] - self.spectrum_db[:, 1]

    def figures(self) -> dict[str, float]:
        """Return means (ITD) or rms (levels), and the largest of all."""
        return {
            "itd_mean_us": 1e6 * float(np.abs(self.itd_s).mean()),
            "itd_max_us": 1e6 * float(np.abs(self.itd_s).max()),
            "ild_rms_db": float(np.sqrt(np.mean(self.ild_db**2))),
            "ild_max_db": float(np.abs(self.ild_db).max()),
            "spectrum_rms_db": float(np.sqrt(np.mean(self.spectrum_db**2))),
            "spectrum_max_db": float(np.abs(self.spectrum_db).max()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report; `target` holds the largest ITD (µs), ILD and spectrum (dB)."""

    what: str
    method: str
    errors: Errors
    target: tuple[float, float, float] | None = None

    @property
    def reached(self) -> bool | None:
        """Whether all three figures are within the target."""
        if self.target is None:
            return None
        figures = self.errors.figures()
        keys = ("itd_mean_us", "ild_rms_db", "spectrum_rms_db")
        return all(figures[key] <= limit for key, limit in zip(keys, self.target, strict=True))

    def __str__(self) -> str:
        values = list(self.errors.figures().values())
        line = f"{self.what:<34}{self.method:<14}"
        line += f"{values[0]:8.3f}{values[1]:8.2f}"
        line += "".join(f"{value:9.4f}" for value in values[2:])
        if self.target is None:
            return line
        limits = " / ".join(f"{limit:g}" for limit in self.target)
        return f"{line}   {limits} {'reached' if self.reached else 'MISSED'}"


def compare(
    heard: np.ndarray, heard_rate_hz: int, measured: np.ndarray, measured_rate_hz: int
) -> Errors:
    """Compare binaural responses (directions, 2, samples) at rates that may differ."""
    length = int(SPACING_S * measured_rate_hz)
    measured = np.pad(measured, ((0, 0), (0, 0), (0, length - measured.shape[2])))
    heard = np.pad(heard, ((0, 0), (0, 0), (0, int(SPACING_S * heard_rate_hz) - heard.shape[2])))
    times_s = [
        interaural_time_difference_s(h, heard_rate_hz)
        - interaural_time_difference_s(m, measured_rate_hz)
        for h, m in zip(heard, measured, strict=True)
    ]
    spectrum = erb_levels_db(heard, heard_rate_hz) - erb_levels_db(measured, measured_rate_hz)
    return Errors(itd_s=np.array(times_s), spectrum_db=spectrum)


def on_grid(head: Hrtf, indices: np.ndarray, rate_hz: int) -> np.ndarray:
    """Render an impulse from each of some measured directions."""
    period = int(SPACING_S * rate_hz)
    impulse = np.zeros(period, dtype=np.float32)
    impulse[0] = 1.0
    ears = np.array([0.0, 0.0, 1.2])
    away_m = max(1.0, head.distance_m)
    scene = Scene.model_validate(
        {
            "sample_rate_hz": rate_hz,
            "sources": [
                {
                    "name": str(number),
                    "file": "impulse.wav",
                    "start_s": number * period / rate_hz,
                    "position_m": ears + away_m * head.directions[index],
                    "reference_distance_m": away_m,
                }
                for number, index in enumerate(indices)
            ],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(Path(folder) / "impulse.wav", impulse, rate_hz, subtype="FLOAT")
        out = np.concatenate(list(render_binaural(scene, folder, head)), axis=1)
    return np.swapaxes(out.reshape(2, len(indices), period), 0, 1)


def left_out(head: Hrtf, out: np.ndarray, method: str) -> Errors:
    """Interpolate directions from all others."""
    rest = replace(
        head, directions=head.directions[~out], impulse_responses=head.impulse_responses[~out]
    )
    guessed = METHODS[method](rest, head.directions[out])
    rate_hz = head.sample_rate_hz
    return compare(guessed, rate_hz, head.impulse_responses[out], rate_hz)


def every_other(head: Hrtf) -> np.ndarray:
    """Return every other azimuth of every ring, the front of each staying in."""
    azimuths, elevations = angles_deg(head)
    order = np.lexsort([np.round(azimuths, 3), np.round(elevations, 3)])
    out = np.zeros(len(head.directions), dtype=np.bool_)
    for ring in np.split(order, np.flatnonzero(np.diff(np.round(elevations[order], 3))) + 1):
        out[ring[1::2]] = True
    return out


def measure(head: Hrtf, *, is_default: bool) -> list[Row]:
    """Return the report; the targets off the grid are those of the default head's 10° to 5°."""
    azimuths, elevations = angles_deg(head)
    flat = np.abs(elevations) < 0.05
    ring = np.flatnonzero(flat)[np.argsort(azimuths[flat])]
    if len(ring) < 8:  # a set without a horizontal ring
        ring = np.arange(0, len(azimuths), max(1, len(azimuths) // 36))
    rows: list[Row] = []
    for rate_hz in (44_100, 48_000):
        measured = head.impulse_responses[ring]
        errors = compare(on_grid(head, ring, rate_hz), rate_hz, measured, head.sample_rate_hz)
        what = f"{len(ring)} measured directions, {rate_hz} Hz"
        rows.append(Row(what=what, method="rendered", errors=errors, target=ON_GRID_TARGET))
    alternate = every_other(head)
    parts = (
        (
            "horizontal, every other azimuth",
            flat & alternate,
            OFF_GRID_TARGET if is_default else None,
        ),
        ("whole sphere, every other azimuth", alternate, None),
        ("all below −25° (extrapolated)", elevations < -25, None),
    )
    for what, out, target in parts:
        for method in METHODS:
            if out.any() and what.startswith(WHERE.get(method, "")):
                errors = left_out(head, out, method)
                aim = target if method == "ours" else None
                rows.append(Row(what=what, method=method, errors=errors, target=aim))
    return rows


def draw(head: Hrtf, rows: list[Row], path: Path) -> None:
    """Plot the errors of all methods off the grid of the horizontal plane."""
    from matplotlib.figure import Figure

    azimuths, elevations = angles_deg(head)
    out = (np.abs(elevations) < 0.05) & every_other(head)
    order = np.argsort(azimuths[out])
    figure = Figure(figsize=(11, 9), layout="constrained")
    above, middle, below = figure.subplots(3)
    for row in (row for row in rows if row.what.startswith("horizontal")):
        errors, where = row.errors, azimuths[out][order]
        above.semilogy(where, 1e6 * np.abs(errors.itd_s[order]) + 1e-3, label=row.method)
        middle.plot(where, np.sqrt(np.mean(errors.ild_db[order] ** 2, axis=1)), label=row.method)
        per_band = np.sqrt(np.mean(errors.spectrum_db**2, axis=(0, 1)))
        below.semilogx(erb_centers_hz()[: len(per_band)], per_band, label=row.method)
    for axes, target in zip((above, middle, below), OFF_GRID_TARGET, strict=True):
        axes.axhline(target, color="black", linewidth=0.8, linestyle="--", label="target (mean)")
        axes.grid(visible=True, which="both", alpha=0.3)
    above.set(ylabel="ITD error, µs", title=f"{head.name}, horizontal plane, left out and restored")
    middle.set(xlabel="azimuth, °", ylabel="ILD error, dB rms over bands")
    below.set(xlabel="frequency, Hz", ylabel="level error, dB rms over azimuths")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sofa", default=None, help="another head than MIT KEMAR")
    parser.add_argument(
        "--plot", type=Path, default=None, help="write a picture (PNG) to this file"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    head = read_hrtf(arguments.sofa)
    rows = measure(head, is_default=arguments.sofa is None)
    if arguments.plot is not None:
        draw(head, rows, arguments.plot)
    if arguments.json:
        keys = ("what", "method", "target", "reached")
        found = [{k: getattr(row, k) for k in keys} | row.errors.figures() for row in rows]
        print(json.dumps({"head": head.name, "sha256": head.sha256, "rows": found}, indent=1))
        return
    print(f"{head.name}: {len(head.directions)} directions, {head.sample_rate_hz} Hz; ", end="")
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':<48}{'ITD, µs':>16}{'ILD, dB':>18}{'spectrum, dB':>18}   target: ITD / ILD /")
    columns = f"{'mean':>8}{'max':>8}" + 2 * f"{'rms':>9}{'max':>9}"
    print(f"{'':<48}{columns}   spectrum")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
