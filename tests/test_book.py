"""`itdl.runner.book`: only current and whole evidence is committed, staged and built."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from compendium import Itdl

from itdl.checks import BadInput, DataError
from itdl.claims import Record
from itdl.project import Project
from itdl.runner import book, chapters


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# Exact


def test_promote_writes_both_chapters_once(finished: Project) -> None:
    assert [c.stem for c in book.promote(finished)] == ["01_coin", "02_gauss"]
    assert book.promote(finished) == []


def test_a_promoted_notebook_is_not_touched_by_jupytext(finished: Project) -> None:
    book.promote(finished)
    before = [c.committed.read_bytes() for c in chapters.discover(finished)]
    sources = [str(c.source) for c in chapters.discover(finished)]
    subprocess.run([sys.executable, "-m", "jupytext", "--quiet", "--to", "ipynb", "--update", *sources], check=True)
    assert [c.committed.read_bytes() for c in chapters.discover(finished)] == before


def test_the_stage_repeats_the_paths_with_their_time_stamps(finished: Project) -> None:
    (finished.root / "book" / "__pycache__").mkdir()
    stage = book.stage(finished)
    assert {p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file()} == {
        *("_config.yml", "_toc.yml", "book/index.md"),
        *("notebooks/01_coin.ipynb", "notebooks/02_gauss.ipynb"),
    }
    for name, original in {"_toc.yml": finished.root, "notebooks/01_coin.ipynb": finished.executed}.items():
        assert (stage / name).stat().st_mtime_ns == (original / Path(name).name).stat().st_mtime_ns


def test_the_count_of_verdicts_is_one_sentence() -> None:
    counts = Counter({"reproduced": 24, "contradicted": 3, "reproduced in a limit": 3, "not testable here": 1})
    records = [Record("x", verdict) for verdict in counts.elements()]
    expected = "31 claims: 24 reproduced, 3 reproduced in a limit, 3 contradicted, 1 not testable here"
    assert book.tally(records) == expected


def test_the_book_builds_and_its_first_page_leads_to_the_book(finished: Project) -> None:
    stale = finished.build / "html" / "gone.html"
    stale.parent.mkdir()
    stale.touch()
    page = book.build(finished)
    assert not stale.exists()
    assert "book/index.html" in page.read_text()
    assert "fair coin: 0.693 nats" in (page.parent / "notebooks" / "01_coin.html").read_text()


# Laws


def test_evidence_is_the_executed_notebook_if_there_is_one_else_the_committed(finished: Project) -> None:
    book.promote(finished)
    (finished.executed / "01_coin.ipynb").unlink()
    first, second = book.evidence(finished)
    assert (first.notebook.parent, second.notebook.parent) == (finished.notebooks, finished.executed)
    assert (list(first.stale), list(first.differences)) == ([], [])


def test_injected_parameters_are_shown_folded(finished: Project, itdl: Itdl) -> None:
    path = finished.executed / "01_coin.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][2]["metadata"]["tags"] = ["injected-parameters"]
    path.write_text(json.dumps(notebook))
    staged = json.loads((book.stage(finished) / "notebooks" / "01_coin.ipynb").read_text())
    assert staged["cells"][2]["metadata"]["tags"] == ["injected-parameters", "hide-input"]
    assert staged["cells"][1] == notebook["cells"][1]


# Bad input


def test_a_stale_chapter_is_neither_promoted_nor_staged(finished: Project) -> None:
    _edit(finished.notebooks / "02_gauss.py", "# A Gaussian", "# One Gaussian")
    for verb in (book.promote, book.stage):
        with pytest.raises(DataError, match="02_gauss is stale: text changed; run `python -m itdl run 02`"):
            verb(finished)
    assert not list(finished.notebooks.glob("*.ipynb"))
    assert not finished.stage.exists()


def test_an_incomplete_notebook_is_neither_promoted_nor_staged(finished: Project) -> None:
    path = finished.executed / "02_gauss.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][-1]["execution_count"] = None
    path.write_text(json.dumps(notebook))
    for verb in (book.promote, book.stage):
        with pytest.raises(DataError, match="was not executed"):
            verb(finished)


def test_a_notebook_above_the_budget_is_not_promoted(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "BUDGET", 1000)
    with pytest.raises(DataError, match=r"01_coin would be committed with .* kB; the budget is 1 kB"):
        book.promote(finished)


def test_a_chapter_outside_the_toc_is_named(finished: Project) -> None:
    _edit(finished.root / "_toc.yml", "      - file: notebooks/02_gauss\n", "")
    with pytest.raises(BadInput, match=r"_toc\.yml does not list notebooks/02_gauss"):
        book.stage(finished)


def test_a_toc_entry_without_chapter_is_named(finished: Project) -> None:
    _edit(finished.root / "_toc.yml", "02_gauss", "02_gauss\n      - file: notebooks/03_gone")
    with pytest.raises(BadInput, match=r"_toc\.yml lists notebooks/03_gone, which does not exist"):
        book.stage(finished)


def test_a_warning_of_the_build_is_a_failure_with_the_end_of_its_log(finished: Project) -> None:
    _edit(finished.root / "book" / "index.md", "Two chapters", "{doc}`nowhere` and two chapters")
    with pytest.raises(DataError, match=r"(?s)the book did not build; the end of .*unknown document: .*nowhere"):
        book.build(finished)


def test_a_chapter_that_was_never_executed_has_no_evidence(sample: Project) -> None:
    with pytest.raises(DataError, match="01_coin was never executed; run `python -m itdl run 01`"):
        book.evidence(sample)


def test_evidence_against_the_committed_verdict_is_a_difference(finished: Project) -> None:
    _edit(
        finished.claims / "01_coin.toml",
        'kind = "numeric"\nverdict = "reproduced"',
        'kind = "numeric"\nverdict = "contradicted"',
    )
    first, _ = book.evidence(finished)
    assert list(first.stale) == ["claims changed"]
    [line] = first.differences
    assert line.startswith("coin-sampled: reproduced here, committed as contradicted")
