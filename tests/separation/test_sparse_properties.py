"""Sparse layers against dense ones of PyTorch, and their invariances."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from separation.sparse import (
    GlobalPooling,
    KernelShape,
    SparseAveragePooling,
    SparseConvolution,
    SparseMaxPooling,
    build_kernel_map,
    collate,
    kernel_map,
    quantize,
    sparse_tensor,
    unique_rows,
)


def random_voxels(count, channels, seed=0, low=-9, high=9, batches=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(low, high, (count, 3), generator=generator)
    batch = torch.randint(0, batches, (count, 1), generator=generator)
    coordinates = torch.cat([batch, cells], dim=1).int()
    coordinates = coordinates[unique_rows(coordinates).index]
    features = torch.randn(len(coordinates), channels, generator=generator, dtype=dtype)
    return coordinates, features


def dense(coordinates, features, low, span):
    volume = features.new_zeros(2, features.shape[1], span, span, span)
    batch, x, y, z = (coordinates - torch.tensor([0, low, low, low])).long().unbind(1)
    volume[batch, :, z, y, x] = features
    return volume


@pytest.mark.parametrize(("size", "dilation"), [(3, 1), (5, 1), (3, 2), (2, 1)])
def test_convolution_equals_a_dense_one(size, dilation):
    coordinates, features = random_voxels(400, 3)
    layer = SparseConvolution(3, 4, size, dilation=dilation, bias=True).double()
    out = layer(sparse_tensor(coordinates, features))
    # x fastest in the kernel, z slowest: conv3d's (depth, height, width) is (z, y, x).
    weight = layer.kernel.view(size, size, size, 3, 4).permute(4, 3, 0, 1, 2)
    before = (size - 1) // 2 * dilation if size % 2 else 0
    after = (size - 1) * dilation - before
    padded = functional.pad(dense(coordinates, features, -9, 18), (before, after) * 3)
    volume = functional.conv3d(padded, weight, dilation=dilation)
    batch, x, y, z = (coordinates - torch.tensor([0, -9, -9, -9])).long().unbind(1)
    expected = volume[batch, :, z, y, x] + layer.bias
    torch.testing.assert_close(out.features, expected)


@pytest.mark.parametrize(("size", "stride"), [(1, 2), (2, 2), (3, 1), (3, 2), (3, 3), (5, 2)])
def test_gradients_of_the_convolution(size, stride):
    coordinates, features = random_voxels(40, 2, low=-3, high=4)
    layer = SparseConvolution(2, 3, size, stride).double()

    def convolve(values, kernel):
        return torch.func.functional_call(
            layer, {"kernel": kernel}, sparse_tensor(coordinates, values)
        ).features

    assert torch.autograd.gradcheck(convolve, (features.requires_grad_(), layer.kernel))


def test_gradients_where_voxels_are_few_and_kernels_large():
    """Fewer voxels than channels take another path of the backward pass."""
    coordinates, features = random_voxels(5, 2, low=-2, high=2)
    layer = SparseConvolution(2, 16, 3).double()
    assert len(coordinates) < 16

    def convolve(values, kernel):
        return torch.func.functional_call(
            layer, {"kernel": kernel}, sparse_tensor(coordinates, values)
        ).features

    assert torch.autograd.gradcheck(convolve, (features.requires_grad_(), layer.kernel))


def test_voxels_that_no_output_sees_have_gradients_of_zero():
    """Strides of 3 and kernels of 3 about the output: what lies 2 after one is in none."""
    features = torch.ones(1, 2, requires_grad=True)
    layer = SparseConvolution(2, 16, 3, stride=3)
    out = layer(sparse_tensor(torch.tensor([[0, 2, 2, 2]], dtype=torch.int32), features))
    assert torch.equal(out.features, torch.zeros(1, 16))
    out.features.sum().backward()
    assert torch.equal(features.grad, torch.zeros(1, 2))
    assert torch.equal(layer.kernel.grad, torch.zeros_like(layer.kernel))


def test_blocks_do_not_change_results(monkeypatch):
    coordinates, features = random_voxels(600, 8)
    layer = SparseConvolution(8, 8, 3).double()

    def run():
        values = features.clone().requires_grad_()
        out = layer(sparse_tensor(coordinates, values)).features
        layer.zero_grad()
        out.square().sum().backward()
        return out.detach(), values.grad, layer.kernel.grad.clone()

    whole = run()
    monkeypatch.setattr("separation.sparse.convolution._GATHER_LIMIT_BYTES", 1)
    for one, other in zip(whole, run(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("seed", range(3))
def test_table_and_bisection_agree(monkeypatch, seed):
    coordinates, _ = random_voxels(300, 1, seed=seed, low=-40, high=30)
    shape = KernelShape.of_convolution(3)
    table = build_kernel_map(coordinates, coordinates, 1, shape)
    monkeypatch.setattr(kernel_map, "TABLE_LIMIT_CELLS", 0)
    bisection = build_kernel_map(coordinates, coordinates, 1, shape)
    assert torch.equal(table.rows, bisection.rows)
    assert int(table.counts.min()) >= 1
    assert int(table.counts.max()) > 1


def test_far_apart_voxels_need_no_table():
    """A box of 10^24 cells: found by bisection, or refused with a reason, never allocated."""
    coordinates = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, 10**6, 10**6, 10**5]])
    layer = SparseConvolution(1, 1, 3)
    with torch.no_grad():
        layer.kernel.fill_(1.0)
    out = layer(sparse_tensor(coordinates, torch.ones(3, 1)))
    assert out.features.flatten().tolist() == [2.0, 2.0, 1.0]
    stray = torch.tensor([[0, 0, 0, 0], [0, 2**30, 2**30, 2**30]])
    with pytest.raises(ValueError, match="remove stray points"):
        layer(sparse_tensor(stray, torch.ones(2, 1)))


def test_clouds_of_a_batch_do_not_touch():
    one, two = ((random_voxels(200, 3, seed=s, batches=1)) for s in (1, 2))
    layer = SparseConvolution(3, 5, 5, stride=2).double()
    pool = GlobalPooling("max")
    together = collate([(one[0][:, 1:], one[1]), (two[0][:, 1:], two[1])])
    alone = [pool(layer(sparse_tensor(*cloud))) for cloud in (one, two)]
    torch.testing.assert_close(pool(layer(together)), torch.cat(alone))


def test_order_of_points_does_not_matter():
    coordinates, features = random_voxels(300, 3)
    order = torch.randperm(len(coordinates), generator=torch.Generator().manual_seed(5))
    layer = SparseConvolution(3, 4, 3, stride=2).double()
    first = layer(sparse_tensor(coordinates, features))
    second = layer(sparse_tensor(coordinates[order], features[order]))
    assert torch.equal(first.coordinates, second.coordinates)
    torch.testing.assert_close(first.features, second.features)


@pytest.mark.parametrize("stride", [1, 2])
def test_shift_by_the_stride_shifts_the_output(stride):
    coordinates, features = random_voxels(300, 3)
    shift = torch.tensor([0, 4, -6, 2], dtype=torch.int32)
    layer = SparseConvolution(3, 4, 3, stride).double()
    first = layer(sparse_tensor(coordinates, features))
    second = layer(sparse_tensor(coordinates + shift, features))
    assert torch.equal(first.coordinates + shift, second.coordinates)
    torch.testing.assert_close(first.features, second.features)


def test_average_counts_occupied_voxels_only():
    coordinates = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, -1, -1, -1]])
    out = SparseAveragePooling(2, 2)(
        sparse_tensor(coordinates, torch.tensor([[2.0], [4.0], [7.0]]))
    )
    values = dict(
        zip(map(tuple, out.coordinates.tolist()), out.features.flatten().tolist(), strict=True)
    )
    assert values == {(0, 0, 0, 0): 3.0, (0, -2, -2, -2): 7.0}


def test_gradients_of_pooling():
    coordinates, features = random_voxels(60, 2, low=-3, high=4)
    for layer in (SparseAveragePooling(3, 2), SparseMaxPooling(3, 2), SparseMaxPooling(3, 3)):
        assert torch.autograd.gradcheck(
            lambda values, layer=layer: layer(sparse_tensor(coordinates, values)).features,
            (features.clone().requires_grad_(),),
        )
    for reduction in ("max", "average", "sum"):
        pooling = GlobalPooling(reduction)
        assert torch.autograd.gradcheck(
            lambda values, pooling=pooling: pooling(sparse_tensor(coordinates, values)),
            (features.clone().requires_grad_(),),
        )


def test_unique_rows_against_numpy():
    rows = torch.randint(-3, 4, (500, 4), generator=torch.Generator().manual_seed(0))
    found = unique_rows(rows)
    _, index, inverse = np.unique(rows.numpy(), axis=0, return_index=True, return_inverse=True)
    assert found.index.tolist() == sorted(index.tolist())
    assert torch.equal(rows[found.index][found.inverse], rows)
    assert len(found.index) == inverse.max() + 1


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least one voxel"):
        sparse_tensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 3))
    with pytest.raises(ValueError, match=r"integer \(voxels, 4\)"):
        sparse_tensor(torch.zeros(2, 3, dtype=torch.int32), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="2 coordinates need as many feature rows, got 3"):
        sparse_tensor(torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]]), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="batch indices must lie in 0…1"):
        sparse_tensor(torch.tensor([[2, 0, 0, 0]]), torch.zeros(1, 3), batch_size=2)
    with pytest.raises(ValueError, match="cloud 1 of 2 holds no point"):
        collate(
            [(np.zeros((1, 3), int), np.zeros((1, 3))), (np.zeros((0, 3), int), np.zeros((0, 3)))]
        )
    with pytest.raises(ValueError, match="finite"):
        quantize(torch.tensor([[0.0, float("nan"), 0.0]]), 0.02)
    with pytest.raises(ValueError, match="takes 3 channels, got 2"):
        SparseConvolution(3, 4, 3)(
            sparse_tensor(torch.zeros(1, 4, dtype=torch.int32), torch.zeros(1, 2))
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same():
    coordinates, features = random_voxels(500, 3, dtype=torch.float32)
    layer = SparseConvolution(3, 8, 3, stride=2)
    here = layer(sparse_tensor(coordinates, features))
    there = layer.cuda()(sparse_tensor(coordinates.cuda(), features.cuda()))
    assert torch.equal(here.coordinates, there.coordinates.cpu())
    torch.testing.assert_close(here.features, there.features.cpu(), rtol=1e-4, atol=1e-5)
