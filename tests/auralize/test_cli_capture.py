"""`auralize capture`: its verbs as a user types them."""

import json
import shutil

import pytest
from click.testing import CliRunner

from auralize.cli import cli
from auralize.cli.capture import capture
from capture.take import open_take


def run(*arguments):
    return CliRunner().invoke(cli, ["capture", *map(str, arguments)])


@pytest.mark.parametrize("verb", sorted(capture.commands))
def test_every_verb_helps_with_an_example(verb):
    shown = run(verb, "--help")
    assert shown.exit_code == 0
    assert f"Example: auralize capture {verb}" in " ".join(shown.output.split())


def test_info_tells_what_a_take_holds(duo_take):
    shown = run("info", duo_take)
    assert shown.exit_code == 0
    assert "75 from 0.00 s to 4.93 s, 15.00 a second, longest step 67 ms" in shown.output
    assert "depth NFOV_UNBINNED, color MJPG_720P" in shown.output
    assert "7 channels at 48000 Hz, 5.00 s" in shown.output
    figures = json.loads(run("info", duo_take, "--json").output)
    assert (figures["images"], figures["channels"], figures["sample_rate_hz"]) == (75, 7, 48_000)


def test_sync_says_when_there_is_no_clap(duo_take):
    shown = run("sync", duo_take)
    assert shown.exit_code == 1
    assert "no clap is both heard and seen" in str(shown.exception)


def test_sync_writes_what_the_claps_say(clap_take, tmp_path):
    folder = tmp_path / "claps"
    shutil.copytree(clap_take, folder)
    shown = run("sync", folder, "--json")
    (clap,) = json.loads(shown.stdout)["claps"]
    assert (clap["count"], clap["lag_s"]) == (3, pytest.approx(0.08, abs=0.015))
    with open_take(folder) as take:
        assert take.clock.offset_s == 0.0
    shown = run("sync", folder, "--write")
    assert "3 claps from 1.31 s: seen" in shown.stdout
    with open_take(folder) as take:
        assert take.clock.offset_s == pytest.approx(-0.08, abs=0.015)
    again = json.loads(run("sync", folder, "--json").stdout)
    assert again["claps"][0]["lag_s"] == pytest.approx(0.0, abs=2e-3)
