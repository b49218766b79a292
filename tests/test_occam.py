"""Bounds from code lengths and from what a class can do: by hand, by simulation, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import comb

from itdl import capacity, occam, pacbayes
from itdl.checks import BadInput


def test_occam_is_the_kl_inverse_of_the_length() -> None:
    expected = pacbayes.kl_inverse([0, 0.1], (50 + math.log(20)) / 1000).value
    assert_allclose(occam.occam_bound([0, 0.1], 50, 1000, 0.05), expected, rtol=1e-14)
    assert_allclose(occam.occam_bound(0, 0, 1000, 0.05), 1 - 0.05 ** (1 / 1000), rtol=1e-12)


def test_hoeffding_form_by_hand_and_looser() -> None:
    r = np.array([0, 0.1, 0.5])
    loose = occam.hoeffding_occam_bound(r, 50, 1000, 0.05)
    assert_allclose(loose, r + math.sqrt((50 + math.log(20)) / 2000), rtol=1e-14)
    assert (occam.occam_bound(r, 50, 1000, 0.05) < loose).all()


def test_occam_holds_for_the_best_of_many_rules() -> None:
    """256 rules of eight bits that guess: the one with the fewest errors has risk 1/2, and misses the bound rarely"""
    g, n = np.random.default_rng(2), 100
    best = g.binomial(n, 0.5, (4000, 256)).min(axis=1) / n
    assert (occam.occam_bound(best, 8 * math.log(2), n, 0.1) < 0.5).mean() <= 0.1
    assert (occam.occam_bound(best, 0, n, 0.1) < 0.5).mean() > 0.5


def test_lengths_that_name_themselves_are_a_prior() -> None:
    """The 2^l files of l bits, all l, have shares that sum to one"""
    bits = np.arange(1, 1001.0)
    shares = np.exp(bits * math.log(2) - occam.unnamed_length(bits))
    assert_allclose(shares.sum(), 1 - 1 / 1001, rtol=1e-12)


def test_smoothing_range_is_largest_less_least_loss() -> None:
    for a, v in [(0.1, 96), (0.5, 2), (1.0, 7)]:
        losses = [-math.log(a / v + (1 - a) * p) for p in (0, 1)]
        assert_allclose(occam.smoothing_range(a, v), losses[0] - losses[1], atol=1e-14)


def test_sauer_counts_subsets() -> None:
    assert_allclose(occam.sauer(3, 10), math.log(sum(comb(10, i) for i in range(4))))
    assert_allclose(occam.sauer(20, 10), 10 * math.log(2))
    assert occam.sauer(0, 10) == 0


def test_sauer_bounds_what_threshold_units_do() -> None:
    """Cover's count of dichotomies by hyperplanes through the origin in K dimensions, whose VC dimension is K"""
    for n, k in [(10, 3), (100, 65), (400, 20)]:
        exact = float(capacity.log_dichotomies(n, k))
        assert exact <= occam.sauer(k, n) + 1e-9
        # C(N, 0..K-1), twice
        assert_allclose(exact, math.log(2) + occam.sauer(k - 1, n - 1), rtol=1e-12)


def test_growth_bound_by_hand() -> None:
    assert_allclose(
        occam.growth_bound(0.1, [3, 30], 1000, 0.05), 0.1 + np.sqrt(8 * (np.array([3, 30]) + math.log(80)) / 1000)
    )


def test_rademacher_bound_by_hand() -> None:
    assert_allclose(occam.rademacher_bound(0.1, 0.2, 500, 0.05), 0.3 + math.sqrt(math.log(20) / 1000))


def test_norm_complexity_of_a_linear_function_is_near_its_own() -> None:
    """sup |w| <= B: sum sign x.w/n has mean E|sum sign x| B/n; the bound's root is above it, with its constant"""
    g = np.random.default_rng(3)
    x, w, b = g.normal(size=(50, 4)), g.normal(size=(1, 4)), np.array([0.5])
    signs = g.choice([-1, 1], (20000, 50))
    length = math.sqrt((w**2).sum() + 0.25)
    extended = np.concatenate([x, np.ones((50, 1))], axis=1)
    exact = length * np.linalg.norm(signs @ extended, axis=1).mean() / 50
    bound = occam.norm_complexity(x, [(w, b)])
    root = length * math.sqrt((x**2).sum() + 50) / 50
    assert exact <= root
    assert_allclose(bound, root * (1 + math.sqrt(2 * math.log(2))), rtol=1e-12)


def test_norm_complexity_multiplies_layers_with_their_carried_one() -> None:
    x = np.ones((3, 2))
    w1, b1, w2, b2 = np.eye(2), np.zeros(2), np.ones((1, 2)), np.ones(1)
    expected = math.sqrt(9) / 3 * (math.sqrt(4 * math.log(2)) + 1) * math.sqrt(3) * math.sqrt(3)
    assert_allclose(occam.norm_complexity(x, [(w1, b1), (w2, b2)]), expected, rtol=1e-12)


def test_margin_bound_by_hand() -> None:
    expected = 0.1 + 2 * 0.3 / 0.5 + 3 * math.sqrt(math.log(40) / 2000)
    assert_allclose(occam.margin_bound(0.1, 0.3, 0.5, 1000, 0.05), expected)


def test_growth_bound_holds_for_thresholds_on_a_line() -> None:
    """x uniform, labels coins: the best threshold's empirical error against its risk 1/2; S(N) = N + 1"""
    g, n = np.random.default_rng(4), 200
    labels = g.integers(0, 2, (500, n))
    heads = np.concatenate([np.zeros((500, 1)), labels.cumsum(axis=1)], axis=1)
    errors = heads + (n - np.arange(n + 1) - (heads[:, -1:] - heads))
    best = np.minimum(errors.min(axis=1), n - errors.max(axis=1)) / n
    assert (occam.growth_bound(best, math.log(2 * (2 * n + 1)), n, 0.05) < 0.5).mean() <= 0.05
    assert stats.binom.cdf(best.mean() * n, n, 0.5) < 0.2  # the search did find something


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: occam.occam_bound(0.1, -1, 100, 0.05), "length falls to -1"),
        (lambda: occam.occam_bound(1.1, 1, 100, 0.05), "rescale the loss"),
        (lambda: occam.occam_bound(0.1, 1, 0, 0.05), "at least one point"),
        (lambda: occam.occam_bound(0.1, 1, 100, 1.0), "strictly between 0 and 1"),
        (lambda: occam.unnamed_length(0.5), "at least one bit"),
        (lambda: occam.smoothing_range(0.0, 10), r"in \(0, 1\]"),
        (lambda: occam.smoothing_range(1.1, 10), r"in \(0, 1\]"),
        (lambda: occam.smoothing_range(0.5, 1), "at least two symbols"),
        (lambda: occam.sauer(-1, 10), "dimension is -1"),
        (lambda: occam.sauer(1, 0), "points 0"),
        (lambda: occam.norm_complexity(np.ones((3, 2)), []), "layers is empty"),
        (lambda: occam.norm_complexity(np.ones(3), [(np.ones((1, 3)), np.ones(1))]), "must be a matrix"),
        (lambda: occam.margin_bound(0.1, 0.3, 0.0, 100, 0.05), "margin is 0"),
    ],
)
def test_refusals(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
