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
from typing import NamedTuple

import numpy as np

from itdl.checks import Array, BadInput, positive

__all__ = ["Model", "Solution", "huber", "regress"]

# theta (B, p) -> values f (B, n) and their derivatives (B, p, n).
Model = Callable[[Array], tuple[Array, Array]]

CHUNK = 64  # problems that go together, so that their arrays stay in cache
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
    at = _at(model, y, start, weights, delta)
    if not np.isfinite(at.objective).all():
        i = int(np.flatnonzero(~np.isfinite(at.objective))[0])
        raise BadInput(f"the objective is {at.objective[i]} at start {i}, {start[i]}; start where the model is finite")
    rows, damping, residual = np.arange(len(start)), np.ones(len(start)), np.full(len(start), np.inf)
    ends = start.copy(), at.objective.copy(), residual.copy(), np.full(len(start), max_iter)
    for n_iter in range(1, max_iter + 1):
        step, gain = _step(at, weights, delta, damping)
        # At least what the step of lam = 1 would win: a large lam must not look like an end.
        residual = gain * np.maximum(damping, 1) / (at.objective + ROUNDING * weights.sum(axis=1))
        with np.errstate(over="ignore", invalid="ignore"):
            trial = _at(model, y, at.theta + step, weights, delta)
        better = trial.objective < at.objective
        at = trial if better.all() else at.replaced(better, trial)
        damping = np.clip(damping * np.where(better, SHRINK, GROW), SMALLEST, LARGEST)
        alive = (residual > tol) & (damping < LARGEST)
        if not alive.all() or n_iter == max_iter:
            for end, values in zip(ends, (at.theta, at.objective, residual), strict=False):
                end[rows] = values
            ends[3][rows[~alive]] = n_iter
            rows, damping, weights, at = rows[alive], damping[alive], weights[alive], at.kept(alive)
        if not len(rows):
            break
    theta, objective, residual, taken = ends
    return theta, objective, residual, residual <= tol, taken


class _Points(NamedTuple):
    """Where some problems stand: theta (B, p), its F (B,), residuals (B, n) and slopes (B, p, n)."""

    theta: Array
    objective: Array
    r: Array
    slope: Array

    def kept(self, rows: np.ndarray) -> _Points:
        return _Points(*(part[rows] for part in self))

    def replaced(self, rows: np.ndarray, by: _Points) -> _Points:
        """The same with these rows (a mask) taken from `by`."""
        for mine, theirs in zip(self, by, strict=True):
            mine[rows] = theirs[rows]
        return self


def _at(model: Model, y: Array, theta: Array, weights: Array, delta: float) -> _Points:
    values, slope = model(theta)
    r = values - y
    # A model may answer with views; what is kept is written to.
    slope = slope if slope.flags.writeable else slope.copy()
    return _Points(theta.copy(), (weights * huber(r, delta)).sum(axis=1), r, slope)


def _step(at: _Points, weights: Array, delta: float, damping: Array) -> tuple[Array, Array]:
    """The step -M^-1 g (B, p), solved in units of the diagonal of M, and half of g^T M^-1 g."""
    r, slope = at.r, at.slope
    size = np.abs(r)
    gradient = (slope @ (weights * np.clip(r, -delta, delta) / delta)[:, :, None])[:, :, 0]
    curvature = (size <= delta) / delta + damping[:, None] / np.maximum(size, delta)
    matrix = (slope * (weights * curvature)[:, None]) @ slope.mT
    scale = np.sqrt(np.einsum("bii->bi", matrix))
    scale[scale == 0] = 1
    unit = matrix / scale[:, :, None] / scale[:, None, :]
    np.einsum("bii->bi", unit)[...] += 1e-13
    step = -np.linalg.solve(unit, (gradient / scale)[:, :, None])[:, :, 0] / scale
    return step, -0.5 * (gradient * step).sum(axis=1)
