"""What can be measured of the information in a deterministic layer T = h(X): by cells, or by added noise; in nats.

For N distinct, equally likely inputs X the exact I(X;T) is the entropy of the set of distinct outputs, mostly log N,
whatever was learned. Two substitutes are in use. Binning replaces h by the row of its cells, and I(X; bin T) is then
identically H(bin T): it measures how inputs share cells. Noise replaces h by T = h + N(0, s2 I), whose I(X;T) lies
between two bounds made of pairwise distances. Both depend on a scale that the network does not know.

Activations are (..., N, units): whatever stands in front (models, epochs) is done at once, and is the shape of what
comes back. The rows are the inputs, each once.

Sources: shwartzziv2017opening (cells between fixed edges), saxe2019information (cells of fixed width),
goldfeld2019estimating (binning measures clustering), kolchinsky2017estimating (bounds of a mixture).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = [
    "Cells",
    "CodeInformation",
    "NoisyInformation",
    "code_information",
    "distinct_values",
    "equal_cells",
    "fixed_cells",
    "noisy_information",
    "range_cells",
]

Cells = NDArray[np.int64]

LARGEST = 2**62  # codes beyond would no longer fit into 64 bits
TILE = 256  # points on a side of one block of distances: half a megabyte, which stays in the cache
NEGLIGIBLE = -150.0  # smaller exponents are raised to it: nothing beside 1, and its fourth power is no slow subnormal


@dataclass(frozen=True)
class CodeInformation:
    """Of each model in nats: I(X; bin T) = H(bin T), I(bin T; Y), and the number of distinct codes."""

    i_x: Array
    i_y: Array
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class NoisyInformation:
    """Of each model in nats: `lower` <= I(X;T) <= `upper`; `i_y` is a difference of upper bounds, itself no bound."""

    lower: Array
    upper: Array
    i_y: Array


def fixed_cells(h: ArrayLike, low: float, high: float, n: int) -> Cells:
    """Cell 0..n-1 of each entry between n+1 equally spaced edges from `low` to `high`.   any shape -> the same.

    A value on an inner edge belongs to the cell above it; `high` to the last cell. The end cells are open: all that
    lies beyond `low` or `high` falls into them, which is what fixed edges do to an unbounded activation.
    """
    h, count = finite("h", h), _count(n)
    span = finite("low and high", [low, high])
    if not span[0] < span[1]:
        raise BadInput(f"low is {low} and high is {high}; edges must rise: pass low < high")
    cells: Cells = np.searchsorted(np.linspace(low, high, count + 1)[1:-1], h, side="right")
    return cells


def equal_cells(h: ArrayLike, width: float) -> Cells:
    """floor(h / width): cells of equal width without ends, zero on an edge.   any shape -> the same."""
    cells = np.floor(finite("h", h) / positive("width", width))
    if np.abs(cells).max() >= LARGEST:
        raise BadInput(f"width is {width}, too small for activations as large as these; pass a larger width")
    return cells.astype(np.int64)


def range_cells(h: ArrayLike, n: int) -> Cells:
    """Cell 0..n-1 between the smallest and the largest activation of each model.   (..., N, units) -> the same.

    Equal widths, one range for all units of a layer. Where all are equal there is one cell.
    """
    h, count = matrix("h", h), _count(n)
    low, high = h.min(axis=(-2, -1), keepdims=True), h.max(axis=(-2, -1), keepdims=True)
    # Dividing first keeps a range that itself overflows within the floats.
    share = np.divide(h / 2 - low / 2, high / 2 - low / 2, out=np.zeros_like(h), where=high > low)
    cells: Cells = np.minimum((share * count).astype(np.int64), count - 1)
    return cells


def distinct_values(h: ArrayLike) -> Cells:
    """One cell for each value that occurs: no binning at all, I(X;T) itself.   any shape -> the same."""
    h = finite("h", h)
    return np.unique(h, return_inverse=True)[1].reshape(h.shape)


def code_information(cells: ArrayLike, y: ArrayLike) -> CodeInformation:
    """H(C) and I(C;Y) of the rows C of `cells` over N equally likely inputs.   (..., N, units), labels (N,) -> (...).

    H(C) = log N - 1/N sum_c n_c log n_c over the counts n_c of the distinct rows, and I(C;Y) = H(C) + H(Y) - H(C,Y).
    Rows are compared exactly: they are numbered in a mixed base, renumbered before a number could outgrow 64 bits.
    """
    cells = _integers("cells", cells)
    if cells.ndim < 2 or cells.size == 0:
        raise BadInput(f"cells has shape {cells.shape}; it must be (..., inputs, units) with at least one of each")
    labels = _labels(y, cells.shape[-2])
    lead = cells.shape[:-2]
    code, size = _numbered(cells.reshape(-1, *cells.shape[-2:]))
    classes = int(labels.max()) + 1
    if size * classes > LARGEST:
        code = _ranks(code)
    both = np.sort(code * classes + labels, axis=1)
    h_code, codes = _sorted_entropy(both // classes)
    h_both, _ = _sorted_entropy(both)
    i_y = h_code + _sorted_entropy(np.sort(labels)[None])[0] - h_both
    return CodeInformation(h_code.reshape(lead), i_y.reshape(lead), codes.reshape(lead))


def noisy_information(h: ArrayLike, y: ArrayLike, noise_var: float) -> NoisyInformation:
    """Bounds on I(X;T) for T = h(X) + N(0, s2 I), X one of N equally likely inputs.   (..., N, units), (N,) -> (...).

    -1/N sum_i log 1/N sum_j exp(-|h_i - h_j|^2 / (c s2)) with c = 8 (Bhattacharyya) below and c = 2 (Kullback-Leibler)
    above; both at most log N. `i_y` = upper(all) - sum_y p(y) upper(inputs of y), a difference of two upper bounds.
    Source: kolchinsky2017estimating.
    """
    h = matrix("h", h)
    labels = _labels(y, h.shape[-2])
    models = h.reshape(-1, *h.shape[-2:])
    # exp(-|a - b|^2 / (8 s2)) is taken once; its fourth power serves the upper bound.
    scale = 0.5 / np.sqrt(positive("noise_var", noise_var))
    found = np.array([_mixture((model - model.mean(axis=0)) * scale, labels) for model in models])
    return NoisyInformation(*(column.reshape(h.shape[:-2]) for column in found.T))


def _mixture(h: Array, labels: NDArray[np.int64]) -> tuple[float, float, float]:
    """Lower bound, upper bound and class-conditional difference; distances |a - b|^2 / 2 are the exponents of `lower`.

    One pass over the pairs of blocks: a kernel sum over the points of each class is a product with their indicators,
    and each block serves its rows and its columns.
    """
    n = len(h)
    member = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
    square = 0.5 * (h**2).sum(axis=1, keepdims=True)
    one = np.ones_like(square)
    left, right = np.hstack([h, -square, -one]), np.hstack([h, one, square])  # -|a - b|^2 / 2 as one product
    wide, narrow = np.zeros_like(member), np.zeros_like(member)
    tile = np.empty((TILE, TILE))
    for i in range(0, n, TILE):
        rows = slice(i, i + TILE)
        for j in range(i, n, TILE):
            columns = slice(j, j + TILE)
            kernel = tile[: n - i, : n - j]
            np.matmul(left[rows], right[columns].T, out=kernel)
            if i == j:
                np.fill_diagonal(kernel, 0)
            np.exp(np.clip(kernel, NEGLIGIBLE, 0, out=kernel), out=kernel)
            for sums in (wide, narrow):
                sums[rows] += kernel @ member[columns]
                if j > i:
                    sums[columns] += kernel.T @ member[rows]
                np.square(kernel, out=kernel)
                np.square(kernel, out=kernel)
    lower, upper = (-float(np.log(sums.sum(axis=1) / n).mean()) for sums in (wide, narrow))
    own = narrow[np.arange(n), labels] / member.sum(axis=0)[labels]
    return lower, upper, upper + float(np.log(own).mean())


def _numbered(cells: Cells) -> tuple[Cells, int]:
    """One number for each row, equal where rows are.   (M, N, units) -> (M, N), and what the numbers stay below."""
    n = cells.shape[1]
    code, size = np.zeros(cells.shape[:2], dtype=np.int64), 1
    for column in np.moveaxis(cells, -1, 0):
        low = int(column.min())
        base = int(column.max()) - low + 1
        if base > LARGEST // n:
            column, low, base = _ranks(column), 0, n
        if size > LARGEST // base:
            code, size = _ranks(code), n
        code = code * base + (column - low)
        size *= base
    return code, size


def _ranks(code: Cells) -> Cells:
    """Numbers 0..n-1 instead of larger ones, equal where those are, for each model.   (M, N) -> (M, N)."""
    order = np.argsort(code, axis=1)
    rises = np.diff(np.take_along_axis(code, order, axis=1), axis=1, prepend=code.min(axis=1, keepdims=True)) != 0
    ranks = np.empty_like(code)
    np.put_along_axis(ranks, order, np.cumsum(rises, axis=1), axis=1)
    return ranks


def _sorted_entropy(code: Cells) -> tuple[Array, NDArray[np.int64]]:
    """Entropy of the values in each row and how many differ; rows are sorted.   (M, N) -> (M,), (M,)."""
    models, n = code.shape
    first = np.ones_like(code, dtype=bool)
    np.not_equal(code[:, 1:], code[:, :-1], out=first[:, 1:])
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=code.size)
    model = starts // n
    entropy = np.bincount(model, counts * np.log(n / counts), models) / n
    return entropy, np.bincount(model, minlength=models)


def _count(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise BadInput(f"n is {n!r}; the number of cells is a whole number, at least 1")
    return int(n)


def _labels(y: ArrayLike, n: int) -> NDArray[np.int64]:
    """Labels 0..K-1 in place of those given, one for each input."""
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise BadInput(f"y has shape {labels.shape}; it must hold one label for each of the {n} inputs")
    if labels.dtype.kind == "f":
        finite("y", labels)
    return np.unique(labels, return_inverse=True)[1]


def _integers(name: str, x: ArrayLike) -> Cells:
    array = np.asarray(x)
    if array.dtype.kind not in "iu":
        raise BadInput(f"{name} has dtype {array.dtype}; it must hold whole numbers: bin the activations first")
    return array.astype(np.int64)
