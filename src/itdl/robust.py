"""Robust nonlinear regression, many problems at once: least sums of Huber losses, with a certificate for each.

    minimise  F(theta) = 1/delta sum_i w_i h(f_i(theta) - y_i),    h(r) = r^2/2 where |r| <= delta,
                                                                          delta (|r| - delta/2) beyond.

For small delta this is least absolute deviations, where gradient methods stall at the kinks. The step solves
J^T diag(w (h'' + lam h'/r)) J step = -J^T (w h'): Newton's matrix of the loss, and lam times the one of the quadratic
that touches h at r and lies above it. lam = 1 makes F fall for any linear model; lam falls after each success and grows
after each failure. Problems differ by their weights and their starting points, and leave the batch when they are done.

Source: huber1981robust, chapter 7 (the loss, the majorising weights h'/r).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from itdl.checks import Array, BadInput, positive

__all__ = ["Model", "Solution", "huber", "regress"]

# theta (B, p) -> values f (B, n) and their derivatives (B, p, n).
Model = Callable[[Array], tuple[Array, Array]]

CHUNK = 32  # problems that go together, so that their arrays stay in cache
ROUNDING = 1e-13  # objective per point below which nothing is left but rounding
GROW, SHRINK, LARGEST, SMALLEST = 8.0, 0.2, 1e12, 1e-9


@dataclass(frozen=True)
class Solution:
    """One row per problem. `residual` is what one step of lam = 1 could still win, at most, as a share of F.

    `converged` says that it is below the tolerance asked for; `n_iter` counts steps tried.
    """

    theta: Array
    objective: Array
    residual: Array
    converged: np.ndarray
    n_iter: np.ndarray


def huber(r: Array, delta: float) -> Array:
    """h(r)/delta: |r| - delta/2 beyond delta, r^2/(2 delta) within; the absolute value as delta falls to zero."""
    size = np.abs(r)
    within = np.minimum(size, delta)
    return np.asarray(within * (size - within / 2) / delta)


def regress(
    model: Model,
    y: Array,
    start: Array,
    *,
    delta: float,
    weights: Array | None = None,
    tol: float = 1e-9,
    max_iter: int = 300,
) -> Solution:
    """The local minima of F from `start` (B, p).   y (n,), weights (B, n) or none for ones -> B solutions.

    A parameter that no residual feels stays where it is. Raises `BadInput` where F is not finite at a start.
    """
    delta = positive("delta", delta)
    weights = np.ones((len(start), len(y))) if weights is None else weights
    cuts = range(0, len(start), CHUNK)
    parts = [_chunk(model, y, start[i : i + CHUNK], weights[i : i + CHUNK], delta, tol, max_iter) for i in cuts]
    return Solution(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _chunk(
    model: Model, y: Array, start: Array, weights: Array, delta: float, tol: float, max_iter: int
) -> tuple[Array, Array, Array, np.ndarray, np.ndarray]:
    theta, n_iter = start.copy(), np.zeros(len(start), dtype=np.int64)
    residual, damping = np.full(len(start), np.inf), np.ones(len(start))
    values, slope = (np.array(part) for part in model(theta))
    r = values - y
    objective = (weights * huber(r, delta)).sum(axis=1)
    if not np.isfinite(objective).all():
        i = int(np.flatnonzero(~np.isfinite(objective))[0])
        raise BadInput(f"the objective is {objective[i]} at start {i}, {start[i]}; start where the model is finite")
    floor = ROUNDING * weights.sum(axis=1)
    alive = np.arange(len(start))
    while len(alive) and n_iter[alive[0]] < max_iter:
        gradient, newton, major = _quadratics(r[alive], slope[alive], weights[alive], delta)
        step, gain = _solve(newton + damping[alive, None, None] * major, gradient)
        # At least what the step of lam = 1 would win: a large lam must not look like an end.
        residual[alive] = gain * np.maximum(damping[alive], 1) / (objective[alive] + floor[alive])
        trial = theta[alive] + step
        with np.errstate(over="ignore", invalid="ignore"):
            values, slope_trial = model(trial)
            value = (weights[alive] * huber(values - y, delta)).sum(axis=1)
        n_iter[alive] += 1
        better = value < objective[alive]
        won = alive[better]
        theta[won], r[won], slope[won], objective[won] = (
            trial[better],
            (values - y)[better],
            slope_trial[better],
            value[better],
        )
        damping[alive] = np.clip(damping[alive] * np.where(better, SHRINK, GROW), SMALLEST, LARGEST)
        alive = alive[(residual[alive] > tol) & (damping[alive] < LARGEST)]
    return theta, objective, residual, residual <= tol, n_iter


def _quadratics(r: Array, slope: Array, weights: Array, delta: float) -> tuple[Array, Array, Array]:
    """Gradient (B, p) of F, and the matrices (B, p, p) of Newton and of the majoriser."""
    size = np.abs(r)
    pull = weights * np.clip(r, -delta, delta) / delta
    gradient = (slope @ pull[:, :, None])[:, :, 0]
    newton = (slope * (weights * (size <= delta) / delta)[:, None]) @ slope.mT
    major = (slope * (weights / np.maximum(size, delta))[:, None]) @ slope.mT
    return gradient, newton, major


def _solve(matrix: Array, gradient: Array) -> tuple[Array, Array]:
    """The step -M^-1 g, in units of the diagonal of M, and half of g^T M^-1 g."""
    scale = np.sqrt(np.einsum("bii->bi", matrix))
    scale[scale == 0] = 1
    unit = matrix / scale[:, :, None] / scale[:, None, :]
    np.einsum("bii->bi", unit)[...] += 1e-13
    step = -np.linalg.solve(unit, (gradient / scale)[:, :, None])[:, :, 0] / scale
    return step, -0.5 * (gradient * step).sum(axis=1)
