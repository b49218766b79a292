"""The benchmark's page: its tables are those of the saved results, and a wrong answer never counts as fast."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "report", raising=False)
    import report

    return report


def _task(deviation: float, median: float, goal: float) -> dict[str, Any]:
    ratio = {"ours_s": 1.0, "peer_s": median, "median": median, "min": median, "max": median, "goal": goal}
    return {"ratios": {"kernels": ratio}, "accuracy": {"ntk": (deviation, 1e-12)}}


def test_the_tables_in_the_readme_are_those_of_the_saved_results(report: ModuleType) -> None:
    readme = (BENCHMARKS / "README.md").read_text()
    assert readme.count("| NNGP and NTK | erf | 1000 |") >= 1
    assert report.page(readme) == readme


def test_every_saved_result_agrees_with_the_peer_and_with_the_formulas_time_by_time() -> None:
    for path in (BENCHMARKS / "results").glob("*.json"):
        for task in json.loads(path.read_text())["tasks"]:
            assert {name: found for name, (found, allowed) in task["accuracy"].items() if not found <= allowed} == {}


@pytest.mark.parametrize(
    ("deviation", "median", "goal", "said"),
    [
        (1e-13, 3.0, 3.0, "goal 3: reached"),
        (1e-13, 2.9, 3.0, "goal 3: missed"),
        (1e-13, 2.9, 0.0, ""),
        (1e-11, 9.0, 3.0, "wrong answer"),
        (float("nan"), 9.0, 3.0, "wrong answer"),
    ],
)
def test_a_ratio_counts_only_beside_a_right_answer(
    report: ModuleType, deviation: float, median: float, goal: float, said: str
) -> None:
    task = _task(deviation, median, goal)
    assert report.verdict(task, task["ratios"]["kernels"]) == said


def test_a_deviation_above_the_allowed_one_is_named_in_the_text(report: ModuleType) -> None:
    task = _task(1e-11, 9.0, 3.0)
    task |= {"task": "kernels", "setting": "erf", "n": 9, "first_call_cpu_s": {}, "cpu_s": {}}
    assert "1.0e-11, allowed 1e-12: VIOLATED" in report.text(task)


def test_speeds_are_tokens_over_the_median_second(report: ModuleType) -> None:
    task = _task(1e-13, 3.0, 3.0) | {"cpu_s": {"ours": [1.0, 2.0, 9.0]}}
    assert report.speeds(task) == {}
    assert report.speeds(task | {"tokens": 1000}) == {"ours": 500.0}


def test_all_trainings_end_at_the_same_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "trainings", raising=False)
    import trainings

    problem = trainings.Trainings(n=3, width=8, steps=25)
    ends = [build(problem)() for build in trainings.BUILDERS.values()]
    assert problem.tokens == 3 * 25 * 16 * 32
    for end in ends[1:]:
        assert_allclose(end, ends[0], atol=1e-4)
    assert ends[0].mean() < np.log(64) + 0.02
    assert ends[0].std() > 1e-3
