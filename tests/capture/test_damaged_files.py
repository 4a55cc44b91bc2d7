"""Recordings that were cut off or damaged anywhere: a clear error, or all that came before."""

import io
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from capture.camera.calibration import Calibration
from capture.errors import AuralizeError
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.take import open_take

CALIBRATION = Calibration.simulated(depth_mode="NFOV_2X2BINNED")
IMAGES = 5
RATE_HZ = 8000


def depth_image(index):
    rows, columns = np.indices(CALIBRATION.depth.shape)
    return (1200 + 100 * index + 2 * rows + columns).astype(np.uint16)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of an archive with all kinds of tracks, and where each depth image ends."""
    path = tmp_path_factory.mktemp("damaged") / "whole.mkv"
    buffer = io.BytesIO()
    Image.new("RGB", (1280, 720), (90, 120, 30)).save(buffer, "JPEG", quality=30)
    sound = (np.arange(RATE_HZ // 2, dtype=np.int16)[:, None] * [1, -1]).astype(np.int16)
    with K4AWriter(
        path, CALIBRATION, audio_channels=2, audio_rate_hz=RATE_HZ, compact=True
    ) as writer:
        for index in range(IMAGES):
            time_us = round(index * 1e6 / 15)
            writer.write_depth(time_us, depth_image(index))
            writer.write_color(time_us, buffer.getvalue())
            writer.write_imu(time_us, np.array([0.2, 0.1, -9.8]), np.zeros(3))
            first = index * RATE_HZ // 15
            writer.write_audio(first, sound[first : first + RATE_HZ // 15])
    with K4ARecording(path) as recording:
        ends = [int(offset + size) for _, offset, size in recording._depth_blocks]
    return path.read_bytes(), ends


def read_all(path):
    """Read everything as a program would; return the depth images that could be read."""
    with open_take(path) as take:
        images = []
        for index in range(len(take.times_s)):
            with suppress(AuralizeError):
                images.append(take.depth_mm(index))
        with suppress(AuralizeError):
            take.image_point_cloud(len(take.times_s) - 1)
        if take.has_sound:
            take.audio(0.0, 0.2)
        assert np.isfinite(take.times_s).all()
        return images


def check(path, content, ends, place):
    """What lies before `place` is read, or the reason why not is said in one line."""
    path.write_bytes(content)
    try:
        images = read_all(path)
    except AuralizeError as error:
        message = str(error)
        assert str(path) in message, message
        assert "\n" not in message, message
        assert place <= ends[0] or "flip" in path.name, message
        return 0
    before = sum(end <= place for end in ends)
    assert len(images) >= before
    for index in range(before):  # a time that was changed may change their order
        assert any(np.array_equal(image, depth_image(index)) for image in images)
    return before


def test_a_recording_cut_anywhere(whole, tmp_path):
    content, ends = whole
    rng = np.random.default_rng(2024)
    read = 0
    for place in np.sort(rng.integers(0, len(content), 200)).tolist():
        read += check(tmp_path / "cut.mkv", content[:place], ends, place)
    assert read > 200


def test_a_recording_with_any_byte_changed(whole, tmp_path):
    """Half of the changes hit the header, which most of the file is not."""
    content, ends = whole
    rng = np.random.default_rng(2025)
    header = content.index(b"\x1f\x43\xb6\x75")
    places = np.concatenate([rng.integers(0, header, 100), rng.integers(0, len(content), 100)])
    read = 0
    for place in places.tolist():
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        read += check(tmp_path / "flip.mkv", bytes(changed), ends, place)
    assert read > 100
