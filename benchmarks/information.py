"""Contenders for information from samples: critics trained by both sides, and the neighbours of two more peers.

The peer of critics is InfoNCE of benchmark-mi with its own defaults: half of the samples train, every 250 steps the
other half is judged, and the best of these values is reported. Ours chooses the epoch on a quarter and reports another
quarter, which is the stricter rule; by the peer's rule (`best of the checks`) it is the largest value of that run.
Both in single precision, one sample after the other; `stacked` trains all samples at once.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

NEIGHBOURS = 3
STEPS, BATCH = 1500, 128


@dataclass(frozen=True)
class Sets:
    """`sets` samples of n pairs: `dims` + `dims` normal coordinates that share `information` nats in all."""

    n: int
    dims: int
    information: float
    sets: int = 3
    times: int = 0

    @property
    def setting(self) -> str:
        return f"{self.dims}+{self.dims} dimensions"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y, (sets, n, dims) each."""
        rng = np.random.default_rng([self.n, self.dims, self.sets])
        rho = np.sqrt(1 - np.exp(-2 * self.information / self.dims))
        x, noise = rng.standard_normal((2, self.sets, self.n, self.dims))
        return x, rho * x + np.sqrt(1 - rho**2) * noise


def bmi(module: str) -> Any:
    """A module of benchmark-mi. Its package imports all samplers, and with them TensorFlow Probability: passed by."""
    if "bmi" not in sys.modules:
        spec = importlib.util.find_spec("bmi")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("benchmark-mi is not installed; see requirements.txt")
        bare = types.ModuleType("bmi")
        bare.__path__ = list(spec.submodule_search_locations)
        sys.modules["bmi"] = bare
    return importlib.import_module(f"bmi.{module}")


def _ours(problem: Sets, stacked: bool) -> Callable[[], np.ndarray]:
    """(2, sets): values on the last quarters, and the best of the checks on the quarters before."""
    import torch

    from itdl import critics, rng

    torch.set_num_threads(1)
    x, y = problem.data()
    critic = critics.Critic("separable", problem.dims, problem.dims)
    epochs = -(-STEPS * BATCH // (problem.n // 2))
    options: dict[str, Any] = {"epochs": epochs, "batch": BATCH, "dtype": torch.float32}
    sides = [slice(None)] if stacked else [slice(i, i + 1) for i in range(problem.sets)]

    def call() -> np.ndarray:
        streams = [rng.torch_stream(1, "benchmark", i) for i in range(problem.sets)]
        runs = [critics.estimate(critic, "InfoNCE", x[s], y[s], streams[s], **options) for s in sides]
        return np.concatenate([[run.value, run.validation.max(axis=0)] for run in runs], axis=1)

    return call


def _peer(problem: Sets) -> Callable[[], np.ndarray]:
    """(1, sets): its InfoNCE with its defaults."""
    estimator = bmi("estimators.neural").InfoNCEEstimator
    x, y = problem.data()
    return lambda: np.array([[estimator(verbose=False).estimate(a, b) for a, b in zip(x, y, strict=True)]])


def _bmi_neighbours(problem: Any) -> Callable[[], float]:
    estimator = bmi("estimators.ksg").KSGEnsembleFirstEstimator(neighborhoods=(NEIGHBOURS,))
    x, y = problem.data()
    return lambda: float(estimator.estimate(x, y))


def _sklearn_neighbours(problem: Any) -> Callable[[], float]:
    """One coordinate a side; it scales both and adds a little noise."""
    from sklearn.feature_selection import mutual_info_regression

    x, y = problem.data()
    return lambda: float(mutual_info_regression(x, y[:, 0], n_neighbors=NEIGHBOURS, random_state=0)[0])


BUILDERS: dict[str, Callable[[Any], Callable[[], Any]]] = {
    "ours: critics": lambda p: _ours(p, stacked=False),
    "ours: critics, stacked": lambda p: _ours(p, stacked=True),
    "peer: critics": _peer,
    "peer, bmi: neighbours": _bmi_neighbours,
    "peer, scikit-learn: neighbours": _sklearn_neighbours,
}
