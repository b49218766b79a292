"""Codes for labels: rates by another quadrature, the threshold by hand, solutions at each other's beta, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW
from numpy.testing import assert_allclose
from scipy import integrate, stats

from itdl import label_codes, weights
from itdl.checks import BadInput


@pytest.mark.parametrize(
    ("ratio", "kl", "loss", "rate"),
    [(0.5, 0.11157, 0.58173, 0.99865), (1, 0.34657, 0.35632, 0.97189), (2, 0.80472, 0.06043, 0.78626)],
)
def test_the_exchange_rate_of_a_label_in_its_own_weight(ratio: float, kl: float, loss: float, rate: float) -> None:
    found, nats = label_codes.one_hot_code(ratio)
    assert_allclose([nats, found, (math.log(2) - found) / nats], [kl, loss, rate], atol=1e-5)


def test_the_rate_tends_to_one_and_never_reaches_it() -> None:
    rates = [(math.log(2) - loss) / kl for loss, kl in map(label_codes.one_hot_code, (2.0, 0.5, 0.1, 0.03))]
    assert (np.diff(rates) > 0).all()
    assert 1 - 1e-6 < rates[-1] < 1


@pytest.mark.parametrize("ratio", [0.3, 1.5])
def test_no_other_scale_is_better(ratio: float) -> None:
    best = label_codes.one_hot_code(ratio)[0]

    def loss(s: float) -> float:
        return integrate.quad(lambda e: stats.norm.pdf(e) * np.logaddexp(0, -s * (ratio + e)), -10, 10)[0]

    tried = [loss(s) for s in np.geomspace(0.05, 20, 60)]
    assert best <= min(tried) + 1e-8
    assert min(tried) < best + 1e-3


def test_the_divergence_of_a_label_is_that_of_its_gaussians() -> None:
    m, s = 0.6, 0.4
    ratio = stats.norm(m, s), stats.norm(0, math.hypot(m, s))
    kl = integrate.quad(lambda w: ratio[0].pdf(w) * (ratio[0].logpdf(w) - ratio[1].logpdf(w)), -5, 5)[0]
    assert_allclose(label_codes.one_hot_code(1.5)[1], kl, rtol=1e-7)


def test_the_threshold_is_the_best_exchange_rate() -> None:
    assert_allclose(label_codes.beta_star([0.0, 4, 9], [20.0, 5, 2], 10), 1.2)
    assert_allclose(label_codes.beta_star([[0.0, 4], [1, 9]], [[20.0, 5], [20, 2]], 10), [1.2, 0.5])


def test_a_solution_without_information_does_not_count() -> None:
    assert label_codes.beta_star([9.0], [0.5], 10) == 0
    assert label_codes.beta_star([9.0], [0.5], 10, floor=0.1) == 2
    assert label_codes.beta_star([11.0], [5.0], 10) == 0  # worse than the uniform code


@FEW
@given(st.integers(2, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_no_code_for_random_labels_pays_beyond_one(classes: int, n: int, seed: int) -> None:
    """The average over all labelings of min C is at least N log K at beta = 1: any prior over any tables of p(y|x)."""
    g = np.random.default_rng(seed)
    tables = g.dirichlet(np.full(classes, 0.3), size=(7, n))
    prior = g.dirichlet(np.ones(7))
    labelings = np.stack(np.meshgrid(*[range(classes)] * n), axis=-1).reshape(-1, n)
    costs = [weights.gibbs(-np.log(tables[:, range(n), y] + 1e-300).sum(axis=1), prior, 1.0).cost[0] for y in labelings]
    assert np.mean(costs) >= n * math.log(classes) - 1e-9


def test_solutions_are_judged_at_each_others_beta() -> None:
    # The second is stuck: at its beta 0.5 the first would cost 1 + 0.5 * 4 = 3 instead of 6 + 0.5 * 0.
    assert_allclose(label_codes.cross_evaluate([1.0, 6], [4.0, 0], [0.1, 0.5]), [0, 3])
    assert_allclose(label_codes.cross_evaluate([[1.0, 6]] * 2, [[4.0, 0]] * 2, [0.1, 5]), [[0, 0]] * 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: label_codes.one_hot_code(0), "ratio is 0; it must be one number above zero"),
        (lambda: label_codes.beta_star([1.0, 2], [1.0], 3), r"losses have shape \(2,\) and kls \(1,\)"),
        (lambda: label_codes.beta_star([1.0], [math.nan], 3), "kls.* is nan"),
        (lambda: label_codes.beta_star([1.0], [1.0], 3, floor=0), "floor is 0"),
        (lambda: label_codes.cross_evaluate([1.0], [1.0], [1.0, 2]), "do not fit"),
        (lambda: label_codes.cross_evaluate([1.0, 1], [1.0], [1.0, 2]), "do not fit"),
        (lambda: label_codes.cross_evaluate([math.inf], [1.0], [1.0]), "losses.* is inf"),
    ],
)
def test_bad_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
