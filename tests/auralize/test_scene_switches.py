"""Switches of a scene that a source may have otherwise, and the seed of a room's noise."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auralize.stream.binaural import render_binaural
from scenes import Scene

RATE_HZ = 16_000


def rendered(folder, *, room=None, seed=0, medium=None, **source):
    soundfile.write(folder / "click.wav", np.r_[1.0, np.zeros(400)], RATE_HZ, "FLOAT")
    scene = Scene(
        sample_rate_hz=RATE_HZ,
        duration_s=0.3,
        seed=seed,
        sources=[{"name": "a", "file": "click.wav", "position_m": (3, 1, 1.2)} | source],
        room=room,
        medium=medium or {},
    )
    return np.concatenate(list(render_binaural(scene, folder)), axis=1)


@pytest.mark.parametrize("on", [True, False])
def test_a_source_may_take_its_time_otherwise_than_the_air(tmp_path, on):
    own = rendered(tmp_path, propagation_delay=on, medium={"propagation_delay": not on})
    np.testing.assert_array_equal(own, rendered(tmp_path, medium={"propagation_delay": on}))
    other = rendered(tmp_path, medium={"propagation_delay": not on})
    assert abs(np.argmax(np.abs(own[0])) - np.argmax(np.abs(other[0]))) > 100


def test_another_seed_is_another_noise_of_the_same_level(tmp_path):
    room = {"size_m": (9, 8, 3), "rt60_s": 0.3, "direct": False, "early": False}
    first, same, other = (rendered(tmp_path, room=room, seed=seed) for seed in (0, 0, 5))
    np.testing.assert_array_equal(first, same)
    likeness = np.corrcoef(first[0], other[0])[0, 1]
    assert abs(likeness) < 0.2
    power = [np.mean(sound**2) for sound in (first, other)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(0, abs=1.0)
