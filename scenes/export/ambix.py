"""Target `ambix`: the scene as AmbiX sound fields (ACN, SN3D), of first and of its own order.

    first_order.ambix.wav    4 channels: what video platforms and most engines take
    order_N.ambix.wav        (N + 1)² channels, where the scene's order is higher
    ambisonics.json          what the channels are, and how platforms call that
    README.md

Auralize renders them, with room, air and directivity; they turn with the scene's listener. Files
are 24-bit WAV whose channels belong to no loudspeakers (WAVEFORMATEXTENSIBLE, mask 0).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float32, Float64

from capture.axes import spherical_from_world
from capture.errors import DataError
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.readme import readme
from scenes.export.wav import gain_that_fits_db

_BLOCK = 65_536
_PCM, _EXTENSIBLE = 1, 0xFFFE
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_LARGEST_BYTES = 2**32 - 1
_FULL_SCALE = 2**23

_OPENING = """\
**360° video (YouTube, and what follows its convention)**: put the first-order file under your film
as uncompressed sound, then add the spatial-audio metadata with Google's *Spatial Media Metadata
Injector* (tick *My video has spatial audio*):

    ffmpeg -i film.mp4 -i first_order.ambix.wav -map 0:v -map 1:a -c:v copy -c:a pcm_s24le film.mov

Speech or music that does not turn with the head (head-locked stereo) goes in channels 5 and 6;
{stereo_note}:

    ffmpeg -i first_order.ambix.wav -i stereo.wav -filter_complex amerge=inputs=2 -c:a pcm_s24le \\
        first_order_and_stereo.wav

**Facebook / Meta 360**: their *FB360 Encoder* takes the first-order file as *B-format (ambiX)*,
and the stereo file beside it as *Head-locked stereo*.

**Unity**: import the first-order file, tick *Ambisonic* in its import settings, choose an ambisonic
decoder (*Project Settings → Audio*), and play it from an AudioSource with Spatial Blend 0.
**Unreal**: import the first-order file, tick *Is Ambisonics* in its settings, and send it to a
Soundfield Submix.
**Wwise**: any order; set *Ambisonic Channel Ordering* to ACN (AmbiX), because up to the third order
it takes files for FuMa.
**FMOD, Reaper (IEM, SPARTA)**: any order, AmbiX (ACN, SN3D).
**Web**: Omnitone or JSAmbisonics with ACN and SN3D.
**Headphones, now**: `auralize decode first_order.ambix.wav -o heard.wav --yaw-deg 30`."""

_MORE = """\
Channels are in ACN order (W Y Z X …) with SN3D weights, x front, y left, z up, seen from the
listener, who moves and turns as the scene says; `ambisonics.json` says it for programs. The sound
field is what one person hears at one place: unlike the exports with a sound for each source, one
can turn in it, but not walk."""

_CHECKED_WITH = """\
FFmpeg (reads files and films, keeps all channels in place), the EBU ADM Renderer 2.1.0 (decodes the
first order to loudspeakers), and directions from the intensity of the sound field."""


def write(exported: ExportedScene, folder: Path) -> None:
    """Write a scene's sound fields into an empty folder.

    Raises:
        DataError: A sound field is too long for a WAV file.
    """
    rendered = {"first_order.ambix.wav": exported.renders["ambix1"]}
    order = exported.described.output.ambisonic_order
    if order > 1:
        rendered[f"order_{order}.ambix.wav"] = exported.renders["ambix"]
    gain_db = gain_that_fits_db(
        (block for path in rendered.values() for block in _blocks(path)), "pcm24"
    )
    files = [
        _write_wav(folder / name, path, 10 ** (gain_db / 20)) for name, path in rendered.items()
    ]
    text = json.dumps(_description(exported, files, gain_db), indent=1, ensure_ascii=False)
    (folder / "ambisonics.json").write_text(text + "\n", encoding="utf-8")
    text = readme(
        exported,
        engine="ambisonics",
        opening=_OPENING.format(stereo_note="both files must have one sample rate"),
        axes="as in the scene, but from the listener: x front, y left, z up; metres",
        engine_from_world=lambda points: _from_listener(exported, points),
        gain_db=gain_db,
        more=_MORE,
        checked_with=_CHECKED_WITH,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _from_listener(
    exported: ExportedScene, points_m: Float64[np.ndarray, "*batch 3"]
) -> Float64[np.ndarray, "*batch 3"]:
    head = exported.listener.trajectory.at(0.0).inverse()
    return head.transform(np.atleast_2d(points_m)).reshape(points_m.shape)


def _description(
    exported: ExportedScene, files: list[dict[str, Any]], gain_db: float
) -> dict[str, Any]:
    return {
        "format": "auralize-ambix-1",
        "title": exported.title,
        "channel_ordering": "ACN",
        "normalization": "SN3D",
        "axes": "x front, y left, z up, of the listener at each time; azimuth to the left",
        "gain_db": gain_db,
        "head_locked_stereo": False,
        "files": files,
        # The fields of the box SA3D (Google, "Spatial Audio RFC"), which the injector writes.
        "sa3d": {
            **{"version": 0, "head_locked_stereo": 0, "ambisonic_type": 0, "ambisonic_order": 1},
            **{"ambisonic_channel_ordering": 0, "ambisonic_normalization": 0},
            **{"num_channels": 4, "channel_map": [0, 1, 2, 3]},
        },
        "sources_at_the_start": [_direction(exported, source) for source in exported.sources],
    }


def _direction(exported: ExportedScene, source: ExportedSource) -> dict[str, Any]:
    """Return where the listener hears a source at the start."""
    place = _from_listener(exported, source.first_position_m)
    azimuth, elevation, distance = spherical_from_world(place)
    return {
        "name": source.name,
        "heard": source.heard,
        "azimuth_deg": round(float(np.degrees(azimuth)), 4) + 0.0,
        "elevation_deg": round(float(np.degrees(elevation)), 4) + 0.0,
        "distance_m": round(float(distance), 6),
    }


def _write_wav(path: Path, rendered: Path, gain: float) -> dict[str, Any]:
    """Write a rendered sound field as 24-bit WAV; return what describes the file."""
    with soundfile.SoundFile(rendered) as sound:
        channels, rate, count = sound.channels, sound.samplerate, sound.frames
    data_bytes = 3 * channels * count
    if data_bytes > _LARGEST_BYTES - 1024:
        raise DataError(
            f"{count / rate:.0f} s of {channels} channels do not fit in a WAV file of at most "
            "4 GiB. Lower output.ambisonic_order, or export a shorter scene."
        )
    row = 3 * channels
    layout = struct.pack("<HHIIHH", _EXTENSIBLE, channels, rate, rate * row, row, 24)
    layout += struct.pack("<HHIH", 22, 24, 0, _PCM) + _SUBFORMAT_TAIL
    total = 4 + 8 + len(layout) + 8 + data_bytes + data_bytes % 2
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s4sI", b"RIFF", total, b"WAVE", b"fmt ", len(layout)))
        file.write(layout + struct.pack("<4sI", b"data", data_bytes))
        for block in _blocks(rendered):
            steps = np.rint(block.astype(np.float64) * (gain * _FULL_SCALE))
            words = steps.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype("<i4")
            file.write(words.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
        file.write(bytes(data_bytes % 2))
    order = round(channels**0.5) - 1
    return {
        "file": path.name,
        "order": order,
        "channels": channels,
        "degrees_and_indices": [[n, m] for n in range(order + 1) for m in range(-n, n + 1)],
        "sample_rate_hz": rate,
        "duration_s": count / rate,
    }


def _blocks(path: Path) -> Iterator[Float32[np.ndarray, "samples channels"]]:
    yield from soundfile.blocks(path, blocksize=_BLOCK, dtype="float32", always_2d=True)
