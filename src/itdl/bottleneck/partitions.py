"""Hard clusters of inputs, for the deterministic bottleneck and for agglomerative starts, in nats.

With joint masses J(t, y), the sum of p(x, y) over the members of t, and p(t) = sum_y J(t, y), a partition costs

    w H(T) + beta H(Y|T) = sum_t [(beta - w) p(t) log p(t) - beta sum_y J(t, y) log J(t, y)],

one term per cluster, so that moving an input or merging two clusters changes only the terms touched. The
deterministic bottleneck has w = 1; with w = 0 and beta = 1 the cost is H(Y|T) alone.

Source: strouse2017deterministic (functional and sweep); merges and moves of single inputs are added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from itdl.checks import Array
from itdl.rng import stream

__all__ = ["Partitions", "best_partitions", "cost", "merges"]

LESS = 1e-12  # nats by which a change must lower the cost
ENUMERATED = 8  # inputs up to which all partitions (4140 of 8) are tried


@dataclass
class Partitions:
    """Labels 0, 1, ... of the inputs at each beta (B, X), moves and sweeps made (B,), largest rise in a sweep (B,)."""

    labels: np.ndarray
    moves: np.ndarray
    increase: Array


def cost(joint: Array, beta: float, w: float = 1) -> Array:
    """The terms of the sum above.   J (..., Y) -> (...)."""
    mass = joint.sum(axis=-1)
    return np.asarray((beta - w) * xlogy(mass, mass) - beta * xlogy(joint, joint).sum(axis=-1))


def merges(joint: Array, beta: float, w: float = 1, down_to: int = 1) -> list[np.ndarray]:
    """Partitions from one input each down to `down_to` clusters, each merging the pair that costs least.

    p(x, y) (X, Y) -> list of labels (X,), which count from 0.
    """
    clusters, labels = joint.copy(), np.arange(len(joint))
    path, alive = [labels.copy()], np.ones(len(joint), dtype=bool)
    own = cost(clusters, beta, w)
    change = np.stack([cost(clusters + row, beta, w) for row in clusters]) - own - own[:, None]
    np.fill_diagonal(change, np.inf)
    while alive.sum() > down_to:
        i, j = divmod(int(np.argmin(change)), len(joint))
        clusters[i] += clusters[j]
        labels[labels == j] = i
        alive[j] = False
        own[i] = cost(clusters[i], beta, w)
        new = np.where(alive, cost(clusters + clusters[i], beta, w) - own - own[i], np.inf)
        change[j] = change[:, j] = np.inf
        change[i] = change[:, i] = new
        change[i, i] = np.inf
        path.append(_counted(labels))
    return path


def best_partitions(joint: Array, betas: Array, limit: int, restarts: int, seed: int) -> Partitions:
    """Low-cost partitions with at most `limit` clusters at each beta.   p(x, y) (X, Y), betas (B,).

    Up to 8 inputs, the best of all partitions. Beyond, local minima (no sweep, move of one input or merge is better),
    the best of many starts: all stages of the merging path at each beta, `restarts` random labellings, and the
    solutions at other betas: a partition's cost is linear in beta, so each one found is tried everywhere.
    """
    found = Partitions(np.zeros((len(betas), len(joint)), int), np.zeros(len(betas), int), np.zeros(len(betas)))
    if len(joint) <= ENUMERATED:
        every = np.array(list(_all_partitions(len(joint), limit)))
        found.labels[:] = every[_values(joint, every, betas).argmin(axis=1)]
        found.moves[:] = len(every)
        return found
    pool = {labels.tobytes(): labels for beta in betas for labels in merges(joint, beta)[len(joint) - limit :]}
    for r in range(restarts):
        labels = _counted(stream(seed, "partitions", "restart", r).integers(limit, size=len(joint)))
        pool[labels.tobytes()] = labels
        for i, beta in enumerate(betas):
            _keep(pool, _polished(joint, labels, beta, limit, found, i))
    known = -1
    while len(pool) > known:
        known = len(pool)
        starts = np.array(list(pool.values()))
        values = _values(joint, starts, betas)
        for i, beta in enumerate(betas):
            found.labels[i] = _polished(joint, starts[values[i].argmin()], beta, limit, found, i)
            _keep(pool, found.labels[i])
    return found


def _all_partitions(n: int, limit: int) -> Iterator[tuple[int, ...]]:
    """Labels of n points in at most `limit` clusters, each partition once: no label before all smaller ones."""
    if n == 0:
        yield ()
        return
    for head in _all_partitions(n - 1, limit):
        yield from ((*head, label) for label in range(min(max(head, default=-1) + 2, limit)))


def _values(joint: Array, labellings: np.ndarray, betas: Array) -> Array:
    """Costs (B, N) of N labellings (N, X): linear in beta, so two of them give all."""
    at = np.array([[_total(joint, labels, beta) for labels in labellings] for beta in (0, 1)])
    return np.asarray(at[0] + betas[:, None] * (at[1] - at[0]))


def _keep(pool: dict[bytes, np.ndarray], labels: np.ndarray) -> None:
    pool.setdefault(labels.tobytes(), labels)


def _polished(joint: Array, labels: np.ndarray, beta: float, limit: int, found: Partitions, row: int) -> np.ndarray:
    """Sweeps until they change nothing, then the best move or merge, until none lowers the cost."""
    value = _total(joint, labels, beta)
    while True:
        swept = _swept(joint, labels, beta)
        after = _total(joint, swept, beta)
        found.increase[row] = max(found.increase[row], after - value)
        found.moves[row] += 1
        if after >= value - LESS:
            gain, swept = _best_change(joint, labels, beta, limit)
            if gain > -LESS:
                return _counted(labels)
            after = _total(joint, swept, beta)
        labels, value = swept, after


def _swept(joint: Array, labels: np.ndarray, beta: float) -> np.ndarray:
    """Every input to the cluster with the largest log p(t) - beta D[p(y|x) || p(y|t)], clusters as they were."""
    clusters = _clusters(joint, labels)
    mass = clusters.sum(axis=1)
    decoder = np.log(np.maximum(clusters / mass[:, None], 1e-300))
    pyx = joint / joint.sum(axis=1, keepdims=True)
    scores = np.log(mass) + beta * pyx @ decoder.T
    stay = scores.max(axis=1) <= scores[np.arange(len(labels)), labels] + LESS
    return _counted(np.where(stay, labels, scores.argmax(axis=1)))


def _best_change(joint: Array, labels: np.ndarray, beta: float, limit: int) -> tuple[float, np.ndarray]:
    """The move of one input, or merge of two clusters, that lowers the cost most; and by how much."""
    clusters = _clusters(joint, labels)
    targets = np.vstack([clusters, np.zeros((int(len(clusters) < limit), joint.shape[1]))])
    own, target_cost = cost(clusters, beta), cost(targets, beta)
    left = np.maximum(clusters[labels] - joint, 0)  # rounding can leave a cluster of one input a little below zero
    leave = cost(left, beta) - own[labels]
    arrive = np.stack([cost(joint + row, beta) for row in targets], axis=1) - target_cost
    change = leave[:, None] + arrive
    change[np.arange(len(labels)), labels] = 0
    x, t = divmod(int(np.argmin(change)), len(targets))
    pair = np.stack([cost(clusters + row, beta) for row in clusters]) - own - own[:, None]
    np.fill_diagonal(pair, 0)
    a, b = divmod(int(np.argmin(pair)), len(clusters))
    if pair[a, b] < change[x, t]:
        return float(pair[a, b]), _counted(np.where(labels == b, a, labels))
    moved = labels.copy()
    moved[x] = t
    return float(change[x, t]), _counted(moved)


def _total(joint: Array, labels: np.ndarray, beta: float) -> float:
    return float(cost(_clusters(joint, labels), beta).sum())


def _clusters(joint: Array, labels: np.ndarray) -> Array:
    """J(t, y) of the labels in use, in their order."""
    return np.asarray(np.stack([joint[labels == t].sum(axis=0) for t in np.unique(labels)]))


def _counted(labels: np.ndarray) -> np.ndarray:
    """The same partition, its labels 0, 1, ... in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse])
