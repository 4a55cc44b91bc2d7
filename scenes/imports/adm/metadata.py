"""Read ADM's XML: what each channel of a BW64 file is, and where it is over time.

Objects and loudspeaker channels with positions of their own are understood, of any writer; polar
or Cartesian. Scene-based sound (HOA), binaural sound and matrices are no sources and are left out.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from capture.axes import world_from_adm, world_from_spherical
from capture.errors import FileFormatError
from scenes.export.adm.bw64 import Bw64, TrackUid

_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)(?:S(\d+))?")
_PLACED = ("Objects", "DirectSpeakers")
_JUMP_S = 0.0001
"""A jump is a straight line of this length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmObject:
    """A channel of the file, placed.

    Attributes:
        name: As the file says.
        channel: Counted from 1.
        times_s: Shape (T,), increasing; on the file's time.
        positions_m: Shape (T, 3): relative to the listener, x front, y left, z up.
        gains: Shape (T,): factors on the samples.
        start_s: Before, it is silent.
        stop_s: From here on, too; None for never.
        is_muted: Whether the file says so.
    """

    name: str
    channel: int
    times_s: Float64[np.ndarray, "T"]
    positions_m: Float64[np.ndarray, "T 3"]
    gains: Float64[np.ndarray, "T"]
    start_s: float
    stop_s: float | None
    is_muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmContent:
    """What the metadata of a file says.

    Attributes:
        title: Name of the programme.
        objects: What can be placed.
        left_out: Names and kinds of what cannot.
    """

    title: str
    objects: tuple[AdmObject, ...]
    left_out: tuple[str, ...]


def read_metadata(file: Bw64) -> AdmContent:
    """Return what the chunks axml and chna of a file say.

    Raises:
        FileFormatError: A chunk is missing or broken.
    """
    if b"axml" not in file.chunks or not file.tracks:
        raise FileFormatError(
            f"{file.path}: a WAV file without ADM metadata (the chunks axml and chna). Export it "
            "as ADM BWF."
        )
    axml = file.chunks[b"axml"].rstrip(b"\0")
    if b"<!DOCTYPE" in axml or b"<!ENTITY" in axml:
        raise FileFormatError(f"{file.path}: its ADM metadata declares entities, and ADM has none.")
    try:
        return _Document(file, ElementTree.fromstring(axml)).content()
    except (ElementTree.ParseError, ValueError, KeyError) as error:
        raise FileFormatError(f"{file.path}: its ADM metadata is broken ({error}).") from error


class _Document:
    """The elements of an ADM document, by their identifiers."""

    def __init__(self, file: Bw64, root: ElementTree.Element) -> None:
        self._file = file
        self._tracks = {track.uid.upper(): track for track in file.tracks}
        self._elements: dict[str, ElementTree.Element] = {}
        self._objects: list[ElementTree.Element] = []
        self._title = file.path.stem
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
            for key in (f"{element.tag}ID", "UID"):
                if key in element.attrib:
                    self._elements[element.attrib[key].upper()] = element
            if element.tag == "audioObject":
                self._objects.append(element)
        programme = next(root.iter("audioProgramme"), None)
        if programme is not None:
            self._title = programme.get("audioProgrammeName", self._title)

    def content(self) -> AdmContent:
        objects: list[AdmObject] = []
        left_out: list[str] = []
        for element in self._objects:
            name = element.get("audioObjectName", element.get("audioObjectID", "object"))
            uids = [uid for uid in _texts(element, "audioTrackUIDRef") if uid[-8:] != "00000000"]
            for number, uid in enumerate(uids):
                track = self._tracks.get(uid.upper())
                if track is None:
                    raise ValueError(f"the object {name!r} names {uid}, which chna has not")
                full_name = name if len(uids) == 1 else f"{name} {number + 1}"
                channel = self._channel_format(track)
                kind = "" if channel is None else channel.get("typeDefinition", "")
                if channel is None or kind not in _PLACED:
                    left_out.append(f"{full_name} ({kind or 'a loudspeaker by its name'})")
                    continue
                objects.append(self._object(element, full_name, track, channel))
        return AdmContent(title=self._title, objects=tuple(objects), left_out=tuple(left_out))

    def _channel_format(self, track: TrackUid) -> ElementTree.Element | None:
        """Return the audioChannelFormat of a track; None if it is a common definition."""
        found = self._elements.get(track.format_id.upper())
        for step in ("audioStreamFormatIDRef", "audioChannelFormatIDRef"):
            if found is None or found.tag == "audioChannelFormat":
                break
            names = _texts(found, step)
            found = self._elements.get(names[0].upper()) if names else None
        return found

    def _object(
        self,
        element: ElementTree.Element,
        name: str,
        track: TrackUid,
        channel: ElementTree.Element,
    ) -> AdmObject:
        if not 1 <= track.channel <= self._file.channel_count:
            raise ValueError(f"{name!r} is channel {track.channel} of {self._file.channel_count}")
        pack = self._elements.get(track.pack_id.upper())
        absolute = _texts(pack, "absoluteDistance") if pack is not None else []
        # Negative: no absolute distance is given (BS.2076-2, audioPackFormat).
        unit_m = float(absolute[0]) if absolute and float(absolute[0]) > 0 else 1.0
        start_s = _seconds(element.get("start"), 0.0)
        length = element.get("duration")
        stop_s = None if length is None else start_s + _seconds(length, 0.0)
        keys = _keys(list(channel.iter("audioBlockFormat")), start_s, stop_s, unit_m)
        times, positions, gains = zip(*keys, strict=True)
        object_gain = _gain(element)
        return AdmObject(
            name=name,
            channel=track.channel,
            times_s=np.array(times),
            positions_m=np.stack(positions),
            gains=np.array(gains) * object_gain,
            start_s=start_s,
            stop_s=stop_s,
            is_muted="1" in _texts(element, "mute"),
        )


def _keys(
    blocks: list[ElementTree.Element], start_s: float, stop_s: float | None, unit_m: float
) -> list[tuple[float, Float64[np.ndarray, "3"], float]]:
    """Return times, positions and gains between which all goes in straight lines."""
    if not blocks:
        raise ValueError("an audioChannelFormat has no audioBlockFormat")
    keys: list[tuple[float, Float64[np.ndarray, "3"], float]] = []
    for block in sorted(blocks, key=lambda each: _seconds(each.get("rtime"), 0.0)):
        begin_s = start_s + _seconds(block.get("rtime"), 0.0)
        length_s = _seconds(block.get("duration"), (stop_s or begin_s) - begin_s)
        place, gain = unit_m * _place(block), _gain(block)
        if not keys:
            keys.append((begin_s, place, gain))
            reached_s = begin_s + length_s
        else:
            _append(keys, begin_s, keys[-1][1], keys[-1][2])
            reached_s = begin_s + max(_glide_s(block, length_s), _JUMP_S)
        _append(keys, reached_s, place, gain)
        _append(keys, begin_s + length_s, place, gain)
    return keys


def _append(
    keys: list[tuple[float, Float64[np.ndarray, "3"], float]],
    time_s: float,
    place_m: Float64[np.ndarray, "3"],
    gain: float,
) -> None:
    """Append a key if it is later than the last one."""
    if time_s > keys[-1][0] + _JUMP_S / 10:
        keys.append((time_s, place_m, gain))


def _glide_s(block: ElementTree.Element, length_s: float) -> float:
    """Return over which time a block goes to its position."""
    for jump in block.iter("jumpPosition"):
        if (jump.text or "").strip() == "1":
            return float(jump.get("interpolationLength", "0"))
    return length_s


def _place(block: ElementTree.Element) -> Float64[np.ndarray, "3"]:
    """Return a block's position in normalised distances: x front, y left, z up."""
    values = {
        each.get("coordinate", ""): float(each.text or "")
        for each in block.iter("position")
        if "bound" not in each.attrib
    }
    if "azimuth" in values:
        place = world_from_spherical(
            np.radians(values["azimuth"]),
            np.radians(values.get("elevation", 0.0)),
            np.array(values.get("distance", 1.0)),
        )
    elif "X" in values:
        place = world_from_adm(np.array([values["X"], values.get("Y", 0.0), values.get("Z", 0.0)]))
    else:
        raise ValueError("an audioBlockFormat has no position")
    if not np.isfinite(place).all():
        raise ValueError("a position is not finite")
    return place


def _gain(element: ElementTree.Element) -> float:
    for gain in element.findall("gain"):
        value = float(gain.text or "")
        linear = 10 ** (value / 20) if gain.get("gainUnit") == "dB" else value
        if not 0 <= linear < 1e6:
            raise ValueError(f"a gain of {gain.text}")
        return linear
    return 1.0


def _texts(element: ElementTree.Element, tag: str) -> list[str]:
    return [text for text in _stripped(element, tag) if text]


def _stripped(element: ElementTree.Element, tag: str) -> Iterator[str]:
    for child in element.findall(tag):
        yield (child.text or "").strip()


def _seconds(text: str | None, otherwise: float) -> float:
    """Return the seconds of hh:mm:ss.zzzzz, or of hh:mm:ss.zzzzzSfffff (zzzzz of fffff parts)."""
    if text is None:
        return otherwise
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time (hh:mm:ss.zzzzz)")
    hours, minutes, seconds, parts = match.groups()
    whole, _, fraction = seconds.partition(".")
    value = (
        int(fraction or "0") / int(parts)
        if parts and int(parts) > 0
        else float(f"0.{fraction or '0'}")
    )
    return 3600 * int(hours) + 60 * int(minutes) + int(whole) + value
