"""Chromium opens the page: what it shows, where it hears players, and what it plays."""

from __future__ import annotations

import base64
import functools
import shutil
from pathlib import Path

import numpy as np
from chromium import Chromium, Page
from client_figures import ClientFigures, burst_offset, tone_db
from golden_scene import BEHIND, LEFT, LISTENER_M, RATE_HZ, RIGHT, SOURCES

# The page cuts slots with a fade of so many samples on either side.
HALF_FADE = 240


@functools.cache
def missing() -> str:
    """Return why pages cannot be opened here; empty where they can."""
    return "" if shutil.which("chromium") else "chromium is not installed"


def started(browser: Chromium, folder: Path, **size: object) -> Page:
    """Open an exported page, and click Start."""
    page = browser.page(**size)
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    return page


def world(position: list[float]) -> np.ndarray:
    """Return a position of the page (x right, y up, −z front) in the scene's axes."""
    x, y, z = position
    return np.array([-z, -x, y])


def rendered(page: Page, from_s: float, seconds: float) -> np.ndarray:
    """Return both ears as the page's own graph plays them: (2, samples)."""
    text = page.run(f"auralize.render({{fromS: {from_s}, seconds: {seconds}}})")
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(2, -1)


def stem(page: Page, index: int, slot: int = 0) -> np.ndarray:
    """Return a stem as the page decoded it, from the beginning of a slot on."""
    text = page.run(f"auralize.stem({index}, {slot})")
    return np.frombuffer(base64.b64decode(text), "<f4")[HALF_FADE:]


def complaints(page: Page) -> list[str]:
    """Return what the page said on its console, without what the software renderer says."""
    return [line for line in page.complaints if "GL Driver Message" not in line]


def check(folder: Path) -> ClientFigures:
    """Open an export of the golden scene."""
    with Chromium() as browser:
        page = started(browser, folder)
        error_m = max(_seen_error_m(page), _heard_error_m(page))
        sound = rendered(page, 0.0, 2.0)
        left, right = (
            tuple(tone_db(ear, RATE_HZ, source.tone_hz, 0.6, 0.95) for ear in sound)
            for source in (LEFT, RIGHT)
        )
        offsets = [burst_offset(stem(page, index), source) for index, source in enumerate(SOURCES)]
        version = browser.version.replace("Chrome/", "Chromium ")
    return ClientFigures(
        client=version,
        position_error_m=error_m,
        left_db=(left[0], left[1]),
        right_db=(right[0], right[1]),
        start_offset_samples=max(map(abs, offsets)),
    )


def _seen_error_m(page: Page) -> float:
    """Return how far from their places the page shows everybody, at most, over all times."""
    error_m = 0.0
    page.run("auralize.pause()")
    for time_s in BEHIND.positions_m:
        page.run(f"auralize.seek({time_s})")
        page.run("new Promise((done) => setTimeout(done, 300))")
        state = page.run("auralize.state()")
        assert state["timeS"] == time_s
        for source, found in zip(SOURCES, state["sources"], strict=True):
            truth = source.positions_m.get(time_s, source.positions_m[0.0])
            for place in ("position", "shownAt"):
                error_m = max(error_m, float(np.abs(world(found[place]) - truth).max()))
        ears = world(state["listener"]["position"])
        error_m = max(error_m, float(np.abs(ears - LISTENER_M).max()))
    return error_m


def _heard_error_m(page: Page) -> float:
    """Return how far from their places the audio graph has sources, when the last one has arrived.

    Chromium moves the parameters of an audio graph while it plays only.
    """
    page.run("auralize.seek(1.55)")
    page.run("auralize.play()")
    page.wait_for("auralize.state().timeS > 1.65")
    sources = page.run("auralize.state()")["sources"]
    return max(
        float(np.abs(world(found["heardAt"]) - source.positions_m[2.0]).max())
        for source, found in zip(SOURCES, sources, strict=True)
    )
