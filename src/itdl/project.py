"""Where things lie: the project's root and the folders the runner, the store and the book share.

The root is the nearest folder at or above the working folder that holds `_toc.yml`, so a chapter, a test and a
command find the same files wherever they are started. `ITDL_ROOT` overrides the search.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from itdl.checks import BadInput

__all__ = ["Project", "find"]


@dataclass(frozen=True)
class Project:
    """One checkout of the compendium."""

    root: Path

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def claims(self) -> Path:
        return self.notebooks / "claims"

    @property
    def profiles(self) -> Path:
        return self.notebooks / "profiles"

    @property
    def build(self) -> Path:
        return self.root / "_build"

    @property
    def executed(self) -> Path:
        return self.build / "executed"

    @property
    def store(self) -> Path:
        return self.build / "store"

    @property
    def stage(self) -> Path:
        return self.build / "stage"


def find(start: Path | None = None) -> Project:
    """The project around `start` (default: the working folder). Raises `BadInput` outside of one."""
    if start is None and "ITDL_ROOT" in os.environ:
        return Project(Path(os.environ["ITDL_ROOT"]).resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").is_file():
            return Project(folder)
    raise BadInput(f"no _toc.yml at or above {here}; run this inside a checkout of the compendium or set ITDL_ROOT")
