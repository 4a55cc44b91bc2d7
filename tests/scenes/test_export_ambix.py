"""AmbiX files as they are written: samples, header, description; too long ones are refused."""

import json
import re
import struct

import numpy as np
import pytest
import soundfile
from golden_scene import make_golden_scene

from capture.errors import DataError
from scenes.export import ambix, prepare_export


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """What auralize would render: here noise, so that samples can be told apart."""
    folder = tmp_path_factory.mktemp("rendered")
    rng = np.random.default_rng(8)
    for name, channels in (("ambix1", 4), ("ambix", 9)):
        noise = rng.uniform(-1.7, 1.7, (70_001, channels)).astype(np.float32)
        soundfile.write(folder / f"{name}.wav", noise, 48_000, "FLOAT")
    return {name: folder / f"{name}.wav" for name in ("ambix1", "ambix")}


def exported(tmp_path, renders, order):
    path = make_golden_scene(tmp_path / "golden")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"output: {{ambisonic_order: {order}}}\n")
    return prepare_export(path, renders=renders, meshes=False)


def test_samples_and_header(rendered, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    ambix.write(exported(tmp_path, rendered, 2), out)
    description = json.loads((out / "ambisonics.json").read_text(encoding="utf-8"))
    gain = 10 ** (description["gain_db"] / 20)
    # 1.7 is 4.61 dB beyond full scale; one gain for both files.
    assert description["gain_db"] == pytest.approx(-4.61, abs=0.011)
    for name, file, count in (
        ("ambix1", "first_order.ambix.wav", 4),
        ("ambix", "order_2.ambix.wav", 9),
    ):
        samples, rate = soundfile.read(out / file)
        assert (rate, samples.shape) == (48_000, (70_001, count))
        truth, _ = soundfile.read(rendered[name])
        np.testing.assert_allclose(samples, truth * gain, atol=2.0**-23)
        head = (out / file).read_bytes()[:60]
        code, channels = struct.unpack("<HH", head[20:24])
        assert (code, channels) == (0xFFFE, count)
        assert struct.unpack("<I", head[40:44]) == (0,)  # no loudspeakers
        assert (out / file).stat().st_size % 2 == 0
        assert struct.unpack("<I", head[4:8])[0] == (out / file).stat().st_size - 8
    assert [each["order"] for each in description["files"]] == [1, 2]
    assert description["files"][1]["degrees_and_indices"][4:7] == [[2, -2], [2, -1], [2, 0]]
    places = {each["name"]: each for each in description["sources_at_the_start"]}
    assert places['Violin "left" & co']["azimuth_deg"] == pytest.approx(90, abs=0.02)
    assert places["../right\\hand"]["azimuth_deg"] == pytest.approx(-90, abs=0.02)


def test_a_scene_of_first_order_has_one_file(rendered, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    ambix.write(exported(tmp_path, {**rendered, "ambix": rendered["ambix1"]}, 1), out)
    assert {path.name for path in out.iterdir()} == {
        *("first_order.ambix.wav", "ambisonics.json", "README.md")
    }
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "4.61 dB" in text
    assert not re.search(r"[{}]", text)


def test_what_no_wav_can_hold_is_refused(rendered, tmp_path, monkeypatch):
    monkeypatch.setattr(ambix, "_LARGEST_BYTES", 500_000)
    scene = exported(tmp_path, rendered, 2)
    with pytest.raises(DataError, match="ambisonic_order"):
        ambix.write(scene, tmp_path)
