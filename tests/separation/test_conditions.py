"""Pictures, movement, and how they meet the sound: what each part computes, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from capture.body_pose import (
    JOINT_PARENTS,
    JOINTS,
    BodyPoses,
    poses_of_performers,
    read_body_tracker,
)
from capture.errors import DataError, FileFormatError
from capture.performer import Performer
from capture.pose import Pose, Trajectory
from separation.backbones import UNet, UNetConfig
from separation.conditioners import (
    Movement,
    PictureConditioner,
    PictureConfig,
    PoseConditioner,
    PoseConfig,
    ResNet,
    load_image_weights,
)
from separation.conditioners.picture import draw_picture
from separation.conditioners.pose import neighbours
from separation.conditions import encode_movement
from separation.corpus.moves import MoveBank, write_moves
from separation.fusions import AttentionFusion
from separation.heads import Residual, VisionGate, masks_from_logits
from separation.model import ModelConfig, SeparationModel
from separation.training.batch import make_batch
from separation.training.conditions import MovementConditions
from separation.training.losses import mask_targets
from separation.training.mixing import Excerpt, Mixture
from separation.windows import mask_logits

STILL = Pose(position_m=np.zeros(3), orientation_wxyz=np.array([1.0, 0, 0, 0]))


# --- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_176_512), (50, 23_508_032)])
def test_resnet_has_the_published_size(depth, parameters):
    network = ResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert "layer4.1.conv2.weight" in network.state_dict()


def test_dilated_resnet_keeps_a_finer_grid():
    picture = torch.zeros(1, 3, 96, 96)
    assert ResNet(width=4)(picture).shape == (1, 32, 3, 3)
    assert ResNet(width=4, dilated=True)(picture).shape == (1, 32, 6, 6)


def test_a_users_weights_are_taken_over_and_others_refused(tmp_path):
    theirs = {k: v + 1 for k, v in ResNet(width=4).state_dict().items() if v.is_floating_point()}
    torch.save(theirs | {"fc.weight": torch.zeros(1000, 32)}, tmp_path / "weights.pth")
    network = ResNet(width=4)
    load_image_weights(network, tmp_path / "weights.pth")
    torch.testing.assert_close(network.conv1.weight.detach(), theirs["conv1.weight"])
    with pytest.raises(FileFormatError, match="of another network"):
        load_image_weights(ResNet(width=8), tmp_path / "weights.pth")
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(FileFormatError, match="not a file of weights"):
        load_image_weights(network, tmp_path / "broken.pth")


def test_a_picture_shows_what_is_nearest_from_the_front():
    # Half a metre up, and half a metre to the performer's right, which is left in the picture.
    points = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.2], [-0.99, -0.99, 0.0]], np.float32)
    colors = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], np.float32)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    drawn = draw_picture(points, colors, 40)
    drawn = drawn * np.reshape(deviation, (3, 1, 1)) + np.reshape(mean, (3, 1, 1))
    np.testing.assert_allclose(drawn[:, 9, 9], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(drawn[:, 39, 39], [0, 0, 1], atol=1e-6)
    assert np.count_nonzero(drawn.max(axis=0) > 1e-6) == 2


def test_readings_of_pictures():
    shown = torch.randn(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for reading, channels in (("pixels", 5), ("features", 32), ("motion", 7)):
        config = PictureConfig(reading=reading, width=4, pixels=64)
        network = PictureConditioner(config, channels).eval()
        assert network(shown).shape == (2, channels)
        swapped = network(shown[:, [1, 0, 2]])
        # Only motion cares about the order of the pictures.
        assert torch.allclose(swapped, network(shown), atol=1e-5) == (reading != "motion")
    with pytest.raises(ValueError, match="channels must be 32"):
        PictureConditioner(PictureConfig(reading="features", width=4), 5)
    with pytest.raises(ValueError, match="one at least"):
        network(shown[:, :0])


def test_a_frozen_network_learns_nothing():
    network = PictureConditioner(PictureConfig(width=4, pixels=64, frozen=True), 5).train()
    before = network.network.bn1.running_mean.clone()
    network(torch.randn(2, 1, 3, 64, 64)).sum().backward()
    assert torch.equal(network.network.bn1.running_mean, before)
    assert network.network.conv1.weight.grad is None
    assert network.votes.weight.grad is not None


# --- movement -----------------------------------------------------------------------------------


def test_neighbours_are_sorted_by_the_way_to_the_middle():
    graph = neighbours([-1, 0, 1, 1])
    np.testing.assert_array_equal(graph[0], np.eye(4))
    np.testing.assert_array_equal(graph[1], [[0] * 4, [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_array_equal(graph[2], [[0, 1, 0, 0], [0, 0, 0.5, 0.5], [0] * 4, [0] * 4])
    with pytest.raises(ValueError, match="before its parent"):
        neighbours([1, -1])


def test_poses_reach_as_far_as_the_kernels_say():
    torch.manual_seed(0)
    config = PoseConfig(widths=(4, 4), kernel=3)
    network = PoseConditioner(config, JOINT_PARENTS, 6, PictureConfig()).eval()
    poses = torch.randn(1, 20, len(JOINTS), 4)
    moved = poses.clone()
    moved[0, 10, 5] += 1.0
    changed = (network(Movement(poses=moved)) - network(Movement(poses=poses))).abs().amax(1)[0]
    # Two layers of three moments each reach two moments to both sides.
    assert torch.nonzero(changed > 1e-7)[:, 0].tolist() == [8, 9, 10, 11, 12]
    assert config.reach == 2


def test_a_long_movement_is_encoded_in_parts_as_at_once():
    torch.manual_seed(0)
    pose = PoseConfig(widths=(4, 4, 4), kernel=5, context=True)
    model = SeparationModel(
        ModelConfig(
            conditioner="pose",
            fusion="attention",
            pose=pose,
            picture=PictureConfig(width=4),
            backbone=UNetConfig(levels=3, width=4),
        )
    ).eval()
    poses = torch.randn(2, 45, len(JOINTS), 4)
    movement = Movement(poses=poses, pictures=torch.randn(2, 3, 64, 64))
    seen = []
    model.conditioner.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].poses.shape[1])
    )
    parts = encode_movement(movement, model, moments=20)
    assert seen == [26, 31, 11]  # each part with six moments beside it, where there are some
    torch.testing.assert_close(parts, model.encode(movement), atol=1e-6, rtol=1e-5)


def test_context_is_asked_for():
    config = PoseConfig(widths=(4,), context=True)
    network = PoseConditioner(config, JOINT_PARENTS, 6, PictureConfig(width=4)).eval()
    poses = torch.randn(2, 5, len(JOINTS), 4)
    with pytest.raises(ValueError, match="wants a picture"):
        network(Movement(poses=poses))
    out = network(Movement(poses=poses, pictures=torch.randn(2, 3, 64, 64)))
    assert out.shape == (2, 6, 5)


def tracker_file(folder, frames):
    import json

    names = [f"OTHER_{i}" for i in range(4)] + list(JOINTS)
    path = folder / "bodies.json"
    path.write_text(json.dumps({"joint_names": names, "frames": frames}))
    return path


def body(number, millimetres):
    places = [[0.0, 0.0, 0.0]] * 4 + [[millimetres, 0.0, 1000.0 + k] for k in range(len(JOINTS))]
    return {"body_id": number, "joint_positions": places}


def test_a_body_trackers_file_comes_into_the_world(tmp_path):
    frames = [
        {"timestamp_usec": 500_000, "bodies": [body(3, 0.0)]},
        {"timestamp_usec": 600_000, "bodies": [body(3, 100.0), body(7, 0.0)]},
    ]
    turned = Pose(position_m=np.array([0.0, 0.0, 2.0]), orientation_wxyz=STILL.orientation_wxyz)
    people = read_body_tracker(tracker_file(tmp_path, frames), turned)
    assert sorted(people) == [3, 7]
    np.testing.assert_allclose(people[3].times_s, [0.0, 0.1])
    positions, sure = people[3].at(np.array([-1.0, 0.05, 9.0]))
    np.testing.assert_allclose(positions[:, 0, 0], [0.0, 0.05, 0.1], atol=1e-6)
    np.testing.assert_allclose(positions[0, :, 2], 3.0 + 1e-3 * np.arange(len(JOINTS)), atol=1e-6)
    np.testing.assert_array_equal(sure, 1.0)
    one, _ = people[7].at(np.array([0.0, 5.0]))
    assert np.isfinite(one).all()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([{"timestamp_usec": 0}], "'bodies'"),
        ([{"timestamp_usec": 0, "bodies": [{"body_id": 1, "joint_positions": []}]}], "bounds"),
        ([{"timestamp_usec": 0, "bodies": [body(1, float("nan"))]}], "no positions"),
        ([{"timestamp_usec": 0, "bodies": [body(1, 0.0)]}] * 2, "two images"),
    ],
)
def test_a_broken_trackers_file_is_refused(tmp_path, frames, reason):
    with pytest.raises(FileFormatError, match=reason):
        read_body_tracker(tracker_file(tmp_path, frames), STILL)


def test_nobody_is_said(tmp_path):
    path = tracker_file(tmp_path, [{"timestamp_usec": 0, "bodies": []}])
    with pytest.raises(DataError, match="saw nobody"):
        read_body_tracker(path, STILL)
    positions_m = np.zeros((2, len(JOINTS), 3), np.float32)
    sure = np.ones(positions_m.shape[:2], np.float32)
    with pytest.raises(ValueError, match="increasing"):
        BodyPoses(times_s=np.zeros(2), positions_m=positions_m, confidences=sure)


def standing(name, x):
    trajectory = Trajectory(
        times_s=np.zeros(1),
        positions_m=np.array([[x, 0.0, 1.0]]),
        orientations_wxyz=np.array([[1.0, 0, 0, 0]]),
    )
    return Performer(name=name, trajectory=trajectory, cloud_times_s=np.zeros(0), clouds=())


def poses_at(x, times_s):
    return BodyPoses(
        times_s=np.array(times_s),
        positions_m=np.full((len(times_s), len(JOINTS), 3), [x, 0.0, 1.0], np.float32),
        confidences=np.ones((len(times_s), len(JOINTS)), np.float32),
    )


def test_bodies_go_to_the_performers_they_stay_near():
    performers = [standing("left", 1.0), standing("right", 2.0), standing("unseen", 5.0)]
    bodies = {
        1: poses_at(2.1, [0.0, 1.0]),
        2: poses_at(1.2, [0.0, 1.0]),
        7: poses_at(0.9, [1.0, 2.0]),  # the first one again, after it was lost; nearer
        8: poses_at(9.0, [0.0]),  # a listener
    }
    found = poses_of_performers(bodies, performers)
    assert sorted(found) == ["left", "right"]
    np.testing.assert_allclose(found["left"].times_s, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(found["left"].positions_m[:, 0, 0], [1.2, 0.9, 0.9], rtol=1e-6)
    assert poses_of_performers(bodies, []) == {}


def test_a_bank_of_moves_reads_between_its_moments(tmp_path):
    ramp = np.arange(50, dtype=np.float32)[:, None, None] * np.ones((1, len(JOINTS), 3), np.float32)
    write_moves(tmp_path, "train", "cello", [("first", ramp), ("second", -ramp)], rate_hz=10.0)
    bank = MoveBank.open(tmp_path)
    seen = bank.read("train", "cello", "second", start_s=1.0, seconds=2.0, moments=4)
    # Middles of half seconds from 1 s on, at ten moments a second.
    np.testing.assert_allclose(seen[:, 3, 1], [-12.5, -17.5, -22.5, -27.5], atol=2e-2)
    ends = bank.read("train", "cello", "first", start_s=4.8, seconds=2.0, moments=2)
    np.testing.assert_allclose(ends[:, 0, 0], [49.0, 49.0])
    with pytest.raises(DataError, match="no movement of cello in third"):
        bank.read("train", "cello", "third", start_s=0, seconds=1, moments=1)
    with pytest.raises(DataError, match=r"test-cello\.npz is missing"):
        bank.read("test", "cello", "first", start_s=0, seconds=1, moments=1)


def test_a_mixture_gets_the_same_movement_whoever_prepares_it(tmp_path):
    rng = np.random.default_rng(0)
    instruments = ("violin", "cello", "guitar")
    for name in instruments:
        moves = rng.normal(size=(40, len(JOINTS), 3)).astype(np.float32)
        write_moves(tmp_path, "train", name, [("piece", moves)])
    config = ModelConfig(
        instruments=instruments,
        conditioner="pose",
        fusion="attention",
        channels=6,
        pose=PoseConfig(widths=(4,)),
        backbone=UNetConfig(levels=3, width=4),
    )
    torch.manual_seed(0)
    model = SeparationModel(config).eval()
    excerpts = [Excerpt(piece="piece", start_s=0.1 * k, seconds=0.8, lasts_s=0.8) for k in range(3)]
    mixtures = [
        Mixture(
            sources=rng.normal(size=(count, 2048)).astype(np.float32),
            mixture=rng.normal(size=2048).astype(np.float32),
            instruments=instruments[:count],
            families=("",) * count,
            excerpts=tuple(excerpts[:count]),
        )
        for count in (3, 2)
    ]
    conditions = MovementConditions(bank=MoveBank.open(tmp_path), config=config)
    both = make_batch(mixtures, model.front_end, instruments)
    whole = conditions.draw(model, both, np.random.default_rng(5))
    assert whole.shape == (2, 3, 6, 10)
    second = make_batch(mixtures[1:], model.front_end, instruments)
    alone = conditions.draw(model, second, np.random.default_rng(5), range(1, 2))
    torch.testing.assert_close(alone[0], whole[1, :2])


# --- fusion and heads ---------------------------------------------------------------------------


def test_attention_looks_at_the_moment_itself_when_nothing_else_counts():
    torch.manual_seed(0)
    backbone = UNet(UNetConfig(levels=3, width=4, initialization="kaiming"), 1).eval()
    fusion = AttentionFusion(5, backbone.encoder_widths[-1]).eval()
    torch.nn.init.zeros_(fusion.movement.weight)  # all moments look alike
    torch.nn.init.constant_(fusion.locality, 20.0)
    picture = torch.randn(1, 1, 16, 64)
    weights = fusion.attention(backbone, picture, torch.randn(1, 2, 5, 8))
    assert weights.shape == (2, 8, 2, 8)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 8, 2))
    torch.testing.assert_close(weights[0, :, 0], torch.eye(8), atol=1e-6, rtol=0)


def test_attention_tells_performers_apart_and_takes_conditions_that_stand_still():
    torch.manual_seed(0)
    backbone = UNet(UNetConfig(levels=3, width=4, initialization="kaiming"), 1).eval()
    fusion = AttentionFusion(5, backbone.encoder_widths[-1]).eval()
    picture, still = torch.randn(2, 1, 16, 16), torch.randn(1, 3, 5)
    logits = fusion.logits(backbone, picture, still)
    assert logits.shape == (2, 3, 16, 16)
    held = fusion.logits(backbone, picture, still[..., None].expand(-1, -1, -1, 4))
    torch.testing.assert_close(logits, held, atol=1e-5, rtol=1e-4)
    turned = fusion.logits(backbone, picture, still.flip(1))
    torch.testing.assert_close(turned, logits.flip(1), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(logits[:, 0], logits[:, 1], atol=1e-4)


def test_a_residual_takes_its_share():
    logits = torch.tensor([1.0, 1.0, 1.0])[None, :, None, None].expand(2, 3, 4, 4)
    masks = masks_from_logits("softmax-residual", logits)
    torch.testing.assert_close(masks, torch.full((2, 2, 4, 4), 1 / 3))
    present = torch.tensor([[True, False], [True, True]])
    masks = masks_from_logits("softmax-residual", logits, present)
    torch.testing.assert_close(masks[0, :, 0, 0], torch.tensor([0.5, 0.0]))
    moving = Residual(6)(torch.rand(1, 2, 6, 9))
    assert moving.shape == (1, 3, 6, 9)
    torch.testing.assert_close(moving[0, 2], torch.full((6, 9), 0.5))


def test_a_gate_multiplies_odds_over_time():
    gate = VisionGate(2)
    with torch.no_grad():
        gate.openness.weight[:] = torch.tensor([[1.0, 0.0]])
        gate.openness.bias[:] = 0.0
    conditions = torch.tensor([[[0.0, 30.0], [0.0, 0.0]]])[:, None]  # (1, 1, 2, 2 moments)
    logits = gate(torch.zeros(1, 2, 3, 8), conditions)
    odds = logits.exp()
    torch.testing.assert_close(odds[0, 0, :, 0], torch.full((3,), 0.5))
    torch.testing.assert_close(odds[0, 0, :, -1], torch.ones(3))
    torch.testing.assert_close(odds[0, 1], torch.ones(3, 8))  # the residual's logit


def test_the_residual_is_what_nobody_seen_makes():
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(1, 4096)).astype(np.float32)
    unseen = rng.normal(size=4096).astype(np.float32)
    mixture = Mixture(
        sources=seen, mixture=seen[0] + unseen, instruments=("violin",), families=("",)
    )
    model = SeparationModel(ModelConfig(conditioner="label"))
    batch = make_batch([mixture], model.front_end, model.config.instruments)
    alone = replace(mixture, sources=unseen[None], mixture=unseen)
    other = make_batch([alone], model.front_end, model.config.instruments)
    torch.testing.assert_close(batch.residual, other.sources[:, 0], atol=1e-4, rtol=1e-4)
    shares = mask_targets(batch, "wiener", residual=True)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones_like(shares[:, 0]))


def test_windows_hear_the_movement_of_their_own_time():
    config = ModelConfig(
        conditioner="pose",
        fusion="attention",
        channels=3,
        pose=PoseConfig(widths=(4,)),
        backbone=UNetConfig(levels=3, width=4),
    )
    model = SeparationModel(config).eval()
    heard = []
    model.mask_logits = lambda picture, conditions: (
        heard.append(conditions[0, 0, 0]) or torch.zeros(1, 1, 256, picture.shape[-1])
    )
    samples = np.random.default_rng(0).normal(size=255 * 256).astype(np.float32)
    moments = torch.arange(128.0).expand(1, 3, -1)
    logits, _ = mask_logits(
        samples, moments, model, window_frames=64, hop_frames=32, progress=lambda share: None
    )
    assert logits.shape == (1, 256, 256)
    assert [window[0].item() for window in heard] == [16.0 * k for k in range(7)]
    assert all(len(window) == 32 for window in heard)
