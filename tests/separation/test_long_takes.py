"""Takes of any length: what grows with them lies on disk, and the stems are the same."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import OutputError
from capture.files.sound_file import SoundFileFormat, write_sound_file
from capture.take.sound import FileSound
from capture.waveform import Waveform
from separation.resampling import resampled, resampled_channel
from separation.separator import separate
from separation.stem_folder import read_separation, write_separation
from separation.time_array import DiskArray, StoredSound
from tests.separation.test_separator import PERFORMERS, build, noise

RATE = 11025


@pytest.fixture(scope="module")
def splitter():
    return build()


def recording(path, seconds, rate=RATE, channels=7):
    """Write noises that differ from channel to channel, a second at a time."""
    form = SoundFileFormat(
        container="wav", sample_format="float32", channel_count=channels, sample_rate_hz=rate
    )
    rng = np.random.default_rng(0)
    blocks = (0.1 * rng.standard_normal((rate, channels), dtype=np.float32) for _ in range(seconds))
    write_sound_file(path, form, blocks, seconds * rate)
    return FileSound(path)


@given(
    inner=st.sampled_from([(), (3,), (2, 5)]),
    length=st.integers(1, 40),
    writes=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), max_size=6),
    dtype=st.sampled_from(["float16", "float32"]),
)
def test_an_array_on_disk_is_one_in_memory(tmp_path_factory, inner, length, writes, dtype):
    folder = tmp_path_factory.mktemp("arrays")
    disk = DiskArray(folder, (*inner, length), dtype)
    memory = np.zeros((*inner, length), dtype)
    assert disk.shape == memory.shape
    rng = np.random.default_rng(0)
    for start, stop in writes:
        part = rng.standard_normal(memory[..., start:stop].shape).astype(dtype)
        disk[..., start:stop] = part
        memory[..., start:stop] = part
        np.testing.assert_array_equal(disk[..., start:stop], memory[..., start:stop])
    read = disk[..., :]
    assert (read.dtype, read.flags.c_contiguous) == (memory.dtype, True)
    np.testing.assert_array_equal(read, memory)


@pytest.mark.parametrize(
    "key", [0, (0, slice(0, 2)), slice(0, 2), (slice(None), 1), (Ellipsis, slice(0, 4, 2))]
)
def test_only_ranges_of_time_are_read_from_disk(tmp_path, key):
    array = DiskArray(tmp_path, (3, 8), np.float32)
    with pytest.raises(IndexError, match="only ranges of time"):
        array[key]


def test_a_full_disk_is_said(tmp_path):
    resource = pytest.importorskip("resource")
    array = DiskArray(tmp_path, (1000,), np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match=r"File too large.*has room"):
            array[500:] = np.ones(500, np.float32)
        with pytest.raises(OutputError, match="has room"):
            DiskArray(tmp_path, (1000,), np.float32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("rate", [RATE, 48000])
def test_stems_on_disk_are_those_in_memory(splitter, tmp_path, rate):
    sound = recording(tmp_path / "a.wav", 9, rate)
    in_memory = Waveform(samples=sound.read(0, sound.sample_count), sample_rate_hz=rate)
    microphones_m = np.random.default_rng(1).uniform(-0.04, 0.04, (7, 3))
    given = {"center_channel": 2, "microphones_m": microphones_m}
    expected = separate(in_memory, PERFORMERS, splitter, **given)
    found = separate(sound, PERFORMERS, splitter, **given, scratch=tmp_path)
    assert found.manifest == expected.manifest
    for stem, other in zip(found.stems, expected.stems, strict=True):
        assert isinstance(stem.sound, StoredSound)
        np.testing.assert_array_equal(stem.waveform.samples, other.waveform.samples)
        assert dataclasses.replace(stem, sound=other.sound) == other
        assert stem.bearing is not None
    np.testing.assert_array_equal(found.residual.samples, expected.residual.samples)
    write_separation(tmp_path / "stems", found)
    for stem, other in zip(read_separation(tmp_path / "stems").stems, expected.stems, strict=True):
        np.testing.assert_array_equal(stem.waveform.samples, other.waveform.samples)


def test_memory_does_not_grow_with_the_recording(splitter, tmp_path):
    """150 s more of seven channels, three stems and masks would be 75 MB."""
    peaks = []
    for seconds in (100, 250):
        folder = tmp_path / str(seconds)
        folder.mkdir()
        sound = recording(folder / "a.wav", seconds, 8000)
        tracemalloc.start()
        separation = separate(sound, PERFORMERS, splitter, scratch=folder)
        write_separation(folder / "stems", separation, sample_format="pcm24")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1e6


def test_a_channel_is_resampled_alike_in_blocks_and_at_once():
    sound = noise(25.0, 48000)
    both = Waveform(
        samples=np.concatenate([0 * sound.samples, sound.samples]), sample_rate_hz=48000
    )
    for rate in (RATE, 48000):
        np.testing.assert_array_equal(
            resampled_channel(both, 1, rate)[:], resampled(sound.samples[0], 48000, rate)
        )
