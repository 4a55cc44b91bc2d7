"""What plays in an exported Godot project, from a script inside it that listens to the mix.

The script is the project's first autoload: it puts a recorder on the master bus before the scene
starts, notes where the players are while it plays, and seeks to some times when it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
from client_figures import ClientFigures, tone_db
from golden_scene import (
    BEHIND,
    BURST_SAMPLE,
    BURST_SAMPLES,
    LEFT,
    LISTENER_M,
    RATE_HZ,
    RIGHT,
    SOURCES,
    golden_sound,
)
from golden_variant import WALK

IDENTIFIERS = {
    "left": "Violin_left_co",
    "right": "right_hand",
    "front": "Flote_front",
    "behind": "behind_moving",
}
LAW_DISTANCES_M = (0.05, 0.15, 0.4, 1.3, 5.0, 30.0)
LAW_TONES_HZ = (500.0, 700.0, 900.0, 1100.0, 1300.0, 8000.0)
LAW_AMPLITUDE = 0.05
LAW_REFERENCE_M = 1.3
LAW_GAIN_DB = -6.0
TIMES_S = tuple(sorted(BEHIND.positions_m))


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the script noted.

    Attributes:
        version: Of the engine.
        rate_hz: Of its mix.
        sound: Shape (samples, 2): the mix.
        live: While it played: the scene's own time, and where each player was, in its axes.
        sought: Where each player was at each of TIMES_S.
        ears: At each of TIMES_S: rows of the listener's rotation matrix, then its position.
        walked: How far the camera went, in its axes, while W was held for some frames.
        stems: Of each player: length of the stem in seconds, its rate, its bytes.
    """

    version: str
    rate_hz: float
    sound: np.ndarray
    live: list[tuple[float, dict[str, list[float]]]]
    sought: list[dict[str, list[float]]]
    ears: list[list[list[float]]]
    walked: list[float]
    stems: dict[str, list[float]]


def figures(played: Played, client: str) -> ClientFigures:
    """Return what the golden scene's export is judged by."""
    sound = from_start(played.sound)
    errors = [
        distance(places[IDENTIFIERS[source.side]], source.positions_m.get(time_s))
        for time_s, places in zip(TIMES_S, played.sought, strict=True)
        for source in SOURCES
        if time_s in source.positions_m
    ]
    errors += [distance(pose[3], LISTENER_M) for pose in played.ears]
    return ClientFigures(
        client=f"{client} {played.version}",
        position_error_m=max(errors),
        left_db=levels(sound, LEFT.tone_hz),
        right_db=levels(sound, RIGHT.tone_hz),
        start_offset_samples=max(abs(start_of(sound, source)) for source in SOURCES),
    )


def pairs_scene(folder: Path) -> Path:
    """Write a scene of pairs and of tones; return its path.

    32 sources in one place are noise, every other one upside down: all together they are silent if
    they start on one sample, and far from it if any does not. What is left are soft tones, each at
    one of LAW_DISTANCES_M from the listener, all around.
    """
    noise = np.random.default_rng(7).uniform(-0.25, 0.25, RATE_HZ)
    times = np.arange(RATE_HZ) / RATE_HZ
    tones = [LAW_AMPLITUDE * np.sin(2 * np.pi * tone * times) for tone in LAW_TONES_HZ]
    soundfile.write(folder / "sounds.wav", np.stack([noise, -noise, *tones], axis=1), RATE_HZ)
    lines = ["version: 1", f"sample_rate_hz: {RATE_HZ}", "sources:"]
    lines += [
        f"  - {{name: s{index}, file: sounds.wav, channel: {1 + index % 2}, "
        "position_m: [1, 1, 1.2]}"
        for index in range(32)
    ]
    for index, distance_m in enumerate(LAW_DISTANCES_M):
        angle = 2.0 * index
        lines += [
            f"  - name: t{index}",
            "    file: sounds.wav",
            f"    channel: {3 + index}",
            f"    gain_db: {LAW_GAIN_DB}",
            f"    reference_distance_m: {LAW_REFERENCE_M}",
            f"    position_m: [{distance_m * np.cos(angle)}, {distance_m * np.sin(angle)}, 1.2]",
        ]
    path = folder / "pairs.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def pairs_and_tones(played: Played) -> tuple[np.ndarray, float]:
    """Return each tone's level in dB (power of both channels), and the noise left (RMS)."""
    loud = np.flatnonzero(np.abs(played.sound).sum(axis=1) > LAW_AMPLITUDE / 10)
    sound = played.sound[loud[0] + RATE_HZ // 4 : loud[0] + 3 * RATE_HZ // 4]
    times = np.arange(len(sound)) / RATE_HZ
    waves = np.exp(2j * np.pi * np.outer(times, LAW_TONES_HZ))
    parts = np.hstack([waves.real, waves.imag])
    fit = np.linalg.lstsq(parts, sound, rcond=None)[0]
    powers = np.sum(fit**2, axis=1).reshape(2, -1).sum(axis=0)
    return 10 * np.log10(powers), float(np.std(sound - parts @ fit))


def above_the_tones(played: Played) -> np.ndarray:
    """Return how much of the noise is heard over time: RMS above 10 kHz in parts of 20 ms."""
    sound = scipy.signal.sosfilt(
        scipy.signal.butter(8, 10_000, "highpass", fs=RATE_HZ, output="sos"), played.sound, axis=0
    )
    part = RATE_HZ // 50
    parts = sound[: len(sound) // part * part].reshape(-1, part * 2)
    return np.sqrt(np.mean(parts**2, axis=1))


def law_db(distance_m: float) -> float:
    """Return how loud a tone of the pairs scene is by the scene's law, with its near limit."""
    amplitude = LAW_AMPLITUDE * LAW_REFERENCE_M / max(distance_m, 0.15)
    return 20 * np.log10(amplitude) + LAW_GAIN_DB


def distance(godot_m, world_m) -> float:
    """Return how far a place in Godot's axes is from one in the world's."""
    x, y, z = world_m
    return float(np.linalg.norm(np.array(godot_m) - (-y, z, -x)))


def yaw_error_rad(pose: list[list[float]], yaw_deg: float) -> float:
    """Return by how much a listener looks past where it should."""
    yaw = np.radians(yaw_deg)
    ahead = np.array([-np.sin(yaw), 0.0, -np.cos(yaw)])
    looks = -np.array(pose[:3])[:, 2]
    return float(np.linalg.norm(looks - ahead))


def check_movement(played: Played) -> None:
    """Demand that the golden scene's moving player was where its sound was, as it played."""
    keys = (0.0, 1.0, 1.5)
    way = np.array([BEHIND.positions_m[key] for key in keys])
    for time_s, places in played.live:
        there = [np.interp(time_s, keys, axis) for axis in way.T]
        assert distance(places[IDENTIFIERS["behind"]], there) < 0.05


def check_walk(played: Played) -> None:
    """Demand that the listener goes the way of golden_variant.WALKING."""
    for time_s, pose in zip(TIMES_S, played.ears, strict=True):
        place, yaw_deg = WALK[time_s]
        assert distance(pose[3], place) < 0.001
        assert yaw_error_rad(pose, yaw_deg) < 1e-4


def from_start(sound: np.ndarray) -> np.ndarray:
    """Return the mix from the scene's first sample on, by the left source's burst."""
    start = _burst_at(sound, LEFT) - BURST_SAMPLE
    if start < 0:
        sound = np.pad(sound, ((-start, 0), (0, 0)))
    return sound[max(start, 0) :]


def start_of(sound: np.ndarray, source) -> int:
    """Return by how many samples a source is later than the left one."""
    return _burst_at(sound, source) - BURST_SAMPLE


def levels(sound: np.ndarray, tone_hz: float) -> tuple[float, float]:
    """Return the level of a tone in the left and the right channel, in dB."""
    left, right = (tone_db(channel, RATE_HZ, tone_hz, 0.55, 0.95) for channel in sound.T)
    return left, right


def _burst_at(sound: np.ndarray, source) -> int:
    burst = golden_sound(source)[BURST_SAMPLE : BURST_SAMPLE + BURST_SAMPLES].astype(np.float64)
    search = sound[: 4 * RATE_HZ].sum(axis=1).astype(np.float64)
    size = 1 << (len(search) + len(burst)).bit_length()
    spectrum = np.fft.rfft(search, size) * np.conj(np.fft.rfft(burst, size))
    return int(np.argmax(np.abs(np.fft.irfft(spectrum, size)[: len(search)])))
