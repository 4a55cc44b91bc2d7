"""Target `gltf`: one GLB file with sounding players (KHR_audio_emitter)."""

from scenes.export.gltf.writing import write

__all__ = ["write"]
