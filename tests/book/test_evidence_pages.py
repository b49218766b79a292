"""The local Sphinx extensions, on a tiny book: what the notebooks recorded is what the pages say."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jupyter_books import ROOT, build
from page_gates import Page

TOC = """format: jb-book
root: book/index
parts:
  - caption: All
    chapters: [{file: notebooks/01_coin}, {file: book/ledger}, {file: book/environment}, {file: book/references}]
"""
INDEX = """# A tiny book

See {claim}`coin-01`: {measured}`coin-01`; in the limit {measured}`coin-02`.

```{ledger-count}
```
"""
CLAIMS = r"""
[[claim]]
id = "coin-01"
statement = "A fair coin has $\\log 2$ nats & not <b>more</b>."
source = "coverthomas2006"
locator = "chapter 2"
kind = "exact"
verdict = "reproduced"
quantity = "entropy"
unit = "nats"
gate = {at_most = 0.7}
control = "a three-sided coin"

[[claim]]
id = "coin-02"
statement = "The estimate has no bias."
source = "barber2003im"
locator = "section 2, after lee2019wide"
kind = "numeric"
verdict = "reproduced"
quantity = "bias"
unit = "nats"
gate = {at_most = 0.1}
limit = {at_most = 0.1}
setting = "large samples"
control = "a biased coin"

[[claim]]
id = "coin-03"
statement = "Coins of gold behave alike."
source = "barber2003im"
locator = "section 3"
kind = "trend"
verdict = "not testable here"
note = "We have none."
"""
RUN = {
    "key": "0123456789abcdef",
    "parameters": {"seed": 7, "name": "<script>alert(1)</script>"},
    "profile": "book",
    "versions": {"python": "3.11.7", "numpy": "2.4.6"},
}


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value, "high": value, "n": 1}


def records(measured: float = 0.6931) -> list[dict[str, Any]]:
    rows = [
        ("coin-01", "reproduced", interval(measured), interval(1.0986), None),
        ("coin-02", "reproduced in a limit", interval(0.25), interval(0.5), interval(0.0123)),
        ("coin-03", "not testable here", None, None, None),
    ]
    return [dict(zip(("id", "verdict", "measured", "control", "limit"), row, strict=True)) for row in rows]


def notebook(rows: list[dict[str, Any]], run: dict[str, Any]) -> dict[str, Any]:
    output = {
        "output_type": "execute_result",
        "execution_count": 1,
        "data": {"text/plain": "verdicts"},
        "metadata": {"itdl_claims": rows},
    }
    code = {
        "cell_type": "code",
        "id": "b",
        "source": "ledger.close()",
        "metadata": {},
        "execution_count": 1,
        "outputs": [output],
    }
    words = {"cell_type": "markdown", "id": "a", "source": "# A coin\n\nIts entropy.", "metadata": {}}
    metadata = {"itdl": run, "language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return {"cells": [words, code], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write_notebook(source: Path, rows: list[dict[str, Any]], run: dict[str, Any] | None = None) -> None:
    text = json.dumps(notebook(rows, RUN if run is None else run))
    (source / "notebooks" / "01_coin.ipynb").write_text(text, encoding="utf-8")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The sources of a book with one chapter, three claims and this project's configuration and extensions."""
    folder = tmp_path / "source"
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    shutil.copy2(ROOT / "_config.yml", folder)
    for name in ("ledger.md", "environment.md", "references.md"):
        shutil.copy2(ROOT / "book" / name, folder / "book")
    ledger = folder / "book" / "ledger.md"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("how_to_read.md", "index.md"), encoding="utf-8")
    (folder / "book" / "index.md").write_text(INDEX, encoding="utf-8")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    (folder / "notebooks" / "claims").mkdir(parents=True)
    (folder / "notebooks" / "claims" / "01_coin.toml").write_text(CLAIMS, encoding="utf-8")
    write_notebook(folder, records())
    return folder


def made(source: Path) -> Path:
    """The site, from a build that must succeed."""
    run = build(source, source.parent)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return source.parent / "_build" / "html"


def refused(source: Path) -> str:
    """What a build that must fail says."""
    run: subprocess.CompletedProcess[str] = build(source, source.parent)
    assert run.returncode != 0
    return run.stdout + run.stderr


def words(page: Page, selector: str) -> list[str]:
    return [" ".join(tag.get_text().split()) for tag in page.article.select(selector)]


def test_pages_say_what_the_notebook_recorded(source: Path) -> None:
    site = made(source)
    index, ledger = Page(site, "book/index.html"), Page(site, "book/ledger.html")
    rows = ledger.article.select("table.ledger tbody tr")
    assert [row["id"] for row in rows] == ["claim-coin-01", "claim-coin-02", "claim-coin-03"]
    assert words(ledger, "table.ledger .verdict") == ["reproduced", "reproduced in a limit", "not testable here"]
    first, second, third = (" ".join(row.get_text().split()) for row in rows)
    assert "0.693 nats (gate ≤ 0.7; control 1.10)" in first
    assert "Cover and Thomas" in first
    assert "Control: a three-sided coin" in first
    assert "exact, T1 (analytic)" in first
    assert "0.0123 nats for large samples" in second
    assert "section 2, after Lee et al. [2019]" in second
    assert "Committed as: reproduced" in second
    assert "Note: We have none." in third
    # Data never become markup, except formulas.
    assert rows[0].find("b") is None
    assert "not <b>more</b>" in first
    assert rows[0].select_one(".math")
    # Prose gets its verdicts, counts and numbers from the same records.
    assert index.article.find("a", href="ledger.html#claim-coin-01")
    assert words(index, ".measured") == ["0.693 nats", "0.0123 nats"]
    count = "3 claims: 1 reproduced, 1 reproduced in a limit, 0 contradicted, 1 not testable here."
    assert words(index, ".ledger-count") == words(ledger, ".ledger-count") == [count]
    # The filter's script loads on the ledger's page only.
    assert [bool(page.soup.find("script", src=lambda s: s and "ledger.js" in s)) for page in (index, ledger)] == [
        False,
        True,
    ]


def test_a_chapter_says_how_it_was_made_and_what_was_not_recorded(source: Path) -> None:
    page = Page(made(source), "notebooks/01_coin.html")
    title = page.article.find("h1")
    assert title.find_next_sibling()["class"] == ["provenance"]
    facts = dict(zip(words(page, ".provenance dt"), words(page, ".provenance dd"), strict=True))
    assert facts == {
        "Profile": "book",
        "Seed": "7",
        "Versions": "python 3.11.7, numpy 2.4.6",
        "Commit": "not recorded",
        "Run time": "not recorded",
        "Units": "not recorded",
        "Digest": "0123456789ab",
    }
    assert words(page, ".provenance pre") == ['seed = 7 name = "<script>alert(1)</script>"']
    assert page.article.select(".provenance script") == []


UNITS = "40, 2.08 min of processor time; 3 computed in this run"


def test_a_fresh_run_shows_commit_time_memory_and_machine(source: Path) -> None:
    run = {
        "commit": "a" * 40 + "-dirty",
        "seconds": 12.34,
        "units": {"count": 40, "computed": 3, "cpu_seconds": 125.0},
        "peak_memory_mb": 456.7,
        "machine": {"cpu": "x", "cores": 2},
    }
    write_notebook(source, records(), RUN | run)
    site = made(source)
    assert {"aaaaaaaaaaaa with uncommitted changes", "12.3 s", UNITS} <= set(
        words(Page(site, "notebooks/01_coin.html"), ".provenance dd")
    )
    cells = words(Page(site, "book/environment.html"), "table.facts td")
    assert cells[-6:] == ["01_coin", "book", "12.3 s", UNITS, "457 MB", "x, 2 cores"]


def test_a_rebuild_notices_a_changed_notebook(source: Path) -> None:
    made(source)
    write_notebook(source, records(measured=0.5))
    index = Page(made(source), "book/index.html")
    assert words(index, ".measured")[0] == "0.500 nats"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{claim}`coin-99`", "unknown claim 'coin-99'; register it in notebooks/claims"),
        ("{measured}`coin-03`", "claim 'coin-03' has no measured number to show"),
    ],
)
def test_prose_that_has_no_evidence_fails_the_build(text: str, message: str, source: Path) -> None:
    (source / "book" / "index.md").write_text(f"{INDEX}\n{text}\n", encoding="utf-8")
    assert message in refused(source)


def test_a_verdict_that_does_not_follow_from_its_numbers_fails_the_build(source: Path) -> None:
    write_notebook(source, records(measured=0.9))
    assert "coin-01 is stored as 'reproduced' but its numbers say" in refused(source)


def test_claims_without_their_notebook_fail_the_build(source: Path) -> None:
    (source / "notebooks" / "01_coin.ipynb").unlink()
    assert "notebooks/01_coin.ipynb is absent; execute it first" in refused(source)
