"""USD: packages as RealityKit wants them, Unreal's script, clouds within a budget."""

import struct
import sys
import types
import zipfile

import numpy as np
import pytest
from golden_scene import SOURCES, make_golden_scene

from capture.cloud_sequence import CloudSequence
from capture.point_cloud import PointCloud
from scenes.export import prepare_export
from scenes.export.shown_clouds import CloudBudget, cloud_budget, shown_clouds, thinned
from scenes.export.usd import write
from scenes.export.usd.text import number, quoted, samples


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return prepare_export(make_golden_scene(tmp_path_factory.mktemp("golden")))


@pytest.fixture(scope="module")
def folder(exported, tmp_path_factory):
    made = tmp_path_factory.mktemp("usd")
    write(exported, made)
    return made


def test_the_package_is_stored_and_aligned(folder):
    data = (folder / "scene.usdz").read_bytes()
    with zipfile.ZipFile(folder / "scene.usdz") as package:
        entries = package.infolist()
        assert entries[0].filename == "scene.usda"
        assert {entry.filename for entry in entries} == {
            "scene.usda",
            "textures/Violin_left_co.png",
            *(f"sounds/{name}.wav" for name in ("Violin_left_co", "right_hand")),
            *(f"sounds/{name}.wav" for name in ("Flote_front", "behind_moving")),
        }
        for entry in entries:
            assert entry.compress_type == zipfile.ZIP_STORED
            names, extra = struct.unpack("<HH", data[entry.header_offset + 26 :][:4])
            begin = entry.header_offset + 30 + names + extra
            assert begin % 64 == 0
            assert data[begin : begin + entry.file_size] == package.read(entry)


def test_the_same_scene_gives_the_same_bytes(exported, folder, tmp_path):
    write(exported, tmp_path)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()


def test_text_of_values():
    assert [number(value, 3) for value in (-0.0, 1.0, 0.1234, -1e-9, 100.0)] == [
        *("0", "1", "0.123", "0", "100")
    ]
    assert quoted('a "b" \\ \n\x00ü') == '"a \\"b\\" \\\\   ü"'
    assert samples([0.0, 0.5], ["1", "2"]) == "{ 0: 1, 30: 2 }"


class Unreal(types.ModuleType):
    """A stand-in for the editor's module: it remembers what was made, set and called."""

    def __init__(self):
        super().__init__("unreal")
        self.actors = []
        self.made = {}
        self.logged = []
        self.log = self.logged.append

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Thing(name)

    def load_asset(self, path):
        return self.made.setdefault(path, Thing(path))

    def get_editor_subsystem(self, kind):
        return self

    def spawn_actor_from_object(self, asset, place, turn=None):
        self.actors.append(Thing("actor", of=asset, place=place, turn=turn))
        return self.actors[-1]

    spawn_actor_from_class = spawn_actor_from_object

    def get_all_level_actors(self):
        return list(self.actors)

    def destroy_actor(self, actor):
        self.actors.remove(actor)

    def Vector(self, *values):
        return np.array(values)

    def FrameNumber(self, value):
        return value

    def Rotator(self, **angles):
        return angles


class Thing:
    """Something of the editor: properties that are set are kept, calls give more things."""

    def __init__(self, name, **known):
        self.__dict__.update(known, name=name, properties={"tags": []}, calls=[], parts={})

    def set_editor_property(self, key, value):
        self.properties[key] = value

    def get_editor_property(self, key):
        return self.properties.setdefault(key, Thing(key))

    def __getattr__(self, name):
        return self.parts.setdefault(name, Thing(name))

    def __getitem__(self, index):
        return self.parts.setdefault(index, Thing(str(index)))

    def __call__(self, *given, **named):
        self.calls.append((given, named))
        return self.parts.setdefault("returned", Thing(f"{self.name}()"))


def run_script(folder, unreal, monkeypatch):
    monkeypatch.setitem(sys.modules, "unreal", unreal)
    path = folder / "unreal_import.py"
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    exec(code, {"__file__": str(path), "__name__": "__main__"})


def test_unreals_script(folder, monkeypatch):
    unreal = Unreal()
    run_script(folder, unreal, monkeypatch)
    run_script(folder, unreal, monkeypatch)  # a second time replaces the first
    *placed, stage, start, movement = unreal.actors
    assert len(placed) == len(SOURCES)
    attenuation = unreal.load_asset("/Game/Auralize/Golden_4_sources_quoted_unicode/Attenuation")
    falloff_cm = attenuation.properties["attenuation"].properties["falloff_distance"]
    softer_db = float(unreal.logged[-1].split("level, ")[1].split(" dB")[0])
    for actor, source in zip(placed, SOURCES, strict=True):
        x, y, z = source.positions_m[0.0]
        np.testing.assert_allclose(actor.place, [100 * x, -100 * y, 100 * z], atol=0.1)
        assert actor.set_actor_label.calls == [((source.name,), {})]
        component = actor.properties["audio_component"].properties
        assert component["attenuation_settings"] is attenuation
        for distance_m in (0.5, 1.0, 3.0, 20.0):
            # Attenuation.cpp: 0.02 / (distance / falloff), at most 1.
            law = min(1.0, 0.02 * falloff_cm / (100 * distance_m)) * component["volume_multiplier"]
            true_db = source.gain_db + 20 * np.log10(source.reference_distance_m / distance_m)
            assert 20 * np.log10(law) + softer_db == pytest.approx(true_db, abs=0.06)
        wave = actor.of.properties
        assert "virtualization_mode" in wave
    assert placed[0].turn["yaw"] == pytest.approx(70.0)
    assert stage.of.name == "UsdStageActor"
    np.testing.assert_allclose(start.place, [50.0, 25.0, 92.0])
    assert start.turn["yaw"] == pytest.approx(-20.0)
    assert movement.properties["playback_settings"].properties["auto_play"] is True


def test_unreal_moves_what_moves(folder, monkeypatch):
    unreal = Unreal()
    sequence = Thing("Movement")
    tools = types.SimpleNamespace(
        import_asset_tasks=lambda tasks: None,
        create_asset=lambda name, root, kind, factory: sequence,
    )
    unreal.AssetToolsHelpers = types.SimpleNamespace(get_asset_tools=lambda: tools)
    run_script(folder, unreal, monkeypatch)
    track = sequence.add_possessable().add_track()
    channels = track.add_section().get_all_channels()
    for axis, factor in enumerate((100, -100, 100)):
        keys = channels[axis].add_key.calls
        assert [given[0] + given[2] for given, _ in keys] == [0, 60, 90]
        expected = [factor * SOURCES[3].positions_m[time][axis] for time in (0.0, 1.0, 1.5)]
        np.testing.assert_allclose([given[1] for given, _ in keys], expected, atol=0.1)


def test_thinned_clouds_stay_spread():
    rng = np.random.default_rng(3)
    away = rng.normal(size=(20_000, 3))
    ball = PointCloud(positions_m=away / np.linalg.norm(away, axis=1, keepdims=True))
    for most in (1500, 300, 10):
        kept, voxel_m = thinned(ball, most)
        assert 0.4 * most <= len(kept) <= most
        assert np.abs(kept.positions_m.mean(axis=0)).max() < 2 / np.sqrt(most)
        # Beginning where that ended, it is not thinned further than needed.
        again, _ = thinned(ball, most, voxel_m / 1.1)
        assert 0.4 * most <= len(again) <= most
    assert thinned(kept, 5000)[0] is kept


def test_budgets_hold(exported):
    generous = cloud_budget(
        exported, total_points=10**6, points=1500, interval_s=0.2, least_points=400
    )
    assert generous == CloudBudget(points=1500, interval_s=0.2)
    for total in (8000, 2000, 500):
        budget = cloud_budget(
            exported, total_points=total, points=1500, interval_s=0.2, least_points=400
        )
        shown = list(shown_clouds(exported.sources[0].clouds, budget, 2.0))
        assert shown[0][0] == 0.0
        assert len(shown) * budget.points <= total + budget.points
    assert budget.points == 400


def test_empty_clouds_and_clouds_after_the_end_are_not_shown():
    point = PointCloud(positions_m=np.zeros((1, 3), dtype=np.float32))
    nothing = point.select(np.zeros(0, dtype=int))
    clouds = CloudSequence(
        times_s=np.array([0.0, 1.0, 2.0, 3.0]), read=[nothing, point, point, point].__getitem__
    )
    shown = shown_clouds(clouds, CloudBudget(points=10, interval_s=0.1), 2.5)
    assert [time for time, _ in shown] == [1.0, 2.0]
