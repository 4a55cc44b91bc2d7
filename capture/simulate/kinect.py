"""A simulated Azure Kinect: what its depth and color cameras see of meshes in an empty room.

The depth camera measures along the ray of each pixel through the factory lens model, inside the
hexagon that its NFOV illuminator lights, or all that the WFOV lens covers, within the range of
its mode (NFOV unbinned: 0.5 to 3.86 m). Errors follow what is documented and
measured: a random error whose standard deviation grows with distance, grazing incidence and dark
surfaces (never above 17 mm), a systematic error of a few millimetres, pixels on depth edges that
are invalid or fly between the surfaces, surfaces seen edge-on lost, and a resolution of 1 mm.
Multipath is not simulated.

Camera frame: X right, Y down, Z forward (see `capture.camera.calibration`).
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8, UInt16
from numba import njit

from capture.axes import world_from_camera_axes
from capture.camera.calibration import Calibration
from capture.pose import Pose, quaternion_from_rotation_matrix
from capture.simulate.bodies import vertex_normals
from capture.simulate.empty_room import Shell, see_shell
from capture.simulate.ray_caster import NOTHING, cast_rays, face_normals, shade

RANGES_M: dict[str, tuple[float, float]] = {
    "NFOV_UNBINNED": (0.5, 3.86),
    "NFOV_2X2BINNED": (0.5, 5.46),
    "WFOV_2X2BINNED": (0.25, 2.88),
    "WFOV_UNBINNED": (0.25, 2.21),
}
"""Nearest and farthest depth of each mode. Source: Microsoft's hardware specification."""
NEAREST_M, FARTHEST_M = RANGES_M["NFOV_UNBINNED"]
_LARGEST_STD_M = 0.017


def camera_pose(height_m: float, pitch_rad: float, roll_rad: float = 0.0) -> Pose:
    """Return world_from_camera of a camera above the origin that looks along +x.

    Args:
        height_m: Over the floor.
        pitch_rad: Downward tilt.
        roll_rad: Lean to the right.
    """
    sp, cp = np.sin(pitch_rad), np.cos(pitch_rad)
    sr, cr = np.sin(roll_rad), np.cos(roll_rad)
    pitch = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    roll = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    level = world_from_camera_axes(np.eye(3)).T
    return Pose(
        position_m=np.array([0.0, 0.0, height_m]),
        orientation_wxyz=quaternion_from_rotation_matrix(pitch @ roll @ level),
    )


@lru_cache(maxsize=4)
def _lit_pixels(factory_json: str, depth_mode: str) -> Bool[np.ndarray, "rows columns"]:
    return Calibration.from_json(factory_json, depth_mode=depth_mode).lit_pixels()


class SimulatedKinect:
    """Depth and color images of meshes, from one place.

    Attributes:
        calibration: Factory calibration with the modes in use.
        world_from_camera: Pose of the depth camera.
    """

    def __init__(
        self,
        calibration: Calibration,
        world_from_camera: Pose,
        *,
        shell: Shell | None = None,
    ) -> None:
        """Set the sensor up.

        Args:
            calibration: Factory calibration with the modes in use.
            world_from_camera: Pose of the depth camera.
            shell: The empty room; None leaves nothing behind the meshes (and color is black there).
        """
        self.calibration = calibration
        self.world_from_camera = world_from_camera
        self._camera_from_world = world_from_camera.inverse()
        self._lit = _lit_pixels(calibration.factory_json, calibration.depth_mode)
        self._depth_shell = see_shell(calibration.depth, world_from_camera, shell)
        self._color_from_world: Pose | None = None
        if calibration.color is not None:
            self._color_from_world = calibration.color_from_depth.compose(self._camera_from_world)
            world_from_color = self._color_from_world.inverse()
            self._color_shell = see_shell(calibration.color, world_from_color, shell)

    def see(
        self, vertices_m: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
    ) -> tuple[Float32[np.ndarray, "rows columns"], Int32[np.ndarray, "rows columns"]]:
        """Return the true depth and the face that each depth pixel sees (`NOTHING`: the room).

        Args:
            vertices_m: In the world frame.
            faces: Closed meshes.
        """
        vertices = self._camera_from_world.transform(vertices_m)
        return cast_rays(vertices, faces, self.calibration.depth, self._depth_shell.depth_m)

    def measure(
        self,
        vertices_m: Float32[np.ndarray, "V 3"],
        faces: Int32[np.ndarray, "F 3"],
        colors: UInt8[np.ndarray, "V 3"],
        depth_m: Float32[np.ndarray, "rows columns"],
        index: Int32[np.ndarray, "rows columns"],
        rng: np.random.Generator,
    ) -> UInt16[np.ndarray, "rows columns"]:
        """Return the depth image in millimetres, 0 where the sensor measures nothing.

        Args:
            vertices_m: In the world frame.
            faces: Closed meshes.
            colors: Of the vertices; dark ones are measured worse.
            depth_m: What `see` returned.
            index: What `see` returned.
            rng: Draws the errors.
        """
        vertices = self._camera_from_world.transform(vertices_m)
        albedo = colors[faces[:, 0]].mean(axis=1, dtype=np.float32) / np.float32(255)
        shape = depth_m.shape
        return _measure(
            depth_m,
            index,
            face_normals(vertices, faces),
            albedo,
            self._depth_shell.normals,
            self.calibration.depth_rays(),
            self._lit,
            rng.standard_normal(shape, dtype=np.float32),
            rng.random(shape, dtype=np.float32),
            *RANGES_M[self.calibration.depth_mode],
        )

    def color_image(
        self,
        vertices_m: Float32[np.ndarray, "V 3"],
        faces: Int32[np.ndarray, "F 3"],
        colors: UInt8[np.ndarray, "V 3"],
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return the color image (RGB): diffuse surfaces under a ceiling light.

        Raises:
            ValueError: Color is off.
        """
        camera = self.calibration.color
        if camera is None or self._color_from_world is None:
            raise ValueError("color is off: this calibration has no color mode.")
        light = light_of(vertices_m, faces)
        vertices = self._color_from_world.transform(vertices_m)
        index = cast_rays(vertices, faces, camera, self._color_shell.depth_m)[1]
        image = self._color_shell.image.copy()
        shade(vertices, faces, colors, light, camera, index, image)
        return np.clip(image, 0, 255).astype(np.uint8)

    def color_jpeg(
        self,
        vertices_m: Float32[np.ndarray, "V 3"],
        faces: Int32[np.ndarray, "F 3"],
        colors: UInt8[np.ndarray, "V 3"],
    ) -> bytes:
        """Return the color image as the camera's JPEG."""
        from PIL import Image

        buffer = io.BytesIO()
        image = Image.fromarray(self.color_image(vertices_m, faces, colors))
        image.save(buffer, format="JPEG", quality=88)
        return buffer.getvalue()


_LIGHT = np.array([-0.55, 0.25, 0.8], np.float32) / np.float32(1.0025)


def light_of(
    vertices_m: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
) -> Float32[np.ndarray, "V"]:
    """Return how bright each vertex is (0.45 to about 1) under a lamp above and before them."""
    toward = np.clip(vertex_normals(vertices_m, faces) @ _LIGHT, 0, 1)
    return np.float32(0.45) + np.float32(0.6) * toward


@njit(cache=True, nogil=True)
def _measure(  # noqa: C901 - one pass over the pixels; numba inlines no closures
    depth: np.ndarray,
    index: np.ndarray,
    normals: np.ndarray,
    albedo: np.ndarray,
    shell_normals: np.ndarray,
    rays: np.ndarray,
    lit: np.ndarray,
    noise: np.ndarray,
    chance: np.ndarray,
    nearest: float,
    farthest: float,
) -> np.ndarray:
    rows, columns = depth.shape
    out = np.zeros((rows, columns), np.uint16)
    for row in range(rows):
        for column in range(columns):
            z = depth[row, column]
            if not lit[row, column] or not (nearest <= z <= 1.1 * farthest):
                continue
            x, y = rays[row, column, 0], rays[row, column, 1]
            length = np.sqrt(x * x + y * y + 1)
            f = index[row, column]
            if f == NOTHING:
                normal = shell_normals[row, column]
                reflectance = np.float32(0.5)
            else:
                normal = normals[f]
                reflectance = albedo[f]
            facing = -(normal[0] * x + normal[1] * y + normal[2]) / length
            draw = chance[row, column]
            # Light comes back as albedo · cos / z²: too little of it, and the pixel is invalid.
            signal = (0.25 + reflectance) * facing / (z * z)
            if facing < 0.10 or signal < 0.012 or draw < 0.002:
                continue
            # Depth edges: most pixels are invalid, some fly between the two surfaces.
            other = z
            for step in range(4):
                r = row + (1 if step == 0 else -1 if step == 1 else 0)
                c = column + (1 if step == 2 else -1 if step == 3 else 0)
                if 0 <= r < rows and 0 <= c < columns:
                    neighbor = depth[r, c]
                    if abs(neighbor - z) > abs(other - z) and neighbor < 10.0:
                        other = neighbor
            if abs(other - z) > 0.05:
                if draw < 0.50:
                    continue
                if draw < 0.58:
                    z = z + (draw - 0.50) / np.float32(0.08) * (other - z)
            std = 0.0009 + 0.0004 * z * z + 0.0006 * z * (1 / facing - 1)
            std *= min(2.0, max(0.7, np.sqrt(0.35 / (0.05 + reflectance))))
            std = min(std, _LARGEST_STD_M)
            # Modulation leaves a few millimetres of error that repeat along the distance.
            z += 0.002 * np.sin(z * 9.0) + std * noise[row, column]
            if nearest <= z <= farthest:
                out[row, column] = np.uint16(np.rint(z * 1000))
    return out
