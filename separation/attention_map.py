"""Where networks with attention look: by which moments of a movement a sound is explained.

A map belongs to one window, the piece of sound that such a network hears at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from capture.body_pose import JOINTS, BodyPoses
from capture.errors import DataError
from capture.files import atomic_path
from separation.fusions import AttentionFusion
from separation.model import SeparationModel
from separation.time_array import TimeArray
from separation.windows import window_of

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64
    from torch import Tensor

_SLOWEST_SCALE_M_S = 0.2
"""A scale that ended lower would show nothing but the noise of the joints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionMap:
    """Where the sound of one window looks.

    Attributes:
        sound_times_s: Shape (T,): middles of the moments of sound, from the recording's start.
        movement_times_s: Shape (M,): middles of the moments of movement.
        weights: Shape (performers, T, M): how much each moment of movement counts, on the mean over
            frequency; rows sum to one.
    """

    sound_times_s: Float64[np.ndarray, "T"]
    movement_times_s: Float64[np.ndarray, "M"]
    weights: Float32[np.ndarray, "performers T M"]


@torch.inference_mode()
def attention_map(
    samples: TimeArray,
    conditions: Float[Tensor, "performers K moments"],
    model: SeparationModel,
    *,
    at_s: float = 0.0,
    window_frames: int = 256,
) -> AttentionMap:
    """Return where the network looks while it hears one window of a recording.

    Args:
        samples: Mono, at the network's rate.
        conditions: From `separation.conditions.encode_performers`, for the whole recording.
        model: In evaluation mode; its fusion must be attention.
        at_s: A moment of the window; windows do not reach beyond the recording's ends.
        window_frames: Length of the window, a multiple of `model.frame_multiple`; a shorter
            recording is one window.

    Raises:
        DataError: The network has no attention, or the recording is too short for it.
    """
    fusion = attention_of(model)
    spectrogram = model.config.spectrogram
    frame_s = spectrogram.hop / spectrogram.sample_rate_hz
    frame_count = 1 + samples.shape[-1] // spectrogram.hop
    window_frames = min(window_frames, frame_count - frame_count % model.frame_multiple)
    if window_frames == 0:
        raise DataError(
            f"the recording has {frame_count * frame_s:.2f} s and a map of this network needs "
            f"{model.frame_multiple * frame_s:.2f} s."
        )
    start = round(at_s / frame_s) - window_frames // 2
    start = min(max(start, 0), frame_count - window_frames)
    heard, seen = window_of(samples, conditions, model, start, window_frames)
    weights = fusion.attention(model.backbone, heard, seen).mean(dim=2)
    window_s = window_frames * frame_s
    return AttentionMap(
        sound_times_s=start * frame_s + _middles(weights.shape[1]) * window_s,
        movement_times_s=start * frame_s + _middles(weights.shape[2]) * window_s,
        weights=weights.float().cpu().numpy(),
    )


def attention_of(model: SeparationModel) -> AttentionFusion:
    """Return the part of a network that looks.

    Raises:
        DataError: It has none.
    """
    if not isinstance(model.fusion, AttentionFusion) or model.config.conditioner != "pose":
        raise DataError(
            f"this network ({model.config.conditioner}, {model.config.fusion}) has no attention to "
            "movement that could be drawn: use one that has, as music-gesture."
        )
    return model.fusion


def write_attention_picture(
    path: str | os.PathLike[str],
    shown: AttentionMap,
    names: Sequence[str],
    poses: Mapping[str, BodyPoses],
) -> None:
    """Draw maps as a PNG: for each performer who moves when, and below where the sound looks.

    Args:
        path: Of the picture.
        shown: The map.
        names: Of its performers, in their order.
        poses: Their joints.

    Raises:
        OutputError: The picture cannot be written.
    """
    from matplotlib.figure import Figure

    times_s = shown.movement_times_s
    speeds_m_s = [joint_speeds_m_s(poses[name], times_s) for name in names]
    fast_m_s = max(_SLOWEST_SCALE_M_S, *(float(np.percentile(each, 99)) for each in speeds_m_s))
    across, up = _edges(times_s), _edges(shown.sound_times_s)
    figure = Figure(figsize=(1 + 3.4 * len(names), 6.4), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, squeeze=False)
    columns = zip(names, speeds_m_s, shown.weights, panels.T, strict=True)
    for name, speed_m_s, weights, (top, bottom) in columns:
        top.imshow(
            speed_m_s.T,
            aspect="auto",
            extent=(*across, len(JOINTS) - 0.5, -0.5),
            vmin=0.0,
            vmax=fast_m_s,
            cmap="magma",
            interpolation="nearest",
        )
        top.set_title(name)
        bottom.imshow(
            weights,
            aspect="auto",
            origin="lower",
            extent=(*across, *up),
            vmin=0.0,
            vmax=float(shown.weights.max()),
            cmap="viridis",
            interpolation="nearest",
        )
        bottom.set_xlabel("movement, s")
    panels[1, 0].set_ylabel("sound, s")
    for row, title in zip(panels, ("speed, m/s", "weight"), strict=True):
        figure.colorbar(row[0].images[0], ax=list(row), label=title)  # alike in all of the row
    panels[0, 0].set_yticks(range(len(JOINTS)), [_words(joint) for joint in JOINTS], fontsize=6)
    for panel in panels[0, 1:]:
        panel.set_yticks([])
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def joint_speeds_m_s(
    poses: BodyPoses, times_s: Float64[np.ndarray, "M"]
) -> Float32[np.ndarray, "M joints"]:
    """Return how fast each joint moves about times, within half a step to both sides."""
    half = float(np.median(np.diff(times_s))) / 2 if len(times_s) > 1 else 0.04
    before, after = (poses.at(times_s + side)[0] for side in (-half, half))
    return np.linalg.norm(after - before, axis=2) / np.float32(2 * half)


def _middles(count: int) -> Float64[np.ndarray, " count"]:
    return (np.arange(count) + 0.5) / count


def _edges(middles_s: Float64[np.ndarray, " count"]) -> tuple[float, float]:
    """Return where equal parts begin and end, of which these are the middles."""
    half = float(middles_s[-1] - middles_s[0]) / max(2 * (len(middles_s) - 1), 1)
    return float(middles_s[0]) - half, float(middles_s[-1]) + half


def _words(joint: str) -> str:
    return joint.lower().replace("_", " ")
