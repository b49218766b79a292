"""How each chapter was made: the line under its title and the tables of the environment page.

Everything shown comes from the notebook's own record. What a committed notebook leaves out on purpose (commit, run
time, memory, machine differ between runs) is named as not recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import version
from platform import python_version
from typing import Any

from docutils import nodes

from itdl.show import number

from .source import Chapter

__all__ = ["chapter_table", "line", "version_table"]

ABSENT = "not recorded"
SHOWN = ("python", "numpy", "torch")
TOOLS = [
    "numpy", "scipy", "torch", "scikit-learn", "matplotlib", "seaborn", "joblib",
    "papermill", "jupytext", "nbval", "jupyter-book", "sphinx", "myst-nb",
]  # fmt: skip


def line(run: Mapping[str, Any]) -> nodes.raw:
    """The provenance line of one chapter; every value is escaped."""
    parameters = run.get("parameters") or {}
    facts = {
        "Profile": run.get("profile"),
        "Seed": parameters.get("seed"),
        "Versions": _versions(run),
        "Commit": _commit(run),
        "Run time": _seconds(run),
        "Units": _units(run),
        "Digest": str(run["key"])[:12] if "key" in run else None,
    }
    items = "".join(f"<div><dt>{name}</dt><dd>{_html(value)}</dd></div>" for name, value in facts.items())
    details = _details(parameters) if parameters else ""
    page = f'<div class="provenance" role="note" aria-label="How this page was made"><dl>{items}</dl>{details}</div>'
    return nodes.raw("", page, format="html")


def _html(value: object) -> str:
    return ABSENT if value is None or value == "" else escape(str(value))


def _details(parameters: Mapping[str, Any]) -> str:
    listed = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items())
    return f"<details><summary>Parameters ({len(parameters)})</summary><pre>{escape(listed)}</pre></details>"


def _commit(run: Mapping[str, Any]) -> str | None:
    """The first twelve digits; a tree with edits is never shown as the commit itself."""
    if "commit" not in run:
        return None
    digits, _, edited = str(run["commit"]).partition("-")
    return f"{digits[:12]} with uncommitted changes" if edited else digits[:12]


def _versions(run: Mapping[str, Any]) -> str:
    known = run.get("versions") or {}
    return ", ".join(f"{name} {known[name]}" for name in SHOWN if name in known)


def _seconds(run: Mapping[str, Any]) -> str | None:
    return f"{number(run['seconds'])} s" if "seconds" in run else None


def _units(run: Mapping[str, Any]) -> str | None:
    """What the run time leaves out: work that was found in the store, with what it took when it was computed."""
    if "units" not in run:
        return None
    count, computed, seconds = (run["units"][name] for name in ("count", "computed", "cpu_seconds"))
    if not count:
        return "none"
    time = f"{number(seconds / 60)} min" if seconds >= 60 else f"{number(seconds)} s"
    return f"{count}, {time} of processor time; {computed} computed in this run"


def version_table() -> nodes.table:
    """The versions this build of the book was made with."""
    return _table(("Package", "Version"), [("python", python_version()), *((tool, version(tool)) for tool in TOOLS)])


def chapter_table(chapters: Iterable[Chapter]) -> nodes.table:
    """Run time, units of work, peak memory and machine of each chapter."""
    head = ("Chapter", "Profile", "Run time", "Units", "Peak memory", "Machine")
    return _table(head, [_chapter_row(chapter) for chapter in chapters])


def _chapter_row(chapter: Chapter) -> tuple[str, ...]:
    run = chapter.run
    memory = f"{number(run['peak_memory_mb'])} MB" if "peak_memory_mb" in run else None
    machine = "{cpu}, {cores} cores".format_map(run["machine"]) if "machine" in run else None
    facts = (run.get("profile"), _seconds(run), _units(run), memory, machine)
    return (chapter.stem, *(ABSENT if fact is None else str(fact) for fact in facts))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return nodes.table("", group, classes=["facts"])


def _row(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))
