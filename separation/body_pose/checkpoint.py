"""The pose estimator's weights (.safetensors) and configuration (.json)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import safetensors
import safetensors.torch

from capture.body_pose import JOINTS
from capture.errors import FileFormatError
from capture.files import atomic_path
from separation.body_pose.network import JointNetwork, JointNetworkConfig
from separation.configuration import from_mapping


def shipped_network() -> Path:
    """Return the weights that come with the package."""
    return Path(str(resources.files("separation").joinpath("weights/body_pose/joints.safetensors")))


def save_network(path: str | os.PathLike[str], network: JointNetwork) -> None:
    """Write weights as float16, and the configuration beside them."""
    target = Path(path)
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    with atomic_path(target) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights))
    with atomic_path(target.with_suffix(".json")) as temporary:
        settings = {"joints": list(JOINTS), "network": asdict(network.config)}
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def load_network(path: str | os.PathLike[str] | None = None) -> JointNetwork:
    """Read a network, in float32 and set to evaluate; None for the one that ships.

    Raises:
        FileFormatError: A file is missing or broken, or they do not belong to each other.
    """
    target = shipped_network() if path is None else Path(path)
    settings = target.with_suffix(".json")
    try:
        described = json.loads(settings.read_text(encoding="utf-8"))
        if described["joints"] != list(JOINTS):
            raise ValueError("its joints are others than those of capture.body_pose")
        network = JointNetwork(from_mapping(JointNetworkConfig, described["network"]), len(JOINTS))
        network.load_state_dict(safetensors.torch.load_file(target))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FileFormatError(
            f"{target}: no pose estimator ({error}). It is a .safetensors file with its .json "
            "beside it, as `python -m separation.body_pose train` writes them."
        ) from error
    except safetensors.SafetensorError as error:
        raise FileFormatError(f"{target}: not a safetensors file ({error}).") from error
    return network.eval()
