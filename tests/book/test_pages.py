"""The built pages pass the static gates, and each gate has been seen to catch what it is for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import page_gates as gates
import pytest
from jupyter_books import ROOT
from page_gates import Page

EACH = [
    gates.missing,
    gates.head,
    gates.alternative_texts,
    gates.repeated_ids,
    gates.headings,
    gates.outside,
    gates.error_outputs,
    gates.unrendered,
]
MATHJAX_BYTES = {"tex-chtml-full.js": 1_327_522, "output/chtml/fonts/woff-v2/MathJax_Main-Regular.woff": 34_160}


@pytest.fixture(scope="session")
def made(site: Path) -> list[Page]:
    return gates.pages(site, ROOT / "_toc.yml")


@pytest.mark.parametrize("gate", EACH, ids=lambda gate: gate.__name__)
def test_every_page_passes(gate: Callable[[Page], list[str]], made: list[Page]) -> None:
    assert [finding for page in made for finding in gate(page)] == []


def test_every_internal_link_leads_somewhere(made: list[Page]) -> None:
    known = {page.name: page for page in made}
    assert [finding for page in made for finding in gates.dead_links(page, known)] == []


def test_no_style_sheet_loads_from_elsewhere(site: Path) -> None:
    assert gates.outside_styles(site) == []


def test_pages_images_and_site_stay_within_their_weight(site: Path, made: list[Page]) -> None:
    assert gates.overweight(site, made) == []


def test_the_front_door_has_language_title_and_a_way_in(site: Path) -> None:
    door = Page(site, "index.html")
    assert gates.head(door) == []
    assert door.soup.title.get_text() == "Information Theory in Deep Learning"
    assert gates.dead_links(door, {}) == []
    assert door.soup.find("a", href="book/index.html")


def test_mathjax_travels_with_the_site(site: Path) -> None:
    folder = site / "_static" / "mathjax"
    assert {name: (folder / name).stat().st_size for name in MATHJAX_BYTES} == MATHJAX_BYTES


def test_each_chapter_says_how_it_was_made(made: list[Page]) -> None:
    chapters = [page for page in made if page.name.startswith("notebooks/")]
    assert chapters
    assert all(page.article.select_one(".provenance dd") for page in chapters)


def test_jupyter_book_is_version_one() -> None:
    assert version("jupyter-book").startswith("1."), "version 2 ignores _config.yml and cannot build HTML offline"


def test_no_static_folder_at_the_root() -> None:
    assert not (ROOT / "_static").exists(), "Jupyter Book would put every script of html_static_path on every page"


GOOD = '<html lang="en"><head><title>t</title></head><body><article><h1>A page</h1>{}</article></body></html>'
PLANTED = {
    "missing": (gates.missing, "", "only 2 words"),
    "alt is a file name": (
        gates.alternative_texts,
        '<img src="a.png" alt="the picture file called a.png">',
        "say what it shows",
    ),
    "alt is empty": (gates.alternative_texts, '<img src="a.png">', "say what it shows"),
    "repeated id": (gates.repeated_ids, '<p id="x"></p><p id="x"></p>', "'x' occurs 2 times"),
    "skipped heading": (gates.headings, "<h2>a</h2><h4>b</h4>", "level-4 heading follows level 2"),
    "second title": (gates.headings, "<h1>again</h1>", "2 first-level headings"),
    "outside script": (gates.outside, '<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example"),
    "outside font": (gates.outside, "<style>@font-face{src:url(//f.example/a.woff)}</style>", "loads //f.example"),
    "traceback": (gates.error_outputs, '<div class="output traceback">ZeroDivisionError</div>', "shows an error"),
    "raw role": (gates.unrendered, "<p>{claim}<code>x</code></p>", "raw markup {claim}"),
}


def planted(folder: Path, body: str) -> Page:
    (folder / "page.html").write_text(GOOD.format(body), encoding="utf-8")
    return Page(folder, "page.html")


@pytest.mark.parametrize(("gate", "body", "words"), PLANTED.values(), ids=PLANTED)
def test_each_page_gate_catches_a_planted_fault(
    gate: Callable[[Page], list[str]], body: str, words: str, tmp_path: Path
) -> None:
    findings = gate(planted(tmp_path, body))
    assert len(findings) == 1
    assert words in findings[0]


def test_a_page_without_language_and_title_is_caught(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html><body></body></html>", encoding="utf-8")
    assert gates.head(Page(tmp_path, "page.html")) == ["page.html has no language", "page.html has no title"]


def test_a_page_that_was_not_built_is_caught(tmp_path: Path) -> None:
    assert gates.missing(Page(tmp_path, "page.html")) == ["page.html was not built"]


def test_dead_files_and_dead_anchors_are_caught_and_good_ones_are_not(tmp_path: Path) -> None:
    page = planted(
        tmp_path,
        '<p id="here"></p><a href="#here">1</a><a href="page.html#gone">2</a><a href="none.html">3</a>'
        '<a href="https://example.org/none.html">4</a>',
    )
    found = gates.dead_links(page, {page.name: page})
    assert found == ["page.html: none.html leads nowhere", "page.html: page.html#gone leads nowhere"]


def test_a_style_sheet_with_a_distant_font_is_caught(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text("@import 'https://fonts.example/a.css';", encoding="utf-8")
    assert gates.outside_styles(tmp_path) == ["a.css loads https://fonts.example/a.css"]


def test_a_heavy_page_is_caught(tmp_path: Path) -> None:
    page = planted(tmp_path, "x" * 1_000 * gates.LIMITS["kB a page"])
    assert gates.overweight(tmp_path, [page]) == ["page.html is over the limit"]
