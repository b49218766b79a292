"""Infinite ensembles: golden numbers, the exact law of linear flow by matrix exponentials, limits, and bad input.

The independent path is `flow`: prior draws of (z(x), z(X)) move by dz/dtau = -Theta(., X)(z(X) - Y), an affine map
whose matrix is one `scipy.linalg.expm`, so mean and joint covariance follow without any formula of the module.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from laws import FEW, LAW, SEEDS, TIMES, architectures, ensembles
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg

from itdl import kernels
from itdl.checks import Array, BadInput
from itdl.ensembles import InfiniteEnsemble, exponents, learned
from itdl.kernels import Architecture

X = np.array([(1, 0), (0.6, 0.8), (-1, 2)])
Y = np.array([1, -1, 0.5])
PROBE = np.array([[0.5, -0.5]])
SETTING = {"depth": 2, "sigma_w": 1.5**0.5, "sigma_b": 0.05**0.5}
ERF = Architecture(activation="erf", **SETTING)
RELU = Architecture(activation="relu", **SETTING)


def points(seed: int, n: int, d: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, d))


def flow(ensemble: InfiniteEnsemble, x: Array, tau: float) -> tuple[Array, Array]:
    """Mean (m, k) and covariance (m, m) at x after time tau, by the exponential of the flow's own matrix."""
    both = np.concatenate([x, ensemble.x])
    m, n = len(x), ensemble.n
    prior, ntk = kernels.nngp_and_ntk(both, **ensemble.architecture)
    generator = np.zeros((m + 2 * n, m + 2 * n))  # acts on (z(x), z(X), Y), Y at rest
    generator[: m + n, m : m + n], generator[: m + n, m + n :] = -ntk[:, m:], ntk[:, m:]
    map_ = linalg.expm(tau * generator)
    out_of_prior, out_of_y = map_[:m, : m + n], map_[:m, m + n :]
    return out_of_y @ ensemble.y, out_of_prior @ prior @ out_of_prior.T


def by_definition(ensemble: InfiniteEnsemble, x: Array, tau: float) -> tuple[Array, Array, Array]:
    """Mean, covariance and smoother at one time, from dense n x n matrices in the original coordinates."""
    prior = kernels.nngp(ensemble.x, **ensemble.architecture)
    k_cross, t_cross = kernels.nngp_and_ntk(x, ensemble.x, **ensemble.architecture)
    lam, v = ensemble.eigenvalues, ensemble.basis
    gain = np.array([0 if rate == 0 else (1 - math.exp(-tau * rate)) / rate for rate in lam])
    b = t_cross @ (v * gain @ v.T)
    cov = kernels.nngp(x, **ensemble.architecture) + b @ prior @ b.T - b @ k_cross.T - k_cross @ b.T
    return b @ ensemble.y, cov, b


# Exact


@pytest.mark.parametrize(
    ("architecture", "lam", "mean", "var"),
    [
        (ERF, [0.5831203, 3.05094691, 3.62290956], [0.21500519, 0.75389190], [0.22119380, 0.15621811]),
        (RELU, [0.55794194, 1.95791056, 6.97164751], [0.18963246, 0.64868404], [0.16892215, 0.10759296]),
    ],
)
def test_golden_numbers(architecture: Architecture, lam: list[float], mean: list[float], var: list[float]) -> None:
    ensemble = InfiniteEnsemble(X, Y, **architecture)
    out = ensemble.predict(PROBE, [0.5, 5])
    assert_allclose(ensemble.eigenvalues, lam, atol=6e-9)
    assert_allclose(out.mean[:, 0, 0], mean, atol=6e-9)
    assert_allclose(out.var[:, 0], var, atol=6e-9)
    assert out.cov is None


def test_one_point_by_hand() -> None:
    # sigma_w = 1, no bias, depth 0: K = Theta = x x'/d, here lam = 4; at x' = 1: Theta = 2, K = 1.
    ensemble = InfiniteEnsemble([[2.0]], [3.0], depth=0, activation="relu", sigma_w=1, sigma_b=0)
    e = 1 - math.exp(-0.4)
    out = ensemble.predict([[1.0]], [0.1])
    assert_allclose(out.mean, [[[2 * e / 4 * 3]]], rtol=1e-14)
    assert_allclose(out.var, [[1 + (e / 2) ** 2 * 4 - 2 * (e / 2) * 2]], rtol=1e-14)
    assert_allclose(ensemble.sensitivity([[1.0]], [0.1]), [[(e / 2) ** 2]], rtol=1e-14)
    assert_allclose(ensemble.train_loss([0.1]), (9 + 4) * (1 - e) ** 2 / 2, rtol=1e-14)


def test_shapes_follow_times_points_and_outputs() -> None:
    ensemble = InfiniteEnsemble(X, np.stack([Y, Y**2], axis=1), **ERF)
    out = ensemble.predict(points(0, 5, 2), [0, 1, 2, 3], cov=True)
    assert out.mean.shape == (4, 5, 2)
    assert out.var.shape == (4, 5)
    assert out.cov is not None
    assert out.cov.shape == (4, 5, 5)
    assert (ensemble.n, ensemble.outputs, ensemble.unresolved) == (3, 2, 0)


# Laws


@LAW
@given(ensembles(), TIMES)
def test_the_joint_covariance_is_positive_semidefinite_with_the_variances_on_its_diagonal(
    ensemble: InfiniteEnsemble, times: list[float]
) -> None:
    x = points(1, 5, ensemble.x.shape[1])
    joint, alone = ensemble.predict(x, times, cov=True), ensemble.predict(x, times)
    assert joint.cov is not None
    scale = max(1.0, float(alone.var.max()))
    assert_allclose(joint.cov, np.swapaxes(joint.cov, 1, 2), atol=1e-12 * scale)
    assert np.linalg.eigvalsh(joint.cov).min() >= -1e-7 * scale
    assert_allclose(joint.var, alone.var, atol=1e-7 * scale)
    assert_allclose(joint.mean, alone.mean, atol=1e-6 * max(1, float(np.abs(alone.mean).max())))
    assert_array_equal(np.diagonal(joint.cov, axis1=1, axis2=2), joint.var)


@LAW
@given(ensembles(outputs=3), TIMES)
def test_several_outputs_are_several_single_ones(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    x = points(2, 4, ensemble.x.shape[1])
    out = ensemble.predict(x, times)
    for c in range(3):
        single = InfiniteEnsemble(ensemble.x, ensemble.y[:, c], **ensemble.architecture).predict(x, times)
        assert_allclose(out.mean[..., c], single.mean[..., 0], rtol=1e-9, atol=1e-9)
        assert_array_equal(out.var, single.var)


@LAW
@given(ensembles(outputs=2), TIMES)
def test_other_targets_need_no_new_training_set(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    """`with_targets` is the ensemble trained anew; the one it came from keeps its own"""
    before, other = ensemble.y.copy(), ensemble.y[:, 0] ** 2 + 1
    anew = InfiniteEnsemble(ensemble.x, other, **ensemble.architecture)
    swapped = ensemble.with_targets(other)
    assert swapped.outputs == 1
    assert_array_equal(swapped.predict(ensemble.x, times).mean, anew.predict(ensemble.x, times).mean)
    assert_array_equal(swapped.train_loss(times), anew.train_loss(times))
    assert_array_equal(ensemble.y, before)
    assert_array_equal(ensemble.targets, ensemble.basis.T @ before)


@LAW
@given(ensembles(outputs=1), TIMES)
def test_each_time_is_predicted_as_if_it_were_alone(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    """The compressed products over many times are those of each time."""
    x = points(3, 4, ensemble.x.shape[1])
    many = ensemble.predict(x, [*times, *np.geomspace(1e-8, 1e8, 30)])
    for i, t in enumerate(times):
        alone = ensemble.predict(x, t)
        bound = 1e-9 * max(1, float(np.abs(alone.mean).max()))
        assert_allclose(many.mean[i], alone.mean[0], atol=bound)
        assert_allclose(many.var[i], alone.var[0], atol=1e-9 * max(1, float(alone.var.max())))


@LAW
@given(architectures(), SEEDS)
def test_the_order_of_the_training_points_does_not_matter(a: Architecture, seed: int) -> None:
    x, y, order = points(seed, 4, 3), points(seed, 4, 2), [2, 0, 3, 1]
    one = InfiniteEnsemble(x, y, **a).predict(x[:2] + 0.1, [0.3, 2])
    two = InfiniteEnsemble(x[order], y[order], **a).predict(x[:2] + 0.1, [0.3, 2])
    assert_allclose(one.mean, two.mean, atol=1e-7)
    assert_allclose(one.var, two.var, atol=1e-7)


@LAW
@given(SEEDS)
def test_when_only_the_kernel_itself_learns_variance_can_only_fall(seed: int) -> None:
    """K = Theta (depth 0): Sigma = K - Theta Theta^-1 (I - E^2) Theta^T, falling in tau"""
    ensemble = InfiniteEnsemble(
        points(seed, 3, 4), points(seed, 3, 1), depth=0, activation="erf", sigma_w=1, sigma_b=0.5
    )
    var = ensemble.predict(points(seed + 1, 4, 4), np.r_[0, np.geomspace(0.01, 100, 20), np.inf]).var
    assert (np.diff(var, axis=0) <= 1e-10).all()


@LAW
@given(SEEDS)
def test_relu_without_bias_learns_the_same_at_times_that_scale(seed: int) -> None:
    """sigma_w -> c sigma_w, tau -> tau/c^(2 (depth + 1)): the same mean, variance times c^(2 (depth + 1))"""
    x, y, c = points(seed, 3, 3), points(seed, 3, 1), 1.7
    one, two = (InfiniteEnsemble(x, y, depth=2, activation="relu", sigma_w=w, sigma_b=0) for w in (1.0, c))
    tau = np.array([0.5, 3, np.inf])
    a, b = one.predict(x + 0.3, tau), two.predict(x + 0.3, tau / c**6)
    assert_allclose(a.mean, b.mean, rtol=1e-6, atol=1e-8)
    assert_allclose(c**6 * a.var, b.var, rtol=1e-6, atol=1e-8)


@LAW
@given(ensembles(), TIMES)
def test_training_error_is_what_is_left_at_the_training_points(ensemble: InfiniteEnsemble, times: list[float]) -> None:
    """train_loss = 1/(2n) sum (|mean - y|^2 + k var)"""
    out = ensemble.predict(ensemble.x, times)
    error = ((out.mean - ensemble.y) ** 2).sum(axis=(1, 2)) + ensemble.outputs * out.var.sum(axis=1)
    assert_allclose(ensemble.train_loss(times), error / (2 * ensemble.n), rtol=1e-5, atol=1e-5)


# Independent paths


@FEW
@given(ensembles(), SEEDS)
def test_mean_and_joint_covariance_by_the_matrix_exponential_of_the_flow(ensemble: InfiniteEnsemble, seed: int) -> None:
    x = points(seed, 3, ensemble.x.shape[1])
    times = [0.05, 0.7, 3.0]
    out = ensemble.predict(x, times, cov=True)
    assert out.cov is not None
    for i, tau in enumerate(times):
        mean, cov = flow(ensemble, x, tau)
        assert_allclose(out.mean[i], mean, atol=1e-8)
        assert_allclose(out.cov[i], cov, atol=1e-8)  # off the diagonal too: M + M^T, not 2 M


@pytest.mark.parametrize("n", [2, 7, 300])
@pytest.mark.parametrize(("activation", "sigma_w"), [("erf", 0.3), ("erf", 1.2), ("relu", 1.0)])
def test_the_compressed_products_are_the_direct_ones_at_every_time(n: int, activation: str, sigma_w: float) -> None:
    # n = 2 and 7 in many dimensions: few and nearly equal eigenvalues; 300: more than one block of everything.
    d, m = (10, 130) if n == 300 else (30, 7)
    architecture = Architecture(depth=2, activation=activation, sigma_w=sigma_w, sigma_b=0.1)
    ensemble = InfiniteEnsemble(points(0, n, d), points(1, n, 2), **architecture)
    x, times = points(2, m, d), np.r_[0, np.geomspace(1e-6, 1e6, 150), np.inf]
    out, joint = ensemble.predict(x, times), ensemble.predict(x[:9], times, cov=True)
    assert joint.cov is not None
    for i in range(0, len(times), 10):
        mean, cov, b = by_definition(ensemble, x, times[i])
        assert_allclose(out.mean[i], mean, atol=1e-9)
        assert_allclose(out.var[i], np.diagonal(cov), atol=1e-11)
        assert_allclose(joint.mean[i], mean[:9], atol=1e-9)
        assert_allclose(joint.cov[i], cov[:9, :9], atol=1e-11)
        assert_allclose(ensemble.sensitivity(x, times[i])[0], (b**2).sum(axis=1), rtol=1e-6, atol=1e-12)
        assert_allclose(ensemble.smoother(x, times[i]), b, atol=1e-9)


def test_a_strictly_linear_model_by_sampling_its_parameters() -> None:
    # z = J theta with theta_0 ~ N(0, I): sampled, trained by its own closed flow in parameter space.
    x, y, new, tau = points(0, 4, 5), points(1, 4, 1), points(2, 3, 5), 0.4
    sigma_w, sigma_b, draws = 1.2, 0.5, 40_000
    features = [np.hstack([sigma_w * p / math.sqrt(5), np.full((len(p), 1), sigma_b)]) for p in (x, new)]
    j = features[0]
    ensemble = InfiniteEnsemble(x, y, depth=0, activation="erf", sigma_w=sigma_w, sigma_b=sigma_b)
    theta = np.random.default_rng(3).standard_normal((draws, 6))
    step = j.T @ np.linalg.solve(j @ j.T, np.eye(4) - linalg.expm(-tau * j @ j.T))
    z = (theta - (theta @ j.T - y[:, 0]) @ step.T) @ features[1].T
    out = ensemble.predict(new, tau, cov=True)
    assert out.cov is not None
    assert (np.abs(z.mean(axis=0) - out.mean[0, :, 0]) < 4 * z.std(axis=0) / math.sqrt(draws)).all()
    centred = z - z.mean(axis=0)
    products = centred[:, :, None] * centred[:, None]
    assert (np.abs(products.mean(axis=0) - out.cov[0]) < 4 * products.std(axis=0) / math.sqrt(draws)).all()


def test_the_fraction_learned_solves_its_differential_equation() -> None:
    lam, t, h = np.array([0.2, 3.0]), np.array([0.1, 2.0]), 1e-6
    slope = (learned(lam, t + h) - learned(lam, t - h)) / (2 * h)
    assert_allclose(slope, lam * (1 - learned(lam, t)), rtol=1e-8)


# Limits


def test_untrained_the_ensemble_is_its_prior() -> None:
    ensemble, x = InfiniteEnsemble(X, Y, **ERF), points(0, 4, 2)
    out = ensemble.predict(x, 0, cov=True)
    assert out.cov is not None
    assert_array_equal(out.mean, 0)
    assert_allclose(out.cov[0], kernels.nngp(x, **ERF), rtol=1e-14)
    assert_array_equal(ensemble.predict(x, [0, 0]).var[1], kernels.diagonals(x, **ERF).nngp)
    assert_array_equal(ensemble.sensitivity(x, 0), 0)


@pytest.mark.parametrize("architecture", [ERF, RELU])
def test_trained_forever_it_interpolates_with_certainty(architecture: Architecture) -> None:
    ensemble = InfiniteEnsemble(X, Y, **architecture)
    out = ensemble.predict(np.concatenate([X, PROBE]), [1e3, 1e300, np.inf])
    assert_allclose(out.mean[:, :3, 0], np.broadcast_to(Y, (3, 3)), atol=1e-10)
    assert_allclose(out.var[:, :3], 0, atol=1e-12)
    assert (out.var[:, 3] > 0.01).all()
    assert_allclose(out.mean[1], out.mean[2], rtol=1e-12)
    assert_allclose(ensemble.train_loss([np.inf]), 0, atol=1e-20)


def test_a_short_time_moves_the_mean_along_the_kernel() -> None:
    tau = 1e-12
    mean = InfiniteEnsemble(X, Y, **ERF).predict(PROBE, tau).mean[0, 0, 0]
    assert_allclose(mean, tau * float(kernels.ntk(PROBE, X, **ERF)[0] @ Y), rtol=1e-9)
    assert_allclose(learned(np.array([1e-9]), np.array([1e-9])), 1e-18, rtol=1e-15)


def test_a_direction_of_eigenvalue_zero_is_never_learned() -> None:
    lam, t = np.array([0.0, 2.0]), np.array([0, 1, np.inf])
    assert_array_equal(exponents(lam, t), [[0, 0], [0, 2], [0, np.inf]])
    assert_array_equal(learned(lam, t)[:, 0], 0)
    assert learned(lam, t)[2, 1] == 1


@pytest.mark.parametrize("d", [2, 50, 784])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_copies_with_equal_labels_count_as_one_point_learned_faster(activation: str, d: int) -> None:
    a = Architecture(depth=2, activation=activation, sigma_w=1.4, sigma_b=0.1)
    x, y, new = points(0, 3, d), points(1, 3, 1), points(2, 5, d)
    once, twice = InfiniteEnsemble(x, y, **a), InfiniteEnsemble(np.tile(x, (2, 1)), np.tile(y, (2, 1)), **a)
    assert twice.unresolved == 3
    a_out, b_out = once.predict(new, [0.8, np.inf]), twice.predict(new, [0.4, np.inf])
    assert_allclose(b_out.mean, a_out.mean, atol=1e-9)
    assert_allclose(b_out.var, a_out.var, atol=1e-9)


@pytest.mark.parametrize("d", [2, 50, 784])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_copies_with_conflicting_labels_are_learned_as_their_mean(activation: str, d: int) -> None:
    a = Architecture(depth=2, activation=activation, sigma_w=1.4, sigma_b=0.1)
    for seed in range(5):
        x = points(seed, 3, d)
        twice = InfiniteEnsemble(np.concatenate([x, x]), [1, 0, 2, 3, -1, 2], **a)
        out = twice.predict(np.concatenate([x, x + 0.1]), [1e6, np.inf])
        assert twice.unresolved == 3
        assert_allclose(out.mean[:, :3, 0], [[2, -0.5, 2]] * 2, atol=1e-6)
        once = InfiniteEnsemble(x, [2, -0.5, 2], **a).predict(x + 0.1, [1e6, np.inf])
        assert_allclose(out.mean[:, 3:], once.mean, atol=1e-6)


def test_what_conflicting_labels_leave_of_the_training_error() -> None:
    ensemble = InfiniteEnsemble([[1.0], [1.0], [-2.0]], [1.0, 3.0, 0.0], **ERF)
    assert_allclose(ensemble.train_loss([np.inf]), (1 + 1) / (2 * 3), rtol=1e-10)


def test_more_points_than_dimensions_of_a_linear_model_leave_directions_unresolved() -> None:
    ensemble = InfiniteEnsemble(points(0, 5, 2), points(1, 5, 1), depth=0, activation="relu", sigma_w=1, sigma_b=0)
    assert ensemble.unresolved == 3
    least_squares = np.linalg.lstsq(ensemble.x, ensemble.y)[0]
    assert_allclose(ensemble.predict(PROBE, np.inf).mean[0], PROBE @ least_squares, rtol=1e-9)


def test_networks_without_weights_learn_only_their_bias() -> None:
    ensemble = InfiniteEnsemble(X, Y, depth=2, activation="relu", sigma_w=0, sigma_b=0.5)
    out = ensemble.predict(PROBE, [0, 1.0, np.inf])
    assert ensemble.unresolved == 2
    assert_allclose(out.mean[:, 0, 0], [0, Y.mean() * (1 - math.exp(-0.75)), Y.mean()], atol=1e-14)
    assert_allclose(out.var[:, 0], [0.25, 0.25 * math.exp(-1.5), 0], atol=1e-14)


def test_networks_of_nothing_predict_nothing() -> None:
    ensemble = InfiniteEnsemble(X, Y, depth=1, activation="erf", sigma_w=0, sigma_b=0)
    for cov in (False, True):
        out = ensemble.predict(PROBE, [0, 1, np.inf], cov=cov)
        assert_array_equal(out.mean, 0)
        assert_array_equal(out.var, 0)
    assert_allclose(ensemble.train_loss([np.inf]), (Y**2).sum() / 6)


# Bad input


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X, Y[:2], "x_train has 3 points but y_train has 2; each point needs a target"),
        (X, 1.0, r"y_train has shape \(\); it must be \(points,\) or \(points, outputs\)"),
        (X, np.ones((3, 3, 3)), r"y_train has shape \(3, 3, 3\); it must be \(points,\) or"),
        (X, [1, np.nan, 0], r"y_train\[1\] is nan"),
        (X[0], Y[:1], r"x_train has shape \(2,\); it must be a matrix"),
        (np.ones((3, 1, 2)), Y, r"x1? has shape \(3, 1, 2\); it must be a matrix \(points, features\)"),
        ([[np.inf, 0]], [1], r"x_train\[0, 0\] is inf"),
        ([], [], "x_train is empty"),
    ],
)
def test_training_data_that_do_not_fit_are_refused(x: object, y: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        InfiniteEnsemble(x, y, **ERF)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (Y[:2], "x_train has 3 points but y_train has 2; each point needs a target"),
        (np.ones((3, 1, 1)), r"y_train has shape \(3, 1, 1\)"),
        ([1, np.inf, 0], r"y_train\[1\] is inf"),
    ],
)
def test_other_targets_must_fit_too(y: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        InfiniteEnsemble(X, Y, **ERF).with_targets(y)


def test_the_architecture_is_checked_too() -> None:
    with pytest.raises(BadInput, match="activation is 'tanh'"):
        InfiniteEnsemble(X, Y, **{**ERF, "activation": "tanh"})


POINT_RULES = [
    (np.ones((2, 3)), r"x has 3 columns, shape \(2, 3\); it must have 2"),
    ([0.5, 0.5], r"x has shape \(2,\); it must be a matrix"),
    (np.ones((2, 2, 2)), r"has shape \(2, 2, 2\); it must be a matrix"),
    ([[0, np.nan]], r"x\[0, 1\] is nan"),
]
TIME_RULES = [
    ([-1.0], r"times?\[0\] is -1\.0; training times lie in \[0, inf\]"),
    ([0, np.nan], r"times?\[1\] is nan"),
    ([[1.0]], r"times? has shape \(1, 1\)"),
    ("late", "times? is not an array of numbers"),
]
METHODS = ["predict", "sensitivity", "smoother"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("x", "words"), POINT_RULES)
def test_points_that_do_not_fit_are_refused(method: str, x: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        getattr(InfiniteEnsemble(X, Y, **ERF), method)(x, 1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("times", "words"), TIME_RULES)
def test_times_that_cannot_be_are_refused(method: str, times: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        getattr(InfiniteEnsemble(X, Y, **ERF), method)(PROBE, times)


def test_the_training_error_checks_its_times() -> None:
    with pytest.raises(BadInput, match=r"times\[0\] is -2\.0"):
        InfiniteEnsemble(X, Y, **ERF).train_loss(-2)


def test_a_smoother_is_of_one_time() -> None:
    with pytest.raises(BadInput, match="time has 2 entries; a smoother is that of one time"):
        InfiniteEnsemble(X, Y, **ERF).smoother(PROBE, [1.0, 2.0])
