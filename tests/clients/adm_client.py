"""The EBU ADM Renderer reads and renders an ADM export."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import LEFT, LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, RIGHT, SOURCES

_TICKS_PER_S = 100_000


def missing() -> str:
    """Return why the renderer cannot be used; empty where it can."""
    for module in ("ear", "lxml", "multipledispatch", "pkg_resources"):
        if importlib.util.find_spec(module) is None:
            return f"the EBU ADM Renderer needs {module} (.ci/clients installs it)"
    return ""


def adm_file(folder: Path) -> Path:
    """Return the one BW64 file of an export."""
    (path,) = folder.glob("*.wav")
    return path


def read(path: Path):
    """Return what the renderer reads: for each object's name, times and places in world axes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ear.fileio import openBw64Adm

    found = {}
    with openBw64Adm(str(path)) as file:
        file.adm.validate()
        for each in file.adm.audioObjects:
            (pack,) = each.audioPackFormats
            (channel,) = pack.audioChannelFormats
            found[each.audioObjectName] = [
                (
                    None if block.rtime is None else float(block.rtime + block.duration),
                    _world(block.position, pack.absoluteDistance),
                    block.gain,
                )
                for block in channel.audioBlockFormats
            ]
    return found


def _world(position, unit_m: float) -> np.ndarray:
    """Return where the golden scene's listener hears a polar position, worked out anew."""
    azimuth = np.radians(position.azimuth + LISTENER_YAW_DEG)
    elevation = np.radians(position.elevation)
    away = unit_m * position.distance
    return np.array(LISTENER_M) + away * np.array(
        [
            np.cos(azimuth) * np.cos(elevation),
            np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ]
    )


def render(path: Path, layout: str, out: Path) -> np.ndarray:
    """Render to loudspeakers; shape (samples, loudspeakers)."""
    command = [
        *(sys.executable, "-W", "ignore", "-m", "ear.cmdline.render_file"),
        *("--strict", "-s", layout, str(path), str(out)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    sound, rate = soundfile.read(out, always_2d=True)
    assert rate == RATE_HZ
    return sound


def check(folder: Path) -> ClientFigures:
    """Read the objects, and render to a stereo pair."""
    path = adm_file(folder)
    objects = read(path)
    errors = []
    for source in SOURCES:
        blocks = objects[source.name]
        times = np.array([0.0 if end is None else end for end, *_ in blocks])
        places = np.stack([place for _, place, _ in blocks])
        for time, place in source.positions_m.items():
            there = [np.interp(time, times, places[:, axis]) for axis in range(3)]
            errors.append(np.linalg.norm(np.array(there) - place))
    sound = render(path, "0+2+0", folder.parent / "adm-0+2+0.wav")
    left, right = (
        tuple(tone_db(channel, RATE_HZ, source.tone_hz, 0.6, 1.9) for channel in sound.T)
        for source in (LEFT, RIGHT)
    )
    offsets = [burst_offset(sound.sum(axis=1), source) for source in SOURCES]
    return ClientFigures(
        client=f"EBU ADM Renderer {importlib.metadata.version('ear')}",
        position_error_m=float(max(errors)),
        left_db=left,
        right_db=right,
        start_offset_samples=max(offsets, key=abs),
    )


def write_with_ear(path: Path, sound: np.ndarray) -> None:
    """Write a file with the renderer's own writer: one object that goes from left to front above.

    It is at +90° for 0.4 s, then goes to (0°, 45°) within 0.2 s and stays; as loud as its samples.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lxml.etree
        from ear.fileio import openBw64
        from ear.fileio.adm.builder import ADMBuilder
        from ear.fileio.adm.chna import populate_chna_chunk
        from ear.fileio.adm.elements import AudioBlockFormatObjects, ObjectPolarPosition
        from ear.fileio.adm.generate_ids import generate_ids
        from ear.fileio.adm.xml import adm_to_xml
        from ear.fileio.bw64.chunks import ChnaChunk, FormatInfoChunk

    def block(start: Fraction, length: Fraction, azimuth: float, elevation: float):
        place = ObjectPolarPosition(azimuth=azimuth, elevation=elevation, distance=1.0)
        return AudioBlockFormatObjects(rtime=start, duration=length, position=place)

    builder = ADMBuilder()
    builder.create_programme(audioProgrammeName="Written by another program")
    builder.create_content(audioContentName="content")
    builder.create_item_objects(
        track_index=0,
        name="Traveller",
        block_formats=[
            block(Fraction(0), Fraction(2, 5), 90.0, 0.0),
            block(Fraction(2, 5), Fraction(1, 5), 0.0, 45.0),
            block(Fraction(3, 5), Fraction(2, 5), 0.0, 45.0),
        ],
    )
    generate_ids(builder.adm)
    chna = ChnaChunk()
    populate_chna_chunk(chna, builder.adm)
    axml = lxml.etree.tostring(adm_to_xml(builder.adm), encoding="utf-8")
    info = FormatInfoChunk(formatTag=1, channelCount=1, sampleRate=RATE_HZ, bitsPerSample=24)
    with openBw64(str(path), "w", chna=chna, formatInfo=info, axml=axml) as file:
        file.write(sound[:, None])
