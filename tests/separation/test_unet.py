"""The U-Net against the published layout."""

import pytest
import torch
from torch import nn

from separation.backbones import UNet, UNetConfig
from separation.backbones.unet import join


def small(**changes):
    return UNetConfig(**{"levels": 5, "width": 4} | changes)


def test_published_size_has_30_26_million_parameters():
    with torch.device("meta"):
        network = UNet(UNetConfig(), channels=16)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 30.26


def test_width_16_with_frequency_coordinate_has_1_9_million_parameters():
    network = UNet(UNetConfig(width=16, frequency_coordinate=True), channels=16)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 1.9


def test_output_has_the_size_of_the_input():
    network = UNet(small(), channels=3).eval()
    assert network(torch.randn(2, 1, 64, 96)).shape == (2, 3, 64, 96)


def test_outermost_and_innermost_down_convolutions_are_not_normalized():
    network = UNet(small(), channels=3)
    level, norms = network.outermost, []
    while level is not None:
        norms.append(isinstance(level.down_norm, nn.BatchNorm2d))
        level = level.inside
    assert norms == [False, True, True, True, False]


def test_published_initialization():
    torch.manual_seed(0)
    network = UNet(UNetConfig(width=16), channels=16)
    convolutions = torch.cat(
        [m.weight.flatten() for m in network.modules() if isinstance(m, nn.Conv2d)]
    )
    norms = torch.cat(
        [m.weight.flatten() for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    )
    assert float(convolutions.detach().std()) == pytest.approx(0.001, rel=0.02)
    assert float(norms.detach().mean()) == pytest.approx(1.0, abs=0.005)
    assert float(norms.detach().std()) == pytest.approx(0.02, rel=0.15)


def test_only_the_frequency_coordinate_tells_rows_apart():
    # A picture that is the same in all rows: without a coordinate, only the borders differ.
    torch.manual_seed(1)
    picture = torch.randn(1, 1, 1, 512).expand(1, 1, 512, 512)
    spread = {}
    for coordinate in (False, True):
        network = UNet(
            UNetConfig(
                levels=3, width=4, frequency_coordinate=coordinate, initialization="kaiming"
            ),
            channels=2,
        ).eval()
        with torch.inference_mode():
            inside = network(picture)[:, :, 64:-64]
        # Stride 8 leaves a pattern of period 8 rows; compare rows of the same phase.
        spread[coordinate] = float((inside[:, :, 0::8] - inside[:, :, :1]).abs().max())
    assert spread[True] > 100 * max(spread[False], 1e-6)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_joined_channels_give_a_dense_gradient_of_the_same_values(layout):
    torch.manual_seed(2)
    parts = [torch.randn(2, n, 4, 6).to(memory_format=layout).requires_grad_() for n in (3, 5)]
    skipped, deeper = [part * 1.0 for part in parts]
    weights = torch.randn(2, 8, 4, 6).to(memory_format=layout)
    joined = join(skipped, deeper)
    seen = []
    deeper.register_hook(seen.append)
    (joined * weights).sum().backward()
    assert seen[0].is_contiguous(memory_format=layout)
    torch.testing.assert_close(joined, torch.cat(parts, dim=1))
    for part, expected in zip(parts, weights.split([3, 5], dim=1), strict=True):
        torch.testing.assert_close(part.grad, expected.contiguous())


def test_every_parameter_learns():
    network = UNet(small(frequency_coordinate=True, initialization="kaiming"), channels=2)
    network(torch.randn(2, 1, 64, 64)).square().sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_sizes_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match="multiples of 32 rows"):
        UNet(small(), channels=2)(torch.randn(1, 1, 64, 70))


@pytest.mark.parametrize("wrong", [{"levels": 2}, {"width": 0}, {"initialization": "zeros"}])
def test_wrong_shapes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"levels|initialization"):
        small(**wrong)
