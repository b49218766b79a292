"""A result is stale exactly when something it was made from has changed, and that something is named."""

import shutil
from pathlib import Path

import pytest
from compendium import Itdl

from itdl.project import Project


@pytest.mark.parametrize(
    ("module", "coin", "gauss"),
    [
        ("claims", True, True),
        ("checks", True, True),
        ("rng", True, False),
        ("store", False, False),
        ("execution", False, False),
    ],
)
def test_one_edited_line_makes_exactly_the_chapters_stale_that_reach_it(
    finished: Project, library: Path, tmp_path: Path, itdl: Itdl, module: str, coin: bool, gauss: bool
) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(library, edited)
    with (edited / "itdl" / f"{module}.py").open("a") as source:
        source.write("# another line\n")
    first, second = itdl(finished, "list", library=edited).stdout.splitlines()
    words = {True: f"  stale: module itdl.{module} changed  (", False: "  current  ("}
    assert first.startswith("01_coin" + words[coin])
    assert second.startswith("02_gauss" + words[gauss])


def test_only_stale_chapters_are_executed(finished: Project, itdl: Itdl) -> None:
    source = finished.notebooks / "02_gauss.py"
    source.write_text(source.read_text().replace("# A Gaussian", "# One Gaussian"))
    done = itdl(finished, "run")
    assert "01_coin is current" in done.stdout
    assert "02_gauss executed in" in done.stdout
