"""The root is found from anywhere inside a checkout, and nowhere else."""

from pathlib import Path

import pytest

from itdl import project
from itdl.checks import BadInput


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ITDL_ROOT", raising=False)
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    return tmp_path.resolve()


def test_the_root_is_the_nearest_folder_with_a_table_of_contents(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home / "notebooks" / "deep")
    assert project.find().root == home
    assert project.find(home).root == home
    (home / "notebooks" / "_toc.yml").touch()
    assert project.find().root == home / "notebooks"


def test_a_folder_named_like_the_table_of_contents_does_not_count(home: Path) -> None:
    (home / "notebooks" / "_toc.yml").mkdir()
    assert project.find(home / "notebooks").root == home


def test_the_environment_overrides_the_working_folder_but_not_an_explicit_start(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("ITDL_ROOT", str(elsewhere))
    monkeypatch.chdir(home)
    assert project.find().root == elsewhere.resolve()
    assert project.find(home).root == home


def test_outside_of_a_checkout_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITDL_ROOT", raising=False)
    with pytest.raises(BadInput, match=r"no _toc\.yml at or above .*run this inside a checkout.*or set ITDL_ROOT"):
        project.find(tmp_path)


def test_every_folder_has_its_place_under_the_root() -> None:
    home = project.Project(Path("/r"))
    assert {name: str(getattr(home, name)) for name in ("notebooks", "claims", "profiles")} == {
        "notebooks": "/r/notebooks",
        "claims": "/r/notebooks/claims",
        "profiles": "/r/notebooks/profiles",
    }
    assert {name: str(getattr(home, name)) for name in ("build", "executed", "store", "stage")} == {
        "build": "/r/_build",
        "executed": "/r/_build/executed",
        "store": "/r/_build/store",
        "stage": "/r/_build/stage",
    }
