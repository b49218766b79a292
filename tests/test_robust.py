"""Robust regression: against linear programming, least squares and another optimiser, its certificate, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

from itdl import robust
from itdl.checks import Array, BadInput

X = np.linspace(-1, 2, 60)


def line(theta: Array) -> tuple[Array, Array]:
    a, b = theta[:, :1], theta[:, 1:]
    return a + b * X, np.broadcast_to(np.stack([np.ones_like(X), X]), (len(theta), 2, len(X)))


def decay(theta: Array) -> tuple[Array, Array]:
    a, b = theta[:, :1], theta[:, 1:]
    values = np.exp(a - b * X)
    return values, np.stack([values, -X * values], axis=1)


def noisy(seed: int, model: robust.Model = line) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(model(np.array([[0.5, 1.2]]))[0][0] + rng.laplace(0, 0.3, X.size))


def total(model: robust.Model, y: Array, theta: Array, delta: float, weights: Array | None = None) -> float:
    """F, point by point, straight from its definition."""
    w = np.ones(y.size) if weights is None else weights
    r = np.abs(model(theta[None])[0][0] - y)
    h = [x**2 / 2 if x <= delta else delta * (x - delta / 2) for x in r]
    return float(sum(w * h) / delta)


def test_the_loss_by_hand() -> None:
    assert_allclose(robust.huber(np.array([-3, -0.1, 0, 0.2, 1]), 0.2), [2.9, 0.025, 0, 0.1, 0.9])


def test_small_delta_is_least_absolute_deviations() -> None:
    """min sum u + v subject to a + b x + u - v = y, u, v >= 0: the line of linear programming."""
    y, n = noisy(0), X.size
    design = np.column_stack([np.ones(n), X, np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * 2 + [(0, None)] * (2 * n)
    exact = optimize.linprog([0, 0] + [1] * (2 * n), A_eq=design, b_eq=y, bounds=bounds)
    found = robust.regress(line, y, np.zeros((1, 2)), delta=1e-7)
    assert found.converged.all()
    assert_allclose(found.theta[0], exact.x[:2], atol=1e-5)
    assert_allclose(found.objective[0], exact.fun, rtol=1e-5)


def test_large_delta_is_least_squares() -> None:
    y = noisy(1)
    found = robust.regress(line, y, np.zeros((1, 2)), delta=100.0)
    assert_allclose(found.theta[0], np.polynomial.polynomial.polyfit(X, y, 1), rtol=1e-6)
    assert_allclose(found.objective[0], np.sum((line(found.theta)[0][0] - y) ** 2) / 200, rtol=1e-9)


@pytest.mark.parametrize("delta", [1e-3, 0.05, 1.0])
@pytest.mark.parametrize("model", [line, decay])
def test_no_other_optimiser_finds_less(model: robust.Model, delta: float) -> None:
    y, rng = noisy(2, model), np.random.default_rng(3)
    weights = rng.integers(0, 4, (5, X.size)).astype(float)
    start = np.tile([0.3, 0.8], (5, 1))
    found = robust.regress(model, y, start, delta=delta, weights=weights)
    assert found.converged.all()
    for i in range(5):
        assert_allclose(found.objective[i], total(model, y, found.theta[i], delta, weights[i]), rtol=1e-12)
        other = optimize.minimize(
            lambda t, i=i: total(model, y, t, delta, weights[i]), found.theta[i] + 0.01, method="Nelder-Mead", tol=1e-10
        )
        assert found.objective[i] <= other.fun * (1 + 1e-7)


def test_problems_do_not_know_of_each_other() -> None:
    y, rng = noisy(4, decay), np.random.default_rng(5)
    weights = rng.integers(0, 3, (80, X.size)).astype(float)
    start = rng.uniform(0.2, 1.5, (80, 2))
    together = robust.regress(decay, y, start, delta=1e-2, weights=weights)
    for i in (0, 31, 32, 79):
        alone = robust.regress(decay, y, start[i : i + 1], delta=1e-2, weights=weights[i : i + 1])
        assert_allclose(together.theta[i], alone.theta[0], rtol=1e-7)
        assert together.n_iter[i] == alone.n_iter[0]


def test_weights_are_repetitions() -> None:
    y = noisy(6)
    weights = np.ones((1, X.size))
    weights[0, 7] = 3

    def longer(theta: Array) -> tuple[Array, Array]:
        values, slopes = line(theta)
        rows = [*range(X.size), 7, 7]
        return values[:, rows], slopes[:, :, rows]

    found = robust.regress(line, y, np.zeros((1, 2)), delta=0.1, weights=weights)
    twice = robust.regress(longer, np.append(y, [y[7]] * 2), np.zeros((1, 2)), delta=0.1)
    assert_allclose(found.theta, twice.theta, atol=1e-7)


def test_exact_data_are_met_exactly() -> None:
    y = decay(np.array([[0.5, 1.2]]))[0][0]
    found = robust.regress(decay, y, np.array([[0.0, 0.0], [1.0, 2.0]]), delta=1e-3)
    assert found.converged.all()
    assert_allclose(found.theta, [[0.5, 1.2]] * 2, atol=1e-7)


def test_a_fit_that_is_cut_short_says_so() -> None:
    y = noisy(7, decay)
    start = np.array([[-3.0, -1.0], [0.5, 1.2]])
    cut = robust.regress(decay, y, start, delta=1e-3, max_iter=3)
    assert not cut.converged[0]
    assert (cut.n_iter <= 3).all()
    assert np.isfinite(cut.residual).all()
    assert cut.objective[0] < total(decay, y, start[0], 1e-3)
    assert_allclose(cut.objective[0], total(decay, y, cut.theta[0], 1e-3))
    full = robust.regress(decay, y, start, delta=1e-3)
    assert full.converged.all()
    assert full.objective[0] < cut.objective[0]
    assert (full.residual <= 1e-9).all()


def test_the_certificate_bounds_what_is_left_to_win() -> None:
    """Cut at every step: the residual, times F, is no less than a hundredth of the distance to the optimum."""
    y = noisy(8)
    best = robust.regress(line, y, np.zeros((1, 2)), delta=0.2).objective[0]
    for steps in range(1, 8):
        cut = robust.regress(line, y, np.array([[5.0, -4.0]]), delta=0.2, max_iter=steps)
        if not cut.converged[0]:
            assert cut.objective[0] - best <= 100 * cut.residual[0] * cut.objective[0]


def test_a_parameter_nobody_feels_stays() -> None:
    def blind(theta: Array) -> tuple[Array, Array]:
        values, slopes = line(theta[:, :2])
        return values, np.concatenate([slopes, np.zeros((len(theta), 1, X.size))], axis=1)

    found = robust.regress(blind, noisy(9), np.array([[0.0, 0.0, 7.0]]), delta=0.1)
    assert found.theta[0, 2] == 7
    assert found.converged.all()


def test_two_dozen_steps_are_enough_beside_the_kinks() -> None:
    y, rng = noisy(10, decay), np.random.default_rng(11)
    weights = rng.integers(0, 3, (40, X.size)).astype(float)
    found = robust.regress(decay, y, np.tile([0.5, 1.2], (40, 1)), delta=1e-3, weights=weights)
    assert found.converged.all()
    assert found.n_iter.mean() < 25


def test_a_fit_in_other_units_is_the_same_fit() -> None:
    y = noisy(12, decay)

    def small(theta: Array) -> tuple[Array, Array]:
        values, slopes = decay(theta)
        return 1e-8 * values, 1e-8 * slopes

    start = np.array([[2.0, -1.0]])
    one = robust.regress(decay, y, start, delta=1e-2)
    other = robust.regress(small, 1e-8 * y, start, delta=1e-10)
    assert_allclose(other.theta, one.theta, rtol=1e-4)


def test_a_model_with_wrong_slopes_never_looks_converged() -> None:
    def wrong(theta: Array) -> tuple[Array, Array]:
        values, slopes = line(theta)
        return values, -slopes

    found = robust.regress(wrong, noisy(13), np.zeros((1, 2)), delta=0.1)
    assert not found.converged.any()
    assert_allclose(found.theta, 0)
    assert found.residual[0] > 0.1


def test_steps_that_overshoot_are_damped_until_they_fall() -> None:
    def steep(theta: Array) -> tuple[Array, Array]:
        values = np.tanh(40 * (theta[:, :1] + X)) + theta[:, 1:]
        slope = 40 * (1 - np.tanh(40 * (theta[:, :1] + X)) ** 2)
        return values, np.stack([slope, np.ones_like(slope)], axis=1)

    y = steep(np.array([[-0.5, 0.2]]))[0][0]
    found = robust.regress(steep, y, np.array([[-0.45, 0.0]]), delta=1.0)
    assert found.converged.all()
    assert_allclose(found.theta, [[-0.5, 0.2]], atol=1e-6)


def test_a_step_hundreds_of_times_too_long_is_shortened_and_starts_are_left_alone() -> None:
    """Newton's step for arctan at 30 is 1385; the other problem goes down at once."""

    def flat(theta: Array) -> tuple[Array, Array]:
        return np.arctan(theta), (1 / (1 + theta**2))[:, :, None]

    start = np.array([[30.0], [0.1]])
    found = robust.regress(flat, np.zeros(1), start, delta=2.0)
    assert found.converged.all()
    assert_allclose(found.theta, 0, atol=1e-4)
    assert_allclose(start, [[30.0], [0.1]], rtol=0)


def test_bad_input_is_named() -> None:
    with pytest.raises(BadInput, match=r"delta is 0.0; it must be one number above zero"):
        robust.regress(line, noisy(0), np.zeros((1, 2)), delta=0.0)
    with pytest.raises(BadInput, match=r"the objective is nan at start 1, .*; start where the model is finite"):
        robust.regress(line, noisy(0), np.array([[0.0, 0.0], [np.nan, 0.0]]), delta=0.1)
