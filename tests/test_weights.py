"""Information in weights: Gibbs by laws, Gaussians by gradients and grids, regression by three roads, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS, covariances, distributions
from numpy.testing import assert_allclose
from scipy import optimize, stats

from itdl import entropy, gaussian, weights
from itdl.checks import Array, BadInput

H = np.diag([50.0, 3, 0.2, 0]) + 0.1
MEAN = np.array([0.5, -1, 2, 0.1])

# Gibbs


@LAW
@given(st.integers(2, 6), SEEDS, st.floats(0.05, 20))
def test_the_trade_off_of_any_q_exceeds_the_minimum_by_its_divergence(n: int, seed: int, beta: float) -> None:
    """C(Q) = beta KL(Q||Q*) - beta log Z"""
    g = np.random.default_rng(seed)
    losses, prior, q = g.uniform(0, 10, n), g.dirichlet(np.ones(n)), g.dirichlet(np.ones(n))
    best = weights.gibbs(losses, prior, beta)
    cost = q @ losses + beta * entropy.kl(q, prior)
    assert_allclose(cost - best.cost[0], beta * entropy.kl(q, best.posterior[0]), rtol=1e-7, atol=1e-9)


@FEW
@given(distributions(5), SEEDS)
def test_the_parts_of_gibbs_add_up(prior: Array, seed: int) -> None:
    betas = [0.1, 1, 10]
    losses = np.random.default_rng(seed).uniform(0, 5, 5)
    best = weights.gibbs(losses, prior, betas)
    assert_allclose(best.posterior.sum(axis=1), 1)
    assert_allclose(best.information, [entropy.kl(q, prior) for q in best.posterior], atol=1e-12)
    assert_allclose(best.loss, best.posterior @ losses, rtol=1e-12)
    assert (best.residual < 1e-10).all()
    assert (np.diff(best.information) <= 1e-12).all()


def test_information_is_the_slope_of_the_minimum() -> None:
    losses, prior = [0.0, 1, 4, 9], [0.1, 0.2, 0.3, 0.4]
    low, high = weights.gibbs(losses, prior, [1.7 - 1e-5, 1.7 + 1e-5]).cost
    assert_allclose((high - low) / 2e-5, weights.gibbs(losses, prior, 1.7).information[0], rtol=1e-8)


def test_excluded_hypotheses_by_hand() -> None:
    best = weights.gibbs([0.0, math.inf, 0.0], [0.25, 0.5, 0.25], [0.3, 3])
    assert_allclose(best.posterior, [[0.5, 0, 0.5]] * 2)
    assert_allclose(best.information, math.log(2))
    assert_allclose(best.cost, [0.3 * math.log(2), 3 * math.log(2)])
    unheld = weights.gibbs([0.0, -5.0], [1, 0], 1.0)
    assert_allclose([unheld.cost[0], unheld.information[0]], 0, atol=1e-15)


# Gaussians about a minimum


def cost_of(parameters: Array, beta: float, sd: float) -> float:
    factor = np.zeros((4, 4))
    factor[np.tril_indices(4)] = parameters
    return weights.quadratic_cost(factor @ factor.T, H, MEAN, sd, beta)


@pytest.mark.parametrize(("beta", "sd"), [(1.0, 1.0), (0.05, 2.0), (20.0, 0.5)])
def test_no_covariance_costs_less(beta: float, sd: float) -> None:
    best = weights.optimal_covariance(H, sd, beta)
    at = np.linalg.cholesky(best)[np.tril_indices(4)]
    assert np.abs(optimize.approx_fprime(at, lambda p: cost_of(p, beta, sd), 1e-7)).max() < 1e-3 * max(1, beta)
    g = np.random.default_rng(1)
    least = weights.quadratic_cost(best, H, MEAN, sd, beta)
    for _ in range(50):
        assert cost_of(at * (1 + 0.2 * g.standard_normal(len(at))), beta, sd) >= least
    assert_allclose(weights.gaussian_information(MEAN, sd, beta, hessian=H).cost, least, rtol=1e-12)


def test_the_covariance_solves_its_stationarity_exactly() -> None:
    beta, sd = 0.3, 1.5
    sigma = weights.optimal_covariance(H, sd, beta)
    gradient = 0.5 * H + 0.5 * beta * (np.eye(4) / sd**2 - np.linalg.inv(sigma))
    assert_allclose(gradient, 0, atol=1e-10)


@pytest.mark.parametrize("s", [1.0, 10, 100, 1e4])
def test_a_covariance_of_half_the_width_costs_what_it_must(s: float) -> None:
    """Sigma = beta/2 (H + beta/(2 lambda^2))^-1: beta/2 (log r + 1/r - 1) more a weight, r = (1 + 2 s)/(1 + s)."""
    beta, sd = 0.7, 1.3
    h = np.array([[s * beta / sd**2]])
    half = beta / 2 / (h + beta / (2 * sd**2))
    least = weights.gaussian_information([0.4], sd, beta, hessian=h).cost
    r = (1 + 2 * s) / (1 + s)
    excess = weights.quadratic_cost(half, h, [0.4], sd, beta) - least
    assert_allclose(excess, beta / 2 * (math.log(r) + 1 / r - 1), rtol=1e-9)


@LAW
@given(covariances(2, 5), SEEDS, st.floats(0.01, 100), st.floats(0.1, 5))
def test_the_information_is_the_divergence_at_the_optimum(h: Array, seed: int, beta: float, sd: float) -> None:
    mean = np.random.default_rng(seed).standard_normal(len(h))
    sigma = weights.optimal_covariance(h, sd, beta)
    found = weights.gaussian_information(mean, sd, beta, hessian=h)
    direct = gaussian.kl(mean, (sigma + sigma.T) / 2, 0 * mean, sd**2 * np.eye(len(h)))
    assert_allclose(found.information, direct, rtol=1e-6, atol=1e-9)
    assert_allclose(found.norm, mean @ mean / (2 * sd**2))


def test_information_is_the_slope_of_the_gaussian_minimum() -> None:
    low, high = (weights.gaussian_information(MEAN, 1.5, 0.3 * (1 + e), hessian=H).cost for e in (-1e-5, 1e-5))
    assert_allclose((high - low) / 6e-6, weights.gaussian_information(MEAN, 1.5, 0.3, hessian=H).information, rtol=1e-8)


@pytest.mark.parametrize("rows", [3, 9])
def test_the_smaller_gram_matrix_gives_the_same_information(rows: int) -> None:
    g = np.random.default_rng(2)
    a, mean, sds = g.standard_normal((rows, 5)), g.standard_normal(5), g.uniform(0.5, 2, 5)
    by_factor = weights.gaussian_information(mean, sds, 0.1, factor=a)
    by_hessian = weights.gaussian_information(mean, sds, 0.1, hessian=a.T @ a)
    assert_allclose([by_factor.information, by_factor.cost], [by_hessian.information, by_hessian.cost], rtol=1e-10)
    assert len(by_factor.stiffness) == min(rows, 5)
    common = weights.gaussian_information(mean, 1.3, 0.1, factor=a)
    eigenvalues = np.linalg.svd(a, compute_uv=False) ** 2
    assert_allclose(weights.gaussian_information(mean, 1.3, 0.1, eigenvalues=eigenvalues).cost, common.cost, rtol=1e-12)


def test_the_large_curvature_form_ends_in_minus_half_the_dimension() -> None:
    found = weights.gaussian_information(np.zeros(5), 1, 1, eigenvalues=np.full(5, 1e4))
    assert_allclose(found.information, 20.52635, atol=5e-6)
    assert abs(found.information - 2.5 * (math.log(1e4) - 1)) < 5 / 1e4


def test_flat_directions_are_free_and_curvature_only_adds() -> None:
    flat = weights.gaussian_information(np.zeros(3), 2.0, 1.0, hessian=np.zeros((3, 3)))
    assert flat.information == flat.cost == 0
    less, more = (weights.gaussian_information(MEAN, 1.0, 1.0, hessian=H + c * np.eye(4)).curvature for c in (0, 1))
    assert more > less


# Linear regression


def task(n: int, k: int, seed: int = 0) -> tuple[Array, Array]:
    g = np.random.default_rng(seed)
    x = g.standard_normal((n, k))
    return x, x @ (2 * g.standard_normal(k)) + 0.5 * g.standard_normal(n)


@pytest.mark.parametrize(("n", "k"), [(20, 3), (3, 7)])
def test_the_code_length_is_the_density_of_the_targets(n: int, k: int) -> None:
    x, y = task(n, k)
    found = weights.linear_regression(x, y, 4.0, 0.25)
    density = stats.multivariate_normal(np.zeros(n), 4 * x @ x.T + 0.25 * np.eye(n))
    assert_allclose(found.minus_log_evidence, -density.logpdf(y), rtol=1e-10)


@pytest.mark.parametrize(("n", "k"), [(20, 3), (3, 7)])
def test_the_minimum_of_the_trade_off_is_the_code_length(n: int, k: int) -> None:
    x, y = task(n, k)
    found = weights.linear_regression(x, y, 4.0, 0.25)
    loss = -stats.norm(x @ found.mean, 0.5).logpdf(y).sum()
    cost = weights.gaussian_information(found.mean, 2.0, 1.0, factor=x / 0.5).cost
    assert_allclose(loss + cost, found.minus_log_evidence, rtol=1e-10)


def test_the_posterior_conditions_the_joint_gaussian() -> None:
    x, y = task(6, 3)
    cross, targets = 4 * x, 4 * x @ x.T + 0.25 * np.eye(6)
    found = weights.linear_regression(x, y, 4.0, 0.25)
    assert_allclose(found.mean, cross.T @ np.linalg.solve(targets, y), rtol=1e-9)
    assert_allclose(found.cov, 4 * np.eye(3) - cross.T @ np.linalg.solve(targets, cross), atol=1e-10)


@pytest.mark.parametrize(("n", "k"), [(12, 3), (3, 7)])
def test_the_information_is_that_of_the_joint_gaussian(n: int, k: int) -> None:
    x, _ = task(n, k)
    joint = np.block([[4 * np.eye(k), 4 * x.T], [4 * x, 4 * x @ x.T + 0.25 * np.eye(n)]])
    assert_allclose(
        weights.linear_regression_information(x, 4.0, 0.25), gaussian.mutual_information(joint, k), rtol=1e-9
    )


def test_the_information_is_the_average_divergence() -> None:
    x, _ = task(30, 4)
    g = np.random.default_rng(3)
    targets = g.standard_normal((3000, 4)) @ x.T + g.standard_normal((3000, 30))
    kls = []
    for y in targets:
        q = weights.linear_regression(x, y, 1.0, 1.0)
        kls.append(weights.gaussian_information(q.mean, 1.0, 1.0, factor=x).information)
    exact = weights.linear_regression_information(x, 1.0, 1.0)
    assert abs(np.mean(kls) - exact) < 4 * np.std(kls) / 3000**0.5


# Shannon and Fisher


@pytest.mark.parametrize("beta", [1.0, 1e-3])
def test_the_gap_of_the_fisher_form_is_known_for_gaussians(beta: float) -> None:
    g = np.random.default_rng(4)
    a, root = g.standard_normal((4, 2)), g.standard_normal((4, 4))
    fisher, data = root @ root.T + np.eye(4), np.diag([1.0, 0.3])
    cov = a @ data @ a.T + beta * np.linalg.inv(fisher)
    joint = np.block([[cov, a @ data], [data @ a.T, data]])
    signal = data @ a.T @ fisher @ a / beta
    gap = 0.5 * np.linalg.slogdet(np.eye(2) + np.linalg.inv(signal))[1]
    form = weights.brunel_nadal(gaussian.entropy(data), a, fisher, beta)
    assert_allclose(gaussian.mutual_information(joint, 4) - form, gap, rtol=1e-6)


def test_the_fisher_form_does_not_depend_on_the_parametrisation_of_the_weights() -> None:
    g = np.random.default_rng(5)
    a, root, change = g.standard_normal((3, 2)), g.standard_normal((3, 3)), np.diag([100.0, 1, 0.1])
    fisher, inverse = root @ root.T + np.eye(3), np.linalg.inv(np.diag([100.0, 1, 0.1]))
    moved = weights.brunel_nadal(0.0, change @ a, inverse.T @ fisher @ inverse, 0.1)
    assert_allclose(weights.brunel_nadal(0.0, a, fisher, 0.1), moved, rtol=1e-10)


def test_changes_that_leave_no_trace_cost_everything() -> None:
    assert weights.brunel_nadal(0.0, np.ones((2, 3)), np.eye(2), 1.0) == -np.inf
    assert weights.brunel_nadal(0.0, np.ones((3, 2)), np.eye(3), 1.0) == -np.inf


# Refusals


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: weights.gibbs([1.0, 2], [0.5, 0.6], 1), "prior sums to 1 only within"),
        (lambda: weights.gibbs([1.0], [0.5, 0.5], 1), "losses have shape"),
        (lambda: weights.gibbs([1.0, math.nan], [0.5, 0.5], 1), "losses have shape .* above -inf"),
        (lambda: weights.gibbs([1.0, -math.inf], [0.5, 0.5], 1), "above -inf"),
        (lambda: weights.gibbs([math.inf, 0], [1.0, 0], 1), "every loss with prior mass is infinite"),
        (lambda: weights.gibbs([1.0, 2], [0.5, 0.5], [1, 0]), "betas are .* all above zero"),
        (lambda: weights.gibbs([1.0, 2], [0.5, 0.5], [[1]]), "betas are .* all above zero"),
        (lambda: weights.gaussian_information(MEAN, 1, 1), "give exactly one of hessian"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, hessian=H, factor=H), "give exactly one of hessian"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, hessian=H[:3, :3]), r"hessian has shape \(3, 3\) for 4"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, hessian=np.triu(H)), "must be square and symmetric"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, hessian=H - 3 * np.eye(4)), "not positive definite; find a"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, factor=H[:, :3]), "factor has 3 columns"),
        (lambda: weights.gaussian_information(MEAN, [1, 2], 1, hessian=H), "mean has shape"),
        (lambda: weights.gaussian_information(MEAN[None], 1, 1, hessian=H), "mean has shape"),
        (lambda: weights.gaussian_information(MEAN, [1, 1, 0, 1], 1, hessian=H), "smallest prior_sd is 0.0"),
        (lambda: weights.gaussian_information(MEAN, 1, 0, hessian=H), "beta is 0"),
        (lambda: weights.gaussian_information(MEAN, 1, 1, eigenvalues=np.ones(5)), "at most 4 entries"),
        (lambda: weights.gaussian_information(MEAN, np.ones(4), 1, eigenvalues=np.ones(4)), "need one prior_sd"),
        (lambda: weights.optimal_covariance(-H, 1, 1), r"hessian \+ beta/prior_sd\^2 is not positive definite"),
        (lambda: weights.optimal_covariance(H, 0, 1), "prior_sd is 0"),
        (lambda: weights.linear_regression(H, [1.0, 2], 1, 1), "give .n, k. and .n,."),
        (lambda: weights.linear_regression(H, MEAN, 0, 1), "prior_var is 0"),
        (lambda: weights.linear_regression_information(H, 1, 0), "noise_var is 0"),
        (lambda: weights.brunel_nadal(0, np.ones((3, 1)), np.eye(2), 1), "their first axes must agree"),
        (lambda: weights.brunel_nadal(0, np.ones((2, 1)), -np.eye(2), 1), "fisher is not positive definite"),
        (lambda: weights.brunel_nadal(0, np.ones((2, 1)), np.eye(2), 0), "beta is 0"),
    ],
)
def test_bad_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
