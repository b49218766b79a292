"""Writes tests/goldens/curvlinops_<version>.json: what curvlinops answers for two small networks, for tests without it.

`.venv-bench/bin/python benchmarks/curvlinops_goldens.py`
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curvature import Curvature, curvlinops_dense, module

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
OPERATORS = {"ggn": "GGNLinearOperator", "empirical": "EFLinearOperator", "hessian": "HessianLinearOperator"}


def case(problem: Curvature) -> dict[str, Any]:
    """Weights, inputs and labels, and the three matrices of the summed cross-entropy, in double precision."""
    model, x, y = module(problem)
    model, x = model.double(), x.double()
    found = {name: curvlinops_dense(operator, model, x, y).tolist() for name, operator in OPERATORS.items()}
    weights = [p.tolist() for p in model.parameters()]
    return {"widths": problem.widths, "parameters": weights, "x": x.tolist(), "y": y.tolist(), **found}


def main() -> None:
    peers = {name: version(name) for name in ("curvlinops-for-pytorch", "torch")}
    cases = [case(Curvature(7, widths)) for widths in ((2, 3, 3), (3, 2, 2, 4))]
    golden = {"peer": peers, "date": datetime.now(UTC).date().isoformat(), "cases": cases}
    (GOLDENS / f"curvlinops_{peers['curvlinops-for-pytorch']}.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
