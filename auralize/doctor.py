"""What this machine has of all that Auralize can use, and what each thing is for.

Nothing is imported that could abort the process: packages are looked up, not loaded, except where
only loading tells whether a system library is missing, and that happens in a child process.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "absent", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        kind: package, library, device, GPU or weights.
        name: What it is called.
        state: ok, absent, or broken (there, but unusable).
        needed: Whether the main job needs it.
        detail: Version or place; otherwise what to do about it.
        purpose: What it is for.
    """

    kind: str
    name: str
    state: State
    needed: bool
    detail: str
    purpose: str


_PACKAGES: tuple[tuple[str, str, bool, str, str], ...] = (
    # import name, distribution, needed, what brings it, purpose
    ("torch", "torch", True, "pip install auralize", "the separation network"),
    ("scipy", "scipy", True, "pip install auralize", "filters, assignment, triangulation"),
    ("soundfile", "soundfile", True, "pip install auralize", "sound files"),
    ("h5py", "h5py", True, "pip install auralize", "SOFA files"),
    ("numba", "numba", True, "pip install auralize", "the simulated camera"),
    ("pyroomacoustics", "pyroomacoustics", True, "pip install auralize", "simulated rooms"),
    ("PIL", "pillow", True, "pip install auralize", "color images"),
    ("matplotlib", "matplotlib", True, "pip install auralize", "the report's pictures"),
    ("trimesh", "trimesh", True, "pip install auralize", "PLY files and meshes"),
    ("pyk4a", "pyk4a-bundle", False, 'pip install "auralize[kinect]"', "a live Azure Kinect"),
    ("sounddevice", "sounddevice", False, 'pip install "auralize[record]"', "sound devices"),
    ("open3d", "open3d-cpu", False, "pip install open3d-cpu", "meshes and registration"),
    (
        "MinkowskiEngine",
        "MinkowskiEngine",
        False,
        "build it from source; Auralize has its own sparse convolution",
        "another sparse back end",
    ),
    ("music21", "music21", False, 'pip install "auralize[corpus]"', "scores for training"),
    ("anny", "anny", False, 'pip install "auralize[corpus]"', "making new simulated bodies"),
)

_OPEN3D_APT = "apt install libusb-1.0-0 libgl1 libegl1 libx11-6 libgomp1"


def examine() -> Iterator[Finding]:
    """Look for everything, one finding at a time."""
    yield _python()
    for package in _PACKAGES:
        yield _package(*package)
    yield from _guarded("library", "open3d's system libraries", _open3d_libraries)
    yield from _guarded("device", "Azure Kinect", _kinect)
    yield from _guarded("GPU", "CUDA", _cuda)
    yield from _guarded("weights", "separation network", _weights)
    yield from _guarded("data", "default HRTF", _hrtf)


def _guarded(
    kind: str, name: str, look: Callable[[], tuple[State, bool, str, str]]
) -> Iterator[Finding]:
    state, needed, detail, purpose = look()
    yield Finding(kind=kind, name=name, state=state, needed=needed, detail=detail, purpose=purpose)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        kind="package",
        name="Python",
        state="ok" if sys.version_info >= (3, 11) else "broken",
        needed=True,
        detail=version if sys.version_info >= (3, 11) else f"{version}: 3.11 or newer is needed",
        purpose="everything",
    )


def _package(
    import_name: str, distribution: str, needed: bool, remedy: str, purpose: str
) -> Finding:
    found = importlib.util.find_spec(import_name) is not None
    version = ""
    if found:
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            version = "version unknown"
    return Finding(
        kind="package",
        name=import_name,
        state="ok" if found else "absent",
        needed=needed,
        detail=version if found else remedy,
        purpose=purpose,
    )


def _in_child(code: str) -> tuple[bool, str]:
    """Run code in a child process; a crash there is an answer, not our end."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return False, "no answer within 120 s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"exit code {done.returncode}"


def _open3d_libraries() -> tuple[State, bool, str, str]:
    purpose = "meshes and registration"
    if importlib.util.find_spec("open3d") is None:
        return "absent", False, "open3d is not installed, so none are needed", purpose
    loads, answer = _in_child("import open3d")
    return (
        ("ok", False, "found", purpose)
        if loads
        else ("broken", False, f"{answer}: {_OPEN3D_APT}", purpose)
    )


def _kinect() -> tuple[State, bool, str, str]:
    purpose = "recording live; files and simulated takes need none"
    if importlib.util.find_spec("pyk4a") is None:
        return "absent", False, 'pip install "auralize[kinect]", then plug it in', purpose
    works, answer = _in_child("import pyk4a; print(pyk4a.connected_device_count())")
    if not works:
        return "broken", False, answer, purpose
    return (
        ("absent", False, "none is plugged in", purpose)
        if answer == "0"
        else ("ok", False, f"{answer} connected", purpose)
    )


def _cuda() -> tuple[State, bool, str, str]:
    purpose = "faster training; everything runs without"
    works, answer = _in_child(
        "import torch; c = torch.cuda; print(c.get_device_name(0) if c.is_available() else '')"
    )
    if works and answer and not answer.startswith("exit code"):
        return "ok", False, answer, purpose
    return "absent", False, "none", purpose


def _weights() -> tuple[State, bool, str, str]:
    folder = Path(__file__).parents[1] / "separation" / "weights"
    files = sorted(folder.glob("*.safetensors"))
    purpose = "separating stems"
    if not files:
        return "absent", True, "install Auralize again: its weights are missing", purpose
    sizes = (f"{file.stem} ({file.stat().st_size / 1e6:.1f} MB)" for file in files)
    return "ok", True, ", ".join(sizes), purpose


def _hrtf() -> tuple[State, bool, str, str]:
    files = sorted((Path(__file__).parent / "data").glob("*.sofa"))
    purpose = "listening through headphones"
    if not files:
        return "absent", True, "install Auralize again: its HRTF is missing", purpose
    return "ok", True, files[0].name, purpose
