"""Laws of the loss: the three forms by hand, the best allocation by search, parabolas against least squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW
from numpy.testing import assert_allclose
from scipy import optimize

from itdl.checks import BadInput
from itdl.scaling.power_laws import Law, compute_optimal, isoflop_optimum, parabola

PRINTED = Law(e=1.69, a=406.4, b=410.7, alpha=0.34, beta=0.28)
LAWS = st.builds(
    Law,
    e=st.floats(0, 3),
    a=st.floats(1, 1e3),
    b=st.floats(1, 1e4),
    alpha=st.floats(0.1, 1),
    beta=st.floats(0.1, 1),
    coupling=st.floats(0.1, 2),
)


def test_the_additive_form_by_hand() -> None:
    law = Law(e=1.5, a=8, b=30, alpha=0.5, beta=1.0)
    assert_allclose(law.loss([4, 16], [10, 100]), [1.5 + 4 + 3, 1.5 + 2 + 0.3])
    assert_allclose(law.excess([[4], [16]], [10, 100]), [[7, 4.3], [5, 2.3]])


def test_the_coupled_form_is_the_one_of_kaplan() -> None:
    """L = [(N_c/N)^(alpha/beta) + D_c/D]^beta, with its published constants."""
    n, d = np.array([1e6, 1e8, 1e9]), np.array([1e8, 2e9, 2e10])
    n_c, d_c, alpha, beta = 6.4e13, 1.8e13, 0.076, 0.103
    expected = ((n_c / n) ** (alpha / beta) + d_c / d) ** beta
    assert_allclose(Law(0.0, n_c**alpha, d_c**beta, alpha, beta, coupling=beta).loss(n, d), expected, rtol=1e-12)


def test_without_coupling_only_the_larger_term_is_left() -> None:
    law = Law(0.0, 8, 30, 0.5, 1.0, coupling=1e-4)
    assert_allclose(law.excess([4, 64], [10, 10]), [4, 3], rtol=1e-3)


@LAW
@given(LAWS, st.floats(15, 24))
def test_no_other_split_of_the_budget_is_better(law: Law, magnitude: float) -> None:
    best = compute_optimal(law, 10**magnitude)
    assert_allclose(best.n_params * best.n_tokens * 6, 10**magnitude, rtol=1e-9)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert law.excess(best.n_params * factor, best.n_tokens / factor) >= law.excess(
            best.n_params, best.n_tokens
        ) * (1 - 1e-12)


def test_the_split_against_a_search() -> None:
    for law in (PRINTED, Law(1.8, 400, 3000, 0.3, 0.45, coupling=0.5)):
        found = optimize.minimize_scalar(
            lambda x, law=law: float(law.loss(np.exp(x), 1e20 / 4 / np.exp(x))),
            bounds=(5, 40),
            method="bounded",
            options={"xatol": 1e-10},
        )
        best = compute_optimal(law, 1e20, flops=4)
        assert_allclose(np.log(best.n_params), found.x, rtol=1e-5)
        assert_allclose(best.loss, found.fun, rtol=1e-12)


def test_the_published_ratio_of_tokens_to_parameters() -> None:
    best = compute_optimal(PRINTED, 5.76e23)
    assert_allclose(best.n_tokens / best.n_params, 92.6, atol=0.05)
    assert_allclose([best.exponent_n, best.exponent_d, best.exponent_loss], [0.4516, 0.5484, 0.1535], atol=5e-5)


@LAW
@given(LAWS)
def test_the_exponents_are_slopes(law: Law) -> None:
    best = compute_optimal(law, [1e18, 1e20])
    slopes = [np.log(x[1] / x[0]) / np.log(100) for x in (best.n_params, best.n_tokens, best.loss - law.e)]
    assert_allclose(slopes, [best.exponent_n, best.exponent_d, -best.exponent_loss], atol=1e-6)


def test_a_parabola_is_found_exactly_and_a_fit_is_least_squares() -> None:
    x = np.array([[1.0, 2, 4, 5], [0, 1, 2, 3]])
    vertex, height = parabola(x, 3 * (x - 2.5) ** 2 + 1)
    assert_allclose(vertex, [2.5, 2.5])
    assert_allclose(height, [1, 1], atol=1e-10)
    y = np.random.default_rng(0).standard_normal(4) + 5 * x[0] ** 2
    c2, c1, c0 = np.polyfit(x[0], y, 2)
    assert_allclose(parabola(x[0], y), [-c1 / (2 * c2), c0 - c1**2 / (4 * c2)], rtol=1e-9)


def test_narrow_parabolas_find_the_optimum_and_wide_ones_miss_it_to_the_side_of_the_larger_exponent() -> None:
    compute = np.geomspace(6e18, 3e21, 9)
    narrow, wide = (np.geomspace(1 / w, w, 9) for w in (1.02, 64))
    for law, side in ((PRINTED, 1), (Law(1.8, 400, 3000, 0.3, 0.45), -1)):
        true = compute_optimal(law, compute).n_params
        assert_allclose(isoflop_optimum(law, compute, narrow), true, rtol=1e-3)
        assert ((isoflop_optimum(law, compute, wide) - true) * side > 0.1 * true).all()
    even = Law(1.8, 400, 3000, 0.4, 0.4)
    assert_allclose(isoflop_optimum(even, compute, wide), compute_optimal(even, compute).n_params, rtol=1e-9)


def test_the_published_bias_of_the_parabolas() -> None:
    compute = np.geomspace(6e18, 3e21, 9)
    bias = [
        np.median(
            isoflop_optimum(PRINTED, compute, np.geomspace(1 / w, w, 9)) / compute_optimal(PRINTED, compute).n_params
        )
        for w in (2, 16)
    ]
    assert_allclose(bias, [1.004, 1.058], atol=6e-4)


def test_shared_sizes_are_numbers_of_parameters() -> None:
    sizes = np.geomspace(1e8, 1e10, 7)
    found = isoflop_optimum(PRINTED, [1e20], sizes, relative=False, flops=5)
    own = parabola(np.log(sizes), PRINTED.loss(sizes, 1e20 / 5 / sizes))[0]
    assert_allclose(found, np.exp(own), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Law(-1, 1, 1, 1, 1), "e is -1; it must be one number zero or above"),
        (lambda: Law(1, 0, 1, 1, 1), "a is 0; it must be one number above zero"),
        (lambda: Law(1, 1, np.nan, 1, 1), "b is nan"),
        (lambda: Law(1, 1, 1, np.inf, 1), "alpha is inf"),
        (lambda: Law(1, 1, 1, 1, np.nan), "beta is nan"),
        (lambda: Law(1, 1, 1, 1, 1, coupling=0), "coupling is 0"),
        (lambda: PRINTED.loss([1, 0], 1), "n_params reaches down to 0; only numbers above zero"),
        (lambda: PRINTED.loss(1, -1), "n_tokens reaches down to -1"),
        (lambda: PRINTED.loss(np.nan, 1), "n_params is nan"),
        (lambda: compute_optimal(PRINTED, 0.0), "compute reaches down to 0"),
        (lambda: compute_optimal(PRINTED, 1.0, flops=0), "flops is 0"),
        (
            lambda: compute_optimal(Law(1, 1, 1, -0.1, 1), 1.0),
            "alpha and beta are -0.1 and 1; only with both above zero",
        ),
        (lambda: parabola([1, 2], [1, 2]), "a parabola needs three points or more per row"),
        (lambda: parabola([[1, 2, 3]] * 2, [[1, 2, 1], [1, 0, 1]]), "1 of 2 parabolas have no minimum"),
        (lambda: isoflop_optimum(PRINTED, 1e20, [1, 0, 2]), "sizes reaches down to 0"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=words):
        call()
