"""What the notebooks in the folder being built have recorded: claims, verdicts and how each chapter was run.

The stage holds executed notebooks, a bare checkout the committed ones; both are read in the same way, and numbers are
judged again by `itdl.claims` as they are read. Evidence that contradicts its registry stops the build.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

from itdl import claims
from itdl.checks import BadInput, DataError
from itdl.claims import Claim, Record

__all__ = ["Chapter", "Entry", "chapters", "entries", "files", "run_record"]


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book and how it was run (`metadata.itdl`, empty when it carries none)."""

    stem: str
    path: Path
    run: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One row of the ledger: what is claimed, and what its chapter measured."""

    claim: Claim
    record: Record

    @property
    def docname(self) -> str:
        return f"notebooks/{self.claim.chapter}"

    @property
    def target(self) -> str:
        return f"claim-{self.claim.id}"


def _registry(source: Path) -> Path:
    """`notebooks/claims` of the source folder or, for a stage without one, of the nearest folder above it."""
    for folder in (source, *source.parents):
        if (found := folder / "notebooks" / "claims").is_dir():
            return found
    raise ExtensionError(f"no notebooks/claims at or above {source}; build inside a checkout of the compendium")


def files(source: Path) -> Iterator[Path]:
    """Every file a page with evidence depends on."""
    yield from sorted(_registry(source).glob("*.toml"))
    yield from sorted((source / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def entries(source: Path) -> dict[str, Entry]:
    """All claims by id, in the registry's order, each with the record of its chapter."""
    return _entries(source, tuple((path, path.stat().st_mtime_ns) for path in files(source)))


@lru_cache(maxsize=4)
def _entries(source: Path, stamps: tuple[tuple[Path, int], ...]) -> dict[str, Entry]:
    # `stamps` is only the cache's key: a changed file is read again.
    try:
        known = claims.registry(_registry(source))
        stems = dict.fromkeys(claim.chapter for claim in known)
        records = {r.id: r for stem in stems for r in claims.read(_notebook(source, stem), known)}
    except (BadInput, DataError) as error:
        raise ExtensionError(str(error)) from error
    return {claim.id: Entry(claim, records[claim.id]) for claim in known}


def _notebook(source: Path, stem: str) -> Path:
    path = source / "notebooks" / f"{stem}.ipynb"
    if not path.is_file():
        raise DataError(f"claims are registered for {stem}, but notebooks/{stem}.ipynb is absent; execute it first")
    return path


def run_record(notebook: Path) -> Mapping[str, Any]:
    """`metadata.itdl` of a notebook; empty when it was not executed by the runner."""
    record = json.loads(notebook.read_text(encoding="utf-8"))["metadata"].get("itdl", {})
    return dict(record)


def chapters(source: Path) -> list[Chapter]:
    paths = sorted((source / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    return [Chapter(path.stem, path, run_record(path)) for path in paths]
