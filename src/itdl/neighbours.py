"""Neighbours in the maximum norm, |a - b| = max_d |a_d - b_d|, with strict counts that rounding cannot tip.

Every decision is made on the same differences |a_d - b_d| of the same floats, so that the k-th neighbour of a point,
which lies on the edge of its ball by definition, is never counted as inside it.

Who may be near is found by bits. Each coordinate is cut at some 256 of its own order statistics, and for each cut the
points below it are kept as one long word of N bits. The points between two cuts are then an exclusive or, those in a
box an "and" over the coordinates: 64 points in one operation. Only points in the outermost layer of a ball need their
distances. Costs grow as N^2/64 for each coordinate; up to the plane, trees and sorted lists do better and are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from itdl.checks import Array

__all__ = ["ball_counts"]

Indices = NDArray[np.int64]
Bits = NDArray[np.uint64]
Levels = list[tuple[Indices, Indices]]

CUTS = 256  # of each coordinate
LEAF = 64  # points compared with each other for a first bound on the distance to the k-th neighbour
GROUPS = 8  # of points with similar radii, whose balls need similar windows
BLOCK = 2**22  # pairs looked at in one batch
CROWDED = 8  # where more than one point in so many may be near, bits are no help
ROUNDING = 8 * np.finfo(float).eps


def ball_counts(x: Array, y: Array, k: int) -> tuple[Indices, Indices]:
    """For each of N distinct points the others strictly nearer in x, and in y, than its k-th neighbour in (x, y).

    x (N, d), y (N, e) -> (N,), (N,).
    """
    z = np.hstack([x, y])
    if z.shape[1] == 2:
        neighbour = cKDTree(z).query(z, [k + 1], p=np.inf)[1][:, 0]
        radius = _distances(_columns(z), np.arange(len(z)), neighbour)
        return _inside_line(z[:, 0], radius), _inside_line(z[:, 1], radius)
    slabs = _Slabs(z)
    radius = _kth_distance(slabs, _bounds(z, k), k)
    return _inside(slabs.of_first(x.shape[1]), radius), _inside(_Slabs(y), radius)


def _kth_distance(slabs: _Slabs, bound: Array, k: int) -> Array:
    """Distance of each point to its k-th neighbour, which is not above `bound`.   -> (N,)."""
    columns, n, found = slabs.columns, len(bound), np.empty_like(bound)
    for rows in slabs.batches(bound):
        levels = slabs.outer(rows, bound[rows])
        start, near = slabs.between(levels, slabs.window(levels))
        if CROWDED * int(np.bitwise_count(near).sum(dtype=np.int64)) > len(rows) * n:
            distances = _distances(columns, rows[:, None], np.arange(n))
        else:
            i, j = slabs.members(start, near)
            distances = _padded(i, _distances(columns, rows[i], j), len(rows))
        found[rows] = np.partition(distances, k, axis=1)[:, k]  # the nearest is the point itself
    return found


def _inside(slabs: _Slabs, radius: Array) -> Indices:
    """How many others lie strictly within `radius` of each point.   -> (N,)."""
    counts = np.empty(len(radius), dtype=np.int64)
    if len(slabs.columns) == 1:
        return _inside_line(slabs.columns[0], radius)
    for rows in slabs.batches(radius):
        r = radius[rows]
        outer = slabs.outer(rows, r)
        window = slabs.window(outer)
        start, possible = slabs.between(outer, window)
        _, sure = slabs.between(slabs.inner(rows, r, outer), window)
        i, j = slabs.members(start, possible ^ sure)
        edge = np.bincount(i[_distances(slabs.columns, rows[i], j) < r[i]], minlength=len(rows))
        counts[rows] = np.bitwise_count(sure).sum(axis=1, dtype=np.int64) + edge - 1  # itself
    return counts


class _Slabs:
    """For each coordinate of N points, which of them lie below its cuts: tables (cuts + 1, N/64) of bits.

    `below[l]` holds the first l steps of points in the order of that coordinate, so that cuts may run between equal
    values. Bits stand in the order of the first coordinate, where a ball fills a window of neighbouring words.
    """

    def __init__(self, z: Array) -> None:
        n = len(z)
        self.step = -(-n // CUTS)
        self.columns = _columns(z)
        self.order = np.argsort(self.columns[0], kind="stable")
        self.below: list[Bits] = []
        self.first_out: list[Array] = []  # of l steps, the smallest value outside
        self.last_in: list[Array] = []  # of l + 1 steps, the largest value inside
        cuts = np.arange(-(-n // self.step) + 1)
        bits = np.zeros((len(cuts), -(-n // 64) * 64), dtype=bool)
        for column in self.columns:
            values = column[self.order]
            order = np.argsort(values, kind="stable")
            level = np.empty(n, dtype=np.int64)
            level[order] = np.arange(n) // self.step
            np.less(level, cuts[:, None], out=bits[:, :n])
            self.below.append(np.packbits(bits, axis=1, bitorder="little").view(np.uint64))
            self.first_out.append(values[order[:: self.step]])
            self.last_in.append(values[order[np.minimum(cuts[1:] * self.step, n) - 1]])

    def of_first(self, d: int) -> _Slabs:
        """The same tables for the first d coordinates alone."""
        part = copy(self)
        part.columns, part.below = self.columns[:d], self.below[:d]
        part.first_out, part.last_in = self.first_out[:d], self.last_in[:d]
        return part

    def batches(self, radius: Array) -> Iterator[Indices]:
        """All points in batches of similar radii and similar first coordinates."""
        size = max(1, min(256, BLOCK // len(radius)))
        for group in np.array_split(np.argsort(radius, kind="stable"), GROUPS):
            rows = group[np.argsort(self.columns[0][group], kind="stable")]
            yield from (rows[i : i + size] for i in range(0, len(rows), size))

    def outer(self, rows: Indices, radius: Array) -> Levels:
        """For each coordinate the cuts (low, high) between which the closed ball certainly lies."""
        found = []
        for column, first_out, last_in in zip(self.columns, self.first_out, self.last_in, strict=True):
            x = column[rows]
            reach = radius + ROUNDING * (np.abs(x) + radius)
            found.append((np.searchsorted(last_in, x - reach), np.searchsorted(first_out, x + reach, side="right")))
        return found

    def inner(self, rows: Indices, radius: Array, outer: Levels) -> Levels:
        """For each coordinate the cuts (low, high) between which all is certainly inside the open ball.

        Mostly one step within `outer`; equal or nearly equal values at a cut make it more.
        """
        found = []
        for column, first_out, last_in, (low, high) in zip(
            self.columns, self.first_out, self.last_in, outer, strict=True
        ):
            x = column[rows]
            reach = radius - ROUNDING * (np.abs(x) + radius)
            low, high = low.copy(), high.copy()
            while (move := (low < high) & (first_out[np.minimum(low, len(first_out) - 1)] <= x - reach)).any():
                low += move
            while (move := (low < high) & (last_in[high - 1] >= x + reach)).any():
                high -= move
            found.append((low, high))
        return found

    def window(self, levels: Levels) -> slice:
        """The words that hold all points between these cuts of the first coordinate."""
        low, high = levels[0]
        return slice(int(low.min()) * self.step // 64, -(-int(high.max()) * self.step // 64))

    def between(self, levels: Levels, window: slice) -> tuple[int, Bits]:
        """The first word of the window, and who lies between the cuts in every coordinate.   -> (rows, words)."""
        box: Bits | None = None
        for below, (low, high) in zip(self.below, levels, strict=True):
            words = below[:, window]
            slab = words[high]
            slab ^= words[low]
            box = slab if box is None else np.bitwise_and(box, slab, out=box)
        assert box is not None
        return window.start, box

    def members(self, start: int, box: Bits) -> tuple[Indices, Indices]:
        """Row and point of every bit that is set, rows rising."""
        filled = np.flatnonzero(box != 0)
        bits = np.flatnonzero(np.unpackbits(box.ravel()[filled].view(np.uint8), bitorder="little").view(bool))
        row, word = np.divmod(filled, box.shape[1])
        owner = bits >> 6
        return row[owner], self.order[(word[owner] + start) * 64 + (bits & 63)]


def _bounds(z: Array, k: int) -> Array:
    """At least the distance of each point to its k-th neighbour: that to the k-th in its leaf of a k-d tree."""
    n, size = len(z), max(LEAF, 2 * k + 2)
    depth = max(0, (n // size).bit_length() - 1)
    width = -(-n // 2**depth)
    # All leaves are equally full: some points stand in two of them, the second time as copies that are no neighbours.
    leaves = np.arange(width * 2**depth)[None]
    for _ in range(depth):
        points = z[leaves % n]
        widest = np.ptp(points, axis=1).argmax(axis=1)
        values = np.take_along_axis(points, widest[:, None, None], axis=2)[..., 0]
        split = np.argpartition(values, values.shape[1] // 2, axis=1)
        leaves = np.take_along_axis(leaves, split, axis=1).reshape(2 * len(leaves), -1)
    columns, bound = _columns(z), np.full(n, np.inf)
    for leaf in leaves:
        distance = _distances(columns, leaf[:, None] % n, leaf % n)
        distance[:, leaf >= n] = np.inf
        np.minimum.at(bound, leaf % n, np.partition(distance, k, axis=1)[:, k])
    return bound


def _columns(z: Array) -> list[Array]:
    return list(np.ascontiguousarray(z.T))


def _distances(columns: list[Array], i: Indices, j: Indices) -> Array:
    """max_d |z_id - z_jd|, for i and j that broadcast."""
    farthest: Array = np.abs(columns[0].take(i) - columns[0].take(j))
    for column in columns[1:]:
        difference = column.take(i) - column.take(j)
        np.maximum(farthest, np.abs(difference, out=difference), out=farthest)
    return farthest


def _padded(i: Indices, values: Array, rows: int) -> Array:
    """Values of each row beside each other, filled up with infinity.   i rising -> (rows, most)."""
    counts = np.bincount(i, minlength=rows)
    table = np.full((rows, int(counts.max())), np.inf)
    table[i, np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)] = values
    return table


def _inside_line(x: Array, radius: Array) -> Indices:
    """How many other x_j have |x_j - x_i| < radius_i.   (N,), (N,) -> (N,).

    x +- radius is rounded, the difference that made the radius is not: bounds found by bisection are moved until the
    differences themselves agree.
    """
    values = np.sort(x)
    last = len(values) - 1
    low, high = np.searchsorted(values, x - radius), np.searchsorted(values, x + radius)
    while (move := (low > 0) & (x - values[np.maximum(low - 1, 0)] < radius)).any():
        low -= move
    while (move := (low <= last) & (x - values[np.minimum(low, last)] >= radius)).any():
        low += move
    while (move := (high <= last) & (values[np.minimum(high, last)] - x < radius)).any():
        high += move
    while (move := (high > 0) & (values[high - 1] - x >= radius)).any():
        high -= move
    return high - low - 1
