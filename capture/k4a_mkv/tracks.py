"""Find a recording's tracks by its tags, and read its calibration."""

from __future__ import annotations

from capture.camera.calibration import Calibration
from capture.camera.k4a_modes import COLOR_FORMATS, COLOR_RESOLUTIONS, DEPTH_MODES, INFRARED_MODES
from capture.errors import FileFormatError
from capture.k4a_mkv import layout
from capture.matroska import MatroskaFile, TrackEntry


def find_track(file: MatroskaFile, name: str) -> TrackEntry | None:
    """Find a track by the UID in its tag, or by its name.

    Raises:
        FileFormatError: It is compressed as a whole.
    """
    uid = file.tags.get(f"K4A_{name}_TRACK", "")
    by_uid = [track for track in file.tracks if str(track.uid) == uid]
    by_name = [track for track in file.tracks if track.name == name]
    track = next(iter(by_uid + by_name), None)
    if track is not None and track.encoded:
        raise FileFormatError(
            f"{file.path}: track {name} is compressed, which the sensor's tools never do. "
            "Remux with `mkvmerge --compression -1:none`."
        )
    return track


def find_video_track(file: MatroskaFile, name: str) -> TrackEntry | None:
    """Find a track of images.

    Raises:
        FileFormatError: It was converted or is compressed as a whole.
    """
    track = find_track(file, name)
    if track is not None and track.codec != layout.CODEC_VIDEO:
        raise FileFormatError(
            f"{file.path}: track {name} is {track.codec}, not {layout.CODEC_VIDEO}: the "
            "file was converted. Give the recording as the sensor's tools wrote it."
        )
    return track


def is_compact(track: TrackEntry | None) -> bool:
    """Return whether a track's images are compressed, see `capture.k4a_mkv.compact`."""
    return track is not None and (
        layout.decode_bitmap_header(track.codec_private)[2] == layout.FOURCC_COMPACT
    )


def read_calibration(
    file: MatroskaFile,
    *,
    depth: TrackEntry | None,
    infrared: TrackEntry | None,
    color: TrackEntry | None,
) -> Calibration:
    """Read the factory calibration for the modes of a recording's tracks.

    Raises:
        FileFormatError: There is none, or it is broken.
        ValueError: No mode of the sensor has such images.
    """
    sensed = depth or infrared
    assert sensed is not None
    name = file.tags.get("K4A_CALIBRATION_FILE", layout.CALIBRATION_FILE)
    factory = file.read_attachment(name)
    if factory is None:
        raise FileFormatError(
            f"{file.path}: has no factory calibration attached ({name}), so depth cannot be "
            "turned into points. Give the recording as the sensor's tools wrote it."
        )
    width, height, fourcc = layout.decode_bitmap_header(sensed.codec_private)
    known = (layout.FOURCC_DEPTH, layout.FOURCC_COMPACT)
    if fourcc not in known:
        raise ValueError(f"depth images of kind {fourcc!r} are none of {known}")
    modes = DEPTH_MODES if depth else INFRARED_MODES
    sizes = {(m.width_px, m.height_px): mode for mode, m in modes.items()}
    if (width, height) not in sizes:
        raise ValueError(f"no depth mode has images of {width}×{height} pixels")
    try:
        return Calibration.from_json(
            factory.rstrip(b"\0").decode("utf-8"),
            depth_mode=sizes[width, height],
            color_mode=None if color is None else _color_mode(color),
        )
    except (UnicodeDecodeError, FileFormatError) as error:
        raise FileFormatError(f"{file.path}: {error}") from error


def _color_mode(track: TrackEntry) -> str:
    width, height, fourcc = layout.decode_bitmap_header(track.codec_private)
    formats = [name for name, (code, _) in COLOR_FORMATS.items() if code == fourcc]
    sizes = [
        name
        for name, m in COLOR_RESOLUTIONS.items()
        if (m.width_px, m.height_px) == (width, height)
    ]
    if not formats or not sizes:
        raise ValueError(f"no color mode has {fourcc!r} images of {width}×{height} pixels")
    return f"{formats[0]}_{sizes[0]}"
