"""Information in activations: by hand, by sampling and by quadrature, exact linear cases, laws, and bad input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from laws import FEW, LAW, SEEDS, covariances
from numpy.testing import assert_allclose
from scipy import stats

from itdl import activations, encoders, entropy, gaussian
from itdl.checks import Array, BadInput


def definite(rng: np.random.Generator, n: int) -> Array:
    a = rng.standard_normal((n, 2 * n))
    return np.asarray(a @ a.T / n + 0.1 * np.eye(n))


# Weight noise and the linear layer


def test_weight_noise_by_hand() -> None:
    # One output with two weights, J = (1, 2), F = diag(4, 1): S = beta (1/4 + 4)
    assert_allclose(activations.weight_noise([[1.0, 2.0]], np.diag([4.0, 1]), 0.1), [[0.425]], rtol=1e-14)


@FEW
@given(SEEDS)
def test_a_linear_layer_has_the_jacobian_of_its_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, d = 3, 4
    fisher, x = definite(rng, m * d), rng.standard_normal((5, d))
    noisy = activations.linear_layer(x, 0.3 * np.linalg.inv(fisher))
    jacobian = np.stack([np.kron(np.eye(m), row) for row in x])
    assert noisy.cov.shape == (5, m, m)
    assert_allclose(noisy.cov, activations.weight_noise(jacobian, fisher, 0.3), rtol=1e-8, atol=1e-12)
    for a in range(d):
        ahead, behind = (activations.linear_layer(x + e * np.eye(d)[a], 0.3 * np.linalg.inv(fisher)).cov
                         for e in (1e-3, -1e-3))  # fmt: skip
        assert_allclose(noisy.slope[:, a], (ahead - behind) / 2e-3, rtol=1e-6, atol=1e-9)


def test_one_input_is_a_batch_without_axis() -> None:
    rng = np.random.default_rng(1)
    c, x = definite(rng, 6), rng.standard_normal(3)
    one, many = activations.linear_layer(x, c), activations.linear_layer(x[None], c)
    assert_allclose(one.cov, many.cov[0])
    assert_allclose(one.slope, many.slope[0])


def test_a_linear_layer_spreads_as_its_sampled_weights_do() -> None:
    rng = np.random.default_rng(2)
    c, x = definite(rng, 6), np.array([1.0, -2, 0.5])
    z = rng.multivariate_normal(np.zeros(6), c, 200_000).reshape(-1, 2, 3) @ x
    assert_allclose(np.cov(z.T), activations.linear_layer(x, c).cov, rtol=0.03, atol=0.1)


# Fisher information about the input


def test_fisher_of_a_mean_and_of_a_variance_by_hand() -> None:
    # z ~ N(2 x, 9): 4/9.   z ~ N(0, s(x)): (s'/s)^2 / 2.
    assert_allclose(activations.input_fisher([[2.0]], [[9.0]]).total, [[4 / 9]])
    both = activations.input_fisher([[2.0]], [[9.0]], [[[3.0]]])
    assert_allclose(both.covariance, [[0.5 / 9]])
    assert_allclose(both.total, [[4 / 9 + 0.5 / 9]])


@pytest.mark.parametrize("seed", range(3))
def test_fisher_is_the_covariance_of_the_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, d = 3, 4
    w, c, x = rng.standard_normal((m, d)), 0.2 * definite(rng, m * d), rng.standard_normal(d)
    noisy = activations.linear_layer(x, c)
    z = rng.multivariate_normal(w @ x, noisy.cov, 100_000)

    def density(at: Array) -> Array:
        cov = activations.linear_layer(at, c).cov
        return np.asarray(stats.multivariate_normal(w @ at, cov).logpdf(z))

    step = 1e-4 * np.eye(d)
    score = np.stack([(density(x + e) - density(x - e)) / 2e-4 for e in step], axis=1)
    total = activations.input_fisher(w, noisy.cov, noisy.slope).total
    error = 5 * np.trace(total) * math.sqrt(3 / len(z))
    assert_allclose(score.T @ score / len(z), total, atol=error)
    assert np.abs(score.mean(axis=0)).max() < 5 * math.sqrt(total.max() / len(z))


@LAW
@given(covariances(2, 4), SEEDS)
def test_fisher_ignores_the_coordinates_of_the_activations(cov: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = len(cov)
    jacobian, slope = rng.standard_normal((m, 3)), rng.standard_normal((3, m, m))
    slope = slope + slope.swapaxes(1, 2)
    t = rng.standard_normal((m, m)) + 3 * np.eye(m)
    here = activations.input_fisher(jacobian, cov, slope)
    there = activations.input_fisher(t @ jacobian, t @ cov @ t.T, t @ slope @ t.T)
    assert_allclose(there.mean, here.mean, rtol=1e-6, atol=1e-6 * np.abs(here.mean).max())
    assert_allclose(there.covariance, here.covariance, rtol=1e-6, atol=1e-6 * np.abs(here.covariance).max())


@LAW
@given(SEEDS)
def test_less_fisher_of_the_weights_leaves_less_about_the_input(seed: int) -> None:
    """F_w >= F_w' gives mean terms in the same order, for all directions of the input"""
    rng = np.random.default_rng(seed)
    jacobian, a = rng.standard_normal((3, 8)), rng.standard_normal((3, 5))
    low = definite(rng, 8)
    high = low + definite(rng, 8)
    f = [activations.input_fisher(a, activations.weight_noise(jacobian, w, 0.1)).mean for w in (low, high)]
    assert np.linalg.eigvalsh(f[1] - f[0])[0] > -1e-9 * np.trace(f[1])
    assert np.linalg.matrix_rank(f[0]) == 3


def test_only_the_mean_term_grows_as_the_noise_falls() -> None:
    rng = np.random.default_rng(3)
    w, c, x = rng.standard_normal((2, 3)), definite(rng, 6), rng.standard_normal(3)
    loud, quiet = (activations.input_fisher(w, *activations.linear_layer(x, beta * c)) for beta in (1, 0.01))
    assert_allclose(quiet.mean, 100 * loud.mean)
    assert_allclose(quiet.covariance, loud.covariance)


# Effective information


def linear(rng: np.random.Generator, m: int, d: int, noise: float) -> tuple[Array, Array, float]:
    """Covariance of the input, Fisher and exact information of z = A x + N(0, S), all Gaussian."""
    a, s, cov = rng.standard_normal((m, d)), noise * definite(rng, m), definite(rng, d)
    joint = np.block([[cov, cov @ a.T], [a @ cov, a @ cov @ a.T + s]])
    return cov, activations.input_fisher(a, s).total[None], gaussian.mutual_information(joint, d)


def test_effective_information_is_short_of_the_exact_one_by_its_missing_prior() -> None:
    rng = np.random.default_rng(4)
    for noise in (10.0, 1, 1e-4):
        cov, fisher, exact = linear(rng, 4, 3, noise)
        found = activations.effective_information(gaussian.entropy(cov), fisher)
        missing = 0.5 * np.linalg.slogdet(np.eye(3) + np.linalg.inv(cov @ fisher[0]))[1]
        assert found.rank == 3
        assert_allclose(found.value + missing, exact, rtol=1e-9)
    assert exact - found.value < 1e-3


@LAW
@given(SEEDS)
def test_with_its_prior_the_effective_information_is_exact_for_any_width(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cov, fisher, exact = linear(rng, int(rng.integers(1, 6)), 3, 0.5)
    assert_allclose(activations.prior_information(cov, fisher), exact, rtol=1e-8)


def test_information_is_averaged_over_inputs() -> None:
    f = np.stack([np.diag([1.0, 4]), np.diag([9.0, 1])])
    h = 2.0
    by_hand = h - math.log(2 * math.pi * math.e) + 0.25 * (math.log(4) + math.log(9))
    assert_allclose(activations.effective_information(h, f).value, by_hand)
    by_hand = 0.25 * (math.log(3) + math.log(9) + math.log(19) + math.log(3))
    assert_allclose(activations.prior_information(2 * np.eye(2), f), by_hand)


def test_a_narrow_layer_has_no_effective_information_and_says_so() -> None:
    rng = np.random.default_rng(5)
    cov, fisher, exact = linear(rng, 2, 4, 1e-3)
    found = activations.effective_information(gaussian.entropy(cov), fisher)
    assert (found.value, found.rank) == (-np.inf, 2)
    assert exact > 5
    mixed = np.concatenate([fisher, np.eye(4)[None]])
    assert activations.effective_information(0.0, mixed) == activations.EffectiveInformation(-np.inf, 2)
    assert activations.effective_information(0.0, np.zeros((1, 2, 2))).rank == 0


# Bounds per layer


def test_layer_information_by_hand() -> None:
    # W = (1, 2), x = (1, 1) or (-1, 1): Var(Wx) = 1, W^2 x^2 = 5 at both, a = e - 1.
    found = activations.layer_information([[1.0, 2.0]], [[1.0, 1], [-1, 1]], 1.0)
    assert_allclose(found, 0.5 * math.log((1 + 5 * math.expm1(1)) / (5 * math.expm1(1))))


def test_each_weight_may_have_its_own_noise() -> None:
    rng = np.random.default_rng(6)
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((50, 3))
    each = activations.layer_information(w, x, np.full((2, 3), 0.4))
    assert_allclose(each, activations.layer_information(w, x, 0.4))
    alpha = np.full((2, 3), 0.4)
    alpha[1] = 0.1
    less = activations.layer_information(w, x, alpha)
    assert_allclose(less[0], each[0])
    assert less[1] > each[1]


def test_layer_information_bounds_the_exact_one_and_is_near_it() -> None:
    """Multiplicative Gaussian noise: the exact information is an integral over a mixture, Gaussian at large d."""
    rng = np.random.default_rng(7)
    w, x, alpha = rng.standard_normal((3, 60)), rng.standard_normal((400, 60)), 0.3
    var = x**2 @ (math.expm1(alpha) * w**2).T
    exact = [encoders.mixture_information((x @ w.T)[None, :, i : i + 1], var[None, :, i])[0] for i in range(3)]
    found = activations.layer_information(w, x, alpha)
    assert (found >= exact).all()
    assert_allclose(found, exact, atol=0.02)


def test_what_the_outputs_know_adds_up_to_information_and_total_correlation() -> None:
    """Where all is Gaussian (W x with constant noise) both sides have closed forms."""
    rng = np.random.default_rng(8)
    w, noise = rng.standard_normal((2, 3)), np.diag([0.3, 0.8])
    marginal = w @ w.T + noise
    joint = np.block([[np.eye(3), w.T], [w, marginal]])
    total_correlation = 0.5 * (np.log(np.diagonal(marginal)).sum() - np.linalg.slogdet(marginal)[1])
    both = gaussian.mutual_information(joint, 3) + total_correlation
    assert_allclose(both, 0.5 * np.log(np.diagonal(marginal) / np.diagonal(noise)).sum(), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.7, 2.0])
@pytest.mark.parametrize("d", [10, 100])
def test_what_a_unit_can_know_is_neared_like_one_over_the_dimension(d: int, alpha: float) -> None:
    rng = np.random.default_rng(9)
    found = activations.layer_information(rng.standard_normal((40, d)), rng.standard_normal((5000, d)), alpha)
    assert 0.5 < d * (found.mean() - activations.unit_information(alpha)) < 2.5


def test_unit_information_by_hand_and_at_its_ends() -> None:
    assert_allclose(activations.unit_information([math.log(2), 0.05]), [0.5 * math.log(2), 1.5103140545])
    assert_allclose(activations.unit_information(1e-12), 6 * math.log(10), rtol=1e-9)
    assert 0 < activations.unit_information(30.0) < 1e-12


def test_the_noise_level_of_an_information_gives_it_back() -> None:
    alpha = activations.noise_level(30.0, 10)
    assert_allclose(alpha, math.exp(-6))
    assert_allclose(-10 / 2 * math.log(alpha), 30)


# Nuisances: the inequality behind invariance


@LAW
@given(SEEDS)
def test_a_nuisance_is_known_at_most_as_far_as_the_label_leaves_room(seed: int) -> None:
    """I(z; n) <= I(z; x) - I(z; y) for independent y and n and any channel p(z | x), x = (y, n)"""
    rng = np.random.default_rng(seed)
    p_y, p_n = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2))
    channel = rng.dirichlet(np.full(4, 0.3), size=(3, 2))
    joint = p_y[:, None, None] * p_n[None, :, None] * channel
    about = [entropy.mutual_information(part) for part in (joint.reshape(6, 4), joint.sum(axis=1), joint.sum(axis=0))]
    assert about[2] <= about[0] - about[1] + 1e-9


# Bad input

EYE, SKEW, SINGULAR = np.eye(2), [[1, 0.5], [0.4, 1]], [[1.0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: activations.weight_noise(EYE, SINGULAR, 1), "fisher is not positive definite: smallest eigenvalue"),
        (lambda: activations.weight_noise(EYE, SKEW, 1), r"fisher is not symmetric: \|A - A\^T\| reaches 0\.1"),
        (lambda: activations.weight_noise(EYE, np.eye(3), 1), r"jacobian has shape \(2, 2\) but fisher has \(3, 3\)"),
        (lambda: activations.weight_noise(EYE, [EYE], 1), r"jacobian has shape \(2, 2\) but fisher has \(1, 2, 2\)"),
        (lambda: activations.weight_noise(EYE, EYE, 0), "beta is 0; it must be one number above zero"),
        (lambda: activations.weight_noise([[np.nan, 1]], EYE, 1), r"jacobian\[0, 0\] is nan"),
        (
            lambda: activations.linear_layer([1.0, 2, 3], EYE),
            r"noise_cov has shape \(2, 2\) for inputs of shape \(3,\)",
        ),
        (lambda: activations.linear_layer(1.0, EYE), r"noise_cov has shape \(2, 2\) for inputs of shape \(\)"),
        (lambda: activations.linear_layer([1.0, 2], [EYE]), r"noise_cov has shape \(1, 2, 2\) for inputs"),
        (lambda: activations.linear_layer([1.0, 2], SINGULAR), "noise_cov is not positive definite"),
        (lambda: activations.linear_layer([np.inf, 2], EYE), r"x\[0\] is inf"),
        (lambda: activations.input_fisher(EYE, SINGULAR), "cov is not positive definite"),
        (lambda: activations.input_fisher(EYE, SKEW), "cov is not symmetric"),
        (lambda: activations.input_fisher(EYE, np.ones((2, 3))), r"cov has shape \(2, 3\); its last two axes"),
        (lambda: activations.input_fisher(np.eye(3), EYE), r"jacobian has shape \(3, 3\) but cov has \(2, 2\)"),
        (lambda: activations.input_fisher(EYE, EYE, [EYE]), r"slope has shape \(1, 2, 2\); one derivative"),
        (lambda: activations.input_fisher(EYE, EYE, [SKEW, SKEW]), "slope is not symmetric"),
        (lambda: activations.effective_information(np.nan, [EYE]), "entropy is nan"),
        (lambda: activations.effective_information(0, [SKEW]), "fisher is not symmetric"),
        (lambda: activations.effective_information(0, [-EYE]), "fisher has the eigenvalue -1; information is never"),
        (
            lambda: activations.prior_information(EYE, [np.eye(3)]),
            r"fisher has shape \(1, 3, 3\) but cov_x has \(2, 2\)",
        ),
        (
            lambda: activations.prior_information([EYE], [EYE]),
            r"fisher has shape \(1, 2, 2\) but cov_x has \(1, 2, 2\)",
        ),
        (lambda: activations.prior_information(-EYE, [EYE]), "cov_x is not positive definite"),
        (lambda: activations.layer_information(EYE, np.ones((4, 3)), 1), r"weights have shape \(2, 2\) and x \(4, 3\)"),
        (lambda: activations.layer_information([EYE], EYE, 1), r"weights have shape \(1, 2, 2\) and x \(2, 2\)"),
        (lambda: activations.layer_information(EYE, [EYE], 1), r"weights have shape \(2, 2\) and x \(1, 2, 2\)"),
        (lambda: activations.layer_information(EYE, np.ones((4, 2)), [1.0, 1]), r"alpha has shape \(2,\) for weights"),
        (lambda: activations.layer_information(EYE, [[0.0, 1], [1, 1]], 1), "output 0 has no noise at input 0"),
        (lambda: activations.layer_information(EYE, EYE, 0.0), "alpha reaches down to 0.0; without noise"),
        (lambda: activations.unit_information([1, -1]), "alpha reaches down to -1.0; without noise"),
        (lambda: activations.unit_information(np.nan), "alpha is nan"),
        (lambda: activations.noise_level(1.0, 0), "weights is 0; it must be a whole number above zero"),
        (lambda: activations.noise_level(1.0, 2.5), "weights is 2.5; it must be a whole number above zero"),  # type: ignore[arg-type]
        (lambda: activations.noise_level(np.nan, 2), "information is nan"),
    ],
)
def test_bad_input_is_named(call: Callable[..., Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
