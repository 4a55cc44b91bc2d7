"""An encoder as IEM's MultiEncoder and SPARTA's AmbiENC have it opens the stems and directions.

No DAW runs here: this reads the layout as their published sources do, and encodes to first order.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import LEFT, LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, RIGHT, SOURCES


def missing() -> str:
    """Return why this cannot be done here: it always can."""
    return ""


def check(folder: Path) -> ClientFigures:
    """Open an export of the golden scene."""
    layout = json.loads((folder / "directions.json").read_text(encoding="utf-8"))
    stems = [soundfile.read(path)[0] for path in sorted((folder / "stems").iterdir())]
    elements = layout["GenericLayout"]["Elements"]
    yaw = np.radians(LISTENER_YAW_DEG)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    error_m = 0.0
    field = np.zeros((3, len(stems[0])))  # W, Y, X
    for element, source in zip(elements, SOURCES, strict=True):
        azimuth, elevation = np.radians(element["Azimuth"]), np.radians(element["Elevation"])
        way = np.array(
            [
                np.cos(azimuth) * np.cos(elevation),
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
            ]
        )
        place = LISTENER_M + turn @ way * element["Radius"]
        error_m = max(error_m, float(np.linalg.norm(place - source.positions_m[0.0])))
        field += np.outer([1.0, way[1], way[0]], stems[element["Channel"] - 1])
    # Cardioids to the left and to the right.
    ears = (field[0] + field[1]) / 2, (field[0] - field[1]) / 2
    left, right = (
        tuple(tone_db(ear, RATE_HZ, source.tone_hz, 0.6, 0.95) for ear in ears)
        for source in (LEFT, RIGHT)
    )
    return ClientFigures(
        client="own first-order encoder",
        position_error_m=error_m,
        left_db=(left[0], left[1]),
        right_db=(right[0], right[1]),
        start_offset_samples=max(
            abs(burst_offset(stem, source)) for stem, source in zip(stems, SOURCES, strict=True)
        ),
    )
