"""A tiny compendium of two chapters, copied for each test that wants one, and the command line run against it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from compendium import SETTINGS, TESTS, Itdl, command

from itdl.project import Project


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `src`, so that a test may edit a module and nobody's edit disturbs a test."""
    target = tmp_path_factory.mktemp("library") / "src"
    shutil.copytree(TESTS.parent / "src" / "itdl", target / "itdl", ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture
def itdl(library: Path) -> Itdl:
    def run(home: Project, *words: str, library: Path = library, **changes: str) -> subprocess.CompletedProcess[str]:
        return command(home, library, *words, **changes)

    return run


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny compendium, never executed; the working folder is inside it."""
    return _entered(TESTS / "sample", tmp_path, monkeypatch)


@pytest.fixture
def finished(executed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny compendium with both chapters executed."""
    return _entered(executed, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def executed(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Project(tmp_path_factory.mktemp("executed") / "sample")
    shutil.copytree(TESTS / "sample", home.root)
    done = command(home, library, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return home.root


def _entered(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = tmp_path / "sample"
    shutil.copytree(source, root)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    return Project(root)
