"""The book in a real browser with the network cut off, on a desk, in the dark and on a phone.

One node script looks and reports; what is allowed is decided here. Without Chromium or the node packages these tests
are skipped with the reason, and fail in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import page_gates
import pytest
from jupyter_books import ROOT

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def missing_tool(what: str) -> None:
    if "CI" in os.environ:
        pytest.fail(f"{what}; .ci/run installs it")
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing_tool("no Chromium on the search path and CHROMIUM is not set")
    if shutil.which("node") is None or not (HERE.parent / "node_modules").is_dir():
        missing_tool("node or its packages are absent (npm ci --prefix tests)")
    return str(found)


@pytest.fixture(scope="session")
def seen(chromium: str, site: Path) -> dict[str, Any]:
    names = [page.name for page in page_gates.pages(site, ROOT / "_toc.yml")]
    run = subprocess.run(
        ["node", HERE / "check.mjs", site, *names],
        env={**os.environ, "CHROMIUM": chromium},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(json.loads(run.stdout))


@pytest.fixture(scope="session")
def looks(seen: dict[str, Any]) -> list[dict[str, Any]]:
    """Every look at a page, whichever the variant."""
    return [*seen["pages"], *seen["disk"], *seen["search"]]


def faults(looks: list[dict[str, Any]], key: str) -> list[str]:
    return [f"{look['page']} ({look['variant']}): {look[key]}" for look in looks if look[key]]


@pytest.mark.parametrize("key", ["outside", "console", "failed"])
def test_no_page_asks_outside_complains_or_misses_a_file(key: str, looks: list[dict[str, Any]]) -> None:
    assert faults(looks, key) == []


def test_every_page_was_seen_in_every_variant(seen: dict[str, Any], site: Path) -> None:
    names = {page.name for page in page_gates.pages(site, ROOT / "_toc.yml")}
    expected = {(name, variant) for name in names for variant in ("light", "dark", "phone")}
    assert {(look["page"], look["variant"]) for look in seen["pages"]} == expected


@pytest.mark.parametrize("key", ["broken", "raw", "overflow"])
def test_formulas_are_set_and_nothing_scrolls_sideways(key: str, seen: dict[str, Any]) -> None:
    assert faults([*seen["pages"], *seen["disk"]], key) == []


def test_on_a_desktop_no_equation_is_wider_than_its_place(seen: dict[str, Any]) -> None:
    """It would be cut off at its number, and a reader would have to scroll to see that something is missing."""
    assert faults([look for look in seen["pages"] if look["variant"] != "phone"], "wide") == []


def test_as_many_formulas_are_set_as_were_written(seen: dict[str, Any]) -> None:
    looks = [*seen["pages"], *seen["disk"]]
    assert [look for look in looks if look["formulas"] != look["rendered"]] == []
    assert any(look["formulas"] for look in looks)


def test_every_page_has_title_and_language(seen: dict[str, Any]) -> None:
    assert all(look["title"] and look["lang"] == "en" for look in [*seen["pages"], *seen["disk"]])


def test_the_search_finds_the_ledger_in_every_variant(seen: dict[str, Any]) -> None:
    assert all("/book/ledger.html" in look["hits"] for look in seen["search"])


def test_the_ledger_filters_by_keyboard_and_counts_aloud(seen: dict[str, Any]) -> None:
    ledger = seen["ledger"]
    total = ledger["all"]["shown"]
    assert ledger["all"]["said"] == f"{total} of {total} claims shown"
    assert ledger["verdict"]["chosen"]
    assert 0 < ledger["verdict"]["shown"] < total
    assert ledger["verdict"]["said"] == f"{ledger['verdict']['shown']} of {total} claims shown"
    assert ledger["none"] == {"said": f"0 of {total} claims shown", "shown": 0}
    assert ledger["reset"] == ledger["all"]


def test_a_permalink_shows_its_row_even_when_the_filter_hid_it(seen: dict[str, Any]) -> None:
    assert seen["ledger"]["target"].startswith("claim-")
    assert seen["ledger"]["inView"]


def test_the_ledger_is_complete_without_its_script(seen: dict[str, Any]) -> None:
    assert seen["withoutScript"] == {"rows": seen["ledger"]["all"]["shown"], "controls": 0}


def test_accessibility_has_only_the_known_findings(seen: dict[str, Any]) -> None:
    known = {entry["rule"]: entry["where"] for entry in tomllib.loads((HERE / "axe_known.toml").read_text())["known"]}
    looks = [*seen["pages"], *seen["search"]]
    found = [(look, v["id"], where) for look in looks for v in look["violations"] for where in v["where"]]
    new = [
        f"{look['page']} ({look['variant']}): {rule} at {where}"
        for look, rule, where in found
        if not any(part in where for part in known.get(rule, []))
    ]
    assert new == []
    gone = set(known) - {rule for _, rule, _ in found}
    assert gone == set(), "no longer found: delete these entries of axe_known.toml"
