"""Gatekeepers: what passes comes out as a fresh float64 array, what does not is named in one sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from laws import LAW, covariances, distributions
from numpy.testing import assert_allclose, assert_array_equal

from itdl import checks
from itdl.checks import Array, BadInput

GOOD = [
    [1, 2],
    (1.0, 2.0),
    np.array([1, 2], dtype=np.int8),
    np.array([1, 2], dtype=np.float32),
    np.array([[1, 0], [2, 0]])[:, 0],
    torch.tensor([1.0, 2.0], requires_grad=True),
]


@pytest.mark.parametrize("x", GOOD, ids=lambda x: type(x).__name__)
def test_every_numeric_form_becomes_one_float64_array(x: object) -> None:
    out = checks.finite("x", x)
    assert out.dtype == np.float64
    assert_array_equal(out, [1, 2])


@pytest.mark.parametrize("gate", [checks.finite, checks.times])
def test_what_comes_out_is_a_copy(gate: Callable[..., Any]) -> None:
    x = np.array([0.25, 0.75])
    gate("x", x)[0] = 9
    assert_array_equal(x, [0.25, 0.75])


def test_booleans_count_as_zero_and_one() -> None:
    assert_array_equal(checks.finite("x", [True, False]), [1, 0])


def test_a_number_stays_a_number_and_shapes_are_kept() -> None:
    assert checks.finite("x", 3).shape == ()
    assert checks.matrix("x", np.ones((2, 3, 4)), columns=4).shape == (2, 3, 4)


def test_positive_returns_a_plain_float() -> None:
    assert checks.positive("s", np.float32(0.5)) == 0.5
    assert type(checks.positive("s", np.array(2))) is float
    assert checks.positive("s", 0, zero=True) == 0


def test_times_allow_zero_and_infinity_and_one_alone() -> None:
    assert_array_equal(checks.times("t", [0, 0.5, np.inf]), [0, 0.5, np.inf])
    assert_array_equal(checks.times("t", 3), [3])


def test_a_simplex_may_lie_along_any_axis() -> None:
    p = np.array([[0.2, 0.9], [0.8, 0.1]])
    assert_array_equal(checks.simplex("p", p, axis=0), p)
    assert_array_equal(checks.simplex("p", p / 2, axis=None), p / 2)
    with pytest.raises(BadInput, match=r"p sums to 1 only within 0\.1"):
        checks.simplex("p", p)


def test_the_allowed_gap_of_a_simplex_is_its_tolerance() -> None:
    p = [0.5, 0.5 + 5e-10]
    assert_array_equal(checks.simplex("p", p), p)
    with pytest.raises(BadInput, match=r"within 5e-10 \(allowed 1e-10\)"):
        checks.simplex("p", p, tol=1e-10)
    with pytest.raises(BadInput, match="within 2e-09"):
        checks.simplex("p", [0.5, 0.5 - 2e-9])


@LAW
@given(distributions())
def test_a_distribution_passes_unchanged(p: Array) -> None:
    assert_array_equal(checks.simplex("p", p), p)


@LAW
@given(covariances())
def test_spd_returns_the_lower_factor(a: Array) -> None:
    factor = checks.spd("a", a)
    assert_array_equal(factor, np.tril(factor))
    assert_allclose(factor @ factor.T, a, atol=1e-12 * np.abs(a).max())


def test_spd_forgives_rounding_of_the_symmetry_but_no_more() -> None:
    a = np.array([[200.0, 1.0], [1.0 + 1e-8, 100.0]])  # skew 1e-8 of 200: within 1e-10 relative
    assert_allclose(checks.spd("a", a)[0, 0] ** 2, 200)
    with pytest.raises(BadInput, match=r"a is not symmetric: \|A - A\^T\| reaches 0\.5"):
        checks.spd("a", a + np.array([[0, 0], [0.5, 0]]))


BAD = [
    (checks.finite, [], r"x is empty, shape \(0,\); it needs at least one entry"),
    (checks.finite, np.ones((0, 3)), r"x is empty, shape \(0, 3\)"),
    (checks.finite, [1, np.nan, np.inf], r"x\[1\] is nan; 2 of 3 entries are not finite; remove or mend"),
    (checks.finite, [[1, 2], [-np.inf, 4]], r"x\[1, 0\] is -inf; 1 of 4"),
    (checks.finite, np.nan, r"x is nan; 1 of 1 entries"),
    (checks.finite, None, r"x is nan"),
    (checks.finite, [[1], [2, 3]], r"x is not an array of numbers .*pass a rectangular numeric array"),
    (checks.finite, "abc", r"x is not an array of numbers .*could not convert string"),
    (checks.finite, {"a": 1}, r"x is not an array of numbers"),
    (checks.finite, np.array([1 + 2j]), r"x is not an array of numbers \(it is complex\)"),
    (checks.matrix, [1, 2], r"x has shape \(2,\); it must be a matrix \(rows, columns\)"),
    (checks.matrix, 7, r"x has shape \(\); it must be a matrix"),
    (checks.matrix, [[np.nan]], r"x\[0, 0\] is nan"),
    (checks.positive, 0, r"x is 0; it must be one number above zero"),
    (checks.positive, -1e-300, r"x is -1e-300; it must be one number above zero"),
    (checks.positive, [1.0], r"x is \[1\.0\]; it must be one number"),
    (checks.positive, np.nan, r"x is nan"),
    (checks.positive, np.inf, r"x is inf"),
    (checks.positive, "one", r"x is not an array of numbers"),
    (checks.times, -0.5, r"x\[0\] is -0\.5; training times lie in \[0, inf\]"),
    (checks.times, [1, np.nan], r"x\[1\] is nan; training times"),
    (checks.times, [], r"x has shape \(0,\); it must be one time or a list of times"),
    (checks.times, [[1.0]], r"x has shape \(1, 1\)"),
    (checks.times, "soon", r"x is not an array of numbers"),
    (checks.times, [[1], [2, 3]], r"x is not an array of numbers"),
    (checks.simplex, [1.1, -0.1], r"x\[1\] is -0\.1; probabilities cannot be negative"),
    (checks.simplex, [[0.5, 0.5], [-1e-12, 1]], r"x\[1, 0\] is -1e-12"),
    (checks.simplex, [0.5, 0.6], r"x sums to 1 only within 0\.1 \(allowed 1e-09\); divide it by its sum first"),
    (checks.simplex, [[0.5, 0.5], [0.2, 0.2]], r"x sums to 1 only within 0\.6"),
    (checks.simplex, [0, 0], r"x sums to 1 only within 1 "),
    (checks.simplex, 1.0, r"x is the single number 1\.0; a distribution is a list"),
    (checks.simplex, [np.nan, 1], r"x\[0\] is nan"),
    (checks.spd, [1.0], r"x has shape \(1,\)"),
    (checks.spd, np.ones((2, 3)), r"x has shape \(2, 3\); it must be square"),
    (checks.spd, np.ones((2, 2, 2)), r"x has shape \(2, 2, 2\); it must be square"),
    (checks.spd, [[1, 2], [2, 1]], r"x is not positive definite: smallest eigenvalue -1; add jitter"),
    (checks.spd, np.zeros((2, 2)), r"x is not positive definite: smallest eigenvalue 0"),
    (checks.spd, [[1, np.nan], [np.nan, 1]], r"x\[0, 1\] is nan"),
]


@pytest.mark.parametrize(("gate", "value", "words"), BAD)
def test_bad_input_is_named_in_one_sentence(gate: Callable[..., Any], value: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        gate("x", value)


def test_a_matrix_of_the_wrong_width_says_both_widths() -> None:
    with pytest.raises(BadInput, match=r"x has 3 columns, shape \(2, 3\); it must have 4"):
        checks.matrix("x", np.ones((2, 3)), columns=4)


def test_zero_is_allowed_only_on_request() -> None:
    with pytest.raises(BadInput, match=r"s is -1; it must be one number zero or above"):
        checks.positive("s", -1, zero=True)


def test_bad_input_is_a_value_error_and_broken_data_is_not() -> None:
    assert issubclass(BadInput, ValueError)
    assert not issubclass(checks.DataError, ValueError)
