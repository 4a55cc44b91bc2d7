"""The head for exporters: all round, and the same as renders have."""

import shutil

import numpy as np

from auralize.exported_head import export_head, rings
from auralize.hrtf.head import default_hrtf_path, read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from scenes import Listener, Scene, Source


def _scene(**listener):
    source = Source(name="a", file="a.wav", position_m=(1.0, 0.0, 1.2))
    return Scene(sample_rate_hz=44_100, sources=(source,), listener=Listener(**listener))


def test_rings_go_all_round_and_mirror():
    directions = rings()
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    assert len(np.unique(np.round(directions, 9), axis=0)) == len(directions)
    for mirrored in (directions * [1, -1, 1], directions * [1, 1, -1]):
        likeness = (mirrored @ directions.T).max(axis=1)
        np.testing.assert_allclose(likeness, 1.0, atol=1e-9)
    anywhere = np.random.default_rng(0).normal(size=(2000, 3))
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    away_deg = np.degrees(np.arccos(np.clip((anywhere @ directions.T).max(axis=1), -1, 1)))
    assert away_deg.max() < 5.0
    assert (directions == [1, 0, 0]).all(axis=1).any()


def test_the_head_is_that_of_the_scene(tmp_path):
    shutil.copy(default_hrtf_path(), tmp_path / "own.sofa")
    told = []
    path = export_head(_scene(sofa="own.sofa"), tmp_path, tmp_path, told.append)
    with np.load(path) as arrays:
        directions, responses = arrays["directions"], arrays["impulse_responses"]
    some = [0, 100, 400, len(directions) - 1]
    truth = HrtfInterpolator(read_hrtf(tmp_path / "own.sofa")).impulse_responses(directions[some])
    np.testing.assert_allclose(responses[some], truth, atol=1e-5)
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_no_head_of_its_own(tmp_path):
    assert export_head(_scene(), tmp_path, tmp_path, lambda _: None) is None
