"""Scenes from glTF with KHR_audio_emitter."""

from scenes.imports.gltf.reading import read_gltf_scene

__all__ = ["read_gltf_scene"]
