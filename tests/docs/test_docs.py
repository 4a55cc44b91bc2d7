"""The documentation is current: references made from the program, links, and examples."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


@pytest.fixture(scope="module")
def make_reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["scene-reference.md", "commands.md"])
def test_references_are_as_the_program_is(make_reference, page):
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == make_reference.PAGES[page](), "run: python docs/make_reference.py"


def test_the_reference_has_every_key(make_reference):
    import json

    from scenes.schema import schema_text

    schema = json.loads(schema_text())
    text = make_reference.scene_reference()
    for part in (schema, *schema["$defs"].values()):
        for key in part["properties"]:
            assert f"| `{key}` |" in text


def test_the_commands_are_all_there_with_an_example(make_reference):
    from auralize.cli import cli

    text = make_reference.commands()
    for name, command in cli.commands.items():
        assert f"\n## auralize {name}\n" in text
        for inner in getattr(command, "commands", {}):
            assert f"\n### auralize {name} {inner}\n" in text
    assert text.count("Example: ") >= len(cli.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target
