"""Where nodes of a glTF document are over time, also on branches that move.

Source: glTF 2.0 specification, 3.5 (hierarchy), 3.11 (animations) and appendix C (interpolation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from capture.axes import world_from_gltf, world_quaternion_from_gltf
from capture.pose import (
    Trajectory,
    quaternion_from_rotation_matrix,
    rotation_matrix_from_quaternion,
    slerp,
)
from scenes.imports.gltf.file import GltfFile

_STEP_S = 0.001  # in which a value that jumps does so
_BENT_PARTS = 16  # straight lines in the place of a curve between two keys

_DEFAULTS = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0,) * 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    """How one property of a node changes."""

    times_s: Float64[np.ndarray, "T"]
    values: Float64[np.ndarray, "K width"]
    interpolation: str
    is_turn: bool

    def at(self, times_s: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N width"]:
        keys, count = self.times_s, len(self.times_s)
        times = np.clip(times_s, keys[0], keys[-1])
        after = np.clip(np.searchsorted(keys, times, side="right"), 1, max(count - 1, 1))
        before, after = after - 1, np.minimum(after, count - 1)
        span = np.where(after > before, keys[after] - keys[before], 1.0)
        part = (times - keys[before]) / span
        if self.interpolation == "CUBICSPLINE":
            made = self._spline(before, after, part, span)
        elif self.interpolation == "STEP":
            made = self.values[np.where(part >= 1.0, after, before)]
        elif self.is_turn:
            return slerp(self.values[before], self.values[after], part)
        else:
            made = self.values[before] + part[:, None] * (self.values[after] - self.values[before])
        if self.is_turn:
            made = made / np.linalg.norm(made, axis=1, keepdims=True)
        return made

    def _spline(
        self,
        before: np.ndarray,
        after: np.ndarray,
        part: Float64[np.ndarray, "N"],
        span: Float64[np.ndarray, "N"],
    ) -> Float64[np.ndarray, "N width"]:
        """Return Hermite splines. Each key has three rows: tangent in, value, tangent out."""
        rows = self.values.reshape(len(self.times_s), 3, -1)
        t, d = part[:, None], span[:, None]
        return (
            (2 * t**3 - 3 * t**2 + 1) * rows[before, 1]
            + (t**3 - 2 * t**2 + t) * d * rows[before, 2]
            + (3 * t**2 - 2 * t**3) * rows[after, 1]
            + (t**3 - t**2) * d * rows[after, 0]
        )


class Motion:
    """Where the nodes of a document are."""

    def __init__(self, file: GltfFile) -> None:
        self._file = file
        self._nodes = file.things("nodes")
        self._parent = {
            child: index
            for index, node in enumerate(self._nodes)
            for child in node.get("children") or ()
        }
        self._channels: dict[tuple[int, str], _Channel] = {}
        for animation in file.things("animations"):
            self._add(animation)

    def trajectory(self, index: int) -> tuple[Trajectory, bool]:
        """Return a node's path in world axes, and whether its keys are those of the file.

        They are not where the path is bent between keys of the file: there it has more.
        """
        chain = self._chain(index)
        moving = {
            (node, what): channel
            for (node, what), channel in self._channels.items()
            if node in chain
        }
        if not moving:
            return self._path(chain, np.zeros(1)), True
        times = np.unique(np.concatenate([channel.times_s for channel in moving.values()]))
        bent = any(
            channel.interpolation == "CUBICSPLINE" or (node != index and what != "translation")
            for (node, what), channel in moving.items()
        )
        jumps = [c.times_s[1:] for c in moving.values() if c.interpolation == "STEP"]
        if jumps:
            times = np.union1d(times, np.concatenate(jumps) - _STEP_S)
            times = times[times >= 0]
        if bent and len(times) > 1:
            parts = np.linspace(0, 1, _BENT_PARTS, endpoint=False)
            inner = times[:-1, None] + parts * np.diff(times)[:, None]
            times = np.append(inner.ravel(), times[-1])
        return self._path(chain, times), not bent and not jumps

    def _add(self, animation: dict[str, Any]) -> None:
        file = self._file
        samplers = animation.get("samplers") or []
        for channel in animation.get("channels") or ():
            target = channel.get("target") or {}
            node, what = target.get("node"), target.get("path")
            if not isinstance(node, int) or what not in _DEFAULTS:
                continue
            sampler = file.item(samplers, channel.get("sampler"), "samplers")
            times = file.values(sampler.get("input"))[:, 0]
            values = file.values(sampler.get("output"))
            interpolation = str(sampler.get("interpolation", "LINEAR"))
            rows = len(times) * (3 if interpolation == "CUBICSPLINE" else 1)
            if values.shape != (rows, len(_DEFAULTS[what])) or np.any(np.diff(times) <= 0):
                raise file.broken(f"an animation of nodes[{node}] has keys that don't fit")
            self._channels[node, what] = _Channel(
                times_s=times,
                values=values,
                interpolation=interpolation,
                is_turn=what == "rotation",
            )

    def _chain(self, index: int) -> list[int]:
        """Return a node and those above it, the topmost first."""
        chain = [index]
        while (above := self._parent.get(chain[0])) is not None:
            if above in chain:
                raise self._file.broken(f"nodes[{index}] is its own ancestor")
            chain.insert(0, above)
        return chain

    def _path(self, chain: list[int], times: Float64[np.ndarray, "N"]) -> Trajectory:
        matrices = np.tile(np.eye(4), (len(times), 1, 1))
        for node in chain:
            matrices = matrices @ self._local(node, times)
        turns = [quaternion_from_rotation_matrix(_turn(matrix[:3, :3])) for matrix in matrices]
        return Trajectory(
            times_s=times,
            positions_m=world_from_gltf(matrices[:, :3, 3]),
            orientations_wxyz=world_quaternion_from_gltf(np.stack(turns)),
        )

    def _local(self, index: int, times: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N 4 4"]:
        node = self._nodes[index]
        try:
            if "matrix" in node and not any((index, what) in self._channels for what in _DEFAULTS):
                columns = np.array(node["matrix"], dtype=np.float64).reshape(4, 4)
                return np.tile(columns.T, (len(times), 1, 1))
            place, turn, scale = (self._property(index, what, times) for what in _DEFAULTS)
        except (TypeError, ValueError) as error:
            raise self._file.broken(f"nodes[{index}] is nowhere ({error})") from error
        matrices = np.tile(np.eye(4), (len(times), 1, 1))
        rotation = rotation_matrix_from_quaternion(np.roll(turn, 1, axis=1))
        matrices[:, :3, :3] = rotation * scale[:, None, :]
        matrices[:, :3, 3] = place
        return matrices

    def _property(
        self, index: int, what: str, times: Float64[np.ndarray, "N"]
    ) -> Float64[np.ndarray, "N width"]:
        channel = self._channels.get((index, what))
        if channel is not None:
            return channel.at(times)
        default = _DEFAULTS[what]
        value = np.array(self._nodes[index].get(what, default), dtype=np.float64)
        if value.shape != (len(default),) or not np.isfinite(value).all():
            raise ValueError(f"{what} {value.tolist()}")
        return np.tile(value, (len(times), 1))


def _turn(matrix: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """Return the rotation that is nearest to a matrix with scale and shear."""
    left, _, right = np.linalg.svd(matrix)
    turn = left @ right
    return turn if np.linalg.det(turn) > 0 else left @ np.diag([1.0, 1.0, -1.0]) @ right
