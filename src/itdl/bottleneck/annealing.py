"""Search for the best soft clusters at many betas: from above, by optimality conditions, and from neighbours.

The functional has many local minima, and random starts rarely find the best. The search begins at T = X, the solution
at beta = infinity, at every beta; offers clusters that the optimality conditions call worthwhile; and offers each beta
the clusters of its neighbours (reverse annealing, and forward), until no beta improves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from itdl.bottleneck import partitions
from itdl.bottleneck.clustering import Clustering, Descent
from itdl.bottleneck.codebooks import alike, joined, overlaps
from itdl.checks import Array
from itdl.rng import stream

__all__ = ["Options", "Search"]

BETTER = 1e-9  # nats by which a solution must improve on another to replace it
NOVEL = 1e-3  # squared Hellinger distance beyond which a decoder is another one
LIGHT = 1e-2  # mass given to new clusters


class Options(NamedTuple):
    """Largest number of clusters, random starts and their seed, tolerance and cap of one descent."""

    limit: int
    restarts: int
    seed: int
    tol: float
    max_iter: int


class Search:
    """The `best` codebooks found at ascending betas (B,)."""

    def __init__(self, problem: Clustering, betas: Array, options: Options) -> None:
        self.problem, self.betas, self.options = problem, betas, options
        self.everywhere = np.arange(len(betas))
        start = _start(problem, options.limit)
        self.probes = start[:, 1:]
        self.best = self._descend(self.everywhere, [start] * len(betas), np.inf)
        self._one_cluster()
        self._grow()
        self._anneal()
        for r in range(options.restarts):
            rng = stream(options.seed, "annealing", "restart", r)
            encoders = softmax(2 * rng.standard_normal((len(betas), len(problem.px), options.limit)), axis=2)
            self._offer(self.everywhere, [self._start(i, problem.codebook(q)) for i, q in enumerate(encoders)])
        if options.restarts:
            self._anneal()

    def _descend(self, rows: np.ndarray, starts: list[Array], rival: Array | float) -> Descent:
        tol, cap = self.options.tol, self.options.max_iter
        return self.problem.descend(self.betas[rows], starts, tol=tol, max_iter=cap, rival=rival)

    def _offer(self, rows: np.ndarray, starts: list[Array]) -> np.ndarray:
        """Descend from the starts and keep what is lower; the rows that changed."""
        if not len(rows):
            return rows
        trial, best = self._descend(rows, starts, self.best.value[rows]), self.best
        best.sweeps[rows] += trial.sweeps
        best.increase[rows] = np.maximum(best.increase[rows], trial.increase)
        fits = np.array([len(codebook) <= self.options.limit for codebook in trial.codebooks])
        wins = np.flatnonzero(fits & (trial.value < best.value[rows] - BETTER))
        for k in wins:
            best.codebooks[rows[k]], best.value[rows[k]] = trial.codebooks[k], trial.value[k]
        return np.asarray(rows[wins])

    def _start(self, row: int, other: Array) -> Array:
        """A start from another codebook: those of its clusters that ours lacks, beside ours; or all of it, alone.

        Alone, where it lacks none, and where only a limited number of clusters may come out.
        """
        own = self.best.codebooks[row]
        new = other[overlaps(other, own).max(axis=1) < 1 - NOVEL]
        if self.options.limit < len(self.problem.px) or not len(new):
            return other
        mass = np.exp(new[:, 0]).sum()
        return joined(own, new - np.log(mass) * (np.arange(new.shape[1]) == 0), mass / 2)

    def _one_cluster(self) -> None:
        """The one-cluster solution, wherever what was found is not lower."""
        one = self.problem.codebook(np.ones((len(self.problem.px), 1)))
        value = self.problem.sweep(np.repeat(one[None], len(self.betas), axis=0), self.betas)[-1]
        for i in np.flatnonzero(value <= self.best.value + BETTER):
            self.best.codebooks[i], self.best.value[i] = one, value[i]

    def _grow(self) -> None:
        """New clusters of little mass, wherever the optimality conditions say that they lower the objective."""
        rows, starts = [], []
        for i, codebook in enumerate(self.best.codebooks):
            if room := self.options.limit - len(codebook):
                factor, decoders = self.problem.gains(codebook, self.probes, self.betas[i])
                new = [k for k in np.argsort(-factor)[:room] if factor[k] > 1 + 1e-7]
                if new:
                    light = np.hstack([np.full((len(new), 1), -np.log(len(new))), decoders[new]])
                    rows.append(i)
                    starts.append(joined(codebook, light, LIGHT))
        self._offer(np.array(rows, dtype=int), starts)

    def _anneal(self) -> None:
        """Offers each beta the codebooks of its neighbours, above and below, where they differ, until none improves."""
        news = set(self.everywhere.tolist())
        while news:
            changed: set[int] = set()
            for shift in (-1, 1):
                pairs = [(by + shift, by) for by in sorted(news | changed) if 0 <= by + shift < len(self.betas)]
                kept = self.best.codebooks
                pairs = [(to, by) for to, by in pairs if not alike(kept[to], kept[by])]
                rows = np.array([to for to, _ in pairs], dtype=int)
                changed.update(self._offer(rows, [self._start(to, kept[by]) for to, by in pairs]).tolist())
            news = changed


def _start(problem: Clustering, limit: int) -> Array:
    """Every input a cluster, or `limit` clusters of like inputs; with 1 % of the mean, so that no zero is kept."""
    n_x = len(problem.px)
    joint = problem.px[:, None] * problem.pyx
    labels = partitions.merges(joint, 1.0, w=0, down_to=limit)[-1] if limit < n_x else np.arange(n_x)
    weights = np.bincount(labels, problem.px)
    return problem.codebook(0.99 * np.eye(limit)[labels] + 0.01 * weights)
