"""Performer: one tracked player of a take, and the folder in which performers are kept.

The folder holds performers.json (names, trajectories with their uncertainty, visitors) and one
<name>.npz of clouds each.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from capture.cloud_sequence import CloudSequence
from capture.errors import FileFormatError
from capture.files.atomic import atomic_folder
from capture.point_cloud import PointCloud
from capture.pose import Trajectory, quaternion_from_yaw

_FORMAT = "auralize-performers-1"
_DESCRIPTION = "performers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """A segmented, tracked person with an instrument.

    Attributes:
        name: "performer-1", …, from left to right as the camera sees them.
        trajectory: Centroid over time; the orientation's yaw is where the performer faces.
        cloud_times_s: Shape (F,): when each cloud was seen.
        clouds: F clouds in the world frame.
        instrument: A label from outside (a person, a network), or None.
        position_std_m: Shape (T,): standard deviation of the trajectory's position along each
            axis, at its times; None where it is not known.
    """

    name: str
    trajectory: Trajectory
    cloud_times_s: Float64[np.ndarray, "F"]
    clouds: tuple[PointCloud, ...]
    instrument: str | None = None
    position_std_m: Float64[np.ndarray, "T"] | None = None

    def __post_init__(self) -> None:
        times = np.asarray(self.cloud_times_s, dtype=np.float64)
        if times.shape != (len(self.clouds),):
            raise ValueError(
                f"{self.name}: {len(self.clouds)} clouds need as many times, got {times.shape}."
            )
        object.__setattr__(self, "cloud_times_s", times)
        if self.position_std_m is not None:
            stds = np.asarray(self.position_std_m, dtype=np.float64)
            if stds.shape != self.trajectory.times_s.shape or not (stds >= 0).all():
                raise ValueError(
                    f"{self.name}: position_std_m needs one number, 0 or more, for each of the "
                    f"{len(self.trajectory.times_s)} times, got shape {stds.shape}."
                )
            object.__setattr__(self, "position_std_m", stds)

    @classmethod
    def seated(
        cls,
        name: str,
        clouds: Sequence[PointCloud],
        *,
        facing_yaw_rad: float,
        instrument: str | None = None,
    ) -> Performer:
        """Return a performer who stays in place, from clouds of one's own.

        Args:
            name: Of the performer.
            clouds: Of the player with the instrument, in the world frame (metres, z up).
            facing_yaw_rad: Where the player faces, anticlockwise from +x.
            instrument: What is played, for networks that are told.

        Raises:
            ValueError: There is no cloud, or one without a point.
        """
        if not clouds or min(map(len, clouds)) == 0:
            raise ValueError(f"{name} needs at least one cloud, and each cloud a point.")
        centroid = np.mean([cloud.positions_m.mean(axis=0) for cloud in clouds], axis=0)
        trajectory = Trajectory(
            times_s=np.zeros(1),
            positions_m=centroid[None],
            orientations_wxyz=quaternion_from_yaw(facing_yaw_rad)[None],
        )
        return cls(
            name=name,
            trajectory=trajectory,
            cloud_times_s=np.arange(float(len(clouds))),
            clouds=tuple(clouds),
            instrument=instrument,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody in a take who is no player, such as a page-turner.

    Attributes:
        name: "visitor-1", …, in the order of their coming.
        trajectory: Centroid over time.
        reason: Why it is no player, in a few words.
    """

    name: str
    trajectory: Trajectory
    reason: str


def with_instruments(
    performers: Sequence[Performer], instruments: Mapping[str, str]
) -> tuple[Performer, ...]:
    """Return performers with labels that come from outside: a person or a network.

    Args:
        performers: As found.
        instruments: Label of each name; who is not named keeps the label.

    Raises:
        ValueError: There is no performer of a name.
    """
    names = [performer.name for performer in performers]
    for name in instruments:
        if name not in names:
            raise ValueError(f"there is no performer {name!r}: there are {', '.join(names)}.")
    return tuple(
        replace(performer, instrument=instruments.get(performer.name, performer.instrument))
        for performer in performers
    )


def write_performers(
    folder: str | os.PathLike[str],
    performers: Sequence[Performer],
    visitors: Sequence[Visitor] = (),
) -> None:
    """Write performers to a folder, replacing what is there when all is written.

    Raises:
        OutputError: The folder cannot be written.
    """
    with atomic_folder(folder, replace=True) as temporary:
        for performer in performers:
            arrays: dict[str, np.ndarray] = {"times_s": performer.cloud_times_s}
            for index, cloud in enumerate(performer.clouds):
                arrays[f"positions_m_{index}"] = cloud.positions_m
                if cloud.colors is not None:
                    arrays[f"colors_{index}"] = cloud.colors
            np.savez_compressed(temporary / f"{performer.name}.npz", **arrays)  # pyright: ignore[reportArgumentType]
        document: dict[str, Any] = {
            "format": _FORMAT,
            "performers": [_describe(performer) for performer in performers],
            "visitors": [
                {"name": visitor.name, "reason": visitor.reason, **_path(visitor.trajectory)}
                for visitor in visitors
            ],
        }
        text = json.dumps(document, indent=1)
        (temporary / _DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _describe(performer: Performer) -> dict[str, Any]:
    described = {
        "name": performer.name,
        "instrument": performer.instrument,
        **_path(performer.trajectory),
    }
    if performer.position_std_m is not None:
        described["position_std_m"] = np.round(performer.position_std_m, 4).tolist()
    return described


def _path(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "times_s": np.round(trajectory.times_s, 6).tolist(),
        "positions_m": np.round(trajectory.positions_m, 4).tolist(),
        "orientations_wxyz": np.round(trajectory.orientations_wxyz, 6).tolist(),
    }


def read_performers(folder: str | os.PathLike[str]) -> tuple[Performer, ...]:
    """Read the performers of a folder.

    Raises:
        FileFormatError: performers.json or a cloud file is missing or broken.
    """
    path = Path(folder) / _DESCRIPTION
    try:
        return tuple(_read_performer(path.parent, each) for each in _described(path))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: no readable performers ({error}). Run `auralize segment` again."
        ) from error


def read_visitors(folder: str | os.PathLike[str]) -> tuple[Visitor, ...]:
    """Read who else was found, but does not play.

    Raises:
        FileFormatError: performers.json is missing or broken.
    """
    path = Path(folder) / _DESCRIPTION
    try:
        return tuple(
            Visitor(
                name=str(each["name"]),
                trajectory=_trajectory(each),
                reason=str(each["reason"]),
            )
            for each in _described(path, "visitors")
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: no readable visitors ({error}). Run `auralize segment` again."
        ) from error


def open_performer(path: str | os.PathLike[str]) -> tuple[Trajectory, CloudSequence]:
    """Open one performer of a folder, and read no cloud before it is asked for.

    Args:
        path: The folder of the performers, and behind it the name of one: performers/performer-1.

    Returns:
        Where the centroid is over time, and the clouds.

    Raises:
        FileFormatError: There is no such performer, or its files cannot be read. So does reading
            a cloud later on.
    """
    folder, name = Path(path).parent, Path(path).name
    try:
        described = {str(each["name"]): each for each in _described(folder / _DESCRIPTION)}
        if name not in described:
            raise ValueError(f"there are {', '.join(described)}, but no {name}")
        trajectory = _trajectory(described[name])
        arrays = np.load(folder / f"{name}.npz")
        times_s = arrays["times_s"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: no readable performer ({error}).") from error

    def read(index: int) -> PointCloud:
        try:
            return _cloud(arrays, index)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise FileFormatError(
                f"{folder / name}.npz: cloud {index} cannot be read ({error}). Run `auralize "
                "segment` again."
            ) from error

    return trajectory, CloudSequence(times_s=times_s, read=read)


def copy_performers(performers: Mapping[str, Path], folder: str | os.PathLike[str]) -> None:
    """Copy performers into a folder of their own, under other names.

    Args:
        performers: New name → as for `open_performer`.
        folder: The folder, which is made.

    Raises:
        FileFormatError: There is no such performer.
        OutputError: The folder cannot be written, or exists.
    """
    with atomic_folder(folder) as temporary:
        described: list[dict[str, Any]] = []
        for name, path in performers.items():
            found = [
                each for each in _described(path.parent / _DESCRIPTION) if each["name"] == path.name
            ]
            if not found:
                raise FileFormatError(f"{path}: there is no such performer.")
            described.append({**found[0], "name": name})
            shutil.copyfile(path.parent / f"{path.name}.npz", temporary / f"{name}.npz")
        text = json.dumps({"format": _FORMAT, "performers": described}, indent=1)
        (temporary / _DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _described(path: Path, key: str = "performers") -> list[dict[str, Any]]:
    """Return what performers.json says about each performer, or visitor."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']!r} is not {_FORMAT!r}")
    return document["performers"] if key == "performers" else document.get(key, [])


def _read_performer(folder: Path, description: Mapping[str, Any]) -> Performer:
    name = str(description["name"])
    with np.load(folder / f"{name}.npz") as arrays:
        times_s = arrays["times_s"]
        clouds = tuple(_cloud(arrays, index) for index in range(len(times_s)))
    instrument = description["instrument"]
    stds = description.get("position_std_m")
    return Performer(
        name=name,
        instrument=None if instrument is None else str(instrument),
        trajectory=_trajectory(description),
        cloud_times_s=times_s,
        clouds=clouds,
        position_std_m=None if stds is None else np.array(stds),
    )


def _trajectory(description: Mapping[str, Any]) -> Trajectory:
    return Trajectory(
        times_s=np.array(description["times_s"]),
        positions_m=np.array(description["positions_m"]),
        orientations_wxyz=np.array(description["orientations_wxyz"]),
    )


def _cloud(arrays: Mapping[str, np.ndarray], index: int) -> PointCloud:
    return PointCloud(
        positions_m=arrays[f"positions_m_{index}"], colors=arrays.get(f"colors_{index}")
    )
