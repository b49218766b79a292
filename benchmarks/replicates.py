"""Contenders for the bootstrap of a law of the loss: ours fits all replicates at once, the peer one after the other.

The peer is scipy's BFGS with our analytic gradient, on centred variables and the sum over delta, from the same start:
the strongest setting of it that we found. Each replicate's objective is then compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RUNS, DELTA = 240, 1e-3
SEED = 1


@dataclass(frozen=True)
class Replicates:
    """n resamples of 240 runs whose sizes and losses are like the published ones."""

    n: int
    times: int = 0

    @property
    def setting(self) -> str:
        return f"{RUNS} runs"

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """N, D and L of each run: log-normal sizes, the law of the published refit, errors of half a percent."""
        from itdl.scaling import Law

        draw = np.random.default_rng(SEED)
        n_params = np.exp(draw.normal(np.log(8e8), 1.13, RUNS))
        n_tokens = np.exp(draw.normal(np.log(1.66e10), 1.15, RUNS))
        law = Law(e=1.8172, a=482.01, b=2085.43, alpha=0.3478, beta=0.3658)
        return n_params, n_tokens, law.loss(n_params, n_tokens) * np.exp(draw.laplace(0, 0.0047, RUNS))

    def weights(self) -> np.ndarray:
        """How often each run is in each resample, (n, 240)."""
        from itdl.scaling.fits import resamples

        return resamples(np.random.default_rng(SEED), RUNS, self.n)


def _ours(problem: Replicates) -> Callable[[], Any]:
    from itdl import scaling

    fit = scaling.fit(*problem.data())
    return lambda: fit.bootstrap(np.random.default_rng(SEED), problem.n).objective


def _peer(problem: Replicates) -> Callable[[], np.ndarray]:
    from scipy import optimize

    from itdl import scaling

    n, d, loss = problem.data()
    fit, y = scaling.fit(n, d, loss), np.log(loss)
    n, d = np.log(n) - np.log(n).mean(), np.log(d) - np.log(d).mean()
    start = fit.theta.copy()
    start[2] = np.log(start[2])

    def objective(theta: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray]:
        terms = np.exp([theta[0] - theta[3] * n, theta[1] - theta[4] * d, np.full_like(n, theta[2])])
        total = terms.sum(axis=0)
        r = np.log(total) - y
        within = np.clip(r, -DELTA, DELTA)
        pull = w * within / DELTA / total
        a, b, e = terms @ pull
        slopes = np.array([a, b, e, -(terms[0] * n) @ pull, -(terms[1] * d) @ pull])
        size = np.abs(within)
        return float(np.sum(w * size * (np.abs(r) - size / 2)) / DELTA), slopes

    weights = problem.weights()
    return lambda: np.array([optimize.minimize(objective, start, (w,), jac=True, method="BFGS").fun for w in weights])


BUILDERS = {"ours: replicates": _ours, "peer: replicates, BFGS": _peer}
