"""Make vectors.npz and libk4arecord.mkv.xz with the Azure Kinect's own libraries.

    export AURALIZE_K4A_LIBRARIES=...        # see libk4a.py beside this file
    python tests/references/k4a/make_references.py

vectors.npz: what libk4a 1.4.2 computes on the calibration of `Calibration.simulated()` (ours), for
random pixels and depths in four depth modes and two color resolutions:
    {mode}_pixels (N, 2), {mode}_depth_mm (N,)       given
    {mode}_depth_xyz (N, 4), {mode}_color_xyz (N, 4)  points in mm in either camera, and validity
    {mode}_uv_720P, {mode}_uv_1080P (N, 3)            the points on the color image, and validity
    {mode}_uv_depth (N, 3)                            the color camera's points back on depth
    accelerometer_xyz (N, 3)                          NFOV_UNBINNED points moved there, in mm
libk4arecord.mkv.xz: a recording of four captures and 40 IMU samples that libk4arecord wrote.
"""

from __future__ import annotations

import io
import lzma
import tempfile
from pathlib import Path

import libk4a
import numpy as np
from PIL import Image

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import DEPTH_MODES

HERE = Path(__file__).parent
COUNT = 300


def make_vectors() -> dict[str, np.ndarray]:
    libraries = libk4a.Libraries()
    rng = np.random.default_rng(20240501)
    arrays: dict[str, np.ndarray] = {}
    for mode, image in DEPTH_MODES.items():
        factory = Calibration.simulated(depth_mode=mode).factory_json
        with_720 = libraries.calibration(factory, mode, "720P")
        with_1080 = libraries.calibration(factory, mode, "1080P")
        pixels = rng.uniform(0, [image.width_px - 1, image.height_px - 1], (COUNT, 2))
        pixels[:4] = [[0, 0], [image.width_px - 1, 0], [0, image.height_px - 1], [1, 1]]
        pixels = pixels.astype(np.float32)
        depth_mm = rng.uniform(300, 5000, COUNT).astype(np.float32)
        in_depth = with_720.unproject(pixels, depth_mm, libk4a.DEPTH)
        in_color = with_720.unproject(pixels, depth_mm, libk4a.COLOR)
        arrays |= {
            f"{mode}_pixels": pixels,
            f"{mode}_depth_mm": depth_mm,
            f"{mode}_depth_xyz": in_depth,
            f"{mode}_color_xyz": in_color,
            f"{mode}_uv_720P": with_720.project(in_depth[:, :3], libk4a.DEPTH, libk4a.COLOR),
            f"{mode}_uv_1080P": with_1080.project(in_depth[:, :3], libk4a.DEPTH, libk4a.COLOR),
            f"{mode}_uv_depth": with_720.project(in_color[:, :3], libk4a.COLOR, libk4a.DEPTH),
        }
        if mode == "NFOV_UNBINNED":
            arrays["accelerometer_xyz"] = with_720.move(
                in_depth[:, :3], libk4a.DEPTH, libk4a.ACCELEROMETER
            )
    return arrays


def depth_of(index: int) -> np.ndarray:
    """The depth image of capture `index`: its own at each pixel, compressible, zeros at the rim."""
    rows, columns = np.indices((288, 320))
    depth = (1000 + 500 * index + rows + 2 * columns).astype(np.uint16)
    depth[:8] = 0
    return depth


def color_of(index: int) -> bytes:
    image = Image.new("RGB", (1280, 720), (40 * index, 200, 90))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def make_recording(path: Path) -> None:
    libraries = libk4a.Libraries()
    factory = Calibration.simulated(depth_mode="NFOV_2X2BINNED").factory_json
    recorder = libk4a.Recorder(libraries, path, factory, depth_mode="NFOV_2X2BINNED", fps=15)
    start_us = 5_000_000
    for index in range(4):
        time_us = start_us + round(index * 1e6 / 15)
        for step in range(10):
            recorder.add_imu(
                time_us + 6000 * step, [0.1 * step, 0.0, -9.8], [0.0, 0.01 * step, 0.0]
            )
        recorder.add_capture(time_us, depth_of(index), color_of(index))
    recorder.close()


if __name__ == "__main__":
    np.savez_compressed(HERE / "vectors.npz", **make_vectors())
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.mkv"
        make_recording(recording)
        (HERE / "libk4arecord.mkv.xz").write_bytes(lzma.compress(recording.read_bytes()))
