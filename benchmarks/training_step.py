"""Where the time of a training step goes, and what bounds it.

    python -m benchmarks.training_step [CONFIG] [--corpus FOLDER] [--device cuda] [--steps 5]

Without a corpus a tiny one is made (a quarter of a minute of CPU). A step is timed part by part,
after two that are not counted: on the CPU in CPU seconds of one thread, on a GPU in seconds, with
the GPU waited for at each part's end. "data" is what one process needs to prepare a batch; beside
the step, in worker processes, it costs nothing as long as it is shorter.

What bounds the step: the rate of its convolutions and matrix products, counted by torch, beside
the rate of a large matrix product of the same precision in the same run, and the operations that
take most of it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import separation.training.run as training_run
from separation.corpus.builder import build
from separation.model import SeparationModel
from separation.training.batch import Batch
from separation.training.conditions import Banks, Conditions
from separation.training.config import TrainingConfig, read_training_config
from separation.training.losses import mask_loss
from separation.training.mixing import Mixture
from separation.training.parallel import Processes

WARM_UP = 2


class StepClock:
    """Says which part of a step the time since the last mark was."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.parts: dict[str, list[float]] = defaultdict(list)
        self._last = 0.0

    def now(self) -> float:
        """Return seconds: of CPU, or of the clock once the GPU is through."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def start(self) -> None:
        """Begin a part."""
        self._last = self.now()

    def mark(self, part: str) -> None:
        """End a part, and begin the next."""
        now = self.now()
        self.parts[part].append(now - self._last)
        self._last = now

    def around(self, part: str, work: Callable[..., Any]) -> Any:
        """Return `work`, whose time is a part of its own."""

        def timed(*arguments: Any, **named: Any) -> Any:
            self.mark("other")
            result = work(*arguments, **named)
            self.mark(part)
            return result

        return timed


@dataclass(slots=True)
class WatchedConditions:
    """Conditions whose time is taken, on the way back too."""

    own: Conditions
    clock: StepClock

    def draw(
        self,
        model: SeparationModel,
        batch: Batch,
        rng: np.random.Generator,
        share: range | None = None,
    ) -> torch.Tensor:
        """Return conditions of a batch."""
        self.clock.mark("other")
        conditions = self.own.draw(model, batch, rng, share)
        self.clock.mark("vision, forward")
        if conditions.grad_fn is not None:
            conditions.grad_fn.register_prehook(lambda _: self.clock.mark("audio, backward"))
        return conditions

    def encoder(self, model: SeparationModel, split: str) -> Callable[[Mixture], torch.Tensor]:
        """Return the function that gives the conditions of a mixture."""
        return self.own.encoder(model, split)


def watch(run: training_run.Run, clock: StepClock) -> None:
    """Let the parts of a run's steps be timed."""
    run.conditions = WatchedConditions(run.conditions, clock)
    model, optimizer = run.state.model, run.state.optimizer
    model.mask_logits = clock.around("audio, forward", model.mask_logits)
    training_run.mask_loss = clock.around("loss", mask_loss)
    optimizer.register_step_pre_hook(lambda *_: clock.mark("vision, backward, and clipping"))
    optimizer.register_step_post_hook(lambda *_: clock.mark("optimizer"))


def product_rate(device: torch.device, precision: torch.dtype, clock: StepClock) -> float:
    """Return FLOP/s of a square matrix product."""
    size = 1024 if device.type == "cpu" else 8192
    square = torch.randn(size, size, device=device).to(precision)
    best = float("inf")
    for _ in range(6):
        started = clock.now()
        _ = square @ square
        best = min(best, clock.now() - started)
    return 2 * size**3 / best


def operations(run: training_run.Run, step: int, batch: Batch) -> tuple[float, list[str], float]:
    """Return FLOPs of a step, its longest operations, and the share of convolutions, products."""
    with FlopCounterMode(display=False) as counter:
        run.learn(step, batch)
    on_gpu = run.processes.device.type == "cuda"
    activities = [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]
    with profile(activities=activities) as profiler:
        run.learn(step + 1, batch)
    took = {
        event.key: event.self_device_time_total if on_gpu else event.self_cpu_time_total
        for event in profiler.key_averages()
    }
    whole = sum(took.values())
    names = sorted(took, key=lambda key: -took[key])[:6]
    longest = [f"{took[name] / whole:4.0%} {name[:60]}" for name in names]
    heavy = ("conv", "mm", "gemm", "xmma", "cutlass", "linear")
    share = sum(took[key] for key in took if any(word in key.lower() for word in heavy)) / whole
    return float(counter.get_total_flops()), longest, share


def measure(config: TrainingConfig, corpus: Path, device: torch.device, steps: int) -> None:
    """Print the table of one configuration."""
    clock = StepClock(device)
    processes = Processes(rank=0, count=1, device=device)
    with tempfile.TemporaryDirectory() as folder:
        run = training_run.Run(config, corpus, Path(folder), Banks.beside(corpus), processes)
        watch(run, clock)
        upcoming = run.batches(range(WARM_UP + steps), workers=0)
        batch = None
        for number in range(WARM_UP + steps):
            clock.start()
            _, batch = next(upcoming)
            clock.mark("data")
            run.learn(number, batch)
            clock.mark("other")
            if number < WARM_UP:
                clock.parts.clear()
        assert batch is not None
        parts = {name: sum(values) / steps for name, values in clock.parts.items()}
        flops, longest, share = operations(run, WARM_UP + steps, batch)
        run.close()
    data = parts.pop("data")
    parts["other"] = parts.pop("other")  # last
    whole = sum(parts.values())
    print("| part | seconds | share |\n|---|---|---|")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds:.4f} | {seconds / whole:.0%} |")
    print(f"| **a step** | {whole:.4f} | {config.batch / whole:.1f} mixtures a second |")
    print(f"| data, beside it | {data:.4f} | busy {data / whole:.0%} of a worker process |")
    precision = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    peak = product_rate(device, precision, clock)
    rate = flops / (whole * share)
    print(
        f"\nConvolutions and products: {flops / 1e9:.1f} GFLOP in {share:.0%} of the step, "
        f"{rate / 1e9:.0f} GFLOP/s; a large product in {precision}: {peak / 1e9:.0f} GFLOP/s."
    )
    bound = "arithmetic" if share > 0.5 and rate > 0.35 * peak else "memory and small operations"
    print(f"The step is bound by {bound}. Longest operations:")
    print("\n".join(f"  {line}" for line in longest))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for a configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="pcs-depth-small", help="name or JSON file")
    parser.add_argument("--corpus", type=Path, help="with shards/ and, where needed, clouds/")
    parser.add_argument("--device", choices=["cpu", "cuda"], action="append")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, help="mixtures a step, instead of the config's")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = read_training_config(options.config)
    config = replace(config, batch=options.batch or config.batch)
    devices = options.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus
        if corpus is None:
            corpus = Path(folder)
            build(corpus, minutes=0.3, clouds=2, moves=config.model.conditioner == "pose")
        for device in devices:
            name = torch.cuda.get_device_name() if device == "cuda" else "one CPU thread"
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
            print(
                f"\n{options.config}, {config.batch} mixtures of {config.mixing.frames} frames, "
                f"{config.precision}; {name}, load {load:.1f}\n"
            )
            measure(config, corpus, torch.device(device), options.steps)


if __name__ == "__main__":
    main()
