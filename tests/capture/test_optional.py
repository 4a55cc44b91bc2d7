import math

import pytest

from capture.errors import DependencyError
from capture.optional import optional


def test_returns_the_module():
    assert optional("math", extra="corpus", purpose="Sums") is math


def test_a_missing_package_names_what_needs_it_and_the_extra_that_brings_it():
    with pytest.raises(DependencyError, match=r"Bodies need no_such.*auralize\[corpus\]"):
        optional("no_such.module", extra="corpus", purpose="Bodies")
