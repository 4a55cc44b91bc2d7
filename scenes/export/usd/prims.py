"""What a scene is made of, as USD prims.

One set of functions serves two frames: USD with z up, whose axes are the scene's own, and USDZ with
y up, as RealityKit has it (x right, y up, −z front).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float64, UInt8

from capture.axes import gltf_from_world
from capture.pose import (
    Trajectory,
    quaternion_conjugate,
    quaternion_from_rotation_matrix,
    quaternion_multiply,
)
from scenes.export.distance_law import level
from scenes.export.exported import ExportedRoom, ExportedScene, ExportedSource, TriangleMesh
from scenes.export.usd.text import (
    Prim,
    integers,
    number,
    quoted,
    samples,
    time_code,
    vector,
    vectors,
)
from scenes.export.usd.textures import texture_coordinates

Convert: TypeAlias = Callable[[Float[np.ndarray, "*batch N"]], Float[np.ndarray, "*batch N"]]

ROOT = "Scene"
LISTENER = "Listener"
SOURCES = "Sources"

# A camera looks along its −z with y up: its x, y and z in the listener's axes (front, left, up).
_LISTENER_FROM_CAMERA = quaternion_from_rotation_matrix(
    np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
)
_ROOM_COLOR = (0.62, 0.6, 0.57)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Axes of a stage.

    Attributes:
        up_axis: "Z" or "Y".
        points: From world axes.
        quaternions: Orientations (wxyz) from world axes.
    """

    up_axis: str
    points: Convert
    quaternions: Convert


def _same(values: Float[np.ndarray, "*batch N"]) -> Float[np.ndarray, "*batch N"]:
    return values


def _turned(values: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
    """Turn quaternions whose outer and inner frame both change from z up to y up."""
    return np.concatenate([values[..., :1], gltf_from_world(values[..., 1:])], axis=-1)


Z_UP = Frame(up_axis="Z", points=_same, quaternions=_same)
Y_UP = Frame(up_axis="Y", points=gltf_from_world, quaternions=_turned)


def transform(path: Trajectory, frame: Frame) -> list[str]:
    """Return the properties that put a prim on its way."""
    places = [vector(place) for place in frame.points(path.positions_m).tolist()]
    turns = [vector(turn) for turn in frame.quaternions(path.orientations_wxyz).tolist()]
    return [
        _animated("double3 xformOp:translate", path, places),
        _animated("quatf xformOp:orient", path, turns),
        'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:orient"]',
    ]


def _animated(name: str, path: Trajectory, values: list[str]) -> str:
    if len(values) == 1 or len(set(values)) == 1:
        return f"{name} = {values[0]}"
    return f"{name}.timeSamples = {samples(path.times_s.tolist(), values)}"


def listener_prim(exported: ExportedScene, frame: Frame) -> Prim:
    """Return the listener as a camera."""
    path = exported.listener.trajectory
    eyes = Trajectory(
        times_s=path.times_s,
        positions_m=path.positions_m,
        orientations_wxyz=quaternion_multiply(path.orientations_wxyz, _LISTENER_FROM_CAMERA),
    )
    if frame is Y_UP:
        # Turned bodies look along their −z with y up already, as cameras do.
        eyes = path
    return Prim(
        name=LISTENER,
        kind="Camera",
        metadata=['displayName = "Listener"'],
        properties=[
            *transform(eyes, frame),
            "float2 clippingRange = (0.05, 1000)",
            "float focalLength = 18",
            "float horizontalAperture = 36",
            "float verticalAperture = 24",
        ],
    )


def source_prim(
    source: ExportedSource, frame: Frame, texture: str | None, *, is_proxy: bool
) -> Prim:
    """Return a source on its way, with its player's body where there is one.

    Args:
        source: The source.
        frame: Axes of the stage.
        texture: File of the body's colors, relative to the layer.
        is_proxy: Whether the body stands in for points that other prims show.
    """
    prim = Prim(
        name=source.identifier,
        kind="Xform",
        metadata=[f"displayName = {quoted(source.name)}"],
        properties=[
            f"custom double auralize:gainDb = {number(source.gain_db, 6)}",
            f"custom double auralize:referenceDistance = {number(source.reference_distance_m, 6)}",
            *transform(source.trajectory, frame),
        ],
    )
    if source.mesh is not None and texture is not None:
        # The body is in world axes as turned at the start; what turns it later is what is new.
        back = quaternion_conjugate(source.trajectory.at(0.0).orientation_wxyz)
        body = _mesh_prim(source.mesh, frame, texture, f"{source_path(source)}/Body")
        body.properties += [
            *(['uniform token purpose = "proxy"'] if is_proxy else []),
            f"quatf xformOp:orient = {vector(frame.quaternions(back))}",
            'uniform token[] xformOpOrder = ["xformOp:orient"]',
        ]
        prim.children.append(body)
    return prim


def source_path(source: ExportedSource) -> str:
    """Return where a source is in the stage."""
    return f"/{ROOT}/{SOURCES}/{source.identifier}"


def sound_prim(source: ExportedSource, file: str, stem_gain_db: float) -> Prim:
    """Return the sound of a source.

    Its gain is the amplitude at 1 m: USD leaves the distance law to the client.

    Args:
        source: The source.
        file: Its sound, relative to the layer.
        stem_gain_db: What the file was turned down by.
    """
    gain = level(source) * source.reference_distance_m / 10 ** (stem_gain_db / 20)
    return Prim(
        name="Sound",
        kind="SpatialAudio",
        properties=[
            f"uniform asset filePath = @{file}@",
            'uniform token auralMode = "spatial"',
            'uniform token playbackMode = "onceFromStart"',
            f"uniform timecode startTime = {time_code(0.0)}",
            "uniform double mediaOffset = 0",
            f"double gain = {number(gain, 6)}",
        ],
    )


def room_prim(room: ExportedRoom, frame: Frame) -> Prim:
    """Return the room, seen from inside."""
    vertices = frame.points(room.vertices_m.astype(np.float64))
    return Prim(
        name="Room",
        kind="Mesh",
        metadata=['prepend apiSchemas = ["MaterialBindingAPI"]'],
        properties=[
            *_triangles(vertices, room.faces),
            f"color3f[] primvars:displayColor = [{vector(_ROOM_COLOR)}]",
            f"rel material:binding = </{ROOT}/Room/Walls>",
        ],
        children=[
            Prim(
                name="Walls",
                kind="Material",
                properties=[
                    f"token outputs:surface.connect = </{ROOT}/Room/Walls/Surface.outputs:surface>"
                ],
                children=[
                    Prim(
                        name="Surface",
                        kind="Shader",
                        properties=[
                            'uniform token info:id = "UsdPreviewSurface"',
                            f"color3f inputs:diffuseColor = {vector(_ROOM_COLOR)}",
                            "float inputs:roughness = 0.9",
                            "token outputs:surface",
                        ],
                    )
                ],
            )
        ],
    )


def linear(colors: UInt8[np.ndarray, "N 3"]) -> Float64[np.ndarray, "N 3"]:
    """Return sRGB colors as USD has them: linear, from 0 to 1 (IEC 61966-2-1)."""
    shares = colors / 255.0
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def _mesh_prim(mesh: TriangleMesh, frame: Frame, texture: str, path: str) -> Prim:
    """Return a body whose triangles have one color each, from a texture (see `textures`)."""
    return Prim(
        name="Body",
        kind="Mesh",
        metadata=['prepend apiSchemas = ["MaterialBindingAPI"]'],
        properties=[
            *_triangles(frame.points(mesh.vertices_m.astype(np.float64)), mesh.faces),
            f"normal3f[] normals = {vectors(frame.points(mesh.normals.astype(np.float64)), 3)} (",
            '    interpolation = "vertex"',
            ")",
            f"color3f[] primvars:displayColor = {vectors(linear(mesh.colors), 3)} (",
            '    interpolation = "vertex"',
            ")",
            f"texCoord2f[] primvars:st = {vectors(texture_coordinates(len(mesh.faces)), 5)} (",
            '    interpolation = "faceVarying"',
            ")",
            f"rel material:binding = <{path}/Look>",
        ],
        children=[_look(texture, f"{path}/Look")],
    )


def _look(texture: str, path: str) -> Prim:
    def shader(name: str, kind: str, *properties: str) -> Prim:
        return Prim(
            name=name,
            kind="Shader",
            properties=[f'uniform token info:id = "{kind}"', *properties],
        )

    return Prim(
        name="Look",
        kind="Material",
        properties=[f"token outputs:surface.connect = <{path}/Surface.outputs:surface>"],
        children=[
            shader(
                "Surface",
                "UsdPreviewSurface",
                f"color3f inputs:diffuseColor.connect = <{path}/Colors.outputs:rgb>",
                "float inputs:roughness = 0.8",
                "token outputs:surface",
            ),
            shader(
                "Colors",
                "UsdUVTexture",
                f"asset inputs:file = @{texture}@",
                'token inputs:sourceColorSpace = "sRGB"',
                f"float2 inputs:st.connect = <{path}/Places.outputs:result>",
                'token inputs:wrapS = "clamp"',
                'token inputs:wrapT = "clamp"',
                "float3 outputs:rgb",
            ),
            shader(
                "Places",
                "UsdPrimvarReader_float2",
                'string inputs:varname = "st"',
                "float2 outputs:result",
            ),
        ],
    )


def _triangles(vertices_m: Float[np.ndarray, "V 3"], faces: np.ndarray) -> list[str]:
    extent = np.stack([vertices_m.min(axis=0), vertices_m.max(axis=0)])
    return [
        f"float3[] extent = {vectors(extent, 5)}",
        f"int[] faceVertexCounts = {integers([3] * len(faces))}",
        f"int[] faceVertexIndices = {integers(faces.reshape(-1).tolist())}",
        f"point3f[] points = {vectors(vertices_m, 5)}",
        'uniform token subdivisionScheme = "none"',
    ]
