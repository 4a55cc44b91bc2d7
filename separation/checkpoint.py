"""Find and load checkpoints: the shipped ones by name, any other by its file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import torch

from capture.errors import DeviceError, FileFormatError
from separation.model import SeparationModel

DEFAULT_CHECKPOINT = "pcs-depth"


def shipped_checkpoints() -> dict[str, Path]:
    """Return name → weights file of the checkpoints that come with the package."""
    folder = Path(str(resources.files("separation").joinpath("weights")))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def choose_device(name: str) -> torch.device:
    """Return a device by its name: "cpu", "cuda", or "auto" for a GPU if there is one.

    Raises:
        DeviceError: A GPU is asked for, and torch can use none.
        ValueError: There is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {name!r}.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "there is no GPU that torch can use: choose the device cpu, or install a torch that is "
            "built for this machine's GPU."
        )
    return torch.device(name)


def load_model(
    checkpoint: str | os.PathLike[str] | None = None, device: torch.device | str = "cpu"
) -> SeparationModel:
    """Load a separation network, set to evaluate.

    Args:
        checkpoint: The name of a shipped checkpoint, or a .safetensors file with its .json beside
            it; None for the default.
        device: Where it runs.

    Raises:
        FileFormatError: There is no such checkpoint, or it is of another architecture.
    """
    shipped = shipped_checkpoints()
    wanted = DEFAULT_CHECKPOINT if checkpoint is None else os.fspath(checkpoint)
    path = shipped.get(wanted, Path(wanted))
    if not path.is_file():
        raise FileFormatError(
            f"{wanted}: no such checkpoint. Give a .safetensors file, or one of those that come "
            f"along: {', '.join(shipped) or 'none is installed'}."
        )
    model = SeparationModel.load(path, device)
    model.name = path.stem
    return with_channels_last(model)


def with_channels_last(model: SeparationModel) -> SeparationModel:
    """Lay weights out so that the channels of a cell lie side by side.

    Convolutions on a CPU take a third less so.
    """
    # Torch's types leave out that modules take a memory format.
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
