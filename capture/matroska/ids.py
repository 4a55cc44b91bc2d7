"""Ids of Matroska's elements, with their length markers.

Source: RFC 9559, section 5.
"""

from __future__ import annotations

from enum import IntEnum

UNKNOWN_SIZE = -1
"""Stands for a size that is not known yet, as in a file that is still being written."""


class Id(IntEnum):
    """The elements that recordings of an Azure Kinect use."""

    EBML = 0x1A45DFA3
    EBML_VERSION = 0x4286
    EBML_READ_VERSION = 0x42F7
    EBML_MAX_ID_LENGTH = 0x42F2
    EBML_MAX_SIZE_LENGTH = 0x42F3
    DOC_TYPE = 0x4282
    DOC_TYPE_VERSION = 0x4287
    DOC_TYPE_READ_VERSION = 0x4285
    VOID = 0xEC
    CRC_32 = 0xBF
    SEGMENT = 0x18538067
    SEEK_HEAD = 0x114D9B74
    SEEK = 0x4DBB
    SEEK_ID = 0x53AB
    SEEK_POSITION = 0x53AC
    INFO = 0x1549A966
    TIMESTAMP_SCALE = 0x2AD7B1
    DURATION = 0x4489
    MUXING_APP = 0x4D80
    WRITING_APP = 0x5741
    TITLE = 0x7BA9
    TRACKS = 0x1654AE6B
    TRACK_ENTRY = 0xAE
    TRACK_NUMBER = 0xD7
    TRACK_UID = 0x73C5
    TRACK_TYPE = 0x83
    DEFAULT_DURATION = 0x23E383
    NAME = 0x536E
    CODEC_ID = 0x86
    CODEC_PRIVATE = 0x63A2
    CONTENT_ENCODINGS = 0x6D80
    VIDEO = 0xE0
    PIXEL_WIDTH = 0xB0
    PIXEL_HEIGHT = 0xBA
    AUDIO = 0xE1
    SAMPLING_FREQUENCY = 0xB5
    CHANNELS = 0x9F
    BIT_DEPTH = 0x6264
    CLUSTER = 0x1F43B675
    CLUSTER_TIMESTAMP = 0xE7
    SIMPLE_BLOCK = 0xA3
    BLOCK_GROUP = 0xA0
    BLOCK = 0xA1
    BLOCK_DURATION = 0x9B
    CUES = 0x1C53BB6B
    CUE_POINT = 0xBB
    CUE_TIME = 0xB3
    CUE_TRACK_POSITIONS = 0xB7
    CUE_TRACK = 0xF7
    CUE_CLUSTER_POSITION = 0xF1
    ATTACHMENTS = 0x1941A469
    ATTACHED_FILE = 0x61A7
    FILE_NAME = 0x466E
    FILE_MIME_TYPE = 0x4660
    FILE_DATA = 0x465C
    FILE_UID = 0x46AE
    CHAPTERS = 0x1043A770
    TAGS = 0x1254C367
    TAG = 0x7373
    TARGETS = 0x63C0
    TARGET_TYPE = 0x63CA
    TAG_TRACK_UID = 0x63C5
    TAG_ATTACHMENT_UID = 0x63C6
    SIMPLE_TAG = 0x67C8
    TAG_NAME = 0x45A3
    TAG_STRING = 0x4487


TOP_LEVEL = frozenset(
    {Id.SEEK_HEAD, Id.INFO, Id.TRACKS, Id.CLUSTER, Id.CUES, Id.ATTACHMENTS, Id.CHAPTERS, Id.TAGS}
)
"""Children of the segment: one of them ends a cluster whose size is not known."""
