"""Time one peer inside its own environment; `benchmarks.peers` starts this file.

It imports nothing of this project. The task is an .npz file: noise (sources, samples), the places
of the sources around a listener at the origin who faces x (metres; for moving sources one each
half second), responses (directions, 2, taps) with their directions, and a SOFA file of the same.
Printed is one JSON object: CPU seconds of each render, or a reason.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def best_cpu_s(work: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of some repeats."""
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def py3dti(task: Any) -> dict[str, Callable[[], object]]:
    """3D Tune-In toolkit: near field and distance as it comes, no reverberation."""
    import py3dti as toolkit

    rate, block = int(task["rate_hz"]), 512
    noise = np.ascontiguousarray(task["noise"], dtype=np.float32)
    blocks = -(-noise.shape[1] // block)

    def renderer() -> tuple[Any, dict[Any, np.ndarray]]:
        made = toolkit.BinauralRenderer(rate=rate, buffer_size=block)
        made.add_listener(position=(0.0, 0.0, 0.0)).load_hrtf_from_sofa(str(task["sofa"]))
        sources = {}
        for sound, place in zip(noise, task["places_m"], strict=True):
            source = made.add_source(position=tuple(float(x) for x in place[0]))
            source.reverb_processing = False
            sources[source] = sound
        return made, sources

    def standing() -> None:
        made, sources = ready
        made.render_offline(sources)

    def moving() -> None:
        made, sources = ready
        paths = {source: path for source, path in zip(sources, all_paths, strict=True)}
        made.render_offline(sources, paths)

    times_s = np.arange(blocks) * block / rate
    all_paths = [
        [
            tuple(float(np.interp(t, task["times_s"], place[:, axis])) for axis in range(3))
            for t in times_s
        ]
        for place in task["places_m"]
    ]
    ready = renderer()  # reading the HRTF is not timed
    return {"standing": standing, "moving": moving}


def pyroomacoustics(task: Any) -> dict[str, Callable[[], object]]:
    """Open air, ears from the measured directivities by harmonics of order 12."""
    import pyroomacoustics as pra
    from pyroomacoustics.directivities import MeasuredDirectivityFile, Rotation3D

    rate = int(task["rate_hz"])
    x, y, z = task["directions"].T
    around = np.stack([np.arctan2(y, x), np.arccos(np.clip(z, -1, 1)), np.ones(len(x))])
    ears = np.array([[0.0, 0.09, 0.0], [0.0, -0.09, 0.0]]).T

    def read(path: str, fs: int) -> tuple[Any, ...]:
        return task["responses"], rate, around, ears, None, None

    head = MeasuredDirectivityFile(
        "kemar", fs=rate, interp_order=12, interp_n_points=1000, file_reader_callback=read
    )
    turn = Rotation3D([0.0, 0.0], "yz", degrees=True)
    directivities = [head.get_mic_directivity(ear, turn) for ear in range(2)]

    def standing() -> None:
        room = pra.AnechoicRoom(3, fs=rate)
        both = np.zeros((3, 2)) + 100.0
        room.add_microphone_array(both, directivity=directivities)
        for sound, place in zip(task["noise"], task["places_m"], strict=True):
            room.add_source(place[0] + 100.0, signal=sound)
        room.simulate()

    return {"standing": standing}


def spaudiopy(task: Any) -> dict[str, Callable[[], object]]:
    """Decoding of order 3 by MagLS (`sh2bin`) only, whatever the number of sources."""
    import spaudiopy as spa

    x, y, z = task["directions"].T
    hrirs = spa.sig.HRIRs(
        task["responses"][:, 0],
        task["responses"][:, 1],
        np.arctan2(y, x),
        np.arccos(np.clip(z, -1, 1)),
        int(task["rate_hz"]),
    )
    decoder = spa.decoder.magls_bin(hrirs, 3)
    field = np.resize(task["noise"], (16, task["noise"].shape[1])).astype(np.float64)
    return {"order-3 decoding": lambda: spa.decoder.sh2bin(field, decoder)}


def scipy(task: Any) -> dict[str, Callable[[], object]]:
    """Overlap-add convolution of each source with each ear in float32."""
    from scipy.signal import oaconvolve

    noise = task["noise"].astype(np.float32)
    first = np.array([place[0] for place in task["places_m"]])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    taps = task["responses"][np.argmax(first @ task["directions"].T, axis=1)].astype(np.float32)

    def standing() -> None:
        out = np.zeros((2, noise.shape[1] + taps.shape[2] - 1), dtype=np.float32)
        for sound, responses in zip(noise, taps, strict=True):
            out += oaconvolve(sound[None], responses, axes=-1)

    return {"standing": standing}


PEERS = {
    "py3dti": py3dti,
    "pyroomacoustics": pyroomacoustics,
    "spaudiopy": spaudiopy,
    "scipy": scipy,
}


def main() -> None:
    """Time the renders of one peer."""
    peer, path, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        with np.load(path) as file:
            task = {name: file[name] for name in file.files}
        found = {name: best_cpu_s(work, repeats) for name, work in PEERS[peer](task).items()}
    except Exception as error:  # whatever a peer raises is the answer
        found = {"reason": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
