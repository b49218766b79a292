"""Sources with known entropy rate: by hand, by block entropies, by simulation, and bad input."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy import stats

from itdl import sources
from itdl.checks import BadInput
from itdl.entropy import cross_entropy, entropy
from itdl.sources import HMM, BilinearMarkov, GraphWalk, Markov

FLIP = np.array([[0.9, 0.1], [0.3, 0.7]])


def chain(seed: int, n: int = 4) -> Markov:
    return Markov(np.random.default_rng(seed).dirichlet(np.ones(n), n))


def hidden(seed: int, states: int = 3, letters: int = 4) -> HMM:
    rng = np.random.default_rng(seed)
    return HMM(
        rng.dirichlet(np.ones(states), states), rng.dirichlet(0.5 * np.ones(letters), states) * 0.99 + 0.01 / letters
    )


def word_probability(source: HMM, word: tuple[int, ...], first: int | None = None) -> float:
    """p(word), summed over every path of hidden states."""
    start = source.stationary if first is None else np.eye(len(source.transition))[first]
    total = 0.0
    for path in product(range(len(source.transition)), repeat=len(word)):
        p = start[path[0]] * source.emission[path[0], word[0]]
        for before, now, letter in zip(path, path[1:], word[1:], strict=False):
            p *= source.transition[before, now] * source.emission[now, letter]
        total += p
    return total


# Markov chains


def test_two_states_by_hand() -> None:
    source = Markov(FLIP)
    h = [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in (0.1, 0.3)]
    assert_allclose(source.stationary, [0.75, 0.25], rtol=1e-12)
    assert_allclose(source.entropy(), 0.75 * h[0] + 0.25 * h[1], rtol=1e-12)
    assert_allclose(source.conditional([[1, 0]]), [[[0.3, 0.7], [0.9, 0.1]]])
    # A predictor that ignores the past pays the mutual information of neighbours.
    memoryless = np.tile(source.stationary, (2, 1))
    assert_allclose(source.excess(memoryless), entropy([0.75, 0.25]) - source.entropy(), rtol=1e-12)


@LAW
@given(SEEDS)
def test_the_rate_is_the_growth_of_block_entropies(seed: int) -> None:
    source = chain(seed)
    pairs = source.stationary[:, None] * source.transition
    triples = pairs[:, :, None] * source.transition
    assert_allclose(entropy(triples.ravel()) - entropy(pairs.ravel()), source.entropy(), rtol=1e-9)
    assert_allclose(source.stationary @ source.transition, source.stationary, atol=1e-12)


@LAW
@given(SEEDS)
def test_cross_entropy_is_entropy_plus_excess(seed: int) -> None:
    source, other = chain(seed), chain(seed + 1)
    paid = source.stationary @ cross_entropy(source.transition, other.transition)
    assert_allclose(paid, source.entropy() + source.excess(other.transition), rtol=1e-9)
    assert source.excess(other.transition) >= 0
    assert_allclose(source.excess(source.transition), 0, atol=1e-15)
    both = source.excess(np.stack([other.transition, source.transition]))
    assert_allclose(both, [source.excess(other.transition), 0], atol=1e-15)


def test_a_predictor_that_misses_what_happens_pays_without_end() -> None:
    assert Markov(FLIP).excess(np.eye(2)) == np.inf


def test_samples_have_the_law_of_the_chain() -> None:
    source = chain(3)
    x = source.sample(np.random.default_rng(1), 6, chains=40_000)
    assert x.shape == (40_000, 6)
    for t in (0, 4):
        seen = np.histogram2d(x[:, t], x[:, t + 1], bins=4, range=[[-0.5, 3.5]] * 2)[0]
        expected = 40_000 * source.stationary[:, None] * source.transition
        assert stats.chisquare(seen.ravel(), expected.ravel()).pvalue > 1e-4


def test_a_symbol_of_no_probability_never_comes() -> None:
    cycle = Markov(np.roll(np.eye(3), 1, axis=1))
    x = cycle.sample(np.random.default_rng(0), 7, chains=50)
    assert (np.diff(x, axis=1) % 3 == 1).all()
    assert cycle.entropy() == 0


# The bilinear chain


def test_the_logits_have_the_spectrum_and_the_variance_that_were_asked_for() -> None:
    source = BilinearMarkov.draw(np.random.default_rng(2), vocabulary=300, gamma=1.5, scale=0.4)
    logs = np.log(source.transition)
    flat = np.full((300, 300), 1 / 300)
    centred = logs - logs @ flat  # a row of logits is known up to its sum
    values = np.linalg.svd(centred, compute_uv=False)
    assert_allclose(values[:3] / values[0], np.arange(1, 4) ** -1.5, rtol=0.05)
    assert_allclose(np.sqrt((centred**2).mean()), 0.4, rtol=0.05)


def test_the_best_logits_of_low_rank_pay_what_the_second_order_says() -> None:
    source = BilinearMarkov.draw(np.random.default_rng(5), vocabulary=128, gamma=1.0, scale=0.05)
    u, s, w = np.linalg.svd(np.log(source.transition) - np.log(source.transition).mean(axis=1, keepdims=True))
    for r in (1, 4, 16):
        q = np.exp(u[:, :r] * s[:r] @ w[:r])
        paid = source.excess(q / q.sum(axis=1, keepdims=True))
        assert_allclose(paid, source.rank_excess(r)[0], rtol=0.05)


def test_rank_excess_by_hand() -> None:
    source = BilinearMarkov.draw(np.random.default_rng(0), vocabulary=3, gamma=1.0, scale=0.2)
    total = 1 + 1 / 4 + 1 / 9
    expected = np.array([total, 1 / 4 + 1 / 9, 1 / 9, 0]) * 0.02 / total
    assert_allclose(source.rank_excess([0, 1, 2, 3]), expected, rtol=1e-12)


def test_the_same_stream_draws_the_same_chain() -> None:
    one, two, other = (
        BilinearMarkov.draw(np.random.default_rng(seed), vocabulary=5, gamma=1.0, scale=0.5) for seed in (1, 1, 2)
    )
    assert (one.transition == two.transition).all()
    assert not np.allclose(one.transition, other.transition)
    assert isinstance(one, Markov)


# Walks


def test_a_walk_on_a_small_graph_by_hand() -> None:
    # A triangle with a tail: degrees 2, 2, 3, 1.
    edges = np.zeros((4, 4))
    for i, j in ((0, 1), (1, 2), (0, 2), (2, 3)):
        edges[i, j] = edges[j, i] = 1
    walk = GraphWalk(edges)
    assert_allclose(walk.stationary, np.array([2, 2, 3, 1]) / 8)
    assert_allclose(walk.entropy(), (4 * math.log(2) + 3 * math.log(3)) / 8, rtol=1e-12)
    assert_allclose(walk.entropy(), walk.chain.entropy(), rtol=1e-12)
    assert_allclose(walk.chain.stationary, walk.stationary, rtol=1e-12)
    assert_allclose(walk.conditional([3]), [[0, 0, 1, 0]])
    x = walk.sample(np.random.default_rng(0), 5, chains=8000)
    assert edges[x[:, :-1], x[:, 1:]].all()
    assert_allclose(np.bincount(x[:, -1]) / 8000, walk.stationary, atol=0.02)


# Hidden Markov models


@FEW
@given(SEEDS)
def test_the_bounds_are_block_entropies(seed: int) -> None:
    source = hidden(seed, 2, 3)
    words = {n: np.array([word_probability(source, w) for w in product(range(3), repeat=n)]) for n in (2, 3)}
    assert_allclose(words[3].sum(), 1)
    low, high = source.entropy_bounds(3)
    assert_allclose(high, entropy(words[3]) - entropy(words[2]), rtol=1e-9)
    given_first = [
        [entropy([word_probability(source, w, s) for w in product(range(3), repeat=n)]) for s in range(2)]
        for n in (2, 3)
    ]
    assert_allclose(low, source.stationary @ (np.array(given_first[1]) - given_first[0]), rtol=1e-9)
    bounds = np.array([source.entropy_bounds(n) for n in range(1, 7)])
    assert (np.diff(bounds[:, 0]) >= -1e-12).all()
    assert (np.diff(bounds[:, 1]) <= 1e-12).all()
    assert (bounds[:, 0] <= bounds[:, 1] + 1e-12).all()


def test_one_symbol_alone_has_the_entropy_of_its_law() -> None:
    source = hidden(1)
    low, high = source.entropy_bounds(1)
    assert_allclose(high, entropy(source.stationary @ source.emission), rtol=1e-12)
    assert_allclose(low, source.stationary @ entropy(source.emission), rtol=1e-12)


def test_a_clear_view_makes_the_chain_itself() -> None:
    source = HMM(FLIP, np.eye(2))
    assert_allclose(source.entropy(), Markov(FLIP).entropy(), rtol=1e-12)
    assert_allclose(source.conditional([[0, 1, 0]])[0], [[0.75, 0.25], FLIP[0], FLIP[1]], rtol=1e-12)


def test_the_filter_predicts_the_words_and_its_entropy_is_the_rate() -> None:
    source = hidden(7)
    p = source.conditional([2, 0, 3])
    for n, word in enumerate([(2,), (2, 0), (2, 0, 3)]):
        before = word_probability(source, word[:-1]) if n else 1.0
        assert_allclose(p[n, word[-1]], word_probability(source, word) / before, rtol=1e-9)
    x = source.sample(np.random.default_rng(3), 60, chains=4000)
    later = entropy(source.conditional(x))[:, 20:].mean(axis=1)
    assert abs(later.mean() - source.entropy(1e-5)) < 4 * later.std() / 4000**0.5 + 1e-5
    assert_allclose(np.bincount(x[:, -1]) / 4000, source.stationary @ source.emission, atol=0.03)


def test_the_middle_of_the_bounds_is_within_the_tolerance() -> None:
    source = hidden(2)
    low, high = source.entropy_bounds(9)
    assert abs(source.entropy(1e-3) - (low + high) / 2) < 1e-3
    assert source.entropy(10.0) == sum(source.entropy_bounds(1)) / 2


# Bad input

TORN = np.kron(np.eye(2), np.full((2, 2), 0.5))
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Markov([[0.5, 0.6], [0.5, 0.5]]), "transition sums to 1 only within"),
        (lambda: Markov([[0.5, 0.5]]), r"transition has shape \(1, 2\); it must be a square matrix, one row per state"),
        (lambda: Markov([0.5, 0.5]), "it must be a matrix"),
        (lambda: Markov(TORN).stationary, "the chain of 4 states falls into parts that never meet"),
        (lambda: Markov(FLIP).conditional([0, 2]), "states must be whole numbers from 0 to 1"),
        (lambda: Markov(FLIP).conditional([0.5]), "states must be whole numbers"),
        (lambda: Markov(FLIP).conditional([-1]), "states must be whole numbers"),
        (lambda: Markov(FLIP).excess(FLIP * 2), "q sums to 1 only within"),
        (lambda: Markov(FLIP).sample(RNG, 0), "n is 0; it must be a whole number above zero"),
        (lambda: Markov(FLIP).sample(RNG, 2, chains=1.5), "chains is 1.5; it must be a whole number"),
        (lambda: BilinearMarkov.draw(RNG, vocabulary=0, gamma=1, scale=1), "vocabulary is 0"),
        (lambda: BilinearMarkov.draw(RNG, vocabulary=3, gamma=-1, scale=1), "gamma is -1"),
        (lambda: BilinearMarkov.draw(RNG, vocabulary=3, gamma=1, scale=np.nan), "scale is nan"),
        (
            lambda: BilinearMarkov.draw(RNG, vocabulary=3, gamma=1, scale=1).rank_excess([1, 4]),
            "ranks lie in 1 to 4; a table of 3 rows has ranks 0 to 3",
        ),
        (lambda: GraphWalk([[0, 1], [0, 0]]), "is not a symmetric matrix of zeros and ones"),
        (lambda: GraphWalk([[0, 2], [2, 0]]), "is not a symmetric matrix of zeros and ones"),
        (lambda: GraphWalk([[0, 1, 0], [1, 0, 0], [0, 0, 0]]), "node 2 has no edge"),
        (lambda: GraphWalk(np.eye(2)[:, ::-1]).sample(RNG, 0), "n is 0"),
        (lambda: HMM(FLIP, [[1.0]]), "there are 2 hidden states but 1 rows of emission"),
        (lambda: HMM(FLIP, [[0.5, 0.4], [1, 0]]), "emission sums to 1"),
        (lambda: HMM([[0.5, 0.5]], np.eye(2)), "transition has shape"),
        (lambda: hidden(0).entropy_bounds(0), "n is 0"),
        (lambda: hidden(0).entropy_bounds(12), r"n is 12; 4\^12 words from 3 states are too many to list"),
        (lambda: hidden(0).entropy(1e-300), "words from 3 states are too many to list"),
        (lambda: hidden(0).entropy(0.0), "tol is 0.0"),
        (lambda: hidden(0).conditional([[4]]), "symbols must be whole numbers from 0 to 3"),
        (lambda: hidden(0).sample(RNG, 0), "n is 0"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=words):
        call()


def test_all_four_sources_are_found_in_one_place() -> None:
    assert {"ZipfBits", "BilinearMarkov", "HMM", "GraphWalk"} <= set(sources.__all__)
    assert sources.ZipfBits(1.0).entropy() > 0
