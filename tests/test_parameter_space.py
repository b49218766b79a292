"""Parameter space: golden numbers, exact Gaussian algebra of linear models, quadrature, limits, and bad input.

The independent path is `Linear`: a model z = J theta in explicit parameters, trained by its closed flow in R^p, whose
parameters stay Gaussian, so divergence, information and distance are dense matrix formulas.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, FINITE_TIMES, LAW, SEEDS, ensembles
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, linalg

from itdl import gaussian
from itdl import parameter_space as ps
from itdl.checks import Array, BadInput
from itdl.ensembles import InfiniteEnsemble

X = np.array([(1, 0), (0.6, 0.8), (-1, 2)])
Y = np.array([1, -1, 0.5])
SETTING = {"depth": 2, "sigma_w": 1.5**0.5, "sigma_b": 0.05**0.5}


def points(seed: int, n: int, d: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, d))


def golden(activation: str = "erf") -> InfiniteEnsemble:
    return InfiniteEnsemble(X, Y, activation=activation, **SETTING)


def one(lam: float = 0.1, residual: float = 1.0) -> InfiniteEnsemble:
    """One point with Theta = K = lam and target -residual."""
    return InfiniteEnsemble([[1.0]], [-residual], depth=0, activation="erf", sigma_w=lam**0.5, sigma_b=0)


class Linear:
    """z = J theta with n points, d inputs, a bias and k outputs, next to the ensemble that stands for it."""

    def __init__(self, seed: int, n: int, d: int, k: int = 1) -> None:
        x, self.y = points(seed, n, d), points(seed + 1, n, k)
        self.j = np.hstack([1.3 * x / math.sqrt(d), np.full((n, 1), 0.4)])
        self.ensemble = InfiniteEnsemble(x, self.y, depth=0, activation="relu", sigma_w=1.3, sigma_b=0.4)

    def pull(self, tau: float) -> Array:
        """B with theta_tau = theta_0 - B (J theta_0 - Y)."""
        left = np.eye(len(self.j)) - linalg.expm(-tau * self.j @ self.j.T)
        return np.asarray(self.j.T @ np.linalg.pinv(self.j @ self.j.T, rcond=1e-10) @ left)

    def moments(self, tau: float) -> tuple[Array, Array]:
        """Means (p, k) and the covariance (p, p) that every output shares."""
        b = self.pull(tau)
        shrink = np.eye(self.j.shape[1]) - b @ self.j
        return b @ self.y, shrink @ shrink.T


# Exact


@pytest.mark.parametrize(
    ("activation", "trace", "divergence", "printed"),
    [
        ("erf", 7.25697677, [2.07696512, 35.43010369], [4.26937915, 40.46698017]),
        ("relu", 9.4875, [3.26894873, 46.60219029], [5.46835990, 51.64389042]),
    ],
)
def test_golden_numbers(activation: str, trace: float, divergence: list[float], printed: list[float]) -> None:
    ensemble = golden(activation)
    assert_allclose(ps.fisher_trace(ensemble), trace, atol=2e-8)
    assert_allclose(ps.kl(ensemble, [0.5, 5]), divergence, atol=2e-8)
    assert_allclose(ps.kl_as_printed(ensemble, [0.5, 5]), printed, atol=2e-8)


def test_one_point_by_hand() -> None:
    # lam = 4, y = -3, tau = 0.1: e = 1 - exp(-0.4), energy = 4 + 9.
    ensemble = one(4.0, 3.0)
    e = 1 - math.exp(-0.4)
    assert_allclose(ps.fisher_trace(ensemble), 4)
    assert_allclose(ps.spectral_energy(ensemble), [13])
    assert_allclose(ps.distance(ensemble, 0.1), e**2 / 4 * 13)
    assert_allclose(ps.drift(ensemble, 0.1), e * (1 - e) * 13)
    assert_allclose(ps.kl(ensemble, 0.1), 0.4 - e + e**2 / 8 * 13)
    assert_allclose(ps.kl_as_printed(ensemble, 0.1), 0.4 + e**2 / 4 * 13)
    # theta_tau = exp(-0.4) theta_0 + (e/2) y: a Gaussian channel from y of variance 5.
    assert_allclose(ps.information(ensemble, 0.1, [[5.0]]), 0.5 * math.log(1 + 5 * e**2 / 4 * math.exp(0.8)))


def test_the_printed_path_bound_fails_for_one_point_where_ours_hold() -> None:
    # L(inf) = |r|, and the printed right side is lam r^2/2.
    out = ps.path_length(one(0.1), [[1.0]], [np.inf])
    assert_allclose(out.length, 1, rtol=1e-8)
    assert out.length**2 > 0.1 / 2
    assert_allclose([out.chord, out.triangle], 1, rtol=1e-14)


# Laws


@LAW
@given(ensembles(), FINITE_TIMES)
def test_divergence_grows_from_zero(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    values = ps.kl(ensemble, [0, *sorted(times)])
    assert values[0] == 0
    assert (np.diff(values) >= -1e-9 * values.max()).all()


@LAW
@given(ensembles(), FINITE_TIMES)
def test_the_printed_divergence_is_the_larger_one(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    """eq. 27 - KL = k sum e_i + 1/2 E |dtheta|^2 >= 0"""
    gap = ps.kl_as_printed(ensemble, times) - ps.kl(ensemble, times)
    e = -np.expm1(-np.outer(times, ensemble.eigenvalues))
    expected = ensemble.outputs * e.sum(axis=1) + 0.5 * ps.distance(ensemble, times)
    assert_allclose(gap, expected, rtol=1e-6, atol=1e-9 * max(1, float(ps.kl_as_printed(ensemble, times).max())))


@LAW
@given(ensembles(outputs=2), FINITE_TIMES)
def test_outputs_add_up(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    parts = [InfiniteEnsemble(ensemble.x, column, **ensemble.architecture) for column in ensemble.y.T]
    for quantity in (ps.kl, ps.distance, ps.drift, ps.kl_as_printed):
        total = sum(quantity(part, times) for part in parts)
        assert_allclose(quantity(ensemble, times), total, rtol=1e-9, atol=1e-12)
    assert_allclose(ps.fisher_trace(ensemble), 2 * ps.fisher_trace(parts[0]), rtol=1e-12)


@LAW
@given(ensembles(outputs=1), st.lists(st.floats(1e-3, 20), min_size=2, max_size=4))
def test_information_about_labels_grows_and_stays_below_the_divergence(
    ensemble: InfiniteEnsemble, times: list[float]
) -> None:
    """I(theta; Y | X) <= E_Y KL, Y ~ N(0, S)"""
    s = 0.5 * np.eye(ensemble.n) + np.outer(ensemble.y, ensemble.y)
    silent = InfiniteEnsemble(ensemble.x, 0 * ensemble.y, **ensemble.architecture)
    lam, e = ensemble.eigenvalues, -np.expm1(-np.outer(times, ensemble.eigenvalues))
    labels = np.diagonal(ensemble.basis.T @ s @ ensemble.basis)
    averaged = ps.kl(silent, times) + 0.5 * np.divide(e**2, lam, out=np.zeros_like(e), where=lam > 0) @ labels
    if ensemble.architecture["depth"] == 0:  # exact for models linear in theta
        assert (ps.information(ensemble, times, s) <= averaged + 1e-7).all()
    assert (np.diff(ps.information(ensemble, sorted(times), s)) >= -1e-7).all()
    assert (ps.information(ensemble, times, s) <= ps.information(ensemble, times, 2 * s) + 1e-9).all()


@LAW
@given(ensembles(), SEEDS, FINITE_TIMES)
def test_a_path_is_longer_than_its_chord_and_shorter_than_both_bounds(
    ensemble: InfiniteEnsemble, seed: int, times: list[float]
) -> None:
    out = ps.path_length(ensemble, points(seed, 2, ensemble.n), [*times, 1e-14], nodes=600)
    slack = 1 + 1e-5
    assert (out.chord <= out.length * slack).all()
    assert (out.length <= out.triangle * slack).all()
    assert (out.length <= out.cauchy_schwarz * slack).all()


def test_all_bounds_of_a_path_are_met_where_it_is_straight() -> None:
    tau = np.array([1e-12, 1e-6, 0.5, 40])
    out = ps.path_length(one(0.1), [[-0.7]], tau)
    assert_allclose(out.length[0], 0.7 * -np.expm1(-0.1 * tau), rtol=1e-8)
    assert_allclose(out.chord, out.length, rtol=1e-8)
    assert_allclose(out.triangle, out.length, rtol=1e-8)
    assert_allclose(out.cauchy_schwarz[0, :2], out.length[0, :2], rtol=1e-6)  # constant speed
    assert out.cauchy_schwarz[0, 3] > 1.3 * out.length[0, 3]


# Independent paths


@pytest.mark.parametrize(("n", "d", "k"), [(3, 5, 1), (4, 3, 2), (1, 2, 1), (6, 2, 1)])
@pytest.mark.parametrize("tau", [0.01, 0.2, 0.6])
def test_divergence_is_the_exact_one_between_the_gaussians_of_a_linear_model(
    n: int, d: int, k: int, tau: float
) -> None:
    model = Linear(10 * n + d, n, d, k)
    means, cov = model.moments(tau)
    exact = sum(gaussian.kl(mean, cov, np.zeros(d + 1), np.eye(d + 1)) for mean in means.T)
    assert_allclose(ps.kl(model.ensemble, tau), exact, rtol=1e-7)
    assert abs(ps.kl_as_printed(model.ensemble, tau) / exact - 1) > 0.1


@pytest.mark.parametrize(("n", "d"), [(3, 5), (1, 2), (6, 2)])
@pytest.mark.parametrize("tau", [0.01, 0.2, 0.6])
def test_information_is_the_dense_log_determinant_of_a_linear_model(n: int, d: int, tau: float) -> None:
    model = Linear(10 * n + d, n, d)
    a = points(7, n, n)
    s = 0.5 * np.eye(n) + a @ a.T
    _, cov = model.moments(tau)
    b = model.pull(tau)
    dense = 0.5 * (np.linalg.slogdet(cov + b @ s @ b.T)[1] - np.linalg.slogdet(cov)[1])
    assert_allclose(ps.information(model.ensemble, tau, s), dense, rtol=1e-6)


@pytest.mark.parametrize("tau", [0.05, 2.0])
def test_distance_is_the_mean_square_step_of_a_linear_model(tau: float) -> None:
    model = Linear(3, 4, 3, 2)
    b = model.pull(tau)
    step = 2 * np.trace(b @ model.j @ model.j.T @ b.T) + ((b @ model.y) ** 2).sum()
    assert_allclose(ps.distance(model.ensemble, tau), step, rtol=1e-9)


def test_distance_where_the_two_kernels_differ_by_dense_matrices() -> None:
    ensemble = golden()
    v, lam = ensemble.basis, ensemble.eigenvalues
    theta, k = v * lam @ v.T, v @ ensemble.nngp @ v.T
    learned = np.eye(3) - linalg.expm(-0.8 * theta)
    middle = learned @ np.linalg.inv(theta) @ learned
    assert_allclose(ps.distance(ensemble, 0.8), np.trace(k @ middle) + Y @ middle @ Y, rtol=1e-10)


@FEW
@given(ensembles(), st.floats(0, 3), FINITE_TIMES)
def test_label_noise_is_averaged_exactly(ensemble: InfiniteEnsemble, noise: float, times: list[float]) -> None:
    # The 2 n k targets y +- sqrt(n k noise) e_j have mean y and covariance noise I, and KL and distance are quadratic.
    size = ensemble.n * ensemble.outputs
    shifts = math.sqrt(size * noise) * np.concatenate([np.eye(size), -np.eye(size)]).reshape(-1, *ensemble.y.shape)
    noisy = [ensemble.with_targets(ensemble.y + shift) for shift in shifts]
    for quantity in (ps.kl, ps.distance):
        mean = np.mean([quantity(each, times) for each in noisy], axis=0)
        assert_allclose(quantity(ensemble, times, noise_var=noise), mean, rtol=1e-9, atol=1e-12)
    energy = np.mean([ps.spectral_energy(each) for each in noisy], axis=0)
    assert_allclose(ps.spectral_energy(ensemble, noise), energy, rtol=1e-9)


@FEW
@given(ensembles(), st.floats(0.01, 10))
def test_drift_is_half_the_slope_of_the_distance(ensemble: InfiniteEnsemble, tau: float) -> None:
    h = 1e-5 * tau
    before, after = ps.distance(ensemble, [tau - h, tau + h])
    assert_allclose(ps.drift(ensemble, tau), (after - before) / (4 * h), rtol=1e-4, atol=1e-6 * after / tau)


@FEW
@given(ensembles(), st.floats(0.01, 10))
def test_the_slope_of_the_divergence(ensemble: InfiniteEnsemble, tau: float) -> None:
    """dKL/dtau = k tr(Theta (I - E)) + drift"""
    h = 1e-5 * tau
    before, after = ps.kl(ensemble, [tau - h, tau + h])
    e = -np.expm1(-tau * ensemble.eigenvalues)
    slope = ensemble.outputs * ensemble.eigenvalues @ e + ps.drift(ensemble, tau)[0]
    assert_allclose((after - before) / (2 * h), slope, rtol=1e-4, atol=1e-6 * after / tau)


@pytest.mark.parametrize("tau", [1e-3, 0.3, 3.0, 30.0])
def test_path_length_by_adaptive_quadrature(tau: float) -> None:
    ensemble, r = golden(), points(0, 2, 3)
    lam = ensemble.eigenvalues
    out = ps.path_length(ensemble, r, [tau, np.inf])
    for draw in range(2):

        def speed(s: float, r: Array = r[draw]) -> float:
            return float(np.linalg.norm(lam * np.exp(-s * lam) * r))

        exact, _ = integrate.quad(speed, 0, tau, epsabs=1e-13, epsrel=1e-12, limit=200)
        rest, _ = integrate.quad(speed, tau, tau + 100, epsabs=1e-13, epsrel=1e-12, limit=200)
        assert_allclose(out.length[draw], [exact, exact + rest], rtol=1e-8)
        area, _ = integrate.quad(lambda s: speed(s) ** 2, 0, tau, epsabs=1e-14, epsrel=1e-12)
        assert_allclose(out.cauchy_schwarz[draw, 0], math.sqrt(tau * area), rtol=1e-9)
        theta = ensemble.basis * lam @ ensemble.basis.T
        moved = (np.eye(3) - linalg.expm(-tau * theta)) @ (ensemble.basis @ r[draw])
        assert_allclose(out.chord[draw, 0], np.linalg.norm(moved), rtol=1e-9)
    assert_allclose(out.triangle[:, 0], np.abs(r) @ -np.expm1(-tau * lam), rtol=1e-12)


def test_residuals_have_the_moments_of_the_prior_minus_the_targets() -> None:
    ensemble, draws = golden(), 40_000
    r = ps.residuals(ensemble, np.random.default_rng(0), draws) @ ensemble.basis.T
    assert r.shape == (draws, 3)
    assert (np.abs(r.mean(axis=0) + Y) < 4 * r.std(axis=0) / math.sqrt(draws)).all()
    products = (r + Y)[:, :, None] * (r + Y)[:, None]
    prior = ensemble.basis @ ensemble.nngp @ ensemble.basis.T
    assert (np.abs(products.mean(axis=0) - prior) < 4 * products.std(axis=0) / math.sqrt(draws)).all()


def test_residuals_are_those_of_the_first_output() -> None:
    ensemble = InfiniteEnsemble(X, np.stack([Y, 100 + Y], axis=1), activation="erf", **SETTING)
    one_output = ps.residuals(golden(), np.random.default_rng(0), 5)
    assert_allclose(ps.residuals(ensemble, np.random.default_rng(0), 5), one_output, rtol=1e-10)


# Limits


def test_untrained_parameters_have_not_moved() -> None:
    ensemble = golden()
    for quantity in (ps.kl, ps.distance, ps.drift, ps.kl_as_printed):
        assert_array_equal(quantity(ensemble, 0), 0)
    assert_allclose(ps.information(ensemble, 0, np.eye(3)), 0, atol=1e-15)
    for part in ps.path_length(ensemble, np.ones((1, 3)), 0):
        assert_array_equal(part, 0)


@pytest.mark.parametrize("tau", [1e-12, 1e-8, 1e-6, 3e-5])
def test_early_divergence_is_quadratic_in_time(tau: float) -> None:
    """KL ~ tau^2/2 (k tr Theta^2 + tr(K Theta) + Y' Theta Y)"""
    ensemble = golden()
    lam = ensemble.eigenvalues
    leading = 0.5 * tau**2 * ((lam**2).sum() + lam @ ps.spectral_energy(ensemble))
    assert_allclose(ps.kl(ensemble, tau), leading, rtol=10 * tau + 1e-13)


def test_the_published_early_divergence() -> None:
    assert_allclose(ps.kl(golden(), 1e-4), 1.53421e-7, rtol=1e-5)


def test_the_divergence_has_no_seam_where_its_series_ends() -> None:
    ensemble = one(1.0, 0.0)
    tau = np.array([0.99e-4, 0.999999e-4, 1.000001e-4, 1.01e-4])
    # x - 1 + exp(-x) in exact rational arithmetic to 20 terms.
    exact = [math.fsum((-x) ** j / math.factorial(j) for j in range(2, 12)) for x in tau]
    volume = ps.kl(ensemble, tau) - 0.5 * ps.distance(ensemble, tau)
    assert_allclose(volume, exact, rtol=2e-11)


def test_late_divergence_grows_by_the_trace_and_ends_at_infinity() -> None:
    ensemble = golden()
    one_, two = ps.kl(ensemble, [1e3, 2e3])
    assert_allclose(two - one_, 1e3 * ps.fisher_trace(ensemble), rtol=1e-9)
    assert_array_equal(ps.kl(ensemble, [1e200, np.inf])[1], np.inf)
    assert_allclose(ps.kl(ensemble, 1e200), 1e200 * ps.fisher_trace(ensemble), rtol=1e-9)
    assert_allclose(
        ps.distance(ensemble, np.inf), ps.spectral_energy(ensemble) @ (1 / ensemble.eigenvalues), rtol=1e-12
    )


def test_directions_that_never_move_count_for_nothing_even_at_infinity() -> None:
    copies = InfiniteEnsemble([[1.0, 0], [1, 0], [-1, 2]], Y, activation="erf", **SETTING)
    assert copies.unresolved == 1
    assert np.isinf(ps.kl(copies, np.inf)).all()
    assert np.isfinite(ps.distance(copies, np.inf)).all()
    assert np.isfinite(ps.path_length(copies, np.ones((1, 3)), np.inf).length).all()
    nothing = InfiniteEnsemble(X, Y, depth=1, activation="erf", sigma_w=0, sigma_b=0)
    assert_array_equal(ps.kl(nothing, [1, np.inf]), 0)
    assert_array_equal(ps.path_length(nothing, np.ones((1, 3)), [1, np.inf]).length, 0)
    assert_array_equal(ps.information(nothing, [0, 5], np.eye(3)), 0)


def test_information_at_late_times_does_not_overflow() -> None:
    ensemble = golden()
    late = ps.information(ensemble, [1e3, 2e3], np.eye(3))
    assert_allclose(np.diff(late), 1e3 * ps.fisher_trace(ensemble), rtol=1e-9)


def test_a_path_ends() -> None:
    ensemble, r = golden(), points(1, 3, 3)
    out = ps.path_length(ensemble, r, [1e2, 1e4, np.inf])
    assert_allclose(out.length[:, 1:], out.length[:, :1] * [[1, 1]], rtol=1e-9)
    assert np.isinf(out.cauchy_schwarz[:, 2]).all()
    assert (out.length[:, 2] <= out.triangle[:, 2]).all()


@pytest.mark.parametrize("nudge", [1e-3, 1e-9, 1e-14, 3e-16])
def test_a_time_next_to_a_node_of_the_integration_does_no_harm(nudge: float) -> None:
    ensemble = one(2.0)
    nodes = np.geomspace(1e-9 / 2, 40 / 2, 2000)[[1200, 1700, 1900]]
    tau = np.concatenate([nodes, nodes * (1 + nudge), nodes * (1 - nudge)])
    out = ps.path_length(ensemble, [[1.0]], tau)
    assert_allclose(out.length[0], -np.expm1(-2 * tau), rtol=1e-8)


# Bad input

TIME_RULES = [
    (-1.0, r"times\[0\] is -1\.0; training times lie in \[0, inf\]"),
    ([1, np.nan], r"times\[1\] is nan"),
    ([[1.0]], r"times has shape \(1, 1\)"),
    ("late", "times is not an array of numbers"),
]
TIMED = [
    ps.kl,
    ps.kl_as_printed,
    ps.distance,
    ps.drift,
    lambda e, t: ps.information(e, t, np.eye(3)),
    lambda e, t: ps.path_length(e, np.ones((1, 3)), t),
]


@pytest.mark.parametrize(("times", "words"), TIME_RULES)
@pytest.mark.parametrize("function", TIMED)
def test_times_that_cannot_be_are_refused(function: Callable[..., Any], times: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        function(golden(), times)


@pytest.mark.parametrize(
    ("cov", "words"),
    [
        (np.eye(2), r"label_cov has 2 columns, shape \(2, 2\); it must have 3"),
        (np.ones((2, 3)), r"label_cov has shape \(2, 3\); it must be square"),
        (np.ones((3, 3)), "label_cov is not positive definite"),
        (np.triu(np.ones((3, 3))), "label_cov is not symmetric"),
        ([1.0, 1, 1], r"label_cov has shape \(3,\); it must be a matrix"),
        (np.full((3, 3), np.nan), r"label_cov\[0, 0\] is nan"),
    ],
)
def test_a_label_covariance_that_is_none_is_refused(cov: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        ps.information(golden(), 1.0, cov)


@pytest.mark.parametrize(
    "function",
    [
        lambda noise: ps.kl(golden(), 1.0, noise_var=noise),
        lambda noise: ps.distance(golden(), 1.0, noise_var=noise),
        lambda noise: ps.spectral_energy(golden(), noise),
    ],
)
@pytest.mark.parametrize(
    ("noise", "words"), [(-1.0, "noise_var is -1.0; it must be one"), (np.nan, "noise_var is nan")]
)
def test_label_noise_that_cannot_be_is_refused(function: Callable[..., Any], noise: float, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        function(noise)


def test_information_at_infinity_is_refused() -> None:
    with pytest.raises(BadInput, match=r"times reach infinity, where I\(theta; Y \| X\) is infinite; ask for finite"):
        ps.information(golden(), [1, np.inf], np.eye(3))


@pytest.mark.parametrize(
    ("residual", "words"),
    [
        (np.ones((1, 2)), r"residual has 2 columns, shape \(1, 2\); it must have 3"),
        ([1.0, 1, 1], r"residual has shape \(3,\); it must be a matrix"),
        ([[1, np.inf, 0]], r"residual\[0, 1\] is inf"),
    ],
)
def test_a_residual_that_does_not_fit_is_refused(residual: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        ps.path_length(golden(), residual, 1.0)
