"""From executed chapters to the repository and to the page: promote, stage, build.

Only evidence that is current and whole gets through. The stage repeats the repository's paths, so the same
toc and configuration build the book from it and, with committed outputs, from the repository itself; no
tracked file is touched unless `promote` is asked to.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

from itdl import claims
from itdl.checks import BadInput, DataError
from itdl.project import Project
from itdl.runner.chapters import Chapter, changed, discover, plan
from itdl.runner.evidence import serialise, stripped, verify
from itdl.store import write

__all__ = ["Evidence", "build", "evidence", "promote", "stage", "tally"]

BUDGET = 400_000  # bytes of one committed notebook: text and modest images
LOG_LINES = 30


def promote(home: Project) -> list[Chapter]:
    """Write the executed chapters, stripped, beside their sources; returns those whose file changed.

    Nothing is written when one chapter is stale, incomplete or above the size budget (`DataError`).
    """
    pages = {chapter: _committed_form(chapter) for chapter in discover(home)}
    moved = [c for c, page in pages.items() if not c.committed.is_file() or c.committed.read_bytes() != page]
    for chapter in moved:
        write(chapter.committed, pages[chapter])
    return moved


def stage(home: Project) -> Path:
    """Lay out `_build/stage` for the book, time stamps kept; refuses stale, missing or unlisted chapters."""
    chapters = discover(home)
    _compare_with_toc(home, chapters)
    for chapter in chapters:
        _current(chapter)
    shutil.rmtree(home.stage, ignore_errors=True)
    shutil.copytree(home.root / "book", home.stage / "book", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(home.root / name, home.stage / name)
    for chapter in chapters:
        page = home.stage / "notebooks" / chapter.executed.name
        write(page, _without_injected_input(chapter.executed))
        shutil.copystat(chapter.executed, page)
    return home.stage


def build(home: Project) -> Path:
    """Build the book from a fresh stage, warnings as errors; the page to open. `DataError` shows the log's end."""
    source = stage(home)
    site = home.build / "html"
    shutil.rmtree(site, ignore_errors=True)  # a page dropped from the toc would survive
    program = Path(sysconfig.get_path("scripts")) / "jupyter-book"
    log = home.build / "reports" / "book.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(program), "build", str(source), "--path-output", str(home.root), "-W", "--keep-going", "-n"]
    with log.open("wb") as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise DataError("\n".join([f"the book did not build; the end of {log}:", *tail]))
    return site / "index.html"


@dataclass(frozen=True)
class Evidence:
    """What the newest notebook of a chapter says, where it lies, and why it is stale if it is."""

    chapter: Chapter
    notebook: Path
    stale: Sequence[str]
    records: Sequence[claims.Record]
    differences: Sequence[str]


def evidence(home: Project) -> list[Evidence]:
    """The evidence of each chapter: executed here if it was, else committed."""
    known = claims.registry(home.claims)
    return [_evidence(chapter, known) for chapter in discover(home)]


def tally(records: Iterable[claims.Record]) -> str:
    """`31 claims: 24 reproduced, 3 reproduced in a limit, 3 contradicted, 1 not testable here`."""
    count = Counter(record.verdict for record in records)
    names = [name for name in (*claims.VERDICTS, claims.UNDECIDED) if count[name]]
    return f"{count.total()} claims: " + ", ".join(f"{count[name]} {name}" for name in names)


def _evidence(chapter: Chapter, known: Sequence[claims.Claim]) -> Evidence:
    notebook = chapter.executed if chapter.executed.is_file() else chapter.committed
    if not notebook.is_file():
        raise DataError(f"{chapter.stem} was never executed; run `python -m itdl run {chapter.number}`")
    records = claims.read(notebook, known)
    stale = changed(plan(chapter), notebook)
    return Evidence(chapter, notebook, stale, records, claims.differences(records, known))


def _current(chapter: Chapter) -> None:
    """Refuse a chapter whose executed notebook is stale or incomplete."""
    if why := changed(plan(chapter), chapter.executed):
        raise DataError(f"{chapter.stem} is stale: {', '.join(why)}; run `python -m itdl run {chapter.number}`")
    verify(chapter.executed, claims.registry(chapter.home.claims))


def _committed_form(chapter: Chapter) -> bytes:
    _current(chapter)
    page = serialise(stripped(json.loads(chapter.executed.read_text(encoding="utf-8"))))
    if len(page) > BUDGET:
        raise DataError(
            f"{chapter.stem} would be committed with {len(page) / 1000:.0f} kB; the budget is {BUDGET / 1000:.0f} kB: "
            "print less or draw smaller figures"
        )
    return page


def _compare_with_toc(home: Project, chapters: Sequence[Chapter]) -> None:
    listed = {name for name in parse_toc_yaml(home.root / "_toc.yml") if name.startswith("notebooks/")}
    present = {f"notebooks/{chapter.stem}" for chapter in chapters}
    if missing := sorted(listed - present):
        raise BadInput(f"_toc.yml lists {', '.join(missing)}, which does not exist; add the chapter or drop the line")
    if extra := sorted(present - listed):
        raise BadInput(f"_toc.yml does not list {', '.join(extra)}; add it where the chapter belongs")


def _without_injected_input(notebook: Path) -> bytes:
    """The notebook with the code of injected parameters folded away; it stays in the page."""
    page = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in page["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags and "hide-input" not in tags:
            tags.append("hide-input")
    return serialise(page)
