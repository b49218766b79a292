"""Sample bounds: small score matrices by hand, the ceiling log N, and a Gaussian channel of known information."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from laws import LAW, matrices
from numpy.testing import assert_allclose
from scipy import stats

from itdl.checks import Array, BadInput
from itdl.estimators import info_nce, leave_one_out

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


@pytest.mark.parametrize("bound", [info_nce, leave_one_out])
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
