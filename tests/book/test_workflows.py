"""The workflows run what people run, with pinned actions, least permissions and no hidden failure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyter_books import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
HIDING = ("pull_request_target", "|| true", "continue-on-error: true")
WRITES = {"actions": "read", "pages": "write", "id-token": "write"}


def faults(text: str) -> list[str]:
    """What makes a workflow unsafe or blind."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    uses = re.findall(r"uses:\s*(\S+)", text)
    found = [f"{action} is not pinned by a full commit" for action in uses if not re.search(r"@[0-9a-f]{40}$", action)]
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("top-level permissions are not exactly contents: read")
    granted = [job["permissions"] for job in workflow["jobs"].values() if "permissions" in job]
    found += [f"a job may have {given}" for given in granted if given != WRITES]
    if not workflow.get("concurrency", {}).get("cancel-in-progress"):
        found.append("superseded runs are not cancelled")
    return found + [f"{word!r} is used" for word in HIDING if word in text]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_workflow_is_safe(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


def test_the_three_workflows_exist() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "pages", "weekly"]


GOOD = WORKFLOWS[0].read_text(encoding="utf-8")
PINNED = re.search(r"actions/checkout@[0-9a-f]{40}", GOOD)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (PINNED and PINNED.group(), "actions/checkout@v7", "actions/checkout@v7 is not pinned"),
        ("contents: read", "contents: write", "top-level permissions"),
        ("runs-on:", "permissions: {packages: write}\n    runs-on:", "a job may have {'packages': 'write'}"),
        ("cancel-in-progress: true", "cancel-in-progress: false", "not cancelled"),
        ("- run: .ci/run", "- run: .ci/run || true", "'|| true' is used"),
        ("  pull_request:", "  pull_request_target:", "'pull_request_target' is used"),
    ],
)
def test_each_fault_of_a_workflow_is_caught(old: str, new: str, words: str) -> None:
    assert old in GOOD
    found = faults(GOOD.replace(old, new))
    assert len(found) == 1
    assert words in found[0]


def test_ci_runs_the_one_command_and_the_command_runs_the_verbs() -> None:
    assert "- run: .ci/run" in GOOD
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in command
    assert re.findall(r"^say make (\w+)", command, re.MULTILINE) == ["lint", "test", "book", "claims"]


def test_pages_builds_nothing_and_publishes_only_tested_pushes() -> None:
    text = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    assert [step for step in yaml.safe_load(text)["jobs"]["deploy"]["steps"] if "run" in step] == []
    assert "workflow_run.conclusion == 'success' && github.event.workflow_run.event == 'push'" in text


def test_hooks_are_local_so_that_they_need_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
