"""Heads: what is read from SOFA files, what is refused and why, and resampling."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from auralize.hrtf import default_hrtf_path, read_hrtf
from auralize.interaural import interaural_level_difference_db, interaural_time_difference_s
from capture.errors import FileFormatError


@pytest.fixture(scope="module")
def kemar():
    return read_hrtf()


@pytest.fixture
def edited(tmp_path):
    """Copy the KEMAR file, change it, and give its path."""

    def copy(change):
        path = tmp_path / "head.sofa"
        shutil.copy(default_hrtf_path(), path)
        with h5py.File(path, "r+") as sofa:
            change(sofa)
        return path

    return copy


def replaced(sofa, name, values):
    """Replace a variable by one of another shape, with its attributes."""
    attributes = {
        key: sofa[name].attrs[key] for key in ("Type", "Units") if key in sofa[name].attrs
    }
    del sofa[name]
    sofa[name] = np.asarray(values, dtype=np.float64)
    sofa[name].attrs.update(attributes)


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


class TestSofa:
    def test_exchanged_receivers_are_put_in_order(self, edited, kemar):
        def change(sofa):
            sofa["ReceiverPosition"][...] = sofa["ReceiverPosition"][...][::-1]
            sofa["Data.IR"][...] = sofa["Data.IR"][...][:, ::-1]

        head = read_hrtf(edited(change))
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)

    def test_cartesian_positions_of_a_turned_and_moved_listener(self, edited, kemar):
        def change(sofa):
            # The listener at (1, 2, 3) looks along +y: front (1, 0, 0) of the head is world y.
            x, y, z = 1.4 * kemar.directions.T
            sofa["SourcePosition"][...] = np.stack([1 - y, 2 + x, 3 + z], axis=1)
            sofa["SourcePosition"].attrs["Type"] = "cartesian"
            sofa["SourcePosition"].attrs["Units"] = "metre"
            sofa["ListenerPosition"][...] = [[1, 2, 3]]
            sofa["ListenerView"][...] = [[0, 1, 0]]

        head = read_hrtf(edited(change))
        np.testing.assert_allclose(head.directions, kemar.directions, atol=1e-12)

    def test_whole_delays_shift_the_taps_and_common_ones_do_not(self, edited, kemar):
        head = read_hrtf(edited(lambda sofa: replaced(sofa, "Data.Delay", [[3.0, 10.0]])))
        assert head.tap_count == 512 + 7
        np.testing.assert_array_equal(
            head.impulse_responses[:, 0, :512], kemar.impulse_responses[:, 0]
        )
        np.testing.assert_array_equal(
            head.impulse_responses[:, 1, 7:], kemar.impulse_responses[:, 1]
        )

    def test_fractional_delays_shift_the_interaural_time(self, edited, kemar):
        head = read_hrtf(edited(lambda sofa: replaced(sofa, "Data.Delay", [[0.0, 2.5]])))
        front = nearest(head, 0)
        itd_s = interaural_time_difference_s(head.impulse_responses[front], 44_100)
        assert itd_s == pytest.approx(2.5 / 44_100, abs=0.5e-6)

    def test_directions_given_twice_and_nearer_ones_are_left_out(self, edited):
        def change(sofa):
            positions = sofa["SourcePosition"][...]
            responses = sofa["Data.IR"][...]
            again = positions[:3] + np.array([360.0, 0, 0])
            near = positions[3:5] * np.array([1, 1, 0.5])
            replaced(sofa, "SourcePosition", np.concatenate([positions, again, near]))
            replaced(sofa, "Data.IR", np.concatenate([responses, responses[:5]]))

        assert len(read_hrtf(edited(change)).directions) == 710

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda sofa: sofa.attrs.__setitem__("SOFAConventions", "GeneralTF"), "'GeneralTF'"),
            (lambda sofa: sofa.attrs.__setitem__("Conventions", "netCDF"), "not SOFA"),
            (lambda sofa: sofa.__delitem__("Data.IR"), "no Data.IR"),
            (lambda sofa: sofa["Data.IR"].__setitem__((5, 1, 9), np.nan), "Data.IR .* not finite"),
            (lambda sofa: sofa["Data.IR"].__setitem__((5, 1), 0.0), "response 5 of receiver 1 is"),
            (lambda sofa: replaced(sofa, "Data.IR", np.ones((710, 1, 8))), "two ears"),
            (lambda sofa: sofa["ReceiverPosition"].__setitem__(..., 0.0), "left ear"),
            (lambda sofa: sofa["Data.SamplingRate"].__setitem__(0, -1.0), "sampling rate"),
            (lambda sofa: sofa["Data.SamplingRate"].attrs.__setitem__("Units", "kHz"), "'khz'"),
            (
                lambda sofa: sofa["SourcePosition"].attrs.__setitem__(
                    "Units", "radian, radian, metre"
                ),
                "'radian'",
            ),
            (lambda sofa: sofa["SourcePosition"].attrs.__setitem__("Type", "polar"), "'polar'"),
            (lambda sofa: sofa["SourcePosition"].__setitem__((0, 1), 120.0), "elevation beyond"),
            (lambda sofa: sofa["SourcePosition"].__setitem__((0, 2), 0.0), "inside the head"),
            (lambda sofa: sofa["ListenerUp"].__setitem__(..., [1.0, 0, 0]), "parallel"),
            (lambda sofa: replaced(sofa, "Data.Delay", [[-1.0, 0.0]]), "negative delay"),
            (
                lambda sofa: sofa["Data.IR"].__setitem__(..., sofa["Data.IR"][...][:, ::-1]),
                "not louder in the left ear",
            ),
        ],
    )
    def test_says_why_a_file_is_refused(self, edited, change, reason):
        path = edited(change)
        with pytest.raises(FileFormatError, match=reason) as caught:
            read_hrtf(path)
        assert str(caught.value).startswith(f"{path}: ")

    def test_refuses_what_is_no_sofa(self, tmp_path):
        path = tmp_path / "x.sofa"
        path.write_bytes(b"RIFF and so on")
        with pytest.raises(FileFormatError, match="not a readable SOFA"):
            read_hrtf(path)
        with pytest.raises(FileFormatError, match="no such file"):
            read_hrtf(tmp_path / "none.sofa")


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
