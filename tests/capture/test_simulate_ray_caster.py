"""The ray caster against brute force in float64, and against spheres."""

import numpy as np
import pytest

from capture.camera.calibration import Calibration
from capture.camera.lens import CameraModel
from capture.simulate.ray_caster import NOTHING, cast_rays, face_normals, shade
from capture.simulate.solids import box, join, rod


@pytest.fixture(scope="module")
def kinect_lens():
    """The depth camera at a quarter of its resolution, with its distortion."""
    depth = Calibration.simulated().depth
    return CameraModel(
        width_px=160,
        height_px=144,
        cx_px=depth.cx_px / 4,
        cy_px=depth.cy_px / 4,
        fx_px=depth.fx_px / 4,
        fy_px=depth.fy_px / 4,
        radial=depth.radial,
        tangential=depth.tangential,
        metric_radius=depth.metric_radius,
    )


def brute_force(vertices, faces, rays):
    """Möller and Trumbore 1997 for every ray and every triangle, front faces only."""
    nearest = np.full(len(rays), np.inf)
    index = np.full(len(rays), NOTHING)
    for number, (a, b, c) in enumerate(vertices[faces].astype(np.float64)):
        ab, ac = b - a, c - a
        p = np.cross(rays, ac)
        determinant = p @ ab
        front = determinant > 1e-12
        safe = np.where(front, determinant, 1.0)
        u = (p @ -a) / safe
        q = np.cross(-a, ab)
        v = (rays @ q) / safe
        z = (ac @ q) / safe
        hit = front & (u >= 0) & (v >= 0) & (u + v <= 1) & (z > 0) & (z < nearest)
        nearest[hit] = z[hit]
        index[hit] = number
    return nearest, index


def scene(rng):
    """Boxes and rods of all sizes, before the camera and partly outside its view."""
    parts = []
    for _ in range(12):
        center = rng.uniform((-1.2, -1.0, 1.2), (1.2, 1.0, 3.5))
        parts.append(box(rng.uniform(0.02, 0.6, 3), center, (200, 10, 10)))
    for _ in range(6):
        start, stop = rng.uniform((-1, -1, 1), (1, 1, 3), (2, 3))
        parts.append(rod(start, stop, 0.02, (10, 200, 10)))
    return join(parts)


@pytest.mark.parametrize("seed", range(3))
def test_it_sees_what_brute_force_sees(kinect_lens, seed):
    mesh = scene(np.random.default_rng(seed))
    background = np.full(kinect_lens.shape, 9.0, np.float32)
    depth, index = cast_rays(mesh.vertices_m, mesh.faces, kinect_lens, background)
    rays = kinect_lens.rays().reshape(-1, 3).astype(np.float64)
    expected, expected_index = brute_force(mesh.vertices_m, mesh.faces, rays)
    expected = np.where(np.isfinite(expected), expected, 9.0).reshape(depth.shape)
    # float32 may decide otherwise where a ray grazes an edge: not at more than a few pixels.
    same = np.abs(depth - expected) < 1e-4
    assert np.mean(expected_index != NOTHING) > 0.1
    assert same.mean() > 0.9995
    agree = (index.ravel() == expected_index)[same.ravel()]
    assert agree.mean() > 0.995


def test_a_sphere_is_where_it_is(kinect_lens):
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    center = np.array([0.3, -0.2, 2.0])
    depth, index = cast_rays(
        (ball.vertices + center).astype(np.float32),
        ball.faces.astype(np.int32),
        kinect_lens,
        np.full(kinect_lens.shape, np.inf, np.float32),
    )
    seen = index != NOTHING
    points = kinect_lens.rays()[seen] * depth[seen, None]
    # Facets of this subdivision lie at most 0.4 mm inside the sphere.
    np.testing.assert_allclose(np.linalg.norm(points - center, axis=1), 0.5, atol=5e-4)
    assert np.isinf(depth[~seen]).all()


def test_a_nearer_background_hides_the_mesh(kinect_lens):
    mesh = box((0.5, 0.5, 0.5), (0, 0, 2), (1, 2, 3))
    near = np.full(kinect_lens.shape, 1.0, np.float32)
    depth, index = cast_rays(mesh.vertices_m, mesh.faces, kinect_lens, near)
    assert (index == NOTHING).all()
    np.testing.assert_array_equal(depth, near)


def test_what_lies_behind_the_camera_is_not_seen(kinect_lens):
    mesh = box((0.5, 0.5, 0.5), (0, 0, -2), (1, 2, 3))
    far = np.full(kinect_lens.shape, np.inf, np.float32)
    assert (cast_rays(mesh.vertices_m, mesh.faces, kinect_lens, far)[1] == NOTHING).all()


def test_normals_point_outward():
    mesh = box((1, 2, 3), (5, 5, 5), (0, 0, 0))
    centers = mesh.vertices_m[mesh.faces].mean(axis=1) - 5
    assert (np.einsum("fx,fx->f", face_normals(mesh.vertices_m, mesh.faces), centers) > 0).all()


def test_light_is_interpolated_and_color_is_not(kinect_lens):
    vertices = np.array([[-1, -1, 2], [-1, 1, 2], [1, -1, 2]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    colors = np.array([[100, 0, 0], [0, 100, 0], [0, 0, 100]], np.uint8)
    light = np.array([1.0, 0.5, 0.0], np.float32)
    far = np.full(kinect_lens.shape, np.inf, np.float32)
    depth, index = cast_rays(vertices, faces, kinect_lens, far)
    image = np.zeros((*kinect_lens.shape, 3), np.float32)
    shade(vertices, faces, colors, light, kinect_lens, index, image)
    seen = index == 0
    assert seen.sum() > 500
    points = kinect_lens.rays()[seen] * depth[seen, None]
    # Barycentric coordinates of the right-angled triangle.
    second, third = (points[:, 1] + 1) / 2, (points[:, 0] + 1) / 2
    brightness = (1 - second - third) + 0.5 * second
    np.testing.assert_allclose(image[seen].sum(axis=1), 100 * brightness, atol=0.01)
    clear = np.abs(np.sort(np.stack([1 - second - third, second, third]), axis=0)[2]) > 0.52
    assert (np.count_nonzero(image[seen][clear & (brightness > 0.01)], axis=1) == 1).all()
