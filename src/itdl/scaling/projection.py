"""Variable projection: for given exponents the additive law is linear in E, A and B, so only two numbers are searched.

The inner problem is non-negative least squares of relative errors, |(E + A N^-alpha + B D^-beta)/L - 1|^2. Its solution
needs no start of its own, which makes it the start of the fits in `scaling`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from itdl.checks import Array, BadInput
from itdl.scaling.forms import Points, points
from itdl.scaling.power_laws import Law

__all__ = ["starting_laws", "variable_projection"]

EXPONENTS = (0.1, 0.2, 0.35, 0.6, 1.0, 1.6)
LOWEST, HIGHEST = 0.05, 2.0


def variable_projection(
    n_params: ArrayLike, n_tokens: ArrayLike, loss: ArrayLike, *, rounds: int = 6, grid: int = 11
) -> Law:
    """The additive law of least relative squared error: E, A, B linear, only (alpha, beta) searched.

    A grid over the exponents, then `rounds` - 1 grids two cells wide about the best point so far.
    """
    runs = points("additive", n_params, n_tokens, loss)
    alphas = betas = np.linspace(LOWEST, HIGHEST, grid)
    for _ in range(rounds):
        errors = np.array([[_linear(runs, alpha, beta)[1] for beta in betas] for alpha in alphas])
        i, j = np.unravel_index(errors.argmin(), errors.shape)
        best = alphas[i], betas[j]
        alphas, betas = (_finer(axis, k) for axis, k in ((alphas, int(i)), (betas, int(j))))
    law = _law(runs, *best)
    if law is None:
        raise BadInput("no law with A, B and E above zero fits best; the losses do not fall in both N and D")
    return law


def _finer(axis: Array, k: int) -> Array:
    return np.linspace(axis[max(k - 1, 0)], axis[min(k + 1, len(axis) - 1)], len(axis))


def starting_laws(runs: Points) -> list[Law]:
    """The best law of every pair of exponents on a coarse grid, those with E, A and B above zero."""
    found = [_law(runs, alpha, beta) for alpha, beta in product(EXPONENTS, EXPONENTS)]
    laws = [law for law in found if law is not None]
    if not laws:
        raise BadInput("no law with A, B and E above zero is near the losses; they do not fall in both N and D")
    return laws


def _linear(runs: Points, alpha: float, beta: float) -> tuple[Array, float]:
    """E, A, B (with N and D about their means) of least relative squared error, and its root."""
    design = np.stack([np.ones_like(runs.n), np.exp(-alpha * runs.n), np.exp(-beta * runs.d)], axis=1)
    coefficients, error = nnls(design * np.exp(-runs.y)[:, None], np.ones_like(runs.y))
    return coefficients, float(error)


def _law(runs: Points, alpha: float, beta: float) -> Law | None:
    (e, a, b), _ = _linear(runs, alpha, beta)
    if min(e, a, b) <= 0:
        return None
    mean_n, mean_d = runs.means
    return Law(float(e), float(a * np.exp(alpha * mean_n)), float(b * np.exp(beta * mean_d)), float(alpha), float(beta))
