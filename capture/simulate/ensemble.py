"""Simulated takes: an ensemble plays before an Azure Kinect, with the truth kept apart.

A take folder holds take.mkv (depth, color, IMU, sound), audio.wav and take.json, which is all that
a pipeline may read, and truth/:

| in truth/ | |
|---|---|
| truth.json | players with instrument, body, notes, trajectories over the depth images' times |
| stems/player-N.wav | what each one plays, without any room |
| images/player-N.wav | each one alone at the center microphone, reverberant |
| impulse_responses.npz | players × channels × taps, and the microphones' places |
| labels.npz | for some depth images: who and what each pixel sees |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import FRAME_RATES_HZ
from capture.files.atomic import atomic_folder
from capture.instruments import canonical_instrument
from capture.microphones import CENTER_CHANNEL, microphone_positions
from capture.pose import Pose
from capture.simulate.difficulties import DIFFICULTIES
from capture.simulate.filming import film
from capture.simulate.kinect import RANGES_M, camera_pose
from capture.simulate.layout import FEWEST, MOST, MOST_WIDE
from capture.simulate.player import Player
from capture.simulate.room import RoomRecording, record_in_room
from capture.simulate.sampler import play_part
from capture.simulate.score import Part, compose
from capture.simulate.seating import set_stage
from capture.simulate.stage import Stage
from capture.simulate.truth import TruthRecorder, write_sound_truth
from capture.take.take_file import ClockEntry, MicrophoneEntry, TakeFile, write_take_file
from capture.waveform import write_waveform

RATE_HZ = 48_000
_SOUND_SHARE = 0.3


def simulate_take(
    folder: str | os.PathLike[str],
    instruments: Sequence[str],
    seconds: float,
    seed: int,
    *,
    split: str = "test",
    fps: int = 15,
    hard: Sequence[str] = (),
    depth_mode: str | None = None,
    images_only: bool = False,
    camera: Pose | None = None,
    replace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Simulate a take of an ensemble and write it to a folder.

    The same arguments give the same take.

    Args:
        folder: Made when all is written.
        instruments: One name a player (`capture.instruments.INSTRUMENTS`), one to six; seven
            and eight are seen by the WFOV view.
        seconds: Length of the sound; at least one second.
        seed: Draws score, players, places, room and all noise.
        split: "test": people and instruments that training never sees; "train": the others.
        fps: Images a second: 5, 15 or 30.
        hard: What makes the scene hard to segment
            (`capture.simulate.difficulties.DIFFICULTIES`).
        depth_mode: Of the camera; None: NFOV_UNBINNED, or WFOV_2X2BINNED from seven players on.
        images_only: Film depth alone: no sound and no color. The truth then has no sound either.
        camera: Pose of the depth camera, to film the same scene from elsewhere; None: above the
            origin, looking to the front.
        replace: Replace a folder that is already there.
        progress: Called with the fraction done.

    Returns:
        The folder.

    Raises:
        ValueError: An argument is out of range.
        OutputError: The folder is there already, or cannot be written.
    """
    names = [canonical_instrument(name) for name in instruments]
    mode = depth_mode or ("WFOV_2X2BINNED" if len(names) > MOST else "NFOV_UNBINNED")
    _check(names, seconds, fps, hard, mode)
    report = progress or (lambda _: None)

    parts = compose(names, seconds, seed)
    stage = set_stage(
        parts,
        seconds,
        seed,
        split=split,
        fps=fps,
        hard=hard,
        calibration=Calibration.simulated(
            depth_mode=mode, color_mode=None if images_only else "MJPG_720P"
        ),
        camera=camera,
    )
    with atomic_folder(folder, replace=replace) as temporary:
        truth = TruthRecorder(stage)
        (temporary / "truth").mkdir()
        recording, share = None, 0.0
        if not images_only:
            share = _SOUND_SHARE
            recording = _make_sound(temporary, stage, parts, lambda done: report(share * done))
        film(
            temporary / "take.mkv",
            stage,
            None if recording is None else recording.audio,
            truth,
            progress=lambda done: report(share + (0.98 - share) * done),
        )
        write_take_file(temporary / "take.json", _describe(Path(folder).name, images_only))
        truth.write(
            temporary / "truth",
            parts=parts,
            split=split,
            hard=hard,
            recording=recording,
            sources_m=_sound_positions(stage.players, seconds),
        )
    report(1.0)
    return Path(folder)


def _check(names: Sequence[str], seconds: float, fps: int, hard: Sequence[str], mode: str) -> None:
    """Refuse what cannot be simulated."""
    if mode not in RANGES_M:
        raise ValueError(f"depth_mode must be one of {', '.join(RANGES_M)}, got {mode!r}.")
    most = MOST_WIDE if mode.startswith("WFOV") else MOST
    if not FEWEST <= len(names) <= most:
        raise ValueError(f"an ensemble has {FEWEST} to {most} players, got {len(names)}.")
    if not (np.isfinite(seconds) and seconds >= 1):
        raise ValueError(f"a take lasts at least 1 s, got {seconds}.")
    if fps not in FRAME_RATES_HZ:
        raise ValueError(f"fps must be one of {FRAME_RATES_HZ}, got {fps}.")
    for name in hard:
        if name not in DIFFICULTIES:
            raise ValueError(f"hard must name some of {', '.join(DIFFICULTIES)}, got {name!r}.")


def _make_sound(
    folder: Path, stage: Stage, parts: Sequence[Part], progress: Callable[[float], None]
) -> RoomRecording:
    """Play the parts in the room, and write audio.wav and the truth of the sound."""
    seconds, seed = stage.seconds, stage.seed
    stems = [
        play_part(part, seconds, RATE_HZ, rng=np.random.default_rng([seed, 4, index]))
        for index, part in enumerate(parts)
    ]
    progress(0.4)
    microphones = microphone_positions(stage.kinect.world_from_camera)
    recording = record_in_room(
        stems,
        _sound_positions(stage.players, seconds),
        microphones,
        seed=seed,
        bounds_m=stage.bounds_m,
        center_channel=CENTER_CHANNEL,
        progress=lambda done: progress(0.4 + 0.6 * done),
    )
    write_waveform(folder / "audio.wav", recording.audio, subtype="PCM_16")
    write_sound_truth(folder / "truth", stems, recording, microphones, CENTER_CHANNEL)
    return recording


def _sound_positions(players: Sequence[Player], seconds: float) -> Float64[np.ndarray, "players 3"]:
    """Return where each instrument's sound comes from, the mean over the take."""
    times = np.linspace(0, seconds, 8)
    return np.array(
        [np.mean([player.state_at(float(time)).sound_m for time in times], 0) for player in players]
    )


def _describe(name: str, images_only: bool) -> TakeFile:
    if images_only:
        return TakeFile(name=name, recording="take.mkv")
    level = camera_pose(0.0, 0.0)
    positions = microphone_positions(level)
    return TakeFile(
        name=name,
        recording="take.mkv",
        audio="audio.wav",
        clock=ClockEntry(),
        microphones=tuple(
            MicrophoneEntry(
                channel=channel,
                role="center" if channel == CENTER_CHANNEL else "ring",
                position_m=tuple(np.round(position, 6).tolist()),
            )
            for channel, position in enumerate(positions)
        ),
    )
