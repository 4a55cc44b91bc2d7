"""What is true of a simulated take, written apart from what a pipeline may read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int32, UInt8, UInt16

from capture.simulate.kinect import NOTHING, SimulatedKinect
from capture.simulate.player import BODY, BOW, INSTRUMENT, PARTS, PlayerState
from capture.simulate.stage import Stage
from capture.waveform import Waveform, write_waveform

if TYPE_CHECKING:
    from capture.simulate.room import RoomRecording
    from capture.simulate.score import Part

TRUTH_FORMAT = "auralize-truth-1"
_LABELS_EVERY_S = 1.0
_NO_PART = 255


class TruthRecorder:
    """Collects poses and labels image by image, then writes truth.json and labels.npz."""

    def __init__(self, stage: Stage) -> None:
        players, times_s = stage.players, stage.times_s
        self._stage = stage
        self._players = players
        self._times_s = times_s
        # Extras are counted on after the players, and have no parts.
        pieces = [*(player.faces for player in players), *(e.mesh.faces for e in stage.extras)]
        self._face_owner = np.repeat(
            np.arange(len(pieces), dtype=np.uint8), [len(faces) for faces in pieces]
        )
        self._face_part = np.concatenate(
            [player.face_parts for player in players]
            + [np.full(len(extra.mesh.faces), _NO_PART, np.uint8) for extra in stage.extras]
        )
        shape = (len(players), len(times_s))
        self._centroids_m = np.full((len(pieces), len(times_s), 3), np.nan)
        self._points = np.zeros((len(pieces), len(times_s)), np.int64)
        self._facing_rad = np.zeros(shape)
        self._joints_m = {
            name: np.zeros((*shape, 3)) for name in ("head", "left_hand", "right_hand")
        }
        self._instrument_m = np.zeros((*shape, 3))
        self._instrument_wxyz = np.zeros((*shape, 4))
        self._labels: dict[int, UInt8[np.ndarray, "2 rows columns"]] = {}
        step = max(1, round(_LABELS_EVERY_S * (len(times_s) - 1) / max(times_s[-1], 1e-9)))
        self._labelled = set(range(0, len(times_s), step))

    def pose(self, index: int, states: Sequence[PlayerState]) -> None:
        """Keep where the players' heads, hands and instruments are in one image."""
        for number, state in enumerate(states):
            self._facing_rad[number, index] = state.facing_yaw_rad
            self._instrument_m[number, index] = state.instrument.position_m
            self._instrument_wxyz[number, index] = state.instrument.orientation_wxyz
            for name, positions in self._joints_m.items():
                positions[number, index] = state.joints_m[name]

    def see(
        self,
        index: int,
        depth_mm: UInt16[np.ndarray, "rows columns"],
        faces: Int32[np.ndarray, "rows columns"],
        kinect: SimulatedKinect,
    ) -> None:
        """Keep which points of one depth image belong to whom.

        A player's centroid is the mean of the measured points of body, instrument and bow.
        """
        seen = (depth_mm > 0) & (faces != NOTHING)
        face = faces[seen]
        owner, part = self._face_owner[face], self._face_part[face]
        rays = kinect.calibration.depth_rays()[seen]
        points = kinect.world_from_camera.transform(
            rays * (depth_mm[seen, None] * np.float32(1e-3))
        )
        personal = np.isin(part, (BODY, INSTRUMENT, BOW, _NO_PART))
        for number in range(len(self._points)):
            own = points[personal & (owner == number)]
            self._points[number, index] = len(own)
            if len(own):
                self._centroids_m[number, index] = own.mean(axis=0, dtype=np.float64)
        if index in self._labelled:
            label = np.zeros((2, *depth_mm.shape), np.uint8)
            plays = part != _NO_PART
            label[0][seen] = np.where(plays, owner + 1, 0)
            label[1][seen] = np.where(plays, part + 1, 0)
            self._labels[index] = label

    def write(
        self,
        folder: Path,
        *,
        parts: Sequence[Part],
        split: str,
        hard: Sequence[str],
        recording: RoomRecording | None,
        sources_m: Float64[np.ndarray, "players 3"],
    ) -> None:
        """Write truth.json and labels.npz.

        In labels.npz, `players` (images, rows, columns) holds 0 for nobody and N for player N,
        `parts` 0 for nothing and 1 … for `part_names`; `images` holds the depth images' indices.
        """
        world_from_camera = self._stage.kinect.world_from_camera
        room: dict[str, Any] = {"bounds_m": np.round(self._stage.bounds_m, 4).tolist()}
        if recording is not None:
            room |= {
                "rt60_s": round(recording.rt60_s, 4),
                "absorption": np.round(recording.absorption, 4).tolist(),
            }
        document: dict[str, Any] = {
            "format": TRUTH_FORMAT,
            "split": split,
            "seed": self._stage.seed,
            "hard": list(hard),
            "times_s": np.round(self._times_s, 6).tolist(),
            "world_from_camera": {
                "position_m": np.round(world_from_camera.position_m, 6).tolist(),
                "orientation_wxyz": np.round(world_from_camera.orientation_wxyz, 9).tolist(),
            },
            "room": room,
            "players": [
                self._describe(number, parts[number], recording, sources_m[number])
                for number in range(len(self._players))
            ],
            "extras": [
                {
                    "name": extra.name,
                    "centroids_m": np.round(_without_gaps(self._centroids_m[number]), 4).tolist(),
                    "visible_points": self._points[number].tolist(),
                }
                for number, extra in enumerate(self._stage.extras, start=len(self._players))
            ],
        }
        text = json.dumps(document, separators=(",", ":")).replace('{"name":', '\n{"name":')
        (folder / "truth.json").write_text(text + "\n", encoding="utf-8")
        labels = np.array([self._labels[index] for index in sorted(self._labels)])
        np.savez_compressed(
            folder / "labels.npz",
            images=np.array(sorted(self._labels)),
            players=labels[:, 0],
            parts=labels[:, 1],
            part_names=np.array(PARTS),
        )

    def _describe(
        self, number: int, part: Part, recording: RoomRecording | None, source_m: np.ndarray
    ) -> dict[str, Any]:
        player = self._players[number]
        name = f"player-{number + 1}"
        sound: dict[str, Any] = {}
        if recording is not None:
            sound = {
                "gain": float(recording.gains[number]),
                "stem": f"stems/{name}.wav",
                "image": f"images/{name}.wav",
            }
        return {
            "name": name,
            "instrument": player.instrument,
            "body_id": player.body_id,
            "seated": player.seated,
            "place_m": np.round(player.position_m, 4).tolist(),
            "source_position_m": np.round(source_m, 4).tolist(),
            **sound,
            "centroids_m": np.round(_without_gaps(self._centroids_m[number]), 4).tolist(),
            "visible_points": self._points[number].tolist(),
            "facing_yaw_rad": np.round(self._facing_rad[number], 4).tolist(),
            "joints_m": {
                joint: np.round(positions[number], 4).tolist()
                for joint, positions in self._joints_m.items()
            },
            "instrument_position_m": np.round(self._instrument_m[number], 4).tolist(),
            "instrument_orientation_wxyz": np.round(self._instrument_wxyz[number], 5).tolist(),
            "notes": [
                [round(n.start_s, 5), round(n.duration_s, 5), n.pitch, round(n.velocity, 4)]
                for n in part.notes
            ],
        }


def _without_gaps(positions_m: np.ndarray) -> np.ndarray:
    """Fill the images in which nothing was seen from those before and after."""
    known = np.isfinite(positions_m[:, 0])
    if not known.any():
        return np.zeros_like(positions_m)
    places = np.arange(len(positions_m))
    columns = [np.interp(places, places[known], column[known]) for column in positions_m.T]
    return np.stack(columns, axis=1)


def write_sound_truth(
    folder: Path,
    stems: Sequence[Waveform],
    recording: RoomRecording,
    microphones_m: Float64[np.ndarray, "channels 3"],
    center_channel: int,
) -> None:
    """Write the dry stems, the reverberant images at the center, and the impulse responses.

    image = gain · stem ∗ impulse response of the center channel, and the sum of all images and
    the noise is the recording.
    """
    for kind in ("stems", "images"):
        (folder / kind).mkdir()
    rate_hz = recording.audio.sample_rate_hz
    for number, stem in enumerate(stems):
        name = f"player-{number + 1}.wav"
        write_waveform(folder / "stems" / name, stem)
        image = recording.images[number, center_channel]
        write_waveform(
            folder / "images" / name, Waveform(samples=image[None], sample_rate_hz=rate_hz)
        )
    np.savez_compressed(
        folder / "impulse_responses.npz",
        responses=recording.impulse_responses.astype(np.float32),
        microphones_m=microphones_m,
        sample_rate_hz=np.array(rate_hz),
    )
