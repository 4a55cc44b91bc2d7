"""What many tests share: one short simulated take, and where reference data lie."""

from pathlib import Path

import pytest

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
