"""Target `unity`: a .unitypackage with a scene and a prefab that play at once."""

from scenes.export.unity.writing import write

__all__ = ["write"]
