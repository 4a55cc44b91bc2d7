"""Speed of room responses: `python -m benchmarks.room_speed [--order 17] [--sources 4]`.

CPU time on one thread to make the binaural responses of a box, 48 kHz, KEMAR with all taps. The
peer, in the same run, is pyroomacoustics' own build of the same box with the same images: through
the same head, as its measured directivity at both ears; and for one omnidirectional microphone,
whose energy below 18 kHz is compared with that of our early part in one channel.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from auralize.hrtf.head import Hrtf, read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.receivers import Ears, Harmonics
from auralize.rooms.response import RoomResponses
from auralize.sources.heard_source import HeardSource
from scenes import Scene
from scenes.surface import OCTAVE_BANDS_HZ

RATE = 48_000
SIZE_M = (8.0, 6.0, 3.5)
ABSORPTION = (0.1, 0.12, 0.15, 0.2, 0.22, 0.25, 0.3)
EAR_M = np.array([-1.0, 0.3, 1.6])


def make_scene(sources: int, order: int) -> Scene:
    """Return sources on an arc in front of the listener."""
    places = [(1.5, -2 + 4 * (i + 0.5) / sources, 1.2 + 0.05 * i) for i in range(sources)]
    return Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "sources": [
                {"name": str(i), "file": "a.wav", "position_m": p} for i, p in enumerate(places)
            ],
            "listener": {"position_m": EAR_M},
            "room": {
                "size_m": SIZE_M,
                "surfaces": {"absorption": ABSORPTION, "scattering": 0.0},
                "image_order": order,
            },
        }
    )


def cpu_s(work: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of some work, and what it gives."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def ours(scene: Scene, sources: list[HeardSource]) -> dict[str, float]:
    """Return the CPU times of the parts of our responses, from a head in memory on."""
    head = read_hrtf().resampled(RATE)
    times: dict[str, float] = {}
    times["head: interpolation, diffuse field"], ears = cpu_s(lambda: Ears(HrtfInterpolator(head)))
    assert isinstance(ears, Ears)
    times["room"], room = cpu_s(lambda: RoomResponses(scene, ears, moving=False))
    assert isinstance(room, RoomResponses)
    times["early reflections"], _ = cpu_s(lambda: [room.early(each, 0.0) for each in sources])
    times["late part"], _ = cpu_s(lambda: [room.late(each) for each in sources])
    return times


def peer(scene: Scene, order: int, head: Hrtf | None) -> tuple[float, list[np.ndarray]]:
    """Return pyroomacoustics' CPU time for the responses, and those of the first microphone."""
    import pyroomacoustics as pra

    pra.constants.set("rir_hpf_enable", False)
    pra.constants.set("c", scene.medium.speed_of_sound_m_s)
    corner = np.array([SIZE_M[0] / 2, SIZE_M[1] / 2, 0.0])
    bands = {"coeffs": list(ABSORPTION), "center_freqs": list(OCTAVE_BANDS_HZ)}
    room = pra.ShoeBox(SIZE_M, fs=RATE, materials=pra.Material(bands), max_order=order)
    for source in scene.sources:
        room.add_source(np.array(source.position_m) + corner)
    if head is None:
        room.add_microphone(EAR_M + corner)
    else:
        forward = pra.Rotation3D([0.0, 0.0], rot_order="yz")
        grid = pra.doa.GridSphere(cartesian_points=head.directions.T)
        ears = [
            pra.MeasuredDirectivity(forward, grid, head.impulse_responses[:, ear], RATE)
            for ear in (0, 1)
        ]
        places = np.stack([EAR_M + corner, EAR_M + corner], axis=1)
        room.add_microphone_array(pra.MicrophoneArray(places, RATE, directivity=ears))
    seconds, _ = cpu_s(room.compute_rir)
    assert room.rir is not None
    return seconds, room.rir[0]


def energy_below_18_khz(samples: np.ndarray, extra: float = 0.0) -> float:
    """Return the energy of a response and of an impulse before it."""
    spectrum = np.abs(np.fft.rfft(samples, 2**16)) ** 2
    return float(np.mean(spectrum[: int(18_000 / RATE * 2**16)]) + extra**2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--order", type=int, default=17)
    parser.add_argument("--sources", type=int, default=4)
    arguments = parser.parse_args()
    scene = make_scene(arguments.sources, arguments.order)
    silence = Path("room_speed.wav")
    soundfile.write(silence, np.zeros(1), RATE)
    try:
        with soundfile.SoundFile(silence) as file:
            sources = [HeardSource(scene, source, file) for source in scene.sources]
            times = ours(scene, sources)
            channel = RoomResponses(scene, Harmonics(0, RATE), moving=False)
            early = [channel.early(source, 0.0)[0] for source in sources]
    finally:
        silence.unlink()
    seconds, _ = peer(scene, arguments.order, read_hrtf().resampled(RATE))
    _, responses = peer(scene, arguments.order, None)
    print(
        f"{arguments.sources} sources, order {arguments.order}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; CPU seconds"
    )
    for name, part in times.items():
        print(f"  {name:<38}{part:>8.2f}")
    total = sum(times.values())
    print(f"{'ours, binaural, early and late':<40}{total:>8.2f}")
    print(
        f"{'pyroomacoustics, measured directivities':<40}{seconds:>8.2f}{seconds / total:>8.1f} ×"
    )
    for number, (mine, theirs) in enumerate(zip(early, responses, strict=True)):
        direct = 1 / float(np.linalg.norm(np.array(scene.sources[number].position_m) - EAR_M))
        ratio = energy_below_18_khz(mine, direct) / energy_below_18_khz(theirs)
        print(f"  early energy of source {number} against theirs: {10 * np.log10(ratio):+.3f} dB")


if __name__ == "__main__":
    main()
