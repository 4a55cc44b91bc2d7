"""What loudspeakers make of ambisonics: `python -m benchmarks.loudspeaker_quality [--order 3]`.

For each layout with a name: the spread of the energy over all directions in decibels, and how far
the energy vector points from the source and how long it is, over the horizon (all round for layouts
that are). The energy vector tells where high frequencies are heard, and how sharply (1 is one
loudspeaker alone).

Where spaudiopy is installed, its AllRAD with max-rE is measured in the same way.
"""

from __future__ import annotations

import argparse

import numpy as np

from auralize.ambisonics.loudspeaker_decoding import loudspeaker_decoder, reproduce
from auralize.ambisonics.loudspeaker_layout import LoudspeakerLayout, named_layouts
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import channel_degrees, spherical_harmonics

ALL_ROUND = golden_spiral(2000)
AZIMUTHS = np.linspace(0, 2 * np.pi, 360, endpoint=False)
HORIZON = np.stack([np.cos(AZIMUTHS), np.sin(AZIMUTHS), 0 * AZIMUTHS], axis=1)


def spaudiopy_decoder(layout: LoudspeakerLayout, order: int) -> np.ndarray | None:
    """Return the peer's gains for AmbiX channels, or None where it is missing or fails."""
    try:
        from spaudiopy import decoder
    except ImportError:
        return None
    try:
        setup = decoder.LoudspeakerSetup(*layout.directions.T)
        # It adds a loudspeaker below by itself where the layout is open there.
        setup.ambisonics_setup(update_hull=layout.directions[:, 2].min() > -0.1)
        channels = np.eye((order + 1) ** 2)
        gains = decoder.allrad(channels, setup, N_sph=order)
    except Exception as error:  # its hull fails on some layouts, in several ways
        print(f"{'':<14}spaudiopy: {str(error).splitlines()[0][:60]}")
        return None
    return gains * np.sqrt(2 * channel_degrees(order) + 1)


def row(layout: LoudspeakerLayout, decoder: np.ndarray) -> str:
    """Return the figures of a decoder."""
    energies = 10 * np.log10(reproduce(layout, decoder, ALL_ROUND).energies)
    heights = layout.directions[:, 2]
    directions = ALL_ROUND if heights.min() < -0.3 and heights.max() > 0.3 else HORIZON
    vectors = reproduce(layout, decoder, directions).energy_vectors
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = np.sum(vectors * directions, axis=1) / lengths
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return (
        f"{np.ptp(energies):8.2f}{angles.mean():9.1f}{angles.max():8.1f}"
        f"{lengths.min():9.2f}{lengths.max():7.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--order", type=int, default=3)
    order = parser.parse_args().order
    print(f"order {order}{'energy, dB':>29}{'rE away, °':>16}{'length of rE':>17}")
    print(f"{'':<28}{'spread':>8}{'mean':>9}{'max':>8}{'min':>9}{'max':>7}")
    for name, layout in named_layouts().items():
        # N3D harmonics have a mean square of 1; both decoders are brought to a mean energy of 1.
        decoders = {"allrad": loudspeaker_decoder(layout, order)}
        if len(layout.directions) >= (order + 1) ** 2 and name != "22.0":
            decoders["epad"] = loudspeaker_decoder(layout, order, method="epad")
        peer = spaudiopy_decoder(layout, order)
        if peer is not None:
            gains = spherical_harmonics(ALL_ROUND, order) @ peer.T
            decoders["spaudiopy"] = peer / np.sqrt(np.mean(np.sum(gains**2, axis=1)))
        for method, decoder in decoders.items():
            print(f"{name:<14}{method:<14}{row(layout, decoder)}", flush=True)


if __name__ == "__main__":
    main()
