"""Accuracy of binaural rendering: `python -m benchmarks.hrtf_accuracy [--sofa FILE]`.

On the grid: an impulse is rendered from each measured azimuth of the horizontal plane and compared
with the SOFA data. ITD is where the cross-correlation of the ears below 1.5 kHz has its maximum,
ILD and spectrum are taken in bands one ERB apart, 50 Hz to 16 kHz.

Off the grid: directions are left out, interpolated from the others, and compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from auralize.binaural import render_binaural
from auralize.hrtf import Hrtf, read_hrtf
from auralize.interaural import erb_levels_db, interaural_time_difference_s
from auralize.interpolation import HrtfInterpolator
from scenes import Scene

SPACING_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Differences between heard and measured responses.

    Attributes:
        itd_s: One for each direction.
        ild_db: Shape (directions, bands).
        spectrum_db: Shape (directions, 2, bands).
    """

    itd_s: np.ndarray
    ild_db: np.ndarray
    spectrum_db: np.ndarray

    def __str__(self) -> str:
        itd, ild, spectrum = np.abs(self.itd_s) * 1e6, self.ild_db, self.spectrum_db
        return (
            f"{itd.mean():8.3f}{itd.max():9.3f}"
            f"{np.sqrt(np.mean(ild**2)):10.4f}{np.abs(ild).max():9.4f}"
            f"{np.sqrt(np.mean(spectrum**2)):10.4f}{np.abs(spectrum).max():9.4f}"
        )


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
    return Errors(
        itd_s=np.array(times_s), ild_db=spectrum[:, 0] - spectrum[:, 1], spectrum_db=spectrum
    )


def on_grid(head: Hrtf, indices: np.ndarray, rate_hz: int) -> np.ndarray:
    """Render an impulse from each of some measured directions."""
    period = int(SPACING_S * rate_hz)
    impulse = np.zeros(period, dtype=np.float32)
    impulse[0] = 1.0
    ears = np.array([0.0, 0.0, 1.2])
    scene = Scene.model_validate(
        {
            "sample_rate_hz": rate_hz,
            "sources": [
                {
                    "name": str(number),
                    "file": "impulse.wav",
                    "start_s": number * period / rate_hz,
                    "position_m": ears + 1.4 * head.directions[index],
                    "reference_distance_m": 1.4,
                }
                for number, index in enumerate(indices)
            ],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(Path(folder) / "impulse.wav", impulse, rate_hz, subtype="FLOAT")
        out = np.concatenate(list(render_binaural(scene, folder, head)), axis=1)
    return np.swapaxes(out.reshape(2, len(indices), period), 0, 1)


def left_out(head: Hrtf, out: np.ndarray) -> Errors:
    """Interpolate directions from all others."""
    rest = replace(
        head, directions=head.directions[~out], impulse_responses=head.impulse_responses[~out]
    )
    guessed = HrtfInterpolator(rest).impulse_responses(head.directions[out])
    rate_hz = head.sample_rate_hz
    return compare(guessed, rate_hz, head.impulse_responses[out], rate_hz)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sofa", default=None)
    head = read_hrtf(parser.parse_args().sofa)
    azimuths = np.degrees(np.arctan2(head.directions[:, 1], head.directions[:, 0])) % 360
    flat = np.abs(head.directions[:, 2]) < 1e-3
    ring = np.flatnonzero(flat)[np.argsort(azimuths[flat])]
    print(f"{head.name}: {len(head.directions)} directions, {head.sample_rate_hz} Hz")
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':<34}{'ITD, µs':>14}   {'ILD, dB':>15}    {'spectrum, dB':>16}")
    heading = f"{'mean':>8}{'max':>9}{'rms':>10}{'max':>9}{'rms':>10}{'max':>9}"
    print(f"{'':<34}{heading}")
    for rate_hz in (44_100, 48_000):
        heard = on_grid(head, ring, rate_hz)
        measured = head.impulse_responses[ring]
        errors = compare(heard, rate_hz, measured, head.sample_rate_hz)
        print(f"{f'{len(ring)} measured azimuths, {rate_hz} Hz':<34}{errors}")
    tenths = flat & (np.round(azimuths).astype(int) % 10 == 5)
    if tenths.any():
        print(f"{'horizontal plane, 10° to 5°':<34}{left_out(head, tenths)}")
    other = np.arange(len(head.directions)) % 2 == 1
    print(f"{'whole sphere, every other one':<34}{left_out(head, other)}")
    print(
        f"\n{'azimuth':>8}{'ITD measured':>15}{'rendered':>11}   ILD measured   rendered (48 kHz)"
    )
    heard = on_grid(head, ring, 48_000)
    for index, response in list(zip(ring, heard, strict=True))[::6]:
        measured = head.impulse_responses[index]
        times = (
            1e6 * interaural_time_difference_s(measured, head.sample_rate_hz),
            1e6 * interaural_time_difference_s(response, 48_000),
        )
        levels = [
            10 * np.log10(np.sum(r[0].astype(float) ** 2) / np.sum(r[1].astype(float) ** 2))
            for r in (measured, response)
        ]
        print(
            f"{azimuths[index]:7.0f}°{times[0]:12.1f} µs{times[1]:8.1f} µs"
            f"{levels[0]:12.2f} dB{levels[1]:8.2f} dB"
        )


if __name__ == "__main__":
    main()
