"""Equalisation of headphones: the filters' responses, their minimum phase, and wrong lines."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve, freqz

from auralize.output.headphone_eq import read_headphone_eq
from auralize.output.rendering import render
from auralize.stream.binaural import render_binaural
from capture.errors import DataError, FileFormatError
from scenes import Scene, write_scene

RATE = 48_000

AUTOEQ = """\
Preamp: -6.2 dB
Filter 1: ON LSC Fc 105 Hz Gain 6.7 dB Q 0.70
Filter 2: ON PK Fc 101 Hz Gain -2.4 dB Q 0.32
Filter 3: ON PK Fc 1968 Hz Gain 5.1 dB Q 2.37
Filter 4: ON HSC Fc 10000 Hz Gain -2.6 dB Q 0.70
"""


def equalised(tmp_path, text, rate=RATE):
    (tmp_path / "eq.txt").write_text(text, encoding="utf-8")
    return read_headphone_eq(tmp_path / "eq.txt", rate).filters.astype(np.float64)


def level_db(taps, hertz, rate=RATE):
    return 20 * np.log10(np.abs(freqz(taps, worN=np.atleast_1d(hertz), fs=rate)[1]))


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("line", "points"),
    [
        # Hertz → decibels, from what each filter is for.
        ("PK Fc 1000 Hz Gain -6.5 dB Q 2", {1: 0, 1000: -6.5}),
        ("PK Fc 100 Hz Gain 8 dB BW Oct 1", {100: 8, 100 * 2**0.5: 4, 100 / 2**0.5: 4, 20_000: 0}),
        ("LSC Fc 105 Hz Gain 6 dB Q 0.7", {0.1: 6, 105: 3, 20_000: 0}),
        ("HSC Fc 8000 Hz Gain -4 dB Q 0.7", {1: 0, 8000: -2}),
        ("LSC Fc 105 Hz Gain 6 dB", {0.1: 6, 105: 3, 20_000: 0}),
        # A corner lies outside of the middle by 10^(gain/80/slope): here 12 dB an octave.
        ("LS 12 dB Fc 100 Hz Gain 8 dB", {0.1: 8, 100 * 10**0.1: 4}),
        ("HS 12 dB Fc 1000 Hz Gain 8 dB", {0.1: 0, 1000 / 10**0.1: 4}),
        ("LP Fc 500 Hz", {1: 0, 500: -3.0103}),
        ("HPQ Fc 500 Hz Q 2", {500: 6.0206, 20_000: 0}),
        ("BP Fc 500 Hz Q 3", {500: 0}),
        ("NO Fc 500 Hz", {10: 0, 20_000: 0}),
    ],
)
def test_each_filter_does_what_it_is_for(tmp_path, line, points, rate):
    left, right = equalised(tmp_path, f"Filter 7: ON {line}", rate)
    np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(
        level_db(left, list(points), rate), list(points.values()), atol=0.012
    )


def test_autoeq_settings_add_up(tmp_path):
    """The decibels of the whole are the sum of those of its lines."""
    hertz = np.geomspace(20, 20_000, 50)
    whole = level_db(equalised(tmp_path, AUTOEQ)[0], hertz)
    lines = AUTOEQ.splitlines()
    parts = sum(level_db(equalised(tmp_path, line)[0], hertz) for line in lines)
    np.testing.assert_allclose(whole, parts, atol=0.005)
    assert level_db(equalised(tmp_path, "Preamp: -6,2 dB")[0], 1000) == pytest.approx(-6.2)


def test_a_graphic_curve_is_straight_between_its_points_and_flat_beyond(tmp_path):
    taps = equalised(tmp_path, "GraphicEQ: 100 3; 1000 -2; 10000 5")[0]
    hertz = [30, 100, 10**2.5, 1000, 10**3.5, 10_000, 18_000]
    np.testing.assert_allclose(level_db(taps, hertz), [3, 3, 0.5, -2, 1.5, 5, 5], atol=0.02)


def test_a_graphic_curve_has_minimum_phase(tmp_path):
    """The curve of a biquad, whose phase is minimal, becomes its impulse response."""
    biquad = equalised(tmp_path, "Filter: ON PK Fc 3000 Hz Gain 6 dB Q 1")[0]
    hertz = np.geomspace(5, 24_000, 4000)
    points = "; ".join(
        f"{f:.6f} {d:.6f}" for f, d in zip(hertz, level_db(biquad, hertz), strict=True)
    )
    taps = equalised(tmp_path, f"GraphicEQ: {points}")[0]
    count = min(len(taps), len(biquad))
    np.testing.assert_allclose(taps[:count], biquad[:count], atol=1e-4)


def test_ears_have_settings_of_their_own(tmp_path):
    left, right = equalised(
        tmp_path,
        "# measured today\nPreamp: -2 dB\nChannel: L\nPreamp: -1 dB\n"
        "Channel: R\nFilter: ON PK Fc 1000 Hz Gain 3 dB Q 1\nFilter: OFF PK Fc 9 Hz Gain 3 dB Q 1\n"
        "Channel: all\nFilter: ON None\nPreamp: -1 dB # both",
    )
    assert level_db(left, 1000) == pytest.approx(-4, abs=1e-4)
    assert level_db(right, 1000) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nFilter 1: ON PK Fc 100 Hz Gain 3 dB", r"eq\.txt:2: a peak needs its width"),
        ("Filter 1: ON PK Fc 100 Hz Q 3", r":1: needed is Gain"),
        ("Filter 1: ON PK Gain 3 dB Q 3", r":1: .*Fc"),
        ("Filter 1: ON PK Fc 30000 Hz Gain 3 dB Q 1", r":1: Fc must lie between 0 and 24000 Hz"),
        ("Filter 1: ON XX Fc 300 Hz Gain 3 dB Q 1", r":1: the filter type 'XX' is unknown.*PK"),
        ("Filter 1: ON PK Fc 300 Hz Gain 3 dB Q 0", r":1: the width"),
        ("Filter 1: maybe PK Fc 300 Hz", r":1: a filter must read"),
        ("Fliter 1: ON PK Fc 300 Hz Gain 3 dB Q 1", r":1: 'Fliter 1.*not understood"),
        ("Preamp: 0 dB\nInclude: more.txt", r":2: 'Include: more\.txt' is not understood"),
        ("Filter 1: ON PK Fc 1,000 Hz Gain 3,5 dB Q 1", r":1: .*could mean thousands"),
        ("Filter 1: ON LSC Fc 100 Hz Gain 3 dB BW Oct 1", r":1: the width of a shelf is Q"),
        ("Filter 1: ON PK Fc 100 Hz Gain 3 dB Q 1 Gian 2 dB", r":1: 'Gian 2 dB' is not under"),
        ("Preamp: loud", r":1: needed is a gain such as"),
        ("Preamp: 99 dB", r":1: gains must lie within ±60 dB, got 99"),
        ("Channel: C", r":1: Channel must be L, R or all"),
        ("GraphicEQ: 100 3; 90 1", r":1: the frequencies .* must increase from above 0, got 90"),
        ("GraphicEQ: 100 3; 200", r":1: GraphicEQ needs pairs .* got '200'"),
        ("GraphicEQ: 100 nan", r":1: gains must lie within"),
        ("# nothing\n", r"eq\.txt: there is no filter in it"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, words):
    with pytest.raises(FileFormatError, match=words):
        equalised(tmp_path, text)


class TestImpulseResponse:
    def write(self, tmp_path, channels=2, rate=RATE, count=700):
        taps = np.random.default_rng(2).normal(size=(count, channels)) * 0.1
        taps *= np.exp(-np.arange(count) / 80)[:, None]
        taps = fftconvolve(taps, np.hanning(9)[:, None], axes=0)  # nothing near half the rate
        soundfile.write(tmp_path / "ir.wav", taps.astype(np.float32), rate, subtype="FLOAT")
        return taps.T

    @pytest.mark.parametrize("channels", [1, 2])
    def test_is_used_as_it_is(self, tmp_path, channels):
        taps = self.write(tmp_path, channels)
        found = read_headphone_eq(tmp_path / "ir.wav", RATE)
        assert found.name == "ir.wav"
        np.testing.assert_allclose(found.filters, np.broadcast_to(taps, (2, 708)), atol=1e-7)

    @pytest.mark.parametrize("cuts", [[3000], [700, 10, 1, 2000, 289], [1500, 1500]])
    def test_filters_blocks_of_any_length_like_one_convolution(self, tmp_path, cuts):
        taps = self.write(tmp_path)
        sound = np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32)
        blocks = np.split(sound, np.cumsum(cuts)[:-1], axis=1)
        equaliser = read_headphone_eq(tmp_path / "ir.wav", RATE)
        out = np.concatenate(list(equaliser.applied_to(iter(blocks))), axis=1)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, fftconvolve(sound, taps, axes=1)[:, :3000], atol=1e-5)

    @pytest.mark.parametrize("rate", [44_100, 96_000])
    def test_another_rate_keeps_the_frequency_response(self, tmp_path, rate):
        taps = self.write(tmp_path, rate=rate)
        found = read_headphone_eq(tmp_path / "ir.wav", RATE)
        assert found.name == f"ir.wav (resampled from {rate} Hz)"
        hertz = np.geomspace(50, 8000, 40)
        for ear in (0, 1):
            expected = level_db(taps[ear], hertz, rate)
            np.testing.assert_allclose(level_db(found.filters[ear], hertz), expected, atol=0.02)

    def test_what_is_none_is_refused(self, tmp_path):
        self.write(tmp_path, channels=3)
        with pytest.raises(DataError, match=r"ir\.wav: .*one channel .* or two .* has 3"):
            read_headphone_eq(tmp_path / "ir.wav", RATE)
        soundfile.write(tmp_path / "music.wav", np.ones((11 * 8000, 1)), 8000)
        with pytest.raises(DataError, match=r"lasts 11\.0 s.*music"):
            read_headphone_eq(tmp_path / "music.wav", RATE)
        soundfile.write(tmp_path / "half.wav", np.eye(100, 2)[:, [0, 0]] * [1, 0], RATE)
        with pytest.raises(DataError, match="a channel is silent"):
            read_headphone_eq(tmp_path / "half.wav", RATE)
        with pytest.raises(FileFormatError, match=r"no\.txt"):
            read_headphone_eq(tmp_path / "no.txt", RATE)
        with pytest.raises(FileFormatError, match=r"no\.wav"):
            read_headphone_eq(tmp_path / "no.wav", RATE)


class TestRender:
    @pytest.fixture
    def scene(self, tmp_path):
        samples = 0.05 * np.random.default_rng(5).normal(size=RATE).astype(np.float32)
        soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
        (tmp_path / "eq.txt").write_text(AUTOEQ)
        scene = Scene(
            sample_rate_hz=RATE,
            sources=[{"name": "a", "file": "noise.wav", "position_m": (1, 1, 1.2)}],
            output={"sample_format": "float32", "headphone_eq": "eq.txt"},
        )
        write_scene(tmp_path / "scene.yaml", scene)
        return scene

    def test_headphones_are_equalised(self, scene, tmp_path):
        report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
        taps = read_headphone_eq(tmp_path / "eq.txt", RATE).filters
        flat = np.concatenate(list(render_binaural(scene, tmp_path)), axis=1)
        expected = fftconvolve(flat, taps, axes=1)[:, : flat.shape[1]]
        samples = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
        assert report.gain_db == 0
        assert report.headphone_eq == "eq.txt"
        np.testing.assert_allclose(samples, expected, atol=1e-6)

    def test_ambisonics_are_not(self, scene, tmp_path):
        report = render(tmp_path / "scene.yaml", tmp_path / "out.ambix.wav")
        assert report.headphone_eq is None
        with pytest.raises(DataError, match=r"fits renders for headphones only.*out\.ambix\.wav"):
            render(
                tmp_path / "scene.yaml",
                tmp_path / "out.ambix.wav",
                headphone_eq=tmp_path / "eq.txt",
            )

    def test_a_missing_file_is_named_with_its_line(self, scene, tmp_path):
        (tmp_path / "eq.txt").unlink()
        with pytest.raises(DataError, match=r"scene\.yaml:\d+:\d+: the file 'eq\.txt' is not"):
            render(tmp_path / "scene.yaml", tmp_path / "out.wav")
