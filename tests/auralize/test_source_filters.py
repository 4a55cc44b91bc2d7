"""What air and directivity do to a source, against the magnitudes that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.air import air_absorption_db_per_m
from auralize.sources.colour import colour_taps
from auralize.sources.directivity import OCTAVES_HZ, directivity_of
from auralize.sources.scene_sources import open_sources
from auralize.sources.straight_way import mono_filters
from auralize.stream.binaural import render_binaural
from auralize.stream.standing import whole_response
from scenes import Scene

RATE = 48_000
HZ = np.fft.rfftfreq(8192, 1 / RATE)
AUDIBLE = (HZ > 100) & (HZ < 18_000)


@pytest.fixture(scope="module")
def interpolator():
    return HrtfInterpolator(read_hrtf().resampled(RATE))


@pytest.fixture
def heard(tmp_path):
    """Give the one source of a scene as the listener hears it."""
    soundfile.write(tmp_path / "noise.wav", np.zeros(10), RATE)

    def make(medium=None, listener=None, **changes):
        place = {} if "keyframes" in changes else {"position_m": (2.0, 0.0, 1.2)}
        source = {"name": "a", "file": "noise.wav"} | place | changes
        scene = Scene(
            sample_rate_hz=RATE,
            sources=[source],
            medium=medium or {},
            listener=listener or {},
        )
        with open_sources(scene, tmp_path) as sources:
            return sources[0]

    return make


def levels_db(filters):
    return 20 * np.log10(np.abs(np.fft.rfft(filters, 8192)) + 1e-12)


NOW = np.zeros(1)


class TestTrivial:
    def test_a_source_without_colour_has_the_heads_own_responses(self, heard, interpolator):
        source = heard()
        late = interpolator.early_samples
        filters = whole_response(source, interpolator)
        own = interpolator.impulse_responses(np.array([[1.0, 0, 0]]))[0]
        assert_allclose(filters[:, late : late + own.shape[1]], own * 0.5, atol=1e-6)
        assert np.abs(filters[:, late + own.shape[1] :]).max() < 1e-6
        assert mono_filters(source, NOW, 100) is None


class TestAir:
    @pytest.mark.parametrize("distance_m", [5.0, 60.0])
    def test_takes_what_the_standard_says(self, heard, distance_m):
        source = heard(
            {"air_absorption": True, "temperature_c": 10}, position_m=(distance_m, 0, 1.2)
        )
        loss = levels_db(mono_filters(source, NOW, 240))[0]
        expected = -(distance_m - 1) * air_absorption_db_per_m(HZ, source.medium)
        assert_allclose(loss[AUDIBLE], expected[AUDIBLE], atol=0.05)

    @pytest.mark.parametrize("distance_m", [2.0, 7.0])
    def test_is_nothing_up_to_where_the_source_sounds_as_its_file(self, heard, distance_m):
        medium = {"air_absorption": True}
        source = heard(medium, position_m=(distance_m, 0, 1.2), reference_distance_m=7.0)
        assert_allclose(levels_db(mono_filters(source, NOW, 240)), 0, atol=1e-5)

    def test_comes_on_top_of_the_head(self, heard, interpolator):
        source = heard({"air_absorption": True}, position_m=(40.0, 10.0, 1.2))
        plain = heard(position_m=(40.0, 10.0, 1.2))
        with_air = levels_db(whole_response(source, interpolator))
        without = levels_db(whole_response(plain, interpolator))
        loss = levels_db(mono_filters(source, NOW, 240))
        assert_allclose((with_air - without)[..., AUDIBLE] - loss[:, AUDIBLE], 0, atol=0.05)


class TestDirectivity:
    def test_a_cardioid_is_silent_behind_and_full_in_front(self, heard, interpolator):
        front = whole_response(heard(), interpolator)
        for yaw_deg, factor in ((180, 1.0), (90, 0.5), (-90, 0.5), (0, 0.0)):
            source = heard(directivity="cardioid", yaw_deg=yaw_deg)
            assert_allclose(whole_response(source, interpolator), factor * front, atol=1e-7)
            mono = mono_filters(source, NOW, 3)
            assert_allclose(mono, [[factor, 0, 0]], atol=1e-7)

    @pytest.mark.parametrize("instrument", ["violin", "cello", "trumpet"])
    def test_an_instrument_has_the_levels_of_its_octaves(self, heard, instrument):
        source = heard(directivity=instrument, yaw_deg=60, position_m=(2.0, 1.0, 1.7))
        # The listener, seen by a player who faces 60° to the left of +x.
        away = np.array([-2.0, -1.0, -0.5])
        cosine, sine = np.cos(np.radians(60)), np.sin(np.radians(60))
        seen = np.array(
            [cosine * away[0] + sine * away[1], cosine * away[1] - sine * away[0], away[2]]
        ) / np.linalg.norm(away)
        expected = directivity_of(source.source).octave_levels_db(seen)
        mono = levels_db(mono_filters(source, NOW, colour_taps(source)))[0]
        at_octaves = np.interp(OCTAVES_HZ[2:], HZ, mono)
        assert_allclose(at_octaves, expected[2:], atol=0.3)
        assert abs(expected[-1]) > 3

    def test_without_a_yaw_the_player_faces_where_the_listener_starts(self, heard):
        source = heard(
            directivity="cardioid",
            listener={
                "keyframes": [
                    {"time_s": 0, "position_m": (0, 0, 1.2)},
                    {"time_s": 1, "position_m": (4, 0, 1.2)},
                ]
            },
        )
        factors = mono_filters(source, np.array([0.0, 0.4, 0.6, 1.0]), 1)[:, 0]
        assert_allclose(factors, [1, 1, 0, 0], atol=1e-7)

    def test_a_player_turns_along_the_shorter_arc(self, heard):
        keys = [
            {"time_s": 0, "position_m": (2, 0, 1.2), "yaw_deg": 170},
            {"time_s": 2, "position_m": (2, 0, 1.2), "yaw_deg": -170},
        ]
        source = heard(directivity="figure_eight", keyframes=keys)
        assert source.moves
        assert not heard(keyframes=keys).moves
        factors = mono_filters(source, np.array([0.0, 1.0, 2.0]), 1)[:, 0]
        ten = np.cos(np.radians(10))
        assert_allclose(factors, [ten, 1, ten], atol=1e-7)


class TestFilters:
    def test_start_at_once(self, heard):
        source = heard(
            {"air_absorption": True}, directivity="violin", yaw_deg=0, position_m=(50, 0, 1.2)
        )
        filters = mono_filters(source, NOW, 400)
        assert np.argmax(np.abs(filters)) < 3
        # What is left out after the taps that a source asks for is 50 dB below.
        late = filters[:, colour_taps(source) :]
        assert np.sum(late**2) < 1e-5 * np.sum(filters**2)

    def test_a_coloured_source_that_stands_still_sounds_as_one_on_a_path(self, tmp_path):
        rng = np.random.default_rng(2)
        place_m = (30, 5, 1.2)
        soundfile.write(tmp_path / "noise.wav", 0.1 * rng.normal(size=RATE // 2), RATE, "FLOAT")
        keys = [{"time_s": t, "position_m": place_m, "yaw_deg": 20} for t in (0, 50)]
        keys.append({"time_s": 60, "position_m": (31, 5, 1.2), "yaw_deg": 90})
        common = {"name": "a", "file": "noise.wav", "directivity": "cello"}
        places = ({"position_m": place_m, "yaw_deg": 20}, {"keyframes": keys})
        still, moving = (
            np.concatenate(
                list(
                    render_binaural(
                        Scene(
                            sample_rate_hz=RATE,
                            sources=[common | place],
                            medium={"air_absorption": True},
                        ),
                        tmp_path,
                    )
                ),
                axis=1,
            )
            for place in places
        )
        # Both cut the colour's tail off, the one 1 ms sooner than the other.
        assert np.abs(still - moving).max() < 2e-4 * np.abs(still).max()
