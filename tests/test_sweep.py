"""`itdl.sweep`: same bits for any number of workers, resumable, kept by content."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samplelab import units

from itdl import project, provenance, sweep
from itdl.checks import BadInput
from itdl.project import Project
from itdl.store import Store

POINTS = [{"seed": 3, "n": n} for n in (2, 30, 120, 7)]


def _same(a: list[sweep.Result], b: list[sweep.Result]) -> bool:
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True)
    )


def _traces(folder: Path) -> list[str]:
    return (folder / "trace").read_text().split()


# Exact


def test_results_come_in_the_order_of_the_points_with_their_types() -> None:
    found = sweep.run(units.spectrum, POINTS)
    assert [r["eigenvalues"].shape for r in found if not isinstance(r["eigenvalues"], float)] == [
        (2,),
        (30,),
        (120,),
        (7,),
    ]
    assert all(type(r["half"]) is float for r in found)
    assert found[0]["half"] == units.spectrum(**POINTS[0])["half"]


# Laws


def test_two_workers_give_the_bits_of_one() -> None:
    assert _same(sweep.run(units.spectrum, POINTS, jobs=2), sweep.run(units.spectrum, POINTS, jobs=1))


def test_the_order_of_points_changes_no_number() -> None:
    assert _same(sweep.run(units.spectrum, POINTS[::-1])[::-1], sweep.run(units.spectrum, POINTS))


def test_stored_results_are_the_fresh_ones(sample: Project, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fresh = sweep.run(units.spectrum, POINTS, store=store)
    assert _same(sweep.run(units.spectrum, POINTS, store=store), fresh)
    assert _same(sweep.run(units.spectrum, POINTS), fresh)


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_unit_has_one_thread(jobs: int) -> None:
    assert [r["most"] for r in sweep.run(units.threads, [{"i": i} for i in range(3)], jobs=jobs)] == [1.0] * 3


# Resuming


def test_finished_units_are_not_computed_again(sample: Project, tmp_path: Path) -> None:
    store, points = Store(tmp_path / "store"), [{"folder": str(tmp_path), "i": i} for i in range(4)]
    sweep.run(units.counted, points[:2], store=store)
    assert [r["square"] for r in sweep.run(units.counted, points, store=store)] == [0, 1, 4, 9]
    assert _traces(tmp_path) == ["0", "1", "2", "3"]


def test_the_environment_names_the_store(sample: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITDL_STORE", str(tmp_path / "store"))
    for _ in range(2):
        sweep.run(units.counted, [{"folder": str(tmp_path), "i": 3}])
    assert _traces(tmp_path) == ["3"]


def test_what_units_cost_is_noted_also_when_they_were_computed_before(
    sample: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs, kept = tmp_path / "costs", Store(tmp_path / "store")
    monkeypatch.setenv("ITDL_COSTS", str(costs))
    points = [{"n": 300, "seed": s} for s in range(3)]
    for chosen in (points[:2], points):
        sweep.run(units.spectrum, chosen, store=kept)
    first, second = ([float(x) for x in line.split()] for line in costs.read_text().splitlines())
    assert (first[:2], second[:2]) == ([2, 2], [3, 1])
    assert 0 < first[2] < second[2] < 60


def test_a_failing_unit_names_its_parameters_and_keeps_what_was_finished(sample: Project, tmp_path: Path) -> None:
    store, points = Store(tmp_path / "store"), [{"folder": str(tmp_path), "i": i} for i in (1, 2, -1, 4)]
    with pytest.raises(RuntimeError, match=r"counted failed at .*'i': -1.*ArithmeticError: below zero"):
        sweep.run(units.counted, points, store=store)
    sweep.run(units.counted, points[:2], store=store)
    assert _traces(tmp_path) == ["1", "2"]


@pytest.mark.parametrize("part", ["modules", "constraints"])
def test_other_code_or_versions_compute_again(
    part: str, sample: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, points = Store(tmp_path / "store"), [{"folder": str(tmp_path), "i": 5}]
    sweep.run(units.counted, points, store=store)
    if part == "constraints":
        (project.find().root / "constraints.txt").write_text("numpy==2.4.5\n")
    else:
        monkeypatch.setattr(provenance, "reach", lambda modules: dict.fromkeys(modules, "edited"))
    sweep.run(units.counted, points, store=store)
    assert _traces(tmp_path) == ["5", "5"]


# Limits


def test_a_worker_that_has_grown_is_replaced_without_a_word_or_a_loss() -> None:
    """Warnings are errors here, also in joblib's threads; a page must not end over one."""
    found = sweep.run(units.grown, [{"i": i} for i in (0, 0, 1, 2, 3, 4, 5)], jobs=2)
    assert [r["i"] for r in found] == [0, 0, 1, 2, 3, 4, 5]
    assert len({r["pid"] for r in found}) > 2


def test_no_points_give_no_results() -> None:
    assert sweep.run(units.spectrum, []) == []


def test_nothing_is_written_to_stderr_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    sweep.run(units.spectrum, POINTS[:1])
    assert capsys.readouterr().err == ""
    sweep.run(units.spectrum, POINTS[:2], progress=True)
    assert capsys.readouterr().err.endswith("unit 2 of 2, 0 s left\n")


# Bad input


@pytest.mark.parametrize("jobs", ["0", "many", "-1", "1.5"])
def test_a_wrong_number_of_jobs_is_refused(jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITDL_JOBS", jobs)
    with pytest.raises(BadInput, match="whole number above zero"):
        sweep.run(units.spectrum, POINTS)


def test_a_unit_that_cannot_be_imported_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be imported by a worker"):
        sweep.run(lambda i: {"x": i}, [{"i": 1}])


@pytest.mark.parametrize("unit", [units.text, units.plain])
def test_a_result_that_is_no_mapping_of_numbers_is_refused(unit: Any) -> None:
    with pytest.raises(RuntimeError, match=r"failed at \{'i': 1\}"):
        sweep.run(unit, [{"i": 1}])


def test_a_scheduler_without_dask_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITDL_SCHEDULER", "tcp://127.0.0.1:8786")
    absent = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else absent(name))
    with pytest.raises(BadInput, match="`distributed` is not installed"):
        sweep.run(units.spectrum, POINTS)


def test_a_parameter_that_is_not_finite_names_no_result(sample: Project, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot name a result"):
        sweep.run(units.counted, [{"folder": "", "i": float("nan")}], store=Store(tmp_path))
