"""What a player does while the notes go by: bow strokes, fingering, plucks, breath and sway.

Everything is drawn once a performance on a 100 Hz time base and then looked up. Bow strokes
alternate from note to note; the bow goes as far as its speed (louder is faster) and the length of
the note give, within the hair. The left hand goes where the pitch lies on its string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from scipy.ndimage import gaussian_filter1d

if TYPE_CHECKING:
    from capture.simulate.score import Note

RATE_HZ = 100.0
_PARTIALS = (34, 46, 53, 58, 62, 65, 68, 70, 72, 74, 76, 77)
"""Of a tube in B flat, as MIDI numbers."""
SIGNALS: tuple[str, ...] = (
    "bow",
    "lift_m",
    "string",
    "fret",
    "left_fingers",
    "right_fingers",
    "pluck",
    "breath",
    "pitch_rad",
    "roll_rad",
    "yaw_rad",
    "nod_rad",
    "glance_rad",
    "slide",
)
_SIGNAL = {name: index for index, name in enumerate(SIGNALS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """The state of a player at one time.

    Attributes:
        bow: Where on the hair the string is: 0 at the frog, 1 at the tip.
        lift_m: Height of the bow over the string.
        string: Which string is played, 0 the lowest; fractional while crossing.
        fret: Semitones from the nut to the first finger.
        left_fingers, right_fingers: −1 (open) to 1 (closed).
        pluck: −1 to 1, across the strings.
        breath: 0 to 1.
        pitch_rad, roll_rad, yaw_rad: Sway of the trunk: forward, to the right, to the left.
        nod_rad, glance_rad: Head, forward and to the left.
        slide: Semitones by which a trombone's slide lowers what it sounds.
    """

    bow: float
    lift_m: float
    string: float
    fret: float
    left_fingers: float
    right_fingers: float
    pluck: float
    breath: float
    pitch_rad: float
    roll_rad: float
    yaw_rad: float
    nod_rad: float
    glance_rad: float
    slide: float


AT_REST = Gesture(**(dict.fromkeys(SIGNALS, 0.0) | {"bow": 0.3, "fret": 2.0}))
"""A player who holds the instrument ready and does nothing."""


class Gestures:
    """The gestures of one performance, looked up by time."""

    def __init__(self, signals: Float64[np.ndarray, "T signals"]) -> None:
        self._signals = signals

    @property
    def seconds(self) -> float:
        """How long the performance lasts; afterwards the last gesture holds."""
        return (len(self._signals) - 1) / RATE_HZ

    def at(self, time_s: float) -> Gesture:
        """Return the gesture at a time (linear between the samples)."""
        place = float(np.clip(time_s * RATE_HZ, 0, len(self._signals) - 1))
        before = min(int(place), len(self._signals) - 2)
        share = place - before
        row = (1 - share) * self._signals[before] + share * self._signals[before + 1]
        return Gesture(**{name: float(row[index]) for name, index in _SIGNAL.items()})


def plan_gestures(
    notes: Sequence[Note],
    seconds: float,
    open_pitches: Sequence[int],
    string_m: float,
    hair_m: float,
    rng: np.random.Generator,
    *,
    slides: bool = False,
) -> Gestures:
    """Turn notes into gestures.

    Args:
        notes: In order of their start.
        seconds: Length of the performance.
        open_pitches: MIDI numbers of the open strings, low to high; empty for a wind instrument.
        string_m: Vibrating length of the strings.
        hair_m: How much of the bow the player uses (0 where there is no bow).
        rng: Draws this player's manner: how much sway, how fast a bow.
        slides: Whether the instrument is a trombone.
    """
    count = int(np.ceil(seconds * RATE_HZ)) + 2
    times = np.arange(count) / RATE_HZ
    signals = np.zeros((count, len(SIGNALS)))
    signals[:, _SIGNAL["fret"]] = 2.0
    signals[:, _SIGNAL["string"]] = max(0, len(open_pitches) - 2)
    signals[:, _SIGNAL["bow"]] = 0.3
    if notes:
        if hair_m > 0:
            bow, lift = _bow_strokes(notes, times, hair_m, rng)
            signals[:, _SIGNAL["bow"]] = bow
            signals[:, _SIGNAL["lift_m"]] = lift
        if open_pitches:
            string, fret = _fingering(notes, times, open_pitches)
            signals[:, _SIGNAL["string"]] = string
            signals[:, _SIGNAL["fret"]] = fret
        if slides:
            signals[:, _SIGNAL["slide"]] = _slide(notes, times)
        _add_note_signals(signals, notes, times)
    _add_sway(signals, notes, times, rng)
    return Gestures(signals)


def _bow_strokes(
    notes: Sequence[Note], times: np.ndarray, hair_m: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return where on the hair the string is, 0 to 1, and the height of the bow over it."""
    place, direction = rng.uniform(0.1, 0.3), 1.0
    full_speed = rng.uniform(0.5, 0.8)
    knots = [(0.0, place)]
    lift = np.full(len(times), 1.0)
    for index, note in enumerate(notes):
        stop = note.start_s + note.duration_s
        if index + 1 < len(notes):
            stop = min(stop, notes[index + 1].start_s)
        duration = max(stop - note.start_s, 0.03)
        travel = duration * full_speed * (0.35 + 0.65 * note.velocity) / hair_m
        room = 0.95 - place if direction > 0 else place - 0.05
        if room < 0.4 * min(travel, 0.9):  # the bow is used up: change direction on this note
            direction = -direction
            room = 0.95 - place if direction > 0 else place - 0.05
        gap = note.start_s - knots[-1][0]
        if gap > 0.5:  # time for a retake near the frog
            place, direction = 0.12, 1.0
            room = 0.83
        knots.append((max(note.start_s, knots[-1][0] + 1e-3), place))
        place += direction * min(travel, room)
        knots.append((max(stop, knots[-1][0] + 1e-3), place))
        direction = -direction
        lift[(times >= note.start_s - 0.03) & (times <= stop + 0.05)] = 0.0
    moments, places = np.array(knots).T
    bow = gaussian_filter1d(np.interp(times, moments, places), 1.5)
    return bow, 0.05 * gaussian_filter1d(lift, 8.0)


def _fingering(
    notes: Sequence[Note], times: np.ndarray, open_pitches: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return string and hand position (semitones from the nut) over time."""
    strings, frets, starts = [], [], []
    hand = 2.0
    for note in notes:
        candidates = [index for index, pitch in enumerate(open_pitches) if pitch <= note.pitch]
        string = candidates[-1] if candidates else 0
        stop = max(0, note.pitch - open_pitches[string])
        # Four fingers cover about five semitones; the hand moves no more than it must.
        if stop > 0:
            hand = float(np.clip(hand, max(1.0, stop - 4.0), max(1.0, stop)))
        strings.append(string)
        frets.append(hand)
        starts.append(note.start_s)
    place = np.clip(np.searchsorted(starts, times + 0.04, side="right") - 1, 0, len(notes) - 1)
    string = gaussian_filter1d(np.array(strings, np.float64)[place], 4.0)
    return string, gaussian_filter1d(np.array(frets)[place], 6.0)


def _slide(notes: Sequence[Note], times: np.ndarray) -> np.ndarray:
    """Return the semitones by which the slide is out, 0 (first position) to 6 (seventh).

    A pitch can be played wherever one of the tube's partials lies up to six semitones above it; the
    hand moves no more than it must, and rather stays near.
    """
    places: list[float] = []
    place = 0.0
    for note in notes:
        offered = [float(p - note.pitch) for p in _PARTIALS if 0 <= p - note.pitch <= 6]
        if offered:
            now = place
            place = min(offered, key=lambda out: abs(out - now) + 0.4 * out)
        places.append(place)
    starts = [note.start_s for note in notes]
    index = np.clip(np.searchsorted(starts, times + 0.08, side="right") - 1, 0, len(notes) - 1)
    return gaussian_filter1d(np.array(places)[index], 7.0)


def _add_note_signals(signals: np.ndarray, notes: Sequence[Note], times: np.ndarray) -> None:
    """Add fingers, plucks and breath, which follow every single note."""
    left = np.zeros(len(times))
    right = np.zeros(len(times))
    pluck = np.zeros(len(times))
    breath = np.zeros(len(times))
    for index, note in enumerate(notes):
        first = int(note.start_s * RATE_HZ)
        last = max(first + 3, int((note.start_s + note.duration_s) * RATE_HZ))
        left[first:last] = np.cos(2.4 * note.pitch)
        right[first:last] = np.cos(1.3 * note.pitch + 1.0)
        swing = 1.0 if index % 2 else -1.0
        pluck[first : first + 12] = swing * (0.4 + 0.6 * note.velocity)
        breath[first:last] = 0.3 + 0.7 * note.velocity
    signals[:, _SIGNAL["left_fingers"]] = gaussian_filter1d(left, 2.5)
    signals[:, _SIGNAL["right_fingers"]] = gaussian_filter1d(right, 2.5)
    signals[:, _SIGNAL["pluck"]] = gaussian_filter1d(pluck, 3.0)
    signals[:, _SIGNAL["breath"]] = gaussian_filter1d(breath, 12.0)


def _add_sway(
    signals: np.ndarray, notes: Sequence[Note], times: np.ndarray, rng: np.random.Generator
) -> None:
    """Add slow sway of the trunk, stronger while playing, and nods on accented beginnings."""
    activity = np.full(len(times), 0.35)
    accents = np.zeros(len(times))
    for note in notes:
        first = int(note.start_s * RATE_HZ)
        last = int((note.start_s + note.duration_s) * RATE_HZ)
        activity[first:last] = 0.5 + 0.5 * note.velocity
        if first < len(accents):
            accents[first] += max(0.0, note.velocity - 0.35)
    activity = gaussian_filter1d(activity, 60.0)
    reach = rng.uniform(0.5, 1.3)
    for name, largest, slowness in (
        ("pitch_rad", 0.07, 60.0),
        ("roll_rad", 0.06, 70.0),
        ("yaw_rad", 0.09, 90.0),
        ("nod_rad", 0.10, 40.0),
        ("glance_rad", 0.15, 120.0),
    ):
        padding = int(4 * slowness)
        noise = gaussian_filter1d(rng.normal(size=len(times) + 2 * padding), slowness)
        # White noise through a Gaussian of width s keeps a variance of 1 / (2 √π s).
        noise *= np.sqrt(2 * np.sqrt(np.pi) * slowness)
        signals[:, _SIGNAL[name]] = (
            0.5 * reach * largest * activity * np.clip(noise[padding:-padding], -2.2, 2.2)
        )
    bump = gaussian_filter1d(accents, 8.0) * 8.0 * np.sqrt(2 * np.pi)
    signals[:, _SIGNAL["nod_rad"]] += 0.07 * reach * np.clip(bump, 0, 1)
