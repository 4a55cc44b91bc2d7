"""Studies: what is measured, from sounds whose figures are known by hand."""

import json

import numpy as np
import pytest
import torch

from capture.body_pose import JOINTS
from capture.errors import DataError
from separation.backbones import UNetConfig
from separation.conditioners import PoseConfig
from separation.corpus import Stem, write_shard
from separation.corpus.moves import write_moves
from separation.corpus.shards import open_corpus
from separation.model import ModelConfig, SeparationModel
from separation.spectrogram import SpectrogramConfig
from separation.tables import (
    StudyConfig,
    System,
    compare_systems,
    corpus_material,
    measure_system,
    write_study,
)
from separation.tables.writing import study_text
from separation.training.conditions import Banks

RATE = 11025
INSTRUMENTS = ("violin", "cello", "guitar")
BANDS = {"violin": (1500, 4000), "cello": (80, 400), "guitar": (500, 1200)}


def band_noise(rng, low, high, count):
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for instrument, band in BANDS.items():
        sounds = []
        for piece in range(4):
            sound = band_noise(rng, *band, 2 * RATE)
            stem = Stem(
                instrument=instrument,
                family="noise",
                split="test",
                piece=f"piece-{piece}",
                shard="",
                start=0,
                length=0,
            )
            sounds.append((stem, 0.1 * sound / sound.std()))
        write_shard(folder, f"{instrument}-noise-000", sounds)
    return folder


def model_with(head="softmax"):
    torch.manual_seed(0)
    return SeparationModel(
        ModelConfig(
            instruments=INSTRUMENTS,
            channels=4,
            spectrogram=SpectrogramConfig(relative_level=True, floor=1e-3),
            backbone=UNetConfig(levels=3, width=4, initialization="kaiming"),
            conditioner="label",
            head=head,
        )
    ).eval()


def knowing_system(material):
    """A network that knows each instrument's band, where the sounds really lie."""
    model = model_with("sigmoid")
    rows = model.front_end.warp(torch.linspace(0, RATE / 2, 512)[:, None])[:, 0]

    def mask_logits(picture, conditions):
        band = conditions[0, :, :2]
        inside = (rows >= band[:, :1] - 60) & (rows <= band[:, 1:] + 60)
        return torch.where(inside, 40.0, -40.0)[None, :, :, None].expand(
            -1, -1, -1, picture.shape[-1]
        )

    model.mask_logits = mask_logits
    bands = {name: torch.tensor(band, dtype=torch.float32) for name, band in BANDS.items()}
    return System(
        name="knowing",
        model=model,
        encode=lambda mixture: torch.stack([bands[name] for name in mixture.instruments]),
    )


def test_material_is_equally_loud_and_the_same_again(corpus):
    opened = open_corpus(corpus)
    one, again = (
        corpus_material(opened, "noise", ("noise",), count=3, frames=32, duets=True)
        for _ in range(2)
    )
    assert sorted(one.mixtures) == [2, 3]  # there are three instruments
    for players, mixtures in one.mixtures.items():
        for mixture, other in zip(mixtures, again.mixtures[players], strict=True):
            levels = np.sqrt(np.mean(mixture.sources**2, axis=1))
            np.testing.assert_allclose(levels, 0.1, rtol=1e-3)
            np.testing.assert_array_equal(mixture.mixture, other.mixture)
    assert len(one.duets) == 3
    for duet in one.duets:
        assert duet.instruments[0] == duet.instruments[1]
        assert duet.excerpts[0].piece != duet.excerpts[1].piece
    with pytest.raises(DataError, match="fewer than two instruments"):
        corpus_material(opened, "strings", ("noise",), instruments=("cello",))
    with pytest.raises(DataError, match="corpus holds noise"):
        corpus_material(opened, "other", ("other",))


def test_who_knows_the_bands_reaches_what_bands_allow(corpus):
    material = corpus_material(open_corpus(corpus), "noise", ("noise",), count=3, frames=32)
    figures = measure_system(knowing_system(material), material.mixtures[3])
    # Two thirds of the mixture's energy are others': 10 log10(1 / 2).
    assert np.mean(figures.mixture["si_sdr"]) == pytest.approx(-3.0, abs=0.3)
    assert figures.mean("si_sdr") > 15
    assert figures.share > 0.9
    assert figures.shuffled_gain_db < -20
    assert figures.mean("sir") > 20
    assert np.all(figures.residual_db < -15)
    assert set(figures.gain_by_instrument()) == set(INSTRUMENTS)
    again = measure_system(knowing_system(material), material.mixtures[3])
    np.testing.assert_equal(again.summary(), figures.summary())  # where NaN equals NaN


def test_half_of_everything_gains_nothing(corpus):
    model = model_with()
    model.mask_logits = lambda picture, conditions: torch.zeros(
        1, conditions.shape[1], 256, picture.shape[-1]
    )
    system = System(
        name="half", model=model, encode=lambda mixture: torch.zeros(len(mixture.instruments), 4)
    )
    material = corpus_material(open_corpus(corpus), "noise", ("noise",), count=2, frames=32)
    figures = measure_system(system, material.mixtures[2], full=False)
    assert figures.gain_db == pytest.approx(0.0, abs=1e-6)
    assert figures.gain_error_db == pytest.approx(0.0, abs=1e-6)
    # Softmax masks of two sum to one.
    assert np.all(figures.residual_db < -80)
    assert np.isnan(figures.mean("sdr"))
    binary = measure_system(system, material.mixtures[2], masks="binary", full=False)
    # All goes to the first of two equal masks; the other's silence counts as −80 dB.
    assert binary.stems["si_sdr"][1] == -np.inf
    assert binary.gain_db == pytest.approx(-40.0, abs=0.1)


def test_a_study_is_written_as_tables_figures_and_a_picture(corpus, tmp_path):
    model_with().save(tmp_path / "system.safetensors")
    config = StudyConfig(mixtures=2, frames=32, players=(2, 3), masks=("soft", "binary"))
    measured = compare_systems(
        {"mine": tmp_path / "system.safetensors"}, corpus, None, config, pictures=tmp_path / "seen"
    )
    assert (tmp_path / "seen" / "mine-noise.png").read_bytes().startswith(b"\x89PNG")
    # Two sizes, soft and binary, and duets.
    assert len(measured.rows) == 5
    text = write_study(tmp_path / "out", measured).read_text()
    assert text == study_text(measured)
    row = measured.find(players=3, masks="soft")[0]
    assert f"| 3 | mine | soft | {row.figures.mean('sdr'):.2f} |" in text
    assert "### Duets of one instrument" in text
    assert (tmp_path / "out" / "study.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "out" / "study.json").read_text())
    assert content["materials"] == {"noise": ["noise"]}
    assert len(content["systems"]["mine"]["sha256"]) == 64
    assert [entry["duet"] for entry in content["rows"]].count(True) == 1
    again = compare_systems({"mine": tmp_path / "system.safetensors"}, corpus, None, config)
    assert again.to_dict() == measured.to_dict()
    with pytest.raises(DataError, match="no system"):
        compare_systems({}, corpus)
    with pytest.raises(DataError, match="none of other"):
        compare_systems(
            {"mine": tmp_path / "system.safetensors"}, corpus, {"other": ("other",)}, config
        )


def test_systems_are_compared_with_the_mean_of_label_networks(corpus, tmp_path):
    for name, spread in (("told", 1.0), ("told again", 3.0)):
        model = model_with()
        torch.nn.init.normal_(model.conditioner.embedding.weight, std=spread)
        model.save(tmp_path / f"{name}.safetensors")
    one_hot = ModelConfig(
        instruments=INSTRUMENTS,
        channels=3,
        spectrogram=SpectrogramConfig(relative_level=True, floor=1e-3),
        backbone=UNetConfig(levels=3, width=4, initialization="kaiming"),
        conditioner="one_hot",
        fusion="multiply",
    )
    SeparationModel(one_hot).save(tmp_path / "other.safetensors")
    names = ("told", "told again", "other")
    checkpoints = {name: tmp_path / f"{name}.safetensors" for name in names}
    config = StudyConfig(mixtures=2, frames=32, players=(2, 3), masks=("soft",), duets=False)
    measured = compare_systems(checkpoints, corpus, None, config)
    cells = []
    for players in (2, 3):
        sdr = [measured.find(system=n, players=players)[0].figures.mean("sdr") for n in names]
        cells.append(f"{sdr[2] - (sdr[0] + sdr[1]) / 2:+.2f}")
    assert f"| other | {cells[0]} | {cells[1]} |" in study_text(measured)


def test_networks_that_watch_movement_show_where_they_look(corpus, tmp_path):
    rng = np.random.default_rng(0)
    for name in INSTRUMENTS:
        moves = [
            (f"piece-{k}", rng.normal(size=(25, len(JOINTS), 3)).astype(np.float32))
            for k in range(4)
        ]
        write_moves(tmp_path / "moves", "test", name, moves)
    watching = ModelConfig(
        instruments=INSTRUMENTS,
        conditioner="pose",
        fusion="attention",
        channels=6,
        pose=PoseConfig(widths=(4,)),
        backbone=UNetConfig(levels=3, width=4),
    )
    SeparationModel(watching).save(tmp_path / "watching.safetensors")
    compare_systems(
        {"watching": tmp_path / "watching.safetensors"},
        corpus,
        None,
        StudyConfig(mixtures=1, frames=32, players=(2,), masks=("soft",), duets=False, full=False),
        banks=Banks.beside(tmp_path),
        pictures=tmp_path / "seen",
    )
    pictures = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert pictures == ["watching-noise-attention.png", "watching-noise.png"]
