"""FFmpeg and the EBU ADM Renderer read an AmbiX export; directions come from its intensity."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import adm_client
import numpy as np
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import LEFT, LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, RIGHT, SOURCES


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


def direction(sound: np.ndarray, tone_hz: float, start_s: float, stop_s: float) -> np.ndarray:
    """Return where a tone comes from in the listener's axes, from the intensity (W Y Z X)."""
    w, y, z, x = phasors(sound, tone_hz, start_s, stop_s)[:4]
    intensity = np.real(np.conj(w) * np.array([x, y, z]))
    return intensity / np.linalg.norm(intensity)


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
    """Measure the golden scene without its room, whose walls would sound from everywhere."""
    path = folder / "first_order.ambix.wav"
    sound = read(path, 4)
    errors = []
    for source in SOURCES:
        # Between 1.5 s and 2 s nothing moves any more.
        truth, distance = heard_from(source.positions_m[2.0])
        errors.append(
            distance * np.linalg.norm(direction(sound, source.tone_hz, 1.6, 1.95) - truth)
        )
    stereo = to_loudspeakers(path, "0+2+0", folder.parent)
    left, right = (
        tuple(tone_db(channel, RATE_HZ, source.tone_hz, 0.6, 1.9) for channel in stereo.T)
        for source in (LEFT, RIGHT)
    )
    offsets = [burst_offset(sound[:, 0], source) for source in SOURCES]
    words = subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True, text=True)
    return ClientFigures(
        client=f"FFmpeg {words.stdout.split()[2]}, EBU ADM Renderer",
        position_error_m=float(max(errors)),
        left_db=left,
        right_db=right,
        start_offset_samples=max(offsets, key=abs),
    )
