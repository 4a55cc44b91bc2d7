"""The separation network: front end, audio network, conditioner, fusion and head, by configuration.

    mixture ─ front end ─ audio network ───────────────┐
                                                       ├─ fusion ─ logits ─ head ─ masks
    labels, clouds, pictures or movement ─ conditioner ┘                    one a performer

A checkpoint is two files: `name.safetensors` (weights, which cannot run code) and `name.json`
(the configuration that they belong to).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import safetensors.torch
import torch
from torch import Tensor, nn

from capture.body_pose import JOINT_PARENTS
from capture.errors import FileFormatError
from capture.files.atomic import atomic_path
from capture.instruments import INSTRUMENTS
from separation.backbones import Backbone, UNetConfig, build_backbone
from separation.conditioners.label import LabelConditioner, OneHotConditioner
from separation.conditioners.picture import PictureConditioner, PictureConfig
from separation.conditioners.point_cloud import PointCloudConditioner, PointCloudConfig
from separation.conditioners.pose import PoseConditioner, PoseConfig
from separation.conditioners.resnet import ResNet
from separation.configuration import from_mapping
from separation.fusions import AttentionFusion, FilmFusion, LinearFusion, MultiplyFusion
from separation.heads import Head, Residual, VisionGate, masks_from_logits
from separation.spectrogram import LogSpectrogram, SpectrogramConfig

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from separation.conditioners import Evidence

Conditioner: TypeAlias = (
    PointCloudConditioner
    | LabelConditioner
    | OneHotConditioner
    | PictureConditioner
    | PoseConditioner
)
Fusion: TypeAlias = LinearFusion | MultiplyFusion | FilmFusion | AttentionFusion


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A whole network.

    Attributes:
        instruments: What it was trained on, in the order of its labels.
        channels: K: length of a condition vector, and audio feature maps (FiLM, attention: one).
        spectrogram: The front end.
        backbone: The audio network.
        conditioner: What performers bring: "point_cloud", "picture", "pose", "label" (a learned
            vector for each instrument) or "one_hot" (the instrument's number).
        point_cloud: The point-cloud network, where it is used; its K is `channels`.
        picture: The network that looks at pictures, where it is used.
        pose: The network that watches movement, where it is used.
        fusion: How conditions meet features, see `separation.fusions`: "linear", "multiply",
            "attention", or FiLM at the "film-bottleneck", "film-encoder" or "film-final".
        head: How logits become masks, see `separation.heads`.
        gate: Each performer's condition also says how much of it there is to hear at all.
    """

    instruments: tuple[str, ...] = INSTRUMENTS
    channels: int = 16
    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)
    backbone: UNetConfig = field(default_factory=UNetConfig)
    conditioner: Literal["point_cloud", "picture", "pose", "label", "one_hot"] = "point_cloud"
    point_cloud: PointCloudConfig = field(default_factory=PointCloudConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    fusion: Literal[
        "linear", "multiply", "attention", "film-bottleneck", "film-encoder", "film-final"
    ] = "linear"
    head: Head = "sigmoid"
    gate: bool = False

    @property
    def frame_multiple(self) -> int:
        """Windows must hold a multiple of this many frames: each level halves them."""
        return 2**self.backbone.levels

    def __post_init__(self) -> None:
        if self.conditioner == "point_cloud" and self.point_cloud.out_channels != self.channels:
            raise ValueError(
                f"the point-cloud network gives {self.point_cloud.out_channels} channels and the "
                f"audio network {self.channels}: they must agree."
            )
        if self.conditioner == "one_hot" and self.channels != len(self.instruments):
            raise ValueError(
                f"one_hot conditions have a channel for each of {len(self.instruments)} "
                f"instruments, not {self.channels}."
            )
        if self.fusion == "multiply" and self.conditioner != "one_hot":
            raise ValueError("the fusion multiply takes one_hot conditions.")
        if self.conditioner == "pose" and self.fusion != "attention":
            raise ValueError("movement changes over time: its fusion is attention.")
        if self.backbone.separate_decoders and self.fusion != "multiply":
            raise ValueError("separate decoders, one an instrument, need the fusion multiply.")
        rows = sum(n for n, _ in self.spectrogram.sub_bands) or self.spectrogram.rows
        if rows % 2**self.backbone.levels:
            raise ValueError(
                f"{rows} rows do not fit {self.backbone.levels} U-Net levels: "
                f"choose a multiple of {2**self.backbone.levels}."
            )


class SeparationModel(nn.Module):
    """The network; everything about it follows from its configuration.

    Attributes:
        config: Its configuration.
        name: What its checkpoint is called.
    """

    name: str = "unnamed"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = LogSpectrogram(config.spectrogram)
        late = config.fusion in ("linear", "multiply")
        self.backbone = build_backbone(
            config.backbone,
            config.channels if late else 1,
            inputs=config.spectrogram.maps,
            bands=config.spectrogram.sub_bands,
        )
        self.conditioner = _conditioner(config)
        self.fusion = _fusion(config, self.backbone)
        self.gate = VisionGate(config.channels) if config.gate else None
        self.residual = Residual(config.channels) if config.head == "softmax-residual" else None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    @property
    def frame_multiple(self) -> int:
        """Windows must hold a multiple of this many frames."""
        return self.config.frame_multiple

    @property
    def takes_labels(self) -> bool:
        """Whether performers are told by their instruments (`encode_labels`)."""
        return isinstance(self.conditioner, LabelConditioner | OneHotConditioner)

    @property
    def picture_network(self) -> ResNet | None:
        """The network that looks at pictures; None where there is none."""
        if isinstance(self.conditioner, PictureConditioner):
            return self.conditioner.network
        return self.conditioner.context if isinstance(self.conditioner, PoseConditioner) else None

    def logit_count(self, performers: int) -> int:
        """Return how many logits there are of so many performers: the residual may have one."""
        return performers + (self.residual is not None)

    def encode(self, evidence: Evidence) -> Float[Tensor, "performers K *moments"]:
        """Return condition vectors from what was seen of each performer.

        Args:
            evidence: Voxelized clouds of each performer (`prepare_cloud`), pictures (performers,
                pictures, 3, rows, columns), or `Movement`, as the conditioner takes it.

        Raises:
            ValueError: This network is conditioned on labels.
        """
        if self.takes_labels:
            raise ValueError("this network is conditioned on labels: call encode_labels.")
        return self.conditioner(evidence)

    def encode_labels(
        self, labels: Sequence[str] | Int[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape K"]:
        """Return condition vectors from instrument names or indices.

        Raises:
            ValueError: This network is conditioned on point clouds, or knows no such instrument.
        """
        if not self.takes_labels:
            raise ValueError(
                f"this network is conditioned on {self.config.conditioner.replace('_', ' ')}s: "
                "call encode."
            )
        return self.conditioner(labels)

    def mask_logits(
        self,
        log_spectrogram: Float[Tensor, "batch maps rows t"],
        conditions: Float[Tensor, "one_or_batch performers K *moments"],
    ) -> Float[Tensor, "batch logits rows t"]:
        """Return mask logits of every performer, and of the residual where the head has one.

        The audio network runs once a window; with FiLM and attention, from where conditions enter
        it, once a performer. The head's residual is one performer more, whom nobody sees.

        Args:
            log_spectrogram: From `front_end.network_input`; frames a multiple of `frame_multiple`.
            conditions: From `encode` or `encode_labels`, with a batch axis in front. Conditions
                over time span the time of the spectrogram.
        """
        asked = conditions if self.residual is None else self.residual(conditions)
        logits = self.fusion.logits(self.backbone, log_spectrogram, asked)
        return logits if self.gate is None else self.gate(logits, conditions)

    def masks(
        self,
        logits: Float[Tensor, "batch logits rows t"],
        present: Bool[Tensor, "batch performers"] | None = None,
    ) -> Float[Tensor, "batch performers rows t"]:
        """Return soft masks in 0…1 on log-spaced rows; `front_end.unwarp` brings them to bins."""
        return masks_from_logits(self.config.head, logits, present)

    def save(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write `path` (.safetensors) and the configuration beside it (.json).

        Args:
            path: Ends in .safetensors.
            half: Store weights as float16, which halves the file.
        """
        target = Path(path)
        weights = {
            name: (value.half() if half and value.is_floating_point() else value).contiguous()
            for name, value in self.state_dict().items()
        }
        with atomic_path(target) as temporary:
            # safetensors' own writer makes files that only their owner can read.
            temporary.write_bytes(safetensors.torch.save(weights))
        with atomic_path(target.with_suffix(".json")) as temporary:
            text = json.dumps(asdict(self.config), indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Self:
        """Read a checkpoint, in float32 and set to evaluate.

        Raises:
            FileFormatError: A file is missing or broken, or weights and configuration disagree.
        """
        target = Path(path)
        settings = target.with_suffix(".json")
        for file in (target, settings):
            if not file.is_file():
                raise FileFormatError(
                    f"{file}: is missing. A checkpoint is a .safetensors file with its .json "
                    "beside it."
                )
        try:
            config = from_mapping(ModelConfig, json.loads(settings.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise FileFormatError(
                f"{settings}: not the configuration of a separation network ({error}). Use the "
                ".json that was written with the checkpoint."
            ) from error
        try:
            weights = safetensors.torch.load_file(target, device=str(device))
        except (OSError, safetensors.SafetensorError) as error:
            raise FileFormatError(f"{target}: not a safetensors file ({error}).") from error
        model = cls(config).to(device)
        model.load_weights(weights, target)
        return model.eval()

    def load_weights(self, weights: Mapping[str, Tensor], source: str | os.PathLike[str]) -> None:
        """Take over weights of any float type; `source` is named in errors.

        Raises:
            FileFormatError: Names or shapes are those of another architecture, or a weight is not
                a finite number.
        """
        own = self.state_dict()
        problems = [f"lacks {name}" for name in own if name not in weights]
        problems += [f"has unknown {name}" for name in weights if name not in own]
        problems += [
            f"{name} is {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}"
            for name in own
            if name in weights and weights[name].shape != own[name].shape
        ]
        if problems:
            more = f", and {len(problems) - 1} more differences" if len(problems) > 1 else ""
            raise FileFormatError(
                f"{source}: weights of another architecture than its configuration says: it "
                f"{problems[0]}{more}. Use a checkpoint with its own .json."
            )
        broken = [name for name in own if not bool(torch.isfinite(weights[name]).all())]
        if broken:
            more = f" and {len(broken) - 1} more tensors" if len(broken) > 1 else ""
            raise FileFormatError(
                f"{source}: {broken[0]}{more} hold numbers that are not finite: the training went "
                "astray, or the file is damaged. Use an earlier checkpoint."
            )
        self.load_state_dict({name: weights[name].to(own[name].dtype) for name in own})


def _conditioner(config: ModelConfig) -> Conditioner:
    if config.conditioner == "point_cloud":
        return PointCloudConditioner(config.point_cloud)
    if config.conditioner == "picture":
        return PictureConditioner(config.picture, config.channels)
    if config.conditioner == "pose":
        return PoseConditioner(config.pose, JOINT_PARENTS, config.channels, config.picture)
    if config.conditioner == "one_hot":
        return OneHotConditioner(config.instruments)
    return LabelConditioner(config.instruments, config.channels)


def _fusion(config: ModelConfig, backbone: Backbone) -> Fusion:
    if config.fusion == "linear":
        return LinearFusion(config.channels)
    if config.fusion == "multiply":
        return MultiplyFusion()
    if config.fusion == "attention":
        return AttentionFusion(config.channels, backbone.encoder_widths[-1])
    place = config.fusion.removeprefix("film-")
    assert place in ("bottleneck", "encoder", "final")
    return FilmFusion(place, config.channels, backbone.encoder_widths, backbone.final_width)
