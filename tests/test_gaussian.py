"""Gaussian closed forms: by hand, by their laws, against built and random encoders, at the limits, and bad input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS, covariances, matrices
from numpy.testing import assert_allclose
from scipy import integrate, stats

from itdl import gaussian
from itdl.checks import Array, BadInput

SPLIT = covariances(low=3, high=6)
BETAS = np.array([1.0, 1.2, 2, 5, 50, 1e6])


def two(rho: float, s_x: float = 2.0, s_y: float = 0.5) -> Array:
    return np.array([[s_x**2, rho * s_x * s_y], [rho * s_x * s_y, s_y**2]])


def triple() -> Array:
    """X (3), Y (2): unequal scales, two unequal canonical correlations."""
    a = np.random.default_rng(5).standard_normal((5, 5)) * [[3], [1], [0.2], [1], [5]]
    return np.asarray(a @ a.T + 0.1 * np.eye(5))


# By hand


def test_entropy_by_hand() -> None:
    assert_allclose(gaussian.entropy([[2.5]]), 0.5 * math.log(2 * math.pi * math.e * 2.5), rtol=1e-15)
    assert_allclose(gaussian.entropy([[4, 2], [2, 3]]), math.log(2 * math.pi * math.e) + 0.5 * math.log(8), rtol=1e-14)


def test_divergence_of_two_unlike_gaussians_by_hand() -> None:
    # KL(N(1, 4) || N(-1, 9)) = (4/9 + 4/9 - 1 + log(9/4))/2
    assert_allclose(gaussian.kl(1.0, [[4.0]], -1.0, [[9.0]]), 0.5 * (8 / 9 - 1 + math.log(9 / 4)), rtol=1e-14)
    assert_allclose(gaussian.kl([0, 1], np.diag([1.0, 2]), [3, 1], np.diag([2.0, 1])), 0.5 * (0.5 + 2 + 4.5 - 2))


def test_information_depends_on_the_correlation_alone() -> None:
    for s_x, s_y in ((1, 1), (2, 0.5), (1e-3, 1e3)):
        assert_allclose(gaussian.mutual_information(two(0.6, s_x, s_y), 1), -0.5 * math.log(0.64), rtol=1e-12)


def test_the_published_frontier_at_one_dimension() -> None:
    rho2 = 1 - math.exp(-2 * 0.446)
    out = gaussian.frontier(two(math.sqrt(rho2)), 1, [0.25, 1, 1.3, 2, 4])
    assert_allclose(out, [0.1321, 0.3570, 0.3952, 0.4330, 0.4458], atol=5e-5)
    assert_allclose(gaussian.frontier(two(math.sqrt(1 - math.exp(-0.894))), 1, 2.0), 0.4339, atol=5e-5)


def test_one_direction_enters_at_one_over_its_squared_correlation() -> None:
    out = gaussian.information_bottleneck(two(0.8), 1, [1.5, 1.6, 3])
    assert_allclose(out.beta_critical, [1 / 0.64])
    assert_allclose(out.eigenvalues, [0.36])
    assert_allclose(out.i_xt, [0, 0.5 * math.log(0.6 * 0.64 / 0.36), 0.5 * math.log(2 * 0.64 / 0.36)], rtol=1e-12)
    assert_allclose(out.i_ty[2], out.i_xt[2] - 0.5 * math.log(3 * 0.64), rtol=1e-12)


def test_directions_enter_one_after_the_other() -> None:
    # Canonical correlations 0.9 and 0.5, given in the less informative order.
    cov = np.eye(4)
    cov[0, 2] = cov[2, 0] = 0.5
    cov[1, 3] = cov[3, 1] = 0.9
    out = gaussian.information_bottleneck(cov, 2, [1.0, 2, 5])
    assert_allclose(out.eigenvalues, [0.19, 0.75])
    assert_allclose(out.beta_critical, [1 / 0.81, 4])
    assert out.i_xt[0] == 0
    assert_allclose(out.i_xt[1], 0.5 * math.log(0.81 / 0.19), rtol=1e-12)
    assert_allclose(out.i_xt[2], 0.5 * math.log(4 * 0.81 / 0.19) + 0.5 * math.log(4 / 3), rtol=1e-12)
    assert_allclose(out.i_ty[2], out.i_xt[2] - 0.5 * math.log(5 * 0.81) - 0.5 * math.log(1.25), rtol=1e-12)


# Laws


@LAW
@given(SPLIT)
def test_information_is_symmetric(cov: Array) -> None:
    swapped = np.roll(cov, (1, 1), axis=(0, 1))  # the last variable first
    assert_allclose(gaussian.mutual_information(cov, len(cov) - 1), gaussian.mutual_information(swapped, 1), atol=1e-9)


@LAW
@given(SPLIT)
def test_information_is_never_negative_and_grows_with_x(cov: Array) -> None:
    """0 <= I(X1; Y) <= I(X1 X2; Y)"""
    less = np.delete(np.delete(cov, 1, 0), 1, 1)
    assert -1e-9 <= gaussian.mutual_information(less, 1) <= gaussian.mutual_information(cov, 2) + 1e-9


def test_information_of_nearly_nothing_is_half_the_squared_correlation() -> None:
    assert_allclose(gaussian.mutual_information(two(1e-3), 1), 0.5e-6, rtol=1e-5)
    assert gaussian.mutual_information(np.diag([1.0, 2, 3]), 1) == pytest.approx(0, abs=1e-15)


@LAW
@given(covariances(2, 4), SEEDS)
def test_divergence_is_never_negative_and_ignores_the_coordinates(cov: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = len(cov)
    other, p, q = cov + np.diag(rng.uniform(0.1, 1, n)), rng.standard_normal(n), rng.standard_normal(n)
    there = gaussian.kl(p, cov, q, other)
    assert there >= 0
    a = rng.standard_normal((n, n)) + 3 * np.eye(n)
    assert_allclose(gaussian.kl(a @ p, a @ cov @ a.T, a @ q, a @ other @ a.T), there, rtol=1e-6, atol=1e-9)
    assert_allclose(gaussian.kl(p, cov, p, cov), 0, atol=1e-9)


@LAW
@given(SPLIT)
def test_the_bottleneck_lies_on_the_frontier_below_both_limits(cov: Array) -> None:
    """I(T;Y) <= min(I(X;T), I(X;Y)), and the two ways to the frontier meet"""
    out = gaussian.information_bottleneck(cov, 2, BETAS)
    assert (out.i_ty <= np.minimum(out.i_xt, gaussian.mutual_information(cov, 2)) + 1e-7).all()
    assert (np.diff(out.i_xt) >= -1e-12).all()
    assert_allclose(gaussian.frontier(cov, 2, out.i_xt), out.i_ty, atol=1e-9)
    assert out.i_xt[0] == out.i_ty[0] == 0


@LAW
@given(SPLIT)
def test_the_frontier_is_increasing_and_concave(cov: Array) -> None:
    values = gaussian.frontier(cov, 2, np.linspace(0, 4, 41))
    steps = np.diff(values)
    assert abs(values[0]) < 1e-12
    assert (steps >= -1e-9).all()
    assert (np.diff(steps) <= 1e-9).all()


@LAW
@given(SPLIT, SEEDS)
def test_no_linear_encoder_beats_the_frontier(cov: Array, seed: int) -> None:
    encoder = np.random.default_rng(seed).standard_normal((2, 2)) * 3
    i_xt, i_ty = encoded(cov, 2, encoder)
    assert i_ty <= gaussian.frontier(cov, 2, i_xt) + 1e-7


def test_the_slope_of_the_frontier_is_one_over_beta() -> None:
    cov = triple()
    enters = gaussian.information_bottleneck(cov, 3, 1).beta_critical
    for beta in (1.01 * enters[0], 1.5 * enters[1], 80 * enters[1]):
        near = gaussian.information_bottleneck(cov, 3, [beta * (1 - 1e-5), beta * (1 + 1e-5)])
        assert_allclose(np.diff(near.i_ty) / np.diff(near.i_xt), 1 / beta, rtol=1e-5)


# Independent paths


def encoded(cov: Array, n_x: int, a: Array) -> tuple[float, float]:
    """I(X;T) and I(T;Y) of T = a X + N(0, 1), by log-determinants of the joint covariance."""
    full = np.vstack([np.hstack([a, np.zeros((len(a), len(cov) - n_x))]), np.eye(len(cov))])
    joint = full @ cov @ full.T
    joint[: len(a), : len(a)] += np.eye(len(a))
    k = len(a)
    keep_x, keep_y = np.r_[0 : k + n_x], np.r_[0:k, k + n_x : len(joint)]
    return tuple(gaussian.mutual_information(joint[np.ix_(i, i)], k) for i in (keep_x, keep_y))


@pytest.mark.parametrize("beta", [1.3, 2, 5, 50, 1e4])
def test_the_curve_is_that_of_the_optimal_encoder_when_it_is_built(beta: float) -> None:
    cov = triple()
    x, xy, y = cov[:3, :3], cov[:3, 3:], cov[3:, 3:]
    lam, left = np.linalg.eig(((x - xy @ np.linalg.inv(y) @ xy.T) @ np.linalg.inv(x)).T)
    lam, left = lam.real, left.real.T
    gain = [math.sqrt(max(0, (beta * (1 - v) - 1) / (v * (w @ x @ w)))) for v, w in zip(lam, left, strict=True)]
    i_xt, i_ty = encoded(cov, 3, np.diag(gain) @ left)
    out = gaussian.information_bottleneck(cov, 3, beta)
    assert_allclose([out.i_xt[0], out.i_ty[0]], [i_xt, i_ty], rtol=1e-6)


def test_information_is_minus_half_the_log_of_the_eigenvalues() -> None:
    out = gaussian.information_bottleneck(triple(), 3, 2.0)
    lam = out.eigenvalues
    assert lam[2] == 1  # Y has only two dimensions, and the third direction never enters
    assert_allclose(out.beta_critical, 1 / (1 - lam[:2]), rtol=1e-12)
    assert_allclose(-0.5 * np.log(lam).sum(), gaussian.mutual_information(triple(), 3), rtol=1e-12)


def test_information_by_quadrature_of_its_definition() -> None:
    rho = 0.7
    joint = stats.multivariate_normal(cov=two(rho, 1, 1))

    def integrand(y: float, x: float) -> float:
        log_p = joint.logpdf([x, y])
        return float(np.exp(log_p) * (log_p - stats.norm.logpdf(x) - stats.norm.logpdf(y)))

    value, _ = integrate.dblquad(integrand, -6, 6, -6, 6, epsabs=1e-5, epsrel=1e-5)
    assert_allclose(gaussian.mutual_information(two(rho), 1), value, atol=1e-4)


@FEW
@given(covariances(2, 4))
def test_entropy_agrees_with_scipy(cov: Array) -> None:
    assert_allclose(gaussian.entropy(cov), stats.multivariate_normal(cov=cov).entropy(), atol=1e-9)


def test_divergence_by_sampling() -> None:
    p, q = (
        stats.multivariate_normal([0.5, -1], [[1, 0.3], [0.3, 2]]),
        stats.multivariate_normal([0, 0], [[2, -1], [-1, 3]]),
    )
    ratio = p.logpdf(x := p.rvs(20_000, random_state=0)) - q.logpdf(x)
    assert abs(ratio.mean() - gaussian.kl(p.mean, p.cov, q.mean, q.cov)) < 4 * ratio.std() / math.sqrt(ratio.size)


@FEW
@given(covariances(2, 4), covariances(2, 4), st.data())
def test_divergence_by_its_dense_formula(c_p: Array, c_q: Array, data: st.DataObject) -> None:
    n = min(len(c_p), len(c_q))
    c_p, c_q = c_p[:n, :n], c_q[:n, :n]
    (shift,) = data.draw(matrices(1, n))
    inverse = np.linalg.inv(c_q)
    logs = np.log(np.linalg.det(c_q) / np.linalg.det(c_p))
    dense = 0.5 * (np.trace(inverse @ c_p) + shift @ inverse @ shift - n + logs)
    assert_allclose(gaussian.kl(shift, c_p, np.zeros(n), c_q), dense, rtol=1e-7, atol=1e-9)


# Limits


def test_independent_variables_leave_nothing_to_keep() -> None:
    out = gaussian.information_bottleneck(np.eye(3), 2, BETAS)
    assert_allclose(out.i_xt, 0, atol=1e-7)
    assert_allclose(gaussian.frontier(np.eye(3), 2, [0, 1, 100]), 0, atol=1e-12)


def test_all_information_is_kept_in_the_limit() -> None:
    cov = triple()
    total = gaussian.mutual_information(cov, 3)
    assert_allclose(gaussian.information_bottleneck(cov, 3, 1e12).i_ty, total, rtol=1e-10)
    assert_allclose(gaussian.frontier(cov, 3, [30, 1000]), total, rtol=1e-10)
    assert gaussian.frontier(cov, 3, 0.0) == 0


def test_for_little_information_the_frontier_has_the_largest_squared_correlation_as_slope() -> None:
    assert_allclose(gaussian.frontier(two(0.8), 1, 1e-6) / 1e-6, 0.64, rtol=1e-5)


@pytest.mark.parametrize("gap", [1e-6, 1e-12, 1e-15])
def test_a_nearly_noiseless_pair_stays_finite(gap: float) -> None:
    out = gaussian.information_bottleneck(two(1 - gap, 1, 1), 1, [1, 2, 1e9])
    assert np.isfinite(out.i_xt).all()
    assert_allclose(gaussian.mutual_information(two(1 - gap, 1, 1), 1), -0.5 * math.log(2 * gap), rtol=0.02)


# Bad input

SINGULAR, SKEW = [[1, 1], [1, 1]], [[1, 0.5], [0.4, 1]]
COV_RULES = [
    (SINGULAR, "is not positive definite"),
    (SKEW, r"is not symmetric: \|A - A\^T\| reaches 0\.1"),
    ([[1, np.nan], [np.nan, 1]], r"\[0, 1\] is nan"),
    ([1.0, 2.0], r"has shape \(2,\); it must be a matrix"),
    (np.ones((2, 3)), r"has shape \(2, 3\); it must be square"),
]
COV_CALLS = [
    ("cov", lambda c: gaussian.entropy(c)),
    ("cov", lambda c: gaussian.mutual_information(c, 1)),
    ("cov", lambda c: gaussian.information_bottleneck(c, 1, 2)),
    ("cov", lambda c: gaussian.frontier(c, 1, 2)),
    ("cov_p", lambda c: gaussian.kl([0, 0], c, [0, 0], np.eye(2))),
    ("cov_q", lambda c: gaussian.kl([0, 0], np.eye(2), [0, 0], c)),
]


@pytest.mark.parametrize(("cov", "words"), COV_RULES)
@pytest.mark.parametrize(("name", "call"), COV_CALLS)
def test_what_is_no_covariance_is_refused_by_name(name: str, call: Callable[..., Any], cov: object, words: str) -> None:
    with pytest.raises(BadInput, match=rf"^{name}.*{words}"):
        call(cov)


@pytest.mark.parametrize("n_x", [0, 2, -1, 1.5, np.nan])
@pytest.mark.parametrize(
    "call",
    [
        lambda n: gaussian.mutual_information(np.eye(2), n),
        lambda n: gaussian.information_bottleneck(np.eye(2), n, 2),
        lambda n: gaussian.frontier(np.eye(2), n, 2),
    ],
)
def test_x_and_y_both_need_a_variable(call: Callable[..., Any], n_x: object) -> None:
    with pytest.raises(BadInput, match=r"n_x is .* for a covariance of 2 variables; both X and Y need at least one"):
        call(n_x)


@pytest.mark.parametrize(
    ("means", "covs"),
    [
        (([0.0], [1, 2, 3]), (np.eye(3), np.eye(3))),
        (([1, 2, 3], 0.0), (np.eye(3), np.eye(3))),
        (([0, 0], [0, 0]), (np.eye(3), np.eye(3))),
        (([0, 0], [0, 0]), (np.eye(2), np.eye(3))),
        (([[0, 0]], [[0, 0]]), (np.eye(2), np.eye(2))),
    ],
)
def test_dimensions_never_broadcast(means: object, covs: object) -> None:
    (p, q), (c_p, c_q) = means, covs
    with pytest.raises(BadInput, match=r"dimensions differ: means .* covariances"):
        gaussian.kl(p, c_p, q, c_q)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian.information_bottleneck(two(0.5), 1, [2, 0.5]), "betas reach down to 0.5; below 1 nothing"),
        (lambda: gaussian.information_bottleneck(two(0.5), 1, [np.nan]), r"betas\[0\] is nan"),
        (lambda: gaussian.information_bottleneck(two(0.5), 1, []), "betas is empty"),
        (
            lambda: gaussian.frontier(two(0.5), 1, [1, -1e-9]),
            "i_x reaches down to -1e-09; information is never negative",
        ),
        (lambda: gaussian.frontier(two(0.5), 1, np.inf), "i_x is inf"),
        (lambda: gaussian.kl([np.nan], [[1]], [0], [[1]]), r"mean_p\[0\] is nan"),
        (lambda: gaussian.kl([0], [[1]], [np.nan], [[1]]), r"mean_q\[0\] is nan"),
    ],
)
def test_other_bad_input_is_named(call: Callable[..., Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
