"""Speed of reading a recording: images, points and colors, beside libk4a where it is found.

    python -m benchmarks.reading [TAKE.mkv]

Without a recording one is simulated: a wall, colors of noise. Times are CPU milliseconds an
image, the minimum over repeats. libk4a turns the same depth image into int16 millimetres in the
same run if AURALIZE_K4A_LIBRARIES names its folder (tests/references/k4a/libk4a.py says how to get
it); it needs a display to do any more.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from capture.camera.calibration import Calibration
from capture.k4a_mkv import K4ARecording, K4AWriter
from capture.take import open_take

_BINDINGS = Path(__file__).parents[1] / "tests" / "references" / "k4a" / "libk4a.py"


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the smallest CPU time of `work`, after one pass to warm up."""
    best = float("inf")
    for repeat in range(repeats + 1):
        started = time.process_time()
        work()
        if repeat:
            best = min(best, 1e3 * (time.process_time() - started))
    return best


def simulate_recording(path: Path, images: int) -> None:
    """Write a wall at 2 m in front of which nothing happens."""
    calibration = Calibration.simulated()
    rng = np.random.default_rng(0)
    noise = rng.normal(128, 20, (90, 160, 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((1280, 720)).save(buffer, "JPEG", quality=90)
    lit = calibration.lit_pixels()
    with K4AWriter(path, calibration) as writer:
        for index in range(images):
            depth_mm = np.where(lit, rng.normal(2000, 5, lit.shape), 0).astype(np.uint16)
            writer.write_depth(round(index * 1e6 / 15), depth_mm)
            writer.write_color(round(index * 1e6 / 15), buffer.getvalue())


def libk4a_ms(calibration: Calibration, depth_mm: np.ndarray, repeats: int) -> float | None:
    """Return libk4a's time from a depth image to points, None where it is not found."""
    spec = importlib.util.spec_from_file_location("libk4a", _BINDINGS)
    if spec is None or spec.loader is None:
        return None
    bindings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bindings)
    if bindings.missing():
        return None
    libraries = bindings.Libraries()
    k4a = libraries.k4a
    theirs = libraries.calibration(calibration.factory_json, calibration.depth_mode, None)
    k4a.k4a_transformation_create.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(k4a.k4a_transformation_create(theirs.buffer))
    rows, columns = depth_mm.shape
    depth, points = ctypes.c_void_p(), ctypes.c_void_p()
    data = depth_mm.tobytes()
    buffer = ctypes.create_string_buffer(data, len(data))
    k4a.k4a_image_create_from_buffer(
        bindings.IMAGE_FORMATS["DEPTH16"], columns, rows, 2 * columns, buffer,
        ctypes.c_size_t(len(data)), None, None, ctypes.byref(depth),
    )  # fmt: skip
    custom = 8
    k4a.k4a_image_create(custom, columns, rows, 6 * columns, ctypes.byref(points))

    def transform() -> None:
        failed = k4a.k4a_transformation_depth_image_to_point_cloud(
            handle, depth, bindings.DEPTH, points
        )
        if failed:
            raise RuntimeError("libk4a does not transform the image")

    return cpu_ms(transform, repeats)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.recording or Path(folder) / "wall.mkv"
        if options.recording is None:
            simulate_recording(path, 10)
        report(path, options.repeats)


def report(path: Path, repeats: int) -> None:
    """Print a table for one recording."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with K4ARecording(path) as recording, open_take(path) as take:
        calibration = recording.calibration
        depth_mm = recording.depth_mm(0)
        points_m = calibration.unproject(depth_mm)
        print(f"{path.name}: {len(points_m)} points an image; load {load:.1f}\n")
        rows: list[tuple[str, float]] = [
            ("open", cpu_ms(lambda: K4ARecording(path).close(), repeats)),
            ("depth image", cpu_ms(lambda: recording.depth_mm(0), repeats)),
            ("points of it", cpu_ms(lambda: calibration.unproject(depth_mm), repeats)),
            (
                "read and unproject",
                cpu_ms(lambda: calibration.unproject(recording.depth_mm(0)), repeats),
            ),
        ]
        if len(recording.color_times_s):
            image = recording.color(0)
            rows += [
                ("color image", cpu_ms(lambda: recording.color(0), repeats)),
                (
                    "colors of points",
                    cpu_ms(lambda: calibration.sample_colors(image, points_m), repeats),
                ),
            ]
        rows += [
            (
                "cloud without color",
                cpu_ms(lambda: take.image_point_cloud(0, color=False), repeats),
            ),
            ("cloud with color", cpu_ms(lambda: take.image_point_cloud(0), repeats)),
        ]
        for name, milliseconds in rows:
            print(f"{name:22}{milliseconds:8.2f} ms")
        named = dict(rows)
        if "color image" in named:
            both_ms = named["color image"] + named["colors of points"] + named["read and unproject"]
            print(f"{'color decoded, mapped':22}{1000 / both_ms:8.0f} images a second (wanted: 30)")
        peer_ms = libk4a_ms(calibration, depth_mm, repeats)
        if peer_ms is None:
            print("libk4a is not here to compare with")
        else:
            ratio = named["points of it"] / peer_ms
            print(
                f"{'libk4a: points of it':22}{peer_ms:8.2f} ms  (ours takes {ratio:.1f} times it, "
                "and gives float32 metres of the measured pixels; libk4a int16 millimetres of all)"
            )


if __name__ == "__main__":
    main()
