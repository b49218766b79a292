"""Capacity: counts by enumeration and recursion, certificates, linear programming, the laws of ridge, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from itdl import capacity, gaussian
from itdl.checks import BadInput
from itdl.weights import linear_regression_information


def count(n: int, k: int) -> int:
    """T(N, K) in whole numbers, by MacKay's recursion (equation 40.4)."""
    table = [[2 if i == 1 or j == 1 else 0 for j in range(k + 1)] for i in range(n + 1)]
    for i, j in product(range(2, n + 1), range(2, k + 1)):
        table[i][j] = table[i - 1][j] + table[i - 1][j - 1]
    return table[n][k]


def points(seed: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k))


# Cover's count


def test_the_count_is_the_recursion_and_the_textbook() -> None:
    assert count(4, 3) == 14
    n, k = np.meshgrid(np.arange(1, 40), np.arange(1, 25), indexing="ij")
    exact = np.array([[count(int(i), int(j)) for j in k[0]] for i in n[:, 0]], dtype=float)
    assert_allclose(np.exp(capacity.log_dichotomies(n, k)), exact, rtol=1e-12)
    assert_allclose(capacity.separable_fraction(n, k), exact / 2.0**n, rtol=1e-12)
    assert capacity.log_dichotomies(4, 3).shape == ()


def test_counts_too_large_for_a_float_keep_their_logarithm() -> None:
    exact = math.log(2 * sum(math.comb(3999, i) for i in range(1000)))
    assert_allclose(capacity.log_dichotomies(4000, 1000), exact, rtol=1e-13)
    assert_allclose(capacity.log_dichotomies(3000, 4000), 3000 * math.log(2), rtol=1e-13)


def test_half_of_all_labellings_at_two_points_a_weight() -> None:
    k = np.arange(1, 3000)
    assert_allclose(capacity.separable_fraction(2 * k, k), 0.5, atol=1e-11)
    assert (capacity.separable_fraction(k, k) == 1).all()


def test_the_normal_approximation_closes_in() -> None:
    k = np.array([5, 50, 500])
    ratios = np.linspace(1.2, 3, 40)
    n = np.round(ratios[:, None] * k)
    gaps = np.abs(capacity.normal_fraction(n, k) - capacity.separable_fraction(n, k)).max(axis=0)
    assert gaps[0] < 0.02
    assert (gaps[1:] < 0.2 * gaps[:-1]).all()
    assert_allclose(capacity.normal_fraction(8, 5), 0.5 * (1 + math.erf(1 / math.sqrt(2) / math.sqrt(2))), rtol=1e-12)


# Separation


@pytest.mark.parametrize(("n", "k"), [(4, 2), (5, 3), (6, 3), (7, 4)])
def test_all_labellings_of_a_few_points(n: int, k: int) -> None:
    x = points(n, n, k)
    signs = np.array(list(product([-1.0, 1.0], repeat=n)))
    assert sum(capacity.separate(x, y).separable for y in signs) == count(n, k)


@FEW
@given(SEEDS, st.integers(1, 30), st.integers(1, 8))
def test_the_answer_is_that_of_a_linear_programme_and_carries_its_proof(seed: int, n: int, k: int) -> None:
    x = points(seed, n, k)
    y = np.random.default_rng(seed + 1).choice([-1.0, 1.0], n)
    found = capacity.separate(x, y)
    programme = linprog(np.zeros(k), A_ub=-x * y[:, None], b_ub=-np.ones(n), bounds=(None, None))
    assert found.separable == (programme.status == 0)
    unit = x * (y / np.linalg.norm(x, axis=1))[:, None]
    assert (found.witness >= 0).all()
    assert_allclose(found.witness.sum(), 1)
    assert_allclose(np.linalg.norm(found.witness @ unit), found.imbalance, atol=1e-13)
    if found.separable:
        assert_allclose((unit @ found.weights).min() / np.linalg.norm(found.weights), found.margin)
        assert found.margin > 0
        assert (y * (x @ found.weights) > 0).all()
        # The widest margin is the distance of the convex hull from the origin, which no witness undercuts.
        assert found.margin <= found.imbalance * (1 + 1e-9)
    else:
        assert found.margin == 0
        assert found.imbalance < 1e-12


def test_the_vector_found_has_the_widest_margin() -> None:
    found = capacity.separate([[3.0, 0], [0, 1], [1, 1]], [1, 1, 1])
    assert_allclose(found.margin, math.sqrt(0.5))
    assert_allclose(found.weights / np.linalg.norm(found.weights), [math.sqrt(0.5)] * 2)


def test_xor_needs_more_than_a_line() -> None:
    square = np.array([[1, -1, -1], [1, -1, 1], [1, 1, -1], [1, 1, 1]], dtype=float)
    found = capacity.separate(square, [1, -1, -1, 1])
    assert not found.separable
    assert_allclose(found.witness, 0.25)
    assert capacity.separate(np.c_[square, square[:, 1] * square[:, 2]], [1, -1, -1, 1]).separable


def test_lengths_of_points_do_not_matter() -> None:
    x, scales = points(3, 12, 8), np.geomspace(1e-9, 1e9, 12)[:, None]
    for y in (np.array([1.0, -1] * 6), np.ones(12)):
        one, other = capacity.separate(x, y), capacity.separate(scales * x, y)
        assert_allclose([other.margin, other.imbalance], [one.margin, one.imbalance], rtol=1e-9, atol=1e-14)


def test_close_to_both_answers_none_is_given() -> None:
    assert capacity.separate([[1.0, 0], [-1, 1e-6]], [1, 1]).separable
    assert not capacity.separate([[1.0, 0], [-1, 0]], [1, 1]).separable
    with pytest.raises(BadInput, match=r"neither answer has a proof: margin 0, imbalance 5e-11; rescale features"):
        capacity.separate([[1.0, 0], [-1, 1e-10]], [1, 1])


# Memorised information


def test_what_labels_no_longer_cost() -> None:
    assert_allclose(
        capacity.memorised([10, 10, 20], [0, np.log(2), 0.1], np.log(2)), [10 * np.log(2), 0, 20 * (np.log(2) - 0.1)]
    )
    assert capacity.memorised(5, 3.0, np.log(2)) < 0


def test_ceilings_of_random_strings_by_hand() -> None:
    # One of n strings drawn evenly, symbol by symbol, costs log n in all.
    assert_allclose(capacity.string_ceiling([1, 25], 8, 32), [8 * np.log(32), 25 * (8 * np.log(32) - np.log(25))])
    assert_allclose(capacity.set_information([1, 4], 8, 32), [8 * np.log(32), 4 * 8 * np.log(32) - np.log(24)])
    assert_allclose(capacity.string_ceiling(4, 2, 2), 0, atol=1e-12)


@FEW
@given(SEEDS)
def test_no_prefix_model_beats_the_ceiling(seed: int) -> None:
    """The tree of all n strings, its leaves equally likely, has mean cost log n: the best model with a common start."""
    rng = np.random.default_rng(seed)
    strings = np.unique(rng.integers(3, size=(12, 4)), axis=0)
    n, cost = len(strings), 0.0
    for t in range(4):
        for s in strings:
            same = strings[(strings[:, :t] == s[:t]).all(axis=1)]
            cost -= math.log((same[:, t] == s[t]).mean())
    assert_allclose(capacity.memorised(4 * n, cost / (4 * n), np.log(3)), capacity.string_ceiling(n, 4, 3), atol=1e-9)
    assert capacity.set_information(n, 4, 3) >= capacity.string_ceiling(n, 4, 3) - 1e-9


# The construction of 2n + d weights


@LAW
@given(SEEDS, st.integers(1, 40), st.integers(1, 6))
def test_two_layers_go_through_every_point(seed: int, n: int, d: int) -> None:
    x, rng = points(seed, n, d), np.random.default_rng(seed + 1)
    y, a = rng.standard_normal(n), rng.standard_normal(d)
    f = capacity.interpolate(x, y, a)
    assert f.count == 2 * n + d
    assert_allclose(f(x), y, atol=1e-9 * f.condition * (1 + np.abs(y).max()) / 1e3 + 1e-9)
    assert (np.triu(f.activations, 1) == 0).all()
    assert (np.diagonal(f.activations) > 0).all()
    z = np.sort(x @ a)
    assert (f.knots < z).all()
    assert (f.knots[1:] > z[:-1]).all()
    assert f([-1e6 * a])[0] == 0


def test_by_hand_on_a_line() -> None:
    f = capacity.interpolate([[0.0], [1], [2]], [1, 0, 1], [1.0])
    assert_allclose(f.knots, [-1, 0.5, 1.5])
    # 1 = w1; 0 = 2 w1 + w2/2; 1 = 3 w1 + 1.5 w2 + w3/2.
    assert_allclose(f.weights, [1, -4, 8])
    assert_allclose(f.condition, np.linalg.cond([[1, 0, 0], [2, 0.5, 0], [3, 1.5, 0.5]]))
    assert_allclose(f([[0.5], [-3], [3]]), [1.5, 0, 6])


def test_single_precision_is_single() -> None:
    x, y, a = points(0, 100, 5), points(1, 100, 1)[:, 0], points(2, 5, 1)[:, 0]
    coarse, fine = capacity.interpolate(x, y, a, single=True), capacity.interpolate(x, y, a)
    assert coarse.weights.dtype == np.float32
    assert coarse(x).dtype == np.float32
    assert np.abs(coarse(x) - y).max() > 1e-5
    assert np.abs(fine(x) - y).max() < 1e-8


# Ridge regression


@FEW
@given(SEEDS, st.integers(1, 12), st.integers(1, 12), st.floats(1e-3, 1e3))
def test_ridge_is_the_information_of_the_posterior(seed: int, n: int, k: int, penalty: float) -> None:
    x = points(seed, n, k)
    found = capacity.ridge(x, [penalty, 10 * penalty])
    assert_allclose(found.information[0], linear_regression_information(x, 1.0, penalty), rtol=1e-9, atol=1e-12)
    joint = np.block([[np.eye(k), x.T], [x, x @ x.T + penalty * np.eye(n)]])
    assert_allclose(found.information[0], gaussian.mutual_information(joint, k), rtol=1e-6, atol=1e-8)
    hat = x @ np.linalg.solve(x.T @ x + penalty * np.eye(k), x.T)
    assert_allclose(found.freedom[0], np.trace(hat), rtol=1e-9, atol=1e-12)
    assert (np.diff(found.information) < 0).all()
    assert (np.diff(found.freedom) < 0).all()


def test_an_e_fold_of_penalty_costs_half_a_nat_for_each_degree_of_freedom() -> None:
    x, logs = points(4, 30, 8), np.linspace(-6, 8, 29)
    step = 1e-5
    around = [capacity.ridge(x, np.exp(logs + h)).information for h in (-step, step)]
    assert_allclose((around[0] - around[1]) / (2 * step), capacity.ridge(x, np.exp(logs)).freedom / 2, rtol=1e-7)


def test_a_penalty_of_its_own_for_each_weight() -> None:
    x = points(5, 20, 3)
    own = np.array([[0.1, 2.0, 30.0], [1, 1, 1]])
    found = capacity.ridge(x, own)
    expected = 0.5 * np.linalg.slogdet(np.eye(3) + np.diag(own[0] ** -0.5) @ x.T @ x @ np.diag(own[0] ** -0.5))[1]
    assert_allclose(found.information[0], expected)
    assert_allclose(found.freedom[0], np.trace(x @ np.linalg.solve(x.T @ x + np.diag(own[0]), x.T)))
    assert_allclose(found.information[1], capacity.ridge(x, 1.0).information[0])


def test_dropping_inputs_is_a_penalty() -> None:
    """The mean over all 2^(n k) droppings, by enumeration."""
    x, y, w, rate = points(6, 2, 3), np.array([0.3, -1.0]), np.array([1.0, -2, 0.5]), 0.3
    mean = 0.0
    for kept in product([0, 1], repeat=6):
        mask = np.array(kept).reshape(2, 3)
        chance = (1 - rate) ** mask.sum() * rate ** (6 - mask.sum())
        mean += chance * ((y - (x * mask / (1 - rate)) @ w) ** 2).sum()
    penalty = capacity.dropout_penalty(x, [rate, 0.6])
    assert penalty.shape == (2, 3)
    assert_allclose(mean, ((y - x @ w) ** 2).sum() + penalty[0] @ w**2)


# Bad input

BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: capacity.separable_fraction(0, 3), r"points holds 0\.0 to 0\.0; it must hold whole numbers, at least 1"),
    (lambda: capacity.separable_fraction(4, [1, 2.5]), r"weights holds 1\.0 to 2\.5; it must hold whole numbers"),
    (lambda: capacity.normal_fraction(0, 3), r"points holds 0"),
    (lambda: capacity.log_dichotomies([4, 0], 3), r"points holds 0\.0 to 4\.0"),
    (lambda: capacity.log_dichotomies(4, np.nan), r"weights is nan"),
    (lambda: capacity.separate([1.0, 2], [1, 1]), r"x has shape \(2,\); it must be a matrix"),
    (lambda: capacity.separate(np.ones((2, 2, 2)), [1, 1]), r"x has shape \(2, 2, 2\) and labels \(2,\); give"),
    (lambda: capacity.separate(np.eye(2), [1, 1, 1]), r"labels \(3,\); give \(N, K\) and N labels, each -1 or 1"),
    (lambda: capacity.separate(np.eye(2), [1, 0]), r"each -1 or 1"),
    (lambda: capacity.separate([[1, 0], [0, 0]], [1, 1]), r"x\[1\] is the origin, which lies on every hyperplane"),
    (lambda: capacity.separate([[1, np.inf]], [1]), r"x\[0, 1\] is inf"),
    (lambda: capacity.memorised(5, 0.1, 0.0), r"entropy is 0\.0; it must be one number above zero"),
    (lambda: capacity.memorised(-1, 0.1, 1.0), r"n reaches down to -1\.0 and loss to 0\.1"),
    (lambda: capacity.memorised(1, -0.1, 1.0), r"loss to -0\.1; a cross-entropy of labels has neither"),
    (lambda: capacity.memorised(1, np.nan, 1.0), r"loss is nan"),
    (lambda: capacity.string_ceiling(5, 2, 2), r"5 strings of 2 symbols out of 2 cannot all be different"),
    (lambda: capacity.set_information(5, 2, 2), r"5 strings of 2 symbols out of 2 cannot all be different"),
    (lambda: capacity.string_ceiling(0, 2, 2), r"strings holds 0\.0"),
    (lambda: capacity.string_ceiling(2, 0, 2), r"length holds 0\.0"),
    (lambda: capacity.string_ceiling(2, 2, 1.5), r"vocabulary holds 1\.5"),
    (lambda: capacity.interpolate(np.eye(2), [1, 2, 3], [1, 2]), r"x has shape \(2, 2\), y \(3,\) and direction"),
    (lambda: capacity.interpolate(np.eye(2), [1, 2], [1, 2, 3]), r"direction \(3,\); give \(n, d\), \(n,\) and \(d,\)"),
    (lambda: capacity.interpolate(np.eye(2), [1, 2], [1, 1]), r"two points have the same place along the direction"),
    (lambda: capacity.interpolate(np.eye(2), [1, np.nan], [1, 2]), r"y\[1\] is nan"),
    (lambda: capacity.interpolate(np.eye(2), [1, 2], [1, 2])([[1.0]]), r"x has 1 columns, shape \(1, 1\)"),
    (lambda: capacity.ridge(np.eye(2), 0), r"penalties have shape \(1,\), the smallest 0, for x \(2, 2\)"),
    (lambda: capacity.ridge(np.eye(2), [[1, 2, 3]]), r"penalties have shape \(1, 3\)"),
    (lambda: capacity.ridge(np.eye(2), [[[1, 2]]]), r"penalties have shape \(1, 1, 2\)"),
    (lambda: capacity.ridge(np.ones((2, 2, 2)), [1]), r"for x \(2, 2, 2\)"),
    (lambda: capacity.dropout_penalty(np.eye(2), [0.5, 1.0]), r"rates are \[0\.5, 1\.0\]; the share of dropped inputs"),
    (lambda: capacity.dropout_penalty(np.eye(2), 0.0), r"rates are \[0\.0\]"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_input_is_refused_by_name(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
