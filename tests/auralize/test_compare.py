"""Changes that are made on purpose are found, to the decibel, microsecond and degree."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from scipy.signal import butter, sosfilt

from auralize.cli import cli
from auralize.compare.measures import measure_sound
from auralize.compare.scenes import compare_scenes
from auralize.compare.sounds import compare_sounds
from auralize.compare.text import scenes_text, sounds_text
from auralize.dsp.spherical_harmonics import spherical_harmonics
from auralize.output.rendering import render
from scenes import Scene, write_scene

RATE = 48_000


def noise(channels=2, count=RATE, seed=0):
    return 0.1 * np.random.default_rng(seed).normal(size=(channels, count))


def band_limited(samples):
    """Leave out what lies near half the rate, which a shift by parts of a sample blurs."""
    spectrum = np.fft.rfft(samples)
    spectrum[..., int(0.9 * spectrum.shape[-1]) :] = 0
    return np.fft.irfft(spectrum, samples.shape[-1])


@pytest.fixture
def write(tmp_path):
    def to(name, samples, rate=RATE, subtype="FLOAT"):
        path = tmp_path / name
        soundfile.write(path, np.asarray(samples, dtype=np.float32).T, rate, subtype=subtype)
        return path

    return to


class TestSounds:
    def test_the_same_is_the_same(self, write):
        files = [write(name, noise()) for name in ("a.wav", "b.wav")]
        comparison = compare_sounds(*files)
        assert comparison.difference.is_identical
        assert comparison.largest_change_db == -math.inf
        assert "Every sample is the same." in sounds_text(comparison)

    def test_one_other_sample_is_not_the_same(self, write):
        samples = noise()
        a = write("a.wav", samples)
        samples[1, 777] += 1e-3
        difference = compare_sounds(a, write("b.wav", samples)).difference
        assert not difference.is_identical
        expected = 10 * math.log10(1e-6 / np.sum(noise() ** 2))
        assert difference.residual_db == pytest.approx(expected, abs=0.01)
        assert difference.offset_s == 0.0

    @pytest.mark.parametrize("gain_db", [-6.0, 0.1])
    def test_level(self, write, gain_db):
        files = write("a.wav", noise()), write("b.wav", noise() * 10 ** (gain_db / 20))
        comparison = compare_sounds(*files)
        a, b, found = comparison.first, comparison.second, comparison.difference
        assert found.gain_db == pytest.approx(gain_db, abs=1e-5)
        assert found.offset_s == 0.0
        expected = 20 * math.log10(abs(10 ** (gain_db / 20) - 1))
        assert found.residual_db == pytest.approx(expected, abs=1e-3)
        assert found.residual_without_gain_db < -120
        for one, other in zip(a.levels_dbfs, b.levels_dbfs, strict=True):
            assert other - one == pytest.approx(gain_db, abs=1e-5)
        assert b.loudness_lufs - a.loudness_lufs == pytest.approx(gain_db, abs=1e-3)
        assert b.true_peak_dbtp - a.true_peak_dbtp == pytest.approx(gain_db, abs=1e-4)
        np.testing.assert_allclose(comparison.band_changes_db, gain_db, atol=1e-4)

    @pytest.mark.parametrize("samples_late", [480, -37, 0.25, 10.4, -3.5])
    def test_time_offset(self, write, samples_late):
        sound = np.pad(
            band_limited(noise(count=20_000)) * np.hanning(20_000), ((0, 0), (2000, 2000))
        )
        turns = np.exp(-2j * np.pi * np.fft.rfftfreq(24_000) * samples_late)
        late = np.fft.irfft(np.fft.rfft(sound) * turns, 24_000)
        found = compare_sounds(write("a.wav", sound), write("b.wav", late)).difference
        assert found.offset_s * RATE == pytest.approx(samples_late, abs=1e-3)
        assert found.residual_db < -80
        assert found.gain_db == pytest.approx(0, abs=1e-4)
        assert found.likeness > 0.9

    def test_turned_over(self, write):
        found = compare_sounds(write("a.wav", noise()), write("b.wav", -noise())).difference
        assert found.likeness == pytest.approx(-1)
        assert found.offset_s == 0
        assert found.residual_db == pytest.approx(20 * math.log10(2))
        assert found.residual_without_gain_db < -200

    def test_other_sounds_have_no_time_in_common(self, write):
        comparison = compare_sounds(write("a.wav", noise(seed=1)), write("b.wav", noise(seed=2)))
        assert comparison.difference.offset_s is None
        assert comparison.largest_change_db == math.inf
        assert "different sounds" in sounds_text(comparison)
        silent = compare_sounds(write("a.wav", 0 * noise()), write("c.wav", 0 * noise(count=99)))
        assert not silent.difference.is_identical
        assert silent.largest_change_db == -math.inf
        silent = compare_sounds(write("a.wav", noise()), write("c.wav", 0 * noise()))
        assert silent.difference.residual_db is None
        assert "−∞ dBFS" in sounds_text(silent)

    def test_spectrum(self, write):
        """A filter shows up as itself, at every third of an octave and one channel only."""
        samples = noise(count=4 * RATE)
        sections = butter(2, 1000, fs=RATE, output="sos")
        changed = np.stack([samples[0], sosfilt(sections, samples[1])])
        comparison = compare_sounds(write("a.wav", samples), write("b.wav", changed))
        left, right = comparison.band_changes_db
        centers = comparison.first.band_centers_hz
        assert (centers[0], len(centers)) == (pytest.approx(25.1, abs=0.1), 30)
        np.testing.assert_array_equal(left, 0)
        warped = np.tan(np.pi * centers / RATE) / np.tan(np.pi * 1000 / RATE)
        expected = -10 * np.log10(1 + warped**4)
        middle = (centers > 90) & (centers < 4000)
        np.testing.assert_allclose(right[middle], expected[middle], atol=0.6)
        assert right[10] == pytest.approx(0, abs=0.3)

    def test_levels_in_bands_add_up_to_the_level(self, write):
        """Parseval, for a sound at the very start as for one in the middle."""
        for at in (0, 11_111):
            sound = np.zeros((1, 30_000))
            sound[0, at] = 0.5
            measures = measure_sound(write("a.wav", sound))
            total = 10 * np.log10(np.sum(10 ** (measures.band_levels_dbfs / 10)))
            share = 22_387 - 22.4  # hertz that the bands cover
            expected = measures.levels_dbfs[0] + 10 * np.log10(share / (RATE / 2))
            assert total == pytest.approx(expected, abs=0.01)

    def test_interaural_differences(self, write):
        sound = np.pad(band_limited(noise(1, RATE)), ((0, 0), (100, 100)))[0]
        ears = np.stack([np.roll(sound, 4), 0.5 * np.roll(sound, 16)])
        measures = measure_sound(write("a.wav", ears))
        assert measures.itd_s == pytest.approx(12 / RATE, abs=1e-7)
        assert measures.ild_db == pytest.approx(20 * math.log10(2), abs=1e-4)

    def test_ambisonic_directions(self, write):
        directions = np.array([[math.cos(0.5), math.sin(0.5), 0.0], [0.6, 0.0, 0.8]])
        files = [
            write(f"{i}.ambix.wav", spherical_harmonics(way, 2)[:, None] * noise(1))
            for i, way in enumerate(directions)
        ]
        comparison = compare_sounds(*files)
        assert comparison.first.is_ambisonic
        np.testing.assert_allclose(comparison.first.intensity, [directions[0]] * 9, atol=1e-6)
        turn = math.degrees(math.acos(0.6 * math.cos(0.5)))
        np.testing.assert_allclose(comparison.intensity_turns_deg, turn, atol=1e-4)
        assert "28.6°, 0.0°" in sounds_text(comparison)
        assert "0.0°, 53.1°" in sounds_text(comparison)

    def test_ambisonic_directions_of_renders(self, write, tmp_path):
        """Both conventions of a render have the same directions, those of the scene."""
        write("violin.wav", noise(1, 24_000))
        write_scene(tmp_path / "s.yaml", scene(source(position_m=(0, 2, 1.2))))
        files = [tmp_path / f"{convention}.ambix.wav" for convention in ("sn3d", "fuma")]
        for file in files:
            changes = {"ambisonic_convention": file.name.partition(".")[0]}
            render(tmp_path / "s.yaml", file, output=changes)
        comparison = compare_sounds(*files)
        np.testing.assert_allclose(comparison.second.intensity, [[0, 1, 0]] * 9, atol=1e-4)
        assert comparison.intensity_turns_deg.max() < 0.01
        # W of fuma is 3 dB lower, but the pressure that it stands for is not.
        levels = [sound.levels_dbfs[0] for sound in (comparison.first, comparison.second)]
        assert levels[0] - levels[1] == pytest.approx(10 * math.log10(2), abs=1e-3)
        loudness = [sound.loudness_lufs for sound in (comparison.first, comparison.second)]
        assert loudness[0] == pytest.approx(loudness[1], abs=1e-3)
        assert f"{loudness[1]:.2f} LUFS" in soundfile.SoundFile(files[1]).comment

    def test_what_does_not_fit_together_is_said(self, write):
        a = write("a.wav", noise())
        rate = compare_sounds(a, write("b.wav", noise(), rate=44_100))
        assert "sample rates differ (48000 and 44100 Hz)" in rate.notes[0]
        channels = compare_sounds(a, write("c.wav", noise(3)))
        assert "channel counts differ (2 and 3)" in channels.notes[0]
        assert channels.band_changes_db is None
        for comparison in (rate, channels):
            assert comparison.difference is None
            assert comparison.largest_change_db == math.inf
            assert sounds_text(comparison).startswith("note: ")
        shorter = compare_sounds(a, write("d.wav", noise()[:, :-100]))
        assert "lengths differ (48000 and 47900 samples)" in shorter.notes[0]
        lost = 10 * math.log10(np.sum(noise()[:, -100:] ** 2) / np.sum(noise() ** 2))
        assert shorter.difference.residual_db == pytest.approx(lost, abs=0.01)


def source(name="violin", **changes):
    return {"name": name, "file": f"{name}.wav", "position_m": (2.0, 0.0, 1.2)} | changes


def scene(*sources, **changes):
    return Scene(**({"sample_rate_hz": RATE, "sources": sources or (source(),)} | changes))


class TestScenes:
    def compared(self, tmp_path, a, b):
        for name, what in (("a.yaml", a), ("b.yaml", b)):
            write_scene(tmp_path / name, what, with_schema=False)
        return compare_scenes(tmp_path / "a.yaml", tmp_path / "b.yaml")

    def test_the_same(self, tmp_path):
        comparison = self.compared(tmp_path, scene(), scene())
        assert comparison.is_identical
        assert comparison.largest_change_db == -math.inf
        assert scenes_text(comparison) == "The scenes are the same."

    def test_a_source_that_moved(self, tmp_path):
        comparison = self.compared(tmp_path, scene(), scene(source(position_m=(0, 4, 1.2))))
        (move,) = comparison.moves
        assert move.name == "violin"
        assert move.moved_m == pytest.approx(math.hypot(2, 4))
        assert move.turned_deg == pytest.approx(90)
        assert move.azimuths_deg == pytest.approx((0, 90))
        assert move.distances_m == pytest.approx((2, 4))
        assert move.level_change_db == pytest.approx(-20 * math.log10(2))
        assert comparison.changes == ()
        assert comparison.largest_change_db == pytest.approx(6.0206, abs=1e-4)
        assert "0.0° → 90.0°" in scenes_text(comparison)

    def test_a_listener_who_turned_sees_all_elsewhere(self, tmp_path):
        comparison = self.compared(
            tmp_path, scene(), scene(listener={"yaw_deg": 30, "position_m": (0, 0, 1.2)})
        )
        (move,) = comparison.moves
        assert move.moved_m == 0
        assert move.azimuths_deg == pytest.approx((0, -30))
        (change,) = comparison.changes
        assert (change.place, change.first, change.second) == ("listener.yaw_deg", 0.0, 30.0)

    def test_a_path_is_looked_at_all_along(self, tmp_path):
        keys = [{"time_s": 0, "position_m": (2, 0, 1.2)}, {"time_s": 9, "position_m": (2, 0, 1.2)}]
        bent = [keys[0], {"time_s": 4, "position_m": (2, 1, 1.2)}, keys[1]]
        comparison = self.compared(
            tmp_path,
            scene(source(position_m=None, keyframes=keys)),
            scene(source(position_m=None, keyframes=bent)),
        )
        (move,) = comparison.moves
        assert (move.time_s, move.moved_m) == (4.0, pytest.approx(1.0))

    def test_where_a_moving_player_faces(self, tmp_path):
        keys = [[{"time_s": 0, "position_m": (2, 0, 1), "yaw_deg": yaw}] for yaw in (10, 20)]
        comparison = self.compared(
            tmp_path, *(scene(source(position_m=None, keyframes=key)) for key in keys)
        )
        assert comparison.moves == ()
        (change,) = comparison.changes
        assert "violin" in change.place
        assert "yaw_deg" in change.place

    def test_everything_else(self, tmp_path):
        old = scene(
            source(),
            source("cello"),
            source("oboe"),
            provenance={"take": "one"},
        )
        new = scene(
            source(gain_db=-3.0, mute=True),
            source("cello", file="viola.wav"),
            source("flute"),
            sample_rate_hz=44_100,
            output={"ambisonic_order": 3},
            medium={"temperature_c": 10},
            provenance={"take": "two"},
        )
        comparison = self.compared(tmp_path, old, new)
        assert (comparison.added, comparison.removed) == (("flute",), ("oboe",))
        assert comparison.largest_change_db == math.inf
        assert {c.place: (c.first, c.second) for c in comparison.changes} == {
            "sample_rate_hz": (48_000, 44_100),
            "medium.temperature_c": (20.0, 10.0),
            "output.ambisonic_order": (1, 3),
            "provenance.take": ("one", "two"),
            "sources[violin].gain_db": (0.0, -3.0),
            "sources[violin].mute": (False, True),
            "sources[cello].file": ("cello.wav", "viola.wav"),
        }
        (move,) = comparison.moves
        assert (move.name, move.level_change_db) == ("violin", pytest.approx(-3.0))
        text = scenes_text(comparison)
        assert text.startswith("added: flute\nremoved: oboe\n")
        assert "sources[cello].file" in text

    def test_files_of_other_content(self, tmp_path):
        """Files of the same names in two folders; one of them is the same."""
        what = scene(source(), source("cello"), output={"headphone_eq": "eq.txt"})
        for folder, seed in (("a", 1), ("b", 2)):
            (tmp_path / folder).mkdir()
            write_scene(tmp_path / folder / "scene.yaml", what, with_schema=False)
            soundfile.write(tmp_path / folder / "violin.wav", noise(1, 100, seed).T, RATE)
            soundfile.write(tmp_path / folder / "cello.wav", noise(1, 100).T, RATE)
            (tmp_path / folder / "eq.txt").write_text(f"Preamp: -{seed} dB")
        comparison = compare_scenes(tmp_path / "a/scene.yaml", tmp_path / "b/scene.yaml")
        assert [change.place for change in comparison.changes] == [
            "sources[violin].file: content (SHA-256)",
            "output.headphone_eq: content (SHA-256)",
        ]


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(cli, ["compare", *map(str, arguments)])

    def test_two_renders_of_two_scenes(self, tmp_path, write):
        """The whole way: a source moves, and scenes and renders both tell."""
        write("violin.wav", noise(1, 24_000))
        for name, azimuth in (("a", 0.0), ("b", math.pi / 2)):
            place = (2 * math.cos(azimuth), 2 * math.sin(azimuth), 1.2)
            write_scene(tmp_path / f"{name}.yaml", scene(source(position_m=place)))
            render(tmp_path / f"{name}.yaml", tmp_path / f"{name}.wav")
        sounds = json.loads(self.run(tmp_path / "a.wav", tmp_path / "b.wav", "--json").stdout)
        assert abs(sounds["first"]["itd_s"]) < 5e-6
        assert sounds["second"]["itd_s"] == pytest.approx(703e-6, abs=25e-6)
        assert sounds["second"]["ild_db"] > 8
        assert len(sounds["band_changes_db"]) == 30
        scenes = json.loads(self.run(tmp_path / "a.yaml", tmp_path / "b.yaml", "--json").stdout)
        assert scenes["moves"][0]["turned_deg"] == pytest.approx(90)

    def test_exit_codes(self, write):
        a, b = write("a.wav", noise()), write("b.wav", noise() * 1.01)
        assert self.run(a, b).exit_code == 0
        assert self.run(a, b, "--fail-above", -30).exit_code == 0
        failed = self.run(a, b, "--fail-above", -60)
        assert failed.exit_code == 1
        assert "the change (-40.0 dB) is above -60 dB" in failed.stderr
        other = write("c.wav", noise(3))
        assert self.run(a, other).exit_code == 0
        assert self.run(a, other, "--fail-above", 0).exit_code == 1
        # What is not finite has no word in JSON.
        same = json.loads(self.run(a, a, "--json", "--fail-above", -300).stdout)
        assert same["residual_db"] is None
        assert same["is_identical"] is True

    def test_a_picture(self, write, tmp_path):
        a, b = write("a.wav", noise(count=5000)), write("b.wav", noise(count=5000) * 2)
        assert self.run(a, b, "--plot", tmp_path / "out.png").exit_code == 0
        first = (tmp_path / "out.png").read_bytes()
        assert first.startswith(b"\x89PNG")
        self.run(a, b, "--plot", tmp_path / "out.png")
        assert (tmp_path / "out.png").read_bytes() == first
        refused = self.run(a, b, "--plot", tmp_path / "out.docx")
        assert "pictures end in .png" in str(refused.exception)

    def test_what_cannot_be_compared(self, write, tmp_path):
        a = write("a.wav", noise(count=100))
        assert self.run(a, tmp_path / "b.yaml").exit_code == 2
        assert "b.wav: there is no such file" in str(self.run(a, tmp_path / "b.wav").exception)
        write_scene(tmp_path / "s.yaml", scene())
        pair = (tmp_path / "s.yaml", tmp_path / "s.yaml")
        assert self.run(*pair, "--plot", tmp_path / "o.png").exit_code == 2
