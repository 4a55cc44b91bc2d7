"""Write a scene as a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from capture.axes import gltf_from_world
from capture.errors import DataError
from scenes.export.exported import ExportedScene, ExportedSource
from scenes.export.readme import readme
from scenes.export.web.cloud_slots import CloudSlots, choose_fineness, pack_clouds
from scenes.export.web.description import describe
from scenes.export.web.head_responses import pack_head
from scenes.export.web.page import MEDIA_FOLDER, write_page
from scenes.export.web.sound_slots import SoundSlots, at_page_rate, pack_sound, page_rate_hz

SLOT_S = 8.0
"""Sound and clouds come in pieces of this length."""

LONGEST_INLINE_S = 60.0
"""Longer scenes have their media in a folder beside the page."""

# All clouds of a scene together; with the stems of a quartet (4 × 14 kB/s) and base64 (4/3), five
# minutes are 49 MB, and below 60 where the estimate is a third too low.
_CLOUD_BYTES_A_SECOND = 65_000


def write(
    exported: ExportedScene, folder: Path, *, progress: Callable[[float], None] | None = None
) -> None:
    """Write a scene as index.html, with media in it or beside it, and README.md.

    Args:
        exported: The scene.
        folder: An empty folder.
        progress: Told the fraction that is done.

    Raises:
        DataError: The room's response cannot be used.
        DependencyError: This libsndfile writes no MP3.
    """
    rate_hz = page_rate_hz(exported.sample_rate_hz)
    slot_samples = round(SLOT_S * rate_hz)
    sounds, clouds = _packed(exported, rate_hz, slot_samples, progress or (lambda _: None))
    slot_count = len(sounds[0].slots)
    media: dict[str, bytes] = {}
    for slot in range(slot_count):
        media[f"sound{slot}"] = _joined([sound.slots[slot] for sound in sounds])
        if any(clouds):
            seen = [cloud.slots[slot] if cloud is not None else b"" for cloud in clouds]
            media[f"clouds{slot}"] = _joined(seen)
        if slot == 0:
            media |= _heard_through(exported, rate_hz)
    inline = exported.duration_s <= LONGEST_INLINE_S
    description = describe(
        exported,
        rate_hz=rate_hz,
        slot_samples=slot_samples,
        sounds=sounds,
        clouds=clouds,
        inline=inline,
        room_response="room" in media,
        head="head" in media,
    )
    write_page(folder, description, media)
    text = readme(
        exported,
        engine="the web",
        opening=_OPENING if inline else _OPENING + _OPENING_FOLDER,
        axes="x right, y up, −z front; metres",
        engine_from_world=gltf_from_world,
        more=_more(exported, rate_hz),
        checked_with="Chromium 156, headless.",
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _packed(
    exported: ExportedScene, rate_hz: int, slot_samples: int, progress: Callable[[float], None]
) -> tuple[list[SoundSlots], list[CloudSlots | None]]:
    """Pack the sound and the clouds of all sources, some at a time."""
    sources = exported.sources
    shown = [source for source in sources if source.clouds is not None and len(source.clouds)]
    budget = _CLOUD_BYTES_A_SECOND / max(1, len(shown))
    slot_count = -(-round(exported.duration_s * rate_hz) // slot_samples)

    def sound(source: ExportedSource) -> SoundSlots:
        samples = at_page_rate(source.samples, exported.sample_rate_hz)
        return pack_sound(samples, rate_hz, slot_samples=slot_samples, slot_count=slot_count)

    def clouds(source: ExportedSource) -> CloudSlots | None:
        if source.clouds is None or len(source.clouds) == 0:
            return None
        fineness = choose_fineness(source.clouds, budget)
        return pack_clouds(source.clouds, fineness, slot_s=SLOT_S, slot_count=slot_count)

    # Encoders and trees work outside Python's lock, so threads share the work.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        works = [pool.submit(sound, source) for source in sources]
        seen = [pool.submit(clouds, source) for source in sources]
        for done, _ in enumerate(as_completed([*works, *seen])):
            progress((done + 1) / (2 * len(sources)))
        return [work.result() for work in works], [work.result() for work in seen]


def _heard_through(exported: ExportedScene, rate_hz: int) -> dict[str, bytes]:
    """Return the response of the room and the head, where the scene has them."""
    media: dict[str, bytes] = {}
    if (response := exported.renders.get("room_response")) is not None:
        media["room"] = _room_response(response, exported.sample_rate_hz, rate_hz)
    if (head := exported.renders.get("head")) is not None:
        media["head"] = pack_head(head)
    return media


def _room_response(path: Path, sample_rate_hz: int, rate_hz: int) -> bytes:
    """Return the response of the room for two ears, in the form of a head of one direction."""
    import soundfile

    from scenes.export.web.head_responses import pack_responses

    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    if rate != sample_rate_hz or samples.shape[1] not in (1, 2) or not np.isfinite(samples).all():
        raise DataError(
            f"{path}: a room response has one or two finite channels at {sample_rate_hz} Hz; this "
            f"has {samples.shape[1]} at {rate} Hz. Render it again."
        )
    ears = samples.T if samples.shape[1] == 2 else np.repeat(samples.T, 2, axis=0)
    ears = np.stack([at_page_rate(ear.astype(np.float32), rate) for ear in ears])
    # Resampled or not, it is convolved: the sum over samples is what counts.
    ears = ears * (sample_rate_hz / rate_hz)
    return pack_responses(np.array([[1.0, 0.0, 0.0]]), ears[None])


def _joined(parts: Sequence[bytes]) -> bytes:
    """Return parts one after the other, behind their number and lengths (uint32)."""
    lengths = np.array([len(parts), *map(len, parts)], "<u4")
    return lengths.tobytes() + b"".join(parts)


_OPENING = """\
1. Open `index.html` in a browser (Chrome, Edge, Firefox or Safari of 2023 or newer): a double click
   will do, no server and no network is needed.
2. Put on headphones, and click **Start**.
3. Drag to look round, W A S D to walk, drag players and the head in the plan; `?` lists all keys.

To walk in a headset or on a phone, put the folder on any web server with https (sensors and VR are
not given to pages of plain http).
"""

_OPENING_FOLDER = f"""
Keep the folder `{MEDIA_FOLDER}` beside `index.html`: sound and clouds are loaded from there as they
are needed.
"""


def _more(exported: ExportedScene, rate_hz: int) -> str:
    resampled = (
        ""
        if rate_hz == exported.sample_rate_hz
        else f" They were resampled from {exported.sample_rate_hz} to {rate_hz} Hz, as MP3 wants."
    )
    head = (
        "the scene's own HRTF, by convolution"
        if "head" in exported.renders
        else "the browser's HRTF (PannerNode)"
    )
    room = (
        "The room is the response that Auralize rendered, the same for all players, for where the "
        "listener stands at the start."
        if "room_response" in exported.renders
        else "The scene has no room."
    )
    return (
        "## How it sounds\n\n"
        "Stems are MP3 of 112 kbit/s, cut into pieces of 8 s that the page joins to the sample. "
        f"All pieces start at one time of the audio clock.{resampled} Players are heard through "
        f"{head}, and fall by 6 dB per doubling of the distance, as in the scene. {room}\n\n"
        "The page is made of three.js (MIT licence, inside the page)."
    )
