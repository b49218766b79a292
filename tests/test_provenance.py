"""`itdl.provenance`: every module that code reaches is in its digest, no other is."""

import hashlib
from pathlib import Path

import pytest

import itdl
from itdl import provenance
from itdl.checks import BadInput, DataError
from itdl.project import Project

# Exact


def test_reach_is_the_closure_of_imports_with_the_packages_above() -> None:
    found = provenance.reach(["itdl.store"])
    assert set(found) == {"itdl", "itdl.store", "itdl.provenance", "itdl.project", "itdl.checks"}


def test_each_digest_is_that_of_the_source() -> None:
    source = Path(str(itdl.__file__)).with_name("checks.py").read_bytes()
    assert provenance.reach(["itdl.checks"])["itdl.checks"] == hashlib.sha256(source).hexdigest()


def test_reach_of_another_package_crosses_into_ours() -> None:
    found = provenance.reach(["samplelab.units"])
    assert {"samplelab", "samplelab.units", "samplelab.helper", "itdl.rng"} <= set(found)


@pytest.mark.parametrize(("name", "module"), [("rng", "itdl.rng"), ("__version__", "itdl")])
def test_from_itdl_import_names_a_module_or_the_package(name: str, module: str) -> None:
    assert provenance.module_of("itdl", name) == module


# Laws: only an edit of what is reached changes the digests


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    for name, text in {
        "__init__": "import lab.d",
        "a": "from lab import b",
        "b": "x = 1",
        "c": "y = 2",
        "d": "",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize(("edited", "seen"), [("a", True), ("b", True), ("__init__", True), ("d", True), ("c", False)])
def test_an_edit_is_seen_exactly_where_it_is_reached(lab: Path, edited: str, seen: bool) -> None:
    before = provenance.reach(["lab.a"])
    (lab / f"{edited}.py").write_text("# another line\n" + (lab / f"{edited}.py").read_text())
    assert (provenance.reach(["lab.a"]) != before) is seen


# Limits


def test_nothing_reaches_nothing() -> None:
    assert provenance.reach([]) == {}


def test_packaged_data_are_listed_by_their_path() -> None:
    assert all(len(value) == 64 for value in provenance.data_files().values())


# Bad input


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(BadInput, match=r"itdl\.kernles does not exist"):
        provenance.reach(["itdl.kernles"])


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(BadInput, match="nowhere cannot be imported here"):
        provenance.reach(["nowhere.at_all"])


def test_missing_constraints_are_broken_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"constraints\.txt is missing"):
        provenance.locked(Project(tmp_path))
