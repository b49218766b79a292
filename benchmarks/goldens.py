"""Writes tests/goldens/neural_tangents_<version>.json: what the peer answers to small problems, for tests without it.

`.venv-bench/bin/python benchmarks/goldens.py`
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from contenders import neural_tangents, peer_kernel_fn

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
SCALES = ((1.5, 0.05), (1.0, 0.0), (2.0, 1.0))  # sigma_w, sigma_b
TIMES = (0.0, 0.3, 2.0, 40.0, 3000.0, 1e7)  # on the peer's clock: tau = t/(n k)


def problem() -> dict[str, np.ndarray]:
    """Eight points and four test points in three dimensions, two outputs; inputs of very different lengths."""
    rng = np.random.default_rng(0)
    x, y, x_test = (rng.standard_normal(shape).round(6) for shape in ((8, 3), (8, 2), (4, 3)))
    return {"x": x * np.geomspace(0.5, 4, 8)[:, None], "y": y, "x_test": x_test}


def case(activation: str, depth: int, sigma_w: float, sigma_b: float) -> dict[str, Any]:
    """Kernels among and across the points, ensemble mean and covariance at the test points and `TIMES`."""
    _, nt = neural_tangents()
    x, y, x_test = problem().values()
    architecture = {"activation": activation, "depth": depth, "sigma_w": sigma_w, "sigma_b": sigma_b}
    kernel_fn = peer_kernel_fn(**architecture)
    predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y, diag_reg=0.0)
    ensemble = predict(t=np.array(TIMES), x_test=x_test, get="ntk", compute_cov=True)
    square, cross = (kernel_fn(*inputs, ("nngp", "ntk")) for inputs in ((x, None), (x_test, x)))
    answers = {
        "nngp": square.nngp,
        "ntk": square.ntk,
        "nngp_cross": cross.nngp,
        "ntk_cross": cross.ntk,
        "mean": ensemble.mean,
        "cov": ensemble.covariance,
    }
    return {"architecture": architecture, **{name: np.asarray(value).tolist() for name, value in answers.items()}}


def main() -> None:
    cases = [case(phi, depth, *scales) for phi, depth, scales in product(("erf", "relu"), (1, 3), SCALES)]
    golden = {
        "peer": {name: version(name) for name in ("neural-tangents", "jax", "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
        **{name: array.tolist() for name, array in problem().items()},
        "times": TIMES,
        "cases": cases,
    }
    path = GOLDENS / f"neural_tangents_{version('neural-tangents')}.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
