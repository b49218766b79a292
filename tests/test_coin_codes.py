"""Coins: cells that cover, codes that satisfy Kraft's inequality, modes by search over fine cells, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW
from numpy.testing import assert_allclose
from scipy import optimize, special, stats

from itdl import coin_codes
from itdl.checks import Array, BadInput

NAMES = list(coin_codes.COORDINATES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_cells_cover_every_coin_once(name: str, count: int) -> None:
    edges, centres = coin_codes.cells(name, count)
    assert (edges[0], edges[-1], len(edges), len(centres)) == (0, 1, count + 1, count)
    assert (np.diff(edges) > 0).all()
    assert ((centres > edges[:-1]) & (centres < edges[1:])).all()
    assert_allclose(centres, 1 - centres[::-1], atol=1e-12)


def test_cells_by_hand() -> None:
    assert_allclose(coin_codes.cells("probability", 4)[0], [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(coin_codes.cells("probability", 2)[1], [0.25, 0.75])
    assert_allclose(coin_codes.cells("angle", 3)[0], [0, 0.25, 0.75, 1])
    edges, centres = coin_codes.cells("logit", 30)
    assert_allclose(special.logit(edges[1:-1]), np.arange(-14, 15), atol=1e-9)
    assert_allclose(special.logit(centres), np.arange(-14.5, 15), atol=1e-9)


def test_a_code_by_hand() -> None:
    """Four cells; two heads and a tail in the third: log 4 - 2 log 0.625 - log 0.375."""
    found = coin_codes.lengths(2, 1, *coin_codes.cells("probability", 4))
    assert_allclose(found[2], math.log(4) - 2 * math.log(0.625) - math.log(0.375), rtol=1e-12)
    assert found.shape == (4,)
    assert_allclose(coin_codes.lengths(0, 0, [0, 0.3, 1], [0.1, 0.9]), -np.log([0.3, 0.7]))


@LAW
@given(st.integers(0, 12), st.integers(0, 12), st.sampled_from(NAMES), st.integers(1, 25))
def test_no_cell_beats_the_mixture(heads: int, tails: int, name: str, count: int) -> None:
    """-log sum_cells P(cell) p(throws | centre) is below every two-part length, and sums to one over all throws."""
    edges, centres = coin_codes.cells(name, count)
    lengths = coin_codes.lengths(heads, tails, edges, centres)
    mixture = -special.logsumexp(-lengths)
    assert (lengths >= mixture - 1e-12).all()
    n = heads + tails
    total = sum(math.comb(n, k) * np.exp(-coin_codes.lengths(k, n - k, edges, centres)).sum() for k in range(n + 1))
    assert total == pytest.approx(1, abs=1e-9)


# The mode


def density(name: str, heads: int, tails: int) -> Callable[[float], float]:
    """Minus the log density of the coordinate: the beta density and the derivative of the coordinate, numerically."""
    theta = coin_codes.COORDINATES[name][0]

    def minus_log(u: float) -> float:
        ends = theta(np.array([u - 1e-5, u, u + 1e-5]))
        slope = (ends[2] - ends[0]) / 2e-5
        return float(-stats.beta(heads + 1, tails + 1).logpdf(ends[1]) - np.log(slope))

    return minus_log


@FEW
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(NAMES))
def test_the_mode_is_where_the_density_of_the_coordinate_is_largest(heads: int, tails: int, name: str) -> None:
    theta, low, high, _ = coin_codes.COORDINATES[name]
    low, high = max(low, -12) + 1e-3, min(high, 12) - 1e-3
    best = optimize.minimize_scalar(density(name, heads, tails), bounds=(low, high), method="bounded")
    found = float(theta(np.array([best.x]))[0])
    assert coin_codes.most_probable(heads, tails, name) == pytest.approx(found, abs=2e-3)


def test_eight_of_ten_by_hand() -> None:
    found = [coin_codes.most_probable(8, 2, name) for name in ("probability", "angle", "logit")]
    assert_allclose(found, [0.8, 8.5 / 11, 0.75], rtol=1e-15)
    assert coin_codes.most_probable(0, 0, "logit") == 0.5


@FEW
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(NAMES))
def test_fine_equal_cells_find_the_mode_of_their_coordinate(heads: int, tails: int, name: str) -> None:
    edges, centres = coin_codes.cells(name, 4000)
    best = int(coin_codes.lengths(heads, tails, edges, centres).argmin())
    width = edges[best + 1] - edges[best]
    assert abs(centres[best] - coin_codes.most_probable(heads, tails, name)) <= 2 * width


# Bad input

EDGES: Array = np.array([0, 0.5, 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: coin_codes.cells("odds", 3), "coordinate is 'odds'; known are probability, angle, logit"),
        (lambda: coin_codes.cells("angle", 0), "count is 0; it must be a whole number above zero"),
        (lambda: coin_codes.cells("angle", 2.5), "count is 2.5"),
        (lambda: coin_codes.lengths(-1, 2, EDGES, [0.2, 0.7]), "heads is -1; it must be one number zero or above"),
        (lambda: coin_codes.lengths(1, np.nan, EDGES, [0.2, 0.7]), "tails is nan"),
        (
            lambda: coin_codes.lengths(1, 2, EDGES, [0.2]),
            r"edges \(3,\) must rise from 0 to 1 and be one more than the 1",
        ),
        (lambda: coin_codes.lengths(1, 2, [0, 0, 1], [0, 0.7]), "must rise from 0 to 1"),
        (lambda: coin_codes.lengths(1, 2, [0.1, 0.5, 1], [0.2, 0.7]), "must rise from 0 to 1"),
        (lambda: coin_codes.lengths(1, 2, [0, 0.5, 0.9], [0.2, 0.7]), "must rise from 0 to 1"),
        (lambda: coin_codes.lengths(1, 2, EDGES, [0.6, 0.7]), "a centre lies outside its cell"),
        (lambda: coin_codes.lengths(1, 2, EDGES, [0.2, 0.3]), "a centre lies outside its cell"),
        (lambda: coin_codes.most_probable(1, 2, "odds"), "coordinate is 'odds'"),
        (lambda: coin_codes.most_probable(-1, 2, "logit"), "heads is -1"),
        (lambda: coin_codes.most_probable(0, 0, "probability"), "no throws: every probability is as likely"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
