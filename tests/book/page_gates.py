"""Gates on the built pages, without a browser: each takes what it checks and returns its findings, one line each.

They stand beside Sphinx's own warnings and see what Sphinx lets through: dead anchors in raw HTML, alternative texts
that are file names, resources from elsewhere, stored error outputs.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag

LIMITS = {"kB a page": 1_500, "kB an image": 400, "MB the site": 25}
IMAGE_SUFFIX = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
ROLE = re.compile(r"\{[a-z][a-z0-9:_+-]*\}")
CSS_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


@dataclass(frozen=True)
class Page:
    """One built page; `name` is its path from the site's root."""

    site: Path
    name: str

    @property
    def path(self) -> Path:
        return self.site / self.name

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.path.read_text(encoding="utf-8"), "html.parser")

    @cached_property
    def article(self) -> Tag:
        return self.soup.find("article") or self.soup

    @cached_property
    def ids(self) -> set[str]:
        return {str(tag["id"]) for tag in self.soup.find_all(id=True)}


def toc_documents(toc: Path) -> list[str]:
    """Every document the table of contents names, the root first."""
    tree = yaml.safe_load(toc.read_text(encoding="utf-8"))
    return [tree["root"], *(entry["file"] for part in tree["parts"] for entry in part["chapters"])]


def pages(site: Path, toc: Path) -> list[Page]:
    return [Page(site, f"{document}.html") for document in toc_documents(toc)]


def missing(page: Page) -> list[str]:
    if not page.path.is_file():
        return [f"{page.name} was not built"]
    words = len(page.article.get_text().split())
    return [] if words >= 10 else [f"{page.name} holds only {words} words"]


def head(page: Page) -> list[str]:
    """Language and title, which every reader's software announces first."""
    found = []
    if not (page.soup.html and page.soup.html.get("lang")):
        found.append(f"{page.name} has no language")
    if not (page.soup.title and page.soup.title.get_text().strip()):
        found.append(f"{page.name} has no title")
    return found


def alternative_texts(page: Page) -> list[str]:
    """Every image says what it shows; a file name or a word or two does not."""
    texts = [str(image.get("alt") or "").strip() for image in page.article.find_all("img")]
    bad = [text for text in texts if IMAGE_SUFFIX.search(text) or len(text.split()) < 4]
    return [f"{page.name}: an image's alternative text is {text!r}; say what it shows" for text in bad]


def repeated_ids(page: Page) -> list[str]:
    count = Counter(str(tag["id"]) for tag in page.soup.find_all(id=True))
    return [f"{page.name}: id {name!r} occurs {n} times" for name, n in count.items() if n > 1]


def headings(page: Page) -> list[str]:
    """One first-level heading, and no level skipped on the way down."""
    levels = [int(tag.name[1]) for tag in page.article.find_all(re.compile(r"^h[1-6]$"))]
    found = [] if levels.count(1) == 1 else [f"{page.name} has {levels.count(1)} first-level headings"]
    steps = zip([0, *levels], levels, strict=False)
    return found + [f"{page.name}: a level-{b} heading follows level {a}" for a, b in steps if b > a + 1]


def dead_links(page: Page, known: dict[str, Page]) -> list[str]:
    """Links inside the site lead to a file and, where they carry one, to an existing id."""
    addresses = {str(tag["href"]) for tag in page.soup.find_all(["a", "link"], href=True)}
    addresses |= {str(tag["src"]) for tag in page.soup.find_all(src=True)}
    return [f"{page.name}: {address} leads nowhere" for address in sorted(addresses) if _dead(page, address, known)]


def _dead(page: Page, address: str, known: dict[str, Page]) -> bool:
    url = urlsplit(address)
    if url.scheme or url.netloc:
        return False
    target = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path.resolve()
    if not target.is_file():
        return True
    name = target.relative_to(page.site.resolve()).as_posix()
    return bool(url.fragment) and name in known and unquote(url.fragment) not in known[name].ids


def outside(page: Page) -> list[str]:
    """No script, style, font, image or frame comes from another host; plain links may lead there."""
    loaded = [str(tag["src"]) for tag in page.soup.find_all(src=True)]
    loaded += [str(tag["href"]) for tag in page.soup.find_all("link", href=True) if "canonical" not in tag["rel"]]
    loaded += [part for tag in page.soup.find_all("style") for part in CSS_ADDRESS.findall(tag.get_text())]
    away = [address for address in loaded if urlsplit(address).netloc]
    return [f"{page.name} loads {address}" for address in away]


def outside_styles(site: Path) -> list[str]:
    sheets = sorted((site / "_static").rglob("*.css"))
    found = ((sheet, CSS_ADDRESS.findall(sheet.read_text(encoding="utf-8"))) for sheet in sheets)
    return [f"{sheet.name} loads {address}" for sheet, addresses in found for address in addresses]


def error_outputs(page: Page) -> list[str]:
    """Sphinx builds a page with a stored traceback, stderr text or a docutils message without a word."""
    bad = page.article.select(".traceback, .stderr, .system-message, .problematic")
    return [f"{page.name} shows an error: {tag.get_text().strip()[:60]!r}" for tag in bad]


def unrendered(page: Page) -> list[str]:
    """MyST markup that reached the page as text."""
    copy = BeautifulSoup(str(page.article), "html.parser")
    for tag in copy.select("pre, code, .math, script, style"):
        tag.decompose()
    return [f"{page.name} shows raw markup {role}" for role in ROLE.findall(copy.get_text())]


def overweight(site: Path, made: list[Page]) -> list[str]:
    found = [f"{page.name} is over the limit" for page in made if _kb(page.path) > LIMITS["kB a page"]]
    images = (site / "_images").glob("*") if (site / "_images").is_dir() else ()
    found += [f"{image.name} is over the limit" for image in images if _kb(image) > LIMITS["kB an image"]]
    total = sum(_kb(path) for path in site.rglob("*") if path.is_file()) / 1000
    return found + ([f"the site is {total:.0f} MB"] if total > LIMITS["MB the site"] else [])


def _kb(path: Path) -> float:
    return path.stat().st_size / 1000
