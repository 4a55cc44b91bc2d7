"""Speed of the sparse ResNet18 of the paper (width 64, K = 16).

    python -m benchmarks.sparse_resnet

Times are CPU milliseconds, so that other work on the machine disturbs them little: minimum over
repeats, kernel maps rebuilt in each pass, gradients freed before it. MinkowskiEngine 0.5.4 took
107 (10k voxels) and 212 (50k) CPU-ms for forward and backward with 2 threads on the machine on
which its reference outputs were made. Processors differ, so the speed of a matrix product in the
same run is printed beside; where MinkowskiEngine is installed, it is timed in the same run.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch

from separation.conditioners.sparse_resnet import SparseResNet18
from separation.sparse import choose_layers, minkowski, unique_rows

REFERENCE_MS = {10_000: {"forward": 31, "both": 107}, 50_000: {"forward": 109, "both": 212}}


def surface_voxels(count: int, seed: int) -> torch.Tensor:
    """Return about `count` voxels (batch, x, y, z) on the surface of a body-like ellipsoid."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((40 * count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    low, high = 5.0, 2000.0
    while True:
        radius = (low + high) / 2
        cells = torch.from_numpy(np.floor(points * radius * [0.5, 1.0, 0.4]).astype(np.int32))
        cells = cells[unique_rows(cells).index]
        if abs(len(cells) - count) <= 0.01 * count:
            return torch.nn.functional.pad(cells, (1, 0))
        low, high = (low, radius) if len(cells) > count else (radius, high)


def cpu_ms(prepare: Callable[[], None], work: Callable[[], object], repeats: int) -> float:
    """Return the smallest CPU time of `work`, after one pass to warm up."""
    best = float("inf")
    for repeat in range(repeats + 1):
        prepare()
        started = time.process_time()
        work()
        if repeat:
            best = min(best, 1e3 * (time.process_time() - started))
    return best


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--width", type=int, default=64, help="16 is the network that ships")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    engines = ["torch", "minkowski"] if minkowski.is_installed() else ["torch"]

    square = torch.randn(1024, 1024)
    product_ms = cpu_ms(lambda: None, lambda: square @ square, options.repeats)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"torch {torch.__version__}, {options.threads} threads, load {load:.1f} on "
        f"{os.cpu_count()} cores, width {options.width}; "
        f"1024³ product: {product_ms:.1f} CPU-ms ({2.147 / product_ms * 1e3:.0f} GFLOP/s)"
    )
    print(f"{'engine':<10} {'voxels':>7} {'pass':<17} {'CPU-ms':>7} {'MinkowskiEngine 0.5.4':>22}")
    for engine in engines:
        layers = choose_layers(engine)
        network = SparseResNet18(3, 16, options.width, layers=layers)
        for count, reference in REFERENCE_MS.items():
            coordinates = surface_voxels(count, seed=0)
            features = torch.randn(len(coordinates), 3)

            @torch.no_grad()
            def forward(coordinates=coordinates, features=features, network=network, layers=layers):
                network(layers.tensor(coordinates, features))

            def both(coordinates=coordinates, features=features, network=network, layers=layers):
                network(layers.tensor(coordinates, features)).sum().backward()

            for name, work in (("forward", forward), ("both", both)):
                took = cpu_ms(network.zero_grad, work, options.repeats)
                label = "forward" if name == "forward" else "forward+backward"
                shown = f"{reference[name]:>22}" if options.width == 64 else f"{'(width 64)':>22}"
                print(f"{engine:<10} {len(coordinates):>7} {label:<17} {took:>7.0f} {shown}")


if __name__ == "__main__":
    main()
