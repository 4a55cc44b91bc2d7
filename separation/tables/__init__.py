"""Tables of separation systems over kinds of material: measured, as JSON, Markdown and pictures."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.tables.material import Material, corpus_material
    from separation.tables.measure import Figures, System, measure_system
    from separation.tables.study import Study, StudyConfig, compare_systems
    from separation.tables.writing import write_study

__all__ = [
    "Figures",
    "Material",
    "Study",
    "StudyConfig",
    "System",
    "compare_systems",
    "corpus_material",
    "measure_system",
    "write_study",
]

_HOMES = {
    "Figures": "separation.tables.measure",
    "Material": "separation.tables.material",
    "Study": "separation.tables.study",
    "StudyConfig": "separation.tables.study",
    "System": "separation.tables.measure",
    "compare_systems": "separation.tables.study",
    "corpus_material": "separation.tables.material",
    "measure_system": "separation.tables.measure",
    "write_study": "separation.tables.writing",
}

__getattr__ = lazy(__name__, _HOMES)
