"""Numerical ground shared by the ideas: logarithms that do not underflow, matrices of low rank, fixed points.

Every function here is about floating point, none about information.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.linalg import blas

from itdl.checks import Array, spd

__all__ = [
    "AndersonMixing",
    "Skeleton",
    "log_mean_exp",
    "log_normalise",
    "logdet",
    "row_skeleton",
    "times_upper",
    "upper_half",
]

TALL = 64  # rows beyond which a skeleton is taken of halves first


def logdet(name: str, a: Array) -> float:
    """log det A of a symmetric positive definite A (n, n); refuses anything else with `BadInput`."""
    return 2 * float(np.log(np.diagonal(spd(name, a))).sum())


def log_mean_exp(a: Array, axis: int) -> Array:
    """log of the mean of exp(a) along `axis`; entries of -inf count as zeros."""
    # A quarter of the time of scipy's logsumexp on the N x N scores that most calls bring.
    top = a.max(axis=axis, keepdims=True)
    top[np.isinf(top)] = 0
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(a - top).mean(axis=axis)) + top.squeeze(axis))


class Skeleton(NamedTuple):
    """A = coefficients @ A[pivots] to the tolerance asked for."""

    pivots: np.ndarray
    coefficients: Array


def row_skeleton(a: Array, tol: float = 1e-14) -> Skeleton:
    """The few rows of A (T, n) that span all its rows, and how.   -> pivots (r,), coefficients (T, r).

    Rows are scaled to unit maximum first, so that the error is at most about `tol` relative to each row, however
    small that row is. Zero rows get zero coefficients. By column-pivoted QR of A^T (interpolative decomposition),
    of both halves before the whole where A is tall: its cost grows with T^2.
    """
    if len(a) <= TALL:
        return _skeleton(a, tol)
    middle = len(a) // 2
    upper, lower = row_skeleton(a[:middle], tol), row_skeleton(a[middle:], tol)
    candidates = np.concatenate([upper.pivots, middle + lower.pivots])
    both = _skeleton(a[candidates], tol)
    mix = np.split(both.coefficients, [len(upper.pivots)])
    coefficients = np.vstack([upper.coefficients @ mix[0], lower.coefficients @ mix[1]])
    return Skeleton(candidates[both.pivots], coefficients)


def _skeleton(a: Array, tol: float) -> Skeleton:
    scale = np.abs(a).max(axis=1)
    scale[scale == 0] = 1
    r, order = linalg.qr((a / scale[:, None]).T, mode="r", pivoting=True)
    size = np.abs(np.diagonal(r))
    rank = max(1, int((size > tol * size[0]).sum()))
    mix = linalg.solve_triangular(r[:rank, :rank], r[:rank]) if size[0] > 0 else np.zeros((rank, len(a)))
    coefficients = np.empty((len(a), rank))
    coefficients[order] = mix.T
    pivots = order[:rank]
    return Skeleton(pivots, coefficients * scale[:, None] / scale[pivots])


def upper_half(a: Array) -> Array:
    """U with A = U + U^T for a symmetric A (n, n): its upper triangle with half of the diagonal.

    B A B^T is then B U B^T plus its transpose, and B U costs half of B A (`times_upper`).
    """
    u = np.triu(a)
    u[np.diag_indices_from(u)] /= 2
    return u


def times_upper(b: Array, u: Array) -> Array:
    """B U for an upper triangular U.   (m, n), (n, n) -> (m, n); what stands below the diagonal of U is not read."""
    return np.asarray(blas.dtrmm(1.0, u.T, b.T, lower=True).T)


def log_normalise(a: Array, axis: int = -1) -> Array:
    """a - log sum exp(a) along `axis`: unnormalised log-probabilities made normalised ones, of the same shape."""
    top = a.max(axis=axis, keepdims=True)
    return np.asarray(a - (np.log(np.exp(a - top).sum(axis=axis, keepdims=True)) + top))


class AndersonMixing:
    """Proposes the next point of B fixed-point iterations x <- g(x) at once, from up to `memory` past steps.

    Of all affine combinations of the last images g(x_i), it returns the one whose combined step g(x_i) - x_i is
    shortest (Anderson mixing): secant information, without a derivative. Points are rows (B, n); lengths are measured
    in the diagonal metric (B, n) of the first call. A caller that rejects a proposal takes the image instead and
    calls `forget` for that row.
    """

    def __init__(self, memory: int) -> None:
        self.memory, self.calls = memory, 0
        self.last: tuple[Array, Array]

    def __call__(self, point: Array, image: Array, metric: Array) -> Array:
        step = image - point
        if self.calls == 0:
            n_rows, n = point.shape
            self.metric = metric
            self.steps, self.images = np.zeros((2, n_rows, self.memory, n))
            self.gram = np.zeros((n_rows, self.memory, self.memory))
            proposal = image
        else:
            self._remember(step - self.last[0], image - self.last[1])
            used = slice(0, min(self.calls, self.memory))
            gram, past = self.gram[:, used, used], self.steps[:, used]
            size = np.einsum("bii->bi", gram)
            # Empty slots get a unit diagonal, so that they take no part.
            ridge = np.where(size > 0, 1e-14 * size.max(axis=1, keepdims=True), 1)
            weights = np.linalg.solve(
                gram + ridge[:, :, None] * np.eye(size.shape[1]), past @ (self.metric * step)[:, :, None]
            )
            proposal = image - (weights.swapaxes(1, 2) @ self.images[:, used])[:, 0]
        self.last = step, image
        self.calls += 1
        return proposal

    def forget(self, rows: np.ndarray) -> None:
        """Drop what was learned in these rows (indices or a mask)."""
        self.steps[rows] = self.images[rows] = 0
        self.gram[rows] = 0

    def _remember(self, step: Array, image: Array) -> None:
        slot, used = (self.calls - 1) % self.memory, slice(0, min(self.calls, self.memory))
        self.steps[:, slot], self.images[:, slot] = step, image
        products = (self.steps[:, used] @ (self.metric * step)[:, :, None])[:, :, 0]
        self.gram[:, slot, used] = self.gram[:, used, slot] = products
