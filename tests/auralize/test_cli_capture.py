"""`auralize capture`: its verbs as a user types them."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from auralize.cli import cli
from auralize.cli.capture import capture
from capture.errors import DeviceError, OutputError
from capture.microphones import microphone_positions
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


def test_microphones_need_no_place_where_claps_are_seen(placed_claps, tmp_path):
    folder = tmp_path / "claps"
    shutil.copytree(placed_claps.folder, folder)
    shown = run("microphones", folder, "--write")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.count("clap at ") == 4
    assert "channel 1 at azimuth" in shown.stdout
    with open_take(folder) as take:
        found = take.microphones_m
    true = microphone_positions(placed_claps.camera, placed_claps.geometry)
    assert np.linalg.norm(found - true, axis=1).max() < 0.06
    told = json.loads(run("microphones", folder, "--at", 1.2, "--keep-offset", "--json").stdout)
    assert len(told["claps"]) == 1
    assert run("microphones", folder, "--source", "1,0,1").exit_code == 2


def test_a_simulated_recording_is_made_and_looked_into(duo_take, tmp_path):
    out = tmp_path / "copy"
    arguments = ("record", out, "--simulated", duo_take, "--seconds", 2, "--speed", 50)
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "30 depth images, 30 color images, 2.00 s of sound, nothing missing" in done.output
    again = run(*arguments)
    assert isinstance(again.exception, OutputError)
    assert "--force" in str(again.exception)
    assert run(*arguments, "--force").exit_code == 0
    assert "camera      simulated camera 000000000000" in run("info", out).output
    assert "whole already" in run("repair", out).output


def test_a_fault_is_an_error_that_says_what_is_kept(duo_take, tmp_path):
    out = tmp_path / "copy"
    done = run(
        "record", out, "--simulated", duo_take, "--speed", 50, "--fault", "unplug-camera-s=1",
        "--fault", "xrun-every-s=0.4",
    )  # fmt: skip
    assert isinstance(done.exception, DeviceError)
    assert str(done.exception).endswith(f"unplugged at 1.00 s. What came before is in {out}.")
    assert "15 depth images" in done.output
    assert "samples of sound (now silence)" in done.output
    shown = run("info", out)
    assert "unplugged at 1.00 s" in shown.output
    figures = json.loads(run("info", out, "--json").stdout)
    assert figures["recorded"]["sound_missing_samples"] > 4000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--fault", "drop-images=0.1"), "need --simulated"),
        (("--fps", "30", "--depth", "WFOV_UNBINNED"), "at most 15"),
        (("--simulated", "take", "--fault", "smoke=1"), "drop-images"),
        (("--depth", "FAR"), "NFOV_UNBINNED"),
        (("../take.mkv",), "unexpected extra argument"),
    ],
)
def test_wrong_options_of_record_are_exit_code_2(tmp_path, arguments, reason):
    done = run("record", tmp_path / "out", *arguments)
    assert done.exit_code == 2
    assert reason in done.output
    assert not (tmp_path / "out").exists()


def test_a_recording_is_a_folder(tmp_path):
    done = run("record", tmp_path / "quartet.mkv")
    assert done.exit_code == 2
    assert "quartet." in done.output


def test_devices_answer_where_nothing_is_attached():
    shown = run("devices")
    assert shown.exit_code == 0
    for word in ("cameras", "sound devices", "missing"):
        assert word in shown.output
    assert set(json.loads(run("devices", "--json").output)) == {"cameras", "sounds", "problems"}


def test_a_file_is_imported(duo_take, tmp_path):
    shown = run(
        "import", duo_take / "take.mkv", tmp_path / "new", "--audio", duo_take / "audio.wav"
    )
    assert shown.exit_code == 0, shown.output
    assert "7 channels at 48000 Hz, 5.00 s" in run("info", tmp_path / "new").output


def test_ctrl_c_ends_a_recording_well(duo_take, tmp_path):
    out = tmp_path / "copy"
    running = subprocess.Popen(
        [sys.executable, "-m", "auralize", "capture", "record", out, "--simulated", duo_take],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "images" in running.stderr.readline()  # the first look at the recording
    running.send_signal(signal.SIGINT)
    said, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    assert "nothing missing" in said
    assert "whole already" in run("repair", out).output


def test_what_cannot_be_imported_is_named_as_it_was_given(clap_take, tmp_path):
    junk = tmp_path / "junk.mkv"
    junk.write_bytes(b"no recording")
    shown = run("import", junk, tmp_path / "out")
    assert str(shown.exception).startswith(f"{junk}: is no Matroska file")
    shown = run("import", clap_take / "take.mkv", tmp_path / "out", "--audio", junk)
    assert str(shown.exception).startswith(f"{junk}: not readable as sound")
    assert [file.name for file in tmp_path.iterdir()] == ["junk.mkv"]


def test_a_take_without_its_recording_says_who_named_it(tmp_path):
    (tmp_path / "take.json").write_text('{"format": "auralize-take-1", "recording": "gone.mkv"}')
    assert "gone.mkv: is not there, though take.json names it" in str(
        run("info", tmp_path).exception
    )
    (tmp_path / "take.json").write_text('{"format": ')
    assert "Invalid JSON" in str(run("info", tmp_path).exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("view", "take", "--at", "nan"),
        ("view", "take", "--from", "inf"),
        ("record", "take", "--seconds", "nan"),
        ("align", "one", "two", "--lag", "nan"),
        ("microphones", "take", "--at", "nan"),
    ],
)
def test_no_number_of_seconds_is_exit_code_2(arguments):
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert "is no number of seconds" in shown.output


def test_sync_without_a_take_file_says_so_before_it_searches(clap_take):
    shown = run("sync", clap_take / "take.mkv", "--write")
    assert "has no take.json to write to" in str(shown.exception)
    assert "listen" not in shown.output


def test_export_makes_a_take_again(clap_take, tmp_path):
    for target, name in (("archive", "small"), ("mkv", "plain.mkv"), ("ply", "clouds")):
        shown = run("export", clap_take, "--to", target, "-o", tmp_path / name)
        assert shown.exit_code == 0
        assert f"wrote {tmp_path / name}" in shown.stdout
        assert run("info", tmp_path / name).exit_code == 0
    again = run("export", clap_take, "--to", "archive", "-o", tmp_path / "small")
    assert again.exit_code == 1
    assert "exists already" in str(again.exception)
    assert (
        run("export", clap_take, "--to", "mkv", "-o", tmp_path / "small", "--force").exit_code == 0
    )


def test_check_says_what_to_do_and_ends_with_1(duo_take, clap_take):
    good = run("check", duo_take)
    assert good.exit_code == 0, good.output
    assert "PROBLEM" not in good.stdout
    late = run("check", clap_take)
    assert late.exit_code == 1
    assert "PROBLEM sync" in late.stdout
    assert "auralize capture sync" in late.stdout
    findings = json.loads(run("check", clap_take, "--json").stdout)
    assert [each["concern"] for each in findings if not each["ok"]] == ["sync"]
