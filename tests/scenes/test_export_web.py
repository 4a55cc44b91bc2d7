"""The page's files: clouds, sound and heads survive packing; no name becomes markup."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
from golden_scene import RATE_HZ, SOURCES, golden_performer, golden_sound, make_golden_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from capture.axes import world_from_gltf
from capture.cloud_sequence import CloudSequence
from capture.point_cloud import PointCloud
from scenes.export import prepare_export
from scenes.export.web import write
from scenes.export.web.cloud_slots import (
    STEP_M,
    Fineness,
    choose_fineness,
    pack_clouds,
    unpack_slot,
)
from scenes.export.web.head_responses import pack_responses
from scenes.export.web.page import page_text, script_json
from scenes.export.web.room_lines import room_lines
from scenes.export.web.sound_slots import (
    LEAD,
    PROBE_IMPULSE,
    at_page_rate,
    pack_sound,
    page_rate_hz,
    probe,
)
from scenes.export.web.steady_points import SteadyPoints


def _sequence(clouds, rate_hz=5.0):
    return CloudSequence(times_s=np.arange(len(clouds)) / rate_hz, read=lambda i: clouds[i])


def _moving_clouds(count=30, points=800, seed=0):
    """A ball that stands still, each time seen in other points, and a small one that moves."""
    rng = np.random.default_rng(seed)
    clouds = []
    for index in range(count):
        away = rng.normal(size=(points, 3))
        ball = 0.3 * away / np.linalg.norm(away, axis=1, keepdims=True) + [2, 1, 1]
        small = 0.05 * away[:100] / np.linalg.norm(away[:100], axis=1, keepdims=True)
        small += [2, 1.6 + 0.02 * index, 1]
        colors = np.full((points + 100, 3), (40, 120, 200), dtype=np.uint8)
        positions = np.concatenate([ball, small]).astype(np.float32)
        clouds.append(PointCloud(positions_m=positions, colors=colors))
    return clouds


def _decoded(slots):
    """Rows of points after each cloud: what a viewer has."""
    rows = {}
    for slot in slots.slots:
        first = True
        for time_s, change in unpack_slot(slot, slots.origin_m):
            if first:
                rows = {}
            first = False
            for row in change.removed:
                del rows[int(row)]
            for row, place in zip(change.rows, change.positions_m, strict=True):
                rows[int(row)] = world_from_gltf(place.astype(np.float64))
            yield time_s, np.array(list(rows.values())).reshape(-1, 3)


def test_what_stands_still_stays_and_what_moves_is_followed():
    clouds = _moving_clouds()
    points = SteadyPoints(0.05)
    changed = [len(points.follow(cloud).rows) for cloud in clouds]
    now = points.everything().positions_m
    # No point is left without surface, and no surface without points.
    assert KDTree(clouds[-1].positions_m).query(now)[0].max() < 0.05
    assert KDTree(now).query(clouds[-1].positions_m)[0].max() < 0.1
    # The whole cloud is several times what is new from cloud to cloud.
    assert np.mean(changed[10:]) < 0.35 * len(now)


def test_a_moving_thing_keeps_its_rows():
    """What moves takes the rows that it leaves, so that a viewer can let points glide."""
    line = np.linspace(0, 0.4, 40)
    bow = np.stack([line, 0 * line, 0 * line], axis=1).astype(np.float32)
    points = SteadyPoints(0.01)
    points.follow(PointCloud(positions_m=bow))
    change = points.follow(PointCloud(positions_m=bow + np.float32([0, 0.1, 0])))
    assert points.row_count == 40
    assert len(change.removed) == 0
    np.testing.assert_allclose(points.everything().positions_m[:, 0], bow[:, 0], atol=1e-6)


@pytest.mark.parametrize("gap_s", [0.0, 5.0])
def test_clouds_read_back_from_any_slot(gap_s):
    clouds = _moving_clouds(20)
    sequence = CloudSequence(
        times_s=np.arange(20) / 5 + gap_s * (np.arange(20) >= 10), read=lambda i: clouds[i]
    )
    points = SteadyPoints(0.04)
    truth = {}
    for time_s, cloud in zip(sequence.times_s, clouds, strict=True):
        points.follow(cloud)
        truth[round(float(time_s), 4)] = points.everything().positions_m
    fineness = Fineness(spacing_m=0.04, rate_hz=15)
    packed = pack_clouds(sequence, fineness, slot_s=2.0, slot_count=6)
    assert len(packed.slots) == 6
    seen = {round(time, 4): places for time, places in _decoded(packed)}
    assert truth.keys() <= seen.keys()
    for time_s, places in truth.items():
        assert len(seen[time_s]) == len(places)
        assert KDTree(seen[time_s]).query(places, p=np.inf)[0].max() <= STEP_M / 2 + 1e-5
    # Each slot begins with all points, so that one can begin there.
    for slot in packed.slots:
        _, first = next(unpack_slot(slot, packed.origin_m))
        assert len(first.removed) == 0
        assert len(first.rows) > 100


def test_positions_are_kept_to_a_millimetre():
    clouds = _moving_clouds(1)
    packed = pack_clouds(
        _sequence(clouds), Fineness(spacing_m=1e-4, rate_hz=15), slot_s=8, slot_count=1
    )
    _, change = next(unpack_slot(packed.slots[0], packed.origin_m))
    back = world_from_gltf(change.positions_m.astype(np.float64))
    away = KDTree(clouds[0].positions_m).query(back, p=np.inf)[0]
    assert away.max() <= STEP_M / 2 + 1e-5
    assert len(back) == len(clouds[0])


def test_the_finer_the_larger_and_within_budget():
    sequence = _sequence(_moving_clouds(20, points=900), rate_hz=10)
    sizes = []
    for budget in (60_000, 6_000, 1_500):
        fineness = choose_fineness(sequence, budget)
        packed = pack_clouds(sequence, fineness, slot_s=8.0, slot_count=1)
        sizes.append(sum(map(len, packed.slots)) / 2.0)
        assert sizes[-1] < 1.3 * budget
    assert sizes[0] > sizes[1] > sizes[2]


def test_empty_clouds_and_no_colors():
    empty = PointCloud(positions_m=np.zeros((0, 3), np.float32))
    plain = PointCloud(positions_m=np.eye(3, dtype=np.float32))
    packed = pack_clouds(
        _sequence([empty, plain, empty]),
        Fineness(spacing_m=0.01, rate_hz=15),
        slot_s=8,
        slot_count=1,
    )
    assert [len(places) for _, places in _decoded(packed)] == [0, 3, 0]


def _decode(mp3):
    samples, rate = soundfile.read(io.BytesIO(mp3), dtype="float32")
    return samples, rate


def test_slots_join_to_the_stem():
    rng = np.random.default_rng(1)
    stem = np.convolve(rng.standard_normal(60_000), np.hanning(64), "same").astype(np.float32)
    stem *= 0.003 / np.abs(stem).max()
    packed = pack_sound(stem, 48_000, slot_samples=20_000, slot_count=3)
    assert len(packed.slots) == 3
    joined = np.concatenate([_decode(mp3)[0][LEAD : LEAD + 20_000] for mp3 in packed.slots])
    error = np.std(packed.level * joined - stem) / np.std(stem)
    assert error < 0.02  # −34 dB of a stem at −50 dB: not a sample is displaced
    around = np.abs(packed.level * joined - stem)[19_990:20_010]
    assert around.max() < 0.3 * np.std(stem)


def test_silence_takes_no_room():
    stem = np.zeros(50_000, np.float32)
    stem[45_000] = 2.0  # beyond full scale, which stems may be
    packed = pack_sound(stem, 48_000, slot_samples=20_000, slot_count=3)
    assert [len(mp3) > 0 for mp3 in packed.slots] == [False, False, True]
    decoded, _ = _decode(packed.slots[2])
    assert np.argmax(np.abs(decoded)) == LEAD + 5_000
    nothing = pack_sound(np.zeros(100, np.float32), 48_000, slot_samples=20_000, slot_count=1)
    assert nothing.slots == (b"",)
    assert np.isfinite(nothing.level)


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 16_000])
def test_the_probe_says_how_late_a_decoder_is(rate_hz):
    decoded, rate = _decode(probe(rate_hz))
    assert rate == rate_hz
    assert np.argmax(np.abs(decoded)) == PROBE_IMPULSE


def test_rates_that_mp3_has_not_are_resampled():
    assert [page_rate_hz(rate) for rate in (48_000, 44_100, 96_000, 8_000, 30_000)] == [
        *(48_000, 44_100, 48_000, 16_000, 32_000)
    ]
    tone = np.sin(2 * np.pi * 440 * np.arange(96_000) / 96_000).astype(np.float32)
    half = at_page_rate(tone, 96_000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    np.testing.assert_allclose(half[2000:-2000], wanted[2000:-2000], atol=1e-3)


def test_heads_read_back():
    import zlib

    rng = np.random.default_rng(3)
    directions = np.array([[1.0, 0, 0], [0, 1, 0]])
    responses = np.zeros((2, 2, 64))
    responses[:, :, 10:40] = rng.normal(size=(2, 2, 30))
    data = zlib.decompress(pack_responses(directions, responses), wbits=-15)
    count, taps = np.frombuffer(data, "<u4", 2)
    assert (count, taps) == (2, 30)
    vectors = np.frombuffer(data, "<f4", 6, 8).reshape(2, 3)
    np.testing.assert_array_equal(vectors, [[0, 0, -1], [-1, 0, 0]])
    factor = np.frombuffer(data, "<f4", 1, 32)[0]
    low, high = np.frombuffer(data, np.uint8, offset=36).reshape(2, 120).astype(np.uint16)
    back = (low + 256 * high).astype(np.uint16).view(np.int16).reshape(2, 2, 30) * factor
    np.testing.assert_allclose(back, responses[:, :, 10:40], atol=factor)


def test_a_box_has_twelve_lines():
    corners = np.array([[x, y, z] for x in (0, 4) for y in (0, 3) for z in (0, 2)], np.float32)
    walls = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = np.array([t for a, b, c, d in walls for t in ((a, b, c), (a, c, d))], np.int32)
    lines = room_lines(corners, faces)
    assert len(lines) == 12
    assert sorted(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)) == [2] * 4 + [3] * 4 + [4] * 4


@given(st.text(max_size=60) | st.just("</script><script>alert(1)</script><!-- <script>"))
@settings(max_examples=30, deadline=None)
def test_no_text_leaves_its_script(text):
    written = script_json({"name": text})
    assert "<" not in written
    assert json.loads(written) == {"name": text}


@pytest.fixture(scope="module")
def golden_page(tmp_path_factory):
    scene = make_golden_scene(tmp_path_factory.mktemp("golden"))
    folder = tmp_path_factory.mktemp("page")
    told = []
    write(prepare_export(scene, meshes=False), folder, progress=told.append)
    assert told[-1] == 1.0
    return (folder / "index.html").read_text(encoding="utf-8"), folder


def _inside(page, name):
    return re.search(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', page, re.S)[1]


def test_a_page_holds_the_scene(golden_page):
    page, folder = golden_page
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "index.html"]
    description = json.loads(_inside(page, "scene"))
    assert [source["name"] for source in description["sources"]] == [s.name for s in SOURCES]
    for source, found in zip(SOURCES, description["sources"], strict=True):
        first = world_from_gltf(np.array(found["path"]["positions"][:3]))
        np.testing.assert_allclose(first, source.positions_m[0.0], atol=1e-4)
        assert found["gainDb"] == source.gain_db
    turn = np.array(description["listener"]["turns"])
    # 20° to the left: about +y, which is up.
    np.testing.assert_allclose(turn, [0, np.sin(np.pi / 18), 0, np.cos(np.pi / 18)], atol=1e-5)
    assert [source["clouds"] is not None for source in description["sources"]] == [
        source.has_clouds for source in SOURCES
    ]
    assert "<title>Golden: 4 sources / &quot;quoted&quot; ünïcode</title>" in page


def test_a_page_holds_the_sounds(golden_page):
    page, _ = golden_page
    data = base64.b64decode(_inside(page, "media-sound0"))
    description = json.loads(_inside(page, "scene"))
    count, *lengths = np.frombuffer(data, "<u4", 5)
    assert count == 4
    at = 20
    for source, length, found in zip(SOURCES, lengths, description["sources"], strict=True):
        decoded, rate = _decode(data[at : at + int(length)])
        at += int(length)
        assert rate == RATE_HZ
        truth = golden_sound(source)
        back = found["level"] * decoded[LEAD : LEAD + len(truth)]
        assert np.std(back - truth) < 0.1 * np.std(truth)


def test_a_page_holds_the_clouds(golden_page):
    page, _ = golden_page
    data = base64.b64decode(_inside(page, "media-clouds0"))
    description = json.loads(_inside(page, "scene"))["sources"][0]["clouds"]
    lengths = np.frombuffer(data, "<u4", 5)[1:]
    assert list(lengths[1:]) == [0, 0, 0]
    clouds = list(unpack_slot(data[20 : 20 + int(lengths[0])], tuple(description["origin"])))
    assert [round(time, 3) for time, _ in clouds] == [round(i / 5, 3) for i in range(10)]
    middle = world_from_gltf(clouds[0][1].positions_m.astype(np.float64)).mean(axis=0)
    truth = golden_performer().clouds[0].centroid_m
    np.testing.assert_allclose(middle, truth, atol=0.03)


def test_long_scenes_have_a_folder_of_media(golden_page, tmp_path):
    import dataclasses

    scene = make_golden_scene(tmp_path / "golden")
    exported = prepare_export(scene, meshes=False)
    # Silence goes on for a minute more.
    padded = tuple(
        dataclasses.replace(source, samples=np.pad(source.samples, (0, 60 * RATE_HZ)))
        for source in exported.sources
    )
    out = tmp_path / "out"
    out.mkdir()
    write(dataclasses.replace(exported, sources=padded, duration_s=62.0), out)
    names = sorted(path.name for path in (out / "media").iterdir())
    assert names == sorted(f"{kind}{slot}.js" for kind in ("sound", "clouds") for slot in range(8))
    text = (out / "media" / "sound0.js").read_text(encoding="ascii")
    assert re.fullmatch(r'auralizeMedia\("sound0","[A-Za-z0-9+/=]+"\)\n', text)
    assert 'id="media-' not in (out / "index.html").read_text(encoding="utf-8")


def test_the_page_is_small_and_names_its_licences():
    import gzip

    page = page_text()
    assert len(gzip.compress(page.encode())) < 1_000_000
    assert "three.js" in page
    assert "Permission is hereby granted, free of charge" in page
    assert "connect-src 'none'" in page
    # Nothing is asked of any host: all addresses are names of XML namespaces and of documents.
    assert not re.findall(r"(?:src|href)=[\"']?https?:", page)
