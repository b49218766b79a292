"""A tiny compendium for tests: where it lies, the environment it runs in, and the command line run against it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from itdl.project import Project

TESTS = Path(__file__).resolve().parent
SETTINGS = ("ITDL_ROOT", "ITDL_STORE", "ITDL_JOBS", "ITDL_SCHEDULER", "CI")

Itdl = Callable[..., subprocess.CompletedProcess[str]]


def environment(library: Path, **changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    return {**kept, "PYTHONPATH": f"{library}{os.pathsep}{TESTS}", **changes}


def command(home: Project, library: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """`python -m itdl WORDS` inside `home` with the library at `library`."""
    return subprocess.run(
        [sys.executable, "-m", "itdl", *words],
        cwd=home.root,
        env=environment(library, **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
