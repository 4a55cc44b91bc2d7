"""Sixteen human bodies: meshes with a 28-bone skeleton, posed by linear blend skinning, dressed.

Player frame: x front, y left, z up, metres, the origin on the floor below the pelvis. The data come
from MakeHuman (CC0) by `capture.simulate.make_bodies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8
from numba import njit

SIDES = ("left", "right")
_SIDE_BONES = {
    "clavicle": "chest",
    "upper_arm": "clavicle",
    "forearm": "upper_arm",
    "forearm_twist": "forearm",
    "hand": "forearm_twist",
    "thumb": "hand",
    "knuckles": "hand",
    "fingers": "knuckles",
    "thigh": "pelvis",
    "shin": "thigh",
    "foot": "shin",
}
_CENTER_BONES = {
    "pelvis": "",
    "spine_low": "pelvis",
    "spine_mid": "spine_low",
    "chest": "spine_mid",
    "neck": "chest",
    "head": "neck",
}
BONES: tuple[str, ...] = (
    *_CENTER_BONES,
    *(f"{bone}_{side}" for side in SIDES for bone in _SIDE_BONES),
)
"""Bones in the order of every rotation and position array; a parent comes before its children."""

BONE: dict[str, int] = {name: index for index, name in enumerate(BONES)}

LANDMARKS: tuple[str, ...] = (
    "mouth",
    "chin",
    "crown",
    "sternum",
    "belly",
    *(f"{name}_{side}" for side in SIDES for name in ("fingertips", "index", "little", "toes")),
)

TRAIN_BODIES: tuple[int, ...] = tuple(range(12))
TEST_BODIES: tuple[int, ...] = (12, 13, 14, 15)


def _parents() -> list[int]:
    parents = [BONE[parent] if parent else -1 for parent in _CENTER_BONES.values()]
    for side in SIDES:
        for parent in _SIDE_BONES.values():
            parents.append(BONE.get(parent, BONE.get(f"{parent}_{side}", -1)))
    return parents


PARENTS: tuple[int, ...] = tuple(_parents())


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One person at rest (arms half lowered), undressed.

    Attributes:
        vertices_m: Shape (V, 3).
        faces: Shape (F, 3), outward anticlockwise; all bodies share them.
        bone_indices: Shape (V, 4).
        bone_weights: Shape (V, 4), rows sum to 1.
        joints_m: Shape (bones, 3): where each bone turns.
        landmarks_m: Points on the skin by name (`LANDMARKS`).
        female: Whether the phenotype leans to female (it chooses hair and clothes).
    """

    vertices_m: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    bone_indices: Int32[np.ndarray, "V 4"]
    bone_weights: Float32[np.ndarray, "V 4"]
    joints_m: Float64[np.ndarray, "bones 3"]
    landmarks_m: dict[str, np.ndarray]
    female: bool

    def joint(self, bone: str) -> np.ndarray:
        """Return the rest position of a joint."""
        return self.joints_m[BONE[bone]]

    def length(self, start: str, stop: str) -> float:
        """Return the distance between two joints at rest."""
        return float(np.linalg.norm(self.joint(stop) - self.joint(start)))


@cache
def _archive() -> dict[str, np.ndarray]:
    source = resources.files("capture.simulate") / "data" / "bodies" / "bodies.npz"
    with source.open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


@cache
def load_body(body_id: int) -> Body:
    """Return one of the sixteen bodies (12 to 15 are held out from training).

    Raises:
        ValueError: There is no body of this number.
    """
    archive = _archive()
    count = len(archive["joints_m"])
    if not 0 <= body_id < count:
        raise ValueError(f"there is no body {body_id}: choose 0 to {count - 1}.")
    weights = archive["bone_weights"].astype(np.float32)
    return Body(
        vertices_m=archive["vertices_mm10"][body_id].astype(np.float32) / np.float32(1e4),
        faces=archive["faces"].astype(np.int32),
        bone_indices=archive["bone_indices"].astype(np.int32),
        bone_weights=weights / weights.sum(axis=1, keepdims=True),
        joints_m=archive["joints_m"][body_id].astype(np.float64),
        landmarks_m={
            name: archive["landmarks_m"][body_id, index].astype(np.float64)
            for index, name in enumerate(LANDMARKS)
        },
        female=bool(archive["phenotypes"][body_id, 0] > 0.5),
    )


def vertex_normals(vertices_m: np.ndarray, faces: np.ndarray) -> Float32[np.ndarray, "V 3"]:
    """Return area-weighted unit normals of the vertices."""
    return _vertex_normals(np.ascontiguousarray(vertices_m, np.float32), faces)


@njit(cache=True, nogil=True)
def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        vx = vertices[c, 0] - vertices[a, 0]
        vy = vertices[c, 1] - vertices[a, 1]
        vz = vertices[c, 2] - vertices[a, 2]
        nx = uy * vz - uz * vy
        ny = uz * vx - ux * vz
        nz = ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for v in range(normals.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            normals[v] /= length
    return normals


def skin(
    vertices_m: Float32[np.ndarray, "V 3"],
    body: Body,
    rotations: Float64[np.ndarray, "bones 3 3"],
    positions_m: Float64[np.ndarray, "bones 3"],
) -> Float32[np.ndarray, "V 3"]:
    """Move rest vertices with the bones (linear blend skinning).

    Args:
        vertices_m: Rest vertices, bare or dressed.
        body: Whose skeleton and weights.
        rotations: Turn of each bone from rest, in the player frame (not relative to its parent).
        positions_m: Where each joint is now.
    """
    # R (v − joint) + position = R v + (position − R joint)
    offsets = positions_m - np.einsum("bij,bj->bi", rotations, body.joints_m)
    transforms = np.concatenate([rotations, offsets[:, :, None]], axis=2).astype(np.float32)
    return _blend(vertices_m, body.bone_indices, body.bone_weights, transforms)


@njit(cache=True, nogil=True)
def _blend(
    vertices: np.ndarray, indices: np.ndarray, weights: np.ndarray, transforms: np.ndarray
) -> np.ndarray:
    out = np.zeros_like(vertices)
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for k in range(4):
            weight = weights[v, k]
            if weight == 0:
                continue
            m = transforms[indices[v, k]]
            for axis in range(3):
                out[v, axis] += weight * (
                    m[axis, 0] * x + m[axis, 1] * y + m[axis, 2] * z + m[axis, 3]
                )
    return out


_SKINS = ((240, 205, 180), (222, 178, 145), (190, 140, 105), (140, 95, 65), (95, 62, 45))
_HAIRS = ((30, 24, 20), (62, 42, 28), (110, 78, 45), (170, 135, 80), (150, 145, 140), (120, 50, 25))
_SHIRTS = (
    (25, 25, 28),
    (230, 230, 225),
    (35, 45, 80),
    (120, 30, 40),
    (60, 95, 70),
    (150, 150, 155),
    (90, 60, 110),
)
_TROUSERS = ((22, 22, 25), (40, 45, 60), (70, 65, 60), (110, 100, 85), (30, 30, 45))


def _bone_share(body: Body, *names: str) -> np.ndarray:
    """Return how much of each vertex hangs on the named bones, both sides."""
    chosen = [
        i for i, bone in enumerate(BONES) if bone.rsplit("_left")[0].rsplit("_right")[0] in names
    ]
    return (body.bone_weights * np.isin(body.bone_indices, chosen)).sum(axis=1)


def dress(
    body: Body, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "V 3"], UInt8[np.ndarray, "V 3"]]:
    """Put clothes and hair on a body.

    Returns:
        Rest vertices moved outward by the cloth (1 to 3 cm), and their colors.
    """
    vertices = body.vertices_m
    normals = vertex_normals(vertices, body.faces)
    joint = body.joint
    legs = _bone_share(body, "thigh", "shin")
    feet = _bone_share(body, "foot")
    arms = _bone_share(body, "upper_arm", "forearm", "forearm_twist")
    hands = _bone_share(body, "hand", "thumb", "knuckles", "fingers")
    head = _bone_share(body, "head", "neck")

    along_arm = (np.abs(vertices[:, 1]) - abs(joint("upper_arm_left")[1])) / (
        abs(joint("hand_left")[1]) - abs(joint("upper_arm_left")[1])
    )
    sleeve = rng.choice([0.3, 0.95], p=[0.25, 0.75])
    shoe_top = joint("foot_left")[2] + 0.01
    waist = joint("pelvis")[2] + rng.uniform(0.0, 0.06)
    shoe = (feet > 0.5) & (vertices[:, 2] < shoe_top)
    trousers = (vertices[:, 2] < waist) & (arms + hands < 0.5) & ~shoe
    collar = joint("neck")[2] - rng.uniform(-0.01, 0.03)
    shirt = (vertices[:, 2] >= waist) & (head < 0.6) & (hands < 0.4) & (vertices[:, 2] < collar)
    shirt |= (arms > 0.5) & (hands < 0.4) & (vertices[:, 2] >= waist * 0.6)
    shirt &= ~((arms + hands > 0.5) & (along_arm > sleeve))
    hair = _hair_mask(body, rng)

    colors = np.tile(np.array(_SKINS[rng.integers(len(_SKINS))], np.float32), (len(vertices), 1))
    thickness = np.zeros(len(vertices), np.float32)
    shirt_cloth = rng.uniform(0.008, 0.022)
    leg_cloth = rng.uniform(0.008, 0.022)
    folds = np.sin(vertices @ rng.normal(0, 22, (3, 3)) + rng.uniform(0, 6.28, 3)).mean(axis=1)
    for mask, palette, cloth in (
        (trousers, _TROUSERS, leg_cloth),
        (shirt, _SHIRTS, shirt_cloth),
        (shoe, ((25, 20, 18), (60, 40, 25), (235, 235, 235)), 0.012),
        (hair, _HAIRS, rng.uniform(0.012, 0.03)),
    ):
        colors[mask] = palette[rng.integers(len(palette))]
        thickness[mask] = cloth * (1 + 0.35 * folds[mask])
    # Trousers fall wider below the knee than the calf.
    thickness += np.where(
        trousers & (legs > 0.5) & (vertices[:, 2] < joint("shin_left")[2]), 0.008, 0
    )
    colors *= 1 + 0.05 * folds[:, None]
    dressed = vertices + normals * thickness[:, None]
    dressed[:, 2] = np.maximum(dressed[:, 2], 0.0)
    return dressed.astype(np.float32), np.clip(colors, 0, 255).astype(np.uint8)


def _hair_mask(body: Body, rng: np.random.Generator) -> np.ndarray:
    """Return the vertices under the hair: the skull behind a slanted hairline, longer for some."""
    head = body.joint("head")
    crown = body.landmarks_m["crown"]
    mouth = body.landmarks_m["mouth"]
    on_head = _bone_share(body, "head") > 0.5
    height = (body.vertices_m[:, 2] - mouth[2]) / (crown[2] - mouth[2])
    depth = (body.vertices_m[:, 0] - head[0]) / (mouth[0] - head[0])
    hairline = height > 0.82 + rng.uniform(-0.05, 0.08)
    low = -0.15 if body.female else rng.uniform(0.1, 0.3)
    back = (depth < rng.uniform(-0.1, 0.25)) & (height > low)
    if not body.female and rng.random() < 0.2:
        return np.zeros(len(height), bool)
    return on_head & (hairline | back)
