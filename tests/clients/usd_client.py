"""OpenUSD opens a USD export: validation, places over time, files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures, burst_offset
from golden_scene import LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, SOURCES


def missing() -> str:
    """Return why OpenUSD cannot be used; empty where it can."""
    if importlib.util.find_spec("pxr") is None:
        return "OpenUSD needs the package usd-core (the extra clients installs it)"
    return ""


def complaints(path: Path) -> list[str]:
    """Return the errors of all validators of OpenUSD on a stage."""
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) >= 20
    errors = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(path)))
    return [f"{error.GetName()}: {error.GetMessage()}" for error in errors]


def stage(path: Path):
    """Return the stage of a layer or a package, and its sources by the names people gave."""
    from pxr import Usd

    opened = Usd.Stage.Open(str(path))
    found = opened.GetPrimAtPath("/Scene/Sources").GetChildren()
    return opened, {prim.GetDisplayName(): prim for prim in found}


def place(opened, prim, time_s: float) -> np.ndarray:
    """Return where a prim is at a time, in the axes of the stage."""
    return matrix(opened, prim, time_s)[3, :3]


def matrix(opened, prim, time_s: float) -> np.ndarray:
    """Return a prim's transform to the world, for rows: point @ matrix."""
    from pxr import Usd, UsdGeom

    cache = UsdGeom.XformCache(Usd.TimeCode(time_s * opened.GetTimeCodesPerSecond()))
    return np.array(cache.GetLocalToWorldTransform(prim))


def sounds(prims) -> dict[str, bytes | str]:
    """Return where the sound of each source is, as the stage resolves it."""
    from pxr import UsdMedia

    found = {}
    for name, prim in prims.items():
        audio = UsdMedia.SpatialAudio(prim.GetChild("Sound"))
        assert audio.GetAuralModeAttr().Get() == "spatial"
        assert audio.GetStartTimeAttr().Get() == 0
        found[name] = audio.GetFilePathAttr().Get().resolvedPath
    return found


def check(folder: Path) -> ClientFigures:
    """Compare places and sounds of scene.usda."""
    from pxr import Usd

    opened, prims = stage(folder / "scene.usda")
    errors = [
        np.linalg.norm(place(opened, prims[source.name], time) - expected)
        for source in SOURCES
        for time, expected in source.positions_m.items()
    ]
    camera = matrix(opened, opened.GetPrimAtPath("/Scene/Listener"), 0.0)
    errors.append(np.linalg.norm(camera[3, :3] - LISTENER_M))
    looks = camera[:3, :3].T @ [0.0, 0.0, -1.0]
    yaw = np.radians(LISTENER_YAW_DEG)
    errors.append(np.linalg.norm(looks - [np.cos(yaw), np.sin(yaw), 0.0]))
    offsets = []
    for source in SOURCES:
        sound, rate = soundfile.read(sounds(prims)[source.name])
        assert rate == RATE_HZ
        offsets.append(burst_offset(sound, source))
    version = ".".join(str(number) for number in Usd.GetVersion()[1:])
    return ClientFigures(
        client=f"usd-core {version}",
        position_error_m=float(max(errors)),
        start_offset_samples=max(offsets, key=abs),
    )
