"""`auralize segment`, and the corrections that it respects."""

import shutil

import pytest
from click.testing import CliRunner

from auralize.cli import cli
from capture.errors import FileFormatError
from capture.performer import read_performers


@pytest.fixture(scope="module")
def take(duo_take, tmp_path_factory):
    """Images and description alone."""
    folder = tmp_path_factory.mktemp("segment") / "evening"
    folder.mkdir()
    for name in ("take.mkv", "take.json", "audio.wav"):
        shutil.copy(duo_take / name, folder / name)
    return folder


def run(*arguments):
    return CliRunner().invoke(cli, ["segment", *map(str, arguments)])


def test_corrections_beside_the_take_are_found_and_applied(take, tmp_path):
    beside = take / "performers.yaml"
    beside.write_text(
        "version: 1\ncorrections:\n  - {label: performer-1, instrument: violin}\n"
        "  - {rename: performer-1, to: left}\n"
    )
    shown = run(take, "--out", tmp_path / "out")
    assert shown.exit_code == 0, shown.output
    assert ", violin\nperformer-2: centroid (" in shown.output
    assert f"2 corrections of {beside} applied" in shown.output
    performers = read_performers(tmp_path / "out" / "performers")
    assert [(each.name, each.instrument) for each in performers] == [
        ("left", "violin"),
        ("performer-2", None),
    ]
    for performer in performers:
        assert performer.position_std_m.shape == performer.trajectory.times_s.shape
        assert (performer.position_std_m < 0.05).all()
    beside.write_text("version: 1\ncorrections:\n  - {drop: performer-1}\n  - {drp: left}\n")
    shown = run(take, "--out", tmp_path / "out")
    assert isinstance(shown.exception, FileFormatError)
    assert str(shown.exception).startswith(f"{beside}:4:5: a correction has one of merge, split")
    assert "did you mean 'drop'" in str(shown.exception)
    # What was written before is still there.
    assert len(read_performers(tmp_path / "out" / "performers")) == 2


def test_wrong_options(take, tmp_path):
    both = run(take, "--uncorrected", "--corrections", "x.yaml")
    assert both.exit_code == 2
    assert "not both" in both.output
    missing = run(take, "--corrections", tmp_path / "no.yaml", "--out", tmp_path / "out")
    assert isinstance(missing.exception, FileFormatError)
    assert "no.yaml: cannot be read" in str(missing.exception)
    assert not (tmp_path / "out").exists()
