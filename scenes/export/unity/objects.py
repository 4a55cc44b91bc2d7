"""The objects of a scene in Unity: game objects and their components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from capture.axes import unity_from_world, unity_quaternion_from_world
from scenes.export.unity.documents import HEADER, Flow, document, reference, vector

_GAME_OBJECT, _TRANSFORM, _CAMERA, _MESH_RENDERER, _MESH_FILTER = 1, 4, 20, 23, 33
_AUDIO_LISTENER, _AUDIO_SOURCE, _ANIMATION, _BEHAVIOUR = 81, 82, 111, 114
_CLIP_IN_SOUND, _SCRIPT_IN_FILE = 8_300_000, 11_500_000
_FIRST_NUMBER = 100_000
_NONE = Flow(fileID=0)
_OWNED = {
    "m_ObjectHideFlags": 0,
    "m_CorrespondingSourceObject": _NONE,
    "m_PrefabInstance": _NONE,
    "m_PrefabAsset": _NONE,
}


@dataclass(slots=True)
class GameObject:
    """A game object that is being put together.

    Attributes:
        name: Any text.
        position_m: Local, world axes of the scene.
        orientation_wxyz: Local, world axes of the scene.
        is_active: Whether it is on.
        tag: Unity's tag.
        parent: What it hangs from.
        number: Its number in the file; its transform has the next.
        components: Numbers, class, kind and fields.
        children: What hangs from it.
    """

    name: str
    number: int
    position_m: Float[np.ndarray, "3"]
    orientation_wxyz: Float[np.ndarray, "4"]
    parent: GameObject | None = None
    is_active: bool = True
    tag: str = "Untagged"
    components: list[tuple[int, int, str, dict[str, Any]]] = field(
        default_factory=list[tuple[int, int, str, dict[str, Any]]]
    )
    children: list[GameObject] = field(default_factory=list["GameObject"])


class ObjectFile:
    """The objects of one prefab or scene; numbers follow from the order."""

    def __init__(self) -> None:
        self._last = _FIRST_NUMBER
        self._objects: list[GameObject] = []

    def add(
        self,
        name: str,
        parent: GameObject | None = None,
        *,
        position_m: Float[np.ndarray, "3"] | None = None,
        orientation_wxyz: Float[np.ndarray, "4"] | None = None,
        is_active: bool = True,
        tag: str = "Untagged",
    ) -> GameObject:
        """Add a game object; it stands at its parent's origin if nothing else is said."""
        made = GameObject(
            name=name,
            number=self._next(2),
            position_m=np.zeros(3) if position_m is None else position_m,
            orientation_wxyz=(
                np.array([1.0, 0.0, 0.0, 0.0]) if orientation_wxyz is None else orientation_wxyz
            ),
            parent=parent,
            is_active=is_active,
            tag=tag,
        )
        if parent is not None:
            parent.children.append(made)
        self._objects.append(made)
        return made

    def add_script(self, owner: GameObject, guid: str, fields: dict[str, Any]) -> int:
        """Add a script; return its number."""
        script = {"m_Enabled": 1, "m_EditorHideFlags": 0}
        named = {"m_Script": reference(_SCRIPT_IN_FILE, guid, 3), "m_Name": None}
        last = {"m_EditorClassIdentifier": None}
        return self._component(
            owner, _BEHAVIOUR, "MonoBehaviour", {**script, **named, **last, **fields}
        )

    def add_camera(self, owner: GameObject) -> None:
        """Add a camera and ears."""
        fields: dict[str, Any] = {
            **{"m_Enabled": 1, "serializedVersion": 2, "m_ClearFlags": 2},
            "m_BackGroundColor": Flow(r=0.09, g=0.1, b=0.12, a=0.0),
            **{"near clip plane": 0.05, "far clip plane": 1000, "field of view": 70},
            **{"orthographic": 0, "orthographic size": 5, "m_Depth": -1},
            "m_CullingMask": {"serializedVersion": 2, "m_Bits": 4294967295},
            **{"m_RenderingPath": -1, "m_TargetTexture": _NONE, "m_TargetDisplay": 0},
            **{"m_TargetEye": 3, "m_HDR": 1, "m_AllowMSAA": 1},
        }
        self._component(owner, _CAMERA, "Camera", fields)
        self._component(owner, _AUDIO_LISTENER, "AudioListener", {"m_Enabled": 1})

    def add_sound(
        self, owner: GameObject, clip_guid: str, *, volume: float, near_m: float, far_m: float
    ) -> int:
        """Add a sound source with the law near / distance; return its number."""
        fields: dict[str, Any] = {
            **{"m_Enabled": 1, "serializedVersion": 4, "OutputAudioMixerGroup": _NONE},
            "m_audioClip": reference(_CLIP_IN_SOUND, clip_guid, 3),
            **{"m_PlayOnAwake": 0, "m_Volume": volume, "m_Pitch": 1, "Loop": 0, "Mute": 0},
            **{"Spatialize": 1, "SpatializePostEffects": 0, "Priority": 0, "DopplerLevel": 0},
            **{"MinDistance": near_m, "MaxDistance": far_m, "Pan2D": 0, "rolloffMode": 2},
            **{"BypassEffects": 0, "BypassListenerEffects": 0, "BypassReverbZones": 0},
            "rolloffCustomCurve": _curve(distance_law(near_m, far_m)),
            "panLevelCustomCurve": _curve([(0.0, 1.0, 0.0, 0.0)]),
            "spreadCustomCurve": _curve([(0.0, 0.0, 0.0, 0.0)]),
            "reverbZoneMixCustomCurve": _curve([(0.0, 1.0, 0.0, 0.0)]),
        }
        return self._component(owner, _AUDIO_SOURCE, "AudioSource", fields)

    def add_movement(self, owner: GameObject, clip: Flow) -> int:
        """Add a player for an animation clip; return its number."""
        fields: dict[str, Any] = {
            **{"m_Enabled": 1, "serializedVersion": 3, "m_Animation": clip},
            **{"m_Animations": [clip], "m_WrapMode": 0, "m_PlayAutomatically": 0},
            **{"m_AnimatePhysics": 0, "m_CullingType": 0},
        }
        return self._component(owner, _ANIMATION, "Animation", fields)

    def add_shape(self, owner: GameObject, script_guid: str, data: Flow, material: Flow) -> int:
        """Add something to see: the file of a shape; return the script's number."""
        self._component(owner, _MESH_FILTER, "MeshFilter", {"m_Mesh": _NONE})
        fields: dict[str, Any] = {
            **{"m_Enabled": 1, "m_CastShadows": 0, "m_ReceiveShadows": 0},
            **{"m_DynamicOccludee": 0, "m_MotionVectors": 2, "m_LightProbeUsage": 0},
            **{"m_ReflectionProbeUsage": 0, "m_Materials": [material]},
        }
        self._component(owner, _MESH_RENDERER, "MeshRenderer", fields)
        return self.add_script(owner, script_guid, {"data": data})

    def yaml(self) -> str:
        """Return the file."""
        return HEADER + "".join(text for each in self._objects for text in self._documents(each))

    def _component(
        self, owner: GameObject, class_id: int, kind: str, fields: dict[str, Any]
    ) -> int:
        number = self._next(1)
        full = {**_OWNED, "m_GameObject": reference(owner.number), **fields}
        owner.components.append((number, class_id, kind, full))
        return number

    def _documents(self, each: GameObject) -> list[str]:
        numbers = [each.number + 1, *(number for number, *_ in each.components)]
        game_object: dict[str, Any] = {
            **_OWNED,
            "serializedVersion": 6,
            "m_Component": [{"component": reference(number)} for number in numbers],
            **{"m_Layer": 0, "m_Name": each.name, "m_TagString": each.tag, "m_Icon": _NONE},
            **{"m_NavMeshLayer": 0, "m_StaticEditorFlags": 0, "m_IsActive": each.is_active},
        }
        turn = unity_quaternion_from_world(each.orientation_wxyz)
        transform: dict[str, Any] = {
            **_OWNED,
            "m_GameObject": reference(each.number),
            "m_LocalRotation": vector(turn[[1, 2, 3, 0]]),
            "m_LocalPosition": vector(unity_from_world(each.position_m)),
            "m_LocalScale": vector(np.ones(3)),
            "m_Children": [reference(child.number + 1) for child in each.children],
            "m_Father": reference(0 if each.parent is None else each.parent.number + 1),
            "m_RootOrder": 0 if each.parent is None else each.parent.children.index(each),
            "m_LocalEulerAnglesHint": vector(np.zeros(3)),
        }
        return [
            document(_GAME_OBJECT, each.number, "GameObject", game_object),
            document(_TRANSFORM, each.number + 1, "Transform", transform),
            *(
                document(class_id, number, kind, fields)
                for number, class_id, kind, fields in each.components
            ),
        ]

    def _next(self, count: int) -> int:
        self._last += count
        return self._last - count


def distance_law(near_m: float, far_m: float) -> list[tuple[float, float, float, float]]:
    """Return the keys of near / distance as AuralizeScene.cs makes them: place, value, slopes."""
    count = int(np.ceil(2 * np.log2(far_m / near_m)))
    distances = np.minimum(near_m * 2.0 ** (0.5 * np.arange(count + 1)), far_m)
    slopes = -near_m * far_m / distances**2
    keys = [
        (float(distance / far_m), float(near_m / distance), float(slope), float(slope))
        for distance, slope in zip(distances, slopes, strict=True)
    ]
    place, value, _, slope = keys[0]
    return [(0.0, 1.0, 0.0, 0.0), (place, value, 0.0, slope), *keys[1:]]


def _curve(keys: list[tuple[float, float, float, float]]) -> dict[str, Any]:
    third = 1 / 3
    return {
        "serializedVersion": 2,
        "m_Curve": [
            {
                **{"serializedVersion": 3, "time": time, "value": value},
                **{"inSlope": before, "outSlope": after, "tangentMode": 0, "weightedMode": 0},
                **{"inWeight": third, "outWeight": third},
            }
            for time, value, before, after in keys
        ],
        **{"m_PreInfinity": 2, "m_PostInfinity": 2, "m_RotationOrder": 4},
    }
