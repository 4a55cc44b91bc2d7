"""A server of one scene's page, for this machine only."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from auralize.exporting import Stage, export
from auralize.view.live_page import live_page
from auralize.view.watched_files import files_of_scene, stamps_of
from capture.errors import AuralizeError, DeviceError

_LOOPBACK = "127.0.0.1"
_MEDIA = re.compile(r"/media/[a-z]+[0-9]*\.js")
_EVENTS = re.compile(r"/events\?([0-9]{1,9})")
_LOOK_S = 0.4
_ALIVE_S = 15.0


class SceneServer:
    """Exports a scene, serves its page on the loopback interface, and keeps it up to date.

    Use it as a context; `url` is where the page is.
    """

    def __init__(
        self,
        scene_path: Path,
        *,
        port: int = 0,
        allow_outside: bool = False,
        stage: Stage | None = None,
        problem: Callable[[str], None] | None = None,
    ) -> None:
        """Export the scene, and open the port.

        Args:
            scene_path: The scene (YAML).
            port: TCP port; 0 for any that is free.
            allow_outside: Let the scene name files outside its folder.
            stage: Starts a stage's progress bar and returns its fraction setter.
            problem: Told in a line why a changed scene could not be exported.

        Raises:
            AuralizeError: The scene cannot be exported.
            DeviceError: The port is taken.
        """
        self._scene_path = scene_path
        self._allow_outside = allow_outside
        self._problem = problem or (lambda _: None)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._version = 0
        self._trouble: str | None = None
        self._http = _opened(port, self)
        self._scratch = Path(tempfile.mkdtemp(prefix="auralize-view-"))
        try:
            self._stamps = stamps_of(files_of_scene(scene_path))
            # The page that is shown, and its version: the last one that could be exported.
            self._shown = (self._exported(0, stage), 0)
        except BaseException:
            self._http.server_close()
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        self._http.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.2,), daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{_LOOPBACK}:{self._http.server_port}/"

    def __enter__(self) -> SceneServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def wait(self) -> None:
        """Serve until interrupted."""
        while not self._stop.wait(1.0):
            pass

    def content(self, path: str) -> tuple[str, bytes] | None:
        """Return the type and the content of what is asked for; None where there is no such."""
        folder, version = self._shown
        if path in ("/", "/index.html"):
            page = (folder / "index.html").read_text(encoding="utf-8")
            return "text/html; charset=utf-8", live_page(page, version).encode()
        if _MEDIA.fullmatch(path) and (folder / path[1:]).is_file():
            return "text/javascript; charset=utf-8", (folder / path[1:]).read_bytes()
        return None

    def next_event(self, seen: int) -> tuple[int, str] | None:
        """Wait for a version after `seen`; return it with its event, or None after some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen or self._stop.is_set(), _ALIVE_S)
            if self._version == seen:
                return None
            if self._trouble is not None:
                return self._version, f"event: problem\ndata: {json.dumps(self._trouble)}\n\n"
            return self._version, "event: changed\ndata: 1\n\n"

    @property
    def stopped(self) -> bool:
        """Whether the server is about to end."""
        return self._stop.is_set()

    def _exported(self, version: int, stage: Stage | None = None) -> Path:
        folder = self._scratch / f"page-{version}"
        export(self._scene_path, "web", folder, allow_outside=self._allow_outside, stage=stage)
        return folder

    def _watch(self) -> None:
        """Export again when a file changed, once it stays as it is for a moment."""
        while not self._stop.wait(_LOOK_S):
            now = stamps_of(self._stamps)
            if now == self._stamps:
                continue
            while not self._stop.wait(_LOOK_S) and (later := stamps_of(now)) != now:
                now = later
            if self._stop.is_set():
                return
            self._stamps = stamps_of(files_of_scene(self._scene_path))
            self._renew()

    def _renew(self) -> None:
        old = self._shown[0]
        trouble = None
        version = self._version + 1
        try:
            self._shown = (self._exported(version), version)
        except (AuralizeError, OSError, ValueError) as error:
            trouble = " ".join(str(error).split())
            self._problem(trouble)
        with self._changed:
            self._version = version
            self._trouble = trouble
            self._changed.notify_all()
        if trouble is None:
            shutil.rmtree(old, ignore_errors=True)


def _opened(port: int, scenes: SceneServer) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((_LOOPBACK, port), _handler(scenes))
    except OSError as error:
        raise DeviceError(
            f"port {port} cannot be opened ({error.strerror}). Give another one with --port."
        ) from error


def _handler(scenes: SceneServer) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests for a scene's server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # A name that someone else's page made to point here is none of ours.
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in (_LOOPBACK, "localhost"):
                self.send_error(403)
            elif (asked := _EVENTS.fullmatch(self.path)) is not None:
                self._events(int(asked[1]))
            elif (found := scenes.content(self.path.partition("?")[0])) is None:
                self.send_error(404)
            else:
                kind, content = found
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(content)

        def _events(self, seen: int) -> None:
            """Tell of changes as they come (server-sent events of the HTML standard)."""
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            try:
                while not scenes.stopped:
                    told = scenes.next_event(seen)
                    text = ": here\n\n" if told is None else told[1]
                    seen = seen if told is None else told[0]
                    self.wfile.write(text.encode())
                    self.wfile.flush()
            except OSError:
                return  # the page was closed

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing of each request."""

    return Handler
