"""Sample-based estimates of mutual information and bounds on it, in nats.

`info_nce` and `leave_one_out` compare each pair (x_i, z_i) with the other x_j through a matrix of scores[i, j] =
log p(z_i | x_j). With the true conditional as critic InfoNCE is exactly the information between z and the *index* of x
in the batch, so it never exceeds log N; leaving the true partner out of the average turns it into an upper bound.

`donsker_varadhan`, `nwj` and `smile` take any critic f(x, z), best the log-ratio log p(z|x)/p(z). The diagonal is the
sample of pairs, everything beside it the sample of the product p(x) p(z). In expectation the first is a lower bound for
an infinite product sample only, the second always, the third never.

`binned`, `miller_madow`, `ksg` and `kernel_density` know nothing but samples. None of them is a bound: a histogram is
biased upwards by its empty room and downwards by its width, neighbours are biased downwards in high dimension.

Sources: oord2018representation (InfoNCE), poole2019variational (section 2.2, leave-one-out upper bound),
belghazi2018mutual (Donsker-Varadhan with a network), nguyen2010estimating (NWJ), song2020understanding (SMILE),
kraskov2004estimating (neighbours, first estimator). What a deterministic layer shows to bins and noise is in
`itdl.layer_information`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.special import digamma, xlogy

from itdl.checks import Array, BadInput, finite, matrix, positive
from itdl.neighbours import ball_counts
from itdl.numerics import log_mean_exp

__all__ = [
    "binned",
    "donsker_varadhan",
    "info_nce",
    "kernel_density",
    "ksg",
    "leave_one_out",
    "miller_madow",
    "nwj",
    "smile",
]

Bins = int | ArrayLike

LARGEST_EXPONENT = 700.0


def info_nce(scores: ArrayLike) -> float:
    """I(X;Z) >= 1/N sum_i [s_ii - log (1/N) sum_j exp s_ij], in nats; at most log N.   scores (N, N) -> scalar."""
    s = _scores(scores)
    return float(np.mean(np.diagonal(s) - log_mean_exp(s, axis=1)))


def leave_one_out(scores: ArrayLike) -> float:
    """I(X;Z) <= 1/N sum_i [s_ii - log 1/(N-1) sum_{j != i} exp s_ij], in expectation, in nats; needs true log p(z|x).

    Useless once I(X;Z) nears log N: a z that fits no other x makes its term as large as the log-density gap.
    """
    s = _scores(scores)
    return float(np.mean(np.diagonal(s) - log_mean_exp(_others(s), axis=1)))


def donsker_varadhan(scores: ArrayLike) -> float:
    """<s_ii> - log <exp s_ij>_{i != j}, in nats; the same for s + c.   scores (N, N) of any critic -> scalar.

    A lower bound were the second mean exact; the logarithm of a sampled one is too low on average, and the value too
    high. Its spread grows exponentially with the information.
    """
    s = _scores(scores)
    return float(np.mean(np.diagonal(s)) - log_mean_exp(_others(s).ravel(), axis=0))


def nwj(scores: ArrayLike) -> float:
    """<s_ii> - <exp(s_ij - 1)>_{i != j} <= I(X;Z) in expectation, in nats.   scores (N, N) of any critic -> scalar.

    Tight for s = 1 + log p(z|x)/p(z), and then without bias; its spread grows exponentially with the information.
    """
    s = _scores(scores)
    partition = float(log_mean_exp(_others(s).ravel(), axis=0)) - 1
    if partition > LARGEST_EXPONENT:
        raise BadInput(
            f"scores reach {s.max():g}, whose exponential is no number; subtract a constant from all of them"
        )
    return float(np.mean(np.diagonal(s))) - math.exp(partition)


def smile(scores: ArrayLike, tau: float) -> float:
    """<s_ii> - log <exp clip(s_ij, -tau, tau)>_{i != j}, in nats: little spread, and no bound.   (N, N) -> scalar.

    Clipping lowers what is subtracted wherever large ratios matter. Meant for s near the log-ratio itself.
    """
    s, tau = _scores(scores), positive("tau", tau)
    return float(np.mean(np.diagonal(s)) - log_mean_exp(np.clip(_others(s), -tau, tau).ravel(), axis=0))


def binned(x: ArrayLike, y: ArrayLike, bins: Bins | None = None, *, width: float | None = None) -> float:
    """Plug-in I(X;Y) of the histogram of N pairs, in nats.   x (N,), y (N,) -> scalar.

    `bins` is a number of equal cells between each variable's smallest and largest value, or the rising edges for both
    variables, or a tuple of two such entries, one for each. `width` instead makes cells floor(x / width). A value on
    an edge belongs to the cell above it, on the last edge to the last cell; values beyond given edges are refused.

    Bias where all cells are full: upwards by (bx - 1)(by - 1)/(2N); far from it in sparse tables.
    """
    return _plug_in(_histogram(x, y, bins, width))


def miller_madow(x: ArrayLike, y: ArrayLike, bins: Bins | None = None, *, width: float | None = None) -> float:
    """`binned` minus (K_xy - K_x - K_y + 1)/(2N), K the numbers of occupied cells: less of the bias, not none of it."""
    table = _histogram(x, y, bins, width)
    rows, columns = table.shape
    return _plug_in(table) - float(((table > 0).sum() - rows - columns + 1) / (2 * table.sum()))


def ksg(x: ArrayLike, y: ArrayLike, k: int = 3) -> float:
    """psi(k) + psi(N) - <psi(n_x + 1) + psi(n_y + 1)>, in nats; may be negative.   x (N, d) or (N,), y alike -> scalar.

    eps_i is the distance in the maximum norm from (x_i, y_i) to its k-th neighbour, n_x the number of others with
    |x_j - x_i| < eps_i, strictly. Continuous data only: where points of x or of y coincide it is refused; add a little
    noise yourself if that is meant. The units of x and y matter for finite N. Strong negative bias in high dimension.
    Source: kraskov2004estimating, equation 8.
    """
    x, y = _pairs(x, y)
    n = len(x)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < n:
        raise BadInput(f"k is {k!r}; it must be a whole number from 1 to {n - 1}, one less than the samples")
    counts = ball_counts(x, y, int(k))
    return float(digamma(k) + digamma(n) - sum(digamma(c + 1).mean() for c in counts))


def kernel_density(x: ArrayLike, y: ArrayLike, width: float | None = None) -> float:
    """<log p(x_i, y_i)/(p(x_i) p(y_i))>, p a mean of normal bumps at the others, in nats.   x (N, d), y -> scalar.

    Coordinates are scaled to deviation one; `width` is the deviation of a bump, N^(-1/(4 + d_x + d_y)) unless given,
    the same in all three densities, so that their factors cancel. Takes N^2 numbers of memory.
    """
    x, y = _pairs(x, y)
    n = len(x)
    w = positive("width", n ** (-1 / (4 + x.shape[1] + y.shape[1])) if width is None else width)
    exponents = []
    for name, a in (("x", x), ("y", y)):
        deviation = a.std(axis=0)
        if not (deviation > 0).all():
            raise BadInput(f"{name} has a coordinate that never changes; leave it out")
        scaled = a / (deviation * w)
        exponents.append(_others(-0.5 * cdist(scaled, scaled, "sqeuclidean")))
    of_x, of_y, of_both = (log_mean_exp(e, axis=1).mean() for e in (*exponents, exponents[0] + exponents[1]))
    return float(of_both - of_x - of_y)


def _plug_in(table: Array) -> float:
    """I(X;Y) = 1/N [sum c_xy log c_xy - sum c_x log c_x - sum c_y log c_y] + log N of counts c."""
    n = float(table.sum())
    joint, rows, columns = (float(xlogy(c, c).sum()) / n for c in (table, table.sum(axis=1), table.sum(axis=0)))
    return joint - rows - columns + math.log(n)


def _histogram(x: ArrayLike, y: ArrayLike, bins: Bins | None, width: float | None) -> Array:
    """Counts of the pairs of cells; only cells that occur have a row or a column."""
    x, y = finite("x", x), finite("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise BadInput(f"x has shape {x.shape} and y {y.shape}; they must be two lists of equally many numbers")
    if (bins is None) == (width is None):
        raise BadInput("bins and width are both given or both missing; pass one of them")
    if isinstance(bins, tuple):
        if len(bins) != 2:
            raise BadInput(f"bins is a tuple of {len(bins)}; it must be one entry for x and one for y")
        of_x, of_y = bins
    else:
        of_x = of_y = bins
    rows, columns = _cells("x", x, of_x, width), _cells("y", y, of_y, width)
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def _cells(name: str, x: Array, bins: Bins | None, width: float | None) -> NDArray[np.int64]:
    """The number of each value's cell, from 0, among the cells that occur."""
    if width is not None:
        return np.unique(np.floor(x / positive("width", width)), return_inverse=True)[1]
    if isinstance(bins, int | np.integer):
        if isinstance(bins, bool) or bins < 1:
            raise BadInput(f"bins is {bins!r}; a number of cells is at least 1")
        edges = np.linspace(x.min(), x.max(), int(bins) + 1)
    else:
        edges = finite("bins", bins)  # type: ignore[arg-type]
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise BadInput("bins is not a list of at least two rising edges; sort them and drop repeated ones")
        if x.min() < edges[0] or x.max() > edges[-1]:
            raise BadInput(
                f"{name} reaches from {x.min():g} to {x.max():g}, beyond its edges {edges[0]:g} to {edges[-1]:g}; "
                "widen the edges or clip the values"
            )
    return np.unique(np.searchsorted(edges[1:-1], x, side="right"), return_inverse=True)[1]


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = _points("x", x), _points("y", y)
    if len(y) != len(x):
        raise BadInput(f"x has {len(x)} samples but y has {len(y)}; pass pairs")
    return x, y


def _points(name: str, x: ArrayLike) -> Array:
    """Samples as rows, refused where two of them are the same point."""
    points = finite(name, x)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2:
        raise BadInput(f"{name} has shape {points.shape}; samples are rows: (N, d) or (N,)")
    first = np.sort(points[:, 0])
    if (first[1:] == first[:-1]).any() and (repeated := len(points) - len(np.unique(points, axis=0))):
        raise BadInput(
            f"{name} repeats {repeated} of its {len(points)} points; neighbours need continuous data: "
            "add a little noise first if that is meant"
        )
    return points


def _others(s: Array) -> Array:
    """The scores of the other partners.   (N, N) -> (N, N - 1)."""
    n = len(s)
    return s[~np.eye(n, dtype=bool)].reshape(n, n - 1)


def _scores(scores: ArrayLike) -> Array:
    s = matrix("scores", scores)
    if s.ndim != 2 or s.shape[0] != s.shape[1] or len(s) < 2:
        raise BadInput(f"scores has shape {s.shape}; it must be square, N pairs against each other, N >= 2")
    return s
