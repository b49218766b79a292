"""A planted wrong number turns the checks red: nbval for a committed output, the runner for a formula."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from compendium import TESTS, Itdl, environment

from itdl.project import Project
from itdl.runner import book, chapters


def _nbval(home: Project, library: Path) -> subprocess.CompletedProcess[str]:
    notebook = chapters.find(home, "02").committed
    flags = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(TESTS / "nbval_sanitize.cfg")]
    plain = ["-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--rootdir", str(home.root)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *flags, *plain, str(notebook)],
        cwd=home.root, env=environment(library), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_committed_outputs_pass_and_one_wrong_digit_fails(finished: Project, library: Path) -> None:
    book.promote(finished)
    assert _nbval(finished, library).returncode == 0
    committed = chapters.find(finished, "02").committed
    text = committed.read_text()
    assert text.count("capacity: 0.693 nats") == 1
    committed.write_text(text.replace("capacity: 0.693 nats", "capacity: 0.694 nats"))
    done = _nbval(finished, library)
    assert done.returncode == 1
    assert "0.694" in done.stdout


@pytest.mark.parametrize(
    ("number", "right", "wrong", "claim"),
    [
        ("01", "-p * np.log(p) -", "-p * np.log2(p) -", "coin-fair: undecided here"),
        ("02", "0.5 * np.log1p(snr)", "0.51 * np.log1p(snr)", "gauss-capacity: undecided here"),
    ],
)
def test_a_wrong_formula_fails_the_run_and_names_the_claim(
    sample: Project, itdl: Itdl, number: str, right: str, wrong: str, claim: str
) -> None:
    source = chapters.find(sample, number).source
    assert right in source.read_text()
    source.write_text(source.read_text().replace(right, wrong))
    done = itdl(sample, "run", number)
    assert done.returncode == 1, done.stdout
    assert f"verdict differs: {claim}" in done.stdout
    assert json.loads(chapters.find(sample, number).executed.read_text())["metadata"]["itdl"]["key"]
    assert itdl(sample, "run", number).returncode == 1, "evidence against a claim stays red when it is read again"
