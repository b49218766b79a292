"""A chapter that did not end well never counts as done, and the old good output stays."""

import os
from pathlib import Path

import pytest
from compendium import Itdl, environment

from itdl.project import Project


def _before_imports(home: Project, code: str) -> None:
    """Put `code` at the start of the second chapter's code."""
    source = home.notebooks / "02_gauss.py"
    source.write_text(source.read_text().replace("import numpy as np", f"{code}\nimport numpy as np", 1))


def _untouched(home: Project) -> dict[Path, bytes]:
    folders = (home.executed, home.store)
    return {path: path.read_bytes() for folder in folders for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("code", "sentence", "exit_code"),
    [
        ("import sys; sys.exit(0)", "code cell 2 ended with SystemExit: 0; mend the chapter", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "the kernel died", 3),
        ("import time; time.sleep(100)", "a cell ran longer than 2.0 s; give it more with --timeout", 3),
        ("raise ArithmeticError('nothing adds up')", "cell [2] raised ArithmeticError: nothing adds up", 3),
        ("import sys; print('careful', file=sys.stderr)", "code cell 2 wrote to stderr (careful)", 3),
        ("import warnings; warnings.warn('old')", "UserWarning: old", 3),
        ("from itdl.checks import finite; finite('x', [])", "raised BadInput: x is empty", 2),
        ("import os; os.kill(os.getppid(), 9)", "the executing process ended with code -9", 3),
    ],
    ids=["exit", "killed", "time-out", "exception", "stderr", "warning", "bad input", "executor killed"],
)
def test_a_failure_is_one_sentence_and_harms_nothing(
    finished: Project, itdl: Itdl, code: str, sentence: str, exit_code: int
) -> None:
    before = _untouched(finished)
    _before_imports(finished, code)
    done = itdl(finished, "run", "02", *(["--timeout", "2"] if "sleep" in code else []))
    assert done.returncode == exit_code
    [told] = [line for line in done.stdout.splitlines() if line.startswith("chapter 1 of 1: 02_gauss failed: ")]
    assert sentence in told
    assert "whole log: " in done.stdout
    assert "Traceback" not in done.stderr
    assert _untouched(finished) == before
    assert list((finished.build / "scratch").iterdir()) == []


@pytest.mark.parametrize(("deaths", "exit_code"), [(1, 0), (3, 3)])
def test_a_kernel_that_dies_at_birth_is_started_again(
    finished: Project, itdl: Itdl, library: Path, tmp_path: Path, deaths: int, exit_code: int
) -> None:
    """As when another process takes a port between its choice and its use: nothing has run, nothing is lost."""
    before = _untouched(finished)
    _before_imports(finished, "late = 1")
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, sys\n"
        "if 'ipykernel_launcher' in sys.orig_argv:\n"
        "    note = pathlib.Path(__file__).with_name('births')\n"
        "    births = (note.read_text() if note.exists() else '') + 'x'\n"
        "    note.write_text(births)\n"
        f"    if len(births) <= {deaths}: sys.exit('Address already in use')\n"
    )
    paths = [str(tmp_path), environment(library)["PYTHONPATH"]]
    done = itdl(finished, "run", "02", PYTHONPATH=os.pathsep.join(paths))
    assert done.returncode == exit_code, done.stdout
    told = {0: "02_gauss executed in", 3: "02_gauss failed: the kernel died at birth, 3 times; the log says why"}
    assert told[exit_code] in done.stdout
    assert "Address already in use" in (finished.build / "reports" / "02_gauss.log").read_text()
    assert exit_code == 0 or _untouched(finished) == before


def test_a_missing_claims_record_is_a_failure(finished: Project, itdl: Itdl) -> None:
    before = _untouched(finished)
    source = finished.notebooks / "02_gauss.py"
    source.write_text(source.read_text().replace("ledger.close()", "print('the end')"))
    done = itdl(finished, "run", "02")
    assert done.returncode == 3
    assert "02_gauss.ipynb holds no claims record" in done.stdout
    assert _untouched(finished) == before


def test_a_failing_chapter_does_not_hold_up_the_others(sample: Project, itdl: Itdl) -> None:
    _before_imports(sample, "raise ArithmeticError('nothing adds up')")
    done = itdl(sample, "run")
    assert done.returncode == 3
    assert "01_coin executed in" in done.stdout
    assert (sample.executed / "01_coin.ipynb").is_file()
    assert not (sample.executed / "02_gauss.ipynb").exists()


def test_the_book_is_not_built_from_a_failed_run(finished: Project, itdl: Itdl) -> None:
    _before_imports(finished, "raise ArithmeticError('nothing adds up')")
    done = itdl(finished, "book")
    assert done.returncode == 3
    assert not (finished.build / "html").exists()
