"""What many tests share: one short simulated take, and where reference data lie."""

import os
import types
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
def placed_claps(tmp_path_factory):
    """A take folder of claps at four places before an array of microphones, images 80 ms late."""
    import numpy as np

    from capture.microphones import MicrophoneGeometry
    from capture.simulate.clapper import Clapper, Standing, film_clapper
    from capture.simulate.kinect import camera_pose
    from capture.take.take_file import TakeFile, write_take_file

    folder = tmp_path_factory.mktemp("takes") / "placed_claps"
    standing = []
    for azimuth_deg, away_m, up_m in ((-24, 1.4, 0), (22, 1.5, 0.1), (0, 1.0, 0), (10, 1.2, -0.1)):
        azimuth = np.radians(azimuth_deg)
        place = (away_m + 0.33) * np.array([np.cos(azimuth), np.sin(azimuth)])
        hands_m = (0.33, 0.0, -0.05 + up_m)
        standing.append(Standing(position_m=tuple(place), yaw_rad=np.pi + azimuth, hands_m=hands_m))
    claps_s = [1.2, 3.2, 5.2, 7.2]
    clapper = Clapper(claps_s, np.random.default_rng(4), body_id=7, standing=standing)
    geometry = MicrophoneGeometry(rotation_rad=np.radians(100.0), offset_m=(-0.03, 0.01, 0.02))
    camera = camera_pose(1.2, 0.1, 0.02)
    film_clapper(
        folder / "take.mkv",
        clapper,
        seconds=8.1,
        late_s=0.08,
        rate_hz=48_000,
        geometry=geometry,
        camera=camera,
    )
    write_take_file(folder / "take.json", TakeFile(recording="take.mkv"))
    return types.SimpleNamespace(folder=folder, clapper=clapper, geometry=geometry, camera=camera)


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
