"""Neighbours in the maximum norm, |a - b| = max_d |a_d - b_d|, with strict counts that rounding cannot tip.

Distances are always the same differences of the same numbers, so that the k-th neighbour of a point, which lies on
the edge of its ball by definition, is never counted as inside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from itdl.checks import Array

__all__ = ["ball_counts"]

Counts = NDArray[np.int64]

BLOCK = 2**18  # distances held at once: 2 MB


def ball_counts(x: Array, y: Array, k: int) -> tuple[Counts, Counts]:
    """For each of N points the others strictly nearer in x, and in y, than its k-th neighbour in (x, y).

    x (N, d), y (N, e) -> (N,), (N,). Trees and sorted lists where x and y are scalars, all pairs elsewhere.
    """
    if x.shape[1] == y.shape[1] == 1:
        both = np.hstack([x, y])
        order = cKDTree(both).query(both, [k + 1], p=np.inf)[1][:, 0]
        radius = np.abs(both - both[order]).max(axis=1)
        return _sorted_counts(x[:, 0], radius), _sorted_counts(y[:, 0], radius)
    n = len(x)
    counts = np.empty((2, n), dtype=np.int64)
    rows = max(1, BLOCK // n)
    for start in range(0, n, rows):
        block = slice(start, start + rows)
        near_x, near_y = _distances(x, block), _distances(y, block)
        radius = np.partition(np.maximum(near_x, near_y), k, axis=1)[:, k, None]
        for row, near in enumerate((near_x, near_y)):
            counts[row, block] = np.count_nonzero(near < radius, axis=1) - 1  # itself
    return counts[0], counts[1]


def _distances(x: Array, rows: slice) -> Array:
    """max_d |x_id - x_jd| for the i of `rows`.   (N, d) -> (rows, N)."""
    farthest = np.abs(x[rows, :1] - x[:, 0])
    for column in x.T[1:]:
        np.maximum(farthest, np.abs(column[rows, None] - column), out=farthest)
    return farthest


def _sorted_counts(x: Array, radius: Array) -> Counts:
    """How many other x_j have |x_j - x_i| < radius_i.   (N,), (N,) -> (N,).

    x +- radius is rounded, the difference that made the radius is not: bounds found by bisection are moved until the
    differences themselves agree.
    """
    values = np.sort(x)
    last = len(values) - 1
    low, high = np.searchsorted(values, x - radius), np.searchsorted(values, x + radius)
    while (move := (low > 0) & (x - values[np.maximum(low - 1, 0)] < radius)).any():
        low -= move
    while (move := x - values[np.minimum(low, last)] >= radius).any():
        low += move
    while (move := (high <= last) & (values[np.minimum(high, last)] - x < radius)).any():
        high += move
    while (move := values[high - 1] - x >= radius).any():
        high -= move
    return high - low - 1
