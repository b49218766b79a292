"""Floating-point ground: logarithms at their ends, and the low-rank machinery against dense algebra."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS, covariances, matrices
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, logsumexp

from itdl.checks import Array, BadInput
from itdl.numerics import (
    AndersonMixing,
    log_mean_exp,
    log_normalise,
    logdet,
    row_skeleton,
    times_upper,
    upper_half,
)


def test_logdet_by_hand() -> None:
    assert_allclose(logdet("a", np.array([[4.0, 2.0], [2.0, 3.0]])), np.log(8), rtol=1e-15)


@LAW
@given(covariances())
def test_logdet_is_the_sum_of_the_log_eigenvalues(a: Array) -> None:
    assert_allclose(logdet("a", a), np.log(np.linalg.eigvalsh(a)).sum(), atol=1e-9)


def test_logdet_neither_overflows_nor_accepts_an_indefinite_matrix() -> None:
    assert_allclose(logdet("a", 1e-200 * np.eye(5)), -1000 * np.log(10), rtol=1e-14)
    # slogdet answers 1.0986 with sign -1 here.
    with pytest.raises(BadInput, match="gram is not positive definite: smallest eigenvalue -1"):
        logdet("gram", np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_log_mean_exp_by_hand_along_either_axis() -> None:
    a = np.log([[1.0, 3.0], [2.0, 8.0]])
    assert_allclose(log_mean_exp(a, axis=1), np.log([2, 5]), rtol=1e-14)
    assert_allclose(log_mean_exp(a, axis=0), np.log([1.5, 5.5]), rtol=1e-14)


@LAW
@given(matrices(3, 4, bound=900))
def test_log_mean_exp_agrees_with_scipy_where_exp_alone_would_not(a: Array) -> None:
    assert_allclose(log_mean_exp(a, axis=1), logsumexp(a, axis=1) - np.log(4), rtol=1e-13, atol=1e-13)


@LAW
@given(matrices(3, 4, bound=900))
def test_log_mean_exp_lies_between_mean_and_maximum(a: Array) -> None:
    out = log_mean_exp(a, axis=1)
    assert (out <= a.max(axis=1) + 1e-10).all()
    assert (out >= a.mean(axis=1) - 1e-10).all()


def test_log_mean_exp_counts_minus_infinity_as_zero_and_keeps_its_input() -> None:
    a = np.array([[-np.inf, -np.inf], [0, -np.inf], [1e4, 1e4]])
    before = a.copy()
    assert_allclose(log_mean_exp(a, axis=1), [-np.inf, -np.log(2), 1e4])
    assert_array_equal(a, before)


@LAW
@given(SEEDS, st.integers(1, 40), st.integers(1, 30), st.integers(1, 8))
def test_a_skeleton_rebuilds_every_row_from_as_few_as_the_rank(seed: int, rows: int, columns: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    skeleton = row_skeleton(a)
    assert len(skeleton.pivots) == len(set(skeleton.pivots)) <= min(rows, columns, rank)
    assert_allclose(skeleton.coefficients @ a[skeleton.pivots], a, atol=1e-9 * np.abs(a).max())


@pytest.mark.parametrize("rows", [5, 64, 65, 200, 1000])
def test_a_tall_skeleton_is_as_exact_as_a_small_one(rows: int) -> None:
    times = np.concatenate([[0.0], np.geomspace(1e-8, 1e8, rows - 1)])
    a = -np.expm1(-np.outer(times, np.geomspace(1e-4, 1e2, 80)))
    skeleton = row_skeleton(a)
    scale = np.maximum(np.abs(a).max(axis=1), 1e-300)[:, None]
    size = np.linalg.svd(a / scale, compute_uv=False)
    assert len(skeleton.pivots) <= (size > 1e-14 * size[0]).sum() + 2
    assert_allclose(skeleton.coefficients @ a[skeleton.pivots] / scale, a / scale, atol=3e-13)


def test_a_small_row_is_rebuilt_to_its_own_scale() -> None:
    a = np.array([[1.0, 2.0, 3.0], [1e-200, 0, 1e-200], [5e-100, 0, 0], [0, 0, 0]])
    rebuilt = (skeleton := row_skeleton(a)).coefficients @ a[skeleton.pivots]
    assert_allclose(rebuilt[0], a[0], rtol=1e-12)
    assert_allclose(rebuilt[1] * 1e200, a[1] * 1e200, atol=1e-12)
    assert_allclose(rebuilt[2] * 1e100, a[2] * 1e100, atol=1e-12)
    assert_array_equal(skeleton.coefficients[3], 0)


def test_a_skeleton_of_nothing_is_nothing() -> None:
    for rows in (3, 100):
        skeleton = row_skeleton(np.zeros((rows, 4)))
        assert len(skeleton.pivots) >= 1
        assert_array_equal(skeleton.coefficients, 0)


def test_the_tolerance_of_a_skeleton_decides_its_rank() -> None:
    a = np.array([[1.0, 0, 0], [1.0, 1e-6, 0], [1.0, 0, 1e-3]])
    assert [len(row_skeleton(a, tol).pivots) for tol in (1e-14, 1e-4, 1e-1)] == [3, 2, 1]


@LAW
@given(covariances())
def test_an_upper_half_and_its_transpose_are_the_whole(a: Array) -> None:
    u = upper_half(a)
    assert_array_equal(u, np.triu(u))
    assert_array_equal(u + u.T, a)


def test_times_upper_reads_only_the_upper_triangle() -> None:
    rng = np.random.default_rng(0)
    b, u = rng.standard_normal((3, 5)), rng.standard_normal((5, 5))
    kept = b.copy(), u.copy()
    assert_allclose(times_upper(b, u), b @ np.triu(u), rtol=1e-13)
    assert_array_equal(b, kept[0])
    assert_array_equal(u, kept[1])


# Fixed points


@LAW
@given(matrices(3, 4, bound=900))
def test_log_normalise_agrees_with_scipy(a: Array) -> None:
    assert_allclose(log_normalise(a), log_softmax(a, axis=1), rtol=1e-12, atol=1e-12)
    assert_allclose(log_normalise(a, axis=0), log_softmax(a, axis=0), rtol=1e-12, atol=1e-12)


def linear_maps(seed: int, rows: int, n: int) -> tuple[Array, Array]:
    """Contractions x -> A x + b, symmetric, slow: eigenvalues up to 0.999."""
    rng = np.random.default_rng(seed)
    bases = np.linalg.qr(rng.standard_normal((rows, n, n)))[0]
    values = 0.999 - np.linspace(0, 1.2, n)
    return bases * values @ bases.swapaxes(1, 2), rng.standard_normal((rows, n))


def iterate(a: Array, b: Array, calls: int, memory: int, forgotten: dict[int, Array] | None = None) -> Array:
    mixing, x = AndersonMixing(memory), np.zeros_like(b)
    for k in range(calls):
        if forgotten and k in forgotten:
            mixing.forget(forgotten[k])
        x = mixing(x, (a @ x[:, :, None])[:, :, 0] + b, np.ones_like(x))
    return x


@pytest.mark.parametrize("seed", range(3))
def test_mixing_solves_linear_problems_in_as_many_steps_as_dimensions(seed: int) -> None:
    a, b = linear_maps(seed, rows=4, n=5)
    exact = np.linalg.solve(np.eye(5) - a, b[:, :, None])[:, :, 0]
    size = np.abs(exact).max()
    assert_allclose(iterate(a, b, 7, memory=6), exact, atol=1e-6 * size)
    # Plain iteration would need thousands of steps.
    assert np.abs(iterate(a, b, 7, memory=6) - exact).max() < 1e-3 * np.abs(b - exact).max()


def test_mixing_takes_the_plain_step_first_and_keeps_rows_apart() -> None:
    a, b = linear_maps(0, rows=3, n=4)
    assert_array_equal(iterate(a, b, 1, memory=3), b)
    together = iterate(a, b, 6, memory=3)
    for i in range(3):
        assert_allclose(iterate(a[i : i + 1], b[i : i + 1], 6, memory=3)[0], together[i], rtol=1e-6)


def test_mixing_forgets_only_the_rows_it_is_told_to() -> None:
    a, b = linear_maps(1, rows=2, n=4)
    kept, reset = iterate(a, b, 5, 4), iterate(a, b, 5, 4, {4: np.array([True, False])})
    assert_allclose(reset[1], kept[1], rtol=1e-9)
    assert np.abs(reset[0] - kept[0]).max() > 1e-6
    # With one step remembered, the proposal is the secant step of the last two points.
    last, before = iterate(a, b, 4, 4)[0], iterate(a, b, 3, 4)[0]
    g, h = a[0] @ last + b[0], a[0] @ before + b[0]
    f, e = g - last, h - before
    weight = f @ (f - e) / ((f - e) @ (f - e))
    assert_allclose(reset[0], g - weight * (g - h), rtol=1e-8)


def test_mixing_measures_steps_in_its_metric() -> None:
    # A direction without weight is ignored: here the first coordinate alone decides.
    mixing, weight = AndersonMixing(2), np.array([[1.0, 0.0]])
    points, images = np.array([[[0.0, 0.0]], [[1.0, 3.0]]]), np.array([[[1.0, 3.0]], [[1.5, 100.0]]])
    mixing(points[0], images[0], weight)
    proposal = mixing(points[1], images[1], weight)
    # Steps 1 and 0.5 extrapolate to zero at twice the last difference.
    assert_allclose(proposal, images[1] + (images[1] - images[0]), rtol=1e-9)
