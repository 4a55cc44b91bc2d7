"""Filming: the images, inertial samples and sound of a simulated take, as a K4A recording."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16, Int32, UInt8, UInt16

from capture.k4a_mkv import K4AWriter
from capture.pose import Pose
from capture.simulate.kinect import SimulatedKinect
from capture.simulate.stage import Stage
from capture.simulate.truth import TruthRecorder
from capture.waveform import Waveform

_IMU_HZ = 200
_GRAVITY_M_S2 = 9.81
_AHEAD = 3
"""Images that may be in the making: enough to keep two threads busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shot:
    """One depth image while it is made: the images are worked on beside each other."""

    index: int
    depth: Future[tuple[UInt16[np.ndarray, "rows columns"], Int32[np.ndarray, "rows columns"]]]
    color: Future[bytes] | None


def film(
    path: Path,
    stage: Stage,
    audio: Waveform | None,
    truth: TruthRecorder,
    *,
    progress: Callable[[float], None],
) -> None:
    """Film the stage and write images, inertial samples and sound side by side.

    Color is written where the stage's camera has it.

    Args:
        path: The K4A MKV.
        stage: Who and what.
        audio: Of the microphones, or None.
        truth: Is told what each image shows.
        progress: Called with the fraction done.
    """
    samples = None
    if audio is not None:
        samples = np.rint(np.clip(audio.samples, -1, 1) * 32767).astype(np.int16).T
    times = stage.times_s
    kinect = stage.kinect
    waiting: deque[_Shot] = deque()
    with (
        ThreadPoolExecutor(max_workers=max(1, min(2, os.cpu_count() or 1))) as pool,
        K4AWriter(
            path,
            kinect.calibration,
            fps=stage.fps,
            audio_channels=None if audio is None else audio.channel_count,
            audio_rate_hz=48_000 if audio is None else audio.sample_rate_hz,
        ) as writer,
    ):
        track = _SteadyTracks(
            writer, kinect, samples, 48_000 if audio is None else audio.sample_rate_hz, stage.seed
        )

        def finish(shot: _Shot) -> None:
            depth_mm, index = shot.depth.result()
            time_s = float(times[shot.index])
            if shot.color is not None:
                writer.write_color(round(time_s * 1e6), shot.color.result())
            writer.write_depth(round(time_s * 1e6), depth_mm)
            truth.see(shot.index, depth_mm, index, kinect)
            track.write_until(time_s)
            progress((shot.index + 1) / len(times))

        for index, time_s in enumerate(times):
            states, vertices = stage.at(float(time_s))
            truth.pose(index, states)
            waiting.append(
                _Shot(
                    index=index,
                    depth=pool.submit(
                        _take_depth,
                        kinect,
                        vertices,
                        stage.faces,
                        stage.colors,
                        [stage.seed, 5, index],
                    ),
                    color=None
                    if kinect.calibration.color is None
                    else pool.submit(kinect.color_jpeg, vertices, stage.faces, stage.colors),
                )
            )
            if len(waiting) > _AHEAD:
                finish(waiting.popleft())
        while waiting:
            finish(waiting.popleft())
        track.write_until(stage.seconds)


def _take_depth(
    kinect: SimulatedKinect,
    vertices_m: Float32[np.ndarray, "V 3"],
    faces: Int32[np.ndarray, "F 3"],
    colors: UInt8[np.ndarray, "V 3"],
    seed: list[int],
) -> tuple[UInt16[np.ndarray, "rows columns"], Int32[np.ndarray, "rows columns"]]:
    depth_m, index = kinect.see(vertices_m, faces)
    rng = np.random.default_rng(seed)
    return kinect.measure(vertices_m, faces, colors, depth_m, index, rng), index


class _SteadyTracks:
    """The sound and the inertial samples, written up to the time of the images."""

    def __init__(
        self,
        writer: K4AWriter,
        kinect: SimulatedKinect,
        samples: Int16[np.ndarray, "samples channels"] | None,
        rate_hz: int,
        seed: int,
    ) -> None:
        self._writer = writer
        self._samples = samples
        self._rate_hz = rate_hz
        self._heard = 0
        self._felt = 0
        self._rng = np.random.default_rng([seed, 6])
        # At rest the accelerometer measures the force that holds it up.
        up_in_camera = kinect.world_from_camera.rotation.T @ np.array([0.0, 0.0, _GRAVITY_M_S2])
        sensor = kinect.calibration.accelerometer_from_depth or Pose(position_m=np.zeros(3))
        self._resting = sensor.rotation @ up_in_camera

    def write_until(self, time_s: float) -> None:
        """Write all that comes before a time."""
        if self._samples is not None:
            stop = min(len(self._samples), int(np.ceil(time_s * self._rate_hz)))
            if stop > self._heard:
                self._writer.write_audio(self._heard, self._samples[self._heard : stop])
                self._heard = stop
        while self._felt < time_s * _IMU_HZ:
            self._writer.write_imu(
                round(self._felt * 1e6 / _IMU_HZ),
                self._resting + self._rng.normal(0, 0.02, 3),
                self._rng.normal(0, 0.002, 3),
            )
            self._felt += 1
