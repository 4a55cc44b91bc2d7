"""The paper's experiment, run whole on made data; what is missing is said."""

import json

import pytest
from click.testing import CliRunner

from auralize.cli import cli
from capture.errors import DataError
from separation.corpus import CloudBank, open_corpus
from separation.reproduction import Size, make_data, missing_data, run_experiment, torchrun_lines


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"), instruments=("violin", "cello"))


def test_all_of_it_runs_and_is_taken_up(data, tmp_path):
    assert missing_data(data) == []
    stages = []

    def bar(name):
        stages.append(name)
        return lambda fraction: None

    size = Size(steps=1, small=True, mixtures=2)
    report = run_experiment(data, tmp_path, size, device="cpu", progress=bar)
    text = report.read_text()
    for words in ("| label |", "| depth |", "| rgb-depth |", "15.20 / 21.63", "Seeds 0"):
        assert words in text
    rows = json.loads((tmp_path / "study.json").read_text())["rows"]
    # Each at N = 2 with binary and soft masks, and those that look at clouds with 3 and 5 images.
    assert len(rows) == 3 * 2 + 2 * 2
    assert {row["images"] for row in rows if row["system"] == "label"} == {0}
    corpus = open_corpus(tmp_path / "corpus")
    assert {stem.split for stem in corpus.stems} == {"train", "validation", "test"}
    bank = CloudBank.open(tmp_path / "corpus" / "clouds")
    assert bank.images("test", "violin") == 5
    assert bank.colors("test", "violin", 0).shape == bank.points("test", "violin", 0).shape
    assert "sounds" in stages
    stages.clear()
    again = run_experiment(data, tmp_path, size, device="cpu", progress=bar)
    assert again.read_text() == text
    assert "sounds" not in stages


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


def test_several_gpus_are_told_how(tmp_path):
    lines = torchrun_lines("out", 4)
    assert len(lines) == 3
    assert lines[1] == (
        "torchrun --nproc-per-node 4 -m separation.training pcs-depth out/corpus "
        "out/runs/pcs-depth-0"
    )


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
