"""SOFA files: what is read from each convention, and what is refused and why."""

from __future__ import annotations

import contextlib
import logging
import shutil

import h5py
import numpy as np
import pytest

from auralize.hrtf.head import default_hrtf_path, read_hrtf
from auralize.hrtf.interaural import interaural_time_difference_s
from auralize.hrtf.sofa import read_sofa
from auralize.hrtf.transfer_functions import impulse_responses_from_spectra
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
    attributes = {}
    if name in sofa:
        attributes = {
            key: sofa[name].attrs[key] for key in ("Type", "Units") if key in sofa[name].attrs
        }
        del sofa[name]
    sofa[name] = np.asarray(values, dtype=np.float64)
    sofa[name].attrs.update(attributes)


def to_spectra(sofa, convention="SimpleFreeFieldHRTF", first=0, conjugate=False):
    """Turn impulse responses into transfer functions, from some bin on."""
    spectra = np.fft.rfft(sofa["Data.IR"][...], axis=2)[..., first:]
    taps = sofa["Data.IR"].shape[2]
    for name in ("Data.IR", "Data.SamplingRate", "Data.Delay", "N"):
        del sofa[name]
    sofa.attrs["SOFAConventions"] = convention
    sofa.attrs["DataType"] = "TF"
    sofa["Data.Real"] = spectra.real
    sofa["Data.Imag"] = -spectra.imag if conjugate else spectra.imag
    sofa["N"] = np.arange(first, taps // 2 + 1) * 44_100 / taps
    sofa["N"].attrs["Units"] = "hertz"


def to_emitters(sofa):
    """Give each direction an emitter, seen from a source that stands at the head and looks back."""
    x, y, z = read_sofa(default_hrtf_path()).positions_m.T
    replaced(sofa, "Data.IR", np.moveaxis(sofa["Data.IR"][...], 0, 2)[None])
    replaced(sofa, "Data.IR", np.swapaxes(sofa["Data.IR"][...], 2, 3))
    replaced(sofa, "EmitterPosition", np.stack([-x, -y, z], axis=1)[:, :, None])
    replaced(sofa, "SourcePosition", [[0.0, 0.0, 0.0]])
    replaced(sofa, "SourceView", [[-1.0, 0.0, 0.0]])
    replaced(sofa, "SourceUp", [[0.0, 0.0, 1.0]])
    sofa.attrs["SOFAConventions"] = "FreeFieldHRIR"
    sofa.attrs["DataType"] = "FIR-E"
    for name in ("EmitterPosition", "SourceView"):
        sofa[name].attrs["Type"] = "cartesian"
        sofa[name].attrs["Units"] = "metre"


def set_attribute(variable, name, value):
    return lambda sofa: (sofa if variable is None else sofa[variable]).attrs.__setitem__(
        name, value
    )


class TestCoordinates:
    def test_cartesian_positions_of_a_turned_and_moved_listener(self, edited, kemar):
        def change(sofa):
            # The listener at (1, 2, 3) looks along +y: front (1, 0, 0) of the head is world y.
            x, y, z = 1.4 * kemar.directions.T
            sofa["SourcePosition"][...] = np.stack([1 - y, 2 + x, 3 + z], axis=1)
            sofa["SourcePosition"].attrs["Type"] = "cartesian"
            sofa["SourcePosition"].attrs["Units"] = "metre, metre, metre"
            sofa["ListenerPosition"][...] = [[1, 2, 3]]
            sofa["ListenerView"][...] = [[0, 1, 0]]

        head = read_hrtf(edited(change))
        np.testing.assert_allclose(head.directions, kemar.directions, atol=1e-12)
        assert head.distance_m == pytest.approx(1.4)

    def test_radians_that_are_named(self, edited, kemar):
        def change(sofa):
            sofa["SourcePosition"][:, :2] = np.radians(sofa["SourcePosition"][:, :2])
            sofa["SourcePosition"].attrs["Units"] = "radian, radian, metre"

        np.testing.assert_allclose(
            read_hrtf(edited(change)).directions, kemar.directions, atol=1e-9
        )

    def test_spherical_receivers(self, edited, kemar):
        def change(sofa):
            replaced(sofa, "ReceiverPosition", [[90.0, 0.0, 0.09], [-90.0, 0.0, 0.09]])
            sofa["ReceiverPosition"].attrs["Type"] = "spherical"
            sofa["ReceiverPosition"].attrs["Units"] = "degree, degree, metre"

        head = read_hrtf(edited(change))
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)


class TestEars:
    def test_exchanged_receivers_are_put_in_order(self, edited, kemar, caplog):
        def change(sofa):
            sofa["ReceiverPosition"][...] = sofa["ReceiverPosition"][...][::-1]
            sofa["Data.IR"][...] = sofa["Data.IR"][...][:, ::-1]

        head = read_hrtf(edited(change))
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)
        assert not caplog.records

    def test_places_that_older_files_exchange_are_taken_as_meant_with_a_warning(
        self, edited, kemar, caplog
    ):
        def change(sofa):
            sofa["ReceiverPosition"][...] = sofa["ReceiverPosition"][...][::-1]

        with caplog.at_level(logging.WARNING):
            head = read_hrtf(edited(change))
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)
        assert "first ear on the right" in caplog.text


class TestDelays:
    def test_whole_delays_shift_the_taps_and_common_ones_do_not(self, edited, kemar):
        head = read_hrtf(edited(lambda sofa: replaced(sofa, "Data.Delay", [[3.0, 10.0]])))
        assert head.tap_count == 512 + 7
        np.testing.assert_array_equal(
            head.impulse_responses[:, 0, :512], kemar.impulse_responses[:, 0]
        )
        np.testing.assert_array_equal(
            head.impulse_responses[:, 1, 7:], kemar.impulse_responses[:, 1]
        )

    def test_each_direction_may_have_its_own(self, edited, kemar):
        delays = np.zeros((710, 2))
        delays[5, 1] = 4.0
        head = read_hrtf(edited(lambda sofa: replaced(sofa, "Data.Delay", delays)))
        np.testing.assert_array_equal(
            head.impulse_responses[5, 1, 4:], kemar.impulse_responses[5, 1]
        )
        np.testing.assert_array_equal(
            head.impulse_responses[6, :, :512], kemar.impulse_responses[6]
        )

    def test_fractional_delays_shift_the_interaural_time(self, edited, kemar):
        head = read_hrtf(edited(lambda sofa: replaced(sofa, "Data.Delay", [[0.0, 2.5]])))
        front = int(np.argmax(head.directions[:, 0]))
        itd_s = interaural_time_difference_s(head.impulse_responses[front], 44_100)
        assert itd_s == pytest.approx(2.5 / 44_100, abs=0.5e-6)


class TestSelection:
    def test_directions_given_twice_and_nearer_ones_are_left_out(self, edited, kemar):
        def change(sofa):
            positions = sofa["SourcePosition"][...]
            responses = sofa["Data.IR"][...]
            again = positions[:3] + np.array([360.0, 0, 0])
            near = positions[3:5] * np.array([1, 1, 0.5])
            replaced(sofa, "SourcePosition", np.concatenate([positions, again, near]))
            replaced(sofa, "Data.IR", np.concatenate([responses, 0.5 * responses[:5]]))

        head = read_hrtf(edited(change))
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)


class TestConventions:
    @pytest.mark.parametrize(
        "convention", ["SimpleFreeFieldHRTF", "SimpleFreeFieldTF", "GeneralTF"]
    )
    def test_transfer_functions_become_the_same_impulse_responses(self, edited, kemar, convention):
        head = read_hrtf(edited(lambda sofa: to_spectra(sofa, convention)))
        assert head.sample_rate_hz == 44_100
        np.testing.assert_allclose(head.impulse_responses, kemar.impulse_responses, atol=1e-12)

    def test_emitters_of_one_measurement_are_directions(self, edited, kemar):
        head = read_hrtf(edited(to_emitters))
        np.testing.assert_allclose(head.directions, kemar.directions, atol=1e-12)
        np.testing.assert_array_equal(head.impulse_responses, kemar.impulse_responses)

    def test_old_drafts_and_attributes_in_arrays(self, edited, kemar):
        def change(sofa):
            sofa["SourcePosition"].attrs["Units"] = np.array([b"degree, degree, meter"])
            sofa["ReceiverPosition"].attrs["Units"] = "meter"

        np.testing.assert_array_equal(read_hrtf(edited(change)).directions, kemar.directions)


class TestSpectra:
    def test_missing_low_frequencies_continue_a_delay(self):
        # A pure delay has the magnitude 1 and a phase in proportion to the frequency.
        frequencies = np.arange(3, 241) * 100.0
        spectra = 0.7 * np.exp(-2j * np.pi * frequencies * 30 / 48_000)
        responses, rate = impulse_responses_from_spectra(spectra, frequencies)
        assert rate == 48_000
        expected = np.zeros(480)
        expected[30] = 0.7
        np.testing.assert_allclose(responses, expected, atol=1e-12)

    def test_what_begins_before_time_zero_is_turned(self):
        frequencies = np.arange(0, 129) * 187.5
        early = np.exp(2j * np.pi * frequencies * 12 / 48_000)
        late = 0.5 * np.exp(-2j * np.pi * frequencies * 20 / 48_000)
        responses, _ = impulse_responses_from_spectra(np.stack([early, late]), frequencies)
        first, second = responses.argmax(axis=1)
        assert second - first == 32
        assert first > 24

    @pytest.mark.parametrize(
        ("frequencies", "reason"),
        [
            (np.geomspace(100, 20_000, 200), "multiples of one step"),
            (np.arange(1, 200) * 100.0 + 33, "multiples of one step"),
            (np.arange(1, 40) * 500.0, "leaves 2 ms"),
            (np.arange(20, 220) * 100.0, "lowest frequency is 2000 Hz"),
            (np.arange(220) * 100.3, "no whole sample rate"),
            (np.array([100.0]), "1 frequencies"),
        ],
    )
    def test_says_what_is_wrong_with_the_frequencies(self, frequencies, reason):
        with pytest.raises(ValueError, match=reason):
            impulse_responses_from_spectra(np.ones((2, len(frequencies)), complex), frequencies)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (set_attribute(None, "SOFAConventions", "SingleRoomSRIR"), "'SingleRoomSRIR'"),
            (set_attribute(None, "Conventions", "netCDF"), "not SOFA"),
            (set_attribute(None, "DataType", "SOS"), "data type is 'SOS'"),
            (lambda sofa: to_spectra(sofa, conjugate=True), "phase of its spectra"),
            (lambda sofa: to_spectra(sofa, first=20), "lowest frequency"),
            (lambda sofa: sofa.__delitem__("Data.IR"), "no Data.IR"),
            (lambda sofa: sofa["Data.IR"].__setitem__((5, 1, 9), np.nan), "Data.IR .* not finite"),
            (lambda sofa: sofa["Data.IR"].__setitem__((5, 1), 0.0), "response 5 of receiver 1 is"),
            (lambda sofa: replaced(sofa, "Data.IR", np.ones((710, 1, 8))), "two ears"),
            (lambda sofa: replaced(sofa, "Data.IR", np.ones((9, 2, 8))), "710 positions .* 9 resp"),
            (lambda sofa: sofa["ReceiverPosition"].__setitem__(..., 0.0), "left ear"),
            (lambda sofa: sofa["Data.SamplingRate"].__setitem__(0, -1.0), "sampling rate"),
            (set_attribute("Data.SamplingRate", "Units", "kHz"), "'khz'"),
            (set_attribute("SourcePosition", "Units", "gon, gon, metre"), "'gon'"),
            (set_attribute("SourcePosition", "Units", "degree, degree, inch"), "'inch'"),
            (set_attribute("SourcePosition", "Type", "polar"), "'polar'"),
            (set_attribute("SourcePosition", "Type", "spherical harmonics"), "normalisation"),
            (lambda sofa: sofa["SourcePosition"].__setitem__((0, 1), 120.0), "elevation beyond"),
            (lambda sofa: sofa["SourcePosition"].__setitem__((0, 2), 0.0), "inside the head"),
            (lambda sofa: sofa["SourcePosition"].__setitem__((0, 2), -1.0), "negative distance"),
            (lambda sofa: sofa["ListenerUp"].__setitem__(..., [1.0, 0, 0]), "parallel"),
            (lambda sofa: replaced(sofa, "ListenerPosition", np.zeros((3, 3))), "3 positions"),
            (lambda sofa: replaced(sofa, "Data.Delay", [[-1.0, 0.0]]), "negative delay"),
            (lambda sofa: replaced(sofa, "Data.Delay", [0.0]), r"Data.Delay has the shape \(1,\)"),
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

    def test_a_general_set_in_a_room_is_refused(self, edited):
        def change(sofa):
            sofa.attrs["SOFAConventions"] = "GeneralFIR"
            sofa.attrs["RoomType"] = "reverberant"

        with pytest.raises(FileFormatError, match="room is 'reverberant'"):
            read_sofa(edited(change))

    def test_refuses_what_is_no_sofa(self, tmp_path):
        path = tmp_path / "x.sofa"
        path.write_bytes(b"RIFF and so on")
        with pytest.raises(FileFormatError, match="not a readable SOFA"):
            read_hrtf(path)
        with pytest.raises(FileFormatError, match="no such file"):
            read_hrtf(tmp_path / "none.sofa")

    @pytest.mark.parametrize("seed", range(12))
    def test_a_damaged_file_is_read_or_refused(self, tmp_path, seed):
        rng = np.random.default_rng(seed)
        content = bytearray(default_hrtf_path().read_bytes())
        # Most of the file is samples; the first and last parts hold its structure.
        for place in rng.integers(0, 30_000, size=40):
            content[place] = rng.integers(256)
        path = tmp_path / "head.sofa"
        path.write_bytes(content[: len(content) if seed % 2 else len(content) // 2])
        with contextlib.suppress(FileFormatError):
            read_hrtf(path)
