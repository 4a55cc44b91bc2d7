"""What many tests share: one short simulated take, and where reference data lie."""

import os
from pathlib import Path

import pytest

# Before torch is loaded: small tensors lose more to two threads than they win, most of all on a
# busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """Reference data that may not be part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the reference data beside the checkout are not here")
    return SHARED


@pytest.fixture(scope="session")
def duo_take(tmp_path_factory):
    """A take of 5 s with a violin on one side and a cello on the other."""
    from capture.simulate import simulate_take

    return simulate_take(
        tmp_path_factory.mktemp("takes") / "duo", ["violin", "cello"], seconds=5.0, seed=11
    )


@pytest.fixture(scope="session")
def clap_take(tmp_path_factory):
    """A take folder in which somebody claps three times, its images stamped 80 ms too late."""
    import numpy as np

    from capture.simulate.clapper import Clapper, film_clapper
    from capture.take.take_file import TakeFile, write_take_file

    folder = tmp_path_factory.mktemp("takes") / "claps"
    clapper = Clapper([1.3, 2.13, 2.81], np.random.default_rng(1))
    film_clapper(folder / "take.mkv", clapper, seconds=3.6, fps=15, late_s=0.08)
    write_take_file(folder / "take.json", TakeFile(recording="take.mkv"))
    return folder
