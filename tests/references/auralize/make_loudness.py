"""Measure test signals with other programs, and record what they say in loudness.json.

Run in an environment of its own, with the peers and this folder's signals:

    python -m venv peers && peers/bin/pip install pyloudnorm imageio-ffmpeg soundfile
    peers/bin/python tests/references/auralize/make_loudness.py
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def signals():
    """Return name → (samples of shape (channels, samples), rate)."""
    found = {}
    for rate in (44_100, 48_000, 96_000):
        rng = np.random.default_rng(rate)
        time_s = np.arange(8 * rate) / rate
        pink = np.fft.irfft(
            np.fft.rfft(rng.normal(size=(2, len(time_s))))
            / np.sqrt(np.maximum(1, np.arange(len(time_s) // 2 + 1)))
        )
        pink *= 0.05 / pink.std()
        found[f"pink, stereo, {rate}"] = pink, rate
        found[f"pink, mono, {rate}"] = pink[:1], rate
        # Bursts with pauses: the relative gate leaves the pauses out.
        bursts = pink * np.where(time_s % 2 < 0.7, 4.0, 0.05)
        found[f"bursts, {rate}"] = bursts, rate
        # Silence at both ends: the absolute gate leaves it out.
        found[f"silent ends, {rate}"] = pink * ((time_s > 2.03) & (time_s < 6.37)), rate
        chord = sum(np.sin(2 * np.pi * f * time_s) for f in (55, 997, 5003, 11_003)) / 8
        found[f"chord, one ear, {rate}"] = np.stack([chord, 0 * chord]), rate
        white = rng.normal(size=(2, len(time_s))) * 0.2
        found[f"white, {rate}"] = white, rate
    return {name: (s.astype(np.float32), rate) for name, (s, rate) in found.items()}


def ffmpeg(samples, rate):
    """Return integrated loudness and true peak by FFmpeg's filter ebur128."""
    import imageio_ffmpeg
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.wav"
        soundfile.write(file, samples.T, rate, subtype="FLOAT")
        measure = ["-af", "ebur128=peak=true:metadata=1,ametadata=print", "-f", "null", "-"]
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", file, *measure],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    integrated = float(re.findall(r"lavfi\.r128\.I=(\S+)", done)[-1])
    peaks = [
        float(re.findall(rf"lavfi\.r128\.true_peaks_ch{channel}=(\S+)", done)[-1])
        for channel in range(len(samples))
    ]
    return integrated, float(20 * np.log10(max(peaks)))


def main():
    """Measure all signals and write the file."""
    import pyloudnorm

    rows = {}
    for name, (samples, rate) in signals().items():
        meter = pyloudnorm.Meter(rate, filter_class="DeMan")
        lufs, dbtp = ffmpeg(samples, rate)
        rows[name] = {
            "pyloudnorm_lufs": round(float(meter.integrated_loudness(samples.T)), 4),
            "ffmpeg_lufs": lufs,
            "ffmpeg_dbtp": round(dbtp, 3),
        }
    Path(__file__).with_name("loudness.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
