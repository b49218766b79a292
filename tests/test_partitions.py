"""Hard clusters: costs by hand, merging against exhaustive search, enumeration, local optimality."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from itdl import entropy
from itdl.bottleneck.bifurcations import random_joint
from itdl.bottleneck.partitions import best_partitions, cost, merges
from itdl.checks import Array


def joint(seed: int, n_x: int, n_y: int = 4) -> Array:
    return random_joint(np.random.default_rng(seed), n_x, n_y, 0.7, 1e-4)


def value(pxy: Array, labels: np.ndarray, beta: float, w: float = 1) -> float:
    """w H(T) + beta H(Y|T), from its definition."""
    clusters = np.array([pxy[labels == t].sum(axis=0) for t in np.unique(labels)])
    return w * float(entropy.entropy(clusters.sum(axis=1))) + beta * entropy.conditional_entropy(clusters)


@pytest.mark.parametrize("w", [0.0, 1.0, 0.5])
def test_costs_add_up_to_entropy_and_what_is_not_known(w: float) -> None:
    pxy, labels = joint(0, 6), np.array([0, 1, 0, 2, 2, 0])
    clusters = np.array([pxy[labels == t].sum(axis=0) for t in range(3)])
    assert_allclose(cost(clusters, 3.0, w).sum(), value(pxy, labels, 3.0, w), rtol=1e-12)


def test_labels_that_are_certain_cost_only_the_entropy() -> None:
    assert_allclose(cost(np.array([[0.5, 0.0], [0.0, 0.5]]), 7.0).sum(), np.log(2))


@pytest.mark.parametrize("w", [0.0, 1.0])
def test_each_merge_is_the_cheapest_of_all_pairs(w: float) -> None:
    pxy, beta = joint(1, 7), 4.0
    path = merges(pxy, beta, w)
    assert [len(np.unique(labels)) for labels in path] == [7, 6, 5, 4, 3, 2, 1]
    assert_array_equal(path[0], np.arange(7))
    for before, after in pairwise(path):
        k = before.max() + 1
        pairs = [np.where(before == j, i, before) for i, j in combinations(range(k), 2)]
        assert_allclose(value(pxy, after, beta, w), min(value(pxy, p, beta, w) for p in pairs), rtol=1e-12)
        # Only two clusters differ, and labels count from 0 in order of first appearance.
        assert len({(a, b) for a, b in zip(before, after, strict=True)}) == k
        assert_array_equal(np.unique(after), np.arange(k - 1))
        assert_array_equal(np.argsort([list(after).index(t) for t in range(k - 1)]), np.arange(k - 1))


def test_merging_can_stop_early_and_leaves_the_joint_alone() -> None:
    pxy = joint(2, 6)
    kept = pxy.copy()
    assert merges(pxy, 1.0, 0, down_to=3)[-1].max() == 2
    assert len(merges(pxy, 1.0, 0, down_to=3)) == 4
    assert_array_equal(pxy, kept)


def test_small_alphabets_are_searched_in_full() -> None:
    pxy = joint(3, 4)
    found = best_partitions(pxy, np.array([1.5, 30.0]), limit=4, restarts=0, seed=0)
    assert_array_equal(found.moves, 15)  # the Bell number of 4
    assert_array_equal(found.increase, 0)
    assert_array_equal(best_partitions(pxy, np.array([2.0]), limit=2, restarts=0, seed=0).moves, 8)
    assert_array_equal(best_partitions(pxy, np.array([2.0]), limit=1, restarts=0, seed=0).labels, 0)


@pytest.mark.parametrize("limit", [12, 3])
def test_larger_ones_end_where_no_move_and_no_merge_helps(limit: int) -> None:
    pxy, betas = joint(4, 12), np.array([1.2, 4.0, 25.0])
    found = best_partitions(pxy, betas, limit=limit, restarts=2, seed=5)
    assert (found.increase <= 1e-12).all()
    for beta, labels in zip(betas, found.labels, strict=True):
        best, k = value(pxy, labels, beta), labels.max() + 1
        assert k <= limit
        for x in range(12):
            for t in range(min(k + 1, limit)):
                moved = labels.copy()
                moved[x] = t
                assert value(pxy, moved, beta) >= best - 1e-11
        for i, j in combinations(range(k), 2):
            assert value(pxy, np.where(labels == j, i, labels), beta) >= best - 1e-11
        # Nor is a solution of another beta, or a stage of the merging path, better.
        for other in [*found.labels, *merges(pxy, beta)[12 - limit :]]:
            assert value(pxy, other, beta) >= best - 1e-11


def test_random_starts_are_those_of_their_seed() -> None:
    pxy, betas = joint(5, 14, 6), np.array([6.0])
    one, same = (best_partitions(pxy, betas, limit=3, restarts=4, seed=1) for _ in range(2))
    assert_array_equal(one.labels, same.labels)
    none = best_partitions(pxy, betas, limit=3, restarts=0, seed=1)
    assert value(pxy, one.labels[0], 6.0) <= value(pxy, none.labels[0], 6.0) + 1e-12
    assert one.moves > none.moves
