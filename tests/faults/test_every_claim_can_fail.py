"""Every committed verdict rests on a gate that can fail: wrong numbers, planted one claim at a time, are noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from itdl import claims, project
from itdl.checks import DataError

HOME = project.find(Path(__file__).resolve().parent)
KNOWN = claims.registry(HOME.claims)
CLAIMS = {claim.id: claim for claim in KNOWN}
NOTEBOOKS = {path.stem: path for path in sorted(HOME.notebooks.glob("[0-9][0-9]_*.ipynb"))}
RECORDS = {record.id: record for path in NOTEBOOKS.values() for record in claims.read(path, KNOWN)}
DECIDED = [name for name, record in RECORDS.items() if record.measured is not None]


def test_the_committed_notebooks_say_what_the_registry_commits_to() -> None:
    assert set(RECORDS) == set(CLAIMS)
    assert claims.differences(RECORDS.values(), KNOWN) == []


@pytest.mark.parametrize("name", DECIDED)
def test_a_planted_violation_in_place_of_the_measurement_changes_the_verdict(name: str) -> None:
    claim, record = CLAIMS[name], RECORDS[name]
    assert record.measured is not None
    assert record.control is not None
    planted = record.control
    found = claim.judge(planted, record.measured, None if record.limit is None else planted)
    assert found != record.verdict
    assert len(claims.differences([replace(record, verdict=found)], KNOWN)) == 1


@pytest.mark.parametrize("name", DECIDED)
def test_a_number_bent_in_the_notebook_is_noticed(name: str, tmp_path: Path) -> None:
    path = NOTEBOOKS[CLAIMS[name].chapter]
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (stored,) = (
        output["metadata"][claims.METADATA_KEY]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if claims.METADATA_KEY in output.get("metadata", {})
    )
    record = next(r for r in stored if r["id"] == name)
    for part in ("measured", "limit"):
        if record[part] is not None:
            record[part] = record["control"]
    bent = tmp_path / path.name
    bent.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(DataError, match=f"{name} is stored as"):
        claims.read(bent, KNOWN)
