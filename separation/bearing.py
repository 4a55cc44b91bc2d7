"""An acoustic cross-check: does each stem's sound come from where its performer is?

The network decides by looks alone. The microphones know better than chance where a sound comes
from: in the cells of the spectrogram that a stem owns, the phases between the microphones tell its
bearing. So a stem that sounds from another performer's place than its own is found.

For each frequency the covariance of the channels, weighted by the stem's share of each cell, is set
against that of all other stems; the direction in which the two differ most is the stem's steering
vector, free of what leaks in from the others. It is compared with the plane waves of candidate
directions.

Source: Warsitz and Haeb-Umbach 2007 (generalized eigenvectors); Souden, Benesty, Affes 2010;
DiBiase 2000 (SRP-PHAT) for the comparison of phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import scipy.fft
from jaxtyping import Bool, Complex128, Float, Float64

from capture.performer import Performer
from capture.waveform import Sound, blocks_of
from separation.stem import Separation, StemBearing

SPEED_OF_SOUND_M_S = 343.2
_BLOCK_FRAMES = 64
_LOADING = 1e-3

Verdict: TypeAlias = Literal["agrees", "unsure", "swapped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BearingConfig:
    """How bearings are estimated and judged.

    Attributes:
        fft_size: Samples of a frame, half of which the next one sees again.
        band_hz: Frequencies that count: below, the array is too small; above, plane waves from
            different directions look alike to it.
        margin: How much better the exchanged places of two stems must fit than their own for the
            two to be called swapped, and their own than the exchanged to agree. Fits are 0…1.
    """

    fft_size: int = 4096
    band_hz: tuple[float, float] = (500.0, 6000.0)
    margin: float = 0.0075


def with_bearings(
    separation: Separation,
    recording: Sound,
    microphones_m: Float[np.ndarray, "channels 3"],
    performers: Sequence[Performer],
    config: BearingConfig | None = None,
) -> Separation:
    """Return a separation whose stems say whether they sound from where their performers are.

    Stems that share a mask with another sound from several places: they are left as they are, and
    no other stem is compared with their places.

    Args:
        separation: From `separation.separator`.
        recording: All channels of what was separated; silent ones don't count.
        microphones_m: Where each channel's microphone is, in the world.
        performers: In the order of the stems.
        config: How.

    Returns:
        The separation; the same where fewer than two stems or three channels sound.

    Raises:
        ValueError: Numbers of channels and places, or of stems and performers, differ.
    """
    config = config or BearingConfig()
    count = recording.channel_count
    if count != len(microphones_m) or len(separation.stems) != len(performers):
        raise ValueError(
            f"{count} channels need as many places, not {len(microphones_m)}; "
            f"{len(separation.stems)} stems as many performers, not {len(performers)}."
        )
    sounds = [stem.sound for stem in separation.stems]
    heard = [int(channel) for channel in np.flatnonzero(_sounding(recording))]
    sounding = [row for row, sound in enumerate(sounds) if _sounding(sound).any()]
    if len(heard) < 3 or len(sounding) < 2:
        return separation
    places_m = np.array([performers[row].trajectory.mean_position_m for row in sounding])
    away_m = places_m - microphones_m[heard].mean(axis=0)
    scan = np.radians(np.arange(-180.0, 180.0))
    around = np.stack([np.cos(scan), np.sin(scan), np.zeros_like(scan)], axis=1)
    towards = away_m / np.linalg.norm(away_m, axis=1, keepdims=True)
    fits = bearing_fits(
        recording,
        heard,
        microphones_m[heard],
        [sounds[row] for row in sounding],
        np.concatenate([towards, around]),
        config,
    )
    count = len(sounding)
    stems = list(separation.stems)
    alone = [place for place, row in enumerate(sounding) if not stems[row].shared_with]
    verdicts = judge(fits[np.ix_(alone, alone)], config.margin)
    for place, (verdict, other) in zip(alone, verdicts, strict=True):
        stem = stems[sounding[place]]
        partner = "" if other is None else stems[sounding[alone[other]]].name
        azimuth = np.degrees(scan[fits[place, count:].argmax()])
        expected = np.degrees(np.arctan2(away_m[place, 1], away_m[place, 0]))
        bearing = StemBearing(
            azimuth_deg=round(float(azimuth), 1),
            expected_deg=round(float(expected), 1),
            verdict=verdict,
            partner=partner,
        )
        note = stem.note
        if verdict == "swapped":
            note = f"{note} {_swapped_note(stem.name, partner)}".strip()
        stems[sounding[place]] = replace(stem, bearing=bearing, note=note)
    return replace(separation, stems=tuple(stems))


def _swapped_note(name: str, partner: str) -> str:
    return (
        f"The microphones hear this stem rather from where {partner} is, and {partner}'s from "
        f"where {name} is: listen whether the two are exchanged."
    )


def judge(
    fits: Float[np.ndarray, "stems stems"], margin: float
) -> list[tuple[Verdict, int | None]]:
    """Return each stem's verdict and whom it is confused with, from how stems fit places.

    Args:
        fits: Row: stem; column: place.
        margin: See `BearingConfig.margin`.
    """
    own = np.diag(fits)
    # How much better two stems fit their own places than each other's.
    gains = own[:, None] + own[None, :] - fits - fits.T
    np.fill_diagonal(gains, np.inf)
    verdicts: list[tuple[Verdict, int | None]] = []
    for row in gains:
        partner = int(row.argmin())
        if row[partner] < -margin:
            verdicts.append(("swapped", partner))
        elif row[partner] < margin:
            verdicts.append(("unsure", partner))
        else:
            verdicts.append(("agrees", None))
    return verdicts


def bearing_fits(
    recording: Sound,
    channels: Sequence[int],
    microphones_m: Float[np.ndarray, "channels 3"],
    stems: Sequence[Sound],
    directions: Float64[np.ndarray, "directions 3"],
    config: BearingConfig,
) -> Float64[np.ndarray, "stems directions"]:
    """Return how well plane waves from each direction fit each stem's phases, 0…1.

    Args:
        recording: All channels.
        channels: Those that are not silent.
        microphones_m: Where the microphone of each of these is.
        stems: What was separated, at the recording's rate.
        directions: Unit vectors.
        config: How.
    """
    microphones_m = microphones_m - microphones_m.mean(axis=0)
    sample_rate_hz = recording.sample_rate_hz
    frequencies = scipy.fft.rfftfreq(config.fft_size, 1 / sample_rate_hz)
    low, high = config.band_hz
    band = np.flatnonzero((frequencies >= low) & (frequencies <= min(high, sample_rate_hz / 2)))
    covariances = np.zeros((len(stems), len(band), len(channels), len(channels)), np.complex128)
    powers = np.zeros((len(stems), len(band)))
    for seen, owned in _frames(recording, list(channels), stems, config.fft_size, band):
        shares = owned / np.maximum(owned.sum(axis=0), 1e-20)
        # Loud frames count less than by their power, so that no single chord decides.
        level = np.sqrt(np.maximum((np.abs(seen) ** 2).sum(axis=0), 1e-20))
        for row, share in enumerate(shares):
            weighted = (seen * (share / level)).transpose(1, 0, 2)
            covariances[row] += weighted @ seen.transpose(1, 2, 0).conj()
        powers += owned.sum(axis=2)
    phases = 2 * np.pi * frequencies[band, None, None] / SPEED_OF_SOUND_M_S
    waves = np.exp(1j * phases * (microphones_m @ directions.T))
    total = covariances.sum(axis=0)
    fits = np.zeros((len(stems), len(directions)))
    for row, covariance in enumerate(covariances):
        steering = _steering(covariance, total - covariance)
        fit = np.abs(np.einsum("fc,fcd->fd", steering.conj(), waves)) ** 2 / len(channels) ** 2
        weight = powers[row] ** 0.25
        fits[row] = weight @ fit / max(weight.sum(), 1e-20)
    return fits


def _sounding(sound: Sound) -> Bool[np.ndarray, " channels"]:
    """Return which channels are not silent all the time."""
    sounds = np.zeros(sound.channel_count, dtype=bool)
    for _, block in blocks_of(sound):
        sounds |= block.any(axis=1)
    return sounds


def _frames(
    recording: Sound,
    channels: list[int],
    stems: Sequence[Sound],
    size: int,
    band: np.ndarray,
) -> Iterator[
    tuple[Complex128[np.ndarray, "channels bins t"], Float64[np.ndarray, "stems bins t"]]
]:
    """Yield spectra of the channels and powers of the stems, some frames at once."""
    hop = size // 2
    window = np.hanning(size + 1)[:-1]
    starts = np.arange(0, max(recording.sample_count - size, 0) + 1, hop)
    for first in range(0, len(starts), _BLOCK_FRAMES):
        chosen = starts[first : first + _BLOCK_FRAMES]
        part = int(chosen[0]), min(int(chosen[-1]) + size, recording.sample_count)
        every = np.concatenate(
            [recording.read(*part)[channels], *(stem.read(*part) for stem in stems)]
        )
        if every.shape[1] < size:
            every = np.pad(every, ((0, 0), (0, size - every.shape[1])))
        frames = np.lib.stride_tricks.sliding_window_view(every, size, axis=1)[:, ::hop]
        spectra = np.asarray(scipy.fft.rfft(frames * window, axis=2))[:, :, band]
        seen, owned = np.split(spectra.transpose(0, 2, 1), [len(channels)])
        yield seen, np.abs(owned) ** 2


def _steering(
    wanted: Complex128[np.ndarray, "bins channels channels"],
    others: Complex128[np.ndarray, "bins channels channels"],
) -> Complex128[np.ndarray, "bins channels"]:
    """Return the phases, of modulus 1, in which a stem differs most from the others."""
    count = wanted.shape[-1]
    level = np.trace(others + wanted, axis1=1, axis2=2).real / count
    loaded = others + (_LOADING * level + 1e-20)[:, None, None] * np.eye(count)
    root = np.linalg.cholesky(loaded)
    inverse = np.linalg.inv(root)
    _, vectors = np.linalg.eigh(inverse @ wanted @ inverse.conj().transpose(0, 2, 1))
    steering = np.einsum("fcd,fd->fc", root, vectors[:, :, -1])
    return steering / np.maximum(np.abs(steering), 1e-20)
