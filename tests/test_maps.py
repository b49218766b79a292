"""Invertible maps: there and back, what they keep, and ranks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from laws import LAW, matrices
from numpy.testing import assert_allclose
from scipy import stats

from itdl import maps
from itdl.checks import Array, BadInput

ALL = [maps.IDENTITY, maps.CUBIC, maps.HALF_CUBE, maps.ASINH, maps.spiral(0.7), maps.spiral(-2)]
RISING = ALL[:4]


@LAW
@given(matrices(4, 3, bound=5))
def test_there_and_back(x: Array) -> None:
    """g(f(x)) = x and f(g(x)) = x"""
    for one in ALL:
        assert_allclose(one.inverse(one.forward(x)), x, atol=1e-12, rtol=1e-12)
        assert_allclose(one.forward(one.inverse(x)), x, atol=1e-11, rtol=1e-11)


@LAW
@given(matrices(6, 1, bound=5))
def test_coordinate_maps_keep_the_order(x: Array) -> None:
    """x < y: f(x) < f(y)"""
    rises = np.diff(np.unique(x[:, 0])) > 0
    for one in RISING:
        assert (np.diff(one.forward(np.unique(x[:, 0])[:, None])[:, 0])[rises] > 0).all()


@LAW
@given(matrices(5, 4, bound=3))
def test_a_spiral_keeps_lengths_and_the_other_coordinates(x: Array) -> None:
    """|f(x)| = |x|"""
    turned = maps.spiral(1.3).forward(x)
    assert_allclose((turned**2).sum(axis=1), (x**2).sum(axis=1), atol=1e-12)
    assert np.array_equal(turned[:, 2:], x[:, 2:])


def test_by_hand() -> None:
    assert maps.CUBIC.forward(np.array([-2.0, 3.0])).tolist() == [-8, 27]
    assert maps.HALF_CUBE.forward(np.array([-4.0, 9.0])).tolist() == [-8, 27]
    assert_allclose(maps.ASINH.forward(np.array([1.0])), np.log(1 + 2**0.5))
    assert_allclose(
        maps.spiral(np.pi / 2).forward(np.array([[1.0, 0.0], [0.0, 2**0.5]])), [[0, 1], [0, -(2**0.5)]], atol=1e-12
    )
    assert maps.IDENTITY.name == "none"
    assert maps.spiral(0.5).name == "spiral 0.5"


def test_the_angle_grows_with_the_square_of_the_whole_length() -> None:
    x = np.array([[1.0, 0.0, 2.0]])
    assert_allclose(maps.spiral(0.3).forward(x)[0, :2], [np.cos(1.5), np.sin(1.5)])


def test_maps_leave_their_input_alone() -> None:
    x = np.array([[1.0, 2.0]])
    for one in ALL:
        for f in (one.forward, one.inverse):
            f(x)
            assert x.tolist() == [[1.0, 2.0]]


@LAW
@given(matrices(7, 2, bound=5))
def test_normal_scores_are_blind_to_rising_maps(x: Array) -> None:
    """z(f(x)) = z(x), f rising"""
    for one in RISING:
        assert np.array_equal(maps.normal_scores(one.forward(x)), maps.normal_scores(x))


def test_normal_scores_by_hand() -> None:
    """rank r of n at the (r + 1/2)/n quantile; the mean is zero"""
    z = maps.normal_scores([[10.0], [13.0], [-3.0]])
    assert_allclose(z[:, 0], stats.norm.ppf([0.5, 5 / 6, 1 / 6]), atol=1e-12)
    tied = maps.normal_scores([[1.0, 2.0], [1.0, 1.0]])
    assert_allclose(tied, stats.norm.ppf([[0.25, 0.75], [0.75, 0.25]]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: maps.spiral(1).forward(np.ones((3, 1))),
            r"x has 1 coordinate, shape \(3, 1\); a spiral turns a plane",
        ),
        (lambda: maps.spiral(np.inf), "speed is inf"),
        (lambda: maps.normal_scores([1.0, 2.0]), r"x has shape \(2,\); it must be a matrix"),
        (lambda: maps.normal_scores(np.zeros((2, 2, 2))), r"x has shape \(2, 2, 2\); samples are rows: \(n, d\)"),
        (lambda: maps.normal_scores([[np.nan]]), r"x\[0, 0\] is nan"),
    ],
)
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
