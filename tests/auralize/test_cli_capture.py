"""`auralize capture`: its verbs as a user types them."""

import json

import pytest
from click.testing import CliRunner

from auralize.cli import cli
from auralize.cli.capture import capture


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
