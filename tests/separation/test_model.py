"""The whole network: configuration, conditions, masks, checkpoints."""

import hashlib
import json
import re
from dataclasses import asdict, replace
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from capture.errors import DeviceError, FileFormatError
from capture.players import facing_yaw_rad
from capture.simulate.clouds import random_performer_cloud
from capture.simulate.sampler import play_part
from capture.simulate.score import compose
from separation.backbones import UNetConfig
from separation.checkpoint import choose_device, shipped_checkpoints
from separation.conditioners.point_cloud import PointCloudConfig, prepare_cloud
from separation.configuration import from_mapping
from separation.fusions import LinearFusion
from separation.heads import largest_masks, masks_from_logits
from separation.metrics import si_sdr
from separation.model import ModelConfig, SeparationModel
from separation.separator import weights_sha256
from separation.spectrogram import SpectrogramConfig
from separation.training import read_training_config


def small(**changes):
    settings = {
        "instruments": ("violin", "cello", "guitar"),
        "channels": 4,
        "spectrogram": SpectrogramConfig(relative_level=True, floor=1e-3),
        "backbone": UNetConfig(levels=4, width=4, initialization="kaiming"),
        "conditioner": "label",
        "point_cloud": PointCloudConfig(width=4, out_channels=4),
    }
    return ModelConfig(**settings | changes)


def picture(model, seed=0, frames=32):
    magnitude = torch.from_numpy(
        np.random.default_rng(seed).gamma(1.0, 1.0, (2, 512, frames)).astype(np.float32)
    )
    return model.front_end.network_input(magnitude)


def clouds(count, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        cells = np.unique(rng.integers(-30, 30, (300, 3)), axis=0).astype(np.int32)
        made.append([(cells, (cells * 0.02).astype(np.float32))])
    return made


def test_logits_have_one_map_a_performer():
    torch.manual_seed(0)
    model = SeparationModel(small()).eval()
    with torch.inference_mode():
        conditions = model.encode_labels(["cello", "violin"])[None]
        assert model.mask_logits(picture(model), conditions).shape == (2, 2, 256, 32)


def test_performers_are_interchangeable():
    torch.manual_seed(0)
    model = SeparationModel(small()).eval()
    with torch.inference_mode():
        conditions = model.encode_labels(["cello", "violin", "guitar"])[None]
        logits = model.mask_logits(picture(model), conditions)
        turned = model.mask_logits(picture(model), conditions.roll(1, dims=1))
    torch.testing.assert_close(turned, logits.roll(1, dims=1))


def test_fusion_is_the_published_formula():
    torch.manual_seed(0)
    fusion = LinearFusion(4)
    assert fusion.scale.tolist() == [1.0] * 4
    assert fusion.bias.tolist() == [0.0]
    fusion.scale.data = torch.tensor([1.0, 2.0, -1.0, 0.5])
    fusion.bias.data = torch.tensor([0.25])
    features, conditions = torch.randn(2, 4, 3, 5), torch.rand(1, 3, 4)
    expected = torch.einsum("pk,k,bkft->bpft", conditions[0], fusion.scale, features) + 0.25
    torch.testing.assert_close(fusion(features, conditions), expected)


def test_point_clouds_give_conditions_between_0_and_1():
    torch.manual_seed(0)
    model = SeparationModel(small(conditioner="point_cloud")).eval()
    with torch.inference_mode():
        conditions = model.encode(clouds(3))
    assert conditions.shape == (3, 4)
    assert 0 < float(conditions.min()) < float(conditions.max()) < 1


def test_softmax_masks_sum_to_one_and_twins_share_equally():
    logits = torch.randn(1, 3, 4, 5)
    logits[:, 2] = logits[:, 1]
    masks = masks_from_logits("softmax", logits)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(1, 4, 5))
    torch.testing.assert_close(masks[:, 1], masks[:, 2])


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_absent_performers_get_nothing(head):
    present = torch.tensor([[True, True, False]])
    logits = torch.randn(1, 3, 4, 5)
    masks = masks_from_logits(head, logits, present)
    assert not masks[:, 2].any()
    torch.testing.assert_close(masks[:, :2], masks_from_logits(head, logits[:, :2]))


def test_unknown_head_is_refused():
    with pytest.raises(ValueError, match="sigmoid, softmax"):
        masks_from_logits("relu", torch.zeros(1, 1, 1, 1))


@pytest.mark.parametrize("conditioner", ["label", "point_cloud"])
def test_checkpoints_come_back(tmp_path, conditioner):
    torch.manual_seed(3)
    model = SeparationModel(small(conditioner=conditioner)).eval()
    model.save(tmp_path / "net.safetensors")
    again = SeparationModel.load(tmp_path / "net.safetensors")
    assert again.config == model.config
    assert not again.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_half_checkpoints_are_half_the_size_and_nearly_the_same(tmp_path):
    torch.manual_seed(3)
    model = SeparationModel(small()).eval()
    model.save(tmp_path / "whole.safetensors")
    model.save(tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("whole", "half")]
    assert sizes[1] < 0.65 * sizes[0]
    again = SeparationModel.load(tmp_path / "half.safetensors")
    with torch.inference_mode():
        conditions = model.encode_labels(["cello", "violin"])[None]
        torch.testing.assert_close(
            again.mask_logits(picture(model), conditions),
            model.mask_logits(picture(model), conditions),
            rtol=0,
            atol=0.05,
        )


def test_weights_of_another_architecture_are_refused(tmp_path):
    SeparationModel(small()).save(tmp_path / "net.safetensors")
    other = replace(small(), channels=6, point_cloud=PointCloudConfig(width=4, out_channels=6))
    (tmp_path / "net.json").write_text(json.dumps(asdict(other)))
    with pytest.raises(FileFormatError, match="another architecture"):
        SeparationModel.load(tmp_path / "net.safetensors")


def test_missing_and_broken_checkpoints_are_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"net\.safetensors: is missing"):
        SeparationModel.load(tmp_path / "net.safetensors")
    (tmp_path / "net.safetensors").write_bytes(b"no weights")
    with pytest.raises(FileFormatError, match=r"net\.json: is missing"):
        SeparationModel.load(tmp_path / "net.safetensors")
    (tmp_path / "net.json").write_text("[]")
    with pytest.raises(FileFormatError, match=r"net\.json.*must be a mapping, got \[\]"):
        SeparationModel.load(tmp_path / "net.safetensors")
    (tmp_path / "net.json").write_text(json.dumps(asdict(small())))
    with pytest.raises(FileFormatError, match=r"net\.safetensors"):
        SeparationModel.load(tmp_path / "net.safetensors")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = SeparationModel(small())
    with torch.no_grad():
        model.fusion.bias[:] = torch.nan
    model.save(tmp_path / "net.safetensors")
    with pytest.raises(FileFormatError, match=r"fusion\.bias .*not finite.*earlier checkpoint"):
        SeparationModel.load(tmp_path / "net.safetensors")


def test_a_checkpoint_is_as_readable_as_other_files(tmp_path):
    SeparationModel(small()).save(tmp_path / "net.safetensors")
    (tmp_path / "other").touch()
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 3
    assert len(set(modes.values())) == 1, modes


def test_weights_that_lack_a_layer_are_refused(tmp_path):
    model = SeparationModel(small())
    model.save(tmp_path / "net.safetensors")
    weights = safetensors.torch.load_file(tmp_path / "net.safetensors")
    del weights["fusion.bias"]
    safetensors.torch.save_file(weights, tmp_path / "net.safetensors")
    with pytest.raises(FileFormatError, match=r"lacks fusion\.bias"):
        SeparationModel.load(tmp_path / "net.safetensors")


def test_unknown_keys_of_a_configuration_are_named():
    data = asdict(small())
    data["backbone"]["depth"] = 7
    with pytest.raises(ValueError, match=r"unknown key backbone\.depth"):
        from_mapping(ModelConfig, data)


def test_condition_of_the_wrong_kind_is_refused():
    labels = SeparationModel(small())
    with pytest.raises(ValueError, match="encode_labels"):
        labels.encode(clouds(1))
    with pytest.raises(ValueError, match=r"violin, cello, guitar; not tuba"):
        labels.encode_labels(["tuba"])
    with pytest.raises(ValueError, match="call encode"):
        SeparationModel(small(conditioner="point_cloud")).encode_labels(["violin"])


def test_sizes_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="must agree"):
        small(conditioner="point_cloud", channels=5)
    with pytest.raises(ValueError, match="multiple of 512"):
        small(backbone=UNetConfig(levels=9, width=4))


@pytest.mark.parametrize("name", ["pcs-depth", "pcs-label", "pcs-depth-small", "pcs-label-small"])
def test_shipped_configurations_are_valid(name):
    config = read_training_config(name).model
    assert config.spectrogram.align_corners
    if name == "pcs-depth":
        assert config.backbone == UNetConfig()
        assert config.point_cloud.width == 64


def test_shipped_checkpoint_is_small_and_its_card_names_it():
    folder = resources.files("separation") / "weights"
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    with resources.as_file(folder / "pcs-depth.safetensors") as path:
        assert path.stat().st_size <= 25e6
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card
        model = SeparationModel.load(path)
    assert model.config == read_training_config("pcs-depth-small").model
    assert weights_sha256(model) in card


@pytest.mark.parametrize("players", [2, 4])
def test_shipped_checkpoint_separates_and_its_conditions_matter(players):
    # Notes of the simulator's players, dry, written for this test; clouds of bodies and
    # instruments that training never saw.
    instruments = ("violin", "cello", "guitar", "double_bass")[:players]
    with resources.as_file(resources.files("separation") / "weights") as folder:
        model = SeparationModel.load(folder / "pcs-depth.safetensors")
    parts = compose(instruments, 6.0, 4)
    sources = np.concatenate(
        [
            play_part(p, 6.0, 11025, rng=np.random.default_rng(i)).samples
            for i, p in enumerate(parts)
        ]
    )
    sources = torch.from_numpy(sources[:, : 255 * model.config.spectrogram.hop])
    mixture = sources.sum(dim=0)
    cloud_config = model.config.point_cloud.cloud
    clouds = []
    for index, instrument in enumerate(instruments):
        view = random_performer_cloud(instrument, np.random.default_rng(index), split="test")
        points_m = view.cloud.positions_m
        yaw_rad = facing_yaw_rad(points_m)[0]
        clouds.append([prepare_cloud(points_m, None, yaw_rad, cloud_config)])
    with torch.inference_mode():
        spectrum = model.front_end.stft(mixture[None])
        conditions = model.encode(clouds)[None]
        logits = model.mask_logits(model.front_end.network_input(spectrum.abs()), conditions)
        masks = model.front_end.unwarp(model.masks(logits)[0])
        stems = model.front_end.istft(masks * spectrum, mixture.shape[-1])
    before, after, exchanged = (
        float(np.mean(si_sdr(sources.numpy(), each.numpy())))
        for each in (mixture.expand_as(sources), stems, stems.roll(1, dims=0))
    )
    gain, shuffled = after - before, exchanged - before
    assert gain > 4.0
    assert shuffled < gain - 3.0


def test_the_largest_owns_a_cell_and_the_first_of_equals():
    values = torch.tensor([[0.0, 2.0, 1.0], [0.0, 1.0, 3.0]])[:, None]
    expected = torch.tensor([[True, True, False], [False, False, True]])[:, None]
    assert torch.equal(largest_masks(values), expected)
    assert torch.equal(largest_masks(values[None].repeat(2, 1, 1, 1))[1], expected)


def test_devices_are_chosen_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(DeviceError, match="no GPU"):
        choose_device("cuda")
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        choose_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


def test_the_documentation_lists_every_configuration_and_which_ones_ship():
    root = Path(__file__).parents[2]
    rows = [
        line.strip("|").split("|")
        for line in (root / "docs/separation.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.count("|") == 7
    ]
    configs = sorted(path.stem for path in (root / "separation/configs").glob("*.json"))
    shipped = {
        name: SeparationModel.load(path).config for name, path in shipped_checkpoints().items()
    }
    for config in configs:
        own = [
            row for row in rows if any(fnmatch(config, p) for p in re.findall("`([^`]+)`", row[0]))
        ]
        assert len(own) == 1, config
        model = read_training_config(config).model
        ships = sorted(name for name, known in shipped.items() if known == model)
        assert re.findall("`([^`]+)` ships", own[0][-1]) == ships, config
