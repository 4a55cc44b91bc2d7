"""A check of a take finds the faults that were put into it, and none where there is none."""

import numpy as np
import pytest
import soundfile

from capture.camera.calibration import Calibration
from capture.check import check_take
from capture.k4a_mkv import K4AWriter
from capture.take import open_take
from capture.take.take_file import RecordedEntry, read_take_file, write_take_file


@pytest.fixture(scope="module")
def sound(duo_take):
    samples, rate_hz = soundfile.read(duo_take / "audio.wav", dtype="float32")
    return samples, rate_hz


def checked(duo_take, folder, samples, rate_hz, **changes):
    """The findings for the duo's images with another sound."""
    described = read_take_file(duo_take / "take.json")
    soundfile.write(folder / "audio.wav", samples, rate_hz, subtype="FLOAT")
    update = {"recording": str(duo_take / (described.recording or "")), **changes}
    write_take_file(folder / "take.json", described.model_copy(update=update))
    with open_take(folder) as take:
        return check_take(take)


def problems(findings):
    return {finding.concern: finding for finding in findings if not finding.ok}


def test_a_good_take_has_no_problem(duo_take):
    fractions = []
    with open_take(duo_take) as take:
        findings = check_take(take, progress=fractions.append)
    assert problems(findings) == {}
    assert {finding.concern for finding in findings} == {
        "sync", "drops", "clipping", "channels", "exposure", "range",
    }  # fmt: skip
    assert fractions[-1] == 1.0


def test_clipping_dead_and_exchanged_channels(duo_take, sound, tmp_path):
    samples, rate_hz = sound
    loud = np.clip(samples * 2 / np.abs(samples[:, 2]).max(), -1, 1) * (np.arange(7) == 2)
    loud = np.where(np.arange(7) == 2, loud, samples)
    found = problems(checked(duo_take, tmp_path, loud, rate_hz))
    assert "2 (" in found["clipping"].text
    assert "gain" in found["clipping"].advice

    dead = samples.copy()
    dead[:, [1, 4]] = 0.001  # a constant is silence, too
    assert (
        "dead channels: 1, 4;"
        in problems(checked(duo_take, tmp_path, dead, rate_hz))["channels"].text
    )

    swapped = samples[:, [0, 1, 5, 3, 4, 2, 6]]
    found = problems(checked(duo_take, tmp_path, swapped, rate_hz))
    assert "channels 2 and 5 seem exchanged" in found["channels"].text

    doubled = samples.copy()
    doubled[:, 6] = 0.5 * doubled[:, 3]
    assert (
        "same sound: 3 and 6"
        in problems(checked(duo_take, tmp_path, doubled, rate_hz))["channels"].text
    )

    weak = samples.copy()
    weak[:, 5] *= 0.03
    assert "others: 5" in problems(checked(duo_take, tmp_path, weak, rate_hz))["channels"].text


def test_sound_that_does_not_belong(duo_take, sound, tmp_path):
    samples, rate_hz = sound
    found = problems(checked(duo_take, tmp_path, samples[: 2 * rate_hz], rate_hz))
    assert "ends 2.93 s before the images" in found["sync"].text
    lost = RecordedEntry(finished=True, sound_missing_samples=rate_hz)
    found = problems(checked(duo_take, tmp_path, samples, rate_hz, recorded=lost))
    assert "1.00 s of sound got lost" in found["drops"].text


def test_a_clap_that_is_seen_late(clap_take):
    with open_take(clap_take) as take:
        found = problems(check_take(take))
    assert "is seen +" in found["sync"].text
    assert "auralize capture sync" in found["sync"].advice
    assert set(found) == {"sync"}


def test_missing_images_and_an_empty_view(tmp_path):
    calibration = Calibration.simulated(depth_mode="NFOV_2X2BINNED", color_mode="BGRA_720P")
    depth = np.zeros(calibration.depth.shape, np.uint16)
    depth[100:110] = 2000
    path = tmp_path / "a.mkv"
    with K4AWriter(path, calibration) as writer:
        for index in (0, 1, 2, 3, 6, 7, 8):
            writer.write_depth(round(index * 1e6 / 15), depth)
            writer.write_color(round(index * 1e6 / 15), bytes([9, 9, 9, 255]) * (1280 * 720))
    with open_take(path) as take:
        found = problems(check_take(take))
    assert "2 of 9 images are missing (22.2 %), the longest gap 200 ms" in found["drops"].text
    assert "dark (9 of 255" in found["exposure"].text
    assert "% of the pixels measure" in found["range"].text
    assert found["sync"].text == "there is no sound"
    assert all(finding.advice for finding in found.values())
