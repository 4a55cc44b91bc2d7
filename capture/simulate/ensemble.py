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

from capture.atomic import atomic_folder
from capture.calibration import Calibration
from capture.instruments import canonical_instrument
from capture.k4a_modes import FRAME_RATES_HZ
from capture.microphones import CENTER_CHANNEL, microphone_positions
from capture.simulate.bodies import TEST_BODIES, TRAIN_BODIES
from capture.simulate.empty_room import Shell
from capture.simulate.filming import Stage, film
from capture.simulate.kinect import SimulatedKinect, camera_pose
from capture.simulate.layout import (
    CLEARANCE_M,
    FEWEST,
    MOST,
    arrange,
    draw_room,
    in_front_row,
    row_of,
)
from capture.simulate.player import Player
from capture.simulate.room import record_in_room
from capture.simulate.sampler import play_part
from capture.simulate.score import Part, compose
from capture.simulate.truth import TruthRecorder, write_sound_truth
from capture.take_file import ClockEntry, MicrophoneEntry, TakeFile, write_take_file
from capture.waveform import write_waveform

RATE_HZ = 48_000
_IMU_HZ = 200
_GRAVITY_M_S2 = 9.81
_AHEAD = 3
_SOUND_SHARE = 0.3


def simulate_take(
    folder: str | os.PathLike[str],
    instruments: Sequence[str],
    seconds: float,
    seed: int,
    *,
    split: str = "test",
    fps: int = 15,
    replace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Simulate a take of an ensemble and write it to a folder.

    The same arguments give the same take.

    Args:
        folder: Made when all is written.
        instruments: One name a player (`capture.instruments.INSTRUMENTS`), one to six.
        seconds: Length of the sound; at least one second.
        seed: Draws score, players, places, room and all noise.
        split: "test": people and instruments that training never sees; "train": the others.
        fps: Images a second: 5, 15 or 30.
        replace: Replace a folder that is already there.
        progress: Called with the fraction done.

    Returns:
        The folder.

    Raises:
        ValueError: An argument is out of range.
        OutputError: The folder is there already, or cannot be written.
    """
    names = [canonical_instrument(name) for name in instruments]
    if not FEWEST <= len(names) <= MOST:
        raise ValueError(f"an ensemble has {FEWEST} to {MOST} players, got {len(names)}.")
    if not (np.isfinite(seconds) and seconds >= 1):
        raise ValueError(f"a take lasts at least 1 s, got {seconds}.")
    if fps not in FRAME_RATES_HZ:
        raise ValueError(f"fps must be one of {FRAME_RATES_HZ}, got {fps}.")
    report = progress or (lambda _: None)

    parts = compose(names, seconds, seed)
    players = _seat_players(parts, seconds, seed, split)
    rng = np.random.default_rng([seed, 3])
    bounds = draw_room(players, rng)
    pose = camera_pose(rng.uniform(1.15, 1.45), rng.uniform(0.09, 0.16), rng.uniform(-0.01, 0.01))
    stage = Stage(
        players=players,
        kinect=SimulatedKinect(
            Calibration.simulated(),
            pose,
            shell=Shell(bounds_m=bounds),
        ),
        seconds=seconds,
        seed=seed,
        fps=fps,
    )
    with atomic_folder(folder, replace=replace) as temporary:
        stems = [
            play_part(part, seconds, RATE_HZ, rng=np.random.default_rng([seed, 4, index]))
            for index, part in enumerate(parts)
        ]
        report(0.4 * _SOUND_SHARE)
        sources = _sound_positions(players, seconds)
        recording = record_in_room(
            stems,
            sources,
            microphone_positions(pose),
            seed=seed,
            bounds_m=bounds,
            center_channel=CENTER_CHANNEL,
            progress=lambda share: report(_SOUND_SHARE * (0.4 + 0.6 * share)),
        )
        write_waveform(temporary / "audio.wav", recording.audio, subtype="PCM_16")
        truth = TruthRecorder(players, stage.times_s)
        film(
            temporary / "take.mkv",
            stage,
            recording.audio,
            truth,
            progress=lambda share: report(_SOUND_SHARE + (0.98 - _SOUND_SHARE) * share),
        )
        write_take_file(temporary / "take.json", _describe(Path(folder).name))
        (temporary / "truth").mkdir()
        truth.write(
            temporary / "truth",
            parts=parts,
            split=split,
            seed=seed,
            world_from_camera=pose,
            recording=recording,
            sources_m=sources,
        )
        write_sound_truth(
            temporary / "truth", stems, recording, microphone_positions(pose), CENTER_CHANNEL
        )
    report(1.0)
    return Path(folder)


def _seat_players(parts: Sequence[Part], seconds: float, seed: int, split: str) -> list[Player]:
    """Draw a different person for each part and put everybody in place.

    Where music stands leave too little room, the ensemble plays by heart.
    """
    for with_stands in (True, False):
        rng = np.random.default_rng([seed, 1])
        pool = TRAIN_BODIES if split == "train" else TEST_BODIES
        people = np.concatenate([rng.permutation(pool) for _ in range(-(-len(parts) // len(pool)))])
        order = row_of([part.instrument for part in parts], rng)
        players: list[Player] = []
        for index, part in enumerate(parts):
            in_front = in_front_row(order.index(index), len(parts))
            can_sit = part.instrument not in ("double_bass", "saxophone")
            stand = bool(rng.random() < 0.6) and (in_front or len(parts) < 5)
            players.append(
                Player(
                    part.instrument,
                    np.random.default_rng([seed, 2, index]),
                    notes=part.notes,
                    seconds=seconds,
                    split=split,
                    body_id=int(people[index]),
                    seated=True if in_front and can_sit else None,
                    stand=stand and with_stands,
                )
            )
        if arrange(players, order, rng, seconds) >= CLEARANCE_M:
            break
    return players


def _sound_positions(players: Sequence[Player], seconds: float) -> Float64[np.ndarray, "players 3"]:
    """Return where each instrument's sound comes from, the mean over the take."""
    times = np.linspace(0, seconds, 8)
    return np.array(
        [np.mean([player.state_at(float(time)).sound_m for time in times], 0) for player in players]
    )


def _describe(name: str) -> TakeFile:
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
