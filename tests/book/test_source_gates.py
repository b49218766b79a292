"""The sources of the book pass the source gates, and each gate has been seen to catch what it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
import page_gates
import pytest
import source_gates as gates
from jupyter_books import ROOT
from pybtex.database import parse_file
from source_gates import Chapter

from itdl import claims

NOTEBOOKS = ROOT / "notebooks"
CHAPTERS = gates.chapters(NOTEBOOKS)
PAGES = sorted((ROOT / "book").glob("*.md"))
EACH = [gates.drift, gates.kernel, gates.tags, gates.outputs, gates.run_metadata, gates.figures, gates.shape]


def texts() -> dict[str, str]:
    """All prose: the pages, and the words of each chapter."""
    prose = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
    return prose | {chapter.name: "\n\n".join(chapter.markdown()) for chapter in CHAPTERS}


def test_there_are_chapters_and_each_has_both_files() -> None:
    assert CHAPTERS
    assert gates.unpaired(NOTEBOOKS) == []


@pytest.mark.parametrize("gate", EACH, ids=lambda gate: gate.__name__)
def test_every_chapter_passes(gate: Callable[[Chapter], list[str]]) -> None:
    assert [finding for chapter in CHAPTERS for finding in gate(chapter)] == []


def test_committed_notebooks_stay_within_their_budget() -> None:
    assert gates.budget(NOTEBOOKS) == []


def test_the_toc_lists_exactly_the_notebooks() -> None:
    assert gates.toc_difference(NOTEBOOKS, page_gates.toc_documents(ROOT / "_toc.yml")) == []


@pytest.mark.parametrize("gate", [gates.typed_numbers, gates.markup], ids=lambda gate: gate.__name__)
def test_the_prose_passes(gate: Callable[[str, str], list[str]]) -> None:
    assert [finding for name, text in texts().items() for finding in gate(name, text)] == []


def test_every_claim_in_prose_is_registered() -> None:
    known = {claim.id for claim in claims.registry(NOTEBOOKS / "claims")}
    found = [finding for name, text in texts().items() for finding in gates.unknown_claims(name, text, known)]
    assert found == []


def test_every_registered_source_is_in_the_bibliography() -> None:
    entries = set(parse_file(ROOT / "book" / "references.bib").entries)
    assert {claim.source for claim in claims.registry(NOTEBOOKS / "claims")} - entries == set()


GOOD = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
seed = 1  # root seed [0..]

# %%
print(seed)
"""


def chapter(folder: Path, extra: str = "", text: str = GOOD) -> Chapter:
    """A tiny chapter with both files, its notebook as if it had been run."""
    made = Chapter(folder / "01_coin.py")
    made.source.write_text(text + extra, encoding="utf-8")
    notebook = jupytext.read(made.source)
    for i, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = i + 1
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    nbformat.write(notebook, made.notebook)
    return made


@pytest.mark.parametrize("gate", EACH, ids=lambda gate: gate.__name__)
def test_a_good_chapter_has_no_findings(gate: Callable[[Chapter], list[str]], tmp_path: Path) -> None:
    assert gate(chapter(tmp_path)) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(x):\n" + "    x += 1\n" * 5 + "    return x", "function f has 7 lines"),
        ("class A:\n    pass", "class A belongs into src/itdl"),
        ("try:\n    x = 1\nfinally:\n    x = 2", "try/except hides"),
        ("while False:\n    pass", "while loop"),
        ("warnings.filterwarnings('ignore')", "warnings are not silenced"),
        ("open(seed)", "open(...) reads or writes a file"),
        ("name = 'data/../x.csv'", "looks like a path"),
        ("x = 1\n" * 9, "9 lines of code"),
    ],
)
def test_code_that_belongs_into_the_library_is_caught(code: str, words: str, tmp_path: Path) -> None:
    findings = gates.shape(chapter(tmp_path, f"\n# %%\n{code}\n"))
    assert len(findings) == 1
    assert words in findings[0]


def test_imports_and_parameters_may_be_longer(tmp_path: Path) -> None:
    long = "\n# %%\nimport math\n" + "x = 1\n" * 9
    assert gates.shape(chapter(tmp_path, long)) == []


def test_too_many_cells_are_caught(tmp_path: Path) -> None:
    extra = "\n# %%\nx = 1\n" * gates.LIMITS["open cells"]
    assert gates.shape(chapter(tmp_path, extra)) == [
        f"01_coin has {gates.LIMITS['open cells'] + 2} cells that are not folded"
    ]


def test_an_edit_in_one_file_of_the_pair_is_caught(tmp_path: Path) -> None:
    made = chapter(tmp_path)
    made.source.write_text(GOOD.replace("print(seed)", "print(seed + 1)"), encoding="utf-8")
    assert "text and notebook differ" in gates.drift(made)[0]


def test_a_chapter_without_its_notebook_is_caught(tmp_path: Path) -> None:
    chapter(tmp_path).notebook.unlink()
    assert gates.unpaired(tmp_path) == ["01_coin has only one file of its pair"]


def test_a_missing_kernel_header_is_caught(tmp_path: Path) -> None:
    assert "kernelspec is None" in gates.kernel(chapter(tmp_path, text="# %%\nx = 1\n"))[0]


def test_forbidden_tags_and_a_second_parameters_cell_are_caught(tmp_path: Path) -> None:
    extra = '\n# %% tags=["parameters", "raises-exception"]\nx = 1\n'
    found = gates.tags(chapter(tmp_path, extra))
    assert found == [
        "01_coin: tag 'raises-exception' is not allowed",
        "01_coin has 2 cells tagged 'parameters', not one",
    ]


def stored(made: Chapter, output: nbformat.NotebookNode | None, count: int | None = 1) -> Chapter:
    """The same chapter with one output (or none) and one execution count in all its cells."""
    notebook = nbformat.read(made.notebook, as_version=4)
    for cell in notebook.cells:
        cell.execution_count, cell.outputs = count, [output] if output else []
    nbformat.write(notebook, made.notebook)
    return Chapter(made.source)


@pytest.mark.parametrize(
    ("output", "count", "words"),
    [
        (None, 1, "stores no text output"),
        (nbformat.v4.new_output("stream", name="stdout", text="1\n"), None, "was never run"),
        (nbformat.v4.new_output("stream", name="stderr", text="careful\n"), 1, "stderr is stored"),
        (nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[]), 1, "an error output is stored"),
    ],
)
def test_outputs_that_prove_nothing_are_caught(
    output: nbformat.NotebookNode | None, count: int | None, words: str, tmp_path: Path
) -> None:
    assert words in " ".join(gates.outputs(stored(chapter(tmp_path), output, count)))


def test_run_metadata_is_caught(tmp_path: Path) -> None:
    made = chapter(tmp_path)
    notebook = nbformat.read(made.notebook, as_version=4)
    notebook.metadata.update(papermill={}, itdl={"commit": "abc", "key": "1"}, language_info={"version": "3.11.7"})
    notebook.cells[0].metadata["execution"] = {}
    nbformat.write(notebook, made.notebook)
    keys = [finding.split()[1] for finding in gates.run_metadata(Chapter(made.source))]
    assert keys == ["metadata.papermill", "metadata.itdl.commit", "language_info.version", "execution"]


@pytest.mark.parametrize("code", ["plotting.curve(x)", "fig, ax = plt.subplots()"])
def test_a_figure_without_words_is_caught(code: str, tmp_path: Path) -> None:
    found = gates.figures(chapter(tmp_path, f"\n# %%\n{code}\n"))
    assert found == ["01_coin, cell 2 draws without caption, name, alt in its mystnb metadata"]


def test_setting_the_style_is_not_drawing(tmp_path: Path) -> None:
    assert gates.figures(chapter(tmp_path, "\n# %%\nplotting.use_style()\n")) == []


def test_a_figure_drawn_by_a_helper_is_caught_by_its_output(tmp_path: Path) -> None:
    image = nbformat.v4.new_output("display_data", data={"image/png": "AAAA"})
    assert "draws without caption, name, alt" in gates.figures(stored(chapter(tmp_path), image))[0]


def test_an_oversized_notebook_is_caught(tmp_path: Path) -> None:
    made = chapter(tmp_path)
    big = nbformat.v4.new_output("stream", name="stdout", text="x" * 1_000 * gates.LIMITS["kB a notebook"])
    stored(made, big)
    assert "01_coin.ipynb has" in gates.budget(tmp_path)[0]


@pytest.mark.parametrize("text", ["The loss is 0.123 nats.", "It falls by .5 here.", "From 1.25 to two."])
def test_a_number_typed_in_prose_is_caught(text: str) -> None:
    assert "is typed in prose" in gates.typed_numbers("page", text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "$x = 0.5$ and `0.5` and {measured}`a-01`",
        "```\n0.5\n```",
        "arXiv 1911.09189, section 1.7, equations 2.1 and 2.2, Python 3.11",
        "A level of 0.05. <!-- typed: 0.05 is a convention -->",
        "a link [here](x/0.5.html)",
    ],
)
def test_numbers_that_were_not_measured_are_let_through(text: str) -> None:
    assert gates.typed_numbers("page", text) == []


def test_undefined_footnotes_and_raw_environments_are_caught() -> None:
    text = "One[^a] two[^b].\n\n[^b]: defined\n\n\\begin{align}\nx\n\\end{align}\n"
    assert gates.markup("page", text) == [
        "page: footnote [^a] is not defined",
        "page: raw align environment; write $$ with aligned and a label",
    ]


def test_an_unregistered_claim_is_caught() -> None:
    assert gates.unknown_claims("page", "see ntk-law-01 and ntk-law-99", {"ntk-law-01"}) == [
        "page mentions ntk-law-99, which is not registered"
    ]


def test_a_notebook_outside_the_toc_is_caught(tmp_path: Path) -> None:
    chapter(tmp_path)
    assert "notebooks/01_coin" in gates.toc_difference(tmp_path, ["book/index"])[0]
