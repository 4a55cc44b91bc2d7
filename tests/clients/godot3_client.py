"""Godot 3 without a window, from Debian (godot3-server), opens an exported project and plays it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import soundfile
from client_figures import ClientFigures
from godot_probe import TIMES_S, Played, figures

_PROBE = """\
extends Node

var record := AudioEffectRecord.new()
var live := []
var again := AGAIN
var step := 0


func _enter_tree():
	process_priority = 1000  # after the scene's own
	record.format = AudioStreamSample.FORMAT_16_BITS
	AudioServer.add_bus_effect(0, record)
	record.set_recording_active(true)


func _process(_delta):
	var scene = get_tree().current_scene
	if scene == null:
		return
	scene.repeat = false
	if scene._stems[0].playing or scene._stems[0].stream_paused:
		live.append([scene.position_s(), places(scene)])
		if step > 0:
			step += 1
			if step == 3:
				scene.pause()
			if step == 6:
				scene.resume()
	elif again:
		if live.size() > 0:
			again = false
			step = 1
			scene.play(0.25)
	elif live.size() > 0 and (step == 0 or step > 6):
		set_process(false)
		finish(scene)


func places(scene):
	var found := {}
	for player in scene.get_node("Players").get_children():
		found[player.name] = numbers(player.global_transform.origin)
	return found


func finish(scene):
	record.set_recording_active(false)
	record.get_recording().save_to_wav("res://recorded.wav")
	var sought := []
	var ears := []
	for time in [TIMES]:
		if scene.has_node("Movement"):
			scene.get_node("Movement").seek(time, true)
		sought.append(places(scene))
		ears.append(pose(scene.get_node("Listener/Camera/Ears").global_transform))
	var camera = scene.get_node("Listener/Camera")
	var stood = camera.global_transform.origin
	hold(KEY_W, true)
	for _frame in range(5):
		yield(get_tree(), "idle_frame")
	hold(KEY_W, false)
	var walked = numbers(camera.global_transform.origin - stood)
	camera.translation = Vector3()
	var stems := {}
	for stem in scene._stems:
		stems[stem.get_parent().name] = [
			stem.stream.get_length(), stem.stream.mix_rate, stem.stream.data.size()
		]
	var file := File.new()
	file.open("res://probe.json", File.WRITE)
	file.store_string(to_json({
		"version": Engine.get_version_info().string,
		"rate_hz": AudioServer.get_mix_rate(),
		"live": live,
		"sought": sought,
		"ears": ears,
		"stems": stems,
		"walked": walked,
	}))
	file.close()
	get_tree().quit()


func pose(transform):
	var basis = transform.basis
	return [
		[basis.x.x, basis.y.x, basis.z.x],
		[basis.x.y, basis.y.y, basis.z.y],
		[basis.x.z, basis.y.z, basis.z.z],
		numbers(transform.origin),
	]


func hold(key, pressed):
	var event := InputEventKey.new()
	event.scancode = key
	event.pressed = pressed
	Input.parse_input_event(event)


func numbers(vector):
	return [vector.x, vector.y, vector.z]
"""


def missing() -> str:
    """Return why the client cannot be run; empty where it can."""
    return "" if shutil.which("godot3-server") else "godot3-server is not installed"


def check(folder: Path) -> ClientFigures:
    """Play an export of the golden scene."""
    return figures(play(folder), "Godot")


def play(folder: Path, *, inside: str = "", again: bool = False) -> Played:
    """Import a project in the editor, play its main scene, and return what the script noted.

    Args:
        folder: The project.
        again: Play a second time, from 0.25 s on and with a pause.
        inside: Put all but project.godot into this folder of a project, as in a larger game.
    """
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "project"
        shutil.copytree(folder, project / inside)
        if inside:
            settings = (project / inside / "project.godot").read_text(encoding="utf-8")
            (project / inside / "project.godot").unlink()
            settings = settings.replace("res://ensemble.tscn", f"res://{inside}/ensemble.tscn")
            (project / "project.godot").write_text(settings, encoding="utf-8")
        _run(project, "--editor", "--quit")
        probe = _PROBE.replace("TIMES", ", ".join(map(str, TIMES_S)))
        probe = probe.replace("AGAIN", str(again).lower())
        (project / "probe.gd").write_text(probe, encoding="utf-8")
        with (project / "project.godot").open("a", encoding="utf-8") as settings:
            settings.write('\n[autoload]\n\nProbe="*res://probe.gd"\n')
        said = _run(project)
        assert "SCRIPT ERROR" not in said, said
        noted = json.loads((project / "probe.json").read_text(encoding="utf-8"))
        sound, _ = soundfile.read(project / "recorded.wav", always_2d=True)
    return Played(sound=sound, **noted)


def _run(project: Path, *words: str) -> str:
    """Run the engine in a project, with settings of its own; return what it said."""
    home = project.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["godot3-server", "--path", str(project), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""},
        timeout=120,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace")
