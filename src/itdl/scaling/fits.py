"""Fits a law of the loss to training runs: every form, many starts at once, and all bootstrap replicates at once.

    minimise  1/delta sum_i Huber_delta( ln L_law(N_i, D_i) - ln L_i )

over (ln A, ln B, E, alpha, beta), E >= 0, and, for the free form, ln s (the law is that of `power_laws`). The sum is
never averaged: optimisers with absolute tolerances stop early on a small objective. For delta far below the residuals
this is least absolute deviations. ln L is fitted, so errors are relative.

Sources: hoffmann2022training, section 3.3 (objective); besiroglu2024chinchilla (what an unconverged fit does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite
from itdl.robust import Solution, huber, regress
from itdl.scaling.forms import Points, points
from itdl.scaling.power_laws import Law, variables
from itdl.scaling.projection import starting_laws

__all__ = ["Bootstrap", "Fit", "fit", "objective", "resamples"]

E = 2  # place of E in theta
COUPLINGS = {"additive": (1.0,), "kaplan": (1.0,), "free": (1.0, 0.3)}


@dataclass(frozen=True)
class Bootstrap:
    """One law per resample, each (R,): refitted from the optimum of all points until it converged, or counted.

    `residual` and `objective` as in `robust.Solution`.
    """

    e: Array
    a: Array
    b: Array
    alpha: Array
    beta: Array
    coupling: Array
    converged: np.ndarray
    residual: Array
    objective: Array

    @property
    def exponent_n(self) -> Array:
        """beta/(alpha + beta): how the best N grows with compute."""
        return np.asarray(self.beta / (self.alpha + self.beta))

    @property
    def unfinished(self) -> int:
        """Replicates that did not converge; they take no part in intervals and errors."""
        return int((~self.converged).sum())

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Central percentile interval of a parameter or of `exponent_n`."""
        if not 0 < level < 1:
            raise BadInput(f"level is {level}; it must lie between 0 and 1")
        low, high = np.quantile(self._values(name), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def standard_error(self, name: str) -> float:
        return float(self._values(name).std(ddof=1))

    def _values(self, name: str) -> Array:
        return np.asarray(getattr(self, name)[self.converged])


@dataclass(frozen=True)
class Fit:
    """The best law of `form`. `reached`: share of the starts that ended there; `residual` as in `robust.Solution`."""

    form: str
    law: Law
    delta: float
    objective: float
    residuals: Array
    reached: float
    residual: float
    converged: bool
    points: Points
    theta: Array

    @property
    def e(self) -> float:
        return self.law.e

    @property
    def a(self) -> float:
        return self.law.a

    @property
    def b(self) -> float:
        return self.law.b

    @property
    def alpha(self) -> float:
        return self.law.alpha

    @property
    def beta(self) -> float:
        return self.law.beta

    @property
    def log_likelihood(self) -> float:
        """-n (1 + ln 2 S/n): errors of ln L as Laplace's law, its scale S/n (S the sum of their sizes) profiled out."""
        n = self.residuals.size
        return float(-n * (1 + np.log(2 * np.abs(self.residuals).mean())))

    def bootstrap(self, rng: np.random.Generator, replicates: int = 400, *, tol: float = 1e-9) -> Bootstrap:
        """Refits on `replicates` resamples of the points with replacement, all at once."""
        if replicates < 2:
            raise BadInput(f"replicates is {replicates}; an interval needs at least 2")
        weights = resamples(rng, self.points.y.size, replicates)
        found = _solve(self.points, np.repeat(self.theta[None], replicates, axis=0), self.delta, weights, tol)
        certificate = {"converged": found.converged, "residual": found.residual, "objective": found.objective}
        return Bootstrap(**self.points.columns(found.theta), **certificate)


def fit(
    n_params: ArrayLike,
    n_tokens: ArrayLike,
    loss: ArrayLike,
    form: str = "additive",
    *,
    delta: float = 1e-3,
    starts: Sequence[Law] | None = None,
    tol: float = 1e-9,
) -> Fit:
    """The law that minimises the objective at the head, the best of all starts.   N, D, L (n,) -> Fit.

    Starts are by default the laws of `variable_projection` on a coarse grid of exponents; a given one starts at its own
    coupling.
    Raises `BadInput` for losses not above zero, or fewer points than parameters.
    """
    runs = points(form, n_params, n_tokens, loss)
    laws = starting_laws(runs) if starts is None else starts
    couplings = COUPLINGS[form] if starts is None else (1.0,)
    begin = np.array([runs.start(law, law.coupling * s) for law, s in product(laws, couplings)])
    found = _solve(runs, begin, delta, None, tol)
    best = int(found.objective.argmin())
    reached = found.objective <= found.objective[best] * (1 + 1e-6) + 1e-12
    return Fit(
        form=form,
        law=Law(**{name: float(values[best]) for name, values in runs.columns(found.theta).items()}),
        delta=delta,
        objective=float(found.objective[best]),
        residuals=runs.model(found.theta[best][None])[0][0] - runs.y,
        reached=float(reached.mean()),
        residual=float(found.residual[best]),
        converged=bool(found.converged[best]),
        points=runs,
        theta=found.theta[best],
    )


def resamples(rng: np.random.Generator, n: int, replicates: int) -> Array:
    """How often each of n points comes up in n draws with replacement, for each replicate.   (replicates, n)"""
    drawn = rng.integers(n, size=(replicates, n)) + n * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=replicates * n).reshape(replicates, n).astype(float)


def objective(
    theta: ArrayLike, n_params: ArrayLike, n_tokens: ArrayLike, loss: ArrayLike, *, delta: float = 1e-3
) -> tuple[float, Array]:
    """sum_i Huber_delta of the additive form as published, and its gradient, at (ln A, ln B, ln E, alpha, beta).

    Neither centred nor divided by delta: what an optimiser of another library is given.
    """
    n, d = variables(n_params, n_tokens)
    runs = Points("additive", n, d, np.log(finite("loss", loss)), (0.0, 0.0))
    a, b, e, *exponents = finite("theta", theta)
    curve, slope = runs.model(np.array([[a, b, np.exp(e), *exponents]]))
    r = curve[0] - runs.y
    gradient = slope[0] @ np.clip(r, -delta, delta)
    gradient[2] *= np.exp(e)
    return delta * float(huber(r, delta).sum()), gradient


def _solve(runs: Points, begin: Array, delta: float, weights: Array | None, tol: float) -> Solution:
    """Fits with E free; those whose E comes out negative once more, with E held at zero."""
    begin = begin.copy()
    begin[begin[:, E] == 0, E] = 1e-3 * np.exp(runs.y.min())
    found = regress(runs.model, runs.y, begin, delta=delta, weights=weights, tol=tol)
    below = np.flatnonzero(found.theta[:, E] < 0)
    if below.size:
        start = found.theta[below]
        start[:, E] = 0
        rows = None if weights is None else weights[below]
        held = regress(runs.model, runs.y, start, delta=delta, weights=rows, tol=tol)
        for name in ("theta", "objective", "residual", "converged", "n_iter"):
            getattr(found, name)[below] = getattr(held, name)
    return found
