"""What all exporters share: scenes laid out, names, paths, meshes, WAV files and folders."""

from __future__ import annotations

import json
import re
import zipfile

import hypothesis
import numpy as np
import pytest
import soundfile
import trimesh
from golden_scene import (
    BEHIND,
    BURST_SAMPLE,
    LEFT,
    LISTENER_M,
    RATE_HZ,
    SOURCES,
    golden_performer,
    golden_sound,
    make_golden_scene,
)
from hypothesis import strategies as st

from auralize.exporting import export
from capture.errors import DataError, FileFormatError, OutputError
from capture.performer import write_performers
from capture.point_cloud import PointCloud
from scenes import Source, read_scene
from scenes.export import TARGETS, export_folder, prepare_export
from scenes.export.distance_law import NEAREST_M
from scenes.export.identifiers import identifiers
from scenes.export.mesh import mesh_from_cloud
from scenes.export.palette import color
from scenes.export.paths import source_trajectory
from scenes.export.wav import common_gain_db, gain_that_fits_db, wav_bytes


@pytest.fixture(scope="module")
def golden_path(tmp_path_factory):
    return make_golden_scene(tmp_path_factory.mktemp("golden ü"))


@pytest.fixture(scope="module")
def exported(golden_path):
    return prepare_export(golden_path)


class TestPrepare:
    def test_sounds_lie_on_the_scenes_time_without_gains(self, exported):
        for source, expected in zip(exported.sources, SOURCES, strict=True):
            assert source.name == expected.name
            assert source.samples.dtype == np.float32
            # The one of FLAC has 24 bits.
            np.testing.assert_allclose(source.samples, golden_sound(expected), atol=2**-23)
            assert not source.samples[:BURST_SAMPLE].any()
            assert source.gain_db == expected.gain_db
            assert source.reference_distance_m == expected.reference_distance_m
            assert source.heard

    def test_everything_is_where_the_scene_says(self, exported):
        for source, expected in zip(exported.sources, SOURCES, strict=True):
            for time_s, position_m in expected.positions_m.items():
                pose = source.trajectory.at(time_s)
                np.testing.assert_allclose(pose.position_m, position_m, atol=1e-12)
        pose = exported.listener.trajectory.at(1.0)
        np.testing.assert_allclose(pose.position_m, LISTENER_M)
        assert pose.yaw_rad == pytest.approx(np.radians(20))

    def test_standing_still_is_one_key(self, exported):
        assert [len(s.trajectory.times_s) for s in exported.sources] == [1, 1, 1, 3]
        assert [s.moves for s in exported.sources] == [False, False, False, True]
        assert not exported.listener.moves

    def test_faces_as_the_scene_says_or_else_the_listener(self, exported):
        left, right, *_ = exported.sources
        assert left.trajectory.at(0.0).yaw_rad == pytest.approx(np.radians(-70))
        away = np.array(LISTENER_M) - right.first_position_m
        assert right.trajectory.at(0.0).yaw_rad == pytest.approx(np.arctan2(away[1], away[0]))

    def test_the_room_is_a_closed_box_seen_from_inside(self, exported):
        room = exported.room
        assert room.box.size_m == (8, 7, 3)
        assert room.box.center_m == (0.5, 0, 1.5)
        assert room.rt60_s == (0.4,) * 7
        mesh = trimesh.Trimesh(room.vertices_m, room.faces, process=False)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(-8 * 7 * 3, rel=1e-5)
        turned = trimesh.transformations.rotation_matrix(np.radians(10), (0, 0, 1))[:3, :3]
        corner = turned @ [4, 3.5, 0] + [0.5, 0, 3]
        assert np.abs(room.vertices_m - corner).sum(axis=1).min() < 1e-5

    def test_a_muted_source_is_there_but_not_heard(self, golden_path, tmp_path):
        text = golden_path.read_text(encoding="utf-8")
        changed = golden_path.with_name("muted.yaml")
        changed.write_text(text.replace("    start_s: 0.25", "    start_s: 0.25\n    mute: true"))
        assert [s.heard for s in prepare_export(changed).sources] == [True, False, True, True]

    def test_a_scene_without_a_duration_ends_with_its_last_sound(self, golden_path):
        changed = golden_path.with_name("no duration.yaml")
        text = golden_path.read_text(encoding="utf-8")
        changed.write_text(text.replace("duration_s: 2.0\n", "").replace("0.25\n", "0.75\n"))
        scene = prepare_export(changed)
        assert scene.duration_s == pytest.approx(2.5)
        assert {len(s.samples) for s in scene.sources} == {round(2.5 * RATE_HZ)}

    @pytest.mark.parametrize(
        ("name", "sound", "rate_hz", "error", "words"),
        [
            ("rate", np.zeros(100), 44_100, DataError, "44100 Hz, but the scene has 48000 Hz"),
            ("nan", np.array([0, np.nan, 0]), RATE_HZ, DataError, "not a finite number"),
            ("text", None, 0, FileFormatError, "not readable as sound"),
        ],
    )
    def test_sounds_that_do_not_fit_are_refused(
        self, golden_path, name, sound, rate_hz, error, words
    ):
        bad = golden_path.parent / "sounds" / f"{name}.wav"
        if sound is None:
            bad.write_text("no sound")
        else:
            soundfile.write(bad, sound, rate_hz, "FLOAT")
        changed = golden_path.with_name(f"{name}.yaml")
        changed.write_text(golden_path.read_text(encoding="utf-8").replace("left.wav", bad.name))
        with pytest.raises(error, match=words):
            prepare_export(changed)

    def test_a_channel_that_is_not_there_is_refused(self, golden_path):
        changed = golden_path.with_name("channel.yaml")
        changed.write_text(
            golden_path.read_text(encoding="utf-8").replace("channel: 2", "channel: 3")
        )
        with pytest.raises(DataError, match="asks for channel 3, but the file has 2"):
            prepare_export(changed)

    def test_sixty_four_sources(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.ones(10), 8000, "FLOAT")
        sources = "".join(
            f"  - {{name: s{i}, file: a.wav, position_m: [1, {i}, 0]}}\n" for i in range(64)
        )
        path = tmp_path / "scene.yaml"
        path.write_text(f"version: 1\nsample_rate_hz: 8000\nsources:\n{sources}")
        scene = prepare_export(path)
        assert len({s.identifier for s in scene.sources}) == 64

    def test_all_muted_is_refused(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.ones(10), 8000, "FLOAT")
        path = tmp_path / "scene.yaml"
        path.write_text(
            "version: 1\nsample_rate_hz: 8000\n"
            "sources: [{name: a, file: a.wav, position_m: [1, 0, 0], mute: true}]\n"
        )
        with pytest.raises(DataError, match="muted"):
            prepare_export(path)


class TestPlayers:
    def test_clouds_are_where_the_camera_saw_them(self, exported):
        clouds = exported.sources[0].clouds
        seen = golden_performer()
        assert len(clouds) == len(seen.clouds)
        np.testing.assert_allclose(clouds.times_s, seen.cloud_times_s)
        for index in (0, 9):
            # The scene's position is rounded to millimetres.
            np.testing.assert_allclose(
                clouds.at(index).positions_m, seen.clouds[index].positions_m, atol=1e-3
            )
            np.testing.assert_array_equal(clouds.at(index).colors, seen.clouds[index].colors)
        assert exported.sources[1].clouds is None
        with pytest.raises(IndexError, match="there are 10 clouds"):
            clouds.at(10)

    def test_clouds_go_where_the_source_goes(self, golden_path):
        text = golden_path.read_text(encoding="utf-8")
        changed = golden_path.with_name("moved.yaml")
        changed.write_text(
            text.replace("position_m: [-0.184, 1.629, 1.2]", "position_m: [1, 2, 1]")
        )
        moved = prepare_export(changed).sources[0]
        seen = golden_performer()
        offset = np.array([1, 2, 1]) - np.array(LEFT.positions_m[0.0])
        expected = seen.clouds[3].positions_m + offset
        np.testing.assert_allclose(moved.clouds.at(3).positions_m, expected, atol=1e-5)

    def test_the_mesh_is_the_player_around_the_source(self, exported):
        mesh = exported.sources[0].mesh
        assert 100 < len(mesh.faces) <= 5000
        cloud = exported.sources[0].clouds.at(0).positions_m - exported.sources[0].first_position_m
        for pick in (np.min, np.max):
            np.testing.assert_allclose(
                pick(mesh.vertices_m, axis=0), pick(cloud, axis=0), atol=0.05
            )

    def test_a_missing_performer_is_named(self, golden_path):
        changed = golden_path.with_name("nobody.yaml")
        text = golden_path.read_text(encoding="utf-8")
        changed.write_text(text.replace("players/fiddler", "players/piper"))
        with pytest.raises(FileFormatError, match="there are fiddler, but no piper"):
            prepare_export(changed)

    def test_a_broken_cloud_is_named(self, tmp_path):
        from capture.performer import open_performer

        write_performers(tmp_path / "players", [golden_performer()])
        _, clouds = open_performer(tmp_path / "players" / "fiddler")
        path = tmp_path / "players" / "fiddler.npz"
        with zipfile.ZipFile(path) as archive:
            start = archive.getinfo("positions_m_5.npy").header_offset
        damaged = bytearray(path.read_bytes())
        damaged[start : start + 30] = bytes(30)
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="cloud 5 cannot be read"):
            clouds.at(5)


class TestMesh:
    def test_of_a_ball_is_a_closed_ball_seen_from_outside(self):
        rng = np.random.default_rng(0)
        away = rng.normal(size=(20_000, 3))
        points = 0.5 * away / np.linalg.norm(away, axis=1, keepdims=True) + [1, 2, 3]
        colors = np.where(points[:, :1] > 1, [[255, 0, 0]], [[0, 0, 255]]).astype(np.uint8)
        made = mesh_from_cloud(PointCloud(positions_m=points.astype(np.float32), colors=colors))
        assert len(made.faces) <= 5000
        mesh = trimesh.Trimesh(made.vertices_m, made.faces, process=False)
        assert mesh.is_watertight
        # The shell has an outer and an inner side; the outer one is a ball of 0.5 m, and a bit.
        outer = max(mesh.split(only_watertight=True), key=lambda part: part.volume)
        assert outer.volume == pytest.approx(4 / 3 * np.pi * 0.55**3, rel=0.1)
        away = made.vertices_m - np.float32([1, 2, 3])
        distances = np.linalg.norm(away, axis=1)
        assert 0.4 < distances.min() < 0.5 < distances.max() < 0.58
        outside = distances > 0.5
        cosines = np.einsum("vi,vi->v", made.normals, away / distances[:, None])
        assert cosines[outside].min() > 0.7
        red = away[:, 0] > 0.1
        assert (made.colors[red][:, 0] > 200).all()
        assert (made.colors[away[:, 0] < -0.1][:, 2] > 200).all()

    def test_of_next_to_nothing_is_none(self):
        assert mesh_from_cloud(PointCloud(positions_m=np.zeros((5, 3), np.float32))) is None

    def test_without_colors_is_grey(self):
        points = np.random.default_rng(0).uniform(-0.3, 0.3, (3000, 3)).astype(np.float32)
        assert np.unique(mesh_from_cloud(PointCloud(positions_m=points)).colors).size == 1


MILLIMETRES = st.floats(-20, 20).map(lambda value: round(value, 3))


class TestPaths:
    @hypothesis.settings(max_examples=40, deadline=None)
    @hypothesis.given(
        st.lists(st.tuples(*[MILLIMETRES] * 3), min_size=3, max_size=6),
        st.lists(st.floats(0.05, 30), min_size=6, max_size=6),
    )
    def test_straight_lines_stay_within_a_millimetre_of_a_smooth_path(self, places, steps):
        times = np.cumsum(steps)[: len(places)]
        keys = [{"time_s": float(t), "position_m": p} for t, p in zip(times, places, strict=True)]
        source = Source(name="a", file="a.wav", keyframes=keys, interpolation="smooth")
        lines = source_trajectory(source, np.zeros(3))
        fine = np.linspace(times[0], times[-1], 4001)
        strays = np.linalg.norm(lines.positions_at(fine) - source.positions_at(fine), axis=1)
        assert strays.max() <= 0.00101

    def test_one_key_is_one_key(self):
        source = Source(name="a", file="a.wav", keyframes=[{"time_s": 3, "position_m": (1, 2, 3)}])
        path = source_trajectory(source, np.zeros(3))
        assert len(path.times_s) == 1
        np.testing.assert_allclose(path.at(0.0).position_m, [1, 2, 3])


class TestIdentifiers:
    def test_are_readable(self):
        names = ["Violin 1", "violin/1", "../..", "Flöte", "前", "2nd", "CON", "x" * 99]
        assert identifiers(names) == (
            *("Violin_1", "violin_1_2", "source", "Flote", "source_2", "source_2nd", "CON_"),
            "x" * 48,
        )

    @hypothesis.given(st.lists(st.text(max_size=60), max_size=30))
    def test_are_safe_and_differ(self, names):
        made = identifiers(names)
        assert len({name.casefold() for name in made}) == len(names)
        for name in made:
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,47}", name)


def test_colors_differ():
    assert len({color(index) for index in range(42)}) == 42


def test_the_near_limit_is_the_renderers():
    from auralize.sources.heard_source import NEAREST_M as RENDERED_NEAREST_M

    assert NEAREST_M == RENDERED_NEAREST_M


class TestWav:
    SOUND = np.sin(np.arange(5000) / 7).astype(np.float32) * 0.9

    @pytest.mark.parametrize(
        ("wav_format", "subtype", "error"),
        [("pcm16", "PCM_16", 2.0**-14), ("pcm24", "PCM_24", 2.0**-23), ("float32", "FLOAT", 0.0)],
    )
    def test_reads_back(self, tmp_path, wav_format, subtype, error):
        for samples in (self.SOUND[:4999], np.stack([self.SOUND, -self.SOUND])):
            path = tmp_path / "a.wav"
            path.write_bytes(wav_bytes(samples, 44_100, wav_format))
            assert soundfile.info(path).subtype == subtype
            back, rate = soundfile.read(path, dtype="float64", always_2d=True)
            assert rate == 44_100
            np.testing.assert_allclose(back.T, np.atleast_2d(samples), atol=error)

    def test_16_bits_have_dither_of_their_own(self):
        first, second = (wav_bytes(self.SOUND * 0, 8000, "pcm16", number=n) for n in (0, 1))
        assert first != second
        assert first == wav_bytes(self.SOUND * 0, 8000, "pcm16", number=0)

    def test_nothing_clips(self, exported, tmp_path):
        assert common_gain_db(exported, "pcm16") == 0.0
        loud = [np.float32([0.1, -3.0]), np.float32([0.5])]
        gain_db = gain_that_fits_db(loud, "pcm16")
        assert gain_db == pytest.approx(-20 * np.log10(3), abs=0.011)
        (tmp_path / "a.wav").write_bytes(wav_bytes(loud[0], 8000, "pcm16", gain_db=gain_db))
        back = soundfile.read(tmp_path / "a.wav", dtype="int16")[0]
        assert -32768 < back.min() < -32700
        assert gain_that_fits_db(loud, "float32") == 0.0


class TestFolder:
    @pytest.fixture
    def out(self, exported, tmp_path):
        export_folder(exported, TARGETS["json"], tmp_path / "out")
        return tmp_path / "out"

    def again(self, exported, out, **options):
        export_folder(exported, TARGETS["json"], out, **options)

    def test_lists_its_files(self, out):
        files = json.loads((out / "export-manifest.json").read_text())["files"]
        there = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
        assert set(files) == there - {"export-manifest.json"}

    def test_an_existing_folder_is_refused(self, exported, out):
        with pytest.raises(OutputError, match="exists already"):
            self.again(exported, out)

    def test_force_replaces_an_earlier_export(self, exported, out):
        (out / "sounds" / "right_hand.wav").unlink()
        self.again(exported, out, force=True)
        assert (out / "sounds" / "right_hand.wav").is_file()

    @pytest.mark.parametrize("name", ["mine.txt", "sounds/right_hand.wav", "README.md"])
    def test_force_keeps_what_the_user_added_or_changed(self, exported, out, name):
        (out / name).write_text("mine")
        with pytest.raises(OutputError, match=re.escape(name)):
            self.again(exported, out, force=True)
        assert (out / name).read_text() == "mine"

    def test_force_takes_no_other_folder(self, exported, tmp_path):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "diary.txt").write_text("dear")
        with pytest.raises(OutputError, match=r"no export-manifest\.json"):
            self.again(exported, tmp_path / "home", force=True)
        (tmp_path / "file").write_text("x")
        with pytest.raises(OutputError, match="is no folder"):
            self.again(exported, tmp_path / "file", force=True)

    def test_a_failing_exporter_leaves_nothing(self, exported, tmp_path, monkeypatch):
        from scenes.export import neutral

        def fail(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(neutral, "write_wav", fail)
        with pytest.raises(OutputError, match="No space left"):
            self.again(exported, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_readme_that_says_where_things_are(golden_path, tmp_path, target):
    export(golden_path, target, tmp_path / target)
    text = (tmp_path / target / "README.md").read_text(encoding="utf-8")
    assert "Golden: 4 sources" in text
    for source, expected in zip(read_scene(golden_path).sources, SOURCES, strict=True):
        x, y, z = expected.positions_m[0.0]
        assert f"{x:.3f}, {y:.3f}, {z:.3f}" in text
        assert source.name.replace("\\", "\\\\").replace("<", "\\<").replace(">", "\\>") in text


def test_an_unknown_target_is_refused(golden_path, tmp_path):
    with pytest.raises(ValueError, match="there is no target 'max'; there are web, json"):
        export(golden_path, "max", tmp_path / "out")


def test_the_golden_scene_ends_behind():
    assert BEHIND.positions_m[2.0] == (-1.0, 0.0, 1.6)
