"""`itdl.runner.doctor`: one line for each thing that has gone wrong before."""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from itdl import cli
from itdl.project import Project
from itdl.runner import doctor, isolated

# Exact


def test_an_environment_with_locked_versions_is_fine(sample: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert lines[0] == f"ok       python {sys.version.split()[0]}"
    assert "WRONG" not in "".join(lines)


def test_drift_names_package_found_and_locked(tmp_path: Path) -> None:
    numpy = importlib.metadata.version("numpy")
    path = tmp_path / "constraints.txt"
    path.write_text(f"numpy==1.0.0\nnot-installed==3.0\npytest=={pytest.__version__}\n")
    assert list(doctor.drift(path)) == [f"numpy {numpy} (locked 1.0.0)"]


def test_the_build_of_torch_is_no_drift(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(f"torch=={importlib.metadata.version('torch').partition('+')[0]}\n")
    assert list(doctor.drift(path)) == []


# What is wrong is said, and counts


@pytest.mark.parametrize(("ci", "code", "state"), [(False, 0, "warning"), (True, 3, "WRONG")])
def test_drift_is_a_warning_for_a_reader_and_a_fault_in_ci(
    sample: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: bool,
    code: int,
    state: str,
) -> None:
    monkeypatch.setattr(doctor, "BROWSERS", ("python3",))
    (sample.root / "constraints.txt").write_text("numpy==1.0.0\n")
    if ci:
        monkeypatch.setenv("CI", "true")
    assert cli.main(["doctor"]) == code
    [line] = [line for line in capsys.readouterr().out.splitlines() if "locked 1.0.0" in line]
    assert line.startswith(state)


def _state_of(home: Project, words: str) -> str:
    [finding] = [f for f in doctor.examine(home) if words in f.text]
    return finding.state


def test_a_wrong_kernel_is_a_fault(sample: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "wrong_kernel", lambda: "the kernel is another's")
    assert _state_of(sample, "the kernel is another's") == "WRONG"


def test_jupyter_book_two_is_a_fault(sample: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.1.7")
    assert _state_of(sample, "jupyter-book is 2.1.7; version 2 ignores _config.yml") == "WRONG"


def test_missing_mathjax_is_a_fault(sample: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert _state_of(sample, "MathJax files of sphinx-mathjax-offline are missing") == "WRONG"


def test_missing_constraints_are_a_fault(sample: Project) -> None:
    (sample.root / "constraints.txt").unlink()
    assert _state_of(sample, "constraints.txt is missing") == "WRONG"


def test_another_python_is_a_fault(sample: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.12.1")
    assert _state_of(sample, "python is 3.12.1; the book needs 3.11") == "WRONG"


def test_a_full_disk_and_a_missing_browser_are_doubtful(sample: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2e8))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert _state_of(sample, "0.2 GB free") == "warning"
    assert _state_of(sample, "no Chromium on the path") == "warning"
