"""The 3D musicians of Lluís et al. (2021): sounds, point clouds of people, and index files.

    data/audio/<instrument>/<video>.mp3
    data/frames/<instrument>/person_<k>/00000.ply
    data/train.csv, val.csv, test.csv    AUDIO_PATH,FRAMES_PATH,NUMBER_FRAMES

Clouds are those of the data set (about the origin, x side, y stature, z facing, scaled), or as a
camera sees them (x right, y down, z away from it, metres).

Sounds and people are no pairs: a row gives a sound to a person of its split who plays the same
instrument. The published index command appends to files that are there, splits differently at
every run, fixes the number of people, and writes `sax` where the text says `saxophone`; this one
replaces the files, splits by seed and by what is there, and knows both names.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from capture.axes import network_from_world, world_from_camera_axes
from capture.errors import DataError, FileFormatError
from capture.files.atomic import atomic_path
from capture.players import facing_yaw_rad
from capture.point_cloud import PointCloud, read_ply
from separation.corpus.clouds import Colors, Points, write_clouds
from separation.corpus.layouts.recordings import (
    RecordedPart,
    instrument_name,
    recording_alone,
    sound_files,
)
from separation.corpus.layouts.splits import split_names

_FILES = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One row of an index file.

    Attributes:
        audio: A sound file.
        frames: A folder of PLY files of one person.
        frame_count: How many there are.
        instrument: What both play.
        split: Of the index file.
    """

    audio: Path
    frames: Path
    frame_count: int
    instrument: str
    split: str

    @property
    def part(self) -> RecordedPart:
        """The sound, to write to a corpus."""
        return recording_alone(self.audio, self.instrument, self.split)


def write_index(folder: str | Path, *, seed: int = 0) -> list[Path]:
    """Write the three index files of a data folder, replacing those that are there.

    No person and no sound is in two splits.

    Args:
        folder: Holds audio/ and frames/.
        seed: Of the split.

    Returns:
        The files.

    Raises:
        DataError: An instrument has sounds and no people, or too few of either for three splits.
    """
    data = Path(folder)
    rows: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    audio_folders = sorted(path for path in (data / "audio").glob("*") if path.is_dir())
    if not audio_folders:
        raise DataError(f"{data} holds no audio/INSTRUMENT/: see the layout in the documentation.")
    for sounds in audio_folders:
        people = data / "frames" / sounds.name
        counts = {
            path.name: len(list(path.glob("*.ply"))) for path in people.glob("*") if path.is_dir()
        }
        counts = {name: count for name, count in counts.items() if count}
        names = [path.name for path in sound_files(sounds)]
        if min(len(counts), len(names)) < len(_FILES):
            raise DataError(
                f"{sounds} has {len(names)} sounds and {people} {len(counts)} people with PLY "
                "files: three splits need three of each at least."
            )
        split_of_person, split_of_sound = split_names(counts, seed), split_names(names, seed)
        for split in _FILES:
            own = sorted(name for name, where in split_of_person.items() if where == split)
            heard = sorted(name for name, where in split_of_sound.items() if where == split)
            for sound, person in zip(heard, cycle(own), strict=False):
                place = f"frames/{sounds.name}/{person}"
                rows[split].append((f"audio/{sounds.name}/{sound}", place, counts[person]))
    written: list[Path] = []
    for split, name in _FILES.items():
        with (
            atomic_path(data / name) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows(rows[split])
        written.append(data / name)
    return written


def read_index(path: str | Path) -> list[IndexRow]:
    """Read an index file; paths in it go from its folder, or from that folder's parent.

    Raises:
        FileFormatError: A row is broken, or names what is not there.
    """
    index = Path(path)
    split = {name: split for split, name in _FILES.items()}.get(index.name, "train")
    rows: list[IndexRow] = []
    try:
        with index.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{index}: no readable index file ({error}).") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        if len(line) != 3 or not line[2].strip().isdigit():
            raise FileFormatError(
                f"{index}, line {number}: needed is AUDIO_PATH,FRAMES_PATH,NUMBER_FRAMES, got "
                f"{','.join(line)!r}."
            )
        audio, frames = (_place(index, text.strip(), number) for text in line[:2])
        rows.append(
            IndexRow(
                audio=audio,
                frames=frames,
                frame_count=int(line[2]),
                instrument=instrument_name(audio.parent.name),
                split=split,
            )
        )
    return rows


def read_indexed(folder: str | Path, *, seed: int = 0) -> list[IndexRow]:
    """Return the rows of all index files of a data folder; they are written where one is missing.

    Raises:
        DataError: There is too little for three splits.
        FileFormatError: An index file is broken.
    """
    data = Path(folder)
    if not all((data / name).is_file() for name in _FILES.values()):
        write_index(data, seed=seed)
    return [row for name in _FILES.values() for row in read_index(data / name)]


def write_index_clouds(
    folder: str | Path,
    rows: Sequence[IndexRow],
    *,
    each: int = 20,
    progress: Callable[[float], None] | None = None,
) -> list[tuple[Path, str]]:
    """Write clouds of the people of index files to a corpus' bank.

    For a file that cannot be read stands the nearest one of the same person that can.

    Args:
        folder: Of the bank, a corpus' "clouds".
        rows: From `read_index`, of one split or of all.
        each: Clouds of each person, spread over the frames; fewer where somebody has fewer.
        progress: Called with the fraction done.

    Returns:
        Files that cannot be read, each with the reason.

    Raises:
        DataError: None of a person's files can be read.
    """
    skipped: dict[Path, str] = {}
    people: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for row in rows:
        people[row.split, row.instrument].add(row.frames)
    for done, ((split, instrument), folders) in enumerate(sorted(people.items()), start=1):
        files = [sorted(frames.glob("*.ply")) for frames in sorted(folders)]
        # As many of everybody, so that the clouds of one person are found by counting.
        images = min(each, *map(len, files))
        points: list[Points] = []
        colors: list[Colors] = []
        for own in files:
            for place in np.linspace(0, len(own) - 1, images).astype(int):
                cloud = _nearest_readable(own, int(place), skipped)
                points.append(_performer_axes(cloud.positions_m))
                if cloud.colors is not None:
                    colors.append(cloud.colors)
        colored = len(colors) == len(points)
        write_clouds(folder, split, instrument, points, colors if colored else None, images=images)
        if progress is not None:
            progress(done / len(people))
    return list(skipped.items())


def _nearest_readable(files: Sequence[Path], place: int, skipped: dict[Path, str]) -> PointCloud:
    """Read the file at a place, or the nearest to it that can be read."""
    for number in sorted(range(len(files)), key=lambda number: abs(number - place)):
        path = files[number]
        if path in skipped:
            continue
        try:
            cloud = read_ply(path)
        except (DataError, FileFormatError) as error:
            skipped[path] = str(error)
            continue
        if len(cloud) > 0:
            return cloud
        skipped[path] = "it holds no point"
    raise DataError(f"{files[0].parent}: none of its PLY files can be read: leave this person out.")


def _performer_axes(given: Points) -> Points:
    """Return a cloud in the performer's own axes, centred."""
    turned = given.astype(np.float64)
    # All that a camera sees lies before it: who is around the origin was brought there, and turned.
    if turned[:, 2].min() > 0:
        points_m = world_from_camera_axes(given).astype(np.float64)
        turned = network_from_world(points_m, facing_yaw_rad(points_m)[0])
    middle = (turned.min(axis=0) + turned.max(axis=0)) / 2
    return (turned - middle).astype(np.float32)


def _place(index: Path, text: str, number: int) -> Path:
    for base in (index.parent, index.parent.parent):
        if (base / text).exists():
            return base / text
    raise FileFormatError(
        f"{index}, line {number}: {text} is neither below {index.parent} nor below "
        f"{index.parent.parent}. Write the index anew."
    )
