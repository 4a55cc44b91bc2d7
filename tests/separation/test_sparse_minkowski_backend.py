"""MinkowskiEngine as an engine gives what the torch engine gives, where it is installed.

Where it is not, a stand-in with its interface checks what the wrappers ask of it and what they do
with its answers (rows in hash order, missing clouds).
"""

import types

import pytest
import torch
from torch import nn

from separation.conditioners.sparse_resnet import SparseResNet18
from separation.sparse import TORCH_LAYERS, choose_layers, minkowski


class StandIn(nn.Module):
    """Records how a layer of the engine was made."""

    def __init__(self, *args, **settings):
        super().__init__()
        self.args, self.settings = args, settings


class Pooled(StandIn):
    """A global pooling that returns its rows in the order in which the tensor tells it."""

    def forward(self, voxels):
        rows = voxels.row_order
        values = torch.tensor([[10.0 * row] for row in rows])
        coordinates = torch.tensor([[row, 0, 0, 0] for row in rows])
        return types.SimpleNamespace(F=values, C=coordinates)


@pytest.fixture
def engine():
    modes = types.SimpleNamespace(
        RANDOM_SUBSAMPLE="first", UNWEIGHTED_AVERAGE="average", UNWEIGHTED_SUM="sum"
    )

    def tensor(**settings):
        return types.SimpleNamespace(
            **settings, coordinate_manager=types.SimpleNamespace(), row_order=[1, 0, 2]
        )

    return types.SimpleNamespace(
        SparseTensorQuantizationMode=modes,
        SparseTensor=tensor,
        MinkowskiConvolution=StandIn,
        MinkowskiAvgPooling=StandIn,
        MinkowskiBatchNorm=StandIn,
        MinkowskiReLU=StandIn,
        MinkowskiLinear=StandIn,
        MinkowskiGlobalMaxPooling=Pooled,
        MinkowskiGlobalAvgPooling=Pooled,
        MinkowskiGlobalSumPooling=Pooled,
    )


def test_layers_are_asked_for_as_the_engine_names_them(engine):
    layers = minkowski.wrap(engine)
    convolution = layers.convolution(3, 8, kernel_size=5, stride=2)
    assert convolution.args == (3, 8)
    assert convolution.settings == {
        "kernel_size": 5, "stride": 2, "dilation": 1, "bias": False, "dimension": 3,
    }  # fmt: skip
    pooling = layers.average_pooling(kernel_size=2, stride=2)
    assert pooling.settings == {"kernel_size": 2, "stride": 2, "dilation": 1, "dimension": 3}
    network = SparseResNet18(3, 4, 8, layers=layers)
    assert len(network.features) == len(SparseResNet18(3, 4, 8).features)


def test_global_rows_come_in_batch_order(engine):
    layers = minkowski.wrap(engine)
    coordinates = torch.tensor([[2, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    voxels = layers.tensor(coordinates, torch.zeros(3, 1))
    assert voxels.quantization_mode == "first"
    assert layers.global_pooling("max")(voxels).flatten().tolist() == [0.0, 10.0, 20.0]
    voxels = layers.tensor(coordinates, torch.zeros(3, 1), batch_size=4)
    with pytest.raises(ValueError, match="3 of 4 clouds hold a voxel"):
        layers.global_pooling("max")(voxels)


def test_what_the_engine_does_wrong_is_not_offered(engine):
    layers = minkowski.wrap(engine)
    with pytest.raises(ValueError, match="first, average, sum"):
        layers.tensor(torch.zeros(1, 4, dtype=torch.int32), torch.zeros(1, 1), duplicates="max")


@pytest.mark.skipif(not minkowski.is_installed(), reason="MinkowskiEngine is not installed")
def test_both_engines_agree():
    generator = torch.Generator().manual_seed(0)
    cells = torch.randint(-20, 20, (2000, 3), generator=generator)
    batch = torch.arange(2).repeat_interleave(1000)[:, None]
    coordinates = torch.cat([batch, cells], dim=1).int()
    features = torch.randn(2000, 3, generator=generator)
    mine = SparseResNet18(3, 4, 8).eval()
    theirs = SparseResNet18(3, 4, 8, layers=choose_layers("minkowski")).eval()
    theirs.load_state_dict(mine.state_dict())
    torch.testing.assert_close(
        mine(TORCH_LAYERS.tensor(coordinates, features)),
        theirs(choose_layers("minkowski").tensor(coordinates, features)),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
