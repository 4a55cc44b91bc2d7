"""MatroskaFile: an index of a Matroska file, built by one pass over its headers.

Payloads stay on disk. The index takes 24 bytes a block, so an hour of recording takes a few
megabytes. A file that was cut off, or is damaged somewhere, opens up to the last whole block
before that place; `MatroskaFile.damage` says so.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int64

from capture.errors import FileFormatError
from capture.matroska.decoding import (
    EbmlError,
    Element,
    decode_block_header,
    decode_element,
    decode_float,
    decode_text,
    decode_uint,
    read_bytes,
    read_children,
    read_element,
    read_payload,
)
from capture.matroska.ids import TOP_LEVEL, UNKNOWN_SIZE, Id

_HEAD = 48
"""Bytes that hold the header of a block's element and of the block, lacing apart."""
_LACED_HEAD = 4096


@dataclass(slots=True, kw_only=True)
class TrackEntry:
    """One track and where its blocks lie.

    Attributes:
        number: As blocks name it.
        uid: As tags name it.
        kind: 1 video, 2 audio, 17 subtitles.
        name: A person's name for it.
        codec: Codec id.
        codec_private: What the codec needs to know.
        default_duration_ns: Of a frame, 0 where unknown.
        encoded: Whether payloads are compressed or encrypted.
        sample_rate_hz: Of audio.
        channels: Of audio.
        bit_depth: Of audio.
    """

    number: int = 0
    uid: int = 0
    kind: int = 0
    name: str = ""
    codec: str = ""
    codec_private: bytes = b""
    default_duration_ns: int = 0
    encoded: bool = False
    sample_rate_hz: float = 0.0
    channels: int = 1
    bit_depth: int = 0
    _blocks: array[int] = field(default_factory=lambda: array("q"))

    def add_block(self, time_ticks: int, offset: int, size: int) -> None:
        """Note a block's time, where its frames begin and how many bytes they have."""
        self._blocks.extend((time_ticks, offset, size))

    @property
    def blocks(self) -> Int64[np.ndarray, "blocks 3"]:
        """Time in ticks, offset and size of each block, in the order of time."""
        blocks = np.array(self._blocks, dtype=np.int64).reshape(-1, 3)
        return blocks[np.argsort(blocks[:, 0], kind="stable")]


class MatroskaFile:
    """An open Matroska file: a context manager.

    Attributes:
        path: Of the file.
        timestamp_scale_ns: Length of a tick.
        tracks: All tracks.
        tags: Text of all simple tags by name.
        attachments: Where the attached files lie, by name.
        damage: What is wrong with the file and where, or None.

    Raises:
        FileFormatError: The file is missing, unreadable or no Matroska file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.timestamp_scale_ns = 1_000_000
        self.tracks: list[TrackEntry] = []
        self.tags: dict[str, str] = {}
        self.attachments: dict[str, Element] = {}
        self.damage: str | None = None
        self._by_number: dict[int, TrackEntry] = {}
        try:
            self._file: BinaryIO = self.path.open("rb", buffering=0)
        except OSError as error:
            raise FileFormatError(f"{path}: cannot be read ({error.strerror}).") from error
        try:
            self._file_size = os.fstat(self._file.fileno()).st_size
            self._read_segment(self._find_segment())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> MatroskaFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes, such as a block's frames.

        Raises:
            FileFormatError: The file ends before, or cannot be read.
        """
        try:
            return read_bytes(self._file, offset, size)
        except (EbmlError, OSError) as error:
            raise FileFormatError(f"{self.path}: {error}; copy the file again.") from error

    def read_attachment(self, name: str) -> bytes | None:
        """Read an attached file, None where there is none of that name."""
        element = self.attachments.get(name)
        return None if element is None else self.read(element.data, element.size)

    def _find_segment(self) -> Element:
        try:
            head = read_element(self._file, 0)
            if head is None or head.id != Id.EBML or head.size > 4096:
                raise EbmlError("it does not begin with an EBML header")
            for child in read_children(self._file, head):
                if child.id == Id.DOC_TYPE:
                    kind = decode_text(read_payload(self._file, child))
                    if kind not in ("matroska", "webm"):
                        raise EbmlError(f"it is an EBML file of kind {kind!r}")
            segment = read_element(self._file, head.stop)
            if segment is None or segment.id != Id.SEGMENT:
                raise EbmlError("it has no segment")
            return segment
        except (EbmlError, OSError) as error:
            what = "is empty" if self._file_size == 0 else f"is no Matroska file: {error}"
            raise FileFormatError(f"{self.path}: {what}. Give an Azure Kinect MKV.") from error

    def _read_segment(self, segment: Element) -> None:
        stop = self._file_size if segment.size == UNKNOWN_SIZE else segment.stop
        offset = segment.data
        try:
            while offset < min(stop, self._file_size):
                child = read_element(self._file, offset)
                if child is None:
                    break
                offset = self._read_top_level(child)
        except (EbmlError, OSError) as error:
            self._note_damage(offset, str(error))
        if stop > self._file_size:
            self._note_damage(
                self._file_size, f"{stop - self._file_size} bytes that it announces are missing"
            )

    def _note_damage(self, offset: int, reason: str) -> None:
        if self.damage is None:
            self.damage = f"damaged or cut off at byte {offset} of {self._file_size} ({reason})"

    def _read_top_level(self, element: Element) -> int:
        """Read a child of the segment; return where the next one begins."""
        if element.id == Id.CLUSTER:
            return self._read_cluster(element)
        if element.size == UNKNOWN_SIZE or element.stop > self._file_size:
            raise EbmlError(f"the part at byte {element.start} is cut off")
        readers = {
            Id.INFO: self._read_info,
            Id.TRACKS: self._read_tracks,
            Id.ATTACHMENTS: self._read_attachments,
            Id.TAGS: self._read_tags,
        }
        if element.id in readers:
            readers[Id(element.id)](element)
        return element.stop

    def _read_cluster(self, cluster: Element) -> int:
        open_ended = cluster.size == UNKNOWN_SIZE
        stop = self._file_size if open_ended else cluster.stop
        cluster_time, offset = 0, cluster.data
        while offset < stop:
            head = self._head(offset)
            child = decode_element(head, offset)
            if open_ended and child.id in TOP_LEVEL:
                return offset
            if child.size == UNKNOWN_SIZE or child.stop > self._file_size:
                raise EbmlError("the last cluster is cut off")
            if child.id == Id.CLUSTER_TIMESTAMP:
                cluster_time = decode_uint(head[child.data - offset :][: child.size])
            elif child.id == Id.SIMPLE_BLOCK:
                self._add_block(cluster_time, child, head[child.data - offset :])
            elif child.id == Id.BLOCK_GROUP:
                for part in read_children(self._file, child):
                    if part.id == Id.BLOCK:
                        self._add_block(cluster_time, part, self._head(part.data))
            offset = child.stop
        return stop

    def _head(self, offset: int) -> bytes:
        return read_bytes(self._file, offset, min(_HEAD, self._file_size - offset))

    def _add_block(self, cluster_time: int, block: Element, head: bytes) -> None:
        try:
            header = decode_block_header(head[: block.size])
        except EbmlError:
            head = read_bytes(self._file, block.data, min(_LACED_HEAD, block.size))
            header = decode_block_header(head)
        track = self._by_number.get(header.track)
        if track is not None:
            track.add_block(
                cluster_time + header.relative_time,
                block.data + header.length,
                block.size - header.length,
            )

    def _read_info(self, info: Element) -> None:
        for child in read_children(self._file, info):
            if child.id == Id.TIMESTAMP_SCALE:
                self.timestamp_scale_ns = decode_uint(read_payload(self._file, child))

    def _read_tracks(self, tracks: Element) -> None:
        for entry in read_children(self._file, tracks):
            if entry.id == Id.TRACK_ENTRY:
                track = TrackEntry()
                self._read_track(entry, track)
                self.tracks.append(track)
                self._by_number[track.number] = track

    def _read_track(self, parent: Element, track: TrackEntry) -> None:
        for child in read_children(self._file, parent):
            if child.id == Id.AUDIO:
                self._read_track(child, track)
            elif child.id == Id.CONTENT_ENCODINGS:
                track.encoded = True
            elif child.id in _TRACK_FIELDS:
                name, decode = _TRACK_FIELDS[Id(child.id)]
                setattr(track, name, decode(read_payload(self._file, child)))

    def _read_attachments(self, attachments: Element) -> None:
        for attached in read_children(self._file, attachments):
            if attached.id == Id.ATTACHED_FILE:
                parts = {part.id: part for part in read_children(self._file, attached)}
                if Id.FILE_NAME in parts and Id.FILE_DATA in parts:
                    name = decode_text(read_payload(self._file, parts[Id.FILE_NAME]))
                    self.attachments[name] = parts[Id.FILE_DATA]

    def _read_tags(self, tags: Element) -> None:
        for tag in read_children(self._file, tags):
            for simple in read_children(self._file, tag) if tag.id == Id.TAG else ():
                if simple.id == Id.SIMPLE_TAG:
                    texts = {
                        part.id: decode_text(read_payload(self._file, part))
                        for part in read_children(self._file, simple)
                        if part.id in (Id.TAG_NAME, Id.TAG_STRING)
                    }
                    self.tags[texts.get(Id.TAG_NAME, "")] = texts.get(Id.TAG_STRING, "")


_TRACK_FIELDS = {
    Id.TRACK_NUMBER: ("number", decode_uint),
    Id.TRACK_UID: ("uid", decode_uint),
    Id.TRACK_TYPE: ("kind", decode_uint),
    Id.NAME: ("name", decode_text),
    Id.CODEC_ID: ("codec", decode_text),
    Id.CODEC_PRIVATE: ("codec_private", bytes),
    Id.DEFAULT_DURATION: ("default_duration_ns", decode_uint),
    Id.SAMPLING_FREQUENCY: ("sample_rate_hz", decode_float),
    Id.CHANNELS: ("channels", decode_uint),
    Id.BIT_DEPTH: ("bit_depth", decode_uint),
}
