"""Two hundred scenes that something is wrong with: each is refused in one line with its place.

None shows a traceback, runs code, or reads outside the scene's folder.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, FileFormatError
from scenes import read_scene

COUNT = 200

SCENE = """\
version: 2
title: Quartet
sample_rate_hz: 8000
duration_s: 2.5
listener:
  position_m: [0.0, 0.0, 1.2]
  yaw_deg: 10
  sofa: head.sofa
sources:
  - name: violin
    file: stems/violin.wav
    position_m: [2.0, 1.0, 1.2]
    gain_db: -3
    instrument: violin
    directivity: instrument
  - name: cello
    file: stems/cello.wav
    channel: 1
    start_s: 0.25
    reference_distance_m: 1.5
    interpolation: smooth
    mute: false
    keyframes:
      - {time_s: 0, position_m: [2.0, -1.0, 1.0], yaw_deg: 180}
      - {time_s: 1, position_m: [2.5, -1.0, 1.0], yaw_deg: 170}
room:
  size_m: [8.0, 6.0, 3.0]
  surfaces: {floor: carpet, others: brick}
  rt60_s: 0.5
medium:
  temperature_c: 21
  air_absorption: true
output:
  ambisonic_order: 3
  loudness_lufs: -20
provenance: {take: one}
"""

_VALUES = re.compile(r"(?<=[:,\[] )[^\s,\[\]{}]+|(?<=\[)[^\s,\[\]{}]+")
_KEYS = re.compile(r"(?<![\w/])(?!take)[a-z_0-9]{4,}(?=:)")
_NUMBERS = re.compile(r"(?<=[ \[])-?\d+(?:\.\d+)?(?=[\n,\]}])")
_FILES = re.compile(r"(?<=: )[\w/]+\.(?:wav|sofa)")


def _replaced(text, pattern, rng, new):
    """Put something in the place of one match."""
    match = rng.choice(list(pattern.finditer(text)))
    return (
        text[: match.start()] + (new(match.group()) if callable(new) else new) + text[match.end() :]
    )


def _misspelt(word, rng):
    place = rng.randrange(1, len(word))
    return word[:place] + rng.choice("qxz") + word[place:]


def _nested(rng):
    depth = rng.choice((30, 300, 3000))
    opening, closing = rng.choice((("[", "]"), ("{a: ", "}")))
    return opening * depth + "1" + closing * depth


def _bomb(rng):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    text = "\n".join(lines) + "\n"
    return text + SCENE if rng.random() < 0.5 else SCENE + text


def _not_utf8(text, rng):
    raw = text.encode()
    place = rng.randrange(len(raw))
    return (
        raw[:place] + rng.choice((b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xfe\xff")) + raw[place:]
    )


def _without_a_needed_key(text, rng):
    gone = rng.choice(("    file: stems/violin.wav\n", "    position_m: [2.0, 1.0, 1.2]\n"))
    return text.replace(gone, "")


_CODE = (
    "!!python/object/apply:os.system ['touch {}']",
    "!!python/object/new:subprocess.Popen [['touch', '{}']]",
    "!!python/name:os.system",
    "!!python/module:this",
    "!<tag:yaml.org,2002:python/object/apply:os.mkdir> ['{}']",
)
_OUTSIDE = ("../private.wav", "../../../../../../etc/passwd", "/etc/passwd", "{}/private.wav")
_HUGE = ("1e300", "-1e300", "1e999", "9" * 400, "-" + "9" * 5000, "0x" + "f" * 300)

MUTATIONS = {
    "unknown key": lambda t, r, _: _replaced(t, _KEYS, r, lambda word: _misspelt(word, r)),
    "wrong type": lambda t, r, _: _replaced(
        t, _VALUES, r, r.choice(("[[]]", "{zzz: 1}", "[{}, {}]", "!!map {}"))
    ),
    "text for a number": lambda t, r, _: _replaced(t, _NUMBERS, r, r.choice(("'2'", "two", "yes"))),
    "missing file": lambda t, r, _: _replaced(t, _FILES, r, lambda name: _misspelt(name, r)),
    "not a number": lambda t, r, _: _replaced(t, _NUMBERS, r, r.choice((".nan", ".inf", "-.inf"))),
    "huge number": lambda t, r, _: _replaced(t, _NUMBERS, r, r.choice(_HUGE)),
    "deep nesting": lambda t, r, _: _replaced(t, _VALUES, r, _nested(r)),
    "alias bomb": lambda t, r, _: _bomb(r),
    "not UTF-8": lambda t, r, _: _not_utf8(t, r),
    "code": lambda t, r, home: _replaced(t, _VALUES, r, r.choice(_CODE).format(home / "ran")),
    "outside": lambda t, r, home: _replaced(t, _FILES, r, r.choice(_OUTSIDE).format(home)),
    "include": lambda t, r, home: f"include: {r.choice(_OUTSIDE).format(home)}\n{t}",
    "given twice": lambda t, r, _: t + r.choice(("title: x\n", "room: {}\n", "sources: []\n")),
    "missing key": lambda t, r, _: _without_a_needed_key(t, r),
    "cut off": lambda t, r, _: t[: r.randrange(10, t.index("    file"))] + r.choice("[{\"'&*%@`"),
}

_opened: list[str] = []
_ran: list[str] = []
_watching = False


def _watch(event, arguments):
    """Note which files are opened, and what is run, while scenes are read."""
    if not _watching:
        return
    if event == "open" and isinstance(arguments[0], str | bytes):
        _opened.append(str(arguments[0]))
    elif event in ("os.system", "subprocess.Popen", "os.posix_spawn", "os.exec", "os.mkdir"):
        _ran.append(f"{event} {arguments}")


@pytest.fixture(autouse=True)
def _sounds_are_watched(monkeypatch):
    """Sounds are opened by a library in C, of which Python's audit says nothing."""
    really = soundfile.SoundFile.__init__

    def noted(self, file, *arguments, **options):
        _opened.append(str(file))
        really(self, file, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "__init__", noted)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with something private in it, and a folder with a scene's files."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "scene" / "stems").mkdir(parents=True)
    for name in ("scene/stems/violin", "scene/stems/cello", "private"):
        soundfile.write(folder / f"{name}.wav", np.full(8, 0.1), 8000)
    (folder / "scene" / "head.sofa").touch()
    sys.addaudithook(_watch)
    return folder


def test_the_scene_itself_reads(home):
    (home / "scene" / "good.yaml").write_text(SCENE)
    assert len(read_scene(home / "scene" / "good.yaml").sources) == 2


def test_each_is_refused_with_its_place(home):
    global _watching
    kinds = Counter[str]()
    path = home / "scene" / "scene.yaml"
    for number in range(COUNT):
        rng = random.Random(number)
        kind = list(MUTATIONS)[number % len(MUTATIONS)]
        mutant = MUTATIONS[kind](SCENE, rng, home)
        raw = mutant if isinstance(mutant, bytes) else mutant.encode()
        path.write_bytes(raw)
        _opened.clear()
        _ran.clear()
        _watching = True
        try:
            with pytest.raises((FileFormatError, DataError)) as caught:
                read_scene(path)
        except BaseException as error:
            raise AssertionError(f"mutant {number} ({kind}): {error!r}\n{raw[:3000]!r}") from error
        finally:
            _watching = False
        said = str(caught.value)
        place = re.match(rf"{re.escape(str(path))}:(\d+):(\d+): \S", said)
        assert place, f"mutant {number} ({kind}): {said}"
        assert 1 <= int(place[1]) <= raw.count(b"\n") + 1, said
        assert "\n" not in said
        assert len(said) - len(str(path)) < 700, said
        assert said.endswith((".", ".)", ")")), said
        assert not _ran, said
        assert not (home / "ran").exists()
        strange = [name for name in _opened if name.endswith(("private.wav", "passwd"))]
        assert not strange, said
        kinds[kind] += 1
    assert sum(kinds.values()) == COUNT
    assert min(kinds.values()) >= 13


def test_watching_would_notice(home):
    global _watching
    path = home / "scene" / "scene.yaml"
    path.write_text(SCENE.replace("stems/violin.wav", "../private.wav").replace("sample_", "# "))
    _opened.clear()
    _watching = True
    read_scene(path, allow_outside=True)
    _watching = False
    assert {name.rpartition("/")[2] for name in _opened} >= {"scene.yaml", "private.wav"}
