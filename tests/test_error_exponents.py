"""Error exponents: closed forms, exact enumeration of sequences, simulation, and the laws they must obey."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, rel_entr
from scipy.stats import binom

from itdl import error_exponents
from itdl.checks import Array, BadInput


@st.composite
def rows(draw: st.DrawFn, n: int, low: int = 2, high: int = 4) -> Array:
    """n distributions over one alphabet, none of them with a zero."""
    rng = np.random.default_rng(draw(SEEDS))
    k = draw(st.integers(low, high))
    p = rng.dirichlet(np.full(k, draw(st.sampled_from([0.5, 1, 5]))), size=n) + 1e-3
    return np.asarray(p / p.sum(axis=1, keepdims=True))


# ---- geometric mean and Z_t ----------------------------------------------------------------------------------------


@LAW
@given(rows(4), SEEDS)
def test_the_geometric_mean_is_the_one_minimiser(pyx: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.ones(4), size=2)
    best, floor = error_exponents.geometric_mean(pyx, posterior), error_exponents.chernoff_function(pyx, posterior)

    def cost(q: Array) -> Array:
        return np.array(
            [
                sum(w * rel_entr(r, p).sum() for w, p in zip(ws, pyx, strict=True))
                for ws, r in zip(posterior, q, strict=True)
            ]
        )

    assert_allclose(cost(best), floor, atol=1e-12)
    for _ in range(10):
        other = rng.dirichlet(np.ones(pyx.shape[1]), size=2)
        assert_allclose(
            cost(other) - floor, [rel_entr(o, b).sum() for o, b in zip(other, best, strict=True)], atol=1e-9
        )


def test_the_geometric_mean_by_hand() -> None:
    pyx = [[0.8, 0.2], [0.2, 0.8]]
    assert_allclose(error_exponents.geometric_mean(pyx, [0.5, 0.5]), [0.5, 0.5])
    assert_allclose(error_exponents.chernoff_function(pyx, [0.5, 0.5]), -np.log(2 * 0.4))
    assert_allclose(error_exponents.geometric_mean(pyx, [1.0, 0.0]), [0.8, 0.2])
    assert_allclose(error_exponents.chernoff_function(pyx, [[1.0, 0.0], [0.0, 1.0]]), [0, 0], atol=1e-15)


def test_a_row_without_weight_may_hold_zeros() -> None:
    found = error_exponents.geometric_mean([[0.5, 0.5], [1.0, 0.0]], [1.0, 0.0])
    assert_allclose(found, [0.5, 0.5])


# ---- exponents -----------------------------------------------------------------------------------------------------


@LAW
@given(rows(2))
def test_chernoff_information_by_another_optimiser(pq: Array) -> None:
    p, q = pq
    found = minimize_scalar(lambda s: np.log((p**s * q ** (1 - s)).sum()), bounds=(0, 1), method="bounded")
    assert_allclose(error_exponents.chernoff(p, q), -found.fun, atol=1e-8)
    assert_allclose(error_exponents.chernoff(p, q), error_exponents.chernoff(q, p), atol=1e-12)


@LAW
@given(rows(2))
def test_at_the_chernoff_point_the_geometric_mean_is_as_far_from_both(pq: Array) -> None:
    c = error_exponents.chernoff(*pq)
    weights = np.linspace(0, 1, 501)
    curve = error_exponents.chernoff_function(pq, np.stack([weights, 1 - weights], axis=1))
    assert (curve <= c + 1e-12).all()
    best = error_exponents.geometric_mean(pq, [weights[curve.argmax()], 1 - weights[curve.argmax()]])
    assert_allclose([rel_entr(best, r).sum() for r in pq], c, atol=0.02 * c + 1e-4)


def test_chernoff_information_in_closed_form() -> None:
    assert_allclose(error_exponents.chernoff([0.9, 0.1], [0.1, 0.9]), -np.log(2 * np.sqrt(0.09)), rtol=1e-12)
    assert error_exponents.chernoff([0.3, 0.7], [0.3, 0.7]) == 0


@LAW
@given(rows(3))
def test_an_exponent_is_zero_exactly_where_the_source_favours_the_wrong(pqr: Array) -> None:
    source, right, wrong = pqr
    drift = (source * np.log(wrong / right)).sum()
    found = error_exponents.exponent(source, right, wrong)
    assert (found > 1e-9) == (drift < 0) or abs(drift) < 1e-3
    s = np.geomspace(1e-5, 1e5, 20_001)[:, None]
    on_grid = -logsumexp(np.log(source) + s * np.log(wrong / right), axis=1).min()
    assert_allclose(found, max(on_grid, 0), rtol=1e-5, atol=1e-9)


def test_exponents_are_taken_row_by_row() -> None:
    p, q = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0.1, 0.9])
    assert_allclose(error_exponents.chernoff(p, q), [error_exponents.chernoff(r, q) for r in p])


def test_rows_equal_up_to_rounding_have_no_exponent() -> None:
    p = np.array([0.3, 0.7])
    assert error_exponents.chernoff(p, p * np.array([1, 1 - 2e-16])) == pytest.approx(0, abs=1e-12)


# ---- exact error probabilities -------------------------------------------------------------------------------------


def brute(p: Array, q: Array, n: int) -> Array:
    """The same by enumerating sequences instead of types."""
    found = np.zeros((len(p), len(q)))
    for sequence in product(range(p.shape[1]), repeat=n):
        likelihood = np.log(q[:, sequence]).sum(axis=1)
        chosen = np.isclose(likelihood, likelihood.max(), rtol=0, atol=1e-9 * n)
        found += np.outer(np.prod(p[:, sequence], axis=1), chosen / chosen.sum())
    return found


@FEW
@given(rows(5), st.integers(1, 5))
def test_types_count_what_sequences_do(p: Array, n: int) -> None:
    assert_allclose(error_exponents.confusion(p[:3], p[2:], n), brute(p[:3], p[2:], n), atol=1e-12)


def test_two_coins_by_the_binomial() -> None:
    p, q, n = 0.7, 0.4, 25
    heads = np.arange(n + 1)
    takes_p = heads * np.log(p / q) + (n - heads) * np.log((1 - p) / (1 - q)) > 0
    found = error_exponents.confusion([[p, 1 - p], [q, 1 - q]], [[p, 1 - p], [q, 1 - q]], n)
    assert_allclose(found[0, 1], binom.pmf(heads, n, p)[~takes_p].sum(), rtol=1e-10)
    assert_allclose(found[1, 0], binom.pmf(heads, n, q)[takes_p].sum(), rtol=1e-10)


def test_a_tie_is_broken_evenly() -> None:
    assert_allclose(error_exponents.confusion([[0.9, 0.1]], [[0.3, 0.7], [0.7, 0.3]], 2), [[0.1, 0.9]], atol=1e-12)
    same = [[0.3, 0.7], [0.3, 0.7]]
    assert_allclose(error_exponents.confusion(same, same, 7), 0.5)


def test_a_simulation_agrees() -> None:
    rng = np.random.default_rng(5)
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])
    drawn = rng.multinomial(20, p[0], size=200_000)
    chosen = (drawn @ np.log(p).T).argmax(axis=1)
    exact = error_exponents.confusion(p, p, 20)[0]
    assert_allclose(np.bincount(chosen, minlength=3) / 200_000, exact, atol=4e-3)


@FEW
@given(rows(3, high=2))
def test_the_error_falls_at_the_chernoff_rate(p: Array) -> None:
    rate = error_exponents.chernoff(p[0], p[1])
    for n in (50, 400):
        off = error_exponents.confusion(p[:2], p[:2], n)
        error = (off[0, 1] + off[1, 0]) / 2
        assert error <= np.exp(-n * rate) * (1 + 1e-9)  # Bhattacharyya-Chernoff bound, for every n
        if rate > 0.02 and n == 400:
            assert -np.log(error) / n == pytest.approx(rate, abs=3.5 * np.log(n) / n)


def test_the_error_of_mismatched_hypotheses_falls_at_their_exponent() -> None:
    source, right, wrong = [0.5, 0.5], [0.45, 0.55], [0.2, 0.8]
    rate = float(error_exponents.exponent(source, right, wrong))
    errors = [error_exponents.confusion([source], [right, wrong], n)[0, 1] for n in (200, 400)]
    assert np.log(errors[0] / errors[1]) / 200 == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize(("n", "n_y", "number"), [(3, 2, 4), (3, 3, 10), (5, 4, 56), (400, 2, 401), (1, 5, 5)])
def test_types_are_all_there_once(n: int, n_y: int, number: int) -> None:
    found = error_exponents.types(n, n_y)
    assert found.shape == (number, n_y)
    assert len({tuple(r) for r in found.astype(int)}) == number
    assert (found.sum(axis=1) == n).all()
    assert (found >= 0).all()


# ---- refusals ------------------------------------------------------------------------------------------------------

HALF = [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: error_exponents.types(400, 4), "400 labels of 4 kinds have .* types, allowed 500000; take fewer"),
        (lambda: error_exponents.types(0, 2), "n is 0 and n_y is 2; counting needs at least one label of two kinds"),
        (lambda: error_exponents.types(3, 1), "n is 3 and n_y is 1"),
        (lambda: error_exponents.confusion([HALF], [[1.0, 0.0]], 2), "hypotheses holds a zero probability"),
        (lambda: error_exponents.confusion([[1.0, 0.0]], [HALF], 2), "sources holds a zero probability"),
        (
            lambda: error_exponents.confusion(HALF, [HALF], 2),
            r"sources \(2,\) and hypotheses \(1, 2\) must be two lists",
        ),
        (lambda: error_exponents.confusion([[0.2, 0.3, 0.5]], [HALF], 2), "must be two lists over one alphabet"),
        (lambda: error_exponents.confusion([[0.5, 0.6]], [HALF], 2), "sources sums to 1 only within 0.1"),
        (lambda: error_exponents.chernoff(HALF, [0.2, 0.3, 0.5]), "must share an alphabet"),
        (lambda: error_exponents.chernoff(HALF, [0.0, 1.0]), "wrong holds a zero probability; likelihoods need full"),
        (lambda: error_exponents.exponent([1.0, 0.0], HALF, HALF), "source holds a zero probability"),
        (lambda: error_exponents.exponent(HALF, [1.0, 0.0], HALF), "right holds a zero probability"),
        (lambda: error_exponents.geometric_mean([HALF], [0.5, 0.5]), r"posterior has shape \(2,\) for 1 rows of p"),
        (lambda: error_exponents.geometric_mean(HALF, [0.5, 0.5]), "pyx has shape"),
        (lambda: error_exponents.chernoff_function([HALF, HALF], [0.5, 0.6]), "posterior sums to 1 only within 0.1"),
        (lambda: error_exponents.chernoff_function([[0.5, 0.6], HALF], HALF), "pyx sums to 1 only within 0.1"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
