"""The parts of a K4A MKV that are no clusters, encoded: header, tracks, calibration, tags, cues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from capture import matroska
from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import COLOR_FORMATS, split_color_mode
from capture.k4a_mkv import layout
from capture.matroska import Id

_APPLICATION = "auralize"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFormat:
    """What a recording holds.

    Attributes:
        calibration: Of the sensor; its modes are the recording's.
        numbers: Track numbers by the names of `layout`; they serve as the tracks' UIDs too.
        fps: Frames a second of the images.
        audio_channels: Channels of the sound, 0 where there is none.
        audio_rate_hz: Sample rate of the sound.
        audio_bits: Of a sample.
        device_serial: The sensor's serial number.
        start_us: The device's time at time 0 of the recording.
        compact: Whether depth and infrared images are compressed.
    """

    calibration: Calibration
    numbers: Mapping[str, int]
    fps: int
    audio_channels: int
    audio_rate_hz: int
    audio_bits: int
    device_serial: str
    start_us: int
    compact: bool = False


def encode_ebml() -> bytes:
    """Encode the head of the file."""
    return matroska.encode_master(
        Id.EBML,
        matroska.encode_uint(Id.EBML_VERSION, 1),
        matroska.encode_uint(Id.EBML_READ_VERSION, 1),
        matroska.encode_uint(Id.EBML_MAX_ID_LENGTH, 4),
        matroska.encode_uint(Id.EBML_MAX_SIZE_LENGTH, 8),
        matroska.encode_text(Id.DOC_TYPE, "matroska"),
        matroska.encode_uint(Id.DOC_TYPE_VERSION, 2),
        matroska.encode_uint(Id.DOC_TYPE_READ_VERSION, 2),
    )


def encode_info(duration_us: float) -> bytes:
    """Encode the segment's information, the same length for any duration.

    There is no date in it: the same take gives the same bytes on any day.
    """
    return matroska.encode_master(
        Id.INFO,
        matroska.encode_uint(Id.TIMESTAMP_SCALE, layout.TICK_NS),
        matroska.encode_float(Id.DURATION, duration_us),
        matroska.encode_text(Id.MUXING_APP, _APPLICATION),
        matroska.encode_text(Id.WRITING_APP, _APPLICATION),
        matroska.encode_text(Id.TITLE, "Azure Kinect"),
    )


def encode_tracks(recording: RecordingFormat) -> bytes:
    """Encode all track entries."""
    entries = (_track_entry(recording, name) for name in recording.numbers)
    return matroska.encode_master(Id.TRACKS, *entries)


def encode_attachments(recording: RecordingFormat) -> bytes:
    """Encode the factory calibration as the attachment with UID 1."""
    return matroska.encode_master(
        Id.ATTACHMENTS,
        matroska.encode_master(
            Id.ATTACHED_FILE,
            matroska.encode_text(Id.FILE_NAME, layout.CALIBRATION_FILE),
            matroska.encode_text(Id.FILE_MIME_TYPE, "application/octet-stream"),
            matroska.encode(Id.FILE_DATA, recording.calibration.factory_json.encode()),
            matroska.encode_uint(Id.FILE_UID, 1),
        ),
    )


def encode_tags(recording: RecordingFormat) -> bytes:
    """Encode the tags in which the sensor's tools look everything up."""
    modes = {
        layout.COLOR: recording.calibration.color_mode or "OFF",
        layout.DEPTH: recording.calibration.depth_mode,
        layout.INFRARED: "ACTIVE",
        layout.IMU: "ON",
    }
    tags: list[bytes] = []
    for name, mode in modes.items():
        if name in recording.numbers:
            number = recording.numbers[name]
            target = _target("TRACK", Id.TAG_TRACK_UID, number)
            tags.append(_tag(f"K4A_{name}_TRACK", str(number), target))
            tags.append(_tag(f"K4A_{name}_MODE", mode, target))
    attachment = _target("ATTACHMENT", Id.TAG_ATTACHMENT_UID, 1)
    tags += [
        _tag("K4A_DEPTH_DELAY_NS", "0"),
        _tag("K4A_WIRED_SYNC_MODE", "STANDALONE"),
        _tag("K4A_DEVICE_SERIAL_NUMBER", recording.device_serial),
        _tag("K4A_CALIBRATION_FILE", layout.CALIBRATION_FILE, attachment),
        _tag("K4A_START_OFFSET_NS", str(recording.start_us * layout.TICK_NS)),
    ]
    return matroska.encode_master(Id.TAGS, *tags)


def encode_cues(track: int, cues: Sequence[tuple[int, int]]) -> bytes:
    """Encode an index of clusters: (time in µs, offset in the segment) of each."""
    points = (
        matroska.encode_master(
            Id.CUE_POINT,
            matroska.encode_uint(Id.CUE_TIME, time_us),
            matroska.encode_master(
                Id.CUE_TRACK_POSITIONS,
                matroska.encode_uint(Id.CUE_TRACK, track),
                matroska.encode_uint(Id.CUE_CLUSTER_POSITION, position),
            ),
        )
        for time_us, position in cues
    )
    return matroska.encode_master(Id.CUES, *points)


def encode_seek_head(positions: Mapping[int, int]) -> bytes:
    """Encode where in the segment each of its parts begins, by its id."""
    seeks = (
        matroska.encode_master(
            Id.SEEK,
            matroska.encode(Id.SEEK_ID, element_id.to_bytes(4, "big")),
            matroska.encode_uint(Id.SEEK_POSITION, position),
        )
        for element_id, position in positions.items()
    )
    return matroska.encode_master(Id.SEEK_HEAD, *seeks)


def _track_entry(recording: RecordingFormat, name: str) -> bytes:
    number = recording.numbers[name]
    if name == layout.IMU:
        kind, codec, details = layout.TRACK_TYPE_SUBTITLE, layout.CODEC_IMU, b""
    elif name == layout.AUDIO:
        kind, codec, details = layout.TRACK_TYPE_AUDIO, layout.CODEC_PCM, _audio_details(recording)
    else:
        kind, codec = layout.TRACK_TYPE_VIDEO, layout.CODEC_VIDEO
        details = _video_details(recording, name)
    return matroska.encode_master(
        Id.TRACK_ENTRY,
        matroska.encode_uint(Id.TRACK_NUMBER, number),
        matroska.encode_uint(Id.TRACK_UID, number),
        matroska.encode_uint(Id.TRACK_TYPE, kind),
        matroska.encode_text(Id.NAME, name),
        matroska.encode_text(Id.CODEC_ID, codec),
        details,
    )


def _video_details(recording: RecordingFormat, name: str) -> bytes:
    camera = recording.calibration.depth
    fourcc, bits = layout.FOURCC_COMPACT if recording.compact else layout.FOURCC_DEPTH, 16
    if name == layout.COLOR:
        color_format, camera = split_color_mode(recording.calibration.color_mode or "")
        fourcc, bits = COLOR_FORMATS[color_format]
    private = layout.encode_bitmap_header(camera.width_px, camera.height_px, bits, fourcc)
    return (
        matroska.encode(Id.CODEC_PRIVATE, private)
        + matroska.encode_uint(Id.DEFAULT_DURATION, 1_000_000_000 // recording.fps)
        + matroska.encode_master(
            Id.VIDEO,
            matroska.encode_uint(Id.PIXEL_WIDTH, camera.width_px),
            matroska.encode_uint(Id.PIXEL_HEIGHT, camera.height_px),
        )
    )


def _audio_details(recording: RecordingFormat) -> bytes:
    return matroska.encode_master(
        Id.AUDIO,
        matroska.encode_float(Id.SAMPLING_FREQUENCY, float(recording.audio_rate_hz)),
        matroska.encode_uint(Id.CHANNELS, recording.audio_channels),
        matroska.encode_uint(Id.BIT_DEPTH, recording.audio_bits),
    )


def _target(kind: str, element_id: int, uid: int) -> bytes:
    return matroska.encode_text(Id.TARGET_TYPE, kind) + matroska.encode_uint(element_id, uid)


def _tag(name: str, text: str, target: bytes = b"") -> bytes:
    return matroska.encode_master(
        Id.TAG,
        matroska.encode(Id.TARGETS, target),
        matroska.encode_master(
            Id.SIMPLE_TAG,
            matroska.encode_text(Id.TAG_NAME, name),
            matroska.encode_text(Id.TAG_STRING, text),
        ),
    )
