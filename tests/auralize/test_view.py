"""The server of a scene's page: what it gives to whom, and when it tells of changes."""

import http.client
import re
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auralize.view import SceneServer
from auralize.view.live_page import live_page
from auralize.view.watched_files import files_of_scene, stamps_of
from capture.errors import AuralizeError, DeviceError
from scenes.export.web.page import page_text

_SCENE = """\
version: 1
title: {title}
sample_rate_hz: 48000
sources:
  - {{name: one, file: one.wav, position_m: [1, 0, 1.2]}}
"""


@pytest.fixture
def scene(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.full(4800, 0.1), 48_000, "FLOAT")
    path = tmp_path / "scene.yaml"
    path.write_text(_SCENE.format(title="First"), encoding="utf-8")
    return path


def _get(server, path, **headers):
    port = int(server.url.rsplit(":", 1)[1].strip("/"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def _title(body):
    return re.search("<title>(.*?)</title>", body)[1]


def test_a_changed_scene_is_served_anew(scene):
    problems = []
    with SceneServer(scene, problem=problems.append) as server:
        assert _title(_get(server, "/")[1]) == "First"
        told = []
        waits = threading.Thread(target=lambda: told.append(server.next_event(0)))
        waits.start()
        scene.write_text(_SCENE.format(title="Second"), encoding="utf-8")
        waits.join(60)
        assert told[0][0] == 1
        assert "event: changed" in told[0][1]
        assert _title(_get(server, "/")[1]) == "Second"
        # A mistake is told, and what was good goes on being served.
        scene.write_text(_SCENE.format(title="Third").replace("file:", "fiel:"), encoding="utf-8")
        while (event := server.next_event(1)) is None:
            pass
        assert "event: problem" in event[1]
        assert "fiel" in event[1]
        assert "fiel" in problems[0]
        assert _title(_get(server, "/")[1]) == "Second"
        # Mended, also in a file that the broken scene did not name.
        scene.write_text(_SCENE.format(title="Fourth"), encoding="utf-8")
        while (event := server.next_event(2)) is None:
            pass
        assert "event: changed" in event[1]
        assert _title(_get(server, "/")[1]) == "Fourth"


def test_only_this_machine_and_only_the_page(scene):
    (scene.parent / "media").mkdir()
    with SceneServer(scene) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert _get(server, "/index.html")[0] == 200
        for path in ("/scene.yaml", "/../scene.yaml", "/media/../index.html", "/README.md"):
            assert _get(server, path)[0] == 404
        assert _get(server, "/", Host="evil.example:80")[0] == 403
    with pytest.raises(OSError):  # noqa: PT011 - it is closed
        socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].strip("/"))), 2)


def test_a_port_that_is_taken(scene):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DeviceError, match=f"port {port} cannot be opened"):
            SceneServer(scene, port=port)


def test_a_scene_that_cannot_be_shown(tmp_path):
    with pytest.raises(AuralizeError):
        SceneServer(tmp_path / "none.yaml")
    assert not list(tmp_path.iterdir())


def test_all_files_are_watched(scene):
    files = files_of_scene(scene)
    assert files == (scene, scene.parent / "one.wav")
    before = stamps_of(files)
    assert stamps_of(files) == before
    soundfile.write(scene.parent / "one.wav", np.zeros(100), 48_000, "FLOAT")
    assert stamps_of(files) != before
    (scene.parent / "one.wav").unlink()
    assert stamps_of(files)[Path(files[1])] is None


def test_included_files_are_watched(scene):
    scene.write_text("include: parts.yaml\n", encoding="utf-8")
    parts = scene.parent / "parts.yaml"
    parts.write_text(
        "sources:\n  - {name: one, file: one.wav, position_m: [1, 0, 1], performer: clouds/p}\n",
        encoding="utf-8",
    )
    names = [path.relative_to(scene.parent).as_posix() for path in files_of_scene(scene)]
    assert sorted(names) == [
        *("clouds/p.npz", "clouds/performers.json", "one.wav", "parts.yaml", "scene.yaml")
    ]


def test_a_served_page_may_ask_its_server_only():
    page = live_page(page_text(), 7)
    assert "connect-src 'self'" in page
    assert 'new EventSource("events?7")' in page
    assert page.count("</body>") == page_text().count("</body>")
    with pytest.raises(ValueError, match="no page of a scene"):
        live_page("<p>hello</p>", 0)
