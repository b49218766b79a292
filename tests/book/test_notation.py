"""The notation page names what exists: every `module.name` in its tables is a function, parameter or field there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`([a-z_]+)\.([a-z_0-9]+)`", PAGE)


def names_of(module: str) -> set[str]:
    """Functions, classes, parameters and fields (also those set on `self`) of a module, or of a package's modules."""
    found: set[str] = set()
    place = ROOT / "src" / "itdl" / module
    texts = [
        path.read_text(encoding="utf-8") for path in (place.with_suffix(".py"), *place.glob("*.py")) if path.exists()
    ]
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                found.add(name)
    return found


def test_the_page_has_names_to_check() -> None:
    assert len(NAMES) > 25


@pytest.mark.parametrize(("module", "name"), sorted(set(NAMES)))
def test_every_name_exists_in_its_module(module: str, name: str) -> None:
    assert name in names_of(module)


def test_a_name_that_does_not_exist_is_noticed() -> None:
    assert "sigma_v" not in names_of("kernels")
    assert {"sigma_w", "nngp", "ntk"} <= names_of("kernels")
