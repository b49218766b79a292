"""Fits of a law of the loss: truth recovered, other optimisers, derivatives, the bootstrap's errors, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, SEEDS
from numpy.testing import assert_allclose
from scipy import optimize
from simulated_runs import COUPLED, FREE, NAMES, TRUTH, runs, values

from itdl import scaling
from itdl.checks import Array, BadInput
from itdl.scaling import Law
from itdl.scaling.fits import resamples


@pytest.mark.parametrize(("form", "law"), [("additive", TRUTH), ("kaplan", COUPLED), ("free", FREE), ("free", COUPLED)])
def test_noise_free_runs_give_the_law_back(form: str, law: Law) -> None:
    found = scaling.fit(*runs(0, 60, law, noise=0), form)
    assert_allclose(values(found.law), values(law), rtol=1e-4)
    assert found.converged
    assert found.form == form
    assert np.abs(found.residuals).max() < 1e-7
    assert_allclose([found.e, found.a, found.b, found.alpha, found.beta], values(found.law)[:5])


@pytest.mark.parametrize("delta", [1e-3, 1e-1])
def test_scipy_finds_no_better_fit_of_the_published_objective(delta: float) -> None:
    """L-BFGS-B and BFGS from the truth, on the objective as printed: neither centred nor divided."""
    data = runs(3)
    found = scaling.fit(*data, delta=delta)
    ours = [*np.log([found.a, found.b, found.e]).tolist(), found.alpha, found.beta]
    value, gradient = scaling.objective(ours, *data, delta=delta)
    assert_allclose(value, delta * found.objective, rtol=1e-9)
    start = [*np.log([TRUTH.a, TRUTH.b, TRUTH.e]).tolist(), TRUTH.alpha, TRUTH.beta]
    for method in ("BFGS", "L-BFGS-B"):
        other = optimize.minimize(
            lambda t: [x / delta for x in scaling.objective(t, *data, delta=delta)], start, jac=True, method=method
        )
        assert value / delta <= other.fun * (1 + 1e-9)
    steps = np.eye(5) * 1e-7
    rises = [np.subtract(*(scaling.objective(ours + s * h, *data, delta=delta)[0] for s in (1, -1))) for h in steps]
    assert_allclose(gradient, np.array(rises) / 2e-7, atol=1e-6)


def test_the_published_objective_by_hand() -> None:
    law = Law(1.5, 8, 30, 0.5, 1.0)  # losses 8.5 and 3.8 at the two runs
    theta = [np.log(8), np.log(30), np.log(1.5), 0.5, 1.0]
    r = np.log([8.5, 3.8]) - np.log([8.5005, 3.0])
    expected = r[0] ** 2 / 2 + 1e-3 * (r[1] - 0.5e-3)
    data = [4, 16], [10, 100], [8.5005, 3.0]
    value, gradient = scaling.objective(theta, *data)
    assert_allclose(value, expected, rtol=1e-10)
    # Far from any optimum, where no factor of a derivative can hide behind a zero.
    steps = np.eye(5) * 1e-6
    rises = [np.subtract(*(scaling.objective(theta + s * h, *data)[0] for s in (1, -1))) for h in steps]
    assert_allclose(gradient, np.array(rises) / 2e-6, rtol=1e-5)
    assert law.loss(4, 10) == pytest.approx(8.5)


def test_every_default_start_ends_at_the_optimum_and_bad_starts_are_seen() -> None:
    data = runs(4)
    assert scaling.fit(*data).reached > 0.9
    strange = Law(e=1e-9, a=1e-3, b=1e30, alpha=0.01, beta=8.0)
    assert scaling.fit(*data, starts=[TRUTH, strange]).reached == 0.5


def test_the_truth_lies_in_the_intervals() -> None:
    found = [scaling.fit(*runs(seed)).bootstrap(np.random.default_rng(seed), 200) for seed in range(10, 25)]
    for name, truth in (("alpha", TRUTH.alpha), ("beta", TRUTH.beta), ("e", TRUTH.e), ("exponent_n", 0.5126)):
        inside = [low <= truth <= high for low, high in (boot.interval(name) for boot in found)]
        assert sum(inside) >= 11
        errors = [boot.standard_error(name) for boot in found]
        spread = np.std([getattr(boot, name).mean() for boot in found], ddof=1)
        assert 0.5 < np.mean(errors) / spread < 2


def test_resamples_count_draws_with_replacement() -> None:
    """Each replicate has n draws; how often a point comes up is binomial: mean 1, variance 1 - 1/n."""
    found = resamples(np.random.default_rng(3), 50, 4000)
    assert (found.sum(axis=1) == 50).all()
    assert abs(found.mean(axis=0) - 1).max() < 5 / np.sqrt(4000)
    assert_allclose(found.var(axis=0), 0.98, rtol=0.15)


def test_replicates_are_what_one_fit_at_a_time_gives() -> None:
    n, d, loss = runs(5, 60)
    fit = scaling.fit(n, d, loss)
    boot = fit.bootstrap(np.random.default_rng(1), 12)
    weights = resamples(np.random.default_rng(1), 60, 12).astype(int)
    for i, w in enumerate(weights):
        alone = scaling.fit(*(np.repeat(x, w) for x in (n, d, loss)), starts=[fit.law])
        assert_allclose([getattr(boot, name)[i] for name in NAMES], values(alone.law), rtol=1e-4)
    assert boot.unfinished == 0
    assert (boot.residual <= 1e-9).all()
    assert_allclose(boot.exponent_n, boot.beta / (boot.alpha + boot.beta))


def test_a_law_without_a_constant_is_found_without_one() -> None:
    """Noise can make the best E negative; it is then held at zero, and the rest is the best without it."""
    law = Law(e=0.0, a=3.75, b=12.4, alpha=0.22, beta=0.14)
    rng = np.random.default_rng(2)
    n, d = np.repeat([2.6e3, 6.7e3, 2e4, 6.4e4], 5), np.tile(2.0 ** np.arange(15, 20), 4)
    loss = law.loss(n, d) * np.exp(0.02 * rng.standard_normal(20))
    found = scaling.fit(n, d, loss, delta=1.0)
    boot = found.bootstrap(rng, 100)
    assert boot.unfinished == 0
    assert boot.e.min() == 0 < boot.e.max()
    held = [w for w, e in zip(range(100), boot.e, strict=True) if e == 0]
    assert len(held) > 10

    def power(t: Array) -> float:
        return float(np.sum((np.logaddexp(t[0] - t[1] * np.log(n), t[2] - t[3] * np.log(d)) - np.log(loss)) ** 2))

    without = optimize.minimize(power, [1.3, 0.2, 2.5, 0.14], method="Nelder-Mead", options={"maxiter": 5000}).fun
    assert found.objective * 2 <= without * (1 + 1e-6)
    if found.e == 0:
        assert_allclose(found.objective * 2, without, rtol=1e-4)


def test_intervals_are_quantiles_of_what_converged() -> None:
    boot = scaling.Bootstrap(
        *(np.arange(5.0) + i for i in range(6)), np.array([True, True, True, False, True]), *np.zeros((2, 5))
    )
    assert boot.unfinished == 1
    assert boot.interval("a", 0.5) == tuple(np.quantile([1, 2, 3, 5], [0.25, 0.75]))
    assert boot.standard_error("e") == pytest.approx(np.std([0, 1, 2, 4], ddof=1))


def test_the_right_form_is_the_likelier_one() -> None:
    for form, law in (("additive", TRUTH), ("kaplan", COUPLED)):
        data = runs(6, 240, law, noise=0.002)
        score = {f: scaling.fit(*data, f).log_likelihood for f in ("additive", "kaplan", "free")}
        wrong = {"additive": "kaplan", "kaplan": "additive"}[form]
        assert score[form] > score[wrong] + 2
        # The free form contains both; delta is not zero, so to a part of a unit.
        assert score["free"] > score[form] - 0.2


def test_the_likelihood_by_hand() -> None:
    found = scaling.fit(*runs(7, 50))
    scale = np.abs(found.residuals).mean()
    density = np.exp(-np.abs(found.residuals) / scale) / (2 * scale)
    assert_allclose(found.log_likelihood, np.log(density).sum(), rtol=1e-10)
    n, d, loss = runs(7, 50)
    assert_allclose(found.residuals, np.log(found.law.loss(n, d)) - np.log(loss), atol=1e-9)


@FEW
@given(SEEDS, st.floats(0.1, 10), st.floats(1e-3, 1e3))
def test_units_do_not_matter(seed: int, bits: float, tokens: float) -> None:
    """L in other units scales E, A and B; D counted in other units scales B alone."""
    n, d, loss = runs(seed, 40)
    one, two = scaling.fit(n, d, loss), scaling.fit(n, d * tokens, loss * bits)
    assert_allclose([two.alpha, two.beta], [one.alpha, one.beta], rtol=1e-3)
    assert_allclose([two.e, two.a], [bits * one.e, bits * one.a], rtol=2e-2)
    assert_allclose(two.b, bits * one.b * tokens**one.beta, rtol=3e-2)


GOOD = runs(0, 10)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: scaling.fit(GOOD[0], GOOD[1], GOOD[0]), "no law with A, B and E above zero is near the losses"),
        (lambda: scaling.fit(*GOOD, delta=-1), "delta is -1"),
        (lambda: scaling.fit(*GOOD).bootstrap(np.random.default_rng(0), 1), "replicates is 1; an interval needs"),
        (
            lambda: scaling.fit(*GOOD).bootstrap(np.random.default_rng(0), 5).interval("e", 1.0),
            "level is 1.0; it must lie between 0 and 1",
        ),
        (lambda: scaling.objective([1, 1, 1, 1, np.nan], *GOOD), r"theta\[4\] is nan"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=words):
        call()
