"""Apply a person's corrections to labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int16

from capture.errors import DataError
from capture.files import yaml_errors
from capture.players.corrections import (
    Add,
    Correction,
    Corrections,
    Drop,
    Fix,
    Keep,
    Label,
    Merge,
    Place,
    Rename,
    Split,
)
from capture.players.divide import CLUTTER
from capture.players.gather import Course
from capture.players.near_places import PRESENT_M, divided, nobodys_near
from capture.players.segment import Components
from capture.pose import Trajectory, quaternion_from_yaw

_NEAR_M = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who has which label in the images of a take.

    Attributes:
        labels: One array an image: the label of each voxel, or `CLUTTER`.
        performers: Label of each player's name, from left to right as the camera sees them.
        visitors: Label of each visitor's name.
        reasons: Why a label is a visitor.
        instruments: What is played, by label.
        fixes: What is known of where somebody was, by label, the last one last.
    """

    labels: list[Int16[np.ndarray, "voxels"]]
    performers: dict[str, int]
    visitors: dict[str, int]
    reasons: dict[int, str]
    instruments: dict[int, str] = field(default_factory=dict[int, str])
    fixes: dict[int, tuple[Fix, ...]] = field(default_factory=dict[int, tuple[Fix, ...]])


def corrected(
    people: People,
    corrections: Corrections,
    images: Sequence[Components],
    times_s: Float64[np.ndarray, "images"],
    voxel_m: float,
) -> People:
    """Return people with corrections applied, the first one first.

    Raises:
        DataError: A correction names nobody, a name that is taken, a place or a time where nobody
            is. The message starts with file, line and column.
    """
    work = _Work(people, images, times_s, voxel_m)
    for index, entry in enumerate(corrections.entries):
        try:
            work.apply(entry)
        except _RefusedError as refusal:
            raise DataError(f"{corrections.place_of(index, refusal.key)}: {refusal}.") from None
    return work.people()


def fixed(course: Course, fixes: Sequence[Fix]) -> Course:
    """Return a course with positions and facings as they are known; they have no uncertainty."""
    if not fixes:
        return course
    times = course.trajectory.times_s
    positions = course.trajectory.positions_m.copy()
    turns = course.trajectory.orientations_wxyz.copy()
    stds = course.position_std_m.copy()
    for fix in fixes:
        during = _during(fix, times)
        if fix.position_m is not None:
            positions[during], stds[during] = fix.position_m, 0.0
        if fix.yaw_deg is not None:
            turns[during] = quaternion_from_yaw(float(np.radians(fix.yaw_deg)))
    return replace(
        course,
        trajectory=Trajectory(times_s=times, positions_m=positions, orientations_wxyz=turns),
        position_std_m=stds,
    )


def _during(entry: Add | Fix, times_s: Float64[np.ndarray, "T"]) -> np.ndarray:
    start = -np.inf if entry.from_s is None else entry.from_s
    stop = np.inf if entry.to_s is None else entry.to_s
    return (times_s >= start) & (times_s <= stop)


class _RefusedError(Exception):
    """A correction cannot be applied; `key` is what is to blame."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class _Work:
    """People while corrections are applied to them."""

    def __init__(
        self,
        people: People,
        images: Sequence[Components],
        times_s: Float64[np.ndarray, "images"],
        voxel_m: float,
    ) -> None:
        self._labels = list(people.labels)
        self._performers = dict(people.performers)
        self._visitors = dict(people.visitors)
        self._reasons = dict(people.reasons)
        self._instruments = dict(people.instruments)
        self._fixes = dict(people.fixes)
        self._images = images
        self._times_s = times_s
        self._voxel_m = voxel_m

    def people(self) -> People:
        return People(
            labels=self._labels,
            performers=self._performers,
            visitors=self._visitors,
            reasons=self._reasons,
            instruments=self._instruments,
            fixes=self._fixes,
        )

    def apply(self, entry: Correction) -> None:
        """Apply one correction."""
        match entry:
            case Merge():
                self._merge(entry)
            case Split():
                self._split(entry)
            case Rename():
                self._rename(entry)
            case Drop():
                self._remove(self._label(entry.drop, "drop", entry.near_m), CLUTTER)
            case Keep():
                label = self._label(entry.keep, "keep", entry.near_m)
                if entry.keep in self._visitors:
                    del self._visitors[entry.keep]
                    self._performers[entry.keep] = label
            case Add():
                self._add(entry)
            case Fix():
                self._fix(entry)
            case Label():
                self._instruments[self._label(entry.label, "label", entry.near_m)] = (
                    entry.instrument
                )

    def _merge(self, entry: Merge) -> None:
        first = self._label(entry.merge[0], "merge", entry.near_m)
        for name in entry.merge[1:]:
            label = self._label(name, "merge", None)
            if label == first:
                raise _RefusedError("merge", f"{name!r} is named twice")
            self._remove(label, first)

    def _rename(self, entry: Rename) -> None:
        label = self._label(entry.rename, "rename", entry.near_m)
        if entry.to == entry.rename:
            return
        self._check_free("to", entry.to)
        for names in (self._performers, self._visitors):
            # In the same place of the order.
            renamed = {entry.to if kept == label else name: kept for name, kept in names.items()}
            names.clear()
            names.update(renamed)

    def _add(self, entry: Add) -> None:
        self._check_free("add", entry.add)
        during: list[int] = np.flatnonzero(_during(entry, self._times_s)).tolist()
        if not during:
            raise _RefusedError(
                "to_s" if entry.from_s is None else "from_s",
                f"the take has no image in that time, but from {self._times_s[0]:.2f} s to "
                f"{self._times_s[-1]:.2f} s",
            )
        label, place = self._next_label(), np.array(entry.at_m)
        found = False
        for index in during:
            image, labels = self._images[index], self._labels[index]
            near = nobodys_near(image, labels, place, entry.within_m, self._voxel_m)
            if near.any():
                self._labels[index] = np.where(near, np.int16(label), labels)
                found = True
        if not found:
            there = self._who_is_near(place)
            others = f"; {' and '.join(there)} is there" if there else ""
            raise _RefusedError(
                "at_m",
                f"nothing that is nobody's is within {entry.within_m:g} m of "
                f"({place[0]:g}, {place[1]:g}){others}",
            )
        self._performers[entry.add] = label

    def _next_label(self) -> int:
        return 1 + max([-1, *self._performers.values(), *self._visitors.values()])

    def _fix(self, entry: Fix) -> None:
        label = self._label(entry.fix, "fix", entry.near_m)
        there = np.array([bool((labels == label).any()) for labels in self._labels])
        if not (_during(entry, self._times_s) & there).any():
            key = "from_s" if entry.from_s is not None else "to_s"
            seen = self._times_s[there]
            raise _RefusedError(
                key,
                f"{entry.fix!r} is not seen in that time, but from {seen[0]:.2f} s to "
                f"{seen[-1]:.2f} s",
            )
        self._fixes[label] = (*self._fixes.get(label, ()), entry)

    def _split(self, entry: Split) -> None:
        label = self._label(entry.split, "split", entry.near_m)
        others = [f"{entry.split}-{n}" for n in range(2, len(entry.at_m) + 1)]
        into = entry.into or (entry.split, *others)
        if len(set(into)) < len(into):
            raise _RefusedError("into", "two of the names are the same")
        for name in into:
            if name != entry.split:
                self._check_free("into", name)
        first = self._next_label()
        news = [label, *range(first, first + len(into) - 1)]
        places = np.array(entry.at_m)
        found = np.zeros(len(into), dtype=bool)
        for index, labels in enumerate(self._labels):
            own = labels == label
            if not own.any():
                continue
            parts, near = divided(self._images[index].select(own), places, self._voxel_m)
            found |= near
            changed = labels.copy()
            changed[own] = np.array(news, np.int16)[parts]
            self._labels[index] = changed
        if not found.all():
            x, y = places[int(np.flatnonzero(~found)[0])]
            mine = self._place(label)
            raise _RefusedError(
                "at_m",
                f"nothing of {entry.split!r} is within {PRESENT_M} m of ({x:g}, {y:g}); it is at "
                f"({mine[0]:.2f}, {mine[1]:.2f})",
            )
        home = self._performers if entry.split in self._performers else self._visitors
        old = list(home.items())
        home.clear()
        for name, kept in old:
            home.update(dict(zip(into, news, strict=True)) if kept == label else {name: kept})
        for new in news[1:]:
            self._reasons[new] = self._reasons.get(label, "")

    def _remove(self, label: int, to: int) -> None:
        """Give the voxels of a label to another one, and forget it."""
        for index, labels in enumerate(self._labels):
            if (labels == label).any():
                self._labels[index] = np.where(labels == label, np.int16(to), labels)
        for names in (self._performers, self._visitors):
            for name in [name for name, kept in names.items() if kept == label]:
                del names[name]

    def _label(self, name: str, key: str, near_m: Place | None) -> int:
        """Return the label of a name.

        Raises:
            _RefusedError: There is nobody of the name, or not near where it should be.
        """
        names = self._performers | self._visitors
        if name not in names:
            hint = yaml_errors.suggestion(name, names).removesuffix("?")
            everybody = ", ".join(names) or "nobody"
            raise _RefusedError(key, f"there is nobody named {name!r}{hint}; there are {everybody}")
        if near_m is not None:
            self._check_near(name, np.array(near_m))
        return names[name]

    def _check_near(self, name: str, near_m: Float64[np.ndarray, "2"]) -> None:
        close = self._who_is_near(near_m)
        if name in close:
            return
        place = self._place((self._performers | self._visitors)[name])
        (x, y), (x0, y0) = place[:2], near_m
        raise _RefusedError(
            "near_m",
            f"{name!r} is at ({x:.2f}, {y:.2f}), not near ({x0:g}, {y0:g}); "
            f"{' and '.join(close) or 'nobody'} is there",
        )

    def _who_is_near(self, place_m: Float64[np.ndarray, "2"]) -> list[str]:
        names = self._performers | self._visitors
        places = {name: self._place(label)[:2] for name, label in names.items()}
        return [name for name, at in places.items() if np.linalg.norm(at - place_m) <= _NEAR_M]

    def _check_free(self, key: str, name: str) -> None:
        if name in self._performers or name in self._visitors:
            raise _RefusedError(key, f"there is somebody named {name!r} already")

    def _place(self, label: int) -> Float64[np.ndarray, "3"]:
        """Return the mean of all points of a label."""
        total, points = np.zeros(3), 0
        for image, labels in zip(self._images, self._labels, strict=True):
            own = labels == label
            if own.any():
                total += image.point_sums_m[own].sum(axis=0)
                points += int(image.point_counts[own].sum())
        return total / max(points, 1)
