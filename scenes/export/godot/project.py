"""Write a whole project: settings, main scene, scripts, shapes, stems and README."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from capture.axes import gltf_from_world
from capture.point_cloud import PointCloud
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.godot.dialect import Dialect
from scenes.export.godot.resource_file import string
from scenes.export.godot.scene_tree import main_scene
from scenes.export.godot.shapes import player_shape, room_shape
from scenes.export.players import whole_cloud
from scenes.export.readme import readme
from scenes.export.shown_clouds import thinned
from scenes.export.wav import common_gain_db, write_wav

_SCRIPTS = ("ensemble.gd", "free_look.gd")
_MOST_POINTS = 6000


def write_project(dialect: Dialect, exported: ExportedScene, folder: Path) -> None:
    """Write a project for a version of Godot into an empty folder."""
    gain_db = common_gain_db(exported, "pcm16")
    for name in ("shapes", "stems"):
        (folder / name).mkdir()
    texts = {
        "project.godot": _settings(dialect, exported),
        "ensemble.tscn": main_scene(dialect, exported, turned_down_db=gain_db),
        "README.md": _readme(dialect, exported),
    }
    templates = files("scenes.export.godot") / "templates" / f"godot{dialect.version}"
    texts |= {script: (templates / script).read_text(encoding="utf-8") for script in _SCRIPTS}
    if exported.room is not None:
        texts["room.tscn"] = room_shape(dialect, exported.room)
    for index, source in enumerate(exported.sources):
        stem = f"stems/{source.identifier}.wav"
        write_wav(
            folder / stem,
            source.samples,
            exported.sample_rate_hz,
            "pcm16",
            gain_db=gain_db,
            number=index,
        )
        texts[f"{stem}.import"] = _import_settings(dialect, f"res://{stem}")
        if source.mesh is not None:
            shape = player_shape(dialect, source.mesh, _points(source))
            texts[f"shapes/{source.identifier}.tscn"] = shape
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _points(source: ExportedSource) -> PointCloud:
    """Return the points that the triangles were made of, relative to the source; not too many."""
    assert source.clouds is not None
    cloud = whole_cloud(source.clouds, source.trajectory.positions_at)
    assert cloud is not None
    return thinned(cloud, _MOST_POINTS)[0]


def _settings(dialect: Dialect, exported: ExportedScene) -> str:
    title, rate = string(exported.title), exported.sample_rate_hz
    if dialect.version == 3:
        return f"""\
config_version=4

[application]

config/name={title}
run/main_scene="res://ensemble.tscn"

[audio]

mix_rate={rate}
"""
    # In browsers, Godot by default mixes at the rate of the device, and hands samples to the page,
    # which knows no common start.
    return f"""\
config_version=5

[application]

config/name={title}
run/main_scene="res://ensemble.tscn"
config/features=PackedStringArray("4.2", "GL Compatibility")

[audio]

driver/mix_rate={rate}
driver/mix_rate.web={rate}
general/default_playback_type.web=0

[rendering]

renderer/rendering_method="gl_compatibility"
renderer/rendering_method.mobile="gl_compatibility"
"""


def _import_settings(dialect: Dialect, path: str) -> str:
    """Return what tells the editor to import a stem as it is: not compressed, trimmed or looped."""
    imported = (
        f"res://{dialect.imported}/{path.rpartition('/')[2]}-"
        f"{hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()}.sample"
    )
    # Godot 4: 0 asks the file whether it loops, and 1 is no loop. Compression 0 is none.
    loop = "edit/loop=false" if dialect.version == 3 else "edit/loop_mode=1"
    return f"""\
[remap]

importer="wav"
type="{dialect.name("AudioStreamWAV")}"
path="{imported}"

[deps]

source_file="{path}"
dest_files=[ "{imported}" ]

[params]

force/8_bit=false
force/mono=false
force/max_rate=false
force/max_rate_hz=44100
edit/trim=false
edit/normalize=false
{loop}
compress/mode=0
"""


_OPENING = """\
1. Start Godot {version}{needs}. In its list of projects choose **Import**, and pick
   `project.godot` of this folder.
2. When the editor has imported the stems, press **F5** (Play). The ensemble plays at once.
3. Click into the window, look around with the mouse, walk with **W A S D** (Q and E: down and up,
   Shift: quicker). **Space** pauses, **R** starts again, **P** shows points instead of surfaces,
   **Home** returns to the listener's place, **Esc** gives the mouse back."""

_MORE = """\
Each `Stem` (AudioStreamPlayer3D) has `unit_size` = reference distance, `attenuation_model` =
inverse distance, no maximum distance and no low-pass, so that the level is exactly the scene's; it
stops to rise 0.15 m from the ears, as in Auralize's own renders. Godot pans between two
loudspeakers with constant power: left and right are right, front and behind sound alike. The sum of
the powers of both channels is what follows the distance law.

## In a game of your own

- `ensemble.tscn` is a scene like any other: copy this folder into your project, wherever you like
  (without `project.godot`), and instance it. Take `Listener` out if you have a camera of your own.
- `ensemble.gd` starts all stems in one mix, so that they are in sync to the sample, moves the
  players by the sound's clock, and has `play(from_s)`, `pause()`, `resume()`, `position_s()` and
  the signal `finished`. Don't start stems one by one.
- Set **Audio → Driver → Mix Rate** of your project to {rate} Hz: otherwise Godot resamples.
- Stems are imported as they are (16 bits, not compressed, not trimmed, no loop): their `.import`
  files say so. Keep that, or they lose their common start.
- `Room` is geometry only. For reverberation, put an AudioEffectReverb on a bus and the stems on it.
"""


def _readme(dialect: Dialect, exported: ExportedScene) -> str:
    three = dialect.version == 3
    return readme(
        exported,
        engine=f"Godot {dialect.version}",
        opening=_OPENING.format(
            version=dialect.version, needs=" (3.2 or later)" if three else " (4.2 or later)"
        ),
        axes="x right, y up, −z front; metres",
        engine_from_world=gltf_from_world,
        more=_MORE.format(rate=exported.sample_rate_hz),
        checked_with="Godot 3.2.3 of Debian" if three else "Godot 4.6, in Chromium",
    )
