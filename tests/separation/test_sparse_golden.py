"""Outputs and gradients of the real MinkowskiEngine 0.5.4 (tests/references/minkowski)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from separation.conditioners.sparse_resnet import SparseResNet18, SparseResNet18Classifier
from separation.sparse import (
    GlobalPooling,
    KernelShape,
    SparseAveragePooling,
    SparseBatchNorm,
    SparseConvolution,
    SparseMaxPooling,
    SparseSumPooling,
    quantize,
    sparse_tensor,
)

GOLDEN = Path(__file__).parents[1] / "references" / "minkowski"
CONVOLUTIONS = sorted(path.stem for path in GOLDEN.glob("conv_k*.npz"))
POOLINGS = sorted(path.stem for path in GOLDEN.glob("*pool_k*.npz"))
POOLING = {"avg": SparseAveragePooling, "max": SparseMaxPooling, "sum": SparseSumPooling}
NETWORKS = {"net_small": (SparseResNet18, 16), "classifier_small": (SparseResNet18Classifier, 40)}


def load(name):
    with np.load(GOLDEN / f"{name}.npz") as data:
        return {
            key: torch.from_numpy(np.asarray(value)) if value.dtype.kind in "iuf" else value
            for key, value in data.items()
        }


def close(actual, expected, atol=1e-5):
    torch.testing.assert_close(actual.detach(), expected, rtol=1e-4, atol=atol)


def sorted_rows(coordinates):
    """Order of rows by (batch, x, y, z)."""
    return torch.from_numpy(np.lexsort(coordinates.numpy().T[::-1]))


def check_layer(layer, golden):
    features = golden["feats"].clone().requires_grad_()
    out = layer(sparse_tensor(golden["coords"], features))
    mine, theirs = sorted_rows(out.coordinates), sorted_rows(golden["out_coords"])
    assert torch.equal(out.coordinates[mine], golden["out_coords"][theirs])
    assert [out.tensor_stride] * 3 == golden["out_stride"].tolist()
    close(out.features[mine], golden["out_feats"][theirs])
    gradient = torch.zeros_like(out.features)
    gradient[mine] = golden["grad_out"][theirs]
    out.features.backward(gradient)
    close(features.grad, golden["grad_feats"])


def test_every_golden_file_is_tested():
    others = {"batch_norm", "conv_chain", "kernel_offsets", "sparse_quantize"}
    others |= {"sparse_tensor_duplicates", "globalavg_b2", *NETWORKS}
    others |= {"globalmax_b2", "globalmax_b5_missing2", "globalmax_b5_shuffled"}
    found = {path.stem for path in GOLDEN.glob("*.npz")}
    assert found == {*CONVOLUTIONS, *POOLINGS, *others}
    assert (len(CONVOLUTIONS), len(POOLINGS)) == (8, 6)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name):
    golden = load(name)
    layer = SparseConvolution(
        *golden["kernel"].shape[-2:],
        kernel_size=int(golden["kernel_size"]),
        stride=int(golden["stride"]),
        dilation=int(golden["dilation"]),
        bias=True,
    )
    layer.load_state_dict({"kernel": golden["kernel"], "bias": golden["bias"]})
    check_layer(layer, golden)
    close(layer.kernel.grad, golden["grad_kernel"])
    close(layer.bias.grad, golden["grad_bias"])


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling(name):
    golden = load(name)
    layer = POOLING[name[:3]](int(golden["kernel_size"]), int(golden["stride"]))
    check_layer(layer, golden)


def test_kernel_offsets_run_x_fastest():
    for name, offsets in load("kernel_offsets").items():
        shape = KernelShape.of_convolution(int(name[1:]))
        assert torch.equal(shape.offsets(), offsets.long())


def test_chain_of_strides():
    golden = load("conv_chain")
    voxels = sparse_tensor(golden["coords"], golden["feats"])
    for number, stride in ((1, 2), (2, 2), (3, 1)):
        kernel = golden[f"w{number}"]
        layer = SparseConvolution(*kernel.shape[1:], kernel_size=3, stride=stride)
        layer.load_state_dict({"kernel": kernel})
        voxels = layer(voxels)
        mine = sorted_rows(voxels.coordinates)
        theirs = sorted_rows(golden[f"c{number}"])
        assert torch.equal(voxels.coordinates[mine], golden[f"c{number}"][theirs])
        close(voxels.features[mine], golden[f"f{number}"][theirs])


def test_batch_norm():
    golden = load("batch_norm")
    layer = SparseBatchNorm(6)
    assert list(layer.state_dict()) == [str(key) for key in golden["keys"]]
    with torch.no_grad():
        layer.bn.weight.copy_(golden["weight"])
        layer.bn.bias.copy_(golden["bias"])
    voxels = sparse_tensor(golden["coords"], golden["feats"])
    close(layer(voxels).features, golden["out_train"])
    close(layer.bn.running_mean, golden["running_mean"])
    close(layer.bn.running_var, golden["running_var"])
    close(layer.eval()(voxels).features, golden["out_eval"])


@pytest.mark.parametrize("name", ["globalmax_b2", "globalmax_b5_shuffled", "globalavg_b2"])
def test_global_pooling_in_batch_order(name):
    golden = load(name)
    features = golden["feats"].clone().requires_grad_()
    pooling = GlobalPooling("max" if "max" in name else "average")
    out = pooling(sparse_tensor(golden["coords"], features))
    order = torch.argsort(golden["out_coords"][:, 0])
    close(out, golden["out_feats"][order])
    if "grad_feats" in golden:
        out.sum().backward()
        # The recorded gradient of the outputs is not in the file: compare where it flowed to.
        assert torch.equal(features.grad != 0, golden["grad_feats"] != 0)


def test_missing_cloud_is_refused():
    golden = load("globalmax_b5_missing2")
    voxels = sparse_tensor(golden["coords"], golden["feats"])
    with pytest.raises(ValueError, match="cloud 2 of a batch of 5 holds no voxel"):
        GlobalPooling("max")(voxels)


def test_quantize_floors_and_keeps_the_first():
    golden = load("sparse_quantize")
    coordinates, rows = quantize(golden["points"], float(golden["voxel"]))
    assert torch.equal(coordinates, golden["out_coords"])
    assert torch.equal(rows.index, golden["index"])
    assert torch.equal(rows.inverse, golden["inverse"])
    assert torch.equal(golden["feats"][rows.index], golden["out_feats"])


@pytest.mark.parametrize(
    ("duplicates", "mode"),
    [
        ("first", "RANDOM_SUBSAMPLE"),
        ("average", "UNWEIGHTED_AVERAGE"),
        ("sum", "UNWEIGHTED_SUM"),
    ],
)
def test_duplicates(duplicates, mode):
    golden = load("sparse_tensor_duplicates")
    voxels = sparse_tensor(golden["coords"], golden["feats"], duplicates=duplicates)
    mine, theirs = sorted_rows(voxels.coordinates), sorted_rows(golden["out_coords"])
    assert torch.equal(voxels.coordinates[mine], golden["out_coords"][theirs])
    close(voxels.features[mine], golden[f"f_{mode}"][theirs])


def test_largest_of_duplicates():
    """MinkowskiEngine's MAX_POOL pairs voxel i with input row i, so numpy is the truth here."""
    golden = load("sparse_tensor_duplicates")
    voxels = sparse_tensor(golden["coords"], golden["feats"], duplicates="max")
    for row, features in zip(voxels.coordinates, voxels.features, strict=True):
        same = (golden["coords"] == row).all(dim=1)
        assert torch.equal(features, golden["feats"][same].amax(dim=0))


def network_of(name):
    golden = load(name)
    kind, outputs = NETWORKS[name]
    network = kind(3, outputs, 8, (8, 16, 24, 32))
    assert list(network.state_dict()) == [str(key) for key in golden["keys"]]
    weights = {key[2:]: value for key, value in golden.items() if key.startswith("w/")}
    network.load_state_dict(weights)
    return network, golden


@pytest.mark.parametrize("name", NETWORKS)
def test_network_forward(name):
    network, golden = network_of(name)
    voxels = sparse_tensor(golden["coords"], golden["feats"])
    close(network.eval()(voxels), golden["out_eval"])


@pytest.mark.parametrize("name", NETWORKS)
def test_network_training_step(name):
    network, golden = network_of(name)
    features = golden["feats"].clone().requires_grad_()
    out = network.train()(sparse_tensor(golden["coords"], features))
    close(out, golden["out_train"])
    out.backward(golden["grad_out"])
    # The engine's own float32 rounding is this large: 21 layers of batch statistics, the last
    # over 14 voxels (see the README of the reference).
    for actual, key in (
        (features.grad, "grad_feats"),
        (next(network.parameters()).grad, "grad_first_kernel"),
    ):
        close(actual, golden[key], atol=1e-5 * float(golden[key].abs().max()))
    state = network.state_dict()
    for key, value in golden.items():
        if key.startswith("after/"):
            close(state[key[6:]], value)


def test_stages_of_the_network():
    network, golden = network_of("net_small")
    voxels = sparse_tensor(golden["coords"], golden["feats"])
    for index, layer in enumerate(network.eval().features):
        voxels = layer(voxels)
        if f"stage{index}_coords" not in golden:
            continue
        mine = sorted_rows(voxels.coordinates)
        theirs = sorted_rows(golden[f"stage{index}_coords"])
        assert torch.equal(voxels.coordinates[mine], golden[f"stage{index}_coords"][theirs])
        close(voxels.features[mine], golden[f"stage{index}_feats"][theirs])
