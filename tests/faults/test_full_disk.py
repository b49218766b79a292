"""A disk that is full at any point of a run harms no old output and is told in one sentence."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from compendium import Itdl, environment

from itdl.project import Project


def _limited(home: Project, library: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """A run of the second chapter in which no file may grow beyond `limit` bytes."""
    return subprocess.run(
        [sys.executable, "-m", "itdl", "run", "02"],
        cwd=home.root,
        env=environment(library, PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.99])
def test_the_old_output_is_whole_and_the_next_run_completes(
    share: float, finished: Project, library: Path, itdl: Itdl
) -> None:
    output = finished.executed / "02_gauss.ipynb"
    before, stored = output.read_bytes(), sorted(finished.store.iterdir())
    source = finished.notebooks / "02_gauss.py"
    source.write_text(source.read_text().replace("# A Gaussian", "# One Gaussian"))
    done = _limited(finished, library, int(share * len(before)))
    told = done.stdout + done.stderr
    assert done.returncode == 3, told
    assert "Traceback" not in done.stderr
    assert "File too large" in told or "02_gauss failed: " in told
    assert output.read_bytes() == before
    assert sorted(finished.store.iterdir()) == stored
    assert itdl(finished, "run", "02").returncode == 0
    assert b"One Gaussian" in output.read_bytes()
