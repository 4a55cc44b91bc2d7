"""Matroska files: elements, blocks, and an index of a file.

An element is an id, a size and a payload; a master element's payload is elements again.

Source: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from capture.matroska.decoding import EbmlError, Element
from capture.matroska.encoding import (
    encode,
    encode_block,
    encode_float,
    encode_master,
    encode_size,
    encode_text,
    encode_uint,
    encode_void,
)
from capture.matroska.ids import UNKNOWN_SIZE, Id
from capture.matroska.index import MatroskaFile, TrackEntry

__all__ = [
    "UNKNOWN_SIZE",
    "EbmlError",
    "Element",
    "Id",
    "MatroskaFile",
    "TrackEntry",
    "encode",
    "encode_block",
    "encode_float",
    "encode_master",
    "encode_size",
    "encode_text",
    "encode_uint",
    "encode_void",
]
