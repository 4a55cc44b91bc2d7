"""The EBU ADM Renderer opens the golden scene: places, sides, levels and starts."""

import adm_client
import numpy as np
import pytest
import soundfile
from client_figures import burst_offset, tone_db
from golden_scene import BEHIND, FRONT, LEFT, RATE_HZ, RIGHT, SOURCES

from scenes.imports import import_scene

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(adm_client.missing()), reason=adm_client.missing()),
]

# Amplitude 0.25 of the tones, in dB.
_TONE_DB = 20 * np.log10(0.25)


@pytest.fixture(scope="module")
def folder(golden_export):
    return golden_export("adm")


def test_places_sides_and_starts(folder):
    figures = adm_client.check(folder)
    assert figures.position_error_m < 0.001
    assert figures.left_db[0] > figures.left_db[1] + 60
    assert figures.right_db[1] > figures.right_db[0] + 60
    assert figures.start_offset_samples == 0


@pytest.mark.parametrize("layout", ["0+5+0", "4+5+0"])
def test_loudspeakers_around(folder, tmp_path, layout):
    # M+030 M-030 M+000 LFE1 M+110 M-110 and above: U+030 U-030 U+110 U-110
    sound = adm_client.render(adm_client.adm_file(folder), layout, tmp_path / "out.wav")
    levels = {
        source.side: np.array(
            [tone_db(channel, RATE_HZ, source.tone_hz, 1.6, 1.95) for channel in sound.T]
        )
        for source in SOURCES
    }
    assert np.argmax(levels["left"]) == 4
    assert np.argmax(levels["right"]) == 5
    assert np.argmax(levels["front"]) == 2
    # From 1.5 s on it is behind to the left: 1.52 m away, at 149.5° and 15° up.
    assert np.argmax(levels["behind"]) == 4
    assert levels["left"][4] == pytest.approx(levels["right"][5], abs=0.01)
    for source, distance_m in ((LEFT, 2.0), (RIGHT, 2.0), (FRONT, 2.0), (BEHIND, 1.5716)):
        law_db = 20 * np.log10(source.reference_distance_m / distance_m) + source.gain_db
        power_db = 10 * np.log10((10 ** (levels[source.side] / 10)).sum())
        assert power_db == pytest.approx(_TONE_DB + law_db, abs=0.05)
    for source in SOURCES:
        assert burst_offset(sound.sum(axis=1), source) == 0


def test_the_way_between_keys(folder):
    """Between blocks of the moving source, straight lines of angles are those of the scene."""
    blocks = adm_client.read(adm_client.adm_file(folder))[BEHIND.name]
    times = np.array([end for end, *_ in blocks])
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(2.0)
    assert np.all(np.diff(times) >= 0.005)
    keys = np.array([0.0, 1.0, 1.5, 2.0])
    truth = np.array([BEHIND.positions_m[key] for key in keys])
    for end, place, gain in blocks:
        there = np.array([np.interp(end, keys, truth[:, axis]) for axis in range(3)])
        assert np.linalg.norm(place - there) < 0.001
        distance_m = np.linalg.norm(there - adm_client.LISTENER_M)
        assert gain == pytest.approx(10 ** (2 / 20) * 2.0 / distance_m, rel=1e-4)


def test_a_file_of_another_writer_becomes_a_scene(tmp_path):
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, RATE_HZ)
    adm_client.write_with_ear(tmp_path / "other.wav", sound)
    scene = import_scene(tmp_path / "other.wav", tmp_path / "other.yaml")
    (source,) = scene.sources
    assert (scene.title, source.name) == ("Written by another program", "Traveller")
    assert source.gain_db == pytest.approx(0.0, abs=1e-3)
    away = source.positions_at([0.0, 0.4, 0.6, 1.0]) - scene.listener.position_m
    up = 0.5**0.5
    truth = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [up, 0.0, up], [up, 0.0, up]]
    np.testing.assert_allclose(away, truth, atol=1e-5)
    kept, _ = soundfile.read(tmp_path / source.file)
    np.testing.assert_allclose(kept, sound, atol=3e-7)
