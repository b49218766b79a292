"""Numerical ground shared by the ideas: logarithms that do not underflow, and matrices of low numerical rank.

Every function here is about floating point, none about information.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.linalg import blas

from itdl.checks import Array, spd

__all__ = ["Skeleton", "log_mean_exp", "logdet", "row_skeleton", "times_upper", "upper_half"]

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
