"""What the tests of all clients share: the golden scene, and exports of it."""

import pytest


@pytest.fixture(scope="session")
def golden(tmp_path_factory):
    """Path of the golden scene (see golden_scene.py)."""
    from golden_scene import make_golden_scene

    return make_golden_scene(tmp_path_factory.mktemp("golden scene ü"))


@pytest.fixture(scope="session")
def golden_export(golden, tmp_path_factory):
    """Return a function from a target's name to the folder of the golden scene's export."""
    from auralize.exporting import export

    made = {}

    def exported(target):
        if target not in made:
            made[target] = tmp_path_factory.mktemp("export") / target
            export(golden, target, made[target])
        return made[target]

    return exported
