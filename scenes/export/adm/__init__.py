"""Target `adm`: a BW64 file with the stems as moving objects."""

from scenes.export.adm.writing import write

__all__ = ["write"]
