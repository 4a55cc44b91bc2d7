"""A window shows what the whole file holds, however it is stored and wherever the window is put."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auralize.sources.sound_window import SoundWindow

RATE = 48_000


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "DOUBLE"), ("flac", "PCM_24")],
)
def test_shows_what_libsndfile_reads(tmp_path, channels, suffix, subtype):
    path = tmp_path / f"sound.{suffix}"
    rng = np.random.default_rng(4)
    soundfile.write(path, rng.uniform(-1, 1, size=(5000, channels)), RATE, subtype=subtype)
    whole = soundfile.read(path, dtype="float32", always_2d=True)[0][:, channels - 1]
    start, around = 700, 2000
    silent = np.zeros(around + start, dtype=np.float32)
    scene = np.concatenate([silent, whole, silent])
    with soundfile.SoundFile(path) as file:
        window = SoundWindow(file, channel=channels, start=start)
        places = [*range(-around, 6000, 370), *rng.integers(-around, 6000, size=30).tolist()]
        for first in places:
            count = int(rng.integers(1, 900))
            expected = scene[first + around : first + around + count]
            np.testing.assert_array_equal(window.read(first, count), expected)


def test_what_was_cut_off_while_it_is_read_is_silent(tmp_path):
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.full(5000, 0.5), RATE, subtype="FLOAT")
    with soundfile.SoundFile(path) as file:
        window = SoundWindow(file, channel=1, start=0)
        with path.open("r+b") as raw:
            raw.truncate(path.stat().st_size - 4 * 4000)
        np.testing.assert_array_equal(window.read(500, 1000), [0.5] * 500 + [0.0] * 500)
