"""FFmpeg and the EBU ADM Renderer read an AmbiX export; directions come from its intensity."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import adm_client
import numpy as np
from client_figures import ClientFigures, burst_offset
from golden_scene import (
    BURST_SAMPLE,
    LEFT,
    LISTENER_M,
    LISTENER_YAW_DEG,
    RATE_HZ,
    RIGHT,
    SOURCES,
    GoldenSource,
    golden_sound,
)

_BEFORE_THE_ROOM = 60


def missing() -> str:
    """Return why the clients cannot be used; empty where they can."""
    if shutil.which("ffmpeg") is None:
        return "needs ffmpeg (.ci/clients installs it)"
    return adm_client.missing()


def ffmpeg(*arguments: object) -> bytes:
    """Run ffmpeg; return what it writes to its standard output."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def read(path: Path, channels: int) -> np.ndarray:
    """Return what ffmpeg reads of a sound or a film: (samples, channels)."""
    raw = ffmpeg("-i", path, "-f", "f64le", "-c:a", "pcm_f64le", "-")
    return np.frombuffer(raw, dtype=np.float64).reshape(-1, channels)


def phasors(sound: np.ndarray, tone_hz: float, start_s: float, stop_s: float) -> np.ndarray:
    """Return the complex amplitude of a tone in each channel."""
    samples = np.arange(round(start_s * RATE_HZ), round(stop_s * RATE_HZ))
    window = np.hanning(len(samples))
    turning = np.exp(-2j * np.pi * tone_hz / RATE_HZ * samples) * window
    return 2 * (turning @ sound[samples]) / window.sum()


def shares(sound: np.ndarray) -> np.ndarray:
    """Return how much of each source's burst is in each channel: (sources, channels).

    The shortest way over a wall, the floor, is 1.1 m longer than the straight one: so long, what
    is heard are the four bursts alone, and least squares tell them apart.
    """
    heard = slice(BURST_SAMPLE, BURST_SAMPLE + _BEFORE_THE_ROOM)
    bursts = np.stack([golden_sound(source)[heard] for source in SOURCES], axis=1)
    return np.linalg.lstsq(bursts.astype(np.float64), sound[heard], rcond=None)[0]


def directions(sound: np.ndarray) -> list[np.ndarray]:
    """Return where each source is heard from, in the listener's axes: the intensity of W Y Z X."""
    intensities = [w * np.array([x, y, z]) for w, y, z, x in shares(sound[:, :4])]
    return [intensity / np.linalg.norm(intensity) for intensity in intensities]


def heard_from(place_m) -> tuple[np.ndarray, float]:
    """Return direction and distance of a place, as the golden scene's listener hears it."""
    yaw = np.radians(LISTENER_YAW_DEG)
    front = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    left = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    away = np.array(place_m) - LISTENER_M
    distance = np.linalg.norm(away)
    return np.array([away @ front, away @ left, away[2]]) / distance, float(distance)


def to_loudspeakers(path: Path, layout: str, work: Path) -> np.ndarray:
    """Decode first order with the EBU ADM Renderer; shape (samples, loudspeakers)."""
    adm = work / "ambix-adm.wav"
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "ear.cmdline.utils"),
            *("ambix_to_bwf", "--norm", "SN3D", str(path), str(adm)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return adm_client.render(adm, layout, work / f"ambix-{layout}.wav")


def check(folder: Path) -> ClientFigures:
    """Measure directions as FFmpeg reads them, and levels as the EBU renderer decodes them."""
    path = folder / "first_order.ambix.wav"
    sound = read(path, 4)
    errors = []
    for source, found in zip(SOURCES, directions(sound), strict=True):
        truth, distance = heard_from(_place(source, BURST_SAMPLE / RATE_HZ))
        errors.append(distance * np.linalg.norm(found - truth))
    stereo = to_loudspeakers(path, "0+2+0", folder.parent)
    levels = 20 * np.log10(0.25 * np.abs(shares(stereo)))
    left, right = (tuple(levels[SOURCES.index(source)].tolist()) for source in (LEFT, RIGHT))
    offsets = [burst_offset(sound[:, 0], source) for source in SOURCES]
    words = subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True, text=True)
    return ClientFigures(
        client=f"FFmpeg {words.stdout.split()[2]}, EBU ADM Renderer",
        position_error_m=float(max(errors)),
        left_db=left,
        right_db=right,
        start_offset_samples=max(offsets, key=abs),
    )


def _place(source: GoldenSource, time_s: float) -> list[float]:
    times = sorted(source.positions_m)
    places = np.array([source.positions_m[time] for time in times])
    return [float(np.interp(time_s, times, places[:, axis])) for axis in range(3)]
