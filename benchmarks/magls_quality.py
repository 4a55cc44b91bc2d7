"""Cues of ambisonics in headphones: `python -m benchmarks.magls_quality [--sofa FILE]`.

Plane waves from 36 measured azimuths of the horizontal plane are encoded, decoded by MagLS and
compared with the measured responses, at 48 kHz: ITD where the cross-correlation of the ears below
1.5 kHz has its maximum, ILD and spectrum in bands one ERB apart, 50 Hz to 16 kHz, without the mean
level. Then ILD and spectrum over a tenth of all measured directions.

Where spaudiopy is installed, its `magls_bin` is measured in the same way.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from auralize.ambisonics.magls import magls_decoder
from auralize.dsp.spherical_harmonics import channel_degrees, spherical_harmonics
from auralize.hrtf.head import Hrtf, read_hrtf
from benchmarks.hrtf_accuracy import compare

RATE = 48_000


def spaudiopy_decoder(head: Hrtf, order: int) -> np.ndarray | None:
    """Return the peer's filters for AmbiX channels, or None where it is not installed."""
    try:
        from spaudiopy import decoder, sig
    except ImportError:
        return None
    azimuths = np.arctan2(head.directions[:, 1], head.directions[:, 0])
    zeniths = np.arccos(np.clip(head.directions[:, 2], -1, 1))
    left, right = np.swapaxes(head.impulse_responses, 0, 1)
    responses = sig.HRIRs(left, right, azimuths, zeniths, head.sample_rate_hz)
    filters = np.swapaxes(decoder.magls_bin(responses, order), 0, 1)
    # Its harmonics are orthonormal over the sphere's area; ours have the weights of SN3D.
    return filters * np.sqrt((2 * channel_degrees(order) + 1) / (4 * np.pi))[:, None, None]


def row(head: Hrtf, decoder: np.ndarray, order: int) -> str:
    """Return the figures of a decoder."""
    azimuths = np.degrees(np.arctan2(head.directions[:, 1], head.directions[:, 0])) % 360
    flat = np.flatnonzero(np.abs(head.directions[:, 2]) < 1e-3)
    ring = flat[np.argsort(azimuths[flat])]
    ring = ring[:: max(1, len(ring) // 36)]
    figures: list[str] = []
    for chosen in (ring, np.arange(0, len(head.directions), 10)):
        harmonics = spherical_harmonics(head.directions[chosen], order)
        heard = np.einsum("dc,cet->det", harmonics, decoder.astype(np.float64))
        errors = compare(heard, RATE, head.impulse_responses[chosen], RATE)
        level = errors.spectrum_db.mean()
        rms = [np.sqrt(np.mean(x**2)) for x in (errors.ild_db, errors.spectrum_db - level)]
        if chosen is ring:
            itd = 1e6 * np.abs(errors.itd_s)
            figures.append(f"{itd.mean():9.1f}{itd.max():8.1f}")
        figures.append(f"{rms[0]:8.2f}{rms[1]:8.2f}")
    return "".join(figures) + f"{level:+9.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sofa", default=None)
    parser.add_argument("--orders", type=int, nargs="+", default=list(range(1, 8)))
    arguments = parser.parse_args()
    head = read_hrtf(arguments.sofa).resampled(RATE)
    print(f"{head.name}, {len(head.directions)} directions, {head.tap_count} taps")
    print(f"{'':<34}{'horizontal plane':^33}{'all round':^16}")
    print(
        f"{'':<34}{'ITD, µs':>12}{'max':>5}{'ILD':>8}{'spec.':>8}{'ILD':>8}{'spec.':>8}{'level':>9}"
    )
    for order in arguments.orders:
        start = time.process_time()
        decoders = {"MagLS": magls_decoder(head, order)}
        design_s = time.process_time() - start
        decoders["MagLS, diffuse field held"] = magls_decoder(head, order, diffuse_field=True)
        peer = spaudiopy_decoder(head, order)
        if peer is not None:
            decoders["spaudiopy.magls_bin"] = peer
        for name, decoder in decoders.items():
            print(f"order {order}: {name:<25}{row(head, decoder, order)}", flush=True)
        print(f"         ({design_s:.1f} s)")


if __name__ == "__main__":
    main()
