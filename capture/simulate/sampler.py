"""Play a part on recorded notes: what an instrument sounds like in the open air, one metre away.

A note takes the recording nearest to it, reads it faster or slower with a band-limited
interpolator, goes round its loop for as long as it lasts, and is let go. Slurred notes cross-fade
and glide, soft notes are darker, long bowed notes grow a vibrato, and no two notes are quite the
same: pitch, level and the start of the recording vary a little.
"""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import soxr
from jaxtyping import Float64
from scipy import signal

from capture.instruments import canonical_instrument
from capture.simulate.playing_manners import MANNERS, Manner
from capture.simulate.samples import MARGIN, Voice, load_voice, read_zone, voice_variants
from capture.simulate.score import POLYPHONIC, Note, Part
from capture.waveform import Waveform

_RATE_HZ = 48000
_SLUR_GAP_S = 0.02
_ALTO_LOWEST_TENOR_HIGHEST = (49, 76)


def play_part(
    part: Part,
    duration_s: float,
    sample_rate_hz: int = _RATE_HZ,
    *,
    rng: np.random.Generator,
    variant: str | None = None,
) -> Waveform:
    """Play a part, without any room.

    A sustained note at velocity 1 has −20 dBFS RMS (a guitar's note has −28 dBFS, for it sounds up
    to six at once); velocity v lowers it by 30·log10(1/v) dB.

    Args:
        part: The notes.
        duration_s: Length of the result; what rings longer is cut with a short fade.
        sample_rate_hz: Rate of the result.
        rng: Random generator of the player's small liberties, and of the variant.
        variant: Which recorded player (see `voice_variants`); drawn if None.

    Returns:
        One channel, round(duration_s · sample_rate_hz) samples.

    Raises:
        ValueError: An unknown instrument or variant, a length or rate that is not positive, or a
            note that does not start within the take.
        FileFormatError: The installed sample files are missing or broken.
    """
    if not (np.isfinite(duration_s) and duration_s > 0 and sample_rate_hz > 0):
        raise ValueError(
            f"duration_s and sample_rate_hz must be positive, got {duration_s} and "
            f"{sample_rate_hz}."
        )
    for note in part.notes:
        if not 0 <= note.start_s < duration_s:
            raise ValueError(f"a note starts at {note.start_s} s, outside 0 … {duration_s} s.")
    instrument = canonical_instrument(part.instrument)
    voice = load_voice(instrument, variant or _draw_variant(part, instrument, rng))
    player = _Player(voice=voice, manner=MANNERS[instrument], rng=rng)
    sound = np.zeros(round(duration_s * _RATE_HZ))
    previous: Note | None = None
    slurs = instrument not in POLYPHONIC
    for note, after in zip_longest(part.notes, part.notes[1:]):
        slurred_from = previous if slurs and _slurred(previous, note) else None
        start, samples = player.play(note, slurred_from, slurs and _slurred(note, after))
        room = sound[start : start + len(samples)]
        room += samples[: len(room)]
        previous = note
    sound = np.asarray(signal.sosfilt(_draw_tone(rng), sound))
    fade = min(len(sound), round(0.01 * _RATE_HZ))
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade)
    if sample_rate_hz != _RATE_HZ:
        sound = soxr.resample(sound, _RATE_HZ, sample_rate_hz, quality="VHQ")
    length = round(duration_s * sample_rate_hz)
    sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    return Waveform(samples=sound[None].astype(np.float32), sample_rate_hz=sample_rate_hz)


def _slurred(before: Note | None, after: Note | None) -> bool:
    """Say whether one note runs into the next, at another pitch."""
    if before is None or after is None or before.pitch == after.pitch:
        return False
    return abs(after.start_s - before.stop_s) < _SLUR_GAP_S


def _draw_variant(part: Part, instrument: str, rng: np.random.Generator) -> str:
    """Draw a recorded player; a saxophone part that is too high for a tenor goes to the alto."""
    variants = list(voice_variants(instrument))
    drawn = str(rng.choice(variants))
    if instrument == "saxophone":
        highest = max((note.pitch for note in part.notes), default=60)
        lowest = min((note.pitch for note in part.notes), default=60)
        if highest > _ALTO_LOWEST_TENOR_HIGHEST[1]:
            drawn = "alto"
        elif lowest < _ALTO_LOWEST_TENOR_HIGHEST[0]:
            drawn = "tenor"
    return drawn


def _draw_tone(rng: np.random.Generator) -> Float64[np.ndarray, "2 6"]:
    """Draw the body of one instrument: two broad resonances of at most ±4 dB.

    Source: R. Bristow-Johnson, Audio EQ Cookbook, peaking filter.
    """
    sections: list[list[float]] = []
    for low_hz, high_hz in ((250.0, 900.0), (1200.0, 5000.0)):
        frequency = float(np.exp(rng.uniform(np.log(low_hz), np.log(high_hz))))
        gain = 10 ** (float(np.clip(rng.normal(0, 2), -4, 4)) / 40)
        turn = 2 * np.pi * frequency / _RATE_HZ
        alpha = np.sin(turn) / (2 * 0.9)
        a0 = 1 + alpha / gain
        middle = -2 * np.cos(turn) / a0
        sections.append(
            [
                (1 + alpha * gain) / a0,
                middle,
                (1 - alpha * gain) / a0,
                1.0,
                middle,
                (1 - alpha / gain) / a0,
            ]
        )
    return np.array(sections)


class _Player:
    """One player: a voice, a manner, and the player's own vibrato."""

    def __init__(self, *, voice: Voice, manner: Manner, rng: np.random.Generator) -> None:
        self._voice = voice
        self._manner = manner
        self._rng = rng
        self._vibrato_hz = float(rng.normal(5.6, 0.3))
        self._vibrato_cents = manner.vibrato_cents * float(rng.uniform(0.6, 1.0))

    def play(
        self, note: Note, slurred_from: Note | None, slurred_on: bool
    ) -> tuple[int, Float64[np.ndarray, "samples"]]:
        """Return the first sample at which a note sounds, and its sound."""
        manner, rng = self._manner, self._rng
        zone = self._voice.zone_for(note.pitch)
        held = max(1, round(note.duration_s * _RATE_HZ))
        tail_s = manner.slur_s if slurred_on else 2 * manner.release_s
        count = held + round(tail_s * _RATE_HZ)
        times = np.arange(count) / _RATE_HZ

        # A slow attack leaves a short note no time to speak: enter the recording later.
        attack_s = min(zone.attack_s, manner.longest_attack_s, 0.25 * note.duration_s)
        enter_s = zone.attack_s + 0.05 if slurred_from else zone.attack_s - attack_s
        if zone.loop_start is not None:
            enter_s += float(rng.uniform(0, 0.01))
        cents = self._cents(note, slurred_from, times)
        semitones = note.pitch - zone.pitch + cents / 100
        speed = self._voice.sample_rate_hz / _RATE_HZ * 2 ** (semitones / 12)
        positions = MARGIN + enter_s * self._voice.sample_rate_hz + np.cumsum(speed) - speed[0]
        samples = read_zone(zone, positions)

        gain = self._gain(note, times, held)
        rise_s = manner.slur_s if slurred_from else (0.012 if enter_s > 0.002 else 0.001)
        gain *= np.sin(0.5 * np.pi * np.clip((times + 1e-5) / rise_s, 0, 1))
        late = times[held:] - times[held - 1]
        if slurred_on:
            gain[held:] *= np.cos(0.5 * np.pi * np.clip(late / manner.slur_s, 0, 1))
        else:
            # 20 dB in release_s, and to nothing at the end of the tail.
            gain[held:] *= 10 ** (-late / manner.release_s) * (1 - late / tail_s).clip(0)
        return round(note.start_s * _RATE_HZ), self._darken(samples * gain, note)

    def _cents(
        self, note: Note, slurred_from: Note | None, times: Float64[np.ndarray, "samples"]
    ) -> Float64[np.ndarray, "samples"]:
        """Return a note's deviation from its pitch: its tuning, drift, vibrato and glide."""
        rng, manner = self._rng, self._manner
        cents = np.full(len(times), float(np.clip(rng.normal(0, 2), -4, 4)))
        if manner.vibrato_cents == 0:
            return cents
        rate, phase = rng.uniform(0.4, 1.3), rng.uniform(0, 2 * np.pi)
        cents += 1.5 * np.sin(2 * np.pi * rate * times + phase)
        if note.duration_s > manner.vibrato_delay_s + 0.15:
            depth = self._vibrato_cents * float(rng.uniform(0.6, 1.0))
            grown = np.clip((times - manner.vibrato_delay_s) / 0.4, 0, 1)
            hertz = self._vibrato_hz * (1 + 0.04 * np.sin(2 * np.pi * 0.7 * times + phase))
            cents += depth * grown * np.sin(2 * np.pi * np.cumsum(hertz) / _RATE_HZ)
        if slurred_from is not None:
            interval = 100.0 * np.clip(slurred_from.pitch - note.pitch, -3, 3)
            cents += interval * np.exp(-times / (0.25 * manner.slur_s))
        return cents

    def _gain(
        self, note: Note, times: Float64[np.ndarray, "samples"], held: int
    ) -> Float64[np.ndarray, "samples"]:
        """Return a note's level over time: its velocity, a swell, a slow unsteadiness."""
        level_db = self._manner.level_db + 30 * np.log10(max(note.velocity, 1e-3))
        level_db += float(self._rng.normal(0, 0.4))
        if self._manner.vibrato_cents == 0:
            return np.full(len(times), 10 ** (level_db / 20))
        along = np.clip(times * _RATE_HZ / held, 0, 1)
        size_db = float(self._rng.uniform(-1, 2)) * min(1.0, note.duration_s)
        rate, phase = self._rng.uniform(0.5, 2.0), self._rng.uniform(0, 2 * np.pi)
        unsteady_db = 0.3 * np.sin(2 * np.pi * rate * times + phase)
        return 10 ** ((level_db + size_db * np.sin(np.pi * along) + unsteady_db) / 20)

    def _darken(
        self, samples: Float64[np.ndarray, "samples"], note: Note
    ) -> Float64[np.ndarray, "samples"]:
        """Take treble from a soft note: a first-order shelf of up to 9 dB above four times f0."""
        fundamental_hz = 440 * 2 ** ((note.pitch - 69) / 12)
        corner_hz = min(max(4 * fundamental_hz, 800.0), 8000.0)
        kept = 10 ** (-9 * (1 - note.velocity) / 20)
        pole = np.exp(-2 * np.pi * corner_hz / _RATE_HZ)
        low = np.asarray(signal.lfilter([1 - pole], [1, -pole], samples))
        return kept * samples + (1 - kept) * low
