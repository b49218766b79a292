"""The curve of each form: against the law it stands for, its derivatives by differences, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from simulated_runs import COUPLED, FREE, NAMES, TRUTH, runs, values

from itdl.checks import BadInput
from itdl.scaling.forms import points
from itdl.scaling.power_laws import Law


@pytest.mark.parametrize(("form", "law"), [("additive", TRUTH), ("kaplan", COUPLED), ("free", FREE)])
def test_derivatives_against_differences(form: str, law: Law) -> None:
    problem = points(form, *runs(1, 20, law))
    theta = np.array([problem.start(law, law.coupling)]) + 0.02 * np.arange(6 if form == "free" else 5)
    _, slopes = problem.model(theta)
    for i, row in enumerate(slopes[0]):
        h = np.zeros_like(theta)
        h[0, i] = 1e-6
        assert_allclose(row, (problem.model(theta + h)[0] - problem.model(theta - h)[0])[0] / 2e-6, atol=1e-8)


@pytest.mark.parametrize(("form", "law"), [("additive", TRUTH), ("kaplan", COUPLED), ("free", FREE)])
def test_the_curve_of_a_form_is_the_loss_of_its_law(form: str, law: Law) -> None:
    n, d, loss = runs(2, 30, law)
    problem = points(form, n, d, loss)
    theta = np.array([problem.start(law, law.coupling)])
    assert_allclose(problem.model(theta)[0][0], np.log(law.loss(n, d)), rtol=1e-12)
    assert_allclose([problem.columns(theta)[name][0] for name in NAMES], values(law), rtol=1e-10)


@pytest.mark.parametrize("form", ["additive", "free"])
def test_a_constant_of_exactly_zero_is_held(form: str) -> None:
    problem = points(form, *runs(4, 20))
    theta = np.array([problem.start(TRUTH, 0.8), problem.start(TRUTH, 0.8)])
    theta[0, 2] = 0
    slopes = problem.model(theta)[1]
    assert not slopes[0, 2].any()
    assert slopes[1, 2].all()


def test_a_coupling_below_its_floor_is_the_floor() -> None:
    theta = np.array([[0.0, 0, 0, 0.3, -1.0, -20.0]])
    assert points("free", *runs(3, 20)).coupling(theta) == 1e-3
    assert points("kaplan", *runs(3, 20)).coupling(theta[:, :5]) == 1e-3
    assert points("additive", *runs(3, 20)).coupling(theta[:, :5]) == 1


GOOD = runs(0, 10)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: points("cubic", *GOOD), "form is 'cubic'; known are additive, kaplan, free"),
        (lambda: points("additive", GOOD[0], GOOD[1], -GOOD[2]), "loss reaches down to .*; its logarithm is fitted"),
        (lambda: points("additive", GOOD[0], GOOD[1], GOOD[2] * np.nan), r"loss\[0\] is nan"),
        (lambda: points("additive", GOOD[0] * 0, *GOOD[1:]), "n_params reaches down to 0"),
        (
            lambda: points("additive", GOOD[0], GOOD[1][:9], GOOD[2]),
            r"have shapes \(10,\), \(9,\), \(10,\); give three lists",
        ),
        (lambda: points("additive", *(x.reshape(2, 5) for x in GOOD)), "give three lists of one length"),
        (
            lambda: points("additive", *(x[:5] for x in GOOD)),
            "there are 5 points for the 5 parameters of form 'additive'",
        ),
        (lambda: points("free", *(x[:6] for x in GOOD)), "there are 6 points for the 6 parameters of form 'free'"),
        (lambda: points("additive", np.ones(10), *GOOD[1:]), "n_params is the same at every point"),
        (lambda: points("additive", GOOD[0], np.ones(10), GOOD[2]), "n_tokens is the same at every point"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=words):
        call()
