"""Sound files against libsndfile and scipy, dither against its theory, and 4 GiB and more."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile

from capture.errors import OutputError
from capture.files.sound_file import (
    SoundFileFormat,
    container_of,
    to_integers,
    write_sound_file,
)
from capture.files.wave_header import Tags, WaveFormat, wave_header, wave_padding

RATE = 48_000
TAGS = Tags(
    title="Zwölf Töne",
    software="Auralize 1.2",
    comment="binaural",
    loudness_lufs=-23.456,
    true_peak_dbtp=-1.0,
)


def form(container="wav", sample_format="pcm24", channels=2):
    return SoundFileFormat(
        container=container,
        sample_format=sample_format,
        channel_count=channels,
        sample_rate_hz=RATE,
    )


def written(path, samples, what, block=1000, tags=TAGS):
    parts = [samples[i : i + block] for i in range(0, len(samples), block)]
    write_sound_file(path, what, parts, len(samples), tags)
    return path.read_bytes()


def noise(channels=2, count=5001):
    values = np.random.default_rng(3).uniform(-1, 1, (count, channels))
    return values.astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 16])
@pytest.mark.parametrize("sample_format", ["pcm16", "pcm24", "float32"])
@pytest.mark.parametrize("container", ["wav", "rf64", "w64"])
def test_libsndfile_reads_every_wave(tmp_path, container, sample_format, channels):
    samples = noise(channels)
    file = tmp_path / f"a.{container}"
    written(file, samples, form(container, sample_format, channels))
    info = soundfile.info(file)
    subtype = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}[sample_format]
    plain = {"wav": "WAV", "rf64": "RF64", "w64": "W64"}[container]
    assert info.format == ("WAVEX" if (container, channels > 2) == ("wav", True) else plain)
    assert (info.subtype, info.channels, info.frames) == (subtype, channels, len(samples))
    read = soundfile.read(file, dtype="float64", always_2d=True)[0]
    error = {"pcm16": 1.5 / 2**15, "pcm24": 1 / 2**23, "float32": 0.0}[sample_format]
    assert np.abs(read - samples).max() <= error


@pytest.mark.parametrize("channels", [2, 9])
@pytest.mark.parametrize("sample_format", ["pcm16", "float32"])
@pytest.mark.filterwarnings("ignore:Chunk:scipy.io.wavfile.WavFileWarning")
def test_scipy_reads_the_same(tmp_path, sample_format, channels):
    file = tmp_path / "a.wav"
    written(file, noise(channels), form("wav", sample_format, channels))
    rate, samples = scipy.io.wavfile.read(file)
    dtype = {"pcm16": "int16", "float32": "float32"}[sample_format]
    assert rate == RATE
    np.testing.assert_array_equal(samples, soundfile.read(file, dtype=dtype)[0])


@pytest.mark.parametrize("sample_format", ["pcm16", "pcm24", "float32"])
@pytest.mark.parametrize("container", ["wav", "rf64", "w64", "flac"])
def test_bytes_depend_on_nothing_but_the_sound(tmp_path, container, sample_format):
    if (container, sample_format) == ("flac", "float32"):
        pytest.skip("FLAC holds integers")
    what = form(container, sample_format)
    once = written(tmp_path / "a", noise(), what, block=1000)
    again = written(tmp_path / "b", noise(), what, block=333)
    assert once == again


@pytest.mark.parametrize(("container", "bits"), [("wav", 24), ("flac", 24), ("flac", 16)])
def test_integers_are_the_nearest(tmp_path, container, bits):
    """What FLAC and WAV hold is the same, sample by sample."""
    samples = noise(1)
    file = tmp_path / f"a.{container}"
    written(file, samples, form(container, f"pcm{bits}", 1))
    read = soundfile.read(file, dtype="int32")[0] >> (32 - bits)
    dither = np.random.default_rng([1770, 0]) if bits == 16 else None
    np.testing.assert_array_equal(read, to_integers(samples, bits, dither)[:, 0])
    if bits == 24:
        nearest = np.rint(samples[:, 0].astype(np.float64) * 2**23)
        np.testing.assert_array_equal(read, np.clip(nearest, -(2**23), 2**23 - 1))


def chunks(data, start=12):
    """Return name → content of a RIFF."""
    found = {}
    while start < len(data):
        name, size = struct.unpack_from("<4sI", data, start)
        found[name] = data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
    return found


def test_a_wave_says_what_it_is(tmp_path):
    found = chunks(written(tmp_path / "a.wav", noise(1, 4999), form(channels=1)))
    assert list(found) == [b"fmt ", b"bext", b"LIST", b"data"]
    assert len(found[b"bext"]) == 602  # EBU Tech 3285: the least size
    # Offsets of EBU Tech 3285 v2: version 346, loudness 412, true peak 416.
    assert struct.unpack_from("<H", found[b"bext"], 346) == (2,)
    loudness, range_lu, peak, momentary, short = struct.unpack_from("<5h", found[b"bext"], 412)
    assert (loudness, peak) == (-2346, -100)
    assert (range_lu, momentary, short) == (0x7FFF, 0x7FFF, 0x7FFF)
    info = chunks(b"", 0) | chunks(found[b"LIST"], 4)
    assert info == {
        b"INAM": "Zwölf Töne\0".encode(),
        b"ISFT": b"Auralize 1.2\0",
        b"ICMT": b"binaural\0",
    }


def test_the_loudness_of_silence_is_unknown(tmp_path):
    quiet = Tags(
        title="a", software="b", comment="c", loudness_lufs=-math.inf, true_peak_dbtp=-math.inf
    )
    found = chunks(written(tmp_path / "a.wav", noise(), form(), tags=quiet))
    loudness, _, peak, _, _ = struct.unpack_from("<5h", found[b"bext"], 412)
    assert (loudness, peak) == (0x7FFF, 0x7FFF)


def test_many_channels_belong_to_no_loudspeakers(tmp_path):
    found = chunks(written(tmp_path / "a.wav", noise(4), form(channels=4)))
    code, channels, _, _, frame_bytes, bits, extra, valid, mask = struct.unpack_from(
        "<HHIIHHHHI", found[b"fmt "]
    )
    assert (code, channels, frame_bytes, bits, extra, valid, mask) == (0xFFFE, 4, 12, 24, 22, 24, 0)


def test_a_wave64_says_what_it_is(tmp_path):
    data = written(tmp_path / "a.w64", noise(), form("w64"))
    assert struct.unpack_from("<Q", data, 16) == (len(data),)
    start = data.index(bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a"))
    assert start % 8 == 0
    (count,) = struct.unpack_from("<I", data, start + 24)
    name, size = struct.unpack_from("<4sI", data, start + 28)
    assert (count, name) == (3, b"INAM")
    assert data[start + 36 : start + 36 + size].decode("utf-16-le") == "Zwölf Töne\0"


@pytest.mark.parametrize(
    ("container", "over", "expected"),
    [("wav", False, "WAV"), ("wav", True, "RF64"), ("w64", True, "W64")],
)
def test_four_gibibytes_and_more(tmp_path, container, over, expected):
    """A file with a header and a hole in it: the disk holds a few kilobytes."""
    frame_bytes = 6
    count = (2**32 + (6_000_000 if over else -6_000)) // frame_bytes
    wave = WaveFormat(channel_count=2, sample_rate_hz=RATE, sample_count=count, sample_bytes=3)
    path = tmp_path / f"large.{container}"
    header = wave_header(container, wave, TAGS)
    with path.open("wb") as file:
        file.write(header)
        os.truncate(file.fileno(), len(header) + wave.data_bytes - frame_bytes)
        file.seek(0, os.SEEK_END)
        file.write(b"\0\0\x40\0\0\xc0" + wave_padding(container, wave))
    info = soundfile.info(path)
    assert (info.format, info.frames) == (expected, count)
    last = soundfile.read(path, start=count - 1)[0]
    np.testing.assert_array_equal(last, [[0.5, -0.5]])


class TestDither:
    def error(self, level_steps, count=200_000):
        samples = np.full((count, 1), level_steps / 2**15, dtype=np.float32)
        return to_integers(samples, 16, np.random.default_rng(0)) - float(level_steps)

    @pytest.mark.parametrize("level_steps", [0.0, 0.25, 0.5, 100.75, -3.125])
    def test_error_has_no_mean_and_a_variance_that_does_not_depend_on_the_sound(self, level_steps):
        """Triangular dither: mean 0 and variance 1/4 of a squared step, at every level."""
        error = self.error(level_steps)
        assert abs(error.mean()) < 5 * 0.5 / math.sqrt(len(error))
        assert error.var() == pytest.approx(0.25, rel=0.02)
        assert np.abs(error).max() <= 1.5

    def test_a_sound_below_one_step_survives(self):
        tone = 0.4 / 2**15 * np.sin(2 * np.pi * np.arange(RATE) * 1000 / RATE)
        samples = tone[:, None].astype(np.float32)
        assert not to_integers(samples, 16).any()
        heard = to_integers(samples, 16, np.random.default_rng(0))[:, 0]
        amplitude = 2 * np.abs(np.mean(heard * np.exp(-2j * np.pi * np.arange(RATE) / 48)))
        assert amplitude == pytest.approx(0.4, rel=0.05)

    def test_channels_have_noise_of_their_own(self):
        noise = to_integers(np.zeros((50_000, 2), dtype=np.float32), 16, np.random.default_rng(0))
        assert abs(np.corrcoef(noise.T)[0, 1]) < 0.02

    def test_files_have_noise_of_their_own(self, tmp_path):
        """Three silent files mixed are 10 log10(3) dB above one, not 20 log10(3)."""
        noises = []
        for number in range(3):
            path = tmp_path / f"{number}.wav"
            silence = [np.zeros((50_000, 1), dtype=np.float32)]
            what = form(sample_format="pcm16", channels=1)
            write_sound_file(path, what, silence, 50_000, TAGS, number=number)
            noises.append(soundfile.read(path)[0])
        assert np.var(sum(noises)) == pytest.approx(3 * 0.25 / 2**30, rel=0.05)

    def test_the_ceiling_is_the_highest_level_that_never_clips(self):
        level = np.float64(10 ** (form(sample_format="pcm16").ceiling_dbfs / 20))
        samples = np.full((100_000, 1), level)
        top = to_integers(samples, 16, np.random.default_rng(0)).max()
        higher = to_integers(samples + 1 / 2**15, 16, np.random.default_rng(0))
        assert top == 2**15 - 1
        # One step more and the noise is cut on one side: the mean shows it.
        assert higher.mean() - (2**15 * level + 1) < -0.05


def test_endings():
    assert container_of(Path("a/b.ambix.WAV")) == "wav"
    with pytest.raises(OutputError, match=r"b\.mp3: the ending '\.mp3' is unknown.*\.flac"):
        container_of(Path("a/b.mp3"))


def test_a_full_disk_under_flac(tmp_path):
    """libsndfile's failure becomes one of ours."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*a\.flac: .*has room"):
            written(tmp_path / "a.flac", noise(2, 50_000), form("flac"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_flac_without_room_for_its_kind(tmp_path):
    fast = SoundFileFormat(
        container="flac", sample_format="pcm16", channel_count=1, sample_rate_hz=768_000
    )
    with pytest.raises(OutputError, match="FLAC holds at most 655350 Hz"):
        write_sound_file(tmp_path / "a.flac", fast, [], 0, TAGS)
    assert not (tmp_path / "a.flac").exists()
