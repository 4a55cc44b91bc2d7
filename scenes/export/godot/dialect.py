"""How the text files of Godot 3 differ from those of Godot 4: names of types, and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_GODOT_3_NAMES = {
    "AudioListener3D": "Listener",
    "AudioStreamWAV": "AudioStreamSample",
    "Camera3D": "Camera",
    "MeshInstance3D": "MeshInstance",
    "Node3D": "Spatial",
    "PackedByteArray": "PoolByteArray",
    "PackedColorArray": "PoolColorArray",
    "PackedFloat32Array": "PoolRealArray",
    "PackedInt32Array": "PoolIntArray",
    "PackedVector3Array": "PoolVector3Array",
    "StandardMaterial3D": "SpatialMaterial",
    "Transform3D": "Transform",
    # Properties of materials, players and labels.
    "cull_mode": "params_cull_mode",
    "offset_left": "margin_left",
    "offset_top": "margin_top",
    "point_size": "params_point_size",
    "use_point_size": "flags_use_point_size",
    "volume_db": "unit_db",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a version of Godot writes.

    Attributes:
        version: 3 or 4.
        text_format: Of its scenes and resources.
        imported: Folder where its editor puts what it imported.
        names: Its names, where they differ from those of Godot 4.
    """

    version: int
    text_format: int
    imported: str
    names: Mapping[str, str] = field(default_factory=dict[str, str])

    def name(self, godot_4_name: str) -> str:
        """Return what a type or a property is called."""
        return self.names.get(godot_4_name, godot_4_name)

    def identifier(self, number: int) -> str:
        """Return the text of the number of a resource."""
        return str(number) if self.version == 3 else f'"{number}"'


GODOT_3 = Dialect(version=3, text_format=2, imported=".import", names=_GODOT_3_NAMES)
GODOT_4 = Dialect(version=4, text_format=3, imported=".godot/imported")
