"""performers.yaml: what it may hold, and what is said of what it may not."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from capture.errors import FileFormatError
from capture.files.yaml_document import read_yaml
from capture.players.corrections import (
    Add,
    CorrectionsFile,
    Fix,
    Label,
    Merge,
    Split,
    corrections_schema,
    find_corrections,
    read_corrections,
)

GOOD = """\
version: 1
corrections:
  - merge: [performer-2, performer-3]
  - split: performer-1
    at_m: [[2.3, 0.5], [2.4, -0.2]]
    into: [left, right]
  - rename: performer-4
    to: first-violin
  - drop: performer-5
    near_m: [2.0, 1.0]
  - keep: visitor-1
  - add: second-cello
    at_m: [2.4, -0.9]
    to_s: 3
  - fix: performer-6
    position_m: [2.5, 0.1, 0.9]
    yaw_deg: 180
    from_s: 1.5
  - label: performer-6
    instrument: hurdy-gurdy
"""


def written(tmp_path, text):
    path = tmp_path / "performers.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_is_read_in_order(tmp_path):
    path = written(tmp_path, GOOD)
    corrections = read_corrections(path)
    merge, split, _, drop, _, add, fix, label = corrections.entries
    assert merge == Merge(merge=("performer-2", "performer-3"))
    assert split == Split(
        split="performer-1", at_m=((2.3, 0.5), (2.4, -0.2)), into=("left", "right")
    )
    assert drop.near_m == (2.0, 1.0)
    assert add == Add(add="second-cello", at_m=(2.4, -0.9), to_s=3.0)
    assert fix == Fix(fix="performer-6", position_m=(2.5, 0.1, 0.9), yaw_deg=180.0, from_s=1.5)
    assert label == Label(label="performer-6", instrument="hurdy-gurdy")
    assert corrections.place_of(3, "near_m") == f"{path}:10:5"
    jsonschema.validate(read_yaml(path).value, corrections_schema())


BAD = {
    "no mapping": ("[1]", ":1:1: a file of corrections holds version: 1"),
    "no version": ("corrections: []", ":1:1: the corrections needs the key 'version'"),
    "newer": ("version: 2\ncorrections: []", ":1:1: corrections version 2 is unknown"),
    "misspelt": (
        "version: 1\ncorrections:\n  - mrege: [a, b]",
        ":3:5: a correction has one of merge, split, rename, drop, keep, add, fix, label, got the "
        "keys mrege; did you mean 'merge'",
    ),
    "two at once": (
        "version: 1\ncorrections:\n  - drop: a\n    keep: b",
        ":3:5: a correction has one of .* got 'drop' and 'keep'",
    ),
    "a word": ("version: 1\ncorrections: [drop]", ":2:15: a correction is a mapping such as"),
    "one to merge": (
        "version: 1\ncorrections:\n  - merge: [a]",
        r":3:5: corrections\[0\]\.merge needs at least 2",
    ),
    "misspelt key": (
        "version: 1\ncorrections:\n  - drop: a\n    naer_m: [1, 2]",
        r":4:5: corrections\[0\] has no key 'naer_m'; did you mean 'near_m'",
    ),
    "names and places": (
        "version: 1\ncorrections:\n  - split: a\n    at_m: [[1, 2], [3, 4]]\n    into: [b]",
        ":3:5: .*2 places need as many names, got 1",
    ),
    "no path": (
        "version: 1\ncorrections:\n  - rename: a\n    to: ../b",
        r":4:5: a name is made of .* got '\.\./b'",
    ),
    "nothing to fix": ("version: 1\ncorrections:\n  - fix: a", "needs position_m or yaw_deg"),
    "backwards": (
        "version: 1\ncorrections:\n  - {fix: a, yaw_deg: 0, from_s: 2, to_s: 1}",
        "from_s 2 must not be after to_s 1",
    ),
    "nobody added": (
        "version: 1\ncorrections:\n  - {add: a, at_m: [1, 2], from_s: 2, to_s: 1}",
        "from_s 2 must not be after to_s 1",
    ),
    "added nowhere": (
        "version: 1\ncorrections:\n  - add: a",
        r":3:5: corrections\[0\] needs the key 'at_m'",
    ),
    "added near": (
        "version: 1\ncorrections:\n  - {add: a, at_m: [1, 2], near_m: [1, 2]}",
        r"corrections\[0\] has no key 'near_m'",
    ),
    "added everywhere": (
        "version: 1\ncorrections:\n  - {add: a, at_m: [1, 2], within_m: 50}",
        "within_m",
    ),
    "not finite": (
        "version: 1\ncorrections:\n  - {fix: a, yaw_deg: .nan}",
        r"yaw_deg must be a finite number, got nan",
    ),
    "no rename": (
        "version: 1\ncorrections:\n  - rename: a",
        r":3:5: corrections\[0\] needs the key 'to'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_with_its_place(tmp_path, name):
    text, words = BAD[name]
    path = written(tmp_path, text)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_corrections(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_file_is_found_beside_the_take(tmp_path):
    folder = tmp_path / "take"
    folder.mkdir()
    recording = tmp_path / "evening.mkv"
    assert find_corrections(folder) is None
    assert find_corrections(recording) is None
    (folder / "performers.yaml").write_text(GOOD)
    (tmp_path / "evening.performers.yaml").write_text(GOOD)
    (tmp_path / "performers.yaml").write_text(GOOD)  # of another take, or of none
    assert find_corrections(folder) == folder / "performers.yaml"
    assert find_corrections(recording) == tmp_path / "evening.performers.yaml"
    assert find_corrections(tmp_path / "morning.mkv") is None


def test_the_published_schema_is_fresh():
    published = Path(sys.modules[CorrectionsFile.__module__].__file__).with_name(
        "performers.schema.json"
    )
    assert json.loads(published.read_text(encoding="utf-8")) == corrections_schema()
