"""The neutral form comes back as the same scene; stems for encoders give our own ambisonics."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile
from golden_scene import SOURCES, make_golden_scene

from auralize.ambisonics.render import render_ambisonics
from auralize.exporting import export
from auralize.stream.binaural import render_binaural
from capture.errors import DataError, FileFormatError, OutputError
from scenes import read_scene
from scenes.imports import import_scene


@pytest.fixture(scope="module")
def golden_path(tmp_path_factory):
    return make_golden_scene(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def exported(golden_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    for target in ("json", "iem"):
        export(golden_path, target, folder / target)
    return folder


class TestJson:
    def test_comes_back_as_the_same_scene(self, golden_path, exported, tmp_path):
        import_scene(exported / "json" / "scene.json", tmp_path / "back.yaml")
        before, after = read_scene(golden_path), read_scene(tmp_path / "back.yaml")
        where = {"file", "channel", "start_s", "performer"}

        def said(scene):
            sources = [source.model_dump(exclude=where) for source in scene.sources]
            return sources, scene.model_dump(exclude={"sources"})

        assert said(after) == said(before)
        heard = [
            np.concatenate(list(render_binaural(scene, folder)), axis=1)
            for scene, folder in ((before, golden_path.parent), (after, tmp_path))
        ]
        np.testing.assert_array_equal(*heard)

    def test_players_come_back(self, golden_path, exported, tmp_path):
        from capture.performer import open_performer

        scene = import_scene(exported / "json" / "scene.json", tmp_path / "back.yaml")
        before = open_performer(golden_path.parent / "players" / "fiddler")[1]
        after = open_performer(tmp_path / scene.sources[0].performer)[1]
        np.testing.assert_array_equal(after.at(7).positions_m, before.at(7).positions_m)

    def test_says_what_follows_from_the_scene(self, exported):
        document = json.loads((exported / "json" / "scene.json").read_text(encoding="utf-8"))
        moving = document["sources"][3]
        assert moving["times_s"] == [0.0, 1.0, 1.5]
        assert moving["positions_m"][2] == [-1.0, 0.0, 1.6]
        assert document["sources"][0]["mesh"] == "players/Violin_left_co.ply"

    @pytest.mark.parametrize(
        ("changed", "error", "words"),
        [
            (lambda d: d["scene"].pop("sources"), FileFormatError, "scene.sources"),
            (lambda d: d.update(format="other"), FileFormatError, "its \"format\" is 'other'"),
            (
                lambda d: d["scene"]["sources"][0].update(file="../../../../etc/passwd"),
                DataError,
                "outside its folder",
            ),
            (
                lambda d: d["scene"]["sources"][0].update(file="/etc/passwd"),
                DataError,
                "outside its folder",
            ),
            (
                lambda d: d["scene"]["sources"][0].update(performer="../x/y"),
                DataError,
                "outside its folder",
            ),
            (
                lambda d: d["scene"]["sources"][0].update(file="a\0b"),
                DataError,
                "is not there",
            ),
        ],
    )
    def test_refuses_what_is_wrong(self, exported, tmp_path, changed, error, words):
        document = json.loads((exported / "json" / "scene.json").read_text(encoding="utf-8"))
        changed(document)
        path = exported / "json" / "changed.json"
        path.write_text(json.dumps(document))
        with pytest.raises(error, match=words):
            import_scene(path, tmp_path / "back.yaml")
        assert list(tmp_path.iterdir()) == []

    def test_writes_over_nothing(self, exported, tmp_path):
        (tmp_path / "back.yaml").write_text("mine")
        with pytest.raises(OutputError, match="exists already"):
            import_scene(exported / "json" / "scene.json", tmp_path / "back.yaml")

    def test_other_files_are_refused(self, tmp_path):
        with pytest.raises(FileFormatError, match=r"is not there"):
            import_scene(tmp_path / "no.json", tmp_path / "back.yaml")
        (tmp_path / "a.mid").write_text("x")
        with pytest.raises(FileFormatError, match=r"can be imported from \.json"):
            import_scene(tmp_path / "a.mid", tmp_path / "back.yaml")


def encoded(stem, azimuth_rad, elevation_rad):
    """Encode as MultiEncoder does: ACN, SN3D, first order (Zotter and Frank 2019, ch. 4)."""
    flat = np.cos(elevation_rad)
    return np.stack(
        [
            stem,
            stem * np.sin(azimuth_rad) * flat,
            stem * np.sin(elevation_rad),
            stem * np.cos(azimuth_rad) * flat,
        ]
    )


class TestIem:
    def test_is_what_the_plug_ins_read(self, exported):
        layout = json.loads((exported / "iem" / "directions.json").read_text(encoding="utf-8"))
        for number, element in enumerate(layout["GenericLayout"]["Elements"], start=1):
            # What ConfigurationHelper.h asks for, and of which type.
            assert isinstance(element["Azimuth"], float)
            assert isinstance(element["Elevation"], float)
            assert isinstance(element["Radius"], float)
            assert isinstance(element["Gain"], float)
            assert type(element["Channel"]) is int
            assert element["IsImaginary"] is False
            assert element["Channel"] == number

    def test_left_is_left(self, exported):
        layout = json.loads((exported / "iem" / "directions.json").read_text(encoding="utf-8"))
        elements = layout["GenericLayout"]["Elements"]
        asked = {"left": 90, "right": -90, "front": 0, "behind": 180}
        for element, source in zip(elements, SOURCES, strict=True):
            off = (element["Azimuth"] - asked[source.side] + 180) % 360 - 180
            assert abs(off) < 0.01
            assert element["Radius"] == pytest.approx(2.0, abs=1e-3)

    def test_encoded_stems_are_our_own_ambisonics(self, golden_path, exported):
        stems = sorted((exported / "iem" / "stems").iterdir())
        layout = json.loads((exported / "iem" / "directions.json").read_text(encoding="utf-8"))
        elements = layout["GenericLayout"]["Elements"]
        with (exported / "iem" / "movement.csv").open(encoding="utf-8") as file:
            movement = [row for row in csv.DictReader(file) if row["channel"] == "4"]
        total = 0.0
        for stem, element in zip(stems, elements, strict=True):
            sound, _ = soundfile.read(stem)
            azimuth, elevation = (
                np.full(len(sound), np.radians(element[key])) for key in ("Azimuth", "Elevation")
            )
            if element["Channel"] == 4:
                times = [float(row["time_s"]) for row in movement]
                at = np.arange(len(sound)) / 48_000
                azimuths = np.unwrap(np.radians([float(row["azimuth_deg"]) for row in movement]))
                elevations = np.radians([float(row["elevation_deg"]) for row in movement])
                azimuth, elevation = (
                    np.interp(at, times, azimuths),
                    np.interp(at, times, elevations),
                )
            total = total + encoded(sound, azimuth, elevation)
        scene = read_scene(golden_path)
        open_air = scene.model_copy(
            update={
                "room": None,
                "listener": scene.listener.model_copy(update={"near_field": False}),
            }
        )
        ours = np.concatenate(
            list(render_ambisonics(open_air, golden_path.parent, order=1)), axis=1
        )
        # Within what lines between directions 20 times a second leave.
        power = np.mean(ours**2, axis=1)
        error = np.mean((ours - total) ** 2, axis=1)
        assert (10 * np.log10(error / power.max()) < -50).all()

    def test_room_encoder_gets_places_from_the_middle_of_the_box(self, exported):
        with (exported / "iem" / "room.csv").open(encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[1] == ["room size", "", "8", "7", "3"]
        # The room is turned by 10° about (0.5, 0): the listener, 0.25 m to the right of that.
        x, y, z = map(float, rows[2][2:])
        assert (x, y) == pytest.approx(
            (-0.25 * np.sin(np.radians(10)), -0.25 * np.cos(np.radians(10))), abs=1e-3
        )
        assert z == pytest.approx(-0.3)
