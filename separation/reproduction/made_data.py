"""The layout of the paper's data, made: simulated players and their sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from capture.axes import camera_from_world_axes
from capture.instruments import INSTRUMENTS
from capture.point_cloud import PointCloud, write_ply

_SECONDS = 12.0
_RATE_HZ = 22050


def make_data(
    folder: str | Path, *, instruments: Sequence[str] = INSTRUMENTS[:4], seed: int = 0
) -> Path:
    """Make a tiny copy of the layout: four sounds and four people of each instrument.

    Args:
        folder: Made if missing.
        instruments: Which.
        seed: Of all of it.
    """
    from capture.simulate.clouds import random_performer_views
    from capture.simulate.sampler import play_part
    from capture.simulate.score import compose

    data = Path(folder)
    for instrument in instruments:
        rng = np.random.default_rng([seed, *instrument.encode()])
        sounds = data / "audio" / instrument
        sounds.mkdir(parents=True, exist_ok=True)
        partner = "violin" if instrument == "cello" else "cello"
        for number in range(4):
            part = compose((instrument, partner), _SECONDS, seed + number)[0]
            sound = play_part(part, _SECONDS, _RATE_HZ, rng=rng).samples[0]
            loudest = max(float(np.abs(sound).max()), 1e-6)
            soundfile.write(sounds / f"{instrument}-{number}.flac", 0.5 * sound / loudest, _RATE_HZ)
            person = data / "frames" / instrument / f"person_{number + 1}"
            person.mkdir(parents=True, exist_ok=True)
            for index, view in enumerate(random_performer_views(instrument, rng, images=5)):
                camera_m = camera_from_world_axes(view.cloud.positions_m).astype(np.float32)
                write_ply(
                    person / f"{index:05d}.ply",
                    PointCloud(positions_m=camera_m, colors=view.cloud.colors),
                )
    return data
