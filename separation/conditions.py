"""What a take shows of each performer → the condition vectors that the network asks for.

Images are spread over the take; the network's conditioner makes one vector of what they show.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from capture.axes import network_from_world
from capture.body_pose import JOINTS, BodyPoses
from capture.errors import DataError
from capture.instruments import canonical_instrument
from capture.performer import Performer
from capture.point_cloud import PointCloud
from separation.conditioners import Evidence
from separation.conditioners.picture import draw_picture
from separation.conditioners.point_cloud import CloudConfig, network_points, prepare_cloud
from separation.conditioners.pose import Movement
from separation.model import SeparationModel

_LOG = logging.getLogger(__name__)

_LEAST_POINTS = 100
"""Of a cloud that is looked at: a person at the end of the sensor's range has thousands, and fewer
than these show no shape that a network could have learnt."""

Picture: TypeAlias = Float32[np.ndarray, "3 rows columns"]

Seen = TypeVar("Seen")

_METRIC = CloudConfig(scale="metric", metres_per_unit=1.0)


@torch.inference_mode()
def encode_performers(
    performers: Sequence[Performer],
    model: SeparationModel,
    *,
    images: int = 5,
    poses: Mapping[str, BodyPoses] | None = None,
    seconds: float = 0.0,
) -> Float[Tensor, "performers K *moments"]:
    """Return each performer's condition vector, or one for each moment.

    Arguments and errors are those of `evidence_of`.
    """
    if model.takes_labels:
        return model.encode_labels([_instrument(performer, model) for performer in performers])
    evidence = evidence_of(performers, model, images=images, poses=poses, seconds=seconds)
    if isinstance(evidence, Movement):
        return encode_movement(evidence, model)
    return model.encode(evidence)


@torch.inference_mode()
def encode_movement(
    movement: Movement, model: SeparationModel, *, moments: int = 250
) -> Float[Tensor, "performers K t"]:
    """Encode a movement in parts, so that the layers' memory does not grow with its length.

    Moments at the ends of a part see as far as they do in the whole.

    Args:
        movement: Of all performers.
        model: Whose conditioner watches.
        moments: How many are encoded at once; a layer takes up to 70 kB for each and performer.
    """
    reach = model.config.pose.reach
    count = movement.poses.shape[1]
    parts: list[Tensor] = []
    for start in range(0, count, moments):
        stop = min(start + moments, count)
        first, last = max(start - reach, 0), min(stop + reach, count)
        seen = replace(movement, poses=movement.poses[:, first:last])
        parts.append(model.encode(seen)[..., start - first : stop - first])
    return torch.cat(parts, dim=-1)


def evidence_of(
    performers: Sequence[Performer],
    model: SeparationModel,
    *,
    images: int = 5,
    poses: Mapping[str, BodyPoses] | None = None,
    seconds: float = 0.0,
) -> Evidence:
    """Return what the conditioner of a network looks at.

    Args:
        performers: With their clouds, facing and, for networks that take labels, instruments.
        model: Whose conditioner looks.
        images: Up to how many images of a performer are looked at.
        poses: Joints of each performer by name, for networks that watch movement.
        seconds: Length of the recording, which conditions over time span.

    Raises:
        DataError: A performer has no cloud of at least 100 points, all of them finite, no color,
            no joints, or no instrument, where the network needs that; or plays one that the network
            was not trained on.
    """
    _refuse_strangers(performers, model)
    if model.config.conditioner == "pose":
        return _movement(performers, model, poses or {}, seconds)
    if model.config.conditioner == "picture":
        count = model.config.picture.pictures
        shown = _spread(performers, count, _drawing(model))
        repeated = [[own[k % len(own)] for k in range(count)] for own in shown]
        return _tensor(np.array(repeated), model)
    cloud_config = model.config.point_cloud.cloud
    return _spread(
        performers,
        images,
        lambda cloud, yaw_rad: prepare_cloud(
            cloud.positions_m, cloud.colors, yaw_rad, cloud_config
        ),
    )


def _spread(
    performers: Sequence[Performer], images: int, look: Callable[[PointCloud, float], Seen]
) -> list[list[Seen]]:
    """Look at images of each performer from the middles of equal parts of the take.

    That is spread, and away from the take's very ends. Clouds that show too little are left out.
    """
    everybody: list[list[Seen]] = []
    for performer in performers:
        held = [i for i, cloud in enumerate(performer.clouds) if len(cloud) >= _LEAST_POINTS]
        empty = sum(len(cloud) == 0 for cloud in performer.clouds)
        thin = len(performer.clouds) - len(held) - empty
        if not held:
            raise DataError(
                f"{performer.name} has no point cloud of at least {_LEAST_POINTS} points, in which "
                "a person can be seen: segment the take again, or drop who is no player."
            )
        if thin:
            _LOG.warning(
                "%s: %d of %d clouds are not looked at: they have fewer than %d points",
                performer.name,
                thin,
                len(performer.clouds),
                _LEAST_POINTS,
            )
        count = min(images, len(held))
        chosen = [held[int((k + 0.5) * len(held) / count)] for k in range(count)]
        everybody.append([_looked_at(performer, index, look) for index in chosen])
    return everybody


def _looked_at(performer: Performer, index: int, look: Callable[[PointCloud, float], Seen]) -> Seen:
    cloud, at_s = performer.clouds[index], float(performer.cloud_times_s[index])
    if not np.isfinite(cloud.positions_m).all():
        raise DataError(
            f"{performer.name}: the cloud at {at_s:.2f} s holds a point that is not finite: leave "
            "such points out, or segment the take again."
        )
    return look(cloud, performer.trajectory.at(at_s).yaw_rad)


def _drawing(model: SeparationModel) -> Callable[[PointCloud, float], Picture]:
    pixels = model.config.picture.pixels

    def draw(cloud: PointCloud, yaw_rad: float) -> Picture:
        if cloud.colors is None:
            raise DataError(
                "this network looks at pictures and the clouds have no color: record with the "
                "color camera on, or use a network that looks at depth."
            )
        points = network_points(cloud.positions_m, yaw_rad, _METRIC)
        return draw_picture(points, cloud.colors.astype(np.float32) / np.float32(255.0), pixels)

    return draw


def _movement(
    performers: Sequence[Performer],
    model: SeparationModel,
    poses: Mapping[str, BodyPoses],
    seconds: float,
) -> Movement:
    """Return joints in the performers' axes at the network's rate, over the whole recording."""
    without = [performer.name for performer in performers if performer.name not in poses]
    if without:
        raise DataError(
            f"this network watches movement, and there are no joints of {', '.join(without)}: "
            "give the file of a body tracker, or estimate them (separation.body_pose)."
        )
    count = max(1, round(seconds * model.config.pose.rate_hz))
    times_s = (np.arange(count) + 0.5) * seconds / count
    moving = np.zeros((len(performers), count, len(JOINTS), 4), np.float32)
    for index, performer in enumerate(performers):
        positions_m, sure = poses[performer.name].at(times_s)
        yaw_rad = performer.trajectory.at(float(times_s[count // 2])).yaw_rad
        moving[index, ..., :3] = network_from_world(positions_m - positions_m[:, :1], yaw_rad)
        moving[index, ..., 3] = sure
    pictures = None
    if model.config.pose.context:
        drawn = _spread(performers, 1, _drawing(model))
        pictures = _tensor(np.array([own[0] for own in drawn]), model)
    return Movement(poses=_tensor(moving, model), pictures=pictures)


def _tensor(values: np.ndarray, model: SeparationModel) -> Tensor:
    return torch.from_numpy(values).to(model.device)


def _refuse_strangers(performers: Sequence[Performer], model: SeparationModel) -> None:
    """Refuse who is said to play what the network has never seen: the stem would be wrong."""
    known = model.config.instruments
    for performer in performers:
        if performer.instrument is not None and _canonical(performer.instrument) not in known:
            raise DataError(
                f"{performer.name} plays {performer.instrument}, and this network was trained on "
                f"{', '.join(known)} only: use one that knows it, or take the label away to try."
            )


def _canonical(instrument: str) -> str:
    try:
        return canonical_instrument(instrument)
    except ValueError:
        return instrument


def _instrument(performer: Performer, model: SeparationModel) -> str:
    known = model.config.instruments
    name = _canonical(performer.instrument or "")
    if name not in known:
        raise DataError(
            f"this network is conditioned on labels and {performer.name} has "
            f"{performer.instrument or 'none'}: give each performer one of {', '.join(known)} "
            f"(`- label: {performer.name}` and `instrument: {known[0]}` among the corrections in "
            "performers.yaml, then `auralize segment` again; in Python with_instruments), or use a "
            "network that looks at point clouds."
        )
    return name
