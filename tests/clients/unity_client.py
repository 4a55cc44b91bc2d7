"""What reads Unity packages without Unity: unitypackage-extractor, unityparser, Mono's compiler."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures, burst_offset
from golden_scene import LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, SOURCES

_STUB = Path(__file__).parent / "unity_stub"
_YAML = (".prefab", ".unity", ".anim", ".mat")


def missing() -> str:
    """Return why packages cannot be checked; empty where they can."""
    for module in ("unityparser", "unitypackage_extractor"):
        if importlib.util.find_spec(module) is None:
            return f"needs {module} (the extra clients installs it)"
    for program in ("mcs", "mono"):
        if shutil.which(program) is None:
            return f"needs {program} (.ci/clients installs it)"
    return ""


def unpack(folder: Path, project: Path) -> Path:
    """Extract the package of an export into a project; return its Assets/Auralize."""
    from unitypackage_extractor.extractor import extractPackage

    (package,) = folder.glob("*.unitypackage")
    extractPackage(str(package), str(project))
    return project / "Assets" / "Auralize"


def guids(package: Path) -> dict[str, str]:
    """Return the path of each GUID's asset, from the package itself."""
    import tarfile

    with tarfile.open(package) as archive:
        return {
            entry.name.split("/")[0]: archive.extractfile(entry).read().decode()
            for entry in archive
            if entry.name.endswith("/pathname")
        }


def documents(path: Path):
    """Return the objects of a file in Unity's YAML by their numbers."""
    from unityparser import UnityDocument

    entries = UnityDocument.load_yaml(str(path), try_preserve_types=True).entries
    return {int(entry.anchor): entry for entry in entries}


def references(text: str) -> list[tuple[int, str | None]]:
    """Return numbers and GUIDs of all references of a file."""
    found = re.findall(r"\{fileID: (\d+)(?:, guid: ([0-9a-f]{32}), type: \d)?\}", text)
    assert text.count("fileID:") == len(found)
    return [(int(number), guid or None) for number, guid in found]


class Scene:
    """The objects of a prefab, put together."""

    def __init__(self, assets: Path, names: dict[str, str]) -> None:
        (self.path,) = assets.glob("*/*.prefab")
        self._names = names
        self._assets = assets
        self.objects = documents(self.path)
        self.script = next(
            each
            for each in self._kind("MonoBehaviour")
            if names[each.m_Script["guid"]].endswith("AuralizeScene.cs")
        )

    def _kind(self, kind: str):
        return [each for each in self.objects.values() if type(each).__name__ == kind]

    def game_object(self, name: str):
        """Return the game object of this name."""
        (found,) = [each for each in self._kind("GameObject") if each.m_Name == name]
        return found

    def component(self, game_object, kind: str):
        """Return a component of a game object; None if it has none of this kind."""
        for each in game_object.m_Component:
            found = self.objects[each["component"]["fileID"]]
            if type(found).__name__ == kind:
                return found
        return None

    def asset(self, reference) -> Path:
        """Return the file that a reference is to."""
        path = Path(self._names[reference["guid"]])
        return self._assets.parents[1] / path

    def place(self, name: str) -> np.ndarray:
        """Return where a game object is in the world; all of ours hang from the root."""
        return _numbers(self.component(self.game_object(name), "Transform").m_LocalPosition)

    def turn(self, name: str) -> np.ndarray:
        """Return its orientation: x, y, z, w."""
        return _numbers(self.component(self.game_object(name), "Transform").m_LocalRotation)

    def curves(self, name: str):
        """Return the keys of what moves: for x, y, z and the quaternion; None if it stands."""
        animation = self.component(self.game_object(name), "Animation")
        if animation is None:
            return None
        (clip,) = documents(self.asset(animation.m_Animation)).values()
        assert clip.m_Legacy == 1
        rows = []
        for first, curve in ((0, clip.m_PositionCurves[0]), (3, clip.m_RotationCurves[0])):
            for key in curve["curve"]["m_Curve"]:
                values = [_numbers(key[part]) for part in ("value", "inSlope", "outSlope")]
                rows += [
                    (first + axis, float(key["time"]), *three)
                    for axis, three in enumerate(zip(*values, strict=True))
                ]
        return sorted(rows)

    def sound(self, name: str):
        """Return the samples of a source."""
        clip = self.component(self.game_object(name), "AudioSource").m_audioClip
        sound, rate = soundfile.read(self.asset(clip))
        assert rate == RATE_HZ
        return sound

    def shape(self, game_object) -> Path:
        """Return the file of what is seen."""
        return self.asset(self.component(game_object, "MonoBehaviour").data)


def _numbers(flow) -> np.ndarray:
    return np.array([float(value) for value in flow.values()])


def run(scene: Scene, folder: Path, *, with_camera: bool = False) -> dict[str, list[list[str]]]:
    """Compile our scripts, run them with a scene's objects; return the rows by their first word."""
    program = folder / "scene.exe"
    scripts = sorted((scene.path.parents[1] / "Scripts").glob("*.cs"))
    subprocess.run(
        ["mcs", "-warnaserror", f"-out:{program}", *map(str, [*_STUB.glob("*.cs"), *scripts])],
        check=True,
        capture_output=True,
        timeout=60,
    )
    rows: list[tuple[object, ...]] = [
        (
            *("scene", "", scene.script.nearDistance, scene.script.farDistance),
            *(scene.script.makeup, scene.script.duration),
        ),
        ("listener", "", *scene.place("Listener"), *scene.turn("Listener")),
    ]
    if with_camera:
        rows.append(("camera", ""))
    for source in SOURCES:
        volume = scene.component(scene.game_object(source.name), "AudioSource").m_Volume
        rows.append(
            ("source", source.name, *scene.place(source.name), *scene.turn(source.name), volume)
        )
        rows += [("key", source.name, *row) for row in scene.curves(source.name) or ()]
    rows += [("key", "Listener", *row) for row in scene.curves("Listener") or ()]
    rows += [("shape", path) for path in sorted((scene.path.parent / "Shapes").iterdir())]
    spec = folder / "scene.txt"
    spec.write_text("\n".join("\t".join(map(str, row)) for row in rows), encoding="utf-8")
    done = subprocess.run(
        ["mono", str(program), str(spec)], check=True, capture_output=True, timeout=60
    )
    found: dict[str, list[list[str]]] = {}
    for line in done.stdout.decode("utf-8").splitlines():
        first, *rest = line.split("\t")
        found.setdefault(first, []).append(rest)
    return found


def world(unity) -> np.ndarray:
    """Return world axes (x front, y left, z up) of Unity's (x right, y up, z front)."""
    right, up, front = (float(value) for value in unity)
    return np.array([front, -right, up])


def check(folder: Path) -> ClientFigures:
    """Compare places in the prefab, and while the scripts run."""
    work = folder.parent / "unity-project"
    shutil.rmtree(work, ignore_errors=True)
    assets = unpack(folder, work)
    (package,) = folder.glob("*.unitypackage")
    scene = Scene(assets, guids(package))
    errors = [np.linalg.norm(world(scene.place("Listener")) - LISTENER_M)]
    x, y, z, w = scene.turn("Listener")
    front = world((2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)))
    yaw = np.radians(LISTENER_YAW_DEG)
    errors.append(np.linalg.norm(front - [np.cos(yaw), np.sin(yaw), 0.0]))
    ran = run(scene, work)
    for source in SOURCES:
        errors.append(np.linalg.norm(world(scene.place(source.name)) - source.positions_m[0.0]))
        rows = np.array([row[1:] for row in ran["at"] if row[0] == source.name], dtype=float)
        for time, place in source.positions_m.items():
            seen = rows[np.argmin(np.abs(rows[:, 0] - time))]
            # The frame that is nearest to the time; how far it is moved meanwhile is no error.
            moved = np.linalg.norm(_there(source, seen[0]) - place)
            assert moved < 0.05
            errors.append(np.linalg.norm(world(seen[1:4]) - _there(source, seen[0])))
    starts = [float(row[1]) * RATE_HZ for row in ran["scheduled"]]
    offsets = [burst_offset(scene.sound(source.name), source) for source in SOURCES]
    done = subprocess.run(["mcs", "--version"], check=True, capture_output=True, text=True)
    version = importlib.metadata.version("unityparser")
    return ClientFigures(
        client=f"unityparser {version}, Mono {done.stdout.split()[-1]}",
        position_error_m=float(max(errors)),
        start_offset_samples=round(max(starts, key=abs) + max(offsets, key=abs)),
    )


def _there(source, time_s: float) -> np.ndarray:
    times = sorted(source.positions_m)
    places = np.array([source.positions_m[time] for time in times])
    return np.array([np.interp(time_s, times, places[:, axis]) for axis in range(3)])
