"""See claps in depth images: hands that close fast on one another, and stop.

What moves within some seconds forms regions of the image. Where the near points of a region draw
together, for a moment, hands may have met; where they met is what is near at that moment and not
otherwise. From then on only what moves at that height counts: how far it lies, on average, from the
place of meeting falls until the hands touch. That moment is fitted between the images, to some
11 ms (one standard deviation, of simulated claps at 15 and 30 images a second).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt16
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.signal import find_peaks

_MOVED_MM = 100
_MOVED_WITHIN_S = 0.06
_FLICKER_SHARE = 0.25
_JOINED_SHARE = 16
"""Moving pixels closer than this part of the image's width belong together: both hands."""
_NEARER_MM = 80
_REGION_DEPTH_MM = 450
_LEAST_PIXELS = 40
_MOST_REGIONS = 6
_LEAST_POINTS = 8
_HAND_HEIGHT_M = 0.1
_REACH_M = 0.5
_LEAST_FALL_M = 0.03
_NOISES = 5.0
_FLANK_S = 0.4
_SLOWEST_CLOSING_S = 0.45
_CLOSING_POWER = 1.6
"""Hands close ever faster; the mean of what moves, arms included, a little less so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Hands that met.

    Attributes:
        time_s: When, by the images' times.
        distance_m: From the depth camera.
        region: Which moving region: the same number, the same person.
    """

    time_s: float
    distance_m: float
    region: int


def find_contacts(
    times_s: Float64[np.ndarray, "images"],
    depth_mm: UInt16[np.ndarray, "images rows columns"],
    rays: Float32[np.ndarray, "rows columns 3"],
) -> list[Contact]:
    """Return when hands met.

    Args:
        times_s: Of the images, increasing.
        depth_mm: The images; 0 where nothing was measured.
        rays: Of the pixels.
    """
    if len(times_s) < 5:
        return []
    contacts: list[Contact] = []
    for number, mask in enumerate(_moving_regions(times_s, depth_mm)):
        rows, columns = np.nonzero(mask)
        region = _Region(depth_mm[:, rows, columns], rays[rows, columns])
        dips, _ = _dips(region.spread_m())
        if len(dips) == 0:
            continue
        place_m = region.meeting_place_m(dips)
        if place_m is None:
            continue
        contacts += [
            Contact(time_s=time_s, distance_m=float(np.linalg.norm(place_m)), region=number)
            for time_s in _contact_times(times_s, region.distance_m(place_m))
        ]
    return contacts


def _moving_regions(
    times_s: np.ndarray, depth_mm: np.ndarray
) -> list[Bool[np.ndarray, "rows columns"]]:
    """Return the largest regions in which something moved, each a mask."""
    changes = np.zeros(depth_mm.shape[1:], dtype=np.int32)
    later = max(1, round(_MOVED_WITHIN_S / float(np.median(np.diff(times_s)))))
    for before, after in zip(depth_mm[:-later], depth_mm[later:], strict=True):
        both = (before > 0) & (after > 0)
        changes += both & (np.abs(after.astype(np.int32) - before) > _MOVED_MM)
    # Edges that stand still flicker: all the time, and a pixel wide.
    flicker = changes > _FLICKER_SHARE * len(depth_mm)
    moving = np.zeros(changes.shape, dtype=np.bool_)
    ndimage.binary_opening((changes >= 2) & ~flicker, np.ones((2, 2)), output=moving)
    apart = max(3, depth_mm.shape[2] // _JOINED_SHARE)
    joined = np.zeros(moving.shape, dtype=np.int32)
    ndimage.label(ndimage.maximum_filter(moving, size=apart), output=joined)
    numbers, sizes = np.unique(joined[moving], return_counts=True)
    numbers = numbers[np.argsort(-sizes)][: np.count_nonzero(sizes >= _LEAST_PIXELS)]
    return [moving & (joined == at) for at in numbers[:_MOST_REGIONS]]


class _Region:
    """The near points of a region in every image."""

    def __init__(self, depth_mm: np.ndarray, rays: np.ndarray) -> None:
        measured = np.where(depth_mm > 0, depth_mm, np.nan).astype(np.float32)
        known = np.isfinite(measured).any(axis=0) & np.isfinite(rays[:, 0])
        measured = measured[:, known]
        self.near: Bool[np.ndarray, "images pixels"] = (
            measured < np.nanpercentile(measured, 90, axis=0) - _NEARER_MM
        )
        if self.near.any():
            front = np.percentile(measured[self.near], 5)
            self.near &= measured < front + _REGION_DEPTH_MM
        self.points_m = rays[known] * (measured[..., None] * np.float32(1e-3))

    def spread_m(self) -> Float64[np.ndarray, "images"]:
        """Return how far the near points lie from their middle; NaN where there are few."""
        spread = np.full(len(self.near), np.nan)
        for image, near in enumerate(self.near):
            if np.count_nonzero(near) >= _LEAST_POINTS:
                points = self.points_m[image, near]
                aside = points - np.median(points, axis=0)
                spread[image] = np.linalg.norm(aside, axis=1).mean()
        return spread

    def meeting_place_m(self, dips: Int64[np.ndarray, "dips"]) -> Float32[np.ndarray, "3"] | None:
        """Return the middle of what is near when the hands meet, and seldom otherwise."""
        here = self.near & (self.near.mean(axis=0) < 0.5)
        points = self.points_m[dips][here[dips]]
        return np.median(points, axis=0) if len(points) >= _LEAST_POINTS else None

    def distance_m(self, place_m: Float32[np.ndarray, "3"]) -> Float64[np.ndarray, "images"]:
        """Return how far near points at the height of a place lie from it; NaN: few."""
        distance = np.full(len(self.near), np.nan)
        for image, near in enumerate(self.near):
            aside = self.points_m[image, near] - place_m
            away = np.linalg.norm(aside, axis=1)
            away = away[(np.abs(aside[:, 1]) < _HAND_HEIGHT_M) & (away < _REACH_M)]
            if len(away) >= _LEAST_POINTS:
                distance[image] = away.mean()
        return distance


def _dips(signal_m: np.ndarray) -> tuple[Int64[np.ndarray, "dips"], float]:
    """Return where a signal falls and rises again, and the least fall that counts."""
    seen = np.flatnonzero(np.isfinite(signal_m))
    if len(seen) < 5:
        return seen[:0], _LEAST_FALL_M
    known = signal_m[seen]
    noise_m = 1.4826 * float(np.median(np.abs(np.diff(known)))) / np.sqrt(2)
    least_m = max(_LEAST_FALL_M, _NOISES * noise_m)
    dips, _ = find_peaks(-known, prominence=least_m)
    return seen[dips], least_m


def _contact_times(
    times_s: Float64[np.ndarray, "images"], distance_m: Float64[np.ndarray, "images"]
) -> list[float]:
    dips, least_m = _dips(distance_m)
    fitted = (_fit_contact(times_s, distance_m, int(dip), least_m) for dip in dips)
    return [time_s for time_s in fitted if time_s is not None]


def _fit_contact(
    times_s: np.ndarray, distance_m: np.ndarray, dip: int, least_m: float
) -> float | None:
    """Fit hands that close ever faster, touch for a while, and open; return when they meet."""
    chosen = (np.abs(times_s - times_s[dip]) < _FLANK_S) & np.isfinite(distance_m)
    t, y = times_s[chosen] - times_s[dip], distance_m[chosen]
    if len(t) < 5:
        return None

    def model(parameters: Float[np.ndarray, "6"]) -> np.ndarray:
        contact, closing, touching, opening, low, high = parameters
        before = np.clip((contact - t) / closing, 0, 1)
        after = np.clip((t - contact - touching) / opening, 0, 1)
        closed = 1 - (1 - before) ** _CLOSING_POWER
        return low + (high - low) * np.maximum(closed, (1 - np.cos(np.pi * after)) / 2)

    step = float(np.median(np.diff(t)))
    floor, top = float(y.min()), float(np.percentile(y, 80))
    middle = floor + 0.5 * (top - floor)
    lowest = np.array([-0.25, 0.08, 0.0, 0.08, floor - 0.05, middle])
    highest = np.array([2 * step, _SLOWEST_CLOSING_S, 0.2, 0.6, middle, top + 0.1])
    fits = [
        least_squares(
            lambda parameters: model(parameters) - y,
            np.array([start, 0.2, 0.05, 0.3, floor, top]),
            bounds=(lowest, highest),
            loss="soft_l1",
            f_scale=0.01,
        )
        for start in (-1.5 * step, -0.75 * step, 0.0)
    ]
    contact, closing, _, _, low, high = min(fits, key=lambda fit: fit.cost).x
    if high - low < least_m or closing > 0.95 * _SLOWEST_CLOSING_S:
        return None
    return float(times_s[dip] + contact)
