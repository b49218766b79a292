"""Neighbours in the maximum norm: every count by all pairs, on numbers chosen so that rounding would tip it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from numpy.testing import assert_array_equal

from itdl import neighbours
from itdl.checks import Array
from itdl.neighbours import ball_counts


def by_pairs(x: Array, y: Array, k: int) -> list[Array]:
    """All differences, nothing else."""
    near_x, near_y = (np.abs(v[:, None] - v).max(axis=2) for v in (x, y))
    radius = np.sort(np.maximum(near_x, near_y), axis=1)[:, k, None]
    return [(near < radius).sum(axis=1) - 1 for near in (near_x, near_y)]


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
@given(samples(), st.sampled_from([1, 3, 256]), st.sampled_from([2, 64]))
def test_counts_are_those_of_all_pairs(sample: tuple[Array, Array, int], cuts: int, leaf: int) -> None:
    """few cuts leave several points between two; small leaves give loose bounds"""
    x, y, k = sample
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "CUTS", cuts)
        patch.setattr(neighbours, "LEAF", leaf)
        assert_array_equal(ball_counts(x, y, k), by_pairs(x, y, k))


CLOUDS: dict[str, Callable[[np.random.Generator], tuple[Array, Array]]] = {
    "normal": lambda rng: (rng.standard_normal((1500, 4)), rng.standard_normal((1500, 2))),
    "heavy tails": lambda rng: (rng.standard_cauchy((1500, 2)), rng.standard_cauchy((1500, 3)) ** 3),
    "one scalar": lambda rng: (rng.standard_normal((1500, 1)), rng.standard_normal((1500, 3))),
    "scalars": lambda rng: (rng.standard_cauchy((1500, 1)), rng.standard_normal((1500, 1))),
    "very unequal scales": lambda rng: (1e-9 * rng.standard_normal((800, 2)), 1e9 + rng.standard_normal((800, 2))),
    "dependent": lambda rng: (v := rng.standard_normal((1500, 3)), v + 1e-6 * rng.standard_normal((1500, 3))),
    "crowded, high dimension": lambda rng: (rng.random((700, 30)), rng.random((700, 30))),
    "few values a column": lambda rng: (
        np.argwhere(np.ones((6, 6, 6, 6))) / 10,
        rng.permutation(np.argwhere(np.ones((6, 6, 6, 6)))) / 7,
    ),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("k", [1, 5])
def test_counts_of_many_points_are_those_of_all_pairs(cloud: str, k: int) -> None:
    x, y = CLOUDS[cloud](np.random.default_rng(4))
    assert_array_equal(ball_counts(x, y, k), by_pairs(x, y, k))


def test_where_half_of_the_points_are_near_all_distances_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = CLOUDS["normal"](np.random.default_rng(5))
    expected = ball_counts(x, y, 3)
    monkeypatch.setattr(neighbours, "CROWDED", 10**9)
    assert_array_equal(ball_counts(x, y, 3), expected)
    monkeypatch.setattr(neighbours, "CROWDED", 0)
    assert_array_equal(ball_counts(x, y, 3), expected)


def test_batches_hold_every_point_once_and_no_more_pairs_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 10 * 700)
    slabs = neighbours._Slabs(np.random.default_rng(6).random((700, 2)))
    batches = list(slabs.batches(np.linspace(0, 1, 700)))
    assert_array_equal(np.sort(np.concatenate(batches)), np.arange(700))
    assert max(map(len, batches)) == 10


@pytest.mark.parametrize("n", [4, 63, 64, 65, 1000])
def test_a_bound_is_never_below_the_distance_to_the_neighbour(n: int) -> None:
    z = np.random.default_rng(n).standard_normal((n, 3))
    distance = np.sort(np.abs(z[:, None] - z).max(axis=2), axis=1)[:, 3]
    bound = neighbours._bounds(z, 3)
    assert (bound >= distance).all()
    assert np.median(bound / distance) < 2


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
