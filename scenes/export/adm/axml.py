"""ADM's XML: a programme of objects, one a source.

Only what the first edition of BS.2076 had is relied on, because not every renderer reads more:
the whole level of an object, with the distance law in it, is the gain of its blocks. `mute` is of
the second edition; a muted object also has gain 0.

Source: ITU-R BS.2076-2, clauses 5 (elements), 6 (identifiers) and 8 (coordinates).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from scenes.export.adm.blocks import TICKS_PER_S, Block, ticks_up
from scenes.export.adm.bw64 import TrackUid
from scenes.export.exported import ExportedScene, ExportedSource

_NAMESPACE = "urn:ebu:metadata-schema:ebuCore_2014"
_FIRST_ID = 0x1001
_TYPE = {"typeLabel": "0003", "typeDefinition": "Objects"}
_PCM = {"formatLabel": "0001", "formatDefinition": "PCM"}
# What XML 1.0 cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def axml(
    exported: ExportedScene,
    source_blocks: Sequence[Sequence[Block]],
    *,
    absolute_distance_m: float,
    gain: float,
) -> bytes:
    """Return the XML of a scene.

    Args:
        exported: The scene.
        source_blocks: The blocks of each source.
        absolute_distance_m: What a normalised distance of 1 is.
        gain: Factor on all objects, where the samples were turned down.
    """
    root = ElementTree.Element("ebuCoreMain", {"xmlns": _NAMESPACE, "xml:lang": "en"})
    above = ElementTree.SubElement(ElementTree.SubElement(root, "coreMetadata"), "format")
    adm = ElementTree.SubElement(above, "audioFormatExtended", {"version": "ITU-R_BS.2076-2"})
    end = _time(ticks_up(exported.duration_s))
    title = _xml_text(exported.title)
    programme = ElementTree.SubElement(
        adm,
        "audioProgramme",
        {
            "audioProgrammeID": f"APR_{_FIRST_ID:04x}",
            "audioProgrammeName": title,
            "start": _time(0),
            "end": end,
        },
    )
    _line(programme, "audioContentIDRef", f"ACO_{_FIRST_ID:04x}")
    content = ElementTree.SubElement(
        adm,
        "audioContent",
        {"audioContentID": f"ACO_{_FIRST_ID:04x}", "audioContentName": title},
    )
    for index in range(len(exported.sources)):
        _line(content, "audioObjectIDRef", f"AO_{_FIRST_ID + index:04x}")
    for index, source in enumerate(exported.sources):
        _add_object(adm, index, source, end)
    for index, (source, of_source) in enumerate(zip(exported.sources, source_blocks, strict=True)):
        _add_formats(adm, index, source, of_source, absolute_distance_m, gain)
    for track in tracks(exported):
        element = ElementTree.SubElement(
            adm,
            "audioTrackUID",
            {"UID": track.uid, "sampleRate": str(exported.sample_rate_hz), "bitDepth": "24"},
        )
        _line(element, "audioTrackFormatIDRef", track.format_id)
        _line(element, "audioPackFormatIDRef", track.pack_id)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "utf-8") + b"\n"


def tracks(exported: ExportedScene) -> list[TrackUid]:
    """Return which channel of the file is whose."""
    return [
        TrackUid(
            channel=index + 1,
            uid=f"ATU_{index + 1:08x}",
            format_id=f"AT_0003{_FIRST_ID + index:04x}_01",
            pack_id=f"AP_0003{_FIRST_ID + index:04x}",
        )
        for index in range(len(exported.sources))
    ]


def _add_object(
    adm: ElementTree.Element, index: int, source: ExportedSource, duration: str
) -> None:
    element = ElementTree.SubElement(
        adm,
        "audioObject",
        {
            "audioObjectID": f"AO_{_FIRST_ID + index:04x}",
            "audioObjectName": _xml_text(source.name),
            "start": _time(0),
            "duration": duration,
        },
    )
    _line(element, "audioPackFormatIDRef", f"AP_0003{_FIRST_ID + index:04x}")
    _line(element, "audioTrackUIDRef", f"ATU_{index + 1:08x}")
    if not source.heard:
        _line(element, "mute", "1")


def _add_formats(
    adm: ElementTree.Element,
    index: int,
    source: ExportedSource,
    of_source: Sequence[Block],
    absolute_distance_m: float,
    gain: float,
) -> None:
    """Add an object's pack, channel, stream and track format."""
    number = f"0003{_FIRST_ID + index:04x}"
    name = _xml_text(source.name)
    pack = ElementTree.SubElement(
        adm,
        "audioPackFormat",
        {"audioPackFormatID": f"AP_{number}", "audioPackFormatName": name, **_TYPE},
    )
    _line(pack, "audioChannelFormatIDRef", f"AC_{number}")
    _line(pack, "absoluteDistance", _number(absolute_distance_m))
    channel = ElementTree.SubElement(
        adm,
        "audioChannelFormat",
        {"audioChannelFormatID": f"AC_{number}", "audioChannelFormatName": name, **_TYPE},
    )
    for order, block in enumerate(of_source):
        _add_block(
            channel,
            f"AB_{number}_{order + 1:08x}",
            block,
            block.distance_m / absolute_distance_m,
            gain,
        )
    stream = ElementTree.SubElement(
        adm,
        "audioStreamFormat",
        {"audioStreamFormatID": f"AS_{number}", "audioStreamFormatName": name, **_PCM},
    )
    _line(stream, "audioChannelFormatIDRef", f"AC_{number}")
    _line(stream, "audioTrackFormatIDRef", f"AT_{number}_01")
    track = ElementTree.SubElement(
        adm,
        "audioTrackFormat",
        {"audioTrackFormatID": f"AT_{number}_01", "audioTrackFormatName": name, **_PCM},
    )
    _line(track, "audioStreamFormatIDRef", f"AS_{number}")


def _add_block(
    channel: ElementTree.Element, identifier: str, block: Block, distance: float, gain: float
) -> None:
    times = (
        {}
        if block.start_ticks is None or block.length_ticks is None
        else {"rtime": _time(block.start_ticks), "duration": _time(block.length_ticks)}
    )
    element = ElementTree.SubElement(
        channel, "audioBlockFormat", {"audioBlockFormatID": identifier, **times}
    )
    _line(element, "cartesian", "0")
    for coordinate, value in (
        ("azimuth", block.azimuth_deg),
        ("elevation", block.elevation_deg),
        ("distance", distance),
    ):
        _line(element, "position", _number(value)).set("coordinate", coordinate)
    _line(element, "gain", _number(block.gain * gain))
    if times:
        _line(element, "jumpPosition", "0")


def _line(parent: ElementTree.Element, tag: str, text: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    element.text = text
    return element


def _number(value: float) -> str:
    """Return a number with six decimals, which at 10 m are less than a micrometre of direction."""
    return f"{value + 0.0:.6f}".replace("-0.000000", "0.000000")


def _time(ticks: int) -> str:
    """Return hh:mm:ss.zzzzz."""
    seconds, fraction = divmod(ticks, TICKS_PER_S)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{fraction:05d}"


def _xml_text(text: str) -> str:
    """Return text that XML can hold."""
    return _NOT_XML.sub("\ufffd", text)
