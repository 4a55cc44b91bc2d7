"""The report of a long recording: its page stays small, and little of its sound is read at once."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from auralize.report import Report, ReportPlayer, write_report
from auralize.report.figures import spectrogram_db
from capture.performer import Performer
from capture.pose import Trajectory

RATE = 48_000
TONE_HZ = 1_500.0


class Tone:
    """A tone of half of full scale for its first half, then silence."""

    channel_count = 1
    sample_rate_hz = RATE

    def __init__(self, seconds):
        self.sample_count = round(seconds * RATE)
        self.longest_read = 0

    def read(self, start, stop):
        self.longest_read = max(self.longest_read, stop - start)
        at = np.arange(start, stop)
        sounds = at < self.sample_count // 2
        return (0.5 * np.sin(2 * np.pi * TONE_HZ / RATE * at) * sounds).astype(np.float32)[None]


@pytest.mark.parametrize("seconds", [3.0, 150.0])
def test_levels_of_a_tone(seconds):
    tone = Tone(seconds)
    times_s, frequencies_hz, level_db = spectrogram_db(tone)
    assert level_db.shape == (len(frequencies_hz), len(times_s))
    assert len(times_s) <= 1000
    assert tone.longest_read <= 1 * RATE
    np.testing.assert_allclose(np.diff(times_s), np.diff(times_s)[0], rtol=0.5)
    assert 0.0 < times_s[0] < times_s[-1] < seconds
    heard = times_s < 0.49 * seconds
    row = np.argmin(np.abs(frequencies_hz - TONE_HZ))
    assert np.all(np.argmax(level_db[:, heard], axis=0) == row)
    # Power of the tone in the bin that it falls into: 0.5² / 2.
    np.testing.assert_allclose(level_db[row, heard], 10 * np.log10(0.125), atol=0.1)
    assert np.all(level_db[:, times_s > 0.51 * seconds] == -140.0)


@pytest.fixture
def report():
    trajectory = Trajectory(
        times_s=np.array([0.0]),
        positions_m=np.array([[2.0, 0.0, 1.0]]),
        orientations_wxyz=np.array([[1.0, 0.0, 0.0, 0.0]]),
    )
    player = ReportPlayer(
        performer=Performer(
            name="player-1", trajectory=trajectory, cloud_times_s=np.zeros(0), clouds=()
        ),
        label="player 1",
        stem=Tone(90),
        extrapolated_above_hz=None,
    )
    return Report(
        title="A long take",
        lead="",
        players=[player],
        residual=Tone(90),
        preview=Tone(90),
        listener_xy_m=(0.0, 0.0),
        localisation=[("source",)],
        receipt={},
        stage_times={},
    )


def sounds_of(page):
    for text in re.findall(r'src="data:audio/mpeg;base64,([^"]+)"', page):
        yield soundfile.info(io.BytesIO(base64.b64decode(text)))


def test_a_page_holds_the_first_minute(tmp_path, report):
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text()
    durations_s = [sound.duration for sound in sounds_of(page)]
    assert durations_s == pytest.approx([60.0] * 3, abs=0.1)
    assert "after its first minute" in page
    assert report.players[0].stem.longest_read == 60 * RATE


def test_a_short_sound_is_there_as_a_whole(tmp_path, report):
    write_report(tmp_path / "report.html", replace(report, preview=Tone(3)))
    page = (tmp_path / "report.html").read_text()
    assert min(sound.duration for sound in sounds_of(page)) == pytest.approx(3.0, abs=0.1)
    assert "first minute" not in page
