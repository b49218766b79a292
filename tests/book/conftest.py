"""The built book the gates look at: a bare build of the checkout, or the site that ITDL_HTML names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock
from jupyter_books import ROOT, build


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's folder; built once, also when several workers ask for it."""
    if named := os.environ.get("ITDL_HTML"):
        return (ROOT / named).resolve()
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    target = shared / "bare-build"
    with FileLock(shared / "bare-build.lock"):
        if not (target / "done").exists():
            made = build(ROOT, target)
            assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
            (target / "done").touch()
    return target / "_build" / "html"
