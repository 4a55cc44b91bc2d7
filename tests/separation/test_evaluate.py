"""Scores against cases whose figures are known."""

import contextlib
import json

import numpy as np
import pytest

from capture.errors import DataError, FileFormatError
from capture.performer import Performer
from capture.pose import Trajectory
from capture.waveform import Waveform, write_waveform
from separation.evaluate import evaluate_take, match_by_position
from separation.mask_picture import write_mask_picture
from separation.scores import score_stems
from separation.stem import Manifest, Separation, Stem

RATE = 48000


def sound(samples):
    return Waveform(samples=np.atleast_2d(samples).astype(np.float32), sample_rate_hz=RATE)


@pytest.fixture(scope="module")
def images():
    """Two players that never sound at once, one of them low and one high."""
    rng = np.random.default_rng(0)
    times = np.arange(4 * RATE) / RATE
    low = sum(np.sin(2 * np.pi * 200 * k * times) / k for k in range(1, 20))
    high = sum(np.sin(2 * np.pi * 330 * k * times) / k for k in range(1, 12))
    return [
        0.1 * low * (times < 2),
        0.1 * high * (times >= 2) + 1e-6 * rng.standard_normal(len(low)),
    ]


def separation_of(sounds, residual):
    return Separation(
        stems=tuple(
            Stem(name=f"performer-{n + 1}", sound=sound(s)) for n, s in enumerate(sounds)
        ),
        residual_sound=sound(residual),
        manifest=Manifest(
            model="none", model_sha256="", sample_rate_hz=RATE, sample_count=len(residual),
            extrapolated_above_hz=None, reconstruction_db=-300, residual_db=-300, config={},
        ),
    )  # fmt: skip


def test_figures_of_known_stems(images):
    mixture = images[0] + images[1]
    rng = np.random.default_rng(1)
    disturbed = [image + noise_at(image, -12.0, rng) for image in images]
    scores = score_stems(
        sound(mixture), [sound(i) for i in images], [sound(d) for d in disturbed],
        ["performer-1", "performer-2"], ["cello", None],
    )  # fmt: skip
    assert [(s.performer, s.sample_rate_hz) for s in scores] == [
        ("performer-1", 48000), ("performer-2", 48000),
        ("performer-1", 11025), ("performer-2", 11025),
    ]  # fmt: skip
    energies = [np.sum(image**2) for image in images]
    expected = 10 * np.log10(energies[0] / energies[1])
    for score in scores[:2]:
        assert score.stem_db == pytest.approx(12.0, abs=0.1)
        # Never at once: an ideal mask takes almost everything of the other away.
        assert score.ideal_db > 15
        assert 0 < score.reached < 1
    assert scores[0].mixture_db == pytest.approx(expected, abs=0.05)
    assert scores[1].mixture_db == pytest.approx(-expected, abs=0.05)
    # The noise is white: at 11025 Hz, 11025/48000 of it is left, 6.4 dB less.
    for score in scores[2:]:
        assert score.stem_db == pytest.approx(12.0 + 6.4, abs=0.5)


def noise_at(reference, level_db, rng):
    noise = rng.standard_normal(len(reference))
    return noise * np.linalg.norm(reference) / np.linalg.norm(noise) * 10 ** (level_db / 20)


def test_silent_player_has_no_figure(images):
    silent = np.zeros_like(images[0])
    scores = score_stems(
        sound(images[0]), [sound(images[0]), sound(silent)], [sound(images[0]), sound(silent)],
        ["performer-1", "performer-2"], ["cello", "violin"],
    )  # fmt: skip
    assert np.isnan(scores[1].stem_db)
    assert scores[1].to_dict()["stem_db"] is None
    assert json.loads(json.dumps(scores[1].to_dict()))["performer"] == "performer-2"


def test_matching_by_position():
    true = np.array([[2.0, 1.0, 1.0], [2.0, 0.0, 1.0], [2.0, -1.0, 1.0]])
    found = np.array([[2.1, -0.8, 1.0], [1.9, 0.9, 1.1]])
    assert match_by_position(found, true).tolist() == [2, 0]
    assert match_by_position(true, found).tolist() == [1, -1, 0]


def write_truth(folder, images, positions):
    players = []
    for number, (image, position) in enumerate(zip(images, positions, strict=True)):
        name = f"images/player-{number + 1}.wav"
        write_waveform(folder / "truth" / name, sound(image))
        players.append(
            {"centroids_m": [position, position], "image": name, "instrument": f"number {number}"}
        )
    (folder / "truth" / "truth.json").write_text(json.dumps({"players": players}))


def follow(name, position):
    return Performer(
        name=name,
        trajectory=Trajectory(
            times_s=np.array([0.0, 1.0]),
            positions_m=np.array([position, position]),
            orientations_wxyz=np.array([[1.0, 0, 0, 0]] * 2),
        ),
        cloud_times_s=np.zeros(0),
        clouds=(),
    )


def test_take_with_truth_in_another_order(images, tmp_path):
    positions = [[2.0, -1.0, 1.0], [2.0, 1.0, 1.0]]
    write_truth(tmp_path, images, positions)
    performers = [follow("performer-1", positions[1]), follow("performer-2", positions[0])]
    separation = separation_of([images[1], images[0]], 0 * images[0])
    scores = evaluate_take(tmp_path, performers, separation)
    assert [s.instrument for s in scores[:2]] == ["number 1", "number 0"]
    assert min(s.stem_db for s in scores) > 80
    swapped = evaluate_take(tmp_path, performers[::-1], separation)
    assert max(s.stem_db for s in swapped) < -20


def test_missing_or_foreign_truth(images, tmp_path):
    performers = [follow("performer-1", [2.0, 0, 1])]
    separation = separation_of([images[0][:1000]], images[0][:1000])
    with pytest.raises(DataError, match="no truth"):
        evaluate_take(tmp_path, performers, separation)
    write_truth(tmp_path, images[:1], [[2.0, 0, 1]])
    with pytest.raises(DataError, match="of another take"):
        evaluate_take(tmp_path, performers, separation)
    (tmp_path / "truth" / "truth.json").write_text('{"players": [{}]}')
    with pytest.raises(FileFormatError, match="a player lacks centroids_m, image, instrument"):
        evaluate_take(tmp_path, performers, separation)


def test_bad_arguments(images):
    with pytest.raises(ValueError, match="one length and one rate"):
        score_stems(sound(images[0]), [sound(images[0][:9])], [sound(images[0])], ["a"], [None])
    with pytest.raises(ValueError, match="one image, stem, name"):
        score_stems(sound(images[0]), [sound(images[0])], [sound(images[0])], [], [None])


def test_a_picture_shows_masks_and_true_masks_of_each_performer(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    monkeypatch.setattr("separation.mask_picture.atomic_path", contextlib.nullcontext)
    times = np.arange(3 * 11025) / 11025
    low, high = np.sin(2 * np.pi * 250 * times), np.sin(2 * np.pi * 2000 * times)
    stems = np.stack([low + 0.5 * high, 0.5 * high])
    write_mask_picture(
        tmp_path / "p.png", low + high, np.stack([low, high]), stems, ["one", "two"], start_s=2.0
    )
    panels = {axes.get_title(): axes for axes in drawn[0].axes if axes.images}
    assert len(panels) == 9
    extent = panels["one: mask"].images[0].get_extent()
    assert extent[:2] == [2.0, pytest.approx(5.0)]

    def at(title, frequency_hz):
        # The lowest frequency is at −1, the highest at 1.
        place = 2 * np.log(10 * (4 * frequency_hz / 11025 - 1) + 11) / np.log(21) - 1
        shown = panels[title].images[0].get_array()
        return float(shown[round((place + 1) / 2 * (len(shown) - 1)), shown.shape[1] // 2])

    assert at("one: mask", 250) == pytest.approx(1.0, abs=0.05)
    assert at("one: mask", 2000) == pytest.approx(0.5, abs=0.05)
    assert at("two: mask", 2000) == pytest.approx(0.5, abs=0.05)
    assert (at("one: true mask", 2000), at("two: true mask", 2000)) == (0.0, 1.0)
    assert at("two: true stem", 2000) == pytest.approx(0.0, abs=1.5)
    assert at("two: stem", 2000) == pytest.approx(-6.0, abs=1.5)
