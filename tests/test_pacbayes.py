"""PAC-Bayes bounds: closed forms, the order among them, simulated validity, and what they refuse."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW
from numpy.testing import assert_allclose
from scipy import optimize, stats

from itdl import gaussian, pacbayes
from itdl.checks import BadInput

SHARES = st.floats(0, 1)
BUDGETS = st.floats(1e-6, 20)
SETTING = (st.floats(0, 1), st.floats(0, 3000), st.integers(8, 10**6), st.floats(1e-6, 0.5))

# Divergence and its inverse


def test_binary_kl_is_that_of_two_coins() -> None:
    q, p = np.array([0.1, 0.5, 0.9]), np.array([0.3, 0.2, 0.9])
    expected = [stats.entropy([a, 1 - a], [b, 1 - b]) for a, b in zip(q, p, strict=True)]
    assert_allclose(pacbayes.binary_kl(q, p), expected, atol=1e-15)


def test_binary_kl_at_the_ends() -> None:
    assert_allclose(pacbayes.binary_kl(0, 0.25), -math.log(0.75))
    assert_allclose(pacbayes.binary_kl(1, 0.25), -math.log(0.25))
    assert pacbayes.binary_kl([0.5, 0.5], [0, 1]).tolist() == [math.inf, math.inf]
    assert pacbayes.binary_kl([0, 1], [0, 1]).tolist() == [0, 0]


def test_inverse_without_errors_is_closed() -> None:
    """kl(0||p) = -log(1 - p)"""
    c = np.array([1e-12, 0.01, 0.5, 2, 20])
    assert_allclose(pacbayes.kl_inverse(0, c).value, -np.expm1(-c), rtol=1e-12)
    assert_allclose(pacbayes.kl_inverse(1, c, lower=True).value, np.exp(-c), rtol=1e-9)


def test_inverse_is_that_of_a_root_finder() -> None:
    for q, c in [(0.03, 0.31), (0.5, 0.01), (0.25, 1.4)]:
        excess = partial(lambda p, q, c: float(pacbayes.binary_kl(q, p)) - c, q=q, c=c)
        upper, lower = (optimize.brentq(excess, a, b, xtol=1e-14) for a, b in ((q, 1 - 1e-12), (1e-12, q)))
        assert_allclose(pacbayes.kl_inverse(q, c).value, upper, atol=1e-12)
        assert_allclose(pacbayes.kl_inverse(q, c, lower=True).value, lower, atol=1e-12)


@LAW
@given(SHARES, BUDGETS, st.booleans())
def test_inverse_brings_its_certificate(q: float, c: float, lower: bool) -> None:
    """`inside` obeys the budget, `value` does not, and no float lies between them"""
    found = pacbayes.kl_inverse(q, c, lower=lower)
    assert pacbayes.binary_kl(q, found.inside) <= c
    if found.saturated:
        assert found.value == (0 if lower else 1)
    else:
        assert pacbayes.binary_kl(q, found.value) > c
        assert np.nextafter(found.inside, found.value) == found.value
    assert found.value <= q if lower else found.value >= q


def test_inverse_says_when_it_ends_at_the_end() -> None:
    found = pacbayes.kl_inverse([0.1, 0.1, 1.0], [0.5, 60.0, 0.5])
    assert found.saturated.tolist() == [False, True, True]
    assert found.value[1:].tolist() == [1, 1]
    assert pacbayes.kl_inverse(0.0, 0.5, lower=True).saturated


def test_nothing_to_spend_leaves_the_number() -> None:
    for lower in (False, True):
        found = pacbayes.kl_inverse([0, 0.3, 1], 0, lower=lower)
        assert found.value.tolist() == found.inside.tolist() == [0, 0.3, 1]
        assert not found.saturated.any()


@LAW
@given(SHARES, BUDGETS)
def test_lower_mirrors_upper(q: float, c: float) -> None:
    assert_allclose(pacbayes.kl_inverse(q, c, lower=True).value, 1 - pacbayes.kl_inverse(1 - q, c).value, atol=1e-7)


# Bounds


def test_deviation_by_hand() -> None:
    assert_allclose(pacbayes.deviation(10, 100, 0.05), (10 + math.log(2 * 10 / 0.05)) / 100)


def test_bounds_of_a_perfect_predictor() -> None:
    kappa = float(pacbayes.deviation(5, 400, 0.05))
    assert_allclose(pacbayes.kl_bound(0, 5, 400, 0.05), -math.expm1(-kappa))
    assert_allclose(pacbayes.mcallester_bound(0, 5, 400, 0.05), math.sqrt(kappa / 2))
    assert_allclose(pacbayes.quadratic_bound(0, 5, 400, 0.05), 2 * kappa)
    assert_allclose(pacbayes.lambda_bound(0, 5, 400, 0.05), 2 * kappa)


def test_older_form_by_hand() -> None:
    expected = pacbayes.kl_inverse(0.03, (5000 + math.log(55000 / 0.025)) / 54999).value
    assert_allclose(pacbayes.older_kl_bound(0.03, 5000, 55000, 0.025), expected, rtol=1e-14)


@LAW
@given(*SETTING)
def test_the_kl_form_is_the_tightest(r: float, kl: float, n: int, delta: float) -> None:
    tight = pacbayes.kl_bound(r, kl, n, delta)
    assert r <= tight <= 1
    for other in (pacbayes.mcallester_bound, pacbayes.quadratic_bound, pacbayes.lambda_bound):
        assert tight <= other(r, kl, n, delta) + 1e-9


@LAW
@given(*SETTING)
def test_quadratic_is_lambda_at_its_best(r: float, kl: float, n: int, delta: float) -> None:
    best = pacbayes.lambda_bound(r, kl, n, delta)
    assert_allclose(best, pacbayes.quadratic_bound(r, kl, n, delta), rtol=1e-9)
    lams = np.linspace(0.02, 1.98, 99)
    assert (pacbayes.lambda_bound(r, kl, n, delta, lams) >= best - 1e-12).all()


def test_bounds_grow_with_what_is_paid_and_fall_with_points() -> None:
    for bound in (pacbayes.kl_bound, pacbayes.mcallester_bound, pacbayes.quadratic_bound, pacbayes.older_kl_bound):
        assert (np.diff(bound(0.1, [0, 10, 100], 500, 0.05)) > 0).all()
        assert (np.diff(bound(0.1, 10, [100, 1000, 10000], 0.05)) < 0).all()
        assert (np.diff(bound(0.1, 10, 500, [0.001, 0.05, 0.4])) < 0).all()


def test_linear_by_hand() -> None:
    assert_allclose(
        pacbayes.linear_bound(0.1, 20, 1000, 0.05, 2), (0.1 + 2 * (20 + math.log(20)) / 1000) / 0.75, rtol=1e-14
    )


def test_catoni_inverts_its_own_inequality() -> None:
    """-ln(1 - R (1 - e^-a)) = a r + (KL + ln(1/delta))/n at the bound"""
    a = np.array([0.1, 1, 5])
    bound = pacbayes.catoni_bound(0.1, 20, 1000, 0.05, a)
    assert_allclose(-np.log(1 - bound * (1 - np.exp(-a))), a * 0.1 + (20 + math.log(20)) / 1000, rtol=1e-12)


def test_catoni_at_its_best_strength_is_the_kl_form_without_its_logarithm() -> None:
    strengths = np.geomspace(0.01, 20, 20001)
    best = pacbayes.catoni_bound(0.1, 20, 1000, 0.05, strengths).min()
    assert_allclose(best, pacbayes.kl_inverse(0.1, (20 + math.log(20)) / 1000).value, rtol=1e-6)


def test_catoni_on_a_grid_pays_for_it() -> None:
    grid = [0.5, 1.0, 2.0]
    expected = [pacbayes.catoni_bound(r, 20, 1000, 0.05 / 3, grid).min() for r in (0.1, 0.2)]
    assert_allclose(pacbayes.catoni_grid_bound([0.1, 0.2], 20, 1000, 0.05, grid), expected, rtol=1e-14)


def test_monte_carlo_bound_holds_as_often_as_it_says() -> None:
    """Exactly, by the binomial law: P(bound < p) <= delta, and not absurdly less"""
    m, delta, p = 200, 0.1, 0.07
    k = np.arange(m + 1)
    missed = stats.binom.pmf(k, m, p)[pacbayes.monte_carlo_bound(k / m, m, delta) < p].sum()
    assert 0.01 < missed <= delta
    assert_allclose(pacbayes.monte_carlo_bound(0, 200, 0.1), 1 - 0.1 ** (1 / 200))


def test_the_kl_bound_holds_in_simulation_and_not_without_its_price() -> None:
    """Coins: the prior is uniform over 4000 of them, the posterior the one with fewest errors; all risks are 1/2"""
    g, coins, n = np.random.default_rng(5), 4000, 60
    best = g.binomial(n, 0.5, (500, coins)).min(axis=1) / n
    assert (pacbayes.kl_bound(best, math.log(coins), n, 0.05) < 0.5).mean() <= 0.05
    assert (pacbayes.kl_bound(best, 0, n, 0.05) < 0.5).mean() > 0.5


# Gaussians and the grid


def test_gaussian_kl_is_the_dense_one() -> None:
    g = np.random.default_rng(0)
    m, w, v, u = g.normal(size=4), g.normal(size=4), g.uniform(0.1, 2, 4), g.uniform(0.1, 2, 4)
    expected = gaussian.kl(m, np.diag(v), w, np.diag(u))
    assert_allclose(pacbayes.gaussian_kl(m, v, w, u), expected, rtol=1e-12)
    assert_allclose(pacbayes.gaussian_kl([m, m], v, w, u), [expected] * 2, rtol=1e-12)
    assert pacbayes.gaussian_kl(m, 0.3, m, 0.3) == 0


def test_the_shares_of_the_grid_sum_to_one() -> None:
    j = np.arange(1, 2_000_001)
    assert_allclose(np.exp(-pacbayes.grid_charge(j)).sum(), 1, atol=1e-6)


def test_the_grid_starts_at_one_and_falls_by_a_hundredth() -> None:
    v = pacbayes.grid_variance([1, 2, 101])
    assert_allclose(v, [math.exp(-0.01), math.exp(-0.02), math.exp(-1.01)])


# Refusals


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pacbayes.kl_bound(1.2, 1, 100, 0.05), "rescale the loss"),
        (lambda: pacbayes.kl_bound(-0.1, 1, 100, 0.05), "emp_risk|q lies between"),
        (lambda: pacbayes.kl_bound(0.1, -1, 100, 0.05), "kl falls to -1"),
        (lambda: pacbayes.kl_inverse(0.1, -1e-9), "never negative"),
        (lambda: pacbayes.kl_bound(0.1, 1, 7, 0.05), "at least 8"),
        (lambda: pacbayes.kl_bound(0.1, 1, 100.5, 0.05), "whole numbers"),
        (lambda: pacbayes.kl_bound(0.1, 1, 100, 0.0), "strictly between 0 and 1"),
        (lambda: pacbayes.kl_bound(0.1, 1, 100, 1.0), "strictly between 0 and 1"),
        (lambda: pacbayes.kl_bound(math.nan, 1, 100, 0.05), "not finite"),
        (lambda: pacbayes.older_kl_bound(0.1, 1, 1, 0.05), "at least 2"),
        (lambda: pacbayes.lambda_bound(0.1, 1, 100, 0.05, 2.0), "strictly between 0 and 2"),
        (lambda: pacbayes.lambda_bound(0.1, 1, 100, 0.05, 0.0), "strictly between 0 and 2"),
        (lambda: pacbayes.linear_bound(0.1, 1, 100, 0.05, 0.5), "above 1/2 only"),
        (lambda: pacbayes.catoni_bound(0.1, 1, 100, 0.05, 0.0), "must be above zero"),
        (lambda: pacbayes.gaussian_kl([0, 0], [1, 0], [0, 0], 1), "var_q falls to 0"),
        (lambda: pacbayes.gaussian_kl([0, 0], 1, [0, 0], [1, -1]), "var_p falls to -1"),
        (lambda: pacbayes.gaussian_kl(0, 1, 0, 1), "single numbers"),
        (lambda: pacbayes.grid_variance(0), "j falls to 0"),
        (lambda: pacbayes.grid_charge(1.5), "whole numbers"),
        (lambda: pacbayes.monte_carlo_bound(0.1, 0, 0.05), "at least 1"),
    ],
)
def test_refusals(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
