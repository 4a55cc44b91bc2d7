"""Matroska's bricks: golden bytes of the RFCs, round trips, and files that are cut or broken."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import matroska
from capture.errors import FileFormatError
from capture.matroska import UNKNOWN_SIZE, EbmlError, Id, MatroskaFile
from capture.matroska.decoding import decode_block_header, decode_element, decode_float

HEADER = matroska.encode_master(Id.EBML, matroska.encode_text(Id.DOC_TYPE, "matroska"))


def segment(*children):
    return HEADER + matroska.encode_master(Id.SEGMENT, *children)


def tracks(*entries):
    return matroska.encode_master(Id.TRACKS, *entries)


def track(number, *details):
    return matroska.encode_master(
        Id.TRACK_ENTRY, matroska.encode_uint(Id.TRACK_NUMBER, number), *details
    )


def cluster(time, *blocks):
    return matroska.encode_master(
        Id.CLUSTER, matroska.encode_uint(Id.CLUSTER_TIMESTAMP, time), *blocks
    )


def opened(tmp_path, data):
    path = tmp_path / "file.mkv"
    path.write_bytes(data)
    with MatroskaFile(path) as file:
        payloads = {
            t.number: [(int(time), file.read(int(at), int(size))) for time, at, size in t.blocks]
            for t in file.tracks
        }
        return file, payloads


@pytest.mark.parametrize(
    ("size", "length", "encoded"),
    [
        (1, None, "81"),  # RFC 8794, section 4.4, table 4: the value 2 in one to four bytes
        (2, 1, "82"),
        (2, 2, "4002"),
        (2, 3, "200002"),
        (2, 4, "10000002"),
        (126, None, "fe"),
        (127, None, "407f"),  # all ones are reserved for "unknown"
        (UNKNOWN_SIZE, None, "01ffffffffffffff"),
    ],
)
def test_sizes_are_those_of_the_rfc(size, length, encoded):
    assert matroska.encode_size(size, length).hex() == encoded


@given(st.integers(0, 2**56 - 2), st.sampled_from(list(Id)))
def test_element_headers_come_back(size, element_id):
    head = element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")
    element = decode_element(head + matroska.encode_size(size), 100)
    assert (element.id, element.size, element.start) == (element_id, size, 100)


@given(st.integers(0, 2**64 - 1))
def test_unsigned_integers_take_no_byte_too_many(value):
    element = matroska.encode_uint(Id.TRACK_UID, value)
    payload = element[3:]
    assert int.from_bytes(payload, "big") == value
    assert value < 256 or payload[0] != 0


def test_floats_of_both_lengths():
    assert decode_float(struct.pack(">f", 0.5)) == 0.5
    assert decode_float(struct.pack(">d", 0.1)) == 0.1
    with pytest.raises(EbmlError):
        decode_float(b"\0\0")


@pytest.mark.parametrize(
    ("flags", "lacing", "frames"),
    [
        (0x00, b"", b"abcdef"),
        (0x02, bytes([2, 255, 10, 3]), b"x" * (265 + 3) + b"rest"),  # Xiph: 265, 3, rest
        (0x04, bytes([2]), b"aabbcc"),  # fixed: three of two bytes
        # RFC 9559, 10.3.3: EBML lacing of 800, 500 and 1000 bytes
        (0x06, bytes([2, 0x43, 0x20, 0x5E, 0xD3]), b"y" * 2300),
    ],
)
def test_frames_follow_the_head_whatever_the_lacing(flags, lacing, frames):
    block = b"\x85" + struct.pack(">hB", -7, flags) + lacing + frames
    header = decode_block_header(block)
    assert (header.track, header.relative_time) == (5, -7)
    assert block[header.length :] == frames


def test_a_block_lies_within_16_bits_of_its_cluster():
    with pytest.raises(ValueError, match="32767"):
        matroska.encode_block(1, 32768, b"")


def test_padding_has_the_size_asked_for():
    assert len(matroska.encode_void(9)) == 9
    assert len(matroska.encode_void(300)) == 300


def test_an_index_finds_tracks_tags_attachments_and_blocks(tmp_path):
    tag = matroska.encode_master(
        Id.TAGS,
        matroska.encode_master(
            Id.TAG,
            matroska.encode_master(
                Id.SIMPLE_TAG,
                matroska.encode_text(Id.TAG_NAME, "KEY"),
                matroska.encode_text(Id.TAG_STRING, "value"),
            ),
        ),
    )
    attachment = matroska.encode_master(
        Id.ATTACHMENTS,
        matroska.encode_master(
            Id.ATTACHED_FILE,
            matroska.encode_text(Id.FILE_NAME, "a.json"),
            matroska.encode(Id.FILE_DATA, b"{}"),
        ),
    )
    audio = matroska.encode_master(
        Id.AUDIO,
        matroska.encode_float(Id.SAMPLING_FREQUENCY, 48000.0),
        matroska.encode_uint(Id.CHANNELS, 7),
    )
    data = segment(
        matroska.encode_void(20),
        tracks(track(1, matroska.encode_text(Id.NAME, "DEPTH")), track(2, audio)),
        attachment,
        cluster(
            1000,
            matroska.encode_block(2, 5, b"later"),
            matroska.encode_block(1, -1, b"first", duration=3),
            matroska.encode_block(9, 0, b"of no track"),
        ),
        tag,
        cluster(2000, matroska.encode_block(1, 0, b"second")),
    )
    file, payloads = opened(tmp_path, data)
    assert file.damage is None
    assert file.tags == {"KEY": "value"}
    assert file.tracks[0].name == "DEPTH"
    assert (file.tracks[1].sample_rate_hz, file.tracks[1].channels) == (48000.0, 7)
    assert payloads == {1: [(999, b"first"), (2000, b"second")], 2: [(1005, b"later")]}
    with MatroskaFile(tmp_path / "file.mkv") as file:
        assert file.read_attachment("a.json") == b"{}"
        assert file.read_attachment("b.json") is None


def test_sizes_that_were_never_filled_in_are_found_out(tmp_path):
    unknown = matroska.encode_size(UNKNOWN_SIZE)
    data = (
        HEADER
        + Id.SEGMENT.to_bytes(4, "big")
        + unknown
        + tracks(track(1))
        + Id.CLUSTER.to_bytes(4, "big")
        + unknown
        + matroska.encode_uint(Id.CLUSTER_TIMESTAMP, 10)
        + matroska.encode_block(1, 0, b"a")
        + cluster(20, matroska.encode_block(1, 0, b"b"))
    )
    file, payloads = opened(tmp_path, data)
    assert file.damage is None
    assert payloads == {1: [(10, b"a"), (20, b"b")]}


@given(st.data())
def test_a_file_cut_anywhere_keeps_its_whole_blocks(tmp_path_factory, data):
    whole = segment(
        tracks(track(1)),
        *(cluster(100 * n, matroska.encode_block(1, 0, b"payload %d" % n)) for n in range(5)),
    )
    start = whole.index(Id.CLUSTER.to_bytes(4, "big"))
    cut = data.draw(st.integers(start, len(whole) - 1))
    file, payloads = opened(tmp_path_factory.mktemp("cut"), whole[:cut])
    assert file.damage is not None
    assert "cut off" in file.damage
    kept = [payload for _, payload in payloads[1]]
    assert kept == [b"payload %d" % n for n in range(5) if whole.find(b"payload %d" % n) + 9 <= cut]


def test_zeros_at_the_end_are_damage_and_not_the_end_of_the_world(tmp_path):
    whole = segment(tracks(track(1)), cluster(0, matroska.encode_block(1, 0, b"a")))
    size = len(whole) - len(HEADER) - 12
    longer = HEADER + Id.SEGMENT.to_bytes(4, "big") + matroska.encode_size(size + 1000, 8)
    body = whole[len(HEADER) + 5 :]
    file, payloads = opened(tmp_path, longer + body + bytes(1000 + size - len(body)))
    assert "byte" in (file.damage or "")
    assert payloads == {1: [(0, b"a")]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"RIFF\0\0\0\0WAVEfmt ", "no Matroska file"),
        (b"\0" * 64, "no Matroska file"),
        (matroska.encode_master(Id.EBML, matroska.encode_text(Id.DOC_TYPE, "other")), "'other'"),
        (HEADER, "no segment"),
        (HEADER[:7], "no Matroska file"),
    ],
)
def test_what_is_no_matroska_file_says_so(tmp_path, data, reason):
    path = tmp_path / "file.mkv"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=reason) as caught:
        MatroskaFile(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileFormatError, match="No such file"):
        MatroskaFile(tmp_path / "none.mkv")
