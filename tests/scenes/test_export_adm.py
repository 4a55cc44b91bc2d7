"""ADM: what is written reads back, with our scene in it and without; broken files are refused."""

import json
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from golden_scene import (
    BEHIND,
    LISTENER_M,
    LISTENER_YAW_DEG,
    RATE_HZ,
    SOURCES,
    golden_sound,
    make_golden_scene,
)

from capture.axes import spherical_from_world, world_from_spherical
from capture.errors import DataError, FileFormatError, OutputError
from capture.pose import Pose, Trajectory
from scenes import read_scene
from scenes.export import prepare_export
from scenes.export.adm import bw64, write
from scenes.export.adm.blocks import TICKS_PER_S, blocks
from scenes.export.adm.bw64 import TrackUid, read_bw64, write_bw64
from scenes.imports.adm import read_adm_scene
from scenes.scene import SCENE_VERSION

_STEP = 2.0**-23


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return make_golden_scene(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def exported(golden):
    return prepare_export(golden, meshes=False)


@pytest.fixture(scope="module")
def adm(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adm")
    write(exported, folder)
    return folder / "Golden_4_sources_quoted_unicode.wav"


def with_chunk(path, out, content):
    """Write the file with another scene in it."""
    file = read_bw64(path)
    channels = [file.channel(number + 1) for number in range(file.channel_count)]
    write_bw64(
        out,
        channels,
        file.sample_rate_hz,
        tracks=list(file.tracks),
        axml=file.chunks[b"axml"],
        others={b"aurl": content},
    )
    return out


def without_our_chunk(path, out):
    """Write the file anew as another program does that drops what it doesn't know."""
    data = path.read_bytes()
    place = data.index(b"aurl")
    size = struct.unpack("<I", data[place + 4 : place + 8])[0]
    rest = data[:place] + data[place + 8 + size + size % 2 :]
    out.write_bytes(rest[:4] + struct.pack("<I", len(rest) - 8) + rest[8:])
    return out


def test_the_same_scene_again(golden, adm, tmp_path, caplog):
    scene = read_adm_scene(adm, tmp_path / "back.yaml")
    assert read_scene(tmp_path / "back.yaml") == scene
    before = read_scene(golden)
    kept = before.model_copy(
        update={
            "sources": tuple(
                old.model_copy(update={"file": new.file, "channel": 1, "performer": None})
                for old, new in zip(before.sources, scene.sources, strict=True)
            )
        }
    )
    assert scene == kept
    assert "players" in caplog.text
    for golden_source, source in zip(SOURCES, scene.sources, strict=True):
        sound, rate = soundfile.read(tmp_path / source.file)
        assert rate == RATE_HZ
        start = round(source.start_s * RATE_HZ)
        np.testing.assert_allclose(sound, golden_sound(golden_source)[start:], atol=_STEP)


def test_files_that_are_still_there_stay_named(golden, adm):
    scene = read_adm_scene(adm, golden.with_name("again.yaml"))
    assert scene.sources[0].performer == "players/fiddler"


def test_a_carried_scene_of_an_older_version(golden, adm, tmp_path):
    """Version 1 had the delay in its output; the chunk of a file says which version it is of."""
    document = json.loads(read_bw64(adm).chunks[b"aurl"])
    assert document["scene"]["version"] == SCENE_VERSION
    document["scene"]["version"] = 1
    del document["scene"]["medium"]["propagation_delay"]
    document["scene"]["output"]["propagation_delay"] = True
    old = with_chunk(adm, tmp_path / "old.wav", json.dumps(document).encode())
    assert read_adm_scene(old, tmp_path / "old.yaml").medium.propagation_delay is True
    # Of a version to come, nothing is known: then ADM alone is read.
    document["scene"]["version"] = 99
    new = with_chunk(adm, tmp_path / "new.wav", json.dumps(document).encode())
    assert read_adm_scene(new, tmp_path / "new.yaml").room is None
    # What leads outside is not kept.
    document["scene"]["version"] = SCENE_VERSION
    document["scene"]["output"].pop("propagation_delay")
    document["scene"]["listener"]["sofa"] = "../../../../../../etc/hostname"
    out = with_chunk(adm, tmp_path / "out.wav", json.dumps(document).encode())
    scene = read_adm_scene(out, tmp_path / "out.yaml")
    assert (scene.room is not None, scene.listener.sofa) == (True, None)


def test_as_any_program_reads_it(adm, tmp_path):
    """Without our chunk, ADM alone says where and how loud things are, seen from the listener."""
    path = without_our_chunk(adm, tmp_path / "plain.wav")
    scene = read_adm_scene(path, tmp_path / "plain.yaml")
    turn = np.radians(-LISTENER_YAW_DEG)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert scene.listener.position_m == (0.0, 0.0, 1.2)
    for golden_source, source in zip(SOURCES, scene.sources, strict=True):
        assert source.name == golden_source.name
        for time, place in golden_source.positions_m.items():
            away = np.array(place) - LISTENER_M
            expected = [*(rotation @ away[:2]), 1.2 + away[2]]
            np.testing.assert_allclose(source.positions_at([time])[0], expected, atol=0.001)
        # As loud at 1 m: reference distance times gain.
        loudness = source.reference_distance_m * 10 ** (source.gain_db / 20)
        true = golden_source.reference_distance_m * 10 ** (golden_source.gain_db / 20)
        assert loudness == pytest.approx(true, rel=1e-3)
        assert source.note is None


def test_players_open_it_as_a_sound_file(adm):
    sound, rate = soundfile.read(adm)
    assert (rate, sound.shape) == (RATE_HZ, (96_000, 4))
    for channel, source in zip(sound.T, SOURCES, strict=True):
        np.testing.assert_allclose(channel, golden_sound(source), atol=_STEP)


def test_stems_beyond_full_scale_keep_their_level(golden, tmp_path):
    text = golden.read_text(encoding="utf-8").replace("sounds/left.wav", "sounds/loud.wav")
    loud = golden.with_name("loud.yaml")
    loud.write_text(text, encoding="utf-8")
    sound = golden_sound(SOURCES[0]) * 12  # a peak of 3
    soundfile.write(golden.parent / "sounds" / "loud.wav", sound, RATE_HZ, "FLOAT")
    scene = prepare_export(loud, meshes=False)
    write(scene, tmp_path)
    (path,) = tmp_path.glob("*.wav")
    assert np.abs(soundfile.read(path)[0]).max() == pytest.approx(1.0, abs=0.002)
    plain = read_adm_scene(without_our_chunk(path, tmp_path / "plain"), tmp_path / "a.yaml")
    heard, _ = soundfile.read(tmp_path / plain.sources[0].file)
    factor = 10 ** (plain.sources[0].gain_db / 20) * plain.sources[0].reference_distance_m
    np.testing.assert_allclose(heard * factor, sound, atol=1e-5)
    same = read_adm_scene(path, tmp_path / "b.yaml")
    np.testing.assert_allclose(
        soundfile.read(tmp_path / same.sources[0].file)[0], sound, atol=5 * _STEP
    )


@pytest.mark.parametrize("seed", range(4))
def test_blocks_follow_any_path(exported, seed):
    """Straight lines of angle and distance between blocks stay within 1 mm of the scene's path.

    Where angles turn so fast (beside a pole, at 100 m/s) that blocks reach their shortest length,
    their ends do.
    """
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.1, 19.9, 6))
    moving = exported.sources[3]
    path = Trajectory(
        times_s=times,
        positions_m=rng.normal(0, 2, (6, 3)),
        orientations_wxyz=np.tile([1.0, 0, 0, 0], (6, 1)),
    )
    source = type(moving)(
        **{
            name: path if name == "trajectory" else getattr(moving, name)
            for name in type(moving).__slots__
        }
    )
    pose = Pose(position_m=np.array([0.3, 0.1, 0.2]), orientation_wxyz=rng.normal(size=4))
    found = blocks(source, pose, 20.0)
    assert found[0].length_ticks == 0
    assert found[-1].start_ticks + found[-1].length_ticks == 20 * TICKS_PER_S
    worst = 0.0
    for before, after in pairwise(found):
        assert after.start_ticks == before.start_ticks + before.length_ticks
        assert after.length_ticks >= 500
        for part in [0.0, 1.0] if after.length_ticks < 1000 else np.linspace(0, 1, 5):
            turn = (after.azimuth_deg - before.azimuth_deg + 180) % 360 - 180
            relative = world_from_spherical(
                np.radians(before.azimuth_deg + part * turn),
                np.radians(
                    before.elevation_deg + part * (after.elevation_deg - before.elevation_deg)
                ),
                before.distance_m + part * (after.distance_m - before.distance_m),
            )
            there = pose.transform(relative[None])[0]
            time = (after.start_ticks + part * after.length_ticks) / TICKS_PER_S
            worst = max(worst, np.linalg.norm(there - path.positions_at(np.array([time]))[0]))
    assert worst < 0.001
    assert len(found) < 2000


def test_one_key_is_one_block_without_times(exported):
    (block,) = blocks(exported.sources[0], exported.listener.trajectory.at(0.0), 2.0)
    assert block.start_ticks is None
    assert block.azimuth_deg == pytest.approx(90.0, abs=0.02)
    _, _, distance = spherical_from_world(np.array(BEHIND.positions_m[0.0]) - LISTENER_M)
    assert distance == pytest.approx(2.0, abs=0.001)


def test_large_files_have_wide_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(bw64, "_LARGEST_RIFF_BYTES", 1000)
    sound = np.linspace(-1, 1, 777, dtype=np.float32)
    track = TrackUid(channel=1, uid="ATU_00000001", format_id="AT_00031001_01", pack_id="")
    path = tmp_path / "large.wav"
    write_bw64(path, [sound], 8000, tracks=[track], axml=b"<a/>", others={b"abcd": b"123"})
    assert path.read_bytes()[:8] == b"BW64\xff\xff\xff\xff"
    file = read_bw64(path)
    assert (file.sample_count, file.sample_rate_hz, file.tracks) == (777, 8000, (track,))
    assert file.chunks == {b"axml": b"<a/>", b"abcd": b"123"}
    np.testing.assert_allclose(file.channel(1), sound, atol=_STEP)


FOREIGN = """<ebuCoreMain xmlns="urn:ebu:metadata-schema:ebuCore_2016"><coreMetadata><format>
<audioFormatExtended>
 <audioProgramme audioProgrammeID="APR_1001" audioProgrammeName="Mix"/>
 <audioObject audioObjectID="AO_1001" audioObjectName="Jumps" start="00:00:00.10000"
   duration="00:00:00.80000">
  <audioTrackUIDRef>ATU_00000001</audioTrackUIDRef></audioObject>
 <audioObject audioObjectID="AO_1002" audioObjectName="Bed">
  <audioTrackUIDRef>ATU_00000002</audioTrackUIDRef></audioObject>
 <audioChannelFormat audioChannelFormatID="AC_00031001" typeDefinition="Objects">
  <audioBlockFormat rtime="00:00:00.00000" duration="00:00:00.40000">
   <cartesian>1</cartesian><position coordinate="X">-1.0</position>
   <position coordinate="Y">0.0</position><gain gainUnit="dB">-6</gain></audioBlockFormat>
  <audioBlockFormat rtime="00:00:00.19200S48000" duration="00:00:00.40000">
  </audioBlockFormat>
 </audioChannelFormat>
 <audioPackFormat audioPackFormatID="AP_00031001"><absoluteDistance>3</absoluteDistance>
 </audioPackFormat>
</audioFormatExtended></format></coreMetadata></ebuCoreMain>"""


def foreign_file(path, xml):
    tracks = [
        TrackUid(channel=1, uid="ATU_00000001", format_id="AC_00031001", pack_id="AP_00031001"),
        TrackUid(channel=2, uid="ATU_00000002", format_id="AT_00010001_01", pack_id="AP_00010001"),
    ]
    ones = np.full(48_000, 0.5, dtype=np.float32)
    write_bw64(path, [ones, ones], 48_000, tracks=tracks, axml=xml.encode(), others={})
    return path


def test_jumps_and_cartesian_positions_of_other_writers(tmp_path, caplog):
    xml = FOREIGN.replace(
        'S48000" duration="00:00:00.40000">',
        'S48000" duration="00:00:00.40000">'
        '<position coordinate="azimuth">-90</position><position coordinate="elevation">30'
        '</position><gain>0.5</gain><jumpPosition interpolationLength="0.1">1</jumpPosition>',
    )
    scene = read_adm_scene(foreign_file(tmp_path / "f.wav", xml), tmp_path / "f.yaml")
    (source,) = scene.sources
    assert (scene.title, source.name) == ("Mix", "Jumps")
    assert "Bed" in caplog.text
    away = source.positions_at([0.0, 0.5, 0.55, 0.6, 0.95]) - scene.listener.position_m
    right_up = [0.0, -3 * np.cos(np.pi / 6), 1.5]
    np.testing.assert_allclose(away[0], [0, 3, 0], atol=1e-6)
    np.testing.assert_allclose(away[1], [0, 3, 0], atol=1e-6)
    np.testing.assert_allclose(away[2], (np.array([0, 3, 0]) + right_up) / 2, atol=1e-3)
    np.testing.assert_allclose(away[3:], [right_up, right_up], atol=1e-6)
    sound, _ = soundfile.read(tmp_path / source.file)
    assert np.flatnonzero(sound)[[0, -1]].tolist() == [4800, 0.9 * 48_000 - 1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("-1.0", "nan"), "not finite"),
        (('"X"', '"Q"'), "no position"),
        (("00:00:00.10000", "soon"), "no time"),
        (("ATU_00000001", "ATU_00000009"), "chna"),
        (("</audioPackFormat>", ""), "broken"),
        (("<ebuCoreMain", "<!DOCTYPE a [<!ENTITY b 'c'>]><ebuCoreMain"), "entities"),
    ],
)
def test_broken_metadata_is_named(tmp_path, change, word):
    path = foreign_file(tmp_path / "f.wav", FOREIGN.replace(*change))
    with pytest.raises(FileFormatError, match=word):
        read_adm_scene(path, tmp_path / "f.yaml")
    assert [each.name for each in tmp_path.iterdir()] == ["f.wav"]


def test_files_that_are_none(adm, tmp_path):
    soundfile.write(tmp_path / "plain.wav", np.zeros(100), 8000)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "short.wav").write_bytes(adm.read_bytes()[:900])
    for name in ("plain.wav", "text.wav", "short.wav", "none.wav"):
        with pytest.raises(FileFormatError, match=name):
            read_adm_scene(tmp_path / name, tmp_path / "x.yaml")
    only_bed = FOREIGN.replace('typeDefinition="Objects"', 'typeDefinition="HOA"')
    with pytest.raises(DataError, match="Export objects"):
        read_adm_scene(foreign_file(tmp_path / "bed.wav", only_bed), tmp_path / "x.yaml")


def test_nothing_is_overwritten(adm, tmp_path):
    read_adm_scene(adm, tmp_path / "a.yaml")
    with pytest.raises(OutputError, match="exists"):
        read_adm_scene(adm, tmp_path / "a.yaml")
