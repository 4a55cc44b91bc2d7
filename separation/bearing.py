"""An acoustic cross-check: does each stem's sound come from where its performer is?

The network decides by looks alone. The microphones know better than chance where a sound comes
from: in the cells of the spectrogram that a mask owns, the phases between the microphones tell its
bearing. So a stem that sounds from another performer's place than its own is found. What is judged
is what the network said, before places of performers helped (`separation.array`).

For each frequency the covariance of the channels, weighted by a performer's mask, is set against
that of all others; the direction in which the two differ most is the stem's steering vector, free
of what leaks in from the others. It is compared with the plane waves of candidate directions.

Source: Warsitz and Haeb-Umbach 2007 (generalized eigenvectors); Souden, Benesty, Affes 2010;
DiBiase 2000 (SRP-PHAT) for the comparison of phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Complex128, Float, Float64

from capture.performer import Performer
from separation.directions import SPEED_OF_SOUND_M_S, Heard
from separation.stem import Stem, StemBearing

_LOADING = 1e-3

Verdict: TypeAlias = Literal["agrees", "unsure", "swapped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BearingConfig:
    """How bearings are estimated and judged.

    Attributes:
        lowest_hz: Frequencies count from here, for below it the array is too small,
        highest_hz: to here: above, plane waves from different directions look alike to it.
        margin: How much better the exchanged places of two stems must fit than their own for the
            two to be called swapped, and their own than the exchanged to agree. Fits are 0…1.
    """

    lowest_hz: float = 500.0
    highest_hz: float = 6000.0
    margin: float = 0.0075


def with_bearings(
    stems: Sequence[Stem],
    heard: Heard,
    microphones_m: Float[np.ndarray, "channels 3"],
    performers: Sequence[Performer],
    config: BearingConfig | None = None,
) -> tuple[Stem, ...]:
    """Return stems that say whether they sound from where their performers are.

    Stems that share a mask with another sound from several places: they are left as they are, and
    no other stem is compared with their places.

    Args:
        stems: One a performer.
        heard: What the masks alone let hear of each.
        microphones_m: Where the microphone of each of its channels is, in the world.
        performers: In the order of the stems.
        config: How.

    Returns:
        The stems; the same where fewer than two of them, or three channels, sound.

    Raises:
        ValueError: Numbers of channels and places, or of stems and performers, differ.
    """
    config = config or BearingConfig()
    count = heard.covariances.shape[-1]
    if count != len(microphones_m) or not len(stems) == len(performers) == len(heard.covariances):
        raise ValueError(
            f"{count} channels need as many places, not {len(microphones_m)}; {len(stems)} stems "
            f"as many performers, not {len(performers)}, and as much heard."
        )
    levels = np.trace(heard.covariances, axis1=2, axis2=3)
    sounding = [int(row) for row in np.flatnonzero(levels.any(axis=1))]
    if count < 3 or len(sounding) < 2:
        return tuple(stems)
    places_m = np.array([performers[row].trajectory.mean_position_m for row in sounding])
    away_m = places_m - microphones_m.mean(axis=0)
    scan = np.radians(np.arange(-180.0, 180.0))
    around = np.stack([np.cos(scan), np.sin(scan), np.zeros_like(scan)], axis=1)
    towards = away_m / np.linalg.norm(away_m, axis=1, keepdims=True)
    own = replace(heard, covariances=heard.covariances[sounding])
    fits = _fits(own, microphones_m, np.concatenate([towards, around]), config)
    checked = list(stems)
    alone = [place for place, row in enumerate(sounding) if not stems[row].shared_with]
    verdicts = judge(fits[np.ix_(alone, alone)], config.margin)
    for place, (verdict, other) in zip(alone, verdicts, strict=True):
        stem = stems[sounding[place]]
        partner = "" if other is None else stems[sounding[alone[other]]].name
        azimuth = np.degrees(scan[fits[place, len(sounding) :].argmax()])
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
        checked[sounding[place]] = replace(stem, bearing=bearing, note=note)
    return tuple(checked)


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


def _fits(
    heard: Heard,
    microphones_m: Float[np.ndarray, "channels 3"],
    directions: Float64[np.ndarray, "directions 3"],
    config: BearingConfig,
) -> Float64[np.ndarray, "stems directions"]:
    """Return how well plane waves from directions (unit vectors) fit each stem's phases, 0…1."""
    low, high = config.lowest_hz, config.highest_hz
    band = (heard.frequencies_hz >= low) & (heard.frequencies_hz <= high)
    covariances = heard.covariances[:, band]
    microphones_m = microphones_m - microphones_m.mean(axis=0)
    phases = 2 * np.pi * heard.frequencies_hz[band, None, None] / SPEED_OF_SOUND_M_S
    waves = np.exp(1j * phases * (microphones_m @ directions.T))
    total = covariances.sum(axis=0)
    fits = np.zeros((len(covariances), len(directions)))
    for row, covariance in enumerate(covariances):
        steering = _steering(covariance, total - covariance)
        fit = np.abs(np.einsum("fc,fcd->fd", steering.conj(), waves)) ** 2 / waves.shape[1] ** 2
        weight = np.sqrt(np.trace(covariance, axis1=1, axis2=2).real)
        fits[row] = weight @ fit / max(float(weight.sum()), 1e-20)
    return fits


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
