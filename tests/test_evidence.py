"""`itdl.runner.evidence`: what an executed notebook must show, what is stamped and what is left out."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from itdl import claims
from itdl.checks import DataError
from itdl.project import Project
from itdl.runner import chapters, evidence

Notebook = dict[str, Any]


def _read(home: Project) -> Notebook:
    notebook: Notebook = json.loads((home.executed / "01_coin.ipynb").read_text())
    return notebook


def _verified(home: Project, notebook: Notebook) -> list[claims.Record]:
    path = home.executed / "01_coin.ipynb"
    path.write_bytes(evidence.serialise(notebook))
    return evidence.verify(path, claims.registry(home.claims))


def _code(notebook: Notebook) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


# Exact


def test_a_whole_notebook_gives_its_records(finished: Project) -> None:
    records = _verified(finished, _read(finished))
    assert [(r.id, r.verdict) for r in records] == [("coin-fair", "reproduced"), ("coin-sampled", "reproduced")]


def test_the_stamp_says_where_the_result_came_from(finished: Project) -> None:
    found = chapters.stamp(finished.executed / "01_coin.ipynb")
    assert found["profile"] == "book"
    assert found["parameters"]["seed"] == 7
    assert found["commit"] == "unknown"
    assert found["versions"]["python"].startswith("3.11.")
    assert found["seconds"] > 0
    assert found["units"] == {"count": 0, "computed": 0, "cpu_seconds": 0}
    assert 20 < found["peak_memory_mb"] < 2000
    assert found["machine"]["cores"] >= 1


def test_the_committed_form_leaves_out_what_depends_on_machine_and_hour(finished: Project) -> None:
    notebook = _read(finished)
    kept = evidence.stripped(notebook)["metadata"]
    assert set(kept["itdl"]) == {"key", "components", "parameters", "profile", "versions"}
    assert "version" not in kept["language_info"]
    assert "+" not in json.dumps(kept["itdl"]["versions"])


def test_a_notebook_is_written_sorted_with_indent_one_and_a_final_newline() -> None:
    assert evidence.serialise({"b": "é", "a": [1]}) == '{\n "a": [\n  1\n ],\n "b": "é"\n}\n'.encode()


# Laws


def test_stripping_keeps_ids_outputs_and_counts_and_changes_nothing_twice(finished: Project) -> None:
    notebook = _read(finished)
    before = copy.deepcopy(notebook)
    once = evidence.stripped(notebook)
    assert notebook == before
    assert once["cells"] == notebook["cells"]
    assert evidence.stripped(once) == once


def test_an_executed_notebook_carries_no_time_stamp_of_papermill(finished: Project) -> None:
    notebook = _read(finished)
    assert "papermill" not in notebook["metadata"]
    assert all(not {"papermill", "execution"} & set(cell["metadata"]) for cell in notebook["cells"])
    assert all(cell["metadata"].get("tags") != [] for cell in notebook["cells"])


# Bad input


def _not_run(notebook: Notebook) -> None:
    _code(notebook)[2]["execution_count"] = None


def _raised(notebook: Notebook) -> None:
    _code(notebook)[2]["outputs"] = [{"output_type": "error", "ename": "SystemExit", "evalue": "0", "traceback": []}]


def _warned(notebook: Notebook) -> None:
    _code(notebook)[2]["outputs"] = [{"output_type": "stream", "name": "stderr", "text": ["careful\n", "more\n"]}]


def _no_record(notebook: Notebook) -> None:
    _code(notebook)[-1]["outputs"] = []


def _doctored(notebook: Notebook) -> None:
    output = next(o for o in _code(notebook)[-1]["outputs"] if "itdl_claims" in o["metadata"])
    output["metadata"]["itdl_claims"][0]["measured"]["high"] = 5.0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_not_run, "01_coin.ipynb: code cell 3 was not executed"),
        (_raised, "01_coin.ipynb: code cell 3 ended with SystemExit: 0"),
        (_warned, "01_coin.ipynb: code cell 3 wrote to stderr (careful)"),
        (_no_record, "01_coin.ipynb holds no claims record"),
        (_doctored, "but its numbers say"),
    ],
)
def test_a_notebook_that_is_not_whole_is_no_evidence(
    finished: Project, spoil: Callable[[Notebook], None], words: str
) -> None:
    notebook = _read(finished)
    spoil(notebook)
    with pytest.raises(DataError) as caught:
        _verified(finished, notebook)
    assert words in str(caught.value)


def test_the_commit_is_stamped_and_marked_when_the_tree_is_dirty(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    head = git("rev-parse", "HEAD").strip()
    assert evidence.commit(Project(tmp_path)) == head
    (tmp_path / "file").write_text("2")
    assert evidence.commit(Project(tmp_path)) == f"{head}-dirty"
