"""Every shipped configuration, made small: it learns one mixture, and comes back from a file."""

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import torch

from capture.body_pose import BodyPoses
from capture.performer import Performer
from capture.players import facing_yaw_rad
from capture.pose import Trajectory, quaternion_from_yaw
from capture.simulate.clouds import random_performer_cloud
from capture.simulate.player import Player
from capture.simulate.sampler import play_part
from capture.simulate.score import compose
from separation.conditions import evidence_of
from separation.metrics import si_sdr
from separation.model import SeparationModel
from separation.training import read_training_config
from separation.training.batch import make_batch
from separation.training.losses import mask_loss, mask_targets
from separation.training.mixing import Mixture

SYSTEMS = sorted(
    entry.name[:-5]
    for entry in (resources.files("separation") / "configs").iterdir()
    if entry.name.endswith(".json")
)
PLAYERS = ("violin", "double_bass")
RATE = 11025
FRAMES = 32


def small(name):
    """The configuration with few channels; everything that makes it what it is stays."""
    config = read_training_config(name)
    model = config.model
    width = 8 if model.backbone.separate_decoders else 12
    cloud = replace(model.point_cloud, width=4, cloud=replace(model.point_cloud.cloud, voxel=0.06))
    picture = replace(
        model.picture, depth=18, width=4, pixels=64, pictures=min(2, model.picture.pictures)
    )
    backbone = replace(model.backbone, width=width, levels=min(5, model.backbone.levels))
    channels = model.channels
    if model.conditioner == "picture":
        channels = picture.feature_count if picture.reading == "features" else min(channels, 16)
    if model.conditioner == "pose":
        channels = 16
    return replace(
        config,
        model=replace(
            model,
            channels=channels,
            backbone=backbone,
            point_cloud=cloud,
            picture=picture,
            pose=replace(model.pose, widths=(8, 8, 16)),
        ),
    )


@pytest.fixture(scope="module")
def mixture():
    parts = compose(PLAYERS, 4.0, 3)
    sounds = [play_part(part, 4.0, RATE, rng=np.random.default_rng(4)) for part in parts]
    count = (FRAMES - 1) * 256
    sources = np.stack([sound.samples[0, RATE : RATE + count] for sound in sounds])
    sources /= np.sqrt(np.mean(sources**2, axis=1, keepdims=True))
    return Mixture(
        sources=sources, mixture=sources.sum(axis=0), instruments=PLAYERS, families=("", "")
    )


@pytest.fixture(scope="module")
def performers():
    """Both players as a take has them, and their joints over its time."""
    parts = compose(PLAYERS, 4.0, 3)
    seen, joints = [], {}
    for name, part in zip(PLAYERS, parts, strict=True):
        view = random_performer_cloud(name, np.random.default_rng(1))
        yaw_rad = facing_yaw_rad(view.cloud.positions_m)[0]
        trajectory = Trajectory(
            times_s=np.zeros(1),
            positions_m=view.cloud.positions_m.mean(axis=0, keepdims=True).astype(np.float64),
            orientations_wxyz=quaternion_from_yaw(yaw_rad)[None],
        )
        seen.append(
            Performer(
                name=name,
                trajectory=trajectory,
                cloud_times_s=np.zeros(1),
                clouds=(view.cloud,),
                instrument=name,
            )
        )
        player = Player(name, np.random.default_rng(2), notes=part.notes, seconds=4.0)
        times_s = 1.0 + np.arange(0.0, (FRAMES - 1) * 256 / RATE, 0.08)
        positions_m = np.stack([player.body_joints_at(time_s) for time_s in times_s])
        joints[name] = BodyPoses(
            times_s=times_s - 1.0,
            positions_m=positions_m.astype(np.float32),
            confidences=np.ones(positions_m.shape[:2], np.float32),
        )
    return seen, joints


def conditions_of(model, batch, evidence):
    if model.takes_labels:  # those who rest among them
        return model.encode_labels(batch.labels)
    return model.encode(evidence)[None]


def gains(model, batch, mixture, masks):
    """SI-SDR gained over the mixture with masks on warped rows, mean over the players."""
    front_end = model.front_end
    mixed, sources = mixture.mixture, mixture.sources
    spectrum = front_end.stft(torch.from_numpy(mixed))
    stems = front_end.istft(front_end.unwarp(masks[: len(sources)]) * spectrum, len(mixed)).numpy()
    heard = np.broadcast_to(mixed, sources.shape)
    return float(np.mean(si_sdr(sources, stems) - si_sdr(sources, heard)))


@pytest.mark.parametrize("name", SYSTEMS)
def test_learns_one_mixture_and_comes_back(name, mixture, performers, tmp_path):
    config = small(name)
    torch.manual_seed(0)
    model = SeparationModel(config.model)
    batch = make_batch(
        [mixture], model.front_end, config.model.instruments, everyone=config.mixing.everyone
    )
    picture = model.front_end.log_of_warped(batch.mixture)
    evidence = None
    if not model.takes_labels:
        seen, joints = performers
        seconds = (FRAMES - 1) * 256 / RATE
        evidence = evidence_of(seen, model, images=1, poses=joints, seconds=seconds)
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    ideal = gains(model, batch, mixture, mask_targets(batch, config.target)[0])
    reached = 0.0
    for step in range(400):
        logits = model.mask_logits(picture, conditions_of(model, batch, evidence))
        loss = mask_loss(
            config.model.head,
            logits,
            batch,
            target=config.target,
            weight=config.weight,
            loss=config.loss,
            bins_per_row=model.front_end.bins_per_row,
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            with torch.no_grad():
                reached = gains(model, batch, mixture, model.masks(logits, batch.present)[0])
            if reached >= 0.9 * ideal:
                break
    assert reached >= 0.9 * ideal, f"{reached:.1f} of {ideal:.1f} dB after {step + 1} steps"

    model.eval().save(tmp_path / "model.safetensors")
    again = SeparationModel.load(tmp_path / "model.safetensors")
    with torch.inference_mode():
        conditions = conditions_of(model, batch, evidence)
        assert torch.equal(
            again.mask_logits(picture, conditions), model.mask_logits(picture, conditions)
        )
