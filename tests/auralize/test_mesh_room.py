"""Rooms of triangles: a box as a mesh is that box, and what is wrong with a mesh is said."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import trimesh

from auralize.ambisonics.render import render_ambisonics
from auralize.rooms.box_room import BoxRoom
from auralize.rooms.mesh import read_room_mesh
from auralize.rooms.mesh_room import MeshRoom
from auralize.rooms.ray_energy import BIN_S, decay_time_s, energy_curve
from auralize.stream.binaural import render_binaural
from capture.errors import DataError, FileFormatError
from scenes import Medium, Room, Scene

SIZE = np.array([7.1, 5.3, 3.2])
SOURCE = np.array([1.5, 1.2, 1.4])
EAR = np.array([-1.1, -0.7, 1.6])
MEDIUM = Medium()


def box_mesh(size=SIZE):
    box = trimesh.creation.box(size)
    box.apply_translation((0, 0, size[2] / 2))
    return box


@pytest.fixture
def folder(tmp_path):
    box_mesh().export(tmp_path / "box.ply")
    return tmp_path


def mesh_room(*files, surface="plaster", **fields):
    meshes = [file if isinstance(file, dict) else {"file": file} for file in files]
    meshes = [{"surface": surface} | mesh for mesh in meshes]
    return Room.model_validate({"shape": "mesh", "meshes": meshes} | fields)


def scene(room, **fields):
    return Scene.model_validate(
        {
            "sample_rate_hz": 48_000,
            "duration_s": 0.5,
            "room": room,
            "sources": [{"name": "a", "file": "a.wav", "position_m": SOURCE}],
            "listener": {"position_m": EAR},
        }
        | fields
    )


def sorted_arrivals(arrivals):
    rows = np.lexsort(np.round(arrivals.positions_m, 4).T)
    return [getattr(arrivals, name)[rows] for name in ("positions_m", "departures", "band_gains")]


@pytest.mark.parametrize("suffix", ["ply", "obj", "stl", "glb"])
def test_images_of_a_box_of_triangles_are_those_of_the_box(tmp_path, suffix):
    surface = {"absorption": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), "scattering": 0.2}
    box = box_mesh()
    if suffix == "glb":  # whose y is up, and whose z is to the front
        box.vertices = box.vertices[:, [1, 2, 0]]
    box.export(tmp_path / f"box.{suffix}")
    model = MeshRoom(mesh_room(f"box.{suffix}", surface=surface), MEDIUM, tmp_path, SOURCE)
    peer = BoxRoom(Room(size_m=tuple(SIZE), surfaces=surface), MEDIUM)
    ours, theirs = (sorted_arrivals(each.arrivals(SOURCE, EAR, 3)) for each in (model, peer))
    assert len(ours[0]) == 63
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_images_of_an_l_shaped_room_are_only_those_that_are_seen(tmp_path):
    """Behind the corner, the far wall of the other arm answers nobody."""
    pra = pytest.importorskip("pyroomacoustics")
    corners = np.array([[0, 0], [6, 0], [6, 3], [3, 3], [3, 6], [0, 6.0]])
    source, ear = np.array([4.5, 1.0, 1.2]), np.array([1.2, 2.2, 1.7])
    outline = np.array([[0, 0], [3, 0], [6, 0], [6, 3], [3, 3], [3, 6], [0, 6], [0, 3]])
    squares = [[0, 1, 4, 7], [1, 2, 3, 4], [7, 4, 5, 6]]
    floor = [[a, c, b] for a, b, c, _ in squares] + [[a, d, c] for a, _, c, d in squares]
    ceiling = [[a + 8, b + 8, c + 8] for a, c, b in floor]
    walls = [(i, (i + 1) % 8) for i in range(8)]
    sides = [[i, j, j + 8] for i, j in walls] + [[i, j + 8, i + 8] for i, j in walls]
    places = np.vstack([np.column_stack([outline, np.full(8, z)]) for z in (0.0, 3.0)])
    trimesh.Trimesh(places, floor + ceiling + sides).export(tmp_path / "l.stl")
    model = MeshRoom(mesh_room("l.stl", surface={"absorption": 0.2}), MEDIUM, tmp_path, source)
    arrivals = model.arrivals(source, ear, 2)
    room = pra.Room.from_corners(corners.T, fs=16_000, max_order=2, materials=pra.Material(0.2))
    room.extrude(3.0, materials=pra.Material(0.2))
    room.add_source(source)
    room.add_microphone(ear)
    room.image_source_model()
    seen = room.sources[0].images[:, room.visibility[0][0].astype(bool)].T
    assert 1 + 8 < len(seen) < 1 + 8 + 8 * 7
    ours, theirs = (np.round(each.astype(np.float64), 2) for each in (arrivals.positions_m, seen))
    assert {tuple(place) for place in ours + 0.0} == {tuple(place) for place in theirs + 0.0}


@pytest.mark.parametrize("yaw_deg", [0.0, 35.0])
def test_a_mesh_is_placed_and_turned(folder, yaw_deg):
    room = mesh_room("box.ply", yaw_deg=yaw_deg, floor_center_m=(10.0, 0.0, 1.0))
    mesh = read_room_mesh(room, folder)
    inside = room.to_world(np.array([3.0, 2.0, 1.0]))
    assert mesh.depth_inside_m(inside) == pytest.approx(SIZE[0] / 2 - 3.0, abs=1e-4)
    assert mesh.depth_inside_m(room.to_world(np.array([3.7, 0, 1.0]))) < 0
    assert mesh.volume_m3 == pytest.approx(SIZE.prod(), rel=1e-4)
    assert len(mesh.normals) == 6
    assert mesh.areas_m2.sum() == pytest.approx(2 * (7.1 * 5.3 + 5.3 * 3.2 + 7.1 * 3.2), rel=1e-4)


def test_files_have_their_own_materials(tmp_path):
    box = box_mesh()
    floor = box.face_normals[:, 2] < -0.5
    box.submesh([np.flatnonzero(floor)], append=True).export(tmp_path / "floor.ply")
    box.submesh([np.flatnonzero(~floor)], append=True).export(tmp_path / "rest.ply")
    room = mesh_room({"file": "floor.ply", "surface": "carpet"}, "rest.ply")
    mesh = read_room_mesh(room, tmp_path)
    down = mesh.normals[:, 2] < -0.5
    assert mesh.absorption[down, 3] == pytest.approx(0.60)
    assert np.all(mesh.absorption[~down, 3] == pytest.approx(0.03))


@pytest.mark.parametrize("absorption", [0.1, 0.2])
def test_rays_in_a_diffuse_room_decay_as_eyring_says(folder, absorption):
    surface = {"absorption": absorption, "scattering": 1.0}
    times = MeshRoom(mesh_room("box.ply", surface=surface), MEDIUM, folder, SOURCE).rt60_s
    peer = BoxRoom(Room(size_m=tuple(SIZE), surfaces=surface), MEDIUM).rt60_s
    # Paths of different lengths decay slower than paths of the mean length (Kuttruff): by 3 %.
    np.testing.assert_allclose(times, peer, rtol=0.05)


def test_rays_in_a_tube_decay_as_their_hits_do(tmp_path):
    """Between two plates far apart from all other walls, energy is lost once for each way over."""
    size = np.array([40.0, 40.0, 1.0])
    box_mesh(size).export(tmp_path / "plates.ply")
    mesh = read_room_mesh(mesh_room("plates.ply"), tmp_path)
    absorption = np.full((6, 7), 0.3)
    curve = energy_curve(
        mesh,
        np.array([0, 0, 0.5]),
        absorption=absorption,
        speed_m_s=340.0,
        longest_s=0.05,
        rng=np.random.default_rng(1),
    )[0]
    # The mean over directions of 0.7^(number of plates met in c·t): heights are spread evenly.
    time = (10 + 0.5) * BIN_S
    heights = np.linspace(-1, 1, 20_001)
    hits = np.floor(np.abs(heights) * 340.0 * time + 0.5)
    assert curve[10] == pytest.approx(np.mean(0.7**hits), rel=0.02)


def test_the_reverberation_time_asked_for_is_met(folder):
    room = mesh_room("box.ply", surface={"absorption": 0.3, "scattering": 0.5}, rt60_s=0.8)
    model = MeshRoom(room, MEDIUM, folder, SOURCE)
    times = np.arange(0.02, 1.2, BIN_S)
    energies = model.late_energies(SOURCE, EAR, 0, times)
    for band in energies:
        assert decay_time_s(band) == pytest.approx(0.8, rel=0.05)


def test_the_late_part_is_as_loud_as_a_box_s(folder):
    surface = {"absorption": 0.1, "scattering": 0.8}
    model = MeshRoom(mesh_room("box.ply", surface=surface), MEDIUM, folder, SOURCE)
    peer = BoxRoom(Room(size_m=tuple(SIZE), surfaces=surface), MEDIUM)
    times = np.arange(0.05, 0.4, 0.01)
    levels = [10 * np.log10(each.late_energies(SOURCE, EAR, 2, times)) for each in (model, peer)]
    assert np.abs(levels[0] - levels[1]).max() < 1.0


def test_a_scene_in_a_mesh_sounds_as_in_the_box(folder):
    rng = np.random.default_rng(0)
    soundfile.write(folder / "a.wav", rng.normal(scale=0.1, size=24_000), 48_000, subtype="FLOAT")
    surface = {"absorption": 0.2, "scattering": 0.7}
    early = {"image_order": 2, "late": False, "direct": False}
    in_mesh = scene(mesh_room("box.ply", surface=surface, **early))
    in_box = scene(Room(size_m=tuple(SIZE), surfaces=surface, **early))
    heard, expected = (
        np.concatenate(list(render_binaural(each, folder)), axis=1) for each in (in_mesh, in_box)
    )
    assert np.abs(heard - expected).max() < 1e-4 * np.abs(expected).max()


class TestWalls:
    """A wall across the room, with narrow gaps, between the source and the listener."""

    @pytest.fixture
    def walled(self, folder):
        wall = trimesh.creation.box((0.2, 3.0, 3.0))
        wall.apply_translation((0.3, 0.0, 1.6))
        trimesh.util.concatenate([box_mesh(), wall]).export(folder / "wall.ply")
        times = np.arange(48_000) / 48_000
        tone = 0.5 * np.sin(2 * np.pi * 200 * times)
        soundfile.write(folder / "a.wav", tone, 48_000, subtype="FLOAT")
        return folder

    def parts(self, folder, early=False, late=False, **fields):
        room = mesh_room("wall.ply", direct=True, early=early, late=late, image_order=1)
        return scene(room, **fields)

    def test_the_straight_way_is_silent_and_the_room_is_heard(self, walled):
        model = MeshRoom(mesh_room("wall.ply"), MEDIUM, walled, SOURCE)
        arrivals = model.arrivals(SOURCE, EAR, 1)
        np.testing.assert_array_equal(arrivals.positions_m[0], SOURCE)
        np.testing.assert_array_equal(arrivals.band_gains[0], 0)
        # Floor and ceiling are hidden, too, and so are the walls at the ends; not those beside.
        assert len(arrivals.orders) > 1
        assert (arrivals.band_gains[1:] > 0).all()
        direct = np.concatenate(list(render_binaural(self.parts(walled), walled)), axis=1)
        assert not direct.any()
        with_room = self.parts(walled, early=True, late=True)
        assert np.concatenate(list(render_binaural(with_room, walled)), axis=1).any()
        (ambient,) = render_ambisonics(self.parts(walled), walled, order=1)
        assert not ambient.any()

    def test_on_the_same_side_nothing_is_hidden(self, walled):
        here = self.parts(walled, listener={"position_m": (2.5, -1.0, 1.6)})
        open_air = here.model_copy(update={"room": None})
        heard, expected = (
            np.concatenate(list(render_binaural(each, walled)), axis=1) for each in (here, open_air)
        )
        assert expected.any()
        np.testing.assert_array_equal(heard, expected)

    def test_who_comes_out_from_behind_it_fades_in(self, walled):
        keys = [{"time_s": t, "position_m": (1.5, y, 1.4)} for t, y in ((0.0, 0.5), (1.0, 2.5))]
        source = {"name": "a", "file": "a.wav", "keyframes": keys}
        comes = self.parts(
            walled, sources=[source], duration_s=1.0, listener={"position_m": (-1.0, 2.0, 1.6)}
        )
        out = np.concatenate(list(render_binaural(comes, walled)), axis=1)[:, :47_000]
        assert not out[:, :4800].any()
        assert np.abs(out[:, 40_000:]).max() > 0.05
        spectrum = np.abs(np.fft.rfft(out * np.blackman(out.shape[1])))
        high = spectrum[:, np.fft.rfftfreq(out.shape[1], 1 / 48_000) > 4000].max()
        assert 20 * np.log10(high / spectrum.max()) < -70


class TestBadInput:
    def test_a_leak_is_located(self, folder):
        box = box_mesh()
        box.faces = box.faces[:-1]
        box.export(folder / "leaky.ply")
        with pytest.raises(DataError, match=r"leaky\.ply\) leaks: 3 edges .* near \["):
            read_room_mesh(mesh_room("leaky.ply"), folder)

    def test_no_mesh_at_all(self, folder):
        (folder / "text.ply").write_text("hello")
        with pytest.raises(FileFormatError, match=r"text\.ply: (not readable|holds no)"):
            read_room_mesh(mesh_room("text.ply"), folder)

    def test_a_source_outside(self, folder):
        with pytest.raises(DataError, match=r"source at \[9\.00, 0\.00, 1\.00\] is outside"):
            MeshRoom(mesh_room("box.ply"), MEDIUM, folder, np.array([9.0, 0, 1]))

    def test_a_listener_in_a_wall(self, folder):
        soundfile.write(folder / "a.wav", np.zeros(100), 48_000)
        place = {"position_m": (-SIZE[0] / 2 + 0.05, 0, 1.2)}
        with pytest.raises(DataError, match=r"the listener at .* outside the room's mesh or in a"):
            list(render_binaural(scene(mesh_room("box.ply"), listener=place), folder))

    def test_too_many_images(self, folder):
        ball = trimesh.creation.icosphere(subdivisions=3, radius=4.0)
        ball.export(folder / "ball.ply")
        model = MeshRoom(mesh_room("ball.ply", surface={"absorption": 0.6}), MEDIUM, folder, SOURCE)
        assert model.default_order(moving=False) == 1
        with pytest.raises(DataError, match=r"1280 facets, .* after 2 reflections\. Lower"):
            model.arrivals(SOURCE, EAR, 2)

    def test_a_material_that_is_not_there(self, folder):
        with pytest.raises(DataError, match="no material is named 'plastic'"):
            read_room_mesh(mesh_room("box.ply", surface="plastic"), folder)
