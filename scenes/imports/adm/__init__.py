"""Import ADM: our own files exactly, others as far as ADM says."""

from scenes.imports.adm.reading import read_adm_scene

__all__ = ["read_adm_scene"]
