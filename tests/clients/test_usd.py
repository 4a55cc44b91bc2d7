"""OpenUSD opens the golden scene as USD and as USDZ: no complaint, places, sides, files."""

import io
import zipfile

import numpy as np
import pytest
import soundfile
import usd_client
from golden_scene import LEFT, LISTENER_M, LISTENER_YAW_DEG, RATE_HZ, SOURCES, golden_sound
from golden_variant import STANDING, WALK, WALKING, export_variant

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(usd_client.missing()), reason=usd_client.missing()),
]


@pytest.fixture(scope="module")
def folder(golden_export):
    return golden_export("usd")


@pytest.mark.parametrize("name", ["scene.usda", "geometry.usda", "scene.usdz"])
def test_no_validator_complains(folder, name):
    assert usd_client.complaints(folder / name) == []


def test_places_and_starts(folder):
    figures = usd_client.check(folder)
    assert figures.position_error_m < 0.001
    assert figures.start_offset_samples == 0


def test_a_listener_who_walks_and_turns(golden, tmp_path):
    out = tmp_path / "usd"
    export_variant(golden, "walking", "usd", out, old=STANDING, new=WALKING)
    assert usd_client.complaints(out / "scene.usda") == []
    opened, _ = usd_client.stage(out / "scene.usda")
    camera = opened.GetPrimAtPath("/Scene/Listener")
    for time, (place, yaw_deg) in WALK.items():
        seen = usd_client.matrix(opened, camera, time)
        np.testing.assert_allclose(seen[3, :3], place, atol=1e-5)
        yaw = np.radians(yaw_deg)
        looks, above = seen[:3, :3].T @ [0.0, 0.0, -1.0], seen[:3, :3].T @ [0.0, 1.0, 0.0]
        np.testing.assert_allclose(looks, [np.cos(yaw), np.sin(yaw), 0.0], atol=1e-5)
        np.testing.assert_allclose(above, [0.0, 0.0, 1.0], atol=1e-5)


def test_all_files_are_found(folder):
    from pxr import UsdUtils

    for name in ("scene.usda", "scene.usdz"):
        _, assets, unresolved = UsdUtils.ComputeAllDependencies(str(folder / name))
        assert not unresolved
        assert len(assets) == len(SOURCES) + 1  # sounds and one texture


def test_clouds_are_held_and_where_they_were_seen(folder):
    from pxr import Usd, UsdGeom

    opened, _ = usd_client.stage(folder / "scene.usda")
    points = UsdGeom.Points(opened.GetPrimAtPath("/Scene/Clouds/Violin_left_co"))
    attribute = points.GetPointsAttr()
    middle = np.array(LEFT.positions_m[0.0])
    for number in range(10):
        seen = np.array(attribute.Get(Usd.TimeCode(number * 12)))
        held = np.array(attribute.Get(Usd.TimeCode(number * 12 + 7)))
        np.testing.assert_array_equal(seen, held)
        sway = 0.02 if number % 2 else -0.02
        # The box of the cloud: the player is 0.84 m tall below the head, turned by 70°.
        assert np.ptp(seen[:, 2]) == pytest.approx(1.1, abs=0.05)
        assert np.abs(seen.mean(axis=0) - middle - [0, sway, 0]).max() < 0.08
    colors = points.GetDisplayColorAttr().Get(Usd.TimeCode(0))
    assert len(colors) == len(attribute.Get(Usd.TimeCode(0)))


def test_the_body_stands_where_its_cloud_is(folder):
    from pxr import Usd, UsdGeom

    opened, prims = usd_client.stage(folder / "scene.usda")
    body = prims[LEFT.name].GetChild("Body")
    mesh = UsdGeom.Mesh(body)
    placed = np.hstack(
        [np.array(mesh.GetPointsAttr().Get()), np.ones((len(mesh.GetPointsAttr().Get()), 1))]
    ) @ usd_client.matrix(opened, body, 0.0)
    cloud = UsdGeom.Points(opened.GetPrimAtPath("/Scene/Clouds/Violin_left_co"))
    seen = np.array(cloud.GetPointsAttr().Get(Usd.TimeCode(0)))
    assert np.abs(placed[:, :3].min(axis=0) - seen.min(axis=0)).max() < 0.06
    assert np.abs(placed[:, :3].max(axis=0) - seen.max(axis=0)).max() < 0.06


def test_usdz_is_around_who_opens_it(folder):
    """x right, y up, −z front, from the floor below the listener."""
    opened, prims = usd_client.stage(folder / "scene.usdz")
    yaw = np.radians(LISTENER_YAW_DEG)
    front, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    for source in SOURCES:
        for time, world in source.positions_m.items():
            away = np.array(world) - LISTENER_M
            expected = [-(away[:2] @ left), world[2], -(away[:2] @ front)]
            found = usd_client.place(opened, prims[source.name], time)
            assert np.linalg.norm(found - expected) < 0.001
    head = usd_client.matrix(opened, opened.GetPrimAtPath("/Scene/Listener"), 0.0)
    np.testing.assert_allclose(head[3, :3], [0, 1.2, 0], atol=1e-5)
    np.testing.assert_allclose(head[:3, :3], np.eye(3), atol=1e-5)


def test_usdz_has_mono_sounds(folder):
    with zipfile.ZipFile(folder / "scene.usdz") as package:
        assert package.testzip() is None
        for source, name in zip(
            SOURCES,
            ("Violin_left_co", "right_hand", "Flote_front", "behind_moving"),
            strict=True,
        ):
            sound, rate = soundfile.read(io.BytesIO(package.read(f"sounds/{name}.wav")))
            assert (rate, sound.ndim) == (RATE_HZ, 1)
            np.testing.assert_allclose(sound, golden_sound(source), atol=2.0**-14)
