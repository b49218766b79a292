"""Sample estimates: small cases by hand, exact information quantities, known biases."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from laws import FEW, LAW, SEEDS, matrices
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from itdl import entropy
from itdl.checks import Array, BadInput
from itdl.estimators import (
    binned,
    donsker_varadhan,
    info_nce,
    kernel_density,
    ksg,
    leave_one_out,
    miller_madow,
    nwj,
    smile,
)
from itdl.information_tasks import sparse

HAND = np.log([[4.0, 1.0, 3.0], [2.0, 6.0, 2.0], [1.0, 7.0, 8.0]])  # rows are z, columns x: asymmetric


def test_both_bounds_by_hand() -> None:
    assert_allclose(info_nce(HAND), np.log([4 * 3 / 8, 6 * 3 / 10, 8 * 3 / 16]).mean(), rtol=1e-14)
    assert_allclose(leave_one_out(HAND), np.log([4 / 2, 6 / 2, 8 / 4]).mean(), rtol=1e-14)


def test_the_average_runs_over_x_not_over_z() -> None:
    assert abs(info_nce(HAND) - info_nce(HAND.T)) > 1e-3
    assert abs(leave_one_out(HAND) - leave_one_out(HAND.T)) > 1e-3


@LAW
@given(matrices(5, 5, bound=700))
def test_info_nce_never_exceeds_log_n(scores: Array) -> None:
    """I_NCE <= log N"""
    assert info_nce(scores) <= math.log(5) + 1e-12


def test_the_ceiling_is_nearly_met_when_every_z_fits_one_x() -> None:
    assert math.log(5) - 1e-12 < info_nce(50 * np.eye(5)) < math.log(5) + 1e-12
    assert_allclose(info_nce(7 * np.eye(5)), 7 - math.log((math.exp(7) + 4) / 5), rtol=1e-12)


@LAW
@given(matrices(4, 4, bound=30))
def test_each_row_may_be_shifted_freely(scores: Array) -> None:
    """scores[i, j] + c_i gives the same bounds"""
    shift = np.array([[3.0], [-8.0], [100.0], [0.0]])
    assert_allclose(info_nce(scores + shift), info_nce(scores), atol=1e-11)
    assert_allclose(leave_one_out(scores + shift), leave_one_out(scores), atol=1e-11)


@LAW
@given(matrices(4, 4, bound=30))
def test_the_upper_bound_is_above_the_lower_exactly_where_the_partner_fits_best(scores: Array) -> None:
    """s_ii above the log-mean of the others in every row: I_NCE <= LOO"""
    np.fill_diagonal(scores, scores.max(axis=1))
    assert info_nce(scores) <= leave_one_out(scores) + 1e-12


@LAW
@given(matrices(4, 4, bound=700))
def test_both_bounds_by_plain_loops(scores: Array) -> None:
    lower = upper = 0.0
    for i in range(4):
        others = [scores[i, j] for j in range(4) if j != i]
        top = max(scores[i])
        lower += scores[i, i] - top - math.log(sum(math.exp(s - top) for s in scores[i]) / 4)
        top = max(others)
        upper += scores[i, i] - top - math.log(sum(math.exp(s - top) for s in others) / 3)
    assert_allclose(info_nce(scores), lower / 4, rtol=1e-12, atol=1e-12)
    assert_allclose(leave_one_out(scores), upper / 4, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("noise", [1.0, 0.3])
def test_a_gaussian_channel_lies_between_the_bounds(noise: float) -> None:
    rng, n = np.random.default_rng(3), 200
    bounds = []
    for _ in range(30):
        x = rng.standard_normal(n)
        z = x + noise * rng.standard_normal(n)
        scores = stats.norm.logpdf(z[:, None], x[None, :], noise)
        bounds.append((info_nce(scores), leave_one_out(scores)))
    (low, high), error = np.mean(bounds, axis=0), 4 * np.std(bounds, axis=0) / math.sqrt(30)
    exact = 0.5 * math.log(1 + noise**-2)
    assert low - error[0] <= exact <= high + error[1]
    assert high - low < 0.1


def test_the_upper_bound_breaks_down_where_information_nears_log_n() -> None:
    x = np.linspace(-1, 1, 100)
    scores = stats.norm.logpdf(x[:, None], x[None, :], 1e-3)
    assert info_nce(scores) == pytest.approx(math.log(100))
    assert leave_one_out(scores) > 100


def test_scores_that_say_nothing_give_nothing() -> None:
    assert info_nce(np.full((3, 3), -7.0)) == 0
    assert leave_one_out(np.full((3, 3), -7.0)) == 0


def test_two_pairs_are_enough() -> None:
    assert_allclose(leave_one_out([[0.0, -3.0], [1.0, 2.0]]), (3 + 1) / 2)


# --- bounds by any critic ------------------------------------------------------------------------------------------


def test_critic_bounds_by_hand() -> None:
    """pairs 4, 6, 8 on the diagonal; the others are 1, 3, 2, 2, 1, 7 with mean 8/3"""
    paired, others = np.log([4.0, 6.0, 8.0]).mean(), 16 / 6
    assert_allclose(donsker_varadhan(HAND), paired - math.log(others), rtol=1e-14)
    assert_allclose(nwj(HAND), paired - others / math.e, rtol=1e-14)
    clipped = np.minimum([1, 3, 2, 2, 1, 7], 2.5).mean()
    assert_allclose(smile(HAND, math.log(2.5)), paired - math.log(clipped), rtol=1e-14)
    raised = np.maximum([1, 3, 2, 2, 1, 7], 1 / 0.5) / 50
    assert_allclose(smile(HAND - math.log(50), math.log(25)), paired - math.log(50) - math.log(raised.mean()))


@LAW
@given(matrices(4, 4, bound=30))
def test_how_the_critic_bounds_are_ordered(scores: Array) -> None:
    """NWJ <= DV = NWJ at its best shift; SMILE with a wide clip is DV"""
    dv = donsker_varadhan(scores)
    assert nwj(scores) <= dv + 1e-9
    log_mean = scores.diagonal().mean() - dv
    assert_allclose(nwj(scores - log_mean + 1), dv, rtol=1e-9, atol=1e-9)
    assert_allclose(donsker_varadhan(scores + 17), dv, atol=1e-9)
    assert_allclose(smile(scores, 31.0), dv, atol=1e-9)


@LAW
@given(matrices(4, 4, bound=30))
def test_clipping_from_above_only_raises(scores: Array) -> None:
    """all scores >= -tau: SMILE >= DV"""
    high = np.abs(scores)
    assert smile(high, 3.0) >= donsker_varadhan(high) - 1e-12


@pytest.mark.parametrize(
    ("information", "dv", "unbiased", "contrast", "clipped"),
    [(1.0, 1.00, 1.00, 0.98, 1.00), (2.0, 2.00, 2.00, 1.89, 2.03), (4.0, 4.03, 4.01, 3.34, 4.26)],
)
def test_with_the_best_critic_as_measured_elsewhere(
    information: float, dv: float, unbiased: float, contrast: float, clipped: float
) -> None:
    """20 + 20 normal variables, 128 pairs, mean of many batches; tolerances are several standard errors"""
    task, rng = sparse(20, 20, information), np.random.default_rng(12)
    found = []
    for _ in range(200):
        x, y = task.sample(rng, 128)
        scores = task.log_ratio(x[None, :], y[:, None])
        found.append([donsker_varadhan(scores), nwj(scores + 1), info_nce(scores), smile(scores, 5.0)])
    assert_allclose(np.mean(found, axis=0), [dv, unbiased, contrast, clipped], atol=0.03 * information)


def test_a_score_beyond_the_exponential_is_refused() -> None:
    with pytest.raises(BadInput, match="scores reach 800, whose exponential is no number; subtract a constant"):
        nwj(np.full((3, 3), 800.0))
    assert donsker_varadhan(np.full((3, 3), 800.0)) == pytest.approx(0)
    with pytest.raises(BadInput, match="tau is 0; it must be one number above zero"):
        smile(HAND, 0)


@pytest.mark.parametrize("bound", [info_nce, leave_one_out, donsker_varadhan, nwj, lambda s: smile(s, 1.0)])
@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros((2, 3)), r"scores has shape \(2, 3\); it must be square, N pairs against each other, N >= 2"),
        (np.zeros((2, 2, 2)), r"scores has shape \(2, 2, 2\); it must be square"),
        ([[1.0]], r"scores has shape \(1, 1\).*N >= 2"),
        ([1.0, 2.0], r"scores has shape \(2,\); it must be a matrix"),
        ([[0, np.nan], [0, 0]], r"scores\[0, 1\] is nan"),
        ([[0, -np.inf], [0, 0]], r"scores\[0, 1\] is -inf"),
        ([], "scores is empty"),
    ],
)
def test_scores_of_the_wrong_shape_are_refused(bound: Callable[..., Any], scores: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        bound(scores)


# --- bins ----------------------------------------------------------------------------------------------------------


def gaussian(n: int, d: int, information: float, seed: int) -> tuple[Array, Array]:
    """d independent pairs with correlation rho, I = -d/2 log(1 - rho^2)."""
    rng, rho = np.random.default_rng([seed, 5]), math.sqrt(1 - math.exp(-2 * information / d))
    x = rng.standard_normal((n, d))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.standard_normal((n, d))


def test_bins_by_hand() -> None:
    """cells (0,0) twice, (0,1), (1,1)"""
    x, y = [0.0, 0.1, 0.2, 1.0], [0.0, 0.3, 0.9, 1.0]
    exact = entropy.mutual_information([[0.5, 0.25], [0, 0.25]])
    assert_allclose(binned(x, y, 2), exact)
    assert_allclose(miller_madow(x, y, 2), exact - (3 - 2 - 2 + 1) / 8)


def test_edges_belong_to_the_cell_above_and_the_last_to_the_last() -> None:
    x = [-1.0, -0.5, 0.0, 0.5, 1.0]
    y = [0.0, 1, 2, 3, 3]
    assert_allclose(binned(x, y, ([-1, -0.5, 0, 0.5, 1], [0, 1, 2, 3, 4])), entropy.entropy([0.2, 0.2, 0.2, 0.4]))


def test_one_cell_tells_nothing_and_cells_that_split_all_tell_log_n() -> None:
    x = np.random.default_rng(0).standard_normal(50)
    assert binned(x, x, 1) == pytest.approx(0, abs=1e-14)
    assert_allclose(binned(x, x, width=1e-9), math.log(50))


def test_a_constant_fills_one_cell() -> None:
    assert binned([3.0, 3.0, 3.0], [1.0, 2.0, 3.0], 4) == pytest.approx(0, abs=1e-14)


@LAW
@given(hnp.arrays(float, (2, 12), elements=st.floats(-5, 5).map(lambda v: round(v, 2))), st.integers(1, 6))
def test_the_three_ways_to_name_cells_agree_with_scikit_learn(xy: Array, n: int) -> None:
    """number, edges and width; sklearn's score of the labels"""
    x, y = xy
    assume(min(np.ptp(x), np.ptp(y)) > 0)
    edges = tuple(np.linspace(v.min(), v.max(), n + 1) for v in xy)
    expected = mutual_info_score(*(np.digitize(v, rising[1:-1]) for v, rising in zip(xy, edges, strict=True)))
    assert_allclose([binned(x, y, n), binned(x, y, edges)], expected, atol=1e-12)
    expected = mutual_info_score(*(np.floor(v / 0.7) for v in (x, y)))
    assert_allclose(binned(x, y, width=0.7), expected, atol=1e-12)


@pytest.mark.parametrize("n", [7, 500])
def test_samples_of_a_discrete_joint_give_the_information_of_their_counts(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.integers(0, 4, n)
    y = (x + rng.integers(0, 2, n)) % 4
    table = np.zeros((4, 4))
    np.add.at(table, (x, y), 1 / n)
    assert_allclose(binned(x, y, width=1), entropy.mutual_information(table), atol=1e-12)
    occupied = [(part > 0).sum() for part in (table, table.sum(axis=1), table.sum(axis=0))]
    correction = (occupied[0] - occupied[1] - occupied[2] + 1) / (2 * n)
    assert_allclose(binned(x, y, width=1) - miller_madow(x, y, width=1), correction, atol=1e-12)


@pytest.mark.parametrize(
    ("n", "bins", "independent", "corrected", "half"),
    [
        (200, 5, 0.045, 0.012, 0.385),
        (200, 10, 0.190, 0.085, 0.580),
        (200, 30, 1.075, 0.825, 1.245),
        (1000, 10, 0.036, 0.011, 0.467),
        (1000, 30, 0.294, 0.146, 0.678),
        (10000, 30, 0.032, 0.010, 0.509),
    ],
)
def test_the_bias_of_bins_and_what_miller_and_madow_take_of_it(
    n: int, bins: int, independent: float, corrected: float, half: float
) -> None:
    """means over 20 seeds; independent normal pairs, and pairs with half a nat"""
    nothing = [[v[:, 0] for v in gaussian(n, 1, 0.0, seed)] for seed in range(20)]
    something = [[v[:, 0] for v in gaussian(n, 1, 0.5, seed)] for seed in range(20)]
    assert abs(np.mean([binned(x, y, bins) for x, y in nothing]) - independent) < 0.015
    assert abs(np.mean([miller_madow(x, y, bins) for x, y in nothing]) - corrected) < 0.015
    assert abs(np.mean([binned(x, y, bins) for x, y in something]) - half) < 0.03


def test_many_samples_in_narrow_cells_approach_the_information_of_an_additive_channel() -> None:
    """Y = X + U(-e, e), X ~ U(0, 1): I = e - log 2e for e <= 1/2"""
    rng = np.random.default_rng(4)
    x = rng.random(400_000)
    y = x + rng.uniform(-0.1, 0.1, x.size)
    assert_allclose(miller_madow(x, y, width=0.01), 0.1 - math.log(0.2), atol=0.05)
    assert binned(x, y, width=0.1) < miller_madow(x, y, width=0.01)


# --- neighbours ----------------------------------------------------------------------------------------------------


def test_neighbours_by_hand() -> None:
    """three points on a line: the middle one has a neighbour at 1 in y, 2 in x"""
    x, y = [0.0, 2.0, 5.0], [0.0, 1.0, 5.0]
    psi = {1: -0.5772156649015329, 2: 0.42278433509846713, 3: 0.9227843350984671}
    # radii 2, 2, 4; others strictly nearer: x 0, 0, 1; y 1, 1, 0
    expected = psi[1] + psi[3] - (psi[1] + psi[1] + psi[2]) / 3 - (psi[2] + psi[2] + psi[1]) / 3
    assert_allclose(ksg(x, y, 1), expected)


def test_neighbours_agree_with_scikit_learn_which_rescales_and_adds_noise() -> None:
    for seed in range(3):
        x, y = (v / v.std() for v in gaussian(1000, 1, 1.0, seed))
        theirs = mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0]
        assert abs(ksg(x, y, 3) - theirs) < 2e-3


@pytest.mark.parametrize(
    ("d", "information", "n", "mean", "within"),
    [
        (1, 0.5, 1000, 0.50, 0.05),
        (1, 2.0, 5000, 2.01, 0.03),
        (1, 4.0, 1000, 3.94, 0.05),
        (1, 7.0, 5000, 6.58, 0.03),
        (5, 1.0, 1000, 0.71, 0.06),
        (5, 3.0, 1000, 2.01, 0.08),
        (20, 4.0, 1000, 0.77, 0.06),
    ],
)
def test_neighbours_are_good_in_one_dimension_and_low_in_many(
    d: int, information: float, n: int, mean: float, within: float
) -> None:
    found = np.mean([ksg(*gaussian(n, d, information, seed)) for seed in range(5)])
    assert abs(found - mean) < within


@FEW
@given(SEEDS, st.integers(1, 3), st.integers(1, 5))
def test_neighbours_do_not_see_shifts_reflections_common_scales_or_order(seed: int, d: int, k: int) -> None:
    """powers of two scale exactly"""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((40, d)).round(6), rng.standard_normal((40, 2)).round(6)
    order = rng.permutation(40)
    assert_allclose(ksg(-4 * x[order], 4 * y[order], k), ksg(x, y, k), atol=1e-12)
    assert_allclose(ksg(y, x, k), ksg(x, y, k), atol=1e-12)


def test_a_list_of_numbers_is_one_column() -> None:
    x, y = gaussian(100, 1, 1.0, 0)
    assert ksg(x[:, 0], y[:, 0]) == ksg(x, y)
    assert ksg(x, y) == ksg(x, y, k=3)


@pytest.mark.parametrize("noise", [0.1, 0.75])
def test_neighbours_find_the_information_of_an_additive_channel(noise: float) -> None:
    """Y = X + U(-e, e): e - log 2e for e <= 1/2, else 1/(4e)"""
    rng = np.random.default_rng(6)
    x = rng.random(20_000)
    exact = noise - math.log(2 * noise) if noise <= 0.5 else 1 / (4 * noise)
    assert abs(ksg(x, x + rng.uniform(-noise, noise, x.size)) - exact) < 0.03


# --- refusals ------------------------------------------------------------------------------------------------------

A = [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: binned([0, np.nan], [0, 1], 2), r"x\[1\] is nan"),
        (lambda: binned([0, 1], [0, np.inf], 2), r"y\[1\] is inf"),
        (lambda: binned(A, [0, 1], 2), r"x has shape \(3,\) and y \(2,\); they must be two lists of equally many"),
        (lambda: binned([A], [A], 2), r"x has shape \(1, 3\) and y \(1, 3\)"),
        (lambda: binned(A, A), "bins and width are both given or both missing"),
        (lambda: binned(A, A, 2, width=0.1), "bins and width are both given or both missing"),
        (lambda: binned(A, A, 0), "bins is 0; a number of cells is at least 1"),
        (lambda: binned(A, A, True), "bins is True; a number of cells"),
        (lambda: binned(A, A, (2, 2, 2)), "bins is a tuple of 3; it must be one entry for x and one for y"),
        (lambda: binned(A, A, (2, 0)), "bins is 0"),
        (lambda: binned(A, A, [0, 0, 3]), "bins is not a list of at least two rising edges"),
        (lambda: binned(A, A, [0.0]), "bins is not a list of at least two rising edges"),
        (lambda: binned(A, A, 2.5), "bins is not a list of at least two rising edges"),
        (lambda: binned(A, A, [0, np.nan]), r"bins\[1\] is nan"),
        (lambda: binned(A, A, [0, 1.5]), "x reaches from 0 to 2, beyond its edges 0 to 1.5; widen the edges or clip"),
        (lambda: binned(A, A, ([0, 2], [0.5, 2])), "y reaches from 0 to 2, beyond its edges 0.5 to 2"),
        (lambda: binned(A, A, width=0), "width is 0; it must be one number above zero"),
        (lambda: miller_madow([0, np.nan], [0, 1], 2), r"x\[1\] is nan"),
        (lambda: ksg(A, A, 3), "k is 3; it must be a whole number from 1 to 2, one less than the samples"),
        (lambda: ksg(A, A, 0), "k is 0; it must be a whole number"),
        (lambda: ksg(A, A, True), "k is True"),
        (lambda: ksg(A, A, 1.0), "k is 1.0"),
        (lambda: ksg(A, [0.0, 1.0], 1), "x has 3 samples but y has 2; pass pairs"),
        (lambda: ksg(np.zeros((2, 2, 2)), A, 1), r"x has shape \(2, 2, 2\); samples are rows"),
        (lambda: ksg([0, 1, np.nan], A, 1), r"x\[2\] is nan"),
        (lambda: ksg([0, 0, 0, 1], [0, 1, 2, 3], 1), "x repeats 2 of its 4 points; neighbours need continuous data"),
        (lambda: ksg(A, [[0, 1], [2, 1], [0, 1]], 1), "y repeats 1 of its 3 points"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


def test_columns_may_repeat_values_as_long_as_points_differ() -> None:
    x = np.array([[0.0, 1], [0, 2], [0, 4], [1, 3]])
    assert math.isfinite(ksg(x, [0.3, 1, 2, 5], 1))


# --- kernels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [None, 0.4])
def test_kernels_by_plain_loops(width: float | None) -> None:
    """leave-one-out densities of scaled points, each with its normalising factor"""
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((12, 2)) * [1, 50], rng.standard_normal((12, 1)) + 3
    w = width or 12 ** (-1 / 7)
    a, b = x / x.std(axis=0), y / y.std(axis=0)

    def density(z: Array, i: int) -> float:
        others = np.delete(z, i, axis=0)
        return float(stats.multivariate_normal(z[i], w**2 * np.eye(z.shape[1])).pdf(others).mean())

    logs = [math.log(density(np.hstack([a, b]), i) / (density(a, i) * density(b, i))) for i in range(12)]
    assert_allclose(kernel_density(x, y, width), np.mean(logs), rtol=1e-10)


def test_kernels_come_near_the_information_of_one_pair_and_not_of_many() -> None:
    assert kernel_density(*gaussian(2000, 1, 0.5, 0)) == pytest.approx(0.5, abs=0.1)
    assert kernel_density(*gaussian(500, 10, 2.0, 0)) < 1.6
    x, _ = gaussian(1000, 1, 0.5, 1)
    assert abs(kernel_density(x, np.roll(x, 1))) < 0.05


def test_far_points_do_not_underflow() -> None:
    x = np.array([0.0, 1e-3, 1.0, 1e6])
    assert math.isfinite(kernel_density(x, x[::-1].copy(), 1e-3))


def test_kernels_refuse_what_is_no_sample() -> None:
    with pytest.raises(BadInput, match="x has 3 samples but y has 2; pass pairs"):
        kernel_density([1, 2, 3], [1, 2])
    with pytest.raises(BadInput, match="y has a coordinate that never changes; leave it out"):
        kernel_density([[1.0], [2.0], [3.0]], [[1.0, 1.0], [2.0, 1.0], [5.0, 1.0]])
    with pytest.raises(BadInput, match="width is 0; it must be one number above zero"):
        kernel_density([1, 2, 3], [1, 2, 4], 0)
