"""How the tests call Jupyter Book, on the checkout and on tiny books of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "build"]

ROOT = Path(__file__).resolve().parents[2]


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Jupyter Book on `source` with every warning an error; pages land in `target/_build/html`."""
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [tool, "build", source, "--path-output", target, "-W", "--keep-going", "-n", "-q"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
