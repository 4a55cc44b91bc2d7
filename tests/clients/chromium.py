"""A headless Chromium, driven by its DevTools protocol over a pipe: no driver, no port.

One browser serves many pages; each page keeps what it asked of the network and what it said on its
console, so that a test can demand that both are empty.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--mute-audio",
    "--remote-debugging-pipe",
)

_PATIENCE_S = 100.0


class PageError(AssertionError):
    """What a page threw, or did not do in time."""


class Chromium:
    """A browser with a profile of its own; close it, or use it as a context."""

    def __init__(self, *flags: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The protocol wants the descriptors 3 and 4. A shell puts them there, whatever they are.
        program = shutil.which("chromium") or "chromium"
        words = [program, *FLAGS, *flags, f"--user-data-dir={self._profile}", "about:blank"]
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._bytes = b""
        self._answers: dict[int, dict[str, Any]] = {}
        self.pages: dict[str, Page] = {}
        self.version: str = self.send("Browser.getVersion")["product"]

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and forget its profile."""
        try:
            self.send("Browser.close")
        except (OSError, PageError):
            self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while number not in self._answers:
            self.receive()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def receive(self) -> None:
        """Take in one message."""
        while b"\0" not in self._bytes:
            if not select.select([self._read], [], [], _PATIENCE_S)[0]:
                raise PageError(f"Chromium said nothing for {_PATIENCE_S:g} s")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise PageError("Chromium has gone")
            self._bytes += part
        line, _, self._bytes = self._bytes.partition(b"\0")
        message = json.loads(line)
        if "id" in message:
            self._answers[message["id"]] = message
        elif (page := self.pages.get(message.get("sessionId", ""))) is not None:
            page.heard(message["method"], message["params"])

    def page(self, *, width: int = 960, height: int = 640, phone: bool = False) -> Page:
        """Open an empty page of some size."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        if phone:
            page.send("Emulation.setTouchEmulationEnabled", enabled=True)
        return page


class Page:
    """One page: what it shows, does and says."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self._loaded = False
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol for this page."""
        return self._browser.send(method, self._session, **parameters)

    def heard(self, method: str, parameters: dict[str, Any]) -> None:
        """Note what the page asks for, and what it says."""
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", str(details)))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            words = [str(a.get("value", a.get("description"))) for a in parameters["args"]]
            self.complaints.append(" ".join(words))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Page.loadEventFired":
            self._loaded = True

    def before(self, script: str) -> None:
        """Run a script in every page that is opened here, before the page's own."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str | Path) -> None:
        """Go somewhere and wait until it is loaded."""
        self._loaded = False
        self.send("Page.navigate", url=url.as_uri() if isinstance(url, Path) else url)
        while not self._loaded:
            self._browser.receive()

    def run(self, expression: str) -> Any:
        """Return the value of an expression (awaited), as JSON carries it."""
        result = self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=False,
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", str(details)))
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 30.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(expression):
            if time.monotonic() > end:
                raise PageError(f"not within {seconds:g} s: {expression}; {self.complaints}")
            time.sleep(0.05)

    def place_of(self, selector: str) -> tuple[float, float]:
        """Return the middle of an element on the screen, after scrolling it into sight."""
        query = f"document.querySelector({json.dumps(selector)})"
        x, y = self.run(
            f"(() => {{ const e = {query}; e.scrollIntoView({{block: 'nearest'}});"
            "const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        return x, y

    def click(self, selector: str) -> None:
        """Click the middle of an element with a real mouse."""
        self.drag([self.place_of(selector)])

    def drag(self, way: list[tuple[float, float]]) -> None:
        """Press the mouse at the first place, move along the others, and let go at the last."""
        self._mouse("mouseMoved", way[0], buttons=0)
        self._mouse("mousePressed", way[0])
        for place in way[1:]:
            self._mouse("mouseMoved", place)
        self._mouse("mouseReleased", way[-1], buttons=0)

    def _mouse(self, kind: str, place: tuple[float, float], buttons: int = 1) -> None:
        self.send(
            "Input.dispatchMouseEvent",
            type=kind,
            x=place[0],
            y=place[1],
            button="left" if kind != "mouseMoved" or buttons else "none",
            buttons=buttons,
            clickCount=1,
        )

    def press(
        self, key: str, code: str | None = None, *, text: str = "", shift: bool = False
    ) -> None:
        """Press a key and let it go."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowUp": 38}
        codes |= {"ArrowRight": 39, "ArrowDown": 40, "Escape": 27, "Home": 36, "End": 35}
        number = codes.get(key, ord(key.upper()) if len(key) == 1 else 0)
        common = {
            "key": key,
            "code": code or (f"Key{key.upper()}" if key.isalpha() and len(key) == 1 else key),
            "windowsVirtualKeyCode": number,
            "modifiers": 8 if shift else 0,
        }
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path: str | Path) -> None:
        """Write what is seen as PNG (or JPEG, by the name)."""
        kind = "jpeg" if str(path).endswith((".jpg", ".jpeg")) else "png"
        data = self.send("Page.captureScreenshot", format=kind)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Close the page."""
        self._browser.send("Target.closeTarget", targetId=self._target)
