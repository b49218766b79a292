"""What chapter 05 reads off information planes: falls, peaks, turning points and rank correlations; pure functions.

Curves run along the epochs, their last axis.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from itdl.checks import Array

__all__ = ["at_peak", "compression_share", "fall", "lost_share", "rank_from_peak", "rank_interval", "turning_point"]


def fall(i_x: Array) -> Array:
    """How far each curve ends below its highest point.   (..., E) -> (...)."""
    return np.asarray(i_x.max(axis=-1) - i_x[..., -1])


def lost_share(i_x: Array) -> Array:
    """The fall as a share of the highest point, zero where all is zero.   (..., E) -> (...)."""
    top = i_x.max(axis=-1)
    return np.asarray(fall(i_x) / np.where(top > 0, top, 1))


def at_peak(i_x: Array, curve: Array) -> Array:
    """`curve` at the epoch where `i_x` is highest.   (..., E), (..., E) or (E,) -> (...)."""
    where = i_x.argmax(axis=-1)[..., None]
    return np.asarray(np.take_along_axis(np.broadcast_to(curve, i_x.shape), where, axis=-1)[..., 0])


def compression_share(i_x: Array, epochs: Array, least: float) -> Array:
    """Share of the epochs that come after the peak; none where the fall is below `least`.   (..., E), (E,) -> (...)."""
    return np.where(fall(i_x) >= least, 1 - at_peak(i_x, epochs) / epochs[-1], 0.0)


def turning_point(curve: Array, epochs: Array, level: float = 1.0) -> Array:
    """When a curve, after its highest point, first falls below `level`; the last epoch if never.   (M, E) -> (M,).

    Between snapshots, both epoch and curve are taken to change by equal factors; epoch 0 counts as 1.
    """
    found, at = [], np.log(np.maximum(epochs, 1))
    for row in np.log(curve / level):
        below = np.flatnonzero((np.arange(len(row)) > row.argmax()) & (row < 0))
        if len(below) == 0:
            found.append(at[-1])
            continue
        first = below[0]
        share = max(row[first - 1], 0) / (max(row[first - 1], 0) - row[first])
        found.append(at[first - 1] + share * (at[first] - at[first - 1]))
    return np.exp(found)


def rank_from_peak(i_x: Array, other: Array) -> Array:
    """Spearman's correlation of each curve with `other` over the epochs from its peak on.   (M, E) twice -> (M,).

    Zero where fewer than three epochs are left, or one of the two does not change.
    """
    late = [(a[peak:], b[peak:]) for a, b, peak in zip(i_x, other, i_x.argmax(axis=1), strict=True)]
    seen = [len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 for a, b in late]
    return np.array([stats.spearmanr(a, b).statistic if s else 0.0 for (a, b), s in zip(late, seen, strict=True)])


def rank_interval(a: Array, b: Array) -> Array:
    """Lower end, value and upper end of Spearman's correlation, 95 % by Fisher's transform.   (n,) twice -> (3,).

    The deviation of the transform is 1.03/sqrt(n - 3), that of rank correlations. Anything is possible, -1, 0 and 1,
    where one of the two does not change or there are fewer than four points.
    """
    if len(a) < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.array([-1.0, 0.0, 1.0])
    rho = float(stats.spearmanr(a, b).statistic)
    half = 1.96 * 1.03 / np.sqrt(len(a) - 3)
    return np.asarray(np.tanh(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)) + half * np.array([-1, 0, 1])))
