"""BSS Eval's SDR, SIR and SAR against mir_eval's in the same run: speed and largest difference.

    python -m benchmarks.metrics_speed

Needs mir_eval < 0.9. Both compute with one thread, in turns; times are CPU milliseconds, the
smallest of the repeats. mir_eval is asked for the given order of the estimates, as ours is, and
beside it for the best order of all, which is what its users often leave on.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from separation.metrics import bss_eval

RATE_HZ = 11025


def mixtures(count: int, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return colored references and estimates that hold 20 % of each other and some noise."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((2, count, round(seconds * RATE_HZ)))
    references = 0.02 * np.cumsum(noise[0], axis=1) + noise[0]
    mixing = np.eye(count) + 0.2 * rng.standard_normal((count, count))
    return references, mixing @ references + 0.1 * noise[1]


def cpu_ms(work: Callable[[], object]) -> float:
    """Return what one call costs."""
    started = time.process_time()
    work()
    return 1e3 * (time.process_time() - started)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", FutureWarning)  # mir_eval says that its metric will leave
    import mir_eval.separation

    theirs = mir_eval.separation.bss_eval_sources
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{options.seconds:g} s at {RATE_HZ} Hz, filters of 512, one thread, load {load:.1f}, "
        f"mir_eval {mir_eval.__version__}\n"
    )
    print("| sources | ours | mir_eval | ratio | with permutations | ratio | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for count in options.sources:
        references, estimates = mixtures(count, options.seconds, seed=count)
        calls = [
            lambda r=references, e=estimates: bss_eval(r, e),
            lambda r=references, e=estimates: theirs(r, e, compute_permutation=False),
            lambda r=references, e=estimates: theirs(r, e, compute_permutation=True),
        ]
        took = np.min([[cpu_ms(call) for call in calls] for _ in range(options.repeats)], axis=0)
        mine = bss_eval(references, estimates)
        published = np.array(theirs(references, estimates, compute_permutation=False)[:3])
        own = np.array([mine.sdr_db, mine.sir_db, mine.sar_db])
        apart_db = np.abs(own - published).max()
        print(
            f"| {count} | {took[0]:.0f} ms | {took[1]:.0f} ms | {took[1] / took[0]:.1f} | "
            f"{took[2]:.0f} ms | {took[2] / took[0]:.1f} | {apart_db:.0e} dB |"
        )


if __name__ == "__main__":
    main()
