"""Neighbours against stored answers of NPEET, an implementation not related to ours.

NPEET is not needed here; `benchmarks/npeet_goldens.py` made the file, with NPEET's noise switched off.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from itdl.estimators import ksg

GOLDEN = json.loads((Path(__file__).parent / "goldens" / "npeet_8b0d948.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_neighbours_agree_with_npeet(case: dict[str, Any]) -> None:
    for k, theirs in case["information"].items():
        assert abs(ksg(case["x"], case["y"], int(k)) - theirs) < 1e-12


def test_the_golden_file_covers_the_plane_and_more_than_one_dimension_a_side() -> None:
    assert [(len(case["x"][0]), len(case["y"][0])) for case in GOLDEN["cases"]] == [(1, 1), (2, 3), (6, 5)]
    assert all(set(case["information"]) == {"1", "3", "10"} for case in GOLDEN["cases"])
