"""Accuracy of the way to the ears: `python -m benchmarks.propagation_accuracy [--json]`.

Air: decibels per metre against Table 1 of ISO 9613-1. Near field: a head that is a rigid sphere,
measured at 1.4 m, is rendered with sources from beside the ear to the front; level differences
between the ears are compared with the recorded series of Duda and Martens, 0.2 to 4 kHz, with the
correction and without. Extent: coherence of the ears and level of noise from bodies in front, 3 m
away. Reference numbers are those of tests/references/auralize.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.sources.air import air_absorption_db_per_m
from auralize.sources.sphere_head import sphere_head
from auralize.stream.binaural import render_binaural
from scenes import Medium, Scene

REFERENCES = Path(__file__).parents[1] / "tests" / "references" / "auralize"
RATE = 48_000
RADIUS_M = 0.0875
# The air in which sound goes at the 343 m/s of the series.
MEDIUM = Medium(temperature_c=293.15 * (343 / 343.2) ** 2 - 273.15)
BAND_HZ = (200.0, 4000.0)
AIR_TARGET, ILD_TARGET_DB, LEVEL_TARGET_DB = 0.013, 0.5, 0.5


def heard(
    folder: Path, sound: np.ndarray, head: Hrtf, position_m: tuple[float, ...], **changes: object
) -> np.ndarray:
    """Return what the ears at the origin hear of a sound."""
    soundfile.write(folder / "sound.wav", sound, RATE, "FLOAT")
    near_field = changes.pop("near_field", True)
    scene = Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "medium": MEDIUM,
            "listener": {"position_m": (0.0, 0.0, 0.0), "near_field": near_field},
            "sources": [
                {"name": "a", "file": "sound.wav", "position_m": position_m, **changes},
            ],
            "duration_s": len(sound) / RATE,
        }
    )
    return np.concatenate(list(render_binaural(scene, folder, head)), axis=1)


def air_error() -> float:
    """Return the largest relative error against the table."""
    errors: list[float] = []
    with (REFERENCES / "iso9613_1_table1.csv").open() as file:
        for celsius, humidity, label_hz, db_per_km, *_ in list(csv.reader(file))[1:]:
            exact_hz = 1000 * 10 ** (round(10 * np.log10(float(label_hz) / 1000)) / 10)
            medium = Medium(temperature_c=float(celsius), relative_humidity_percent=float(humidity))
            ours = 1000 * air_absorption_db_per_m(np.array(exact_hz), medium)
            errors.append(abs(float(ours) / float(db_per_km) - 1))
    return max(errors)


def recorded_ild_db() -> dict[tuple[float, int], dict[float, float]]:
    """Return level differences of the sphere: {(distance in radii, degrees): {Hz: dB}}."""
    levels: dict[tuple[float, int, float], float] = {}
    with (REFERENCES / "duda_martens_sphere.csv").open() as file:
        for rho, theta, f_hz, level_db, *_ in list(csv.reader(file))[1:]:
            levels[float(rho), round(float(theta)), float(f_hz)] = float(level_db)
    outcome: dict[tuple[float, int], dict[float, float]] = {}
    for (rho, theta, f_hz), level_db in levels.items():
        if theta < 90 and BAND_HZ[0] <= f_hz <= BAND_HZ[1]:
            difference = level_db - levels[rho, 180 - theta, f_hz]
            outcome.setdefault((rho, theta), {})[f_hz] = difference
    return outcome


def near_field_errors_db(folder: Path) -> dict[float, tuple[float, float]]:
    """Return the largest errors of ILD by distance in metres: corrected, and uncorrected."""
    head = sphere_head(sample_rate_hz=RATE, radius_m=RADIUS_M, speed_of_sound_m_s=343.0)
    impulse = np.eye(1, 4096)[0]
    errors: dict[float, list[np.ndarray]] = {}
    for (rho, theta), wanted in recorded_ild_db().items():
        distance_m = rho * RADIUS_M
        if not 0.17 <= distance_m < 1.0:
            continue
        angle = np.radians(theta)
        place = (distance_m * np.sin(angle), distance_m * np.cos(angle), 0.0)
        bins = np.array(list(wanted), dtype=int)
        pair: list[float] = []
        for near_field in (True, False):
            ears = heard(folder, impulse, head, place, near_field=near_field)
            left, right = 20 * np.log10(np.abs(np.fft.rfft(ears, RATE)[:, bins]))
            pair.append(float(np.abs(left - right - list(wanted.values())).max()))
        errors.setdefault(distance_m, []).append(np.array(pair))
    return {at: tuple(np.max(found, axis=0).tolist()) for at, found in errors.items()}


def extent_figures(folder: Path) -> dict[float, tuple[float, float]]:
    """Return the coherence of the ears, and the level against a point, by width in metres."""
    noise = 0.1 * np.random.default_rng(1).normal(size=3 * RATE)
    figures: dict[float, tuple[float, float]] = {}
    power_of_point = 0.0
    for extent_m in (0.0, 0.3, 1.0, 2.0):
        ears = heard(folder, noise, read_hrtf(), (3.0, 0.0, 0.0), extent_m=extent_m)
        left, right = np.fft.rfft(ears, 2 * ears.shape[1])
        correlation = np.fft.irfft(left * np.conj(right))
        powers = np.sum(np.square(ears, dtype=np.float64), axis=1)
        reach = RATE // 1000
        coherence = max(correlation[:reach].max(), correlation[-reach:].max())
        power_of_point = power_of_point or float(powers.sum())
        level_db = 10 * np.log10(powers.sum() / power_of_point)
        figures[extent_m] = float(coherence / np.sqrt(powers.prod())), float(level_db)
    return figures


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as name:
        air, near, bodies = (
            air_error(),
            near_field_errors_db(Path(name)),
            extent_figures(Path(name)),
        )
    if as_json:
        print(json.dumps({"air": air, "near_field_db": near, "extent": bodies}, indent=1))
        return
    print(f"air, largest error against ISO 9613-1, Table 1: {100 * air:.2f} % ", end="")
    print(f"(target {100 * AIR_TARGET:.1f} %)\n")
    print(f"largest error of ILD, rigid sphere, dB (target {ILD_TARGET_DB})")
    print(f"{'distance, m':>12}{'corrected':>12}{'as measured':>14}")
    for distance_m, (corrected, uncorrected) in near.items():
        print(f"{distance_m:>12.3f}{corrected:>12.2f}{uncorrected:>14.2f}")
    print(f"\nbodies in front, 3 m away (target: level within {LEVEL_TARGET_DB} dB)")
    print(f"{'width, m':>12}{'coherence':>12}{'level, dB':>14}")
    for extent_m, (coherence, level_db) in bodies.items():
        print(f"{extent_m:>12.1f}{coherence:>12.2f}{level_db:>+14.2f}")


if __name__ == "__main__":
    main()
