"""Sounds and where they are heard from: the draft extension KHR_audio_emitter.

The law of its positional emitters is the scene's beyond refDistance, and flat closer to it:

    amplitude = gain · refDistance / max(distance, refDistance)

So refDistance is a source's reference distance, unless the scene itself brings the listener closer:
then it is the closest that they come, and the gain makes up for it.

Source: Khronos Group, KHR_audio_emitter, draft of 2025: "audio", "sources", "emitters". Importers
that read it (UnityGLTF) want the sound in a bufferView and a maxDistance above 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from capture.pose import Trajectory
from scenes.export.distance_law import NEAREST_M, level
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.gltf.glb import GlbFile
from scenes.export.wav import wav_bytes

EXTENSION = "KHR_audio_emitter"
FARTHEST_M = 10_000.0


def add_emitters(file: GlbFile, exported: ExportedScene, *, turned_down_db: float) -> None:
    """Add the sound and the emitter of each source: the emitter's index is the source's."""
    audio: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    emitters: list[dict[str, Any]] = []
    for index, source in enumerate(exported.sources):
        sound = wav_bytes(
            source.samples,
            exported.sample_rate_hz,
            "pcm16",
            gain_db=turned_down_db,
            number=index,
        )
        audio.append({"bufferView": file.add_bytes(sound), "mimeType": "audio/wav"})
        sources.append({"name": source.name, "audio": index, "autoPlay": True, "loop": False})
        emitters.append(_emitter(exported, source, index, turned_down_db))
    file.document.setdefault("extensions", {})[EXTENSION] = {
        "audio": audio,
        "sources": sources,
        "emitters": emitters,
    }


def reference_m(
    source_path: Trajectory, listener: Trajectory, reference_distance_m: float
) -> float:
    """Return a source's refDistance: see the law above."""
    return min(reference_distance_m, max(_closest_m(source_path, listener), NEAREST_M))


def _emitter(
    exported: ExportedScene, source: ExportedSource, index: int, turned_down_db: float
) -> dict[str, Any]:
    near_m = reference_m(
        source.trajectory, exported.listener.trajectory, source.reference_distance_m
    )
    gain = level(source) * source.reference_distance_m / near_m / 10 ** (turned_down_db / 20)
    return {
        "name": source.name,
        "type": "positional",
        "gain": gain,
        "sources": [index],
        "positional": {
            "shapeType": "omnidirectional",
            "distanceModel": "inverse",
            "refDistance": near_m,
            "maxDistance": FARTHEST_M,
            "rolloffFactor": 1.0,
        },
    }


def _closest_m(one: Trajectory, other: Trajectory) -> float:
    """Return how close two come to each other at any time.

    Between the keys of both, the way from one to the other is a straight line, whose closest point
    to the origin is known.
    """
    times = np.union1d(one.times_s, other.times_s)
    away = one.positions_at(times) - other.positions_at(times)
    nearest = float(np.linalg.norm(away, axis=1).min())
    starts, steps = away[:-1], np.diff(away, axis=0)
    lengths = np.sum(steps * steps, axis=1)
    moving = lengths > 0
    part = np.clip(-np.sum(starts * steps, axis=1)[moving] / lengths[moving], 0.0, 1.0)
    passing = starts[moving] + part[:, None] * steps[moving]
    return min(nearest, float(np.linalg.norm(passing, axis=1).min(initial=np.inf)))
