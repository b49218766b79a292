"""The front documents keep their word: commands, files, links, limits and versions they name are real.

A README goes stale without anybody noticing, so each thing in it that a program can look up is looked up here.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import itdl
from itdl import claims, cli

ROOT = Path(__file__).resolve().parents[1]
FRONT = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "ARCHITECTURE")]
GUIDES = [*FRONT, ROOT / "book" / "how_to_read.md", ROOT / "book" / "index.md"]
README, CONTRIBUTING = (path.read_text(encoding="utf-8") for path in FRONT[:2])
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
VERBS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
PARENTS = (ROOT, ROOT / "notebooks", ROOT / "tests")
MADE = ("_build", ".venv", "~")
TEXT = {
    ".cff",
    ".cfg",
    ".css",
    ".js",
    ".json",
    ".md",
    ".mjs",
    ".py",
    ".toml",
    ".txt",
    ".yml",
    ".yaml",
    ".bib",
    ".ipynb",
    "",
}
FOLDERS = (".ci", ".github", "benchmarks", "book", "notebooks", "src", "tests")
PRIVATE = {
    "a path of one machine": re.compile(r"(?<![\w.$}>])/(?:work|root|home|opt|Users)/\w"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|github_pat_\w{22,}|hf_[A-Za-z]{34})\b"),
    "a password": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|token)\b['\"]?\s*[:=]\s*['\"][^'\"\s]{12,}['\"]"
    ),
    "a login inside an address": re.compile(r"://[^\s/:@'\"]+:[^\s/@'\"]+@"),
}


def code(text: str) -> list[str]:
    """What a page shows as code: fenced blocks, then spans outside of them."""
    return FENCED.findall(text) + SPAN.findall(FENCED.sub("", text))


def commands(text: str, start: str) -> set[str]:
    """The verbs that the page's code calls with `start`, as in `make book`."""
    return {verb for piece in code(text) for verb in re.findall(rf"(?:^|[ /]){start} ([a-z]+)\b", piece, re.MULTILINE)}


def unknown_verbs(text: str) -> list[str]:
    wrong = [f"make {verb}" for verb in sorted(commands(text, "make") - VERBS)]
    return wrong + [f"python -m itdl {verb}" for verb in sorted(commands(text, "python -m itdl")) if not _is_verb(verb)]


def _is_verb(verb: str) -> bool:
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    return end.value.code == 0


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links of `page` that lead to no file."""
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text))]
    return [link for link in links if link and "://" not in link and not (page.parent / link).exists()]


def missing_files(text: str) -> list[str]:
    """Paths in code spans that lie neither in the checkout nor among what is made; patterns are left out."""
    spans = [span for span in SPAN.findall(FENCED.sub("", text)) if re.fullmatch(r"\.?\w[\w./-]*/[\w./-]*", span)]
    named = [span for span in spans if not span.startswith(MADE) and "NN" not in span]
    return [span for span in named if not any((folder / span).exists() for folder in PARENTS)]


def private(text: str) -> list[str]:
    return [what for what, pattern in PRIVATE.items() if pattern.search(text)]


def texts() -> Iterator[Path]:
    """Every text file of the checkout, whether git is there to ask or not."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.iterdir(), *inside]:
        if path.is_file() and path.suffix in TEXT and not {"node_modules", "__pycache__"} & set(path.parts):
            yield path


# The README


def test_the_readme_opens_with_one_sentence_and_exactly_the_two_commands() -> None:
    head, block = README.split("```bash\n", 1)
    title, sentence = head.strip().split("\n\n")
    assert title == "# Information Theory in Deep Learning"
    assert sentence.count(".") == 1
    assert [line.split("#")[0].strip() for line in block.split("```")[0].splitlines()] == ["make book", "make test"]


def test_the_readme_goes_on_with_read_rerun_validate_cite() -> None:
    headings = re.findall(r"^## (\w+)", README, re.MULTILINE)
    assert headings[:4] == ["Read", "Rerun", "Validate", "Cite"]
    assert len(README.splitlines()) <= 128  # a line or so for each chapter, and one page


def test_the_readme_and_the_book_validate_with_the_command_of_make_test() -> None:
    flags = "--nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks/"
    for page in (README, (ROOT / "book" / "how_to_read.md").read_text(encoding="utf-8")):
        [block] = [piece for piece in code(page) if "--nbval" in piece]
        assert re.sub(r"[\s\\]+", " ", block).strip() == f".venv/bin/python -m pytest {flags}"
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(flag in recipe for flag in flags.split())


def test_the_readme_says_what_was_not_tried() -> None:
    [line] = re.findall(r"^- \*\*Not tried\*\*: (.*)$", README, re.MULTILINE)
    assert all(word in line for word in ("conda", "Binder", "Windows", "macOS", "environment.yml"))
    assert "It does not apply `constraints.txt`" in README
    assert "constraints" not in str(yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8")))


def test_the_exit_codes_are_the_programs() -> None:
    listed = {int(number): words for number, words in re.findall(r"^\| (\d) \| (.+) \|$", README, re.MULTILINE)}
    words = {cli.HOLDS: "committed", cli.DIFFERS: "changed", cli.BAD_INPUT: "bad input", cli.BROKEN: "broken"}
    words[cli.INTERRUPTED] = "interrupted"
    assert listed.keys() == words.keys()
    assert all(word in listed[number] for number, word in words.items())


def test_the_profiles_are_the_files() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", README, re.MULTILINE))
    assert listed == {"book", *(path.stem for path in (ROOT / "notebooks" / "profiles").glob("*.yml"))}


# All pages


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_link_and_file_named_is_real(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert unknown_verbs(text) == []
    assert dead_links(page, text) == []
    assert missing_files(text) == []


def test_a_wrong_command_link_and_file_are_caught() -> None:
    text = "`make book` `make bok` `python -m itdl list`\n\n```bash\n.venv/bin/python -m itdl lst\n```\n"
    assert unknown_verbs(text) == ["make bok", "python -m itdl lst"]
    assert dead_links(FRONT[0], "[a](LICENSE) [b](LICENCE#x) [c](https://example.org) [d](#here)") == ["LICENCE"]
    assert missing_files("`src/itdl/cli.py` `src/itdl/cly.py` `_build/html` `profiles/` `notebooks/NN_x.py`") == [
        "src/itdl/cly.py"
    ]


def test_lines_have_at_most_the_length_of_code() -> None:
    width = PYPROJECT["tool"]["ruff"]["line-length"]
    lines = [(page.name, line) for page in FRONT[:4] for line in page.read_text(encoding="utf-8").splitlines()]
    assert [(name, line) for name, line in lines if len(line) > width] == []


# Contributing


def test_the_example_of_a_claim_is_accepted_by_the_registry(tmp_path: Path) -> None:
    [entry] = [piece for piece in code(CONTRIBUTING) if "[[claim]]" in piece]
    (tmp_path / "01_example.toml").write_text(entry, encoding="utf-8")
    [claim] = claims.registry(tmp_path)
    assert set(claims.Claim.__dataclass_fields__) - set(tomllib.loads(entry)["claim"][0]) == {
        "chapter",
        "limit",
        "setting",
        "note",
    }
    assert f'ledger.check("{claim.id}", measured, control=planted)' in CONTRIBUTING


def test_the_limits_on_chapters_are_those_of_the_source_gates() -> None:
    gates = (ROOT / "tests" / "book" / "source_gates.py").read_text(encoding="utf-8")
    limits = ast.literal_eval(re.search(r"^LIMITS = (\{.*?\})$", gates, re.MULTILINE | re.DOTALL)[1])  # type: ignore[index]
    [paragraph] = re.findall(r"^- \*\*Lints\*\*.*?(?=\n[-#\n])", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert [int(number) for number in re.findall(r"\b\d+\b", paragraph)] == list(limits.values())


def test_each_step_of_ci_is_named_in_the_contributors_page() -> None:
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for verb in re.findall(r"^say make (\w+)", command, re.MULTILINE):
        assert f"`make {verb}`" in CONTRIBUTING


# Citation, licences, changelog


def test_the_citation_has_its_required_fields_and_the_packages_version() -> None:
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == itdl.__version__ == PROJECT["version"]
    assert CITATION["title"] == PROJECT["description"]
    assert CITATION["license"] == PROJECT["license"]


def test_the_papers_cited_are_those_of_the_bibliography() -> None:
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    for reference in CITATION["references"]:
        [arxiv] = [one["value"].removeprefix("arXiv:") for one in reference["identifiers"]]
        entry = next(e for e in bibliography.split("\n@") if arxiv in e)
        assert reference["title"] in entry
        assert f"{{{reference['year']}}}" in entry
        assert all(author["family-names"] in entry for author in reference["authors"])


def test_both_licences_are_there_and_named_in_the_package_and_the_readme() -> None:
    assert PROJECT["license-files"] == ["LICENSE", "LICENSE-text"]
    words = {"LICENSE": "BSD 3-Clause License", "LICENSE-text": "SPDX-License-Identifier: CC-BY-4.0"}
    for name, opening in words.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert opening in text
        assert "Copyright (c) 2026, The itdl contributors" in text
        assert f"[{name}]({name})" in README


def test_the_changelog_has_this_version_and_its_changed_numbers() -> None:
    changelog = FRONT[2].read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == itdl.__version__
    headings = re.findall(r"^### (.+)$", changelog, re.MULTILINE)
    assert headings == ["Added", "Changed", "Fixed", "Changed numbers"]


# Nothing private


def test_no_file_holds_a_machines_path_or_a_secret() -> None:
    found = {str(path.relative_to(ROOT)): private(path.read_text(encoding="utf-8")) for path in texts()}
    assert {"README.md", "Makefile", "src/itdl/cli.py", ".ci/run", ".github/workflows/ci.yml"} <= found.keys()
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        ("see /" + "home/me/x", "a path of one machine"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "a private key"),
        ("AKIA" + "A" * 16, "an access key"),
        ("ghp" + "_" + "a" * 36, "an access key"),
        ("token" + ' = "' + "x" * 20 + '"', "a password"),
        ("https://me" + ":word@example.org", "a login inside an address"),
    ],
)
def test_what_is_private_is_caught(planted: str, what: str) -> None:
    assert private(planted) == [what]


@pytest.mark.parametrize("text", ["notebooks/work/x", "https://example.org/home/x", "`token = next(tokens)`", "a: b@c"])
def test_what_only_looks_private_is_let_through(text: str) -> None:
    assert private(text) == []
