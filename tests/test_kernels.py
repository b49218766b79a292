"""Kernels of wide networks: golden numbers, quadrature in plain loops, real networks, limits, and bad input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS, architectures
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, special

from itdl import kernels
from itdl.checks import Array, BadInput
from itdl.kernels import Architecture

X = np.array([(1, 0), (0.6, 0.8), (-1, 2)])
PROBE = np.array([[0.5, -0.5]])
SETTING = {"sigma_w": 1.5**0.5, "sigma_b": 0.05**0.5}

# Two independently written implementations agree on these digits.
GOLDEN = {
    ("erf", 2): (
        [
            [0.63773363, 0.40263789, -0.11613768],
            [0.40263789, 0.63773363, 0.31825889],
            [-0.11613768, 0.31825889, 0.7699703],
        ],
        [
            [2.05001297, 1.11662696, -0.49356083],
            [1.11662696, 2.05001297, 0.84303589],
            [-0.49356083, 0.84303589, 3.15695082],
        ],
    ),
    ("relu", 2): (
        [[0.5375, 0.4225276, 0.47185734], [0.4225276, 0.5375, 0.74088474], [0.47185734, 0.74088474, 2.225]],
        [[1.475, 0.83902392, 0.49031206], [0.83902392, 1.475, 1.37289685], [0.49031206, 1.37289685, 6.5375]],
    ),
}
FIRST_ROWS = [
    ("erf", 0, [0.8, 0.5, -0.7], [0.8, 0.5, -0.7], 3.8),
    ("relu", 0, [0.8, 0.5, -0.7], [0.8, 0.5, -0.7], 3.8),
    ("erf", 1, [0.68299787, 0.42699775, -0.23702696], [1.42853061, 0.82488511, -0.53302193], 2.88804056),
    ("erf", 3, [0.61820744, 0.39542862, -0.04240713], [2.69592569, 1.39749109, -0.43634847], 3.65703634),
    ("relu", 1, [0.65, 0.46717624, 0.23776428], [1.25, 0.73526413, 0.04430347], 5.75),
    ("relu", 3, [0.453125, 0.37899674, 0.51272412], [1.559375, 0.87479811, 0.74881195], 6.621875),
]
CROSS = {
    "erf": ([0.43697464, 0.0747133, -0.3335537], [1.22905123, 0.08036277, -1.24129833], 0.55322086),
    "relu": ([0.3512541, 0.24235062, 0.32268932], [0.72474722, 0.321766, 0.29264261], 0.3265625),
}


# Exact


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_golden_numbers_at_depth_two(activation: str) -> None:
    k, t = kernels.nngp_and_ntk(X, depth=2, activation=activation, **SETTING)
    assert_allclose(k, GOLDEN[activation, 2][0], atol=6e-9)
    assert_allclose(t, GOLDEN[activation, 2][1], atol=6e-9)


@pytest.mark.parametrize(("activation", "depth", "k_row", "t_row", "t_last"), FIRST_ROWS)
def test_golden_numbers_at_other_depths(
    activation: str, depth: int, k_row: list[float], t_row: list[float], t_last: float
) -> None:
    k, t = kernels.nngp_and_ntk(X, depth=depth, activation=activation, **SETTING)
    assert_allclose(k[0], k_row, atol=6e-9)
    assert_allclose(t[0], t_row, atol=6e-9)
    assert_allclose(t[2, 2], t_last, atol=6e-9)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_golden_numbers_between_a_new_point_and_the_training_points(activation: str) -> None:
    k_row, t_row, k_own = CROSS[activation]
    k, t = kernels.nngp_and_ntk(PROBE, X, depth=2, activation=activation, **SETTING)
    assert_allclose(k[0], k_row, atol=6e-9)
    assert_allclose(t[0], t_row, atol=6e-9)
    assert_allclose(kernels.diagonals(PROBE, depth=2, activation=activation, **SETTING).nngp, k_own, atol=6e-9)


def test_one_relu_layer_at_right_angles_by_hand() -> None:
    # p = 1/2 and 0, sigma_w^2 = 4: K_0 = 2 and 0; F = sqrt(4)/(2 pi), F' = 1/4.
    k, t = kernels.nngp_and_ntk(np.eye(2), depth=1, activation="relu", sigma_w=2, sigma_b=0)
    assert_allclose(k, [[4, 4 / math.pi], [4 / math.pi, 4]], rtol=1e-15)
    assert_allclose(t, [[8, 4 / math.pi], [4 / math.pi, 8]], rtol=1e-15)


def test_both_kernels_are_also_there_one_by_one() -> None:
    for x2 in (None, PROBE):
        both = kernels.nngp_and_ntk(X, x2, depth=2, activation="erf", **SETTING)
        assert_array_equal(kernels.nngp(X, x2, depth=2, activation="erf", **SETTING), both.nngp)
        assert_array_equal(kernels.ntk(X, x2, depth=2, activation="erf", **SETTING), both.ntk)


# Laws


def points(seed: int, n: int, d: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, d))


@LAW
@given(architectures(), SEEDS, st.integers(1, 6), st.integers(1, 4))
def test_both_kernels_and_their_difference_are_positive_semidefinite(
    a: Architecture, seed: int, n: int, d: int
) -> None:
    """K >= 0 and Theta - K >= 0"""
    k, t = kernels.nngp_and_ntk(points(seed, n, d), **a)
    for part in (k, t - k):
        assert np.linalg.eigvalsh(part)[0] >= -1e-9 * max(1, float(t.max()))


def test_the_difference_is_zero_without_hidden_layers() -> None:
    k, t = kernels.nngp_and_ntk(X, depth=0, activation="erf", **SETTING)
    assert_array_equal(k, t)
    assert_allclose(k, 1.5 * X @ X.T / 2 + 0.05, rtol=1e-15)


@LAW
@given(architectures(), SEEDS, st.integers(1, 6), st.integers(1, 4))
def test_symmetric_pairs_cross_pairs_and_diagonals_agree(a: Architecture, seed: int, n: int, d: int) -> None:
    x = points(seed, n, d)
    own, cross, alone = kernels.nngp_and_ntk(x, **a), kernels.nngp_and_ntk(x, x.copy(), **a), kernels.diagonals(x, **a)
    for one, two, three in zip(own, cross, alone, strict=True):
        assert_array_equal(one, one.T)
        assert_allclose(one, two, rtol=1e-7, atol=1e-7)
        assert_array_equal(np.diagonal(one), three)


@LAW
@given(architectures(), SEEDS, st.integers(1, 4))
def test_rotating_the_inputs_changes_nothing(a: Architecture, seed: int, d: int) -> None:
    x = points(seed, 4, d)
    turn = np.linalg.qr(points(seed + 1, d, d))[0]
    for one, two in zip(kernels.nngp_and_ntk(x, **a), kernels.nngp_and_ntk(x @ turn, **a), strict=True):
        assert_allclose(one, two, rtol=1e-6, atol=1e-9)


@LAW
@given(SEEDS, st.integers(0, 3), st.floats(0.3, 3))
def test_relu_without_bias_is_homogeneous(seed: int, depth: int, c: float) -> None:
    """sigma_w -> c sigma_w: K, Theta -> c^(2 (depth + 1)); x -> c x: K, Theta -> c^2"""
    x, a = points(seed, 4, 3), {"depth": depth, "activation": "relu", "sigma_b": 0.0}
    base = kernels.nngp_and_ntk(x, sigma_w=1.0, **a)
    scaled, stretched = kernels.nngp_and_ntk(x, sigma_w=c, **a), kernels.nngp_and_ntk(c * x, sigma_w=1.0, **a)
    for one, two, three in zip(base, scaled, stretched, strict=True):
        assert_allclose(two, c ** (2 * (depth + 1)) * one, rtol=1e-7, atol=1e-12)
        assert_allclose(three, c**2 * one, rtol=1e-7, atol=1e-12)


@LAW
@given(architectures(), SEEDS)
def test_covariance_never_exceeds_the_variances(a: Architecture, seed: int) -> None:
    """|K(x, x')|^2 <= K(x, x) K(x', x'), the same for Theta"""
    for kernel in kernels.nngp_and_ntk(points(seed, 5, 2), **a):
        own = np.diagonal(kernel)
        assert (kernel**2 <= np.outer(own, own) * (1 + 1e-12)).all()


# Independent paths

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
NODES, WEIGHTS = 9 * NODES, 9 * WEIGHTS * np.exp(-((9 * NODES) ** 2) / 2) / math.sqrt(2 * math.pi)


def erf_duals(k12: float, k11: float, k22: float) -> tuple[float, float]:
    """E[erf erf] and E[erf' erf'] by Gauss-Legendre quadrature."""
    rho = k12 / math.sqrt(k11 * k22)
    u = math.sqrt(k11) * NODES[:, None]
    v = math.sqrt(k22) * (rho * NODES[:, None] + math.sqrt(max(0, 1 - rho**2)) * NODES[None, :])
    slopes = 4 / math.pi * np.exp(-(u**2) - v**2)
    return float(WEIGHTS @ (special.erf(u) * special.erf(v)) @ WEIGHTS), float(WEIGHTS @ slopes @ WEIGHTS)


def relu_duals(k12: float, k11: float, k22: float) -> tuple[float, float]:
    """E[relu relu] and E[relu' relu'] by quadrature over the angle at which both are on."""
    scale = math.sqrt(k11 * k22)
    angle = math.acos(max(-1, min(1, k12 / scale)))
    both, _ = integrate.quad(lambda s: math.cos(s) * math.cos(s - angle), angle - math.pi / 2, math.pi / 2)
    return scale / math.pi * both, (math.pi - angle) / (2 * math.pi)


def by_quadrature(
    x: Array, y: Array, depth: int, activation: str, sigma_w: float, sigma_b: float
) -> tuple[float, float]:
    """K(x, y) and Theta(x, y) for one pair, the recursion written out for scalars."""
    dual = {"erf": erf_duals, "relu": relu_duals}[activation]
    k12, k11, k22 = (sigma_w**2 * float(a @ b) / len(x) + sigma_b**2 for a, b in ((x, y), (x, x), (y, y)))
    t = k12
    for _ in range(depth):
        value, slope = dual(k12, k11, k22)
        k12 = sigma_w**2 * value + sigma_b**2
        t = k12 + sigma_w**2 * slope * t
        k11, k22 = (sigma_w**2 * dual(k, k, k)[0] + sigma_b**2 for k in (k11, k22))
    return k12, t


@FEW
@given(SEEDS, st.integers(1, 3), st.sampled_from(["erf", "relu"]), st.floats(0.3, 1.5), st.floats(0.05, 1))
def test_the_recursion_by_quadrature_in_plain_loops(
    seed: int, depth: int, activation: str, sigma_w: float, sigma_b: float
) -> None:
    x, y = points(seed, 2, 3), points(seed + 1, 3, 3)
    a = {"depth": depth, "activation": activation, "sigma_w": sigma_w, "sigma_b": sigma_b}
    k, t = kernels.nngp_and_ntk(x, y, **a)
    for i in range(2):
        for j in range(3):
            expected = by_quadrature(x[i], y[j], **a)
            assert_allclose((k[i, j], t[i, j]), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_real_networks_of_one_hidden_layer_have_these_kernels_at_any_width(activation: str) -> None:
    phi, slope = {
        "erf": (special.erf, lambda h: 2 / math.sqrt(math.pi) * np.exp(-(h**2))),
        "relu": (lambda h: np.maximum(h, 0), lambda h: (h > 0).astype(float)),
    }[activation]
    sigma_w, sigma_b, draws, width = 1.3, 0.4, 20_000, 4
    rng = np.random.default_rng(0)
    w = rng.standard_normal((draws, width, 2))
    b, a, c = rng.standard_normal((draws, width)), rng.standard_normal((draws, width)), rng.standard_normal(draws)
    h = sigma_w / math.sqrt(2) * np.einsum("swd,nd->snw", w, X) + sigma_b * b[:, None]
    z = sigma_w / math.sqrt(width) * np.einsum("snw,sw->sn", phi(h), a) + sigma_b * c[:, None]
    back = sigma_w / math.sqrt(width) * a[:, None] * slope(h)
    last = sigma_w**2 / width * np.einsum("snw,smw->snm", phi(h), phi(h)) + sigma_b**2
    first = np.einsum("snw,smw->snm", back, back) * (sigma_w**2 * X @ X.T / 2 + sigma_b**2)
    k, t = kernels.nngp_and_ntk(X, depth=1, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    for sample, expected in ((z[:, :, None] * z[:, None], k), (last + first, t)):
        error = sample.std(axis=0) / math.sqrt(draws)
        assert (np.abs(sample.mean(axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize(("n", "m"), [(600, None), (300, 270), (1, 513)])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_blocks_join_without_a_seam(n: int, m: int | None, activation: str) -> None:
    a = {"depth": 2, "activation": activation, **SETTING}
    x, y = points(0, n, 3), None if m is None else points(1, m, 3)
    k, t = kernels.nngp_and_ntk(x, y, **a)
    other = x if y is None else y
    rows, columns = np.unique(np.r_[0, 255, 256, n // 2, n - 1] % n), np.unique(np.r_[0, 255:258, len(other) - 1])
    columns = columns[columns < len(other)]
    few = kernels.nngp_and_ntk(x[rows], other[columns], **a)
    assert_allclose(k[np.ix_(rows, columns)], few.nngp, rtol=1e-7, atol=1e-9)
    assert_allclose(t[np.ix_(rows, columns)], few.ntk, rtol=1e-7, atol=1e-7)
    if y is None:
        assert_array_equal(t, t.T)


# Limits


def test_weights_of_zero_leave_the_bias() -> None:
    for activation in kernels.ACTIVATIONS:
        k, t = kernels.nngp_and_ntk(X, depth=2, activation=activation, sigma_w=0, sigma_b=0.3)
        assert_allclose(k, 0.09, rtol=1e-14)
        assert_allclose(t, 0.09, rtol=1e-14)
        assert_array_equal(kernels.ntk(X, depth=2, activation=activation, sigma_w=0, sigma_b=0), 0)


def test_an_input_of_zeros_without_bias_is_silent() -> None:
    x = np.array([[0.0, 0.0], [1.0, 1.0]])
    for activation in kernels.ACTIVATIONS:
        k, t = kernels.nngp_and_ntk(x, x.copy(), depth=2, activation=activation, sigma_w=1, sigma_b=0)
        assert_array_equal(k[0], 0)
        assert_array_equal(t[0], 0)


def test_opposite_inputs_share_no_relu() -> None:
    x = np.array([[1.0, 2.0], [-1.0, -2.0]])
    k, t = kernels.nngp_and_ntk(x, depth=1, activation="relu", sigma_w=1, sigma_b=0)
    assert_allclose([k[0, 1], t[0, 1]], 0, atol=1e-15)
    k, t = kernels.nngp_and_ntk(x, depth=3, activation="erf", sigma_w=1, sigma_b=0)
    assert_allclose(t[0, 1], -t[0, 0], rtol=1e-14)


@pytest.mark.parametrize("d", [1, 30, 784, 3000])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_an_input_meets_its_copy_as_it_meets_itself(activation: str, d: int) -> None:
    for seed in range(10):
        x = points(seed, 4, d)
        k, t = kernels.nngp_and_ntk(np.concatenate([x, x]), depth=2, activation=activation, sigma_w=1.4, sigma_b=0.1)
        assert_allclose(np.diagonal(k, 4), np.diagonal(k)[:4], rtol=1e-12)
        assert_allclose(np.diagonal(t, 4), np.diagonal(t)[:4], rtol=1e-12)


@pytest.mark.parametrize("scale", [1e2, 1e5, 1e9, 1e30])
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_large_inputs_lose_no_digits(activation: str, scale: float) -> None:
    x = scale * points(0, 4, 3)
    a = {"depth": 2, "activation": activation, "sigma_w": 1.0, "sigma_b": 0.1}
    for own, cross in zip(kernels.nngp_and_ntk(x, **a), kernels.nngp_and_ntk(x, x.copy(), **a), strict=True):
        assert_allclose(own, cross, rtol=1e-12)
        assert np.isfinite(own).all()


def test_tiny_inputs_of_erf_see_a_linear_network() -> None:
    k, t = kernels.nngp_and_ntk(1e-6 * X, depth=1, activation="erf", sigma_w=1, sigma_b=0)
    linear = 1e-12 * X @ X.T / 2 * 4 / math.pi
    assert_allclose(k, linear, rtol=1e-9)
    assert_allclose(t, 2 * linear, rtol=1e-9)


# Bad input

GOOD = {"depth": 2, "activation": "erf", "sigma_w": 1.0, "sigma_b": 0.1}
SETTING_RULES = [
    ({"depth": -1}, "depth is -1; it must be a whole number of hidden layers, zero or above"),
    ({"depth": 1.5}, "depth is 1.5; it must be a whole number"),
    ({"depth": True}, "depth is True; it must be a whole number"),
    ({"depth": "2"}, "depth is '2'; it must be a whole number"),
    ({"activation": "tanh"}, "activation is 'tanh'; the kernels are known for erf and relu"),
    ({"activation": None}, "activation is None"),
    ({"sigma_w": -1.0}, "sigma_w is -1.0; it must be one number zero or above"),
    ({"sigma_w": np.nan}, "sigma_w is nan"),
    ({"sigma_w": [1.0, 2.0]}, r"sigma_w is \[1\.0, 2\.0\]; it must be one number"),
    ({"sigma_b": -0.1}, "sigma_b is -0.1; it must be one number zero or above"),
    ({"sigma_b": np.inf}, "sigma_b is inf"),
]
FUNCTIONS = [kernels.nngp, kernels.ntk, kernels.nngp_and_ntk, kernels.diagonals]


@pytest.mark.parametrize(("change", "words"), SETTING_RULES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_network_that_cannot_be_is_refused(
    function: Callable[..., Any], change: dict[str, object], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        function(X, **{**GOOD, **change})


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], r"x1? has shape \(2,\); it must be a matrix"),
        (np.ones((2, 2, 2)), r"x1? has shape \(2, 2, 2\); it must be a matrix \(points, features\)"),
        ([[1, np.nan]], r"x1?\[0, 1\] is nan"),
        ([], "x1? is empty"),
    ],
)
def test_inputs_that_are_no_matrix_are_refused(function: Callable[..., Any], x: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        function(x, **GOOD)


@pytest.mark.parametrize(
    ("x2", "words"),
    [
        (np.ones((3, 5)), r"x2 has 5 columns, shape \(3, 5\); it must have 2"),
        (np.ones((3, 2, 2)), r"x2 has shape \(3, 2, 2\); it must be a matrix \(points, features\)"),
        ([[np.inf, 0]], r"x2\[0, 0\] is inf"),
    ],
)
def test_second_inputs_must_fit_the_first(x2: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        kernels.nngp_and_ntk(X, x2, **GOOD)


def test_numpy_whole_numbers_are_depths_too() -> None:
    assert_array_equal(kernels.ntk(X, **{**GOOD, "depth": np.int64(2)}), kernels.ntk(X, **GOOD))
