"""The search: what each way of looking finds that the others miss, and limits kept."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from itdl.bottleneck import critical_betas
from itdl.bottleneck.annealing import Options, Search
from itdl.bottleneck.bifurcations import contraction, random_joint
from itdl.bottleneck.clustering import Clustering
from itdl.checks import Array

OPTIONS = Options(limit=6, restarts=0, seed=0, tol=1e-13, max_iter=20_000)
EITHER = pytest.mark.parametrize("dual", [False, True])


def problem(seed: int, dual: bool, n_x: int = 6, alpha: float = 1.0) -> Clustering:
    pxy = random_joint(np.random.default_rng(seed), n_x, 4, alpha, 1e-4)
    px = pxy.sum(axis=1)
    return Clustering(px, pxy / px[:, None], dual=dual)


def values(clustering: Clustering, codebooks: list[Array], betas: Array) -> Array:
    return np.array([clustering.sweep(c[None], b[None])[-1][0] for c, b in zip(codebooks, betas, strict=True)])


@EITHER
def test_values_are_those_of_the_codebooks_kept(dual: bool) -> None:
    p, betas = problem(0, dual), np.geomspace(1, 60, 15)
    best = Search(p, betas, OPTIONS).best
    assert_allclose(values(p, best.codebooks, betas), best.value, atol=1e-9)


@EITHER
@pytest.mark.parametrize("seed", range(3))
def test_no_neighbour_and_no_descent_from_above_is_better(dual: bool, seed: int) -> None:
    p, betas = problem(seed, dual, n_x=8, alpha=0.3), np.geomspace(1, 30, 20)
    options = OPTIONS._replace(limit=8)
    search = Search(p, betas, options)
    for shift in (1, -1):
        others = [search.best.codebooks[i] for i in np.clip(np.arange(20) + shift, 0, 19)]
        assert (p.descend(betas, others, tol=1e-13, max_iter=20_000).value >= search.best.value - 2e-9).all()
    starts = [p.codebook(0.95 * np.eye(8) + 0.05 / 8)] * 20
    assert (p.descend(betas, starts, tol=1e-13, max_iter=20_000).value >= search.best.value - 2e-9).all()


@EITHER
def test_no_new_cluster_is_worthwhile(dual: bool) -> None:
    p, betas = problem(2, dual, n_x=8, alpha=0.3), np.geomspace(1, 30, 20)
    best = Search(p, betas, OPTIONS._replace(limit=8)).best
    for codebook, beta in zip(best.codebooks, betas, strict=True):
        assert p.gains(codebook, np.log(p.pyx), beta)[0].max() < 1 + 1e-4


@EITHER
def test_one_cluster_where_nothing_is_worth_keeping(dual: bool) -> None:
    p = problem(3, dual)
    pxy = p.px[:, None] * p.pyx
    low = 0.5 * critical_betas(pxy).dual if dual else 0.999 / contraction(pxy).value
    best = Search(p, np.array([1e-3, low / 10, low]), OPTIONS).best
    assert [len(c) for c in best.codebooks] == [1, 1, 1]
    mean = p.px @ np.log(p.pyx) if dual else np.log(p.px @ p.pyx)
    shift = best.codebooks[0][0, 1:] - mean
    assert_allclose(shift, shift[0], atol=1e-12)


@EITHER
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_a_limit_on_the_number_of_clusters_is_kept(dual: bool, limit: int) -> None:
    p, betas = problem(4, dual), np.geomspace(1, 80, 12)
    best = Search(p, betas, OPTIONS._replace(limit=limit, restarts=2)).best
    assert max(map(len, best.codebooks)) == limit
    assert len(best.codebooks[-1]) == limit


def test_random_starts_come_from_the_seed() -> None:
    p, betas = problem(5, False, n_x=9), np.geomspace(2, 20, 5)
    options = OPTIONS._replace(limit=9, restarts=2)
    one, same, other = (Search(p, betas, options._replace(seed=s)).best for s in (1, 1, 2))
    assert_array_equal(one.value, same.value)
    assert_array_equal(one.sweeps, same.sweeps)
    assert (one.sweeps != other.sweeps).any()


@EITHER
def test_many_betas_find_no_less_than_each_alone(dual: bool) -> None:
    p, betas = problem(6, dual, n_x=10, alpha=0.3), np.geomspace(1.2, 12, 30)
    options = OPTIONS._replace(limit=10)
    together = Search(p, betas, options).best
    alone = np.array([Search(p, betas[i : i + 1], options).best.value[0] for i in range(30)])
    assert (together.value <= alone + 2e-9).all()
