"""What separation gives: a stem for each performer, the residual, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from capture.waveform import Sound, Waveform, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class StemBearing:
    """What the microphones say of where a stem sounds from, see `separation.bearing`.

    Attributes:
        azimuth_deg: Where its sound comes from, anticlockwise from +x, seen from the microphones.
        expected_deg: Where its performer is.
        verdict: "agrees"; "swapped", the stem fits another performer's place better, whose stem
            fits this one's; or "unsure", it fits both about equally.
        partner: The other performer's name; "" where the verdict is that it agrees.
    """

    azimuth_deg: float
    expected_deg: float
    verdict: Literal["agrees", "unsure", "swapped"]
    partner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """One performer's separated sound.

    Attributes:
        name: The performer's name.
        sound: Mono, as long as the recording and at its rate.
        shared_with: Other performers that the network cannot tell from this one: the microphones
            divide their mask by where they are, or each gets an equal part.
        bearing: Whether it sounds from where the performer is; None where no array heard it.
        note: What a person must know of this stem, or "".
    """

    name: str
    sound: Sound
    shared_with: tuple[str, ...] = ()
    bearing: StemBearing | None = None
    note: str = ""

    @property
    def waveform(self) -> Waveform:
        """All of its sound, read into memory."""
        return whole(self.sound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How stems came about.

    Attributes:
        model: Name of the network.
        model_sha256: Hash of its weights in float32, whatever the file holds.
        sample_rate_hz: Of the recording and of each stem.
        sample_count: Of the recording and of each stem.
        extrapolated_above_hz: The network heard nothing above this; what stems hold there is
            extended from each performer's energy below. None where nothing is.
        reconstruction_db: Energy of mixture − stems − residual over that of the mixture.
        residual_db: Energy of the residual over that of the mixture.
        device: Where the network ran: "cpu", "cuda", or "cpu, because …" where the GPU's memory
            was too small.
        poses: Performer's name → where its joints are from: "body tracker" or "estimated"; empty
            where the network watches no movement.
        directions: Whether players' places helped to separate them: "used"; "unknown, because …"
            where there are too few microphones or nobody knows where they are; "not used, because
            …" where players are not heard from there; or "unknown" where it was not asked.
        config: The settings of the separation.
    """

    model: str
    model_sha256: str
    sample_rate_hz: int
    sample_count: int
    extrapolated_above_hz: float | None
    reconstruction_db: float
    residual_db: float
    config: dict[str, Any]
    device: str = "cpu"
    poses: dict[str, str] = field(default_factory=dict[str, str])
    directions: str = "unknown"

    @property
    def directions_note(self) -> str:
        """A sentence for the user where players' places did not help, or ""."""
        why, because, reason = self.directions.partition(", because ")
        if because and why == "unknown":
            return (
                "Players' places could not help to separate them, nor stems be checked against "
                f"where they sound: {reason}."
            )
        if not self.directions.startswith("not used"):
            return ""
        return (
            f"The players' places were {self.directions}: `auralize capture microphones` finds out "
            "from claps how the microphones are turned."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Stems and residual, which add up to the mixture.

    Attributes:
        stems: One per performer, in the performers' order.
        residual_sound: What no performer got; mono.
        manifest: How they came about.
    """

    stems: tuple[Stem, ...]
    residual_sound: Sound
    manifest: Manifest

    @property
    def notes(self) -> list[str]:
        """What the user must know: who shares a mask, and what the microphones say against it."""
        shared: dict[frozenset[str], str] = {}
        exchanged: dict[frozenset[str], str] = {}
        for stem in self.stems:
            if stem.shared_with:
                shared.setdefault(frozenset((stem.name, *stem.shared_with)), stem.note)
            if stem.bearing is not None and stem.bearing.verdict != "agrees":
                partner = stem.bearing.partner
                exchanged.setdefault(frozenset((stem.name, partner)), _exchanged_note(stem))
        return [
            *shared.values(),
            *filter(None, [self.manifest.directions_note]),
            *exchanged.values(),
        ]

    @property
    def residual(self) -> Waveform:
        """All of what no performer got, read into memory."""
        return whole(self.residual_sound)


def _exchanged_note(stem: Stem) -> str:
    bearing = stem.bearing
    assert bearing is not None
    both = f"the stems of {stem.name} and {bearing.partner}"
    if bearing.verdict == "swapped":
        return (
            f"The microphones hear {both} rather from each other's place: listen whether they are "
            "exchanged."
        )
    return f"The microphones do not tell whether {both} are exchanged: listen."
