"""The command line: help, start without heavy imports, and errors in one line."""

import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auralize.cli import cli, main
from auralize.hrtf.head import default_hrtf_path
from capture.errors import FileFormatError
from capture.performer import Performer, write_performers
from capture.point_cloud import PointCloud, write_ply
from capture.pose import Trajectory

VERBS = sorted(cli.commands)


def in_a_process(*arguments):
    """Run the command as a user does, in a process of its own, which takes seconds to start."""
    return subprocess.run(
        [sys.executable, "-m", "auralize", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def auralize(monkeypatch, capsys):
    """The command, run in this process; what it logs is pytest's."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["auralize", *map(str, arguments)])
        exit_code = 0
        try:
            main()
        except SystemExit as ended:
            exit_code = ended.code
        written = capsys.readouterr()
        return SimpleNamespace(returncode=exit_code, stdout=written.out, stderr=written.err)

    return run


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps_with_an_example(verb):
    shown = CliRunner().invoke(cli, [verb, "--help"])
    assert shown.exit_code == 0
    assert f"Example: auralize {verb}" in " ".join(shown.output.split())


def test_the_readme_names_the_verbs_that_there_are():
    import re
    from pathlib import Path

    text = (Path(__file__).parents[2] / "README.md").read_text()
    named = set(re.findall(r"auralize ([a-z]+)[ `]", text))
    assert named - {"demo"} <= set(VERBS)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["render", "--help"]])
def test_help_starts_without_heavy_imports(arguments):
    code = (
        "import sys; sys.argv[1:] = " + repr(arguments) + "\n"
        "import contextlib, io\n"
        "from auralize.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'open3d', 'matplotlib', 'scipy', 'numba'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def refused(done, *words):
    """Assert one line on stderr that holds the words, exit code 1, and no traceback."""
    lines = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_a_missing_recording(tmp_path):
    refused(in_a_process("run", tmp_path / "no.mkv", "--out", tmp_path / "out"), "no.mkv")
    assert not (tmp_path / "out").exists()


def test_a_foreign_file(auralize, tmp_path):
    (tmp_path / "film.mkv").write_bytes(b"this is no Matroska file" * 50)
    refused(auralize("run", tmp_path / "film.mkv", "--out", tmp_path / "out"), "film.mkv")


def test_a_wrong_option_is_exit_code_2(auralize):
    done = auralize("simulate", "--ensemble", "kazoo", "out")
    assert done.returncode == 2
    assert "kazoo" in done.stderr
    assert "violin" in done.stderr


def test_a_demo_of_an_instrument_that_the_network_does_not_know(auralize, tmp_path):
    done = auralize("demo", "--ensemble", "violin,flute", "--out", tmp_path / "out")
    refused(done, "never shown flute", "violin, viola, cello")
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(auralize, tmp_path):
    with pytest.raises(FileFormatError, match=r"no\.mkv"):
        auralize("run", tmp_path / "no.mkv", "--debug")


def ply_take(folder, sound, rate):
    """Write a folder of PLY files in which nobody sits, and a WAV beside it."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    floor = rng.uniform([1, -1, 0], [3, 1, 0.01], (4000, 3)).astype(np.float32)
    for index in range(3):
        write_ply(folder / f"{index:05}.ply", PointCloud(positions_m=floor))
    soundfile.write(folder.parent / "sound.wav", sound, rate)
    return folder


def test_a_take_without_players(auralize, tmp_path):
    take = ply_take(tmp_path / "frames", np.zeros(48000), 48000)
    refused(
        auralize(
            "run", take, "--rate", 5, "--audio", tmp_path / "sound.wav", "--out", tmp_path / "out"
        ),
        "no player found",
    )


def test_separating_refuses_before_the_work(auralize, tmp_path):
    """A rate that is none, and a template that two players share."""
    still = Trajectory(
        times_s=np.zeros(1),
        positions_m=np.array([[2.0, 0.0, 1.0]]),
        orientations_wxyz=np.array([[0.0, 0.0, 0.0, 1.0]]),
    )
    cloud = PointCloud(positions_m=np.zeros((1, 3), np.float32))  # too thin to be separated
    players = [
        Performer(name=name, trajectory=still, cloud_times_s=np.zeros(1), clouds=(cloud,))
        for name in ("left", "right")
    ]
    take, out = ply_take(tmp_path / "frames", np.zeros(4000), 4000), tmp_path / "out"
    given = ("separate", take, "--rate", 5, "--audio", tmp_path / "sound.wav", "--out", out)
    refused(auralize(*given), "4000 Hz", "8000 to 192000 Hz")
    refused(auralize("run", *given[1:]), "4000 Hz")
    write_performers(out / "performers", players)
    soundfile.write(tmp_path / "sound.wav", np.zeros(8000), 8000)
    for template, words in {
        "stem.wav": "stem.wav: use {performer}",
        "{performer.x}.wav": "not",
    }.items():
        done = auralize(*given, "--template", template)
        assert done.returncode == 2
        assert words in done.stderr
    assert not (out / "stems").exists()


def test_evaluating_before_separating(auralize, tmp_path):
    refused(auralize("evaluate", tmp_path), "no stems", f"`auralize separate {tmp_path}` first")


def test_a_scene_with_an_unknown_key_points_at_its_line(auralize, tmp_path):
    scene = tmp_path / "scene.yaml"
    scene.write_text("version: 1\nsample_rate_hz: 48000\nsources: []\nlisener: {}\n")
    refused(
        auralize("render", scene, "-o", tmp_path / "p.wav"), "scene.yaml:4", "lisener", "listener"
    )
    assert not (tmp_path / "p.wav").exists()


def test_a_broken_scene_points_at_its_line(auralize, tmp_path):
    scene = tmp_path / "scene.yaml"
    scene.write_text("version: 1\nsources: [\n")
    refused(auralize("render", scene, "-o", tmp_path / "p.wav"), "scene.yaml")


@pytest.fixture
def scene(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 24000), 48000)
    path = tmp_path / "scene.yaml"
    path.write_text(
        "version: 1\nsample_rate_hz: 48000\n"
        "sources:\n  - {name: a, file: a.wav, position_m: [2, 1, 1.2]}\n"
    )
    return path


def test_a_scene_renders(scene, tmp_path):
    done = in_a_process("render", scene, "-o", tmp_path / "preview.wav", "--json")
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "preview.wav").channels == 2


def test_a_sofa_file_that_is_none(auralize, scene, tmp_path):
    (tmp_path / "ears.sofa").write_text("no HRTF")
    done = auralize("render", scene, "-o", tmp_path / "p.wav", "--sofa", tmp_path / "ears.sofa")
    refused(done, "ears.sofa")
    assert not (tmp_path / "p.wav").exists()


def test_a_head_that_is_not_taken_as_it_says_warns(scene, tmp_path):
    shutil.copy(default_hrtf_path(), tmp_path / "ears.sofa")
    with h5py.File(tmp_path / "ears.sofa", "r+") as sofa:
        sofa["ReceiverPosition"][...] *= -1
    done = in_a_process("render", scene, "-o", tmp_path / "p.wav", "--sofa", tmp_path / "ears.sofa")
    assert done.returncode == 0
    assert done.stderr.count("taken as the left ear") == 1


def test_a_missing_sound_file(auralize, scene, tmp_path):
    (tmp_path / "a.wav").unlink()
    refused(auralize("render", scene, "-o", tmp_path / "p.wav"), "scene.yaml:4", "a.wav")


def test_an_unwritable_folder(auralize, scene, tmp_path):
    (tmp_path / "file").touch()
    refused(auralize("render", scene, "-o", tmp_path / "file" / "p.wav"), "cannot write")


def test_doctor_reports_as_json(auralize):
    import json

    done = auralize("doctor", "--json")
    findings = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert findings["torch"]["state"] == "ok"
    assert findings["separation network"]["state"] == "ok"
    assert all(entry["purpose"] for entry in findings.values())


def test_ctrl_c_leaves_nothing_half_written(duo_take, tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-m", "auralize", "run", str(duo_take), "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    # Two stages in, players are written and stems are not.
    for line in running.stderr:
        if line.startswith("separate"):
            break
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["performers"]
