"""The doors to the environment agree: pyproject, constraints, conda file, Makefile, sanitise file."""

import configparser
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jupyter_book
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "-e .[book,test]"
VERBS = ["help", "setup", "book", "test", "chapter", "claims", "promote", "notebooks"]
VERBS += ["lint", "serve", "bench", "clean"]

CONDA: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()


def _sanitise() -> list[re.Pattern[str]]:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tests" / "nbval_sanitize.cfg")
    return [re.compile(config[name]["regex"]) for name in config.sections()]


# The conda file


def test_the_conda_file_repeats_no_list() -> None:
    *conda, pip = CONDA["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": [EXTRAS]}
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]


def test_the_conda_files_python_is_the_packages() -> None:
    [python] = [line for line in CONDA["dependencies"] if str(line).startswith("python=")]
    assert PROJECT["requires-python"] == f">={python.partition('=')[2]},<3.12"


def test_make_installs_the_same_extras_under_the_constraints() -> None:
    assert "-c constraints.txt -e '.[book,test]'" in MAKEFILE


# The constraints


def test_every_direct_requirement_is_locked_and_torch_without_a_build() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    locked = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    extras = PROJECT["optional-dependencies"]
    direct = [*PROJECT["dependencies"], *extras["book"], *extras["test"]]
    assert {re.match(r"[\w.-]+", name)[0].lower() for name in direct} <= locked  # type: ignore[index]
    assert "torch==2.13.0" in lines
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)


def test_jupyter_book_stays_at_one() -> None:
    assert jupyter_book.__version__.startswith("1."), "version 2 ignores _config.yml and cannot build offline"


# The Makefile


def test_make_prints_each_verb_with_one_line_of_help() -> None:
    done = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == VERBS
    assert all(len(line.split()) > 2 for line in done.stdout.splitlines())


def test_a_failing_command_inside_a_pipe_fails_the_recipe() -> None:
    assert ".SHELLFLAGS := -e -o pipefail -c" in MAKEFILE


def test_make_chapter_without_a_chapter_asks_for_one() -> None:
    done = subprocess.run(
        ["make", "-C", str(ROOT), "-o", ".venv/.ok", "chapter", "C="], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "name the chapter: make chapter C=06" in done.stderr


@pytest.mark.parametrize("value", ["seed=3 sigma_w=[1, 0.5]", "base='x y'", "$(id)"])
def test_make_chapter_passes_parameters_as_they_are(value: str, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    fake.chmod(0o755)
    words = ["-C", str(ROOT), "-s", "-o", ".venv/.ok", "chapter", "C=06", f"P={value.replace('$', '$$')}"]
    done = subprocess.run(["make", *words, f"ITDL={fake}"], capture_output=True, text=True, check=True)
    assert done.stdout == f"<run><06><--profile><book><-p><{value}>"


# The sanitise file


def test_dates_clock_times_and_addresses_are_sanitised() -> None:
    text = "<Generator at 0x7f3928deee90> 2026-11-20 12:34:56"
    for pattern in _sanitise():
        text = pattern.sub("*", text)
    assert text == "<Generator at *> * *"


@pytest.mark.parametrize("number", ["0.123", "12", "1e-3", "1.2e-07", "2026", "1000000", "0x", "-0.5", "12:3", "1,000"])
def test_no_number_is_touched(number: str) -> None:
    assert not any(pattern.search(f"x: {number} nats [{number}, {number}]") for pattern in _sanitise())


@given(x=st.floats() | st.integers(), digits=st.integers(1, 17))
def test_no_number_however_written_is_touched(x: float, digits: int) -> None:
    texts = [repr(x), f"{x:.{digits}g}", f"{x:.{digits}e}", f"{x},{x} {x}-{x}"]
    assert not any(pattern.search(text) for pattern in _sanitise() for text in texts)
