"""Heads: the one that is shipped, and resampling."""

from __future__ import annotations

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from pydantic import ValidationError

from auralize.hrtf.head import default_hrtf_path, read_hrtf, read_listeners_hrtf
from auralize.hrtf.interaural import interaural_level_difference_db, interaural_time_difference_s
from capture.errors import FileFormatError
from scenes import Listener


@pytest.fixture(scope="module")
def kemar():
    return read_hrtf()


def direction(azimuth_deg, elevation_deg=0.0):
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    return np.array(
        [
            np.cos(azimuth) * np.cos(elevation),
            np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ]
    )


def nearest(head, azimuth_deg, elevation_deg=0.0):
    return int(np.argmax(head.directions @ direction(azimuth_deg, elevation_deg)))


class TestKemar:
    def test_is_the_published_set(self, kemar):
        # Gardner and Martin 1994: 710 directions, elevation −40° to 90°, 1.4 m, 512 taps.
        assert kemar.impulse_responses.shape == (710, 2, 512)
        assert kemar.sample_rate_hz == 44_100
        assert kemar.distance_m == pytest.approx(1.4)
        elevations = np.degrees(np.arcsin(np.clip(kemar.directions[:, 2], -1, 1)))
        assert elevations.min() == pytest.approx(-40)
        assert elevations.max() == pytest.approx(90)

    @pytest.mark.parametrize(("azimuth_deg", "itd_us"), [(30, 286), (60, 599), (90, 703)])
    def test_interaural_times_are_the_known_ones(self, kemar, azimuth_deg, itd_us):
        response = kemar.impulse_responses[nearest(kemar, azimuth_deg)]
        itd_s = interaural_time_difference_s(response, 44_100)
        assert itd_s * 1e6 == pytest.approx(itd_us, abs=5)

    def test_left_is_left(self, kemar):
        left = kemar.impulse_responses[nearest(kemar, 90)]
        right = kemar.impulse_responses[nearest(kemar, -90)]
        assert interaural_level_difference_db(left, 44_100) > 10
        assert interaural_level_difference_db(right, 44_100) < -10
        assert interaural_time_difference_s(left, 44_100) > 600e-6


class TestListeners:
    @pytest.fixture
    def own(self, tmp_path):
        path = tmp_path / "ears" / "own.sofa"
        path.parent.mkdir()
        shutil.copy(default_hrtf_path(), path)
        with h5py.File(path, "r+") as sofa:
            sofa["Data.IR"][...] *= 0.5
        return path

    def test_the_scenes_own_head_is_read_from_its_folder(self, kemar, own, tmp_path):
        listener = Listener(sofa="ears/own.sofa", sofa_sha256=read_hrtf(own).sha256)
        head = read_listeners_hrtf(listener, tmp_path)
        np.testing.assert_allclose(head.impulse_responses, 0.5 * kemar.impulse_responses)

    def test_another_file_than_the_scene_was_made_with_is_refused(self, kemar, own, tmp_path):
        listener = Listener(sofa="ears/own.sofa", sofa_sha256=kemar.sha256)
        with pytest.raises(FileFormatError, match=r"own\.sofa: its SHA-256 is .* but the scene"):
            read_listeners_hrtf(listener, tmp_path)
        assert read_listeners_hrtf(Listener(sofa_sha256=kemar.sha256), tmp_path).name == kemar.name

    def test_what_is_no_hash_is_refused(self):
        with pytest.raises(ValidationError, match="sofa_sha256"):
            Listener(sofa_sha256="2768AC84")


class TestResampling:
    @pytest.mark.parametrize(
        ("rate", "tolerance"), [(48_000, 2e-4), (96_000, 2e-4), (32_000, 2e-3)]
    )
    def test_keeps_the_frequency_response(self, kemar, rate, tolerance):
        moved = kemar.resampled(rate)
        assert moved.sample_rate_hz == rate
        # The same 50 Hz grid at both rates, below the fade.
        stop = int(min(44_100, rate) / 2 * 0.9 / 50)
        here = np.fft.rfft(kemar.impulse_responses, 44_100 // 50)[..., :stop]
        there = np.fft.rfft(moved.impulse_responses, rate // 50)[..., :stop]
        # All responses may be delayed by some samples alike; a gain of 0.74 dB is an error of 9 %.
        turns = 50 * np.arange(stop) / 44_100
        errors = [
            np.abs(there * np.exp(2j * np.pi * turns * lead) - here).max() for lead in range(25)
        ]
        assert min(errors) < tolerance * np.abs(here).max()

    def test_to_its_own_rate_changes_nothing(self, kemar):
        assert kemar.resampled(44_100) is kemar


class TestCache:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("AURALIZE_CACHE", str(tmp_path))
        monkeypatch.setattr("auralize.hrtf.cache._WORTHWHILE", 1)
        return tmp_path / "heads"

    @pytest.fixture
    def small(self, kemar):
        return replace(
            kemar,
            directions=kemar.directions[:9],
            impulse_responses=kemar.impulse_responses[:9],
        )

    def test_gives_back_what_was_made_until_the_head_or_the_rate_differs(self, folder, small):
        made = small.resampled(48_000).impulse_responses
        (file,) = folder.iterdir()
        np.savez(file, responses=2 * made)  # to tell what comes from the file
        np.testing.assert_array_equal(small.resampled(48_000).impulse_responses, 2 * made)
        other = replace(small, impulse_responses=3 * small.impulse_responses)
        np.testing.assert_allclose(other.resampled(48_000).impulse_responses, 3 * made)
        small.resampled(96_000)
        assert len(list(folder.iterdir())) == 3

    @pytest.mark.parametrize("damage", ["cut", "changed", "nothing", "another shape"])
    def test_makes_what_is_damaged_again(self, folder, small, damage):
        made = small.resampled(48_000).impulse_responses
        (file,) = folder.iterdir()
        content = bytearray(file.read_bytes())
        if damage == "another shape":
            np.savez(file, responses=made[:3])
        elif damage == "changed":
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        else:
            file.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
        np.testing.assert_array_equal(small.resampled(48_000).impulse_responses, made)
        assert file.stat().st_size == len(content)

    def test_can_be_switched_off_and_need_not_be_writable(self, folder, small, monkeypatch):
        folder.parent.joinpath("file").write_text("")
        for value in ("off", str(folder.parent / "file")):
            monkeypatch.setenv("AURALIZE_CACHE", value)
            assert small.resampled(48_000).tap_count > 512
        assert not folder.exists()
