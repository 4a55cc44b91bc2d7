"""Target `adm`: a BW64 file with the stems as moving objects, and the way back."""

from scenes.export.adm.reading import read_adm_scene
from scenes.export.adm.writing import write

__all__ = ["read_adm_scene", "write"]
