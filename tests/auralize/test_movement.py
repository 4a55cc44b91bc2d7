"""Networks that watch movement, on a take: whose joints are from where, and how true they are."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from auralize.cli import cli
from auralize.stages import performers_of
from capture.body_pose import JOINTS
from capture.take import open_take
from separation.backbones import UNetConfig
from separation.body_pose import estimate_take_poses
from separation.conditioners import PoseConfig
from separation.model import ModelConfig, SeparationModel


@pytest.fixture(scope="module")
def watched(duo_take, tmp_path_factory):
    """The take's players in a folder of results, with a network that watches movement."""
    folder = tmp_path_factory.mktemp("watched")
    with open_take(duo_take) as take:
        performers_of(take, folder / "out")
    config = ModelConfig(
        conditioner="pose",
        fusion="attention",
        channels=8,
        pose=PoseConfig(widths=(4,), kernel=3),
        backbone=UNetConfig(levels=3, width=4, initialization="kaiming"),
    )
    torch.manual_seed(0)
    SeparationModel(config).save(folder / "watches.safetensors")
    return folder


def separate(take, watched, *more):
    arguments = [take, "--out", watched / "out", "--model", watched / "watches.safetensors", *more]
    return CliRunner().invoke(cli, ["separate", *map(str, arguments)])


def truth_of(take):
    truth = json.loads((take / "truth" / "truth.json").read_text())
    # Players are named from left to right.
    return truth, sorted(truth["players"], key=lambda one: -np.arctan2(*one["place_m"][::-1]))


def test_a_take_alone_is_enough(watched, duo_take):
    done = separate(duo_take, watched, "--attention-at", "2.5")
    assert done.exit_code == 0, done.output
    assert (watched / "out" / "attention.png").read_bytes().startswith(b"\x89PNG")
    assert "joints estimated from the depth images: performer-1, performer-2" in done.output
    manifest = json.loads((watched / "out" / "stems" / "stems.json").read_text())
    assert manifest["poses"] == {"performer-1": "estimated", "performer-2": "estimated"}


def test_a_network_without_attention_is_refused_at_once(duo_take, tmp_path):
    refused = CliRunner().invoke(
        cli, ["separate", str(duo_take), "--out", str(tmp_path / "out"), "--attention-at", "1"]
    )
    assert refused.exit_code != 0
    assert "no attention to movement" in str(refused.exception)
    assert not (tmp_path / "out" / "performers").exists()


def test_a_body_tracker_wins(watched, duo_take):
    truth, players = truth_of(duo_take)
    place = np.append(players[0]["place_m"], 1.0)
    with open_take(duo_take) as take:
        seen = 1000 * take.world_from_camera.inverse().transform(place[None])[0]
    frames = [
        {
            "timestamp_usec": round(1e6 * time_s),
            "bodies": [{"body_id": 1, "joint_positions": [seen.tolist()] * len(JOINTS)}],
        }
        for time_s in truth["times_s"]
    ]
    bodies = watched / "bodies.json"
    bodies.write_text(json.dumps({"joint_names": JOINTS, "frames": frames}))
    done = separate(duo_take, watched, "--body-tracker", bodies)
    assert done.exit_code == 0, done.output
    assert "joints estimated from the depth images: performer-2" in done.output
    manifest = json.loads((watched / "out" / "stems" / "stems.json").read_text())
    assert manifest["poses"] == {"performer-1": "body tracker", "performer-2": "estimated"}


def test_estimated_joints_are_those_of_the_truth(watched, duo_take):
    truth, players = truth_of(duo_take)
    with open_take(duo_take) as take:
        found = estimate_take_poses(take, performers_of(take, watched / "out"))
    for poses, player in zip(found.values(), players, strict=True):
        assert 11 <= 1 / np.diff(poses.times_s).mean() <= 14
        for name, joint, most_m in (("head", "HEAD", 0.1), ("right_hand", "WRIST_RIGHT", 0.15)):
            places = np.array(player["joints_m"][name]).T
            true = np.stack([np.interp(poses.times_s, truth["times_s"], c) for c in places], axis=1)
            off = poses.positions_m[:, JOINTS.index(joint)] - true
            assert np.linalg.norm(off, axis=1).mean() < most_m, (player["instrument"], name)
