"""Writes tests/goldens/npeet_<commit>.json: what NPEET answers to small problems, for tests without it.

`.venv-bench/bin/python benchmarks/npeet_goldens.py`. NPEET adds noise of 1e-10 to its samples before it looks for
neighbours; it is switched off here, so that its answers can be compared to the last digits.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from contenders import NPEET_COMMIT, npeet

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
SIZES = {"1+1": (200, 1, 1), "2+3": (150, 2, 3), "6+5": (100, 6, 5)}


def case(name: str) -> dict[str, Any]:
    """Correlated samples of unequal scales, and NPEET's estimate in nats for several k."""
    n, d, e = SIZES[name]
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, d)).round(6)
    y = (x @ rng.standard_normal((d, e)) + 0.5 * rng.standard_normal((n, e))).round(6)
    found = {str(k): float(npeet().mi(x, y, k=k, base=np.e)) for k in (1, 3, 10)}
    return {"name": name, "x": x.tolist(), "y": y.tolist(), "information": found}


def main() -> None:
    golden = {"commit": NPEET_COMMIT, "date": datetime.now(UTC).date().isoformat(), "cases": [*map(case, SIZES)]}
    (GOLDENS / f"npeet_{NPEET_COMMIT}.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
