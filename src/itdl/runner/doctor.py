"""Is this machine fit to run the book? One line for each thing that has gone wrong for somebody before.

Versions away from `constraints.txt` and a missing browser are warnings for a reader and faults where `CI` is
set.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from itdl.project import Project
from itdl.runner import isolated
from itdl.runner.execution import ONE_THREAD

__all__ = ["Finding", "examine"]

FINE, DOUBTFUL, WRONG = "ok", "warning", "WRONG"
ROOM = 1e9  # bytes the executed chapters and the site need at most
MATHJAX = ("tex-chtml-full.js", "output/chtml/fonts/woff-v2")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    state: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.text}"


def examine(home: Project) -> list[Finding]:
    """All findings, in a fixed order."""
    strict = WRONG if "CI" in os.environ else DOUBTFUL
    return [
        _python(),
        *_versions(home, strict),
        _jupyter_book(),
        _mathjax(),
        _kernel(),
        _threads(),
        _room(home),
        _browser(strict),
    ]


def drift(constraints: Path) -> Iterator[str]:
    """`numpy 2.4.5 (locked 2.4.6)` for each installed package whose version is not the locked one."""
    for line in constraints.read_text(encoding="utf-8").splitlines():
        name, _, locked = line.partition("==")
        for found in metadata.distributions(name=name.strip()):
            version = found.version.partition("+")[0]  # the build of torch differs between machines
            if version != locked.strip():
                yield f"{name} {version} (locked {locked.strip()})"


def _python() -> Finding:
    found = platform.python_version()
    if found.startswith("3.11."):
        return Finding(FINE, f"python {found}")
    return Finding(WRONG, f"python is {found}; the book needs 3.11: make the environment with it")


def _versions(home: Project, strict: str) -> list[Finding]:
    path = home.root / "constraints.txt"
    if not path.is_file():
        return [Finding(WRONG, f"{path} is missing; restore it from git")]
    moved = list(drift(path))
    if not moved:
        return [Finding(FINE, "package versions are the locked ones")]
    return [Finding(strict, f"package versions: {', '.join(moved)}; run `make setup`")]


def _jupyter_book() -> Finding:
    version = metadata.version("jupyter-book")
    if version.startswith("1."):
        return Finding(FINE, f"jupyter-book {version}")
    return Finding(WRONG, f"jupyter-book is {version}; version 2 ignores _config.yml: run `make setup`")


def _mathjax() -> Finding:
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    folders = [Path(p) / "static" / "mathjax" for p in (spec.submodule_search_locations or [] if spec else [])]
    if any(all((folder / name).exists() for name in MATHJAX) for folder in folders):
        return Finding(FINE, "MathJax travels with the book")
    return Finding(WRONG, "the MathJax files of sphinx-mathjax-offline are missing; run `make setup`")


def _kernel() -> Finding:
    problem = isolated.wrong_kernel()
    return Finding(WRONG, problem) if problem else Finding(FINE, f"kernel {isolated.KERNEL} is this interpreter's")


def _threads() -> Finding:
    loose = [name for name in ONE_THREAD if os.environ.get(name) != "1"]
    if loose:
        return Finding(FINE, f"{', '.join(loose)} not 1 here; the runner and make set them for what they start")
    return Finding(FINE, "one thread each")


def _room(home: Project) -> Finding:
    free = shutil.disk_usage(home.root).free
    state = FINE if free > ROOM else DOUBTFUL
    return Finding(state, f"{free / 1e9:.1f} GB free on the disk, {ROOM / 1e9:.0f} GB is enough")


def _browser(strict: str) -> Finding:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return Finding(FINE, f"browser {found}")
    return Finding(strict, "no Chromium on the path; the browser tests need it, reading the book does not")
