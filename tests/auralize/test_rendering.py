"""Scenes become files: formats, level, stems, what the files say, and what is refused."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from auralize.ambisonics.render import render_ambisonics
from auralize.cli import cli
from auralize.output.loudness import integrated_loudness_lufs, true_peak_dbtp
from auralize.output.rendering import render
from auralize.output.settings import parts_of, with_parts
from auralize.stream.binaural import BLOCK, render_binaural
from capture.errors import DataError, FileFormatError, OutputError
from scenes import Scene, read_scene, write_scene

RATE = 48_000


@pytest.fixture
def noise(tmp_path):
    """A second of noise, as samples and as tmp_path/noise.wav."""
    samples = 0.1 * np.random.default_rng(5).normal(size=RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
    return samples


def source(**changes):
    return {"name": "a", "file": "noise.wav", "position_m": (1.0, 0.0, 1.2)} | changes


def scene(*sources, **changes):
    return Scene(**({"sample_rate_hz": RATE, "sources": sources or (source(),)} | changes))


def rendered(what, folder, head=None):
    return np.concatenate(list(render_binaural(what, folder, head)), axis=1)


def test_reports_what_is_in_the_file(tmp_path, noise):
    write_scene(tmp_path / "scene.yaml", scene())
    parts = []
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav", progress=parts.append)
    samples, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert (rate, samples.shape) == (RATE, (RATE, 2))
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert report.format == "binaural"
    assert (report.sample_count, report.channel_count) == (RATE, 2)
    assert report.gain_db == 0.0
    assert report.loudness_lufs == pytest.approx(
        integrated_loudness_lufs(samples.T, RATE), abs=0.01
    )
    assert report.true_peak_dbtp == pytest.approx(true_peak_dbtp(samples.T), abs=0.01)
    assert report.hrtf == "KEMAR, normal pinna"
    assert report.sources == ("a",)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    np.testing.assert_allclose(samples.T, rendered(scene(), tmp_path), atol=2**-23)


def test_turns_a_loud_scene_down_instead_of_clipping(tmp_path, noise):
    loud = scene(source(gain_db=30.0))
    write_scene(tmp_path / "scene.yaml", loud)
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    samples = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
    raw = rendered(loud, tmp_path)
    assert true_peak_dbtp(raw) > 0
    assert report.true_peak_dbtp == pytest.approx(-1.0)
    assert true_peak_dbtp(samples) == pytest.approx(-1.0, abs=0.001)
    assert report.gain_db == pytest.approx(-1.0 - true_peak_dbtp(raw), abs=1e-6)
    assert report.loudness_lufs == pytest.approx(integrated_loudness_lufs(samples, RATE), abs=0.01)
    np.testing.assert_allclose(samples, raw * 10 ** (report.gain_db / 20), atol=2**-22)


def test_is_deterministic(tmp_path, noise):
    write_scene(tmp_path / "scene.yaml", scene())
    for name in ("one.wav", "two.wav"):
        render(tmp_path / "scene.yaml", tmp_path / name)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def test_silence_is_said(tmp_path):
    soundfile.write(tmp_path / "noise.wav", np.zeros(RATE), RATE)
    write_scene(tmp_path / "scene.yaml", scene())
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    assert report.loudness_lufs == -math.inf
    assert report.true_peak_dbtp == -math.inf
    assert report.gain_db == 0.0


def test_a_failure_leaves_nothing_behind(tmp_path):
    samples = np.zeros(3 * BLOCK, dtype=np.float32)
    samples[-1] = np.inf
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="FLOAT")
    write_scene(tmp_path / "scene.yaml", scene())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError):
        render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    assert sorted(tmp_path.iterdir()) == before


def test_another_suffix_is_refused(tmp_path, noise):
    write_scene(tmp_path / "scene.yaml", scene())
    with pytest.raises(OutputError, match=r"\.mp3.*end in \.wav"):
        render(tmp_path / "scene.yaml", tmp_path / "out.mp3")


def test_the_head_of_the_scene_and_of_the_caller(tmp_path, noise):
    (tmp_path / "broken.sofa").write_bytes(b"not HDF5")
    write_scene(tmp_path / "scene.yaml", scene(listener={"sofa": "broken.sofa"}))
    with pytest.raises(FileFormatError, match=r"broken\.sofa"):
        render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    from auralize.hrtf.head import default_hrtf_path

    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav", sofa=default_hrtf_path())
    assert report.hrtf == "KEMAR, normal pinna"


@pytest.mark.parametrize(
    ("name", "sample_format", "container", "subtype"),
    [
        ("out.wav", "pcm16", "WAV", "PCM_16"),
        ("out.wav", "pcm24", "WAV", "PCM_24"),
        ("out.wav", "float32", "WAV", "FLOAT"),
        ("out.flac", "pcm16", "FLAC", "PCM_16"),
        ("out.flac", "pcm24", "FLAC", "PCM_24"),
        ("out.w64", "pcm24", "W64", "PCM_24"),
        ("out.W64", "float32", "W64", "FLOAT"),
        ("out.rf64", "pcm16", "RF64", "PCM_16"),
    ],
)
def test_each_format_holds_the_same_sound(tmp_path, noise, name, sample_format, container, subtype):
    write_scene(tmp_path / "scene.yaml", scene())
    report = render(
        tmp_path / "scene.yaml", tmp_path / name, output={"sample_format": sample_format}
    )
    info = soundfile.info(tmp_path / name)
    assert (info.format, info.subtype, info.channels, info.samplerate, info.frames) == (
        *(container, subtype, 2, RATE, RATE),
    )
    assert (report.container, report.sample_format) == (container.lower(), sample_format)
    samples = soundfile.read(tmp_path / name, dtype="float64")[0].T
    # Half a step of rounding; with dither, one more at most.
    error = {"pcm16": 1.5 / 2**15, "pcm24": 0.5 / 2**23, "float32": 0.0}[sample_format]
    assert np.abs(samples - rendered(scene(), tmp_path)).max() <= error


def test_the_ambisonic_file_has_a_format_too(tmp_path, noise):
    what = scene(output={"ambisonic_order": 2})
    write_scene(tmp_path / "scene.yaml", what)
    report = render(tmp_path / "scene.yaml", tmp_path / "out.ambix.w64")
    assert (report.format, report.container, report.channel_count) == ("ambix", "w64", 9)
    samples = soundfile.read(tmp_path / "out.ambix.w64", dtype="float64")[0].T
    expected = np.concatenate(list(render_ambisonics(what, tmp_path)), axis=1)
    np.testing.assert_allclose(samples, expected, atol=0.5 / 2**23)


@pytest.mark.parametrize(
    ("name", "output", "words"),
    [
        ("out.flac", {"sample_format": "float32"}, "FLAC holds pcm16 or pcm24"),
        ("out.ambix.flac", {"ambisonic_order": 2}, "FLAC holds at most 8 channels.* 9"),
        ("out", {}, "the ending '' is unknown"),
        ("out.ogg", {}, r"the ending '\.ogg' is unknown.*\.flac"),
    ],
)
def test_what_a_kind_of_file_cannot_hold_is_refused(tmp_path, noise, name, output, words):
    write_scene(tmp_path / "scene.yaml", scene(output=output))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=words):
        render(tmp_path / "scene.yaml", tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("lufs", [-30.0, -16.0])
def test_is_as_loud_as_is_asked(tmp_path, noise, lufs):
    write_scene(tmp_path / "scene.yaml", scene(output={"loudness_lufs": lufs}))
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    samples = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
    assert integrated_loudness_lufs(samples, RATE) == pytest.approx(lufs, abs=0.001)
    assert report.loudness_lufs == pytest.approx(lufs, abs=1e-6)
    assert report.gain_reason == "loudness"
    np.testing.assert_allclose(
        samples, rendered(scene(), tmp_path) * 10 ** (report.gain_db / 20), atol=2**-22
    )


def test_loudness_never_breaks_the_peak_limit(tmp_path, noise):
    output = {"loudness_lufs": -3.0, "true_peak_limit_dbtp": -2.0}
    write_scene(tmp_path / "scene.yaml", scene(output=output))
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    samples = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
    assert true_peak_dbtp(samples) == pytest.approx(-2.0, abs=0.001)
    assert report.gain_reason == "loudness, held back by true peak"
    assert report.loudness_lufs == pytest.approx(integrated_loudness_lufs(samples, RATE), abs=0.001)
    assert report.loudness_lufs < -3.5


def test_silence_is_not_made_loud(tmp_path):
    soundfile.write(tmp_path / "noise.wav", np.zeros(RATE), RATE)
    write_scene(tmp_path / "scene.yaml", scene(output={"loudness_lufs": -16}))
    report = render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    assert (report.gain_db, report.gain_reason) == (0.0, "none")


@pytest.mark.parametrize("sample_format", ["pcm16", "pcm24"])
def test_a_limit_of_0_db_does_not_clip(tmp_path, sample_format):
    """A square wave whose samples are the true peak comes as close as its steps let it."""
    soundfile.write(tmp_path / "noise.wav", np.full(RATE, 0.9), RATE, subtype="FLOAT")
    output = {"sample_format": sample_format, "true_peak_limit_dbtp": 0.0}
    write_scene(tmp_path / "scene.yaml", scene(source(gain_db=20.0), output=output))
    render(tmp_path / "scene.yaml", tmp_path / "out.wav")
    bits = int(sample_format[3:])
    samples = soundfile.read(tmp_path / "out.wav", dtype="int32")[0] >> (32 - bits)
    highest = 2 ** (bits - 1) - 1
    assert np.abs(samples).max() <= highest
    assert np.abs(samples).max() >= highest - 4
    # Clipping would pile up samples at the top: noise of dither visits it now and then.
    assert np.count_nonzero(np.abs(samples) == highest) < 100


def test_floating_point_exceeds_full_scale_only_when_asked(tmp_path, noise):
    loud = scene(source(gain_db=40.0))
    write_scene(tmp_path / "scene.yaml", loud)
    free = {"sample_format": "float32", "limit_true_peak": False}
    report = render(tmp_path / "scene.yaml", tmp_path / "free.wav", output=free)
    samples = soundfile.read(tmp_path / "free.wav", dtype="float32")[0].T
    np.testing.assert_array_equal(samples, rendered(loud, tmp_path))
    assert np.abs(samples).max() > 10
    assert (report.gain_db, report.gain_reason) == (0.0, "none")
    render(tmp_path / "scene.yaml", tmp_path / "held.wav", output={"sample_format": "float32"})
    held = soundfile.read(tmp_path / "held.wav", dtype="float32")[0].T
    assert true_peak_dbtp(held) == pytest.approx(-1.0, abs=0.001)
    with pytest.raises(DataError, match=r"limit_true_peak may only be off with .*float32"):
        render(tmp_path / "scene.yaml", tmp_path / "x.wav", output={"limit_true_peak": False})


def quartet(**output):
    keys = [{"time_s": 0, "position_m": (1, 1, 1.2)}, {"time_s": 1, "position_m": (1, -1, 1.2)}]
    return scene(
        source(name="left/one", position_m=(1, 2, 1.2)),
        source(name="right", position_m=(1, -1, 1.2), start_s=0.4, gain_db=30.0),
        source(name="moving", position_m=None, keyframes=keys),
        source(name="silent", mute=True),
        output=output,
    )


@pytest.mark.parametrize("name", ["mix.wav", "mix.ambix.wav"])
@pytest.mark.parametrize("sample_format", ["float32", "pcm24", "pcm16"])
def test_stems_add_up_to_the_mix(tmp_path, noise, name, sample_format):
    write_scene(tmp_path / "scene.yaml", quartet(sample_format=sample_format))
    alone = render(tmp_path / "scene.yaml", tmp_path / "alone.ambix.wav")
    report = render(tmp_path / "scene.yaml", tmp_path / name, stems=tmp_path / "stems")
    ending = name.removeprefix("mix")
    files = [tmp_path / "stems" / f"{stem}{ending}" for stem in ("left_one", "right", "moving")]
    assert report.stems == dict(zip(["left/one", "right", "moving"], map(str, files), strict=True))
    assert sorted((tmp_path / "stems").iterdir()) == sorted(files)
    mix = soundfile.read(tmp_path / name, dtype="float64")[0]
    stems = np.stack([soundfile.read(file, dtype="float64")[0] for file in files])
    assert report.gain_db < -1
    steps = {"float32": 0.0, "pcm24": 0.5 / 2**23, "pcm16": 1.5 / 2**15}[sample_format]
    error = 1e-6 + 4 * steps  # each of the four files is rounded
    assert np.abs(stems.sum(axis=0) - mix).max() <= error
    if ending == ".ambix.wav":
        # Asking for stems changes nothing in the mix.
        assert (tmp_path / "alone.ambix.wav").read_bytes() == (tmp_path / name).read_bytes()
        assert alone.gain_db == report.gain_db


def test_a_stem_that_another_cancels_does_not_clip(tmp_path):
    tone = 0.5 * np.sin(np.arange(RATE) * 0.3)
    soundfile.write(tmp_path / "up.wav", tone, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "down.wav", -tone, RATE, subtype="FLOAT")
    sources = [source(name=n, file=f"{n}.wav", gain_db=20.0) for n in ("up", "down")]
    write_scene(tmp_path / "scene.yaml", scene(*sources))
    report = render(tmp_path / "scene.yaml", tmp_path / "mix.wav", stems=tmp_path)
    assert report.true_peak_dbtp < -60
    for name in ("up", "down"):
        stem = soundfile.read(tmp_path / f"{name}.wav", dtype="float64")[0].T
        assert true_peak_dbtp(stem) == pytest.approx(-1.0, abs=0.001)


def test_stems_with_one_name_are_refused(tmp_path, noise):
    write_scene(tmp_path / "scene.yaml", scene(source(name="a/b"), source(name="a:b")))
    with pytest.raises(OutputError, match="stem of 'a:b' and another file"):
        render(tmp_path / "scene.yaml", tmp_path / "mix.wav", stems=tmp_path / "stems")
    with pytest.raises(OutputError, match=r"a_b\.wav: the stem"):
        render(tmp_path / "scene.yaml", tmp_path / "a_b.wav", stems=tmp_path)


@pytest.mark.parametrize("name", ["out.wav", "out.flac"])
def test_files_say_what_they_are(tmp_path, noise, name):
    write_scene(tmp_path / "scene.yaml", scene(title="Quartet in ä"))
    report = render(tmp_path / "scene.yaml", tmp_path / name)
    with soundfile.SoundFile(tmp_path / name) as file:
        tags = file.copy_metadata()
    assert tags["title"] == "Quartet in ä"
    assert tags["software"].startswith("Auralize ")
    assert report.hrtf_sha256 in tags["comment"]
    assert report.scene_sha256 in tags["comment"]
    assert f"{report.loudness_lufs:.2f} LUFS" in tags["comment"]
    ambix = name.replace("out", "out.ambix")
    render(tmp_path / "scene.yaml", tmp_path / ambix)
    with soundfile.SoundFile(tmp_path / ambix) as file:
        assert "AmbiX order 1, ACN channels, SN3D" in file.comment


class TestParts:
    room: ClassVar = {"size_m": (8.0, 6.0, 3.0), "rt60_s": 0.2, "image_order": 2}

    def test_parts_switch_the_room(self):
        what = scene(room=self.room | {"late": False})
        assert parts_of(what) == ("direct", "early")
        changed = with_parts(what, ["late", "direct"])
        assert parts_of(changed) == ("direct", "late")
        assert changed.room.model_copy(update={"early": True, "late": False}) == what.room

    @pytest.mark.parametrize("name", ["mix.wav", "mix.ambix.wav"])
    def test_parts_and_stems_add_up_to_the_whole(self, tmp_path, noise, name):
        sources = [source(), source(name="b", position_m=(1, 2, 1.5), start_s=0.1)]
        output = {"sample_format": "float32"}
        what = scene(*sources, room=self.room, duration_s=0.5, output=output)
        write_scene(tmp_path / "scene.yaml", what)
        whole = render(tmp_path / "scene.yaml", tmp_path / name, stems=tmp_path / "stems")
        assert (whole.parts, whole.gain_db) == (("direct", "early", "late"), 0.0)
        mix = soundfile.read(tmp_path / name, dtype="float64")[0]
        stems = [soundfile.read(file, dtype="float64")[0] for file in whole.stems.values()]
        assert np.abs(sum(stems) - mix).max() < 1e-6
        parts = []
        for part in whole.parts:
            file = tmp_path / f"{part}{name.removeprefix('mix')}"
            report = render(tmp_path / "scene.yaml", file, parts=[part])
            assert report.parts == (part,)
            assert f"; {part} sound only; " in soundfile.SoundFile(file).comment
            parts.append(soundfile.read(file, dtype="float64")[0])
            assert np.abs(parts[-1]).max() > 0.01
        assert np.abs(sum(parts) - mix).max() < 1e-6

    def test_in_the_open_there_is_only_direct_sound(self):
        assert with_parts(scene(), ["direct", "late"]) == scene()
        with pytest.raises(DataError, match="has no room, so there is no early or late sound"):
            with_parts(scene(), ["early", "late"])

    @pytest.mark.parametrize("parts", ["direct,wet", ""])
    def test_other_parts_are_refused(self, tmp_path, noise, parts):
        write_scene(tmp_path / "scene.yaml", scene(room=self.room))
        arguments = [tmp_path / "scene.yaml", "-o", tmp_path / "o.wav", "--parts", parts]
        done = CliRunner().invoke(cli, ["render", *map(str, arguments)])
        assert "the parts of a room are direct, early, late" in str(done.exception)
        assert not (tmp_path / "o.wav").exists()


@contextmanager
def files_of_at_most(size):
    """Let no file grow beyond a size, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [100_000, 384_100])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, noise, size):
    """The raw render (384000 bytes) does not fit, or it does and the file does not."""
    write_scene(tmp_path / "scene.yaml", scene(duration_s=1.0))
    before = sorted(tmp_path.iterdir())
    with (
        files_of_at_most(size),
        pytest.raises(OutputError, match=r"cannot write .*has room"),
    ):
        render(tmp_path / "scene.yaml", tmp_path / "o.wav", output={"sample_format": "float32"})
    assert sorted(tmp_path.iterdir()) == before


class TestCommandLine:
    def run(self, *arguments):
        return CliRunner().invoke(cli, ["render", *map(str, arguments)])

    def test_options_change_the_scene(self, tmp_path, noise):
        write_scene(tmp_path / "scene.yaml", scene())
        (tmp_path / "eq.txt").write_text("Preamp: -3 dB")
        done = self.run(
            *(tmp_path / "scene.yaml", "-o", tmp_path / "out.wav", "--format", "float32"),
            *("--loudness", -18, "--limit", "none", "--stems", tmp_path / "stems", "--json"),
            *("--headphone-eq", tmp_path / "eq.txt"),
        )
        assert done.exit_code == 0, done.output
        report = json.loads(done.stdout)
        assert report["sample_format"] == "float32"
        assert report["loudness_lufs"] == pytest.approx(-18)
        assert report["headphone_eq"] == "eq.txt"
        assert report["stems"] == {"a": str(tmp_path / "stems" / "a.wav")}
        assert soundfile.info(tmp_path / "out.wav").subtype == "FLOAT"
        assert read_scene(tmp_path / "scene.yaml").output.loudness_lufs is None

    def test_says_why_it_was_turned_down(self, tmp_path, noise):
        write_scene(tmp_path / "scene.yaml", scene(source(gain_db=30.0)))
        done = self.run(tmp_path / "scene.yaml", "-o", tmp_path / "out.wav", "--limit", "-3")
        assert "true peak -3.0 dBTP" in done.stdout
        assert "(true peak)" in done.stdout

    @pytest.mark.parametrize("limit", ["loud", "1", "-61", "nan"])
    def test_a_limit_that_is_none(self, tmp_path, noise, limit):
        write_scene(tmp_path / "scene.yaml", scene())
        done = self.run(tmp_path / "scene.yaml", "-o", tmp_path / "out.wav", "--limit", limit)
        assert done.exit_code == 2
        assert limit in done.output
