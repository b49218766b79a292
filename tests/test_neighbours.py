"""Neighbours in the maximum norm: every count by plain loops, on numbers chosen so that rounding would tip it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from numpy.testing import assert_array_equal

from itdl.checks import Array
from itdl.neighbours import ball_counts


def by_loops(x: Array, y: Array, k: int) -> list[list[int]]:
    counts: list[list[int]] = [[], []]
    for i in range(len(x)):
        near_x = [max(abs(a - b) for a, b in zip(row, x[i], strict=True)) for row in x]
        near_y = [max(abs(a - b) for a, b in zip(row, y[i], strict=True)) for row in y]
        radius = sorted(max(pair) for j, pair in enumerate(zip(near_x, near_y, strict=True)) if j != i)[k - 1]
        for found, near in zip(counts, (near_x, near_y), strict=True):
            found.append(sum(d < radius for j, d in enumerate(near) if j != i))
    return counts


@st.composite
def samples(draw: st.DrawFn) -> tuple[Array, Array, int]:
    """Distinct points: general position, tenths (differences that should be equal and are not), powers of ten."""
    rng = np.random.default_rng(draw(SEEDS))
    n, d, e = draw(st.integers(2, 30)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["general", "tenths", "powers"]))

    def points(dims: int) -> Array:
        if kind == "general":
            return rng.standard_normal((n, dims))
        lattice = np.stack([rng.permutation(n) for _ in range(dims)], axis=1)
        return lattice / 10 if kind == "tenths" else 10.0 ** (lattice - n / 2)

    return points(d), points(e), draw(st.integers(1, n - 1))


@FEW
@given(samples())
def test_counts_are_those_of_plain_loops(sample: tuple[Array, Array, int]) -> None:
    x, y, k = sample
    assert_array_equal(ball_counts(x, y, k), by_loops(x, y, k))


@pytest.mark.parametrize(("d", "e"), [(1, 1), (1, 2), (5, 5)])
def test_the_order_of_samples_and_of_the_two_variables_does_not_matter(d: int, e: int) -> None:
    rng = np.random.default_rng(0)
    x, y, shuffled = rng.standard_normal((300, d)), rng.standard_normal((300, e)), rng.permutation(300)
    of_x, of_y = ball_counts(x, y, 4)
    assert_array_equal(ball_counts(y, x, 4), (of_y, of_x))
    assert_array_equal(ball_counts(x[shuffled], y[shuffled], 4), (of_x[shuffled], of_y[shuffled]))


def test_the_neighbour_on_the_edge_of_the_ball_is_not_inside() -> None:
    """0.1 + 0.2 > 0.3 in floats: x + radius lies beyond the point that made the radius"""
    x = np.array([[0.1], [0.3], [100.0]])
    y = np.array([[0.0], [0.05], [-100.0]])
    assert_array_equal(ball_counts(x, y, 1), [[0, 0, 2], [1, 1, 0]])


def test_one_dimension_agrees_with_the_same_points_on_a_line_in_the_plane() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_cauchy((500, 1)), rng.standard_normal((500, 1))
    flat = np.hstack([x, np.zeros_like(x)])
    assert_array_equal(ball_counts(x, y, 3), ball_counts(flat, y, 3))


def test_more_samples_than_one_block_holds() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((1500, 2)), rng.standard_normal((1500, 1))
    of_x, _ = ball_counts(x, y, 3)
    for i in (0, 173, 174, 175, 1499):
        near_x, near_y = np.abs(x - x[i]).max(axis=1), np.abs(y - y[i]).max(axis=1)
        assert of_x[i] == (near_x < np.sort(np.maximum(near_x, near_y))[3]).sum() - 1
