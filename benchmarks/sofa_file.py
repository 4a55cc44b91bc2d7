"""Write a head as a SOFA file that other programs read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from auralize.hrtf.head import Hrtf, default_hrtf_path


def write_sofa(path: Path, head: Hrtf) -> None:
    """Write a head like the MIT KEMAR file, which all readers of SOFA know, with other contents."""
    azimuths = np.degrees(np.arctan2(head.directions[:, 1], head.directions[:, 0])) % 360
    elevations = np.degrees(np.arcsin(np.clip(head.directions[:, 2], -1, 1)))
    distances = np.full(len(azimuths), head.distance_m)
    new = {
        "M": np.zeros(len(azimuths)),
        "N": np.zeros(head.tap_count),
        "Data.IR": head.impulse_responses,
        "Data.SamplingRate": np.array([head.sample_rate_hz], dtype=np.float64),
        "SourcePosition": np.stack([azimuths, elevations, distances], axis=1),
    }
    dimensions = {"Data.IR": "MRN", "SourcePosition": "MC"}
    with h5py.File(default_hrtf_path(), "r") as old, h5py.File(path, "w") as sofa:
        for key, value in old.attrs.items():
            sofa.attrs[key] = value
        for name in old:
            sofa.create_dataset(name, data=new.get(name, old[name][...]))
        for name in old:
            if name in "MRNCIES":
                sofa[name].make_scale(name)
                continue
            for key in ("Type", "Units"):
                if key in old[name].attrs:
                    sofa[name].attrs[key] = old[name].attrs[key]
        for name, letters in dimensions.items():
            for axis, letter in enumerate(letters):
                sofa[name].dims[axis].attach_scale(sofa[letter])
