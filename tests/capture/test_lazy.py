"""Packages that import their names lazily."""

import importlib
import pkgutil
from types import ModuleType

import pytest

from capture.lazy import lazy

PACKAGES = (
    "auralize",
    "capture",
    "scenes",
    "scenes.export",
    "scenes.imports",
    "separation",
    "separation.corpus",
    "separation.corpus.layouts",
    "separation.training",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_exported_name_is_there_whatever_was_imported(name):
    """A module of the same name as a function would hide it once it is imported."""
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "__main__":
            importlib.import_module(f"{name}.{module.name}")
    for exported in package.__all__:
        assert not isinstance(getattr(package, exported), ModuleType), exported


def test_other_names_are_missing_as_ever():
    get = lazy("somewhere", {"pi": "math"})
    assert get("pi") == pytest.approx(3.14159, abs=1e-5)
    with pytest.raises(AttributeError, match="module 'somewhere' has no attribute 'tau'"):
        get("tau")
