"""Cells and noise of deterministic layers: counted by hand and by dictionaries, mixtures integrated numerically."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from laws import LAW
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from itdl import entropy
from itdl.checks import Array, BadInput
from itdl.layer_information import (
    code_information,
    distinct_values,
    equal_cells,
    fixed_cells,
    noisy_information,
    range_cells,
)


def by_counting(rows: Array, y: Array) -> tuple[float, float, int]:
    """H(C), I(C;Y), number of codes, from dictionaries and the entropy of a joint table."""
    codes = [tuple(row) for row in rows.tolist()]
    table = np.zeros((len(set(codes)), len(set(y.tolist()))))
    names = {code: i for i, code in enumerate(dict.fromkeys(codes))}
    labels = {label: i for i, label in enumerate(dict.fromkeys(y.tolist()))}
    for code, label in zip(codes, y.tolist(), strict=True):
        table[names[code], labels[label]] += 1 / len(codes)
    return float(entropy.entropy(table.sum(axis=1))), entropy.mutual_information(table), len(names)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Array, Array]:
    """Cells of 3 models and their labels; ranges from a single cell to nearly all of 64 bits."""
    n, units = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    reach = draw(st.sampled_from([0, 1, 3, 1000, 2**40, 2**61]))
    elements = st.integers(-reach, reach)
    y = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 3)))
    return draw(hnp.arrays(np.int64, (3, n, units), elements=elements)), y


# --- cells ---------------------------------------------------------------------------------------------------------


def test_fixed_cells_take_inner_edges_upwards_and_the_outer_ones_inwards() -> None:
    h = [-1.0, -0.75, -0.5, -0.2, 0.0, 0.49, 0.5, 0.99, 1.0]
    assert_array_equal(fixed_cells(h, -1, 1, 4), [0, 0, 1, 1, 2, 2, 3, 3, 3])


def test_saturated_units_share_the_end_cells_with_their_neighbours() -> None:
    below_one = np.nextafter(1, 0)
    assert_array_equal(fixed_cells([-1, -below_one, below_one, 1], -1, 1, 30), [0, 0, 29, 29])


def test_fixed_cells_have_open_ends() -> None:
    assert_array_equal(fixed_cells([-1e300, -1.5, 1.5, 1e300], -1, 1, 30), [0, 0, 29, 29])


def test_every_edge_of_fixed_cells_begins_its_cell() -> None:
    edges = np.linspace(-1, 1, 31)
    assert_array_equal(fixed_cells(edges[:-1], -1, 1, 30), np.arange(30))
    assert_array_equal(fixed_cells(np.nextafter(edges[1:], -2), -1, 1, 30), np.arange(30))


def test_equal_cells_are_floors_and_split_at_zero() -> None:
    assert_array_equal(equal_cells([-1, -0.51, -0.5, -1e-9, 0, 0.49, 0.5, 1], 0.5), [-2, -2, -1, -1, 0, 0, 1, 2])


def test_range_cells_follow_each_model_and_close_at_its_largest_value() -> None:
    h = np.array([[[0.0, 1], [2, 4]], [[10, 10.9], [11, 14]]])
    assert_array_equal(range_cells(h, 4), [[[0, 1], [2, 3]], [[0, 0], [1, 3]]])


def test_a_dead_layer_falls_into_one_cell() -> None:
    assert_array_equal(range_cells(np.full((2, 3, 1), 7.0), 30), np.zeros((2, 3, 1)))


def test_range_cells_bear_the_widest_range() -> None:
    assert_array_equal(range_cells([[-1.7e308], [0.0], [1.7e308]], 2), [[0], [1], [1]])


def test_distinct_values_tell_neighbouring_floats_apart() -> None:
    h = np.array([[1.0, np.nextafter(1, 2)], [0.0, -0.0]])
    cells = distinct_values(h)
    assert cells.shape == h.shape
    assert cells[0, 0] != cells[0, 1]
    assert cells[1, 0] == cells[1, 1]


# --- codes ---------------------------------------------------------------------------------------------------------


def test_codes_by_hand() -> None:
    cells = np.array([[0, 1], [0, 1], [1, 0], [1, 1]])
    found = code_information(cells, [0, 0, 0, 1])
    assert_allclose(found.i_x, 1.5 * math.log(2))  # counts 2, 1, 1
    assert_allclose(found.i_y, math.log(4) - 0.75 * math.log(3))  # the code decides the label
    assert found.codes == 3


@LAW
@given(layers())
def test_codes_agree_with_dictionaries_whatever_their_range(layer: tuple[Array, Array]) -> None:
    cells, y = layer
    found = code_information(cells, y)
    for i, rows in enumerate(cells):
        i_x, i_y, codes = by_counting(rows, y)
        assert_allclose([found.i_x[i], found.i_y[i]], [i_x, i_y], atol=1e-12)
        assert found.codes[i] == codes


@LAW
@given(layers())
def test_information_of_codes_obeys_its_bounds(layer: tuple[Array, Array]) -> None:
    """0 <= I(C;Y) <= min(H(C), H(Y)), H(C) <= log N"""
    cells, y = layer
    found = code_information(cells, y)
    h_y = float(entropy.entropy(np.unique(y, return_counts=True)[1] / len(y)))
    assert (found.i_y >= -1e-12).all()
    assert (found.i_y <= np.minimum(found.i_x, h_y) + 1e-12).all()
    assert (found.i_x <= math.log(len(y)) + 1e-12).all()


@LAW
@given(layers())
def test_merging_cells_loses_information(layer: tuple[Array, Array]) -> None:
    """H(f(C)) <= H(C) and I(f(C);Y) <= I(C;Y)"""
    cells, y = layer
    fine, coarse = code_information(cells, y), code_information(cells // 2, y)
    assert (coarse.i_x <= fine.i_x + 1e-12).all()
    assert (coarse.i_y <= fine.i_y + 1e-12).all()


def test_leading_axes_are_models_and_come_back() -> None:
    cells = np.random.default_rng(0).integers(0, 3, (4, 5, 20, 2))
    y = np.arange(20) % 3
    found = code_information(cells, y)
    assert found.i_x.shape == found.i_y.shape == found.codes.shape == (4, 5)
    one = code_information(cells[2, 3], y)
    assert one.i_x.shape == ()
    assert (found.i_x[2, 3], found.i_y[2, 3], found.codes[2, 3]) == (one.i_x, one.i_y, one.codes)


def test_many_wide_units_are_renumbered_and_still_compared_exactly() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 10**6, (300, 12))[rng.integers(0, 300, 4096)]
    shifted = rows.copy()
    shifted[0, -1] += 1
    y = rng.integers(0, 2, 4096)
    found = code_information(np.stack([rows, shifted]), y)
    for i, model in enumerate((rows, shifted)):
        expected = by_counting(model, y)
        assert_allclose([found.i_x[i], found.i_y[i]], expected[:2], atol=1e-12)
        assert found.codes[i] == expected[2]


WRAPPING = {
    # Each base a power of two: a product that wrapped around would drop the first column without a trace.
    "three columns": [[0, 0, 0], [1, 0, 0], [2**32 - 1, 2**32 - 1, 2**32 - 1]],
    "one wide column": [*([i, 0] for i in range(8)), [0, 2**62 - 1]],
}


@pytest.mark.parametrize("case", WRAPPING)
def test_no_number_of_a_row_wraps_around(case: str) -> None:
    cells = np.array(WRAPPING[case])
    n = len(cells)
    for labels in ([0] * n, list(range(n))):
        i_x, i_y, codes = by_counting(cells, np.array(labels))
        found = code_information(cells, labels)
        assert_allclose([found.i_x, found.i_y], [i_x, i_y], atol=1e-12)
        assert found.codes == codes == n


def test_many_classes_leave_room_for_the_codes() -> None:
    """codes below 2^62, eight labels: two rows of one label, 2^61 apart"""
    cells = np.array([[0, 0], [2**30, 0], *([2**31 - 1, 2**31 - 1 - i] for i in range(7))])
    labels = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])
    found = code_information(cells, labels)
    assert found.codes == 9
    assert_allclose([found.i_x, found.i_y], by_counting(cells, labels)[:2], atol=1e-12)


def test_labels_may_be_any_names() -> None:
    cells = [[0], [0], [1], [2]]
    number = code_information(cells, [5, -1, -1, 5])
    name = code_information(cells, ["b", "a", "a", "b"])
    assert_allclose(number.i_y, name.i_y)
    assert_allclose(number.i_y, math.log(2) - 0.5 * math.log(2))


def test_without_binning_a_layer_that_separates_all_inputs_tells_all() -> None:
    h = np.random.default_rng(2).standard_normal((4096, 3))
    found = code_information(distinct_values(h), np.arange(4096) % 2)
    assert_allclose([found.i_x, found.i_y], [math.log(4096), math.log(2)])
    assert found.codes == 4096


# --- noise ---------------------------------------------------------------------------------------------------------


def mixture_information(h: Array, noise_var: float) -> float:
    """I(X;T) for scalar T = h + noise by quadrature: entropy of the mixture minus that of the noise."""
    scale = math.sqrt(noise_var)

    def integrand(t: float) -> float:
        p = stats.norm.pdf(t, h, scale).mean()
        return float(-p * np.log(p)) if p > 0 else 0.0

    points = np.unique(np.concatenate([h, h - 9 * scale, h + 9 * scale]))
    total = sum(integrate.quad(integrand, a, b, epsabs=1e-11)[0] for a, b in pairwise(points))
    return total - float(stats.norm.entropy(scale=scale))


@pytest.mark.parametrize("noise_var", [1e-3, 0.1, 0.5, 3.0])
def test_a_mixture_in_one_dimension_lies_between_its_bounds(noise_var: float) -> None:
    h = np.array([-1.1, -1.0, -0.2, 0.0, 0.05, 0.7, 1.9])
    exact = mixture_information(h, noise_var)
    found = noisy_information(h[:, None], [0] * 7, noise_var)
    assert found.lower - 1e-9 <= exact <= found.upper + 1e-9
    assert found.lower < found.upper
    assert found.upper - found.lower < 0.55


def test_two_points_by_hand() -> None:
    """|a - b|^2 = 4, s2 = 0.5: exponents 1 for Bhattacharyya (8 s2), 4 for Kullback-Leibler (2 s2)"""
    found = noisy_information([[0.0, 1.0], [2.0, 1.0]], [0, 1], 0.5)
    assert_allclose(found.lower, -math.log((1 + math.exp(-1)) / 2))
    assert_allclose(found.upper, -math.log((1 + math.exp(-4)) / 2))
    assert_allclose(found.i_y, found.upper)


@pytest.mark.parametrize("n", [5, 256, 257, 700])
def test_blocks_of_pairs_give_what_all_pairs_give(n: int) -> None:
    rng = np.random.default_rng(n)
    h, y = rng.standard_normal((n, 3)) * [3, 1, 0.2] + 5, rng.integers(0, 3, n)
    distance = ((h[:, None] - h) ** 2).sum(axis=-1)

    def bound(chosen: Array, c: float) -> float:
        kernel = np.exp(-distance[np.ix_(chosen, chosen)] / (c * 0.3))
        return float(-np.log(kernel.mean(axis=1)).mean())

    everyone = np.arange(n)
    within = sum((y == k).mean() * bound(everyone[y == k], 2) for k in set(y.tolist()))
    found = noisy_information(h, y, 0.3)
    assert_allclose([found.lower, found.upper], [bound(everyone, 8), bound(everyone, 2)], rtol=1e-12)
    assert_allclose(found.i_y, bound(everyone, 2) - within, rtol=1e-10)


@LAW
@given(
    hnp.arrays(float, (2, 6, 2), elements=st.floats(-3, 3).map(lambda v: round(v, 3))), st.floats(1e-4, 100), st.data()
)
def test_noisy_information_obeys_its_bounds(h: Array, noise_var: float, data: st.DataObject) -> None:
    """0 <= lower <= upper <= log N; moving or turning the layer changes nothing"""
    y = data.draw(hnp.arrays(np.int64, 6, elements=st.integers(0, 2)))
    found = noisy_information(h, y, noise_var)
    assert (found.lower >= -1e-12).all()
    assert (found.lower <= found.upper + 1e-12).all()
    assert (found.upper <= math.log(6) + 1e-12).all()
    moved = noisy_information(h @ np.array([[0.6, -0.8], [0.8, 0.6]]) + [20, -7], y, noise_var)
    for a, b in zip(vars(found).values(), vars(moved).values(), strict=True):
        assert_allclose(a, b, atol=1e-6)


def test_little_noise_tells_distinct_outputs_apart_and_much_noise_hides_all() -> None:
    h = np.array([[0.0], [0.0], [1.0], [2.0]])
    quiet, loud = (noisy_information(h, [0, 0, 1, 1], noise_var) for noise_var in (1e-9, 1e9))
    assert_allclose([quiet.lower, quiet.upper], 1.5 * math.log(2))  # two inputs share an output
    assert_allclose(quiet.i_y, math.log(2))
    assert_allclose([loud.lower, loud.upper, loud.i_y], 0, atol=1e-8)


def test_points_far_apart_beside_the_noise_neither_overflow_nor_count() -> None:
    found = noisy_information(np.array([[0.0], [1e5], [-1e5]]), [0, 1, 1], 1e-3)
    assert_allclose([found.lower, found.upper], math.log(3))


def test_models_are_treated_one_by_one() -> None:
    h = np.random.default_rng(3).standard_normal((2, 3, 10, 2))
    y = np.arange(10) % 2
    found, one = noisy_information(h, y, 0.2), noisy_information(h[1, 2], y, 0.2)
    assert found.upper.shape == (2, 3)
    assert one.upper.shape == ()
    assert (found.lower[1, 2], found.upper[1, 2], found.i_y[1, 2]) == (one.lower, one.upper, one.i_y)


# --- refusals ------------------------------------------------------------------------------------------------------

H = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fixed_cells([0, np.nan], -1, 1, 3), r"h\[1\] is nan"),
        (lambda: fixed_cells(H, 1, 1, 3), "low is 1 and high is 1; edges must rise"),
        (lambda: fixed_cells(H, -np.inf, 1, 3), r"low and high\[0\] is -inf"),
        (lambda: fixed_cells(H, -1, 1, 0), "n is 0; the number of cells is a whole number, at least 1"),
        (lambda: fixed_cells(H, -1, 1, 2.0), "n is 2.0; the number of cells is a whole number"),
        (lambda: fixed_cells(H, -1, 1, True), "n is True; the number of cells"),
        (lambda: range_cells(H, -3), "n is -3; the number of cells"),
        (lambda: range_cells([1.0, 2], 3), r"h has shape \(2,\); it must be a matrix"),
        (lambda: range_cells([[np.inf]], 3), r"h\[0, 0\] is inf"),
        (lambda: equal_cells(H, 0), "width is 0; it must be one number above zero"),
        (lambda: equal_cells([np.nan], 1), r"h\[0\] is nan"),
        (lambda: equal_cells([1e10], 1e-9), "width is 1e-09, too small for activations as large as these"),
        (lambda: distinct_values([np.nan]), r"h\[0\] is nan"),
        (lambda: code_information(H, [0, 0, 1]), "cells has dtype float64; it must hold whole numbers: bin"),
        (lambda: code_information([1, 2], [0, 1]), r"cells has shape \(2,\); it must be \(..., inputs, units\)"),
        (lambda: code_information(np.zeros((3, 0), int), [0, 0, 1]), r"cells has shape \(3, 0\)"),
        (lambda: code_information(H.astype(int), [0, 1]), r"y has shape \(2,\); it must hold one label for each of"),
        (lambda: code_information(H.astype(int), [[0], [1], [1]]), r"y has shape \(3, 1\)"),
        (lambda: code_information(H.astype(int), [0, np.nan, 1]), r"y\[1\] is nan"),
        (lambda: noisy_information(H, [0, 0, 1], 0), "noise_var is 0; it must be one number above zero"),
        (lambda: noisy_information(H, [0, 0, 1], np.nan), "noise_var is nan"),
        (lambda: noisy_information([[np.nan]], [0], 1), r"h\[0, 0\] is nan"),
        (lambda: noisy_information(H, [0, 1], 1), r"y has shape \(2,\); it must hold one label for each of the 3"),
    ],
)
def test_bad_input_is_refused_by_name(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
