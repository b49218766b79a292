"""Gates on the sources of the book: pairs, tags, budgets, the shape of chapter code and the words between.

Each gate takes one chapter (or one text) and returns its findings, one line each; `LIMITS` holds every number.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
import nbformat
from jupytext.compare import NotebookDifference, compare_notebooks
from nbformat import NotebookNode

LIMITS = {
    "open cells": 40,
    "code lines": 8,
    "folded lines": 12,
    "def lines": 6,
    "kB a notebook": 400,
    "kB all notebooks": 6_000,
}
TAGS = {"parameters", "hide-input", "remove-cell", "nbval-ignore-output"}
RUN_FIELDS = {"commit", "seconds", "units", "peak_memory_mb", "machine"}
STYLE_ONLY = {"use_style"}
READERS = {"open", "Path", "load", "loadtxt", "genfromtxt", "read_csv", "savefig", "save"}
FILE_LIKE = re.compile(r"^[~.]{0,2}/|^[A-Za-z]:\\|\.(csv|npz|npy|png|svg|json|txt|toml|ya?ml|pt)$")
TYPED = re.compile(r"(?<![\w.:/])\d*\.\d+(?![\w.])")
NUMBERED = r"(?i:arxiv|sections?|figures?|tables?|equations?|theorems?|python)[\s:]+[\d., and-]+"
NOT_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~|\$\$.*?\$\$|\$[^$]+\$|\{[a-z:-]+\}`[^`]*`|``.*?``|`[^`]*`|\]\([^)]*\)|<[^>]+>|" + NUMBERED,
    re.DOTALL,
)
ALLOWED = re.compile(r"<!--\s*typed:\s*([^>]*?)\s*-->")
RAW_ENVIRONMENT = re.compile(r"\\begin\{(align|equation|gather|mult\w+|eqnarray|alignat|flalign)\*?\}")
CLAIM_ID = re.compile(r"\b[a-z][a-z0-9]*(?:-[a-z0-9]+)+-\d{2}\b")


@dataclass(frozen=True)
class Chapter:
    """The two files of a chapter; the text is the truth, the notebook carries the outputs."""

    source: Path

    @property
    def name(self) -> str:
        return self.source.stem

    @property
    def notebook(self) -> Path:
        return self.source.with_suffix(".ipynb")

    @cached_property
    def text(self) -> NotebookNode:
        return jupytext.read(self.source)

    @cached_property
    def committed(self) -> NotebookNode:
        return nbformat.read(self.notebook, as_version=4)

    def code(self) -> list[tuple[int, NotebookNode]]:
        return [(i, cell) for i, cell in enumerate(self.text.cells) if cell.cell_type == "code"]

    def markdown(self) -> list[str]:
        return [cell.source for cell in self.text.cells if cell.cell_type == "markdown"]


def chapters(notebooks: Path) -> list[Chapter]:
    return [Chapter(path) for path in sorted(notebooks.glob("[0-9][0-9]_*.py"))]


def unpaired(notebooks: Path) -> list[str]:
    stems = [{path.stem for path in notebooks.glob(f"*.{kind}")} for kind in ("py", "ipynb")]
    return [f"{stem} has only one file of its pair" for stem in sorted(stems[0] ^ stems[1])]


def drift(chapter: Chapter) -> list[str]:
    try:
        compare_notebooks(jupytext.read(chapter.notebook), chapter.text, fmt="py:percent")
    except NotebookDifference as difference:
        return [f"{chapter.name}: text and notebook differ, run `make notebooks`: {difference}"]
    return []


def kernel(chapter: Chapter) -> list[str]:
    name = chapter.text.metadata.get("kernelspec", {}).get("name")
    return [] if name == "python3" else [f"{chapter.name}: the kernelspec is {name!r}, not 'python3'"]


def tags(chapter: Chapter) -> list[str]:
    used = [tag for cell in chapter.text.cells for tag in cell.metadata.get("tags", [])]
    found = [f"{chapter.name}: tag {tag!r} is not allowed" for tag in sorted(set(used) - TAGS)]
    n = used.count("parameters")
    return found + ([] if n == 1 else [f"{chapter.name} has {n} cells tagged 'parameters', not one"])


def outputs(chapter: Chapter) -> list[str]:
    """Committed cells were run, print something, and hold neither errors nor stderr."""
    cells = [cell for cell in chapter.committed.cells if cell.cell_type == "code"]
    made = [output for cell in cells for output in cell.outputs]
    found = [f"{chapter.name}: a code cell was never run" for c in cells if c.execution_count is None and c.source]
    found += [f"{chapter.name}: an error output is stored" for output in made if output.output_type == "error"]
    found += [f"{chapter.name}: stderr is stored" for output in made if output.get("name") == "stderr"]
    texts = [output for output in made if output.output_type == "stream" or "text/plain" in output.get("data", {})]
    return found + ([] if texts else [f"{chapter.name} stores no text output, so nothing is compared"])


def run_metadata(chapter: Chapter) -> list[str]:
    """What differs from run to run is not committed."""
    meta = chapter.committed.metadata
    found = [f"metadata.{key}" for key in ("papermill", "widgets") if key in meta]
    found += [f"metadata.itdl.{key}" for key in sorted(RUN_FIELDS & set(meta.get("itdl", {})))]
    found += ["language_info.version"] if "version" in meta.get("language_info", {}) else []
    per_cell = {key for cell in chapter.committed.cells for key in ("papermill", "execution") if key in cell.metadata}
    return [f"{chapter.name}: {key} is committed" for key in [*found, *sorted(per_cell)]]


def budget(notebooks: Path) -> list[str]:
    sizes = {path.name: path.stat().st_size / 1000 for path in sorted(notebooks.glob("*.ipynb"))}
    found = [f"{name} has {kb:.0f} kB" for name, kb in sizes.items() if kb > LIMITS["kB a notebook"]]
    total = sum(sizes.values())
    return found + ([f"all notebooks have {total:.0f} kB"] if total > LIMITS["kB all notebooks"] else [])


def figures(chapter: Chapter) -> list[str]:
    """A cell that draws carries a caption, a name and an alternative text."""
    found = []
    for i, cell in enumerate(chapter.committed.cells):
        mystnb = cell.metadata.get("mystnb", {})
        given = {**mystnb.get("figure", {}), **mystnb.get("image", {})}
        absent = [key for key in ("caption", "name", "alt") if not given.get(key)]
        if absent and cell.cell_type == "code" and _draws(cell):
            found.append(f"{chapter.name}, cell {i} draws without {', '.join(absent)} in its mystnb metadata")
    return found


def _draws(cell: NotebookNode) -> bool:
    if any("image/png" in output.get("data", {}) for output in cell.outputs):
        return True
    return any(_plots(node) for node in ast.walk(ast.parse(cell.source)))


def _plots(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="plotting" | "plt"), attr=attr)):
            return attr not in STYLE_ONLY
    return False


def shape(chapter: Chapter) -> list[str]:
    """Short cells, small helpers, no machinery: what is longer belongs into the library."""
    n = sum(not _folded(cell) for cell in chapter.text.cells)
    found = [f"{chapter.name} has {n} cells that are not folded"] if n > LIMITS["open cells"] else []
    for i, cell in chapter.code():
        found += [f"{chapter.name}, cell {i}: {fault}" for fault in _cell_faults(cell)]
    return found


def _folded(cell: NotebookNode) -> bool:
    """Its code is folded away in the page: figures, and the arithmetic that leads to a verdict."""
    return "hide-input" in cell.metadata.get("tags", [])


def _cell_faults(cell: NotebookNode) -> Iterator[str]:
    tree = ast.parse(cell.source)
    lines = [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    if (
        len(lines) > LIMITS["folded lines" if _folded(cell) else "code lines"]
        and not imports
        and "parameters" not in cell.metadata.get("tags", [])
    ):
        yield f"{len(lines)} lines of code"
    for node in ast.walk(tree):
        if fault := _node_fault(node):
            yield fault


def _node_fault(node: ast.AST) -> str | None:
    match node:
        case ast.FunctionDef(name=name, lineno=first, end_lineno=int(last)) if last - first + 1 > LIMITS["def lines"]:
            return f"function {name} has {last - first + 1} lines; move it to src/itdl"
        case ast.ClassDef(name=name):
            return f"class {name} belongs into src/itdl"
        case ast.Try():
            return "try/except hides what a reader should see"
        case ast.While():
            return "a while loop belongs into src/itdl"
        case ast.Name(id="filterwarnings") | ast.Attribute(attr="filterwarnings" | "simplefilter"):
            return "warnings are not silenced in a chapter"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in READERS:
            return f"{name}(...) reads or writes a file; use itdl.data"
        case ast.Constant(value=str(text)) if FILE_LIKE.search(text):
            return f"{text!r} looks like a path; use itdl.data"
    return None


def typed_numbers(name: str, text: str) -> list[str]:
    """Decimals in prose: measured ones are shown with {measured}, others allowed by `<!-- typed: 0.5 -->`."""
    allowed = {number for listed in ALLOWED.findall(text) for number in listed.replace(",", " ").split()}
    prose = NOT_PROSE.sub(" ", ALLOWED.sub(" ", text))
    return [f"{name}: {n} is typed in prose; use {{measured}}" for n in TYPED.findall(prose) if n not in allowed]


def markup(name: str, text: str) -> list[str]:
    """Markup that MyST accepts and a reader regrets: undefined footnotes, environments with random anchors."""
    used, defined = (
        set(re.findall(r"\[\^([\w-]+)\](?!:)", text)),
        set(re.findall(r"^\[\^([\w-]+)\]:", text, re.MULTILINE)),
    )
    found = [f"{name}: footnote [^{note}] is not defined" for note in sorted(used - defined)]
    raw = RAW_ENVIRONMENT.findall(text)
    return found + [f"{name}: raw {env} environment; write $$ with aligned and a label" for env in raw]


def unknown_claims(name: str, text: str, known: set[str]) -> list[str]:
    return [
        f"{name} mentions {claim}, which is not registered" for claim in sorted(set(CLAIM_ID.findall(text)) - known)
    ]


def toc_difference(notebooks: Path, documents: list[str]) -> list[str]:
    here = {f"notebooks/{path.stem}" for path in notebooks.glob("*.ipynb")}
    listed = {document for document in documents if document.startswith("notebooks/")}
    return [f"{name} is either not in the toc or not in notebooks" for name in sorted(here ^ listed)]
