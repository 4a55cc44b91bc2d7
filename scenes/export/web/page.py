"""The page's files: page.html with a scene put in, and media in it or beside it.

A page that is opened from a disk may not read files beside it, but it may run scripts. So media
are base64 in scripts: inside the page for a short scene, and for a long one in a folder of scripts
that call `auralizeMedia(name, base64)`, each loaded when its time comes.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

_SCENE = '<script type="application/json" id="scene"></script>'
_MEDIA = "<!-- media -->"
_TITLE = "<title>Auralize</title>"

MEDIA_FOLDER = "media"


def write_page(folder: Path, description: dict[str, Any], media: Mapping[str, bytes]) -> None:
    """Write index.html, and a folder of media where the description says that they are not inline.

    Args:
        folder: Where to.
        description: The scene, see `describe`.
        media: Name → content; names are of letters and digits.
    """
    page = page_text()
    for mark in (_SCENE, _MEDIA, _TITLE):
        if page.count(mark) != 1:
            raise RuntimeError(f"page.html has no single {mark}: build it again (scenes/page).")
    before, rest = page.split(_SCENE)
    between, after = rest.split(_MEDIA)
    before = before.replace(_TITLE, f"<title>{html.escape(str(description['title']))}</title>")
    inline = bool(description["inline"])
    with (folder / "index.html").open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        file.write(_SCENE.replace("></", f">{script_json(description)}</"))
        file.write(between)
        for name, text in _texts(media) if inline else ():
            file.write(f'<script type="text/plain" id="media-{name}">{text}</script>\n')
        file.write(after)
    if inline:
        return
    (folder / MEDIA_FOLDER).mkdir()
    for name, text in _texts(media):
        script = f'auralizeMedia("{name}","{text}")\n'
        (folder / MEDIA_FOLDER / f"{name}.js").write_text(script, encoding="ascii")


def page_text() -> str:
    """Return the built page, without a scene."""
    return (resources.files("scenes.export.web") / "page.html").read_text(encoding="utf-8")


def script_json(value: object) -> str:
    """Return JSON that may stand inside a script element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Neither an end of the script nor a comment can begin without this letter.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _texts(media: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for name, content in media.items():
        yield name, base64.b64encode(content).decode("ascii")
