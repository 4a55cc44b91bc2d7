"""FFmpeg and the EBU ADM Renderer open AmbiX files: directions, levels, starts, films."""

import json

import ambix_client
import numpy as np
import pytest
import soundfile
from golden_scene import RATE_HZ, SOURCES
from golden_variant import export_variant

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(ambix_client.missing()), reason=ambix_client.missing()),
]


@pytest.fixture(scope="module")
def dry(golden, tmp_path_factory):
    order = "output: {ambisonic_order: 3}\n"
    out = tmp_path_factory.mktemp("ambix") / "dry"
    return export_variant(golden, "dry", "ambix", out, old="room:", new=order)


def test_directions_sides_and_starts(golden_export):
    figures = ambix_client.check(golden_export("ambix"))
    assert figures.position_error_m < 0.001
    assert figures.left_db[0] > figures.left_db[1] + 20
    assert figures.right_db[1] > figures.right_db[0] + 20
    assert figures.start_offset_samples == 0


def test_levels_and_order(dry):
    """W is the sound with gain and distance law; ACN and SN3D hold up to the third order."""
    description = json.loads((dry / "ambisonics.json").read_text(encoding="utf-8"))
    assert [each["channels"] for each in description["files"]] == [4, 16]
    first = ambix_client.read(dry / "first_order.ambix.wav", 4)
    third = ambix_client.read(dry / "order_3.ambix.wav", 16)
    np.testing.assert_allclose(third[:, :4], first, atol=2e-6)
    for source in SOURCES:
        (x, y, z), distance = ambix_client.heard_from(source.positions_m[2.0])
        channels = ambix_client.phasors(third, source.tone_hz, 1.6, 1.95)
        law = 10 ** ((source.gain_db + description["gain_db"]) / 20)
        law *= source.reference_distance_m / distance
        assert abs(channels[0]) == pytest.approx(0.25 * law, rel=2e-3)
        # SN3D: ACN 1 to 8, and 9 and 15 (order 3, m = −3 and 3).
        expected = [
            *(y, z, x, 3**0.5 * x * y, 3**0.5 * y * z, (3 * z * z - 1) / 2, 3**0.5 * x * z),
            3**0.5 / 2 * (x * x - y * y),
        ]
        np.testing.assert_allclose(np.real(channels[1:9] / channels[0]), expected, atol=2e-3)
        sides = np.real(channels[[9, 15]] / channels[0])
        factor = (5 / 8) ** 0.5
        np.testing.assert_allclose(
            sides, [factor * y * (3 * x * x - y * y), factor * x * (x * x - 3 * y * y)], atol=2e-3
        )


def test_films_and_head_locked_stereo_as_the_readme_says(dry, tmp_path):
    """The README's own commands: all channels come through, in their places."""
    text = (dry / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    film_command, stereo_command = (
        line.split()[1:] for line in text.splitlines() if line.strip().startswith("ffmpeg ")
    )
    source = dry / "first_order.ambix.wav"
    first = ambix_client.read(source, 4)
    ambix_client.ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=duration=2:size=64x32:rate=10"),
        *("-c:v", "mpeg4", tmp_path / "film.mp4"),
    )
    stereo = np.random.default_rng(2).uniform(-0.5, 0.5, (2 * RATE_HZ, 2))
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE_HZ, "PCM_24")

    def here(words):
        return [
            source
            if word == source.name
            else tmp_path / word
            if word.endswith((".mp4", ".wav", ".mov"))
            else word
            for word in words
        ]

    ambix_client.ffmpeg(*here(film_command))
    np.testing.assert_allclose(ambix_client.read(tmp_path / "film.mov", 4), first, atol=1e-9)
    ambix_client.ffmpeg(*here(stereo_command))
    both = ambix_client.read(tmp_path / "first_order_and_stereo.wav", 6)
    np.testing.assert_allclose(both[:, :4], first, atol=1e-9)
    np.testing.assert_allclose(both[:, 4:], stereo, atol=2.0**-23)
