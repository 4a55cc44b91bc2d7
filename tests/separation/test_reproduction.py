"""The paper's experiment, run whole on made data; what is missing is said."""

import json
import shlex
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner

from auralize.cli import cli
from capture.errors import DataError, FileFormatError
from separation.conditioners.sparse_resnet import SparseResNet18Classifier
from separation.corpus import CloudBank, open_corpus
from separation.corpus.layouts import modelnet_shapes
from separation.model import SeparationModel
from separation.reproduction import (
    FULL,
    Size,
    make_data,
    material,
    missing_data,
    prepare_experiment,
    run_experiment,
    torchrun_lines,
)
from separation.reproduction.deviations import deviations
from separation.reproduction.networks import plan_runs
from separation.reproduction.pretraining import PretrainingConfig, Surfaces, pretrained
from separation.training import __main__ as training_command
from separation.training.cloud_augmentation import CloudAugmentation

TINY = Size(
    steps=1,
    small=True,
    mixtures=2,
    clouds=5,
    pretraining=PretrainingConfig(width=4, points=300, steps=2, batch=4),
)
FIVE = ("cello", "double_bass", "guitar", "saxophone", "violin")
TETRAHEDRON = "4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"
SHEET = "4 2 5\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"), instruments=("violin", "cello"))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Meshes as ModelNet40 has them, one of them broken."""
    folder = tmp_path_factory.mktemp("ModelNet40")
    for category, mesh in (("sheet", SHEET), ("tetrahedron", TETRAHEDRON)):
        for split in ("train", "test"):
            path = folder / category / split / f"{category}_0001.off"
            path.parent.mkdir(parents=True)
            path.write_text("OFF\n" + mesh)
    (folder / "sheet" / "train" / "sheet_0002.off").write_text("OFF\n4 2")
    return folder


def test_all_of_it_runs_and_takes_up_what_torchrun_trained(data, shapes, tmp_path, monkeypatch):
    assert missing_data(data) == []
    stages = []

    def bar(name):
        stages.append(name)
        return lambda fraction: None

    rows = material.indexed_data(data)
    bad = replace(rows[0], audio=data / "audio" / "absent.mp3")
    monkeypatch.setattr(material, "read_indexed", lambda folder: [*rows, bad])
    prepared = prepare_experiment(data, tmp_path, TINY, shapes=shapes, device="cpu")
    lines = torchrun_lines(prepared.runs, prepared.corpus, 4)
    words = shlex.split(lines[2])
    assert words[:5] == ["torchrun", "--nproc-per-node", "4", "-m", "separation.training"]
    monkeypatch.setattr(sys, "argv", ["training", *words[5:], "--device", "cpu"])
    training_command.main()
    state = prepared.runs[2].folder / "state.pt"
    trained = state.read_bytes()

    report = run_experiment(data, tmp_path, TINY, device="cpu", progress=bar)
    assert state.read_bytes() == trained
    text = report.read_text()
    for words in ("| label |", "| depth |", "| rgb-depth |", "15.20 / 21.63", "Seeds 0"):
        assert words in text
    assert "pretrained on 2 shapes of 2 categories" in text
    assert "8 recordings, 1.6 minutes. Left out: files 1, shards of the corpus 0." in text
    assert f"- {bad.audio}: it cannot be read" in text
    rows = json.loads((tmp_path / "study.json").read_text())["rows"]
    # Each at N = 2 with binary and soft masks, and those that look at clouds with 3 and 5 images.
    assert len(rows) == 3 * 2 + 2 * 2
    assert {row["images"] for row in rows if row["system"] == "label"} == {0}
    corpus = open_corpus(tmp_path / "corpus")
    assert {stem.split for stem in corpus.stems} == {"train", "validation", "test"}
    bank = CloudBank.open(tmp_path / "corpus" / "clouds")
    assert bank.images("test", "violin") == 5
    assert bank.colors("test", "violin", 0).shape == bank.points("test", "violin", 0).shape
    assert not {"clouds", "sounds", "pretrain"} & set(stages)


def test_a_conversion_that_was_cut_short_is_begun_anew(data, tmp_path, monkeypatch):
    def cut(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(material, "write_recordings", cut)
        with pytest.raises(KeyboardInterrupt):
            prepare_experiment(data, tmp_path, TINY)
    assert not (tmp_path / "corpus").exists()
    assert prepare_experiment(data, tmp_path, TINY).imported.recordings == 8
    # And a corpus of something else is not taken for this one's.
    with pytest.raises(DataError, match="made of other data"):
        prepare_experiment(data, tmp_path, replace(TINY, clouds=4))
    (tmp_path / "corpus" / "imported.json").unlink()
    with pytest.raises(DataError, match="not made whole"):
        prepare_experiment(data, tmp_path, TINY)


def test_what_is_missing_is_listed(data, tmp_path):
    assert "a folder of sounds for each instrument" in missing_data(tmp_path)[0]
    (tmp_path / "audio" / "viola").mkdir(parents=True)
    problems = missing_data(tmp_path)
    assert any("viola: 3 sounds at least, it has 0" in problem for problem in problems)
    assert any("3 people with PLY files at least, it has 0" in problem for problem in problems)
    assert any("a second instrument" in problem for problem in problems)
    with pytest.raises(DataError, match="not complete"):
        run_experiment(tmp_path, tmp_path / "out")
    result = CliRunner().invoke(cli, ["reproduce", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.count("missing: ") == len(problems)
    result = CliRunner().invoke(cli, ["reproduce", str(data)])
    assert result.exit_code == 0
    assert "complete" in result.output
    assert CliRunner().invoke(cli, ["reproduce"]).exit_code == 2
    assert CliRunner().invoke(cli, ["reproduce", str(data), "--full", "--smoke"]).exit_code == 2


def test_several_gpus_are_told_how(data, tmp_path):
    out = tmp_path / "my out"
    result = CliRunner().invoke(cli, ["reproduce", str(data), "--prepare", "--out", str(out)])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 3 * 3
    # The second system's third seed.
    assert shlex.split(lines[5])[3:] == [
        "-m",
        "separation.training",
        f"{out}/configs/pcs-depth-2.json",
        f"{out}/corpus",
        f"{out}/runs/pcs-depth-2",
    ]


def test_what_the_report_does_not_name_is_as_in_the_paper(tmp_path):
    runs = plan_runs(tmp_path, FIVE, FULL)
    assert len(runs) == 9
    for run in runs:
        config, model = run.config, run.config.model
        assert (config.steps, config.batch, config.weight_decay) == (120_000, 40, 1e-4)
        rates = (config.learning_rate, config.learning_rate * config.conditioner_rate)
        assert rates == pytest.approx((1e-3, 1e-4))
        assert (config.mixing.players, config.mixing.frames) == (((2, 1.0),), 256)
        assert (config.target, config.weight, config.loss) == ("binary", "log", "cross_entropy")
        assert (model.channels, model.backbone.levels, model.backbone.width) == (16, 7, 64)
        assert (model.head, model.fusion) == ("sigmoid", "linear")
        front = model.spectrogram
        assert (front.sample_rate_hz, front.fft_size, front.hop, front.rows) == (
            11025, 1022, 256, 256,
        )  # fmt: skip
        if model.conditioner == "point_cloud":
            cloud = model.point_cloud.cloud
            assert (model.point_cloud.width, cloud.voxel, cloud.scale) == (64, 0.02, "unit")
            assert model.point_cloud.pooling == "maximum"
            assert config.cloud_augmentation == CloudAugmentation()
            # 40 mixtures have 80 players.
            assert config.clouds_a_step * len(FIVE) == 80
    features = {run.config.model.point_cloud.cloud.feature for run in runs[3:]}
    assert features == {"depth", "rgb"}


def test_differences_say_what_is_configured(tmp_path):
    config = plan_runs(tmp_path, FIVE, FULL)[-1].config
    told = deviations(config, FULL, None)
    assert "starts from scratch" in told["Sight"][0]
    text = " ".join(line for lines in told.values() for line in lines)
    for words in (
        "16 clouds of each instrument",
        "50 clouds of each person",
        "Windows are 65280 samples",
        "factors of 0.58 to 1.74",
        "90 to 100 dB below",
        "1000 steps of warm-up",
    ):
        assert words in text
    told = deviations(replace(config, warm_up=7), replace(FULL, clouds=3), None)
    text = " ".join(line for lines in told.values() for line in lines)
    assert "7 steps of warm-up" in text
    assert "3 clouds of each person" in text


def test_pretraining_reaches_the_networks_that_look(data, shapes, tmp_path):
    prepared = prepare_experiment(data, tmp_path, TINY, shapes=shapes, device="cpu")
    done = prepared.pretraining
    assert (done.shapes, done.categories, done.skipped) == (2, 2, 1)
    label, depth, rgb = prepared.runs
    assert label.initial_weights is None
    features = safetensors.torch.load_file(tmp_path / "pretrained" / "vision.safetensors")
    torch.manual_seed(TINY.pretraining.seed)
    unlearned = SparseResNet18Classifier(3, 2, width=4).features_state_dict()
    assert features.keys() == unlearned.keys()
    assert not torch.allclose(features["features.0.kernel"], unlearned["features.0.kernel"])
    torch.manual_seed(depth.config.seed)
    own = SeparationModel(depth.config.model).state_dict()
    for run in (depth, rgb):
        weights = SeparationModel.load(run.initial_weights).state_dict()
        for name, value in weights.items():
            feature = features.get(name.removeprefix("conditioner.network."))
            torch.testing.assert_close(value, own[name] if feature is None else feature)
    pretraining = tmp_path / "pretrained"
    assert pretrained(pretraining, TINY.pretraining) == done
    with pytest.raises(FileFormatError, match="another pretraining"):
        pretrained(pretraining, replace(TINY.pretraining, seed=1))
    # A run that began otherwise is not taken for a pretrained one.
    (pretraining / "vision.safetensors").unlink()
    depth.folder.mkdir(parents=True)
    (depth.folder / "state.pt").touch()
    with pytest.raises(DataError, match="began without pretraining"):
        prepare_experiment(data, tmp_path, TINY, shapes=shapes, device="cpu")


def test_pretraining_shows_shapes_by_their_names(shapes):
    config = replace(TINY.pretraining, batch=20)
    surfaces = Surfaces(modelnet_shapes(shapes), config)
    learned = [shape for shape in modelnet_shapes(shapes) if shape.split == "train"]
    clouds, labels = surfaces.draw(learned, np.random.default_rng(0))
    assert surfaces.categories == ["sheet", "tetrahedron"]
    # Whatever turns, stretches and shears it, a sheet stays flat.
    flat = [
        np.linalg.matrix_rank(points - points.mean(axis=0), tol=1e-3) < 3 for _, points in clouds
    ]
    assert flat == [surfaces.categories[label] == "sheet" for label in labels]
    assert 0 < sum(flat) < len(flat)


def test_published_layouts_come_into_a_corpus(data, tmp_path):
    out = tmp_path / "corpus"
    result = CliRunner().invoke(cli, ["corpus", "index", str(data), "--seed", "3"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(cli, ["corpus", "import", "musicians", str(data), str(out)])
    assert result.exit_code == 0, result.output
    assert "8 recordings, 1.6 minutes" in result.output
    assert len(open_corpus(out).stems) == 8
    wrong = CliRunner().invoke(cli, ["corpus", "import", "solos", str(data), str(out)])
    assert wrong.exit_code == 2
    assert "needs --list" in wrong.output
